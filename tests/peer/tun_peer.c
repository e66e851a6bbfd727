/* tun_peer.c - a TCP peer that answers as scripted, for tests and benchmarks.
 * In: packets that the kernel routes to a TUN device.  Out: SYN-ACK, RST, ICMP errors ... by destination port;
 * one line `ready`, and the counters as one line of JSON at SIGUSR1 and at the end.
 * Owns: the device.  It runs in whatever network namespace it was started in.
 * Why so: a real listener cannot drop a first SYN or answer with ICMP 3/13, and sequence numbers derived from
 * the addresses and ports let it hold no state for a connection, so it can be a benchmark's target too. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* ppoll */
#endif
#include "delays.h"
#include "packet.h"
#include "rules.h"
#include "tun_device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_USAGE = 3,
	EXIT_SYSTEM = 4,
	BURST = 256,             /* packets read before the delays are looked at again */
	ATTEMPT_SETS = 1 << 16,  /* how many connection attempts `drop=` can tell apart, times ATTEMPT_WAYS */
	ATTEMPT_WAYS = 4,
};

static const char banner[] = "220 portwatch scripted peer\r\n";

/* One connection attempt: retransmitted SYNs repeat the sequence number, a new attempt does not. */
struct attempt {
	uint64_t hash; /* connection and first sequence number; 0: unused */
	uint32_t syns;
};

struct peer {
	int tun, signals;
	uint64_t now_ns, end_ns; /* end_ns 0: runs until a signal */
	uint8_t router4[4], router6[16];
	uint64_t write_failed;
	struct rules rules;
	struct delays delays;
	struct attempt attempts[ATTEMPT_SETS][ATTEMPT_WAYS];
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void send_now(struct peer *peer, struct rule *rule, const struct packet *packet)
{
	if (write(peer->tun, packet->bytes, packet->length) == (ssize_t)packet->length)
		rule->counts.sent++;
	else
		peer->write_failed++;
}

static void send_after(struct peer *peer, struct rule *rule, const struct packet *packet)
{
	if (rule->after_ns)
		delays_put(&peer->delays, peer->now_ns + rule->after_ns, packet, rule);
	else
		send_now(peer, rule, packet);
}

/* True while `drop=` still wants this SYN ignored.  A full set forgets its first entry. */
static bool drops(struct peer *peer, const struct rule *rule, const struct segment *syn)
{
	uint64_t hash = segment_hash(syn) ^ ((uint64_t)syn->seq * 0x9e3779b97f4a7c15ULL);
	struct attempt *set = peer->attempts[hash % ATTEMPT_SETS], *a;

	hash |= 1;
	for (a = set; a < set + ATTEMPT_WAYS && a->hash && a->hash != hash; a++)
		;
	if (a == set + ATTEMPT_WAYS) {
		memmove(set, set + 1, (ATTEMPT_WAYS - 1) * sizeof *set);
		a = set + ATTEMPT_WAYS - 1;
	}
	if (a->hash != hash)
		*a = (struct attempt){ .hash = hash };
	return a->syns++ < rule->drop;
}

static void answer_icmp(struct peer *peer, struct rule *rule, const struct segment *syn)
{
	bool v6 = syn->address_length == 16;
	const struct icmp_answer *icmp = v6 ? &rule->icmp6 : &rule->icmp4;
	const uint8_t *from = v6 ? peer->router6 : peer->router4;
	struct packet packet;

	if (!icmp->set)
		return;
	if (rule->from_target)
		from = syn->target;
	else if (v6 ? rule->from6_set : rule->from4_set)
		from = v6 ? rule->from6 : rule->from4;
	packet_icmp(&packet, syn, from, icmp->type, icmp->code);
	send_after(peer, rule, &packet);
}

static void answer_syn(struct peer *peer, struct rule *rule, const struct segment *syn, uint32_t first,
		       uint32_t now_ms)
{
	uint32_t next = syn->seq + 1 + syn->payload;
	struct packet packet, burst;

	rule->counts.syn++;
	if (rule->drop && drops(peer, rule, syn))
		return;
	switch (rule->answer) {
	case ANSWER_SILENT:
		break;
	case ANSWER_ICMP:
		answer_icmp(peer, rule, syn);
		break;
	case ANSWER_RST:
		packet_tcp(&packet, syn, TCP_RST | TCP_ACK, 0, next, NULL, now_ms);
		send_after(peer, rule, &packet);
		break;
	case ANSWER_BADRST:
		packet_tcp(&packet, syn, TCP_RST, first, 0, NULL, now_ms);
		send_after(peer, rule, &packet);
		break;
	case ANSWER_OPEN:
		packet_tcp(&packet, syn, TCP_SYN | TCP_ACK, first, next, NULL, now_ms);
		send_after(peer, rule, &packet);
		break;
	case ANSWER_SYNACK_RST:
		packet_tcp(&packet, syn, TCP_SYN | TCP_ACK, first, next, NULL, now_ms);
		packet_tcp(&burst, syn, TCP_RST | TCP_ACK, first + 1, next, NULL, now_ms);
		send_now(peer, rule, &packet);
		send_after(peer, rule, &burst);
		break;
	case ANSWER_RESET:
	case ANSWER_BANNER:
	case ANSWER_FIN:
		packet_tcp(&packet, syn, TCP_SYN | TCP_ACK, first, next, NULL, now_ms);
		send_now(peer, rule, &packet);
		break;
	}
}

/* The third segment of the handshake, recognised by its acknowledgement number alone. */
static void answer_handshake(struct peer *peer, struct rule *rule, const struct segment *ack, uint32_t now_ms)
{
	struct packet packet;

	rule->counts.ack++;
	switch (rule->answer) {
	case ANSWER_RESET:
		packet_tcp(&packet, ack, TCP_RST | TCP_ACK, ack->ack, ack->seq, NULL, now_ms);
		break;
	case ANSWER_BANNER:
		packet_tcp(&packet, ack, TCP_PSH | TCP_ACK, ack->ack, ack->seq, banner, now_ms);
		break;
	case ANSWER_FIN:
		packet_tcp(&packet, ack, TCP_FIN | TCP_ACK, ack->ack, ack->seq, NULL, now_ms);
		break;
	default:
		return;
	}
	send_after(peer, rule, &packet);
}

static bool converses(const struct rule *rule)
{
	return rule->answer == ANSWER_OPEN || rule->answer == ANSWER_BANNER || rule->answer == ANSWER_FIN;
}

/* Data and FIN of an open connection.  `end` is the peer's own sequence number after all it has to say. */
static void answer_stream(struct peer *peer, struct rule *rule, const struct segment *s, uint32_t end,
			  uint32_t now_ms)
{
	bool fin = s->flags & TCP_FIN, our_fin_acked = s->ack == end + 1;
	uint32_t ack = s->seq + s->payload + (fin ? 1 : 0);
	struct packet packet;

	if (fin && !our_fin_acked)
		packet_tcp(&packet, s, TCP_FIN | TCP_ACK, end, ack, NULL, now_ms);
	else
		packet_tcp(&packet, s, TCP_ACK, s->ack, ack, NULL, now_ms);
	send_now(peer, rule, &packet);
}

static void packet_arrived(struct peer *peer, const uint8_t *bytes, size_t length)
{
	uint32_t first, now_ms = (uint32_t)(peer->now_ns / 1000000);
	struct segment s;
	struct rule *rule;

	if (!segment_parse(bytes, length, &s))
		return;
	rule = &peer->rules.rule[peer->rules.by_port[s.target_port]];
	first = (uint32_t)segment_hash(&s);
	if (s.flags & TCP_RST) {
		rule->counts.rst++;
	} else if (s.flags & TCP_SYN) {
		answer_syn(peer, rule, &s, first, now_ms);
	} else {
		uint32_t end = first + 1 + (rule->answer == ANSWER_BANNER ? sizeof banner - 1 : 0);

		if (s.flags & TCP_FIN)
			rule->counts.fin++;
		if (s.payload == 0 && !(s.flags & TCP_FIN) && s.ack == first + 1)
			answer_handshake(peer, rule, &s, now_ms);
		else if ((s.payload || s.flags & TCP_FIN) && converses(rule))
			answer_stream(peer, rule, &s, end, now_ms);
	}
}

/* Returns 0 when the device has nothing more, 1 when the burst was used up, or a negative errno. */
static int read_burst(struct peer *peer)
{
	uint8_t bytes[2048];

	for (int i = 0; i < BURST; i++) {
		ssize_t got = read(peer->tun, bytes, sizeof bytes);

		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		packet_arrived(peer, bytes, (size_t)got);
	}
	return 1;
}

static void send_due(struct peer *peer)
{
	const struct delayed *first;

	while ((first = delays_first(&peer->delays)) && first->due_ns <= peer->now_ns) {
		send_now(peer, first->owner, &first->packet);
		delays_drop_first(&peer->delays);
	}
}

/* Waits for a packet, a signal, the next delayed packet or the end. */
static void wait_for_work(struct peer *peer)
{
	struct pollfd fds[2] = { { .fd = peer->tun, .events = POLLIN }, { .fd = peer->signals, .events = POLLIN } };
	const struct delayed *first = delays_first(&peer->delays);
	uint64_t until = first ? first->due_ns : UINT64_MAX, left;
	struct timespec timeout;

	if (peer->end_ns && peer->end_ns < until)
		until = peer->end_ns;
	left = until > peer->now_ns ? until - peer->now_ns : 0;
	timeout = (struct timespec){ .tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000) };
	ppoll(fds, 2, until == UINT64_MAX ? NULL : &timeout, NULL);
}

/* Returns false when it is time to go. */
static bool take_signals(struct peer *peer)
{
	struct signalfd_siginfo info;

	while (read(peer->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo != SIGUSR1)
			return false;
		rules_report(&peer->rules, peer->delays.lost, stdout);
	}
	return true;
}

static int run(struct peer *peer)
{
	int more;

	for (;;) {
		peer->now_ns = clock_ns();
		more = read_burst(peer);
		if (more < 0)
			return more;
		peer->now_ns = clock_ns();
		send_due(peer);
		if (!take_signals(peer) || (peer->end_ns && peer->now_ns >= peer->end_ns))
			return 0;
		if (!more)
			wait_for_work(peer);
	}
}

/* The offender of ICMP errors that name none: the host part is 255.254 or ::fffe as far as the prefix allows. */
static void choose_router(const struct tun_address *local, uint8_t *router)
{
	size_t length = local->family == AF_INET ? 4 : local->family == AF_INET6 ? 16 : 0;

	for (size_t i = 0; i < length; i++) {
		unsigned network = local->prefix >= 8 * (i + 1) ? 8 : local->prefix > 8 * i ? local->prefix - 8 * i : 0;
		uint8_t mask = (uint8_t)(0xff00u >> network), tail = i == length - 1 ? 0xfe : i == length - 2 ? 0xff : 0;

		router[i] = (uint8_t)((local->bytes[i] & mask) | (tail & (uint8_t)~mask));
	}
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int usage(const char *wrong, const char *where)
{
	fprintf(stderr, "tun-peer: %s: %s\n", where, wrong);
	return EXIT_USAGE;
}

static void help(void)
{
	printf("usage: tun-peer [--tun NAME] [--local4 ADDR/LEN] [--local6 ADDR/LEN] [--for SECONDS] RULE...\n"
	       "\n"
	       "Creates TUN device NAME (default pw0) in this network namespace, takes the addresses (default\n"
	       "198.18.0.1/15 and fd00:18::1/64; `none` for no such address), prints `ready`, and answers TCP\n"
	       "for every other address of the prefixes.  SIGUSR1 prints the counters as one line of JSON;\n"
	       "SIGTERM, or the end of SECONDS, prints them and ends.  Exit: 0, 3 usage, 4 the system refused.\n"
	       "\n%s", rules_help);
}

int main(int argc, char **argv)
{
	static struct peer peer;
	const char *name = "pw0", *local4 = "198.18.0.1/15", *local6 = "fd00:18::1/64", *step;
	struct tun_address addresses[2] = { 0 };
	int error;

	rules_init(&peer.rules);
	delays_init(&peer.delays);
	for (int i = 1; i < argc; i++) {
		char *option = argv[i], *value = argv[i + 1], *end;

		if (strcmp(option, "--help") == 0)
			return help(), 0;
		if (strncmp(option, "--", 2) != 0) {
			const char *wrong = rules_add(&peer.rules, option);

			if (wrong) {
				fprintf(stderr, "tun-peer: rule `%s`: %s\n", option, wrong);
				return EXIT_USAGE;
			}
			continue;
		}
		if (!value)
			return usage("this option wants a value (see --help)", option);
		i++;
		if (strcmp(option, "--tun") == 0) {
			name = value;
		} else if (strcmp(option, "--local4") == 0) {
			local4 = value;
		} else if (strcmp(option, "--local6") == 0) {
			local6 = value;
		} else if (strcmp(option, "--for") == 0) {
			unsigned long seconds = strtoul(value, &end, 10);

			if (*end || seconds == 0 || seconds > 86400)
				return usage("--for wants seconds, 1 to 86400", value);
			peer.end_ns = clock_ns() + seconds * 1000000000ULL;
		} else {
			return usage("there is no such option (see --help)", option);
		}
	}
	if (strlen(name) == 0 || strlen(name) > 15)
		return usage("a device name has 1 to 15 characters", "--tun");
	if (strcmp(local4, "none") != 0 && tun_address_read(AF_INET, local4, &addresses[0]))
		return usage("--local4 wants an IPv4 address and prefix length like 198.18.0.1/15", local4);
	if (strcmp(local6, "none") != 0 && tun_address_read(AF_INET6, local6, &addresses[1]))
		return usage("--local6 wants an IPv6 address and prefix length like fd00:18::1/64", local6);
	choose_router(&addresses[0], peer.router4);
	choose_router(&addresses[1], peer.router6);

	prctl(PR_SET_TIMERSLACK, 1); /* delays are told in tens of microseconds, the default slack is 50 */
	peer.signals = open_signals();
	peer.tun = tun_device_open(name, addresses, 2, &step);
	if (peer.tun < 0 || peer.signals < 0) {
		fprintf(stderr, "tun-peer: device %s: cannot %s: %s\n", name, peer.tun < 0 ? step : "catch signals",
			strerror(peer.tun < 0 ? -peer.tun : errno));
		return EXIT_SYSTEM;
	}
	puts("ready");
	fflush(stdout);
	error = run(&peer);
	rules_report(&peer.rules, peer.delays.lost + peer.write_failed, stdout);
	if (error) {
		fprintf(stderr, "tun-peer: device %s: reading: %s\n", name, strerror(-error));
		return EXIT_SYSTEM;
	}
	return 0;
}
