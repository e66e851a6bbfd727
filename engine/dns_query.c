/* dns_query.c - questions to resolvers over c-ares.
 * In: names.  Out: one done() a question.  Owns: a channel, its sockets' places in an epoll, an eventfd.
 * Why so: the socket-state callback tells which sockets there are, so that nothing is ever walked or limited to 1024
 * descriptors (ares_fds()); the library's own cache is off, because ours knows of stale answers and of who is in use, and
 * its event thread is not used, because it can stall (1.34.5).  Works with 1.18.1 as with 1.34.
 * Two channels: 1.18 goes on to the next resolver after SERVFAIL and in the end says "connection refused", whatever the
 * resolvers said.  So the first channel takes any answer as it is, and only where it is SERVFAIL or REFUSED and there is
 * another resolver, the second one, which goes on, is asked too. */
#define CARES_NO_DEPRECATED /* ares_query() gives the whole message in every version */
#include "engine/dns_query.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wait.h"

#include <ares.h>
#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TRY_MS = 800,	       /* 0.8, 1.6 and 3.2 s where there is one resolver */
	TRIES = 3,
	EDNS_BYTES = 1232,     /* fits any path (DNS flag day 2020); what does not fit comes by TCP */
	EVENTS = 64,
	TIMEOUT_LOOK_MS = 50,  /* how often timeouts are looked for while questions are under way */
	UDP_QUESTIONS = 1000,  /* then another source port */
};
#define RELOAD_EVERY_NS (5 * NS_PER_S)
#define IN 1

struct dns_query {
	ares_channel channel, second;
	unsigned servers_count;
	bool own_servers;
	int epoll, wake;
	unsigned open;
	bool closing;
	uint64_t next_timeout_ns, next_reload_ns;
	struct timespec read_at; /* mtime of resolv.conf as it was read */
	dns_query_done *done;
	void *arg;
	char servers[DNS_SERVERS_TEXT_MAX];
	char who[DNS_SERVERS_TEXT_MAX + 16];
};

struct question {
	struct dns_query *query;
	void *tag;
	enum dns_type type;
	uint8_t first; /* of a second attempt: what the first channel got (enum dns_outcome), else NONE */
	char name[HOST_MAX_LEN + 1];
};

static void socket_changed(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_query *q = arg;
	struct epoll_event event = { .events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0), .data.fd = fd };
	if (!event.events)
		epoll_ctl(q->epoll, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(q->epoll, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT)
		epoll_ctl(q->epoll, EPOLL_CTL_ADD, fd, &event);
}

static struct timespec system_read_at(void)
{
	struct stat st;
	return stat("/etc/resolv.conf", &st) < 0 ? (struct timespec){ 0 } : st.st_mtim;
}

/* Who is asked, as text. */
static void note_servers(struct dns_query *q)
{
	struct ares_addr_port_node *list = NULL;
	unsigned count = 0;
	size_t used = 0;
	q->who[0] = 0;
	if (ares_get_servers_ports(q->channel, &list) != ARES_SUCCESS)
		return;
	char text[DNS_SERVERS_TEXT_MAX] = "";
	for (const struct ares_addr_port_node *n = list; n && used + 80 < sizeof(text); n = n->next, count++) {
		char address[INET6_ADDRSTRLEN];
		int port = n->udp_port && n->udp_port != 53 ? n->udp_port : 0;
		inet_ntop(n->family, &n->addr, address, sizeof(address));
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", count ? ", " : "");
		if (port)
			used += (size_t)snprintf(text + used, sizeof(text) - used, n->family == AF_INET6 ? "[%s]:%d" : "%s:%d", address, port);
		else
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", address);
	}
	ares_free_data(list);
	q->servers_count = count;
	snprintf(q->who, sizeof(q->who), "%s%s", count > 1 ? "one of " : "", count ? text : "no resolver");
}

static int channel_open(struct dns_query *q, ares_channel *channel, int more_flags)
{
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS | more_flags,
		.timeout = TRY_MS,
		.tries = TRIES,
		.ednspsz = EDNS_BYTES,
		.lookups = (char[]){ "b" },
		.sock_state_cb = socket_changed,
		.sock_state_cb_data = q,
		.socket_receive_buffer_size = 1 << 20,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_SOCK_RCVBUF;
#ifdef ARES_OPT_UDP_MAX_QUERIES
	options.udp_max_queries = UDP_QUESTIONS;
	mask |= ARES_OPT_UDP_MAX_QUERIES;
#endif
#ifdef ARES_OPT_QUERY_CACHE
	options.qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	int status = ares_init_options(channel, &options, mask);
	if (status == ARES_SUCCESS && q->own_servers && (status = ares_set_servers_ports_csv(*channel, q->servers)) != ARES_SUCCESS)
		ares_destroy(*channel);
	return status;
}

static int channels_open(struct dns_query *q, ares_channel *channel, ares_channel *second)
{
	int status = channel_open(q, channel, ARES_FLAG_NOCHECKRESP);
	if (status == ARES_SUCCESS && (status = channel_open(q, second, 0)) != ARES_SUCCESS)
		ares_destroy(*channel);
	return status;
}

struct dns_query *dns_query_open(const char *servers, dns_query_done *done, void *arg, char *why, size_t why_len)
{
	struct dns_query *q = calloc(1, sizeof(*q));
	if (!q) {
		snprintf(why, why_len, "no memory for the resolver");
		return NULL;
	}
	*q = (struct dns_query){ .own_servers = servers != NULL, .done = done, .arg = arg };
	snprintf(q->servers, sizeof(q->servers), "%s", servers ? servers : "");
	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = q->wake };
	int status = ares_library_init(ARES_LIB_INIT_ALL);
	if (q->epoll < 0 || q->wake < 0 || epoll_ctl(q->epoll, EPOLL_CTL_ADD, q->wake, &event) < 0)
		snprintf(why, why_len, "no descriptor for the resolver: %s", strerror(errno));
	else if (status != ARES_SUCCESS || (status = channels_open(q, &q->channel, &q->second)) != ARES_SUCCESS)
		snprintf(why, why_len, "the resolver cannot start: %s", ares_strerror(status));
	else {
		q->read_at = system_read_at();
		note_servers(q);
		return q;
	}
	q->channel = NULL;
	dns_query_close(q);
	return NULL;
}

void dns_query_close(struct dns_query *q)
{
	q->closing = true;
	if (q->channel) {
		ares_destroy(q->channel);
		ares_destroy(q->second);
	}
	ares_library_cleanup();
	if (q->epoll >= 0)
		close(q->epoll);
	if (q->wake >= 0)
		close(q->wake);
	free(q);
}

static enum dns_outcome outcome_of_status(int status)
{
	switch (status) {
	case ARES_ETIMEOUT: return DNS_SILENT;
	case ARES_ECONNREFUSED: return DNS_UNREACHED;
	case ARES_ESERVFAIL: return DNS_SERVFAIL;
	case ARES_EREFUSED: return DNS_REFUSED;
	case ARES_ENOTFOUND: return DNS_NO_NAME;
	default: return DNS_GARBLED;
	}
}

static void answered(void *arg, int status, int timeouts, unsigned char *message, int len);

/* RFC 1035's number of the type. */
static void send_question(struct dns_query *q, ares_channel channel, struct question *question)
{
	q->open++;
	ares_query(channel, question->name, IN, question->type == DNS_A ? 1 : 28, answered, question);
}

static void answered(void *arg, int status, int timeouts, unsigned char *message, int len)
{
	struct question *question = arg;
	struct dns_query *q = question->query;
	struct dns_answer answer = { .ttl_s = UINT32_MAX };
	(void)timeouts;
	q->open--;
	if (q->closing) {
		free(question);
		return;
	}
	if (status == ARES_EDESTRUCTION) { /* the channel made room for one with the system's new resolvers */
		send_question(q, q->channel, question);
		return;
	}
	if (message && len > 0)
		dns_answer_read(message, (size_t)len, question->type, &answer);
	else
		answer.outcome = (uint8_t)outcome_of_status(status);
	bool refused = answer.outcome == DNS_SERVFAIL || answer.outcome == DNS_REFUSED;
	if (refused && !question->first && q->servers_count > 1) {
		question->first = answer.outcome;
		send_question(q, q->second, question);
		return;
	}
	if (question->first && !dns_outcome_knows(answer.outcome))
		answer.outcome = question->first;
	q->done(q->arg, question->tag, question->type, &answer);
	free(question);
}

void dns_query_ask(struct dns_query *q, const char *name, enum dns_type type, void *tag)
{
	struct question *question = malloc(sizeof(*question));
	must_say(question, "no memory for a question");
	question->query = q;
	question->tag = tag;
	question->type = type;
	question->first = DNS_NONE;
	snprintf(question->name, sizeof(question->name), "%s", name);
	send_question(q, q->channel, question);
}

unsigned dns_query_open_count(const struct dns_query *q)
{
	return q->open;
}

/* The system's resolvers may change under a process that lives for months (DHCP, a laptop's VPN). */
static void reload(struct dns_query *q)
{
	struct timespec at = system_read_at();
	if (at.tv_sec == q->read_at.tv_sec && at.tv_nsec == q->read_at.tv_nsec)
		return;
	ares_channel old = q->channel, old_second = q->second, fresh, fresh_second;
	q->read_at = at;
	if (channels_open(q, &fresh, &fresh_second) != ARES_SUCCESS)
		return;
	q->channel = fresh;
	q->second = fresh_second;
	note_servers(q);
	log_info("the system's resolvers were read again", LOG_S("resolvers", q->who));
	ares_destroy(old);
	ares_destroy(old_second);
}

/* A channel does nothing about a socket that is the other's. */
static void process(struct dns_query *q, ares_socket_t readable, ares_socket_t writable)
{
	ares_process_fd(q->channel, readable, writable);
	if (q->servers_count > 1)
		ares_process_fd(q->second, readable, writable);
}

void dns_query_turn(struct dns_query *q, unsigned wait_ms)
{
	struct epoll_event event[EVENTS];
	if (q->open && wait_ms > TIMEOUT_LOOK_MS)
		wait_ms = TIMEOUT_LOOK_MS;
	int n = epoll_wait(q->epoll, event, EVENTS, (int)wait_ms);
	for (int i = 0; i < n; i++) {
		int fd = event[i].data.fd;
		uint64_t heap;
		if (fd == q->wake) {
			must(read(q->wake, &heap, sizeof(heap)) == sizeof(heap) || errno == EAGAIN);
			continue;
		}
		process(q, event[i].events & ~(unsigned)EPOLLOUT ? fd : ARES_SOCKET_BAD,
			event[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	}
	if (q->open && is_due(&q->next_timeout_ns, TIMEOUT_LOOK_MS * NS_PER_MS))
		process(q, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (!q->own_servers && is_due(&q->next_reload_ns, RELOAD_EVERY_NS))
		reload(q);
}

void dns_query_wake(struct dns_query *q)
{
	uint64_t one = 1;
	must(write(q->wake, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
}

const char *dns_query_who(const struct dns_query *q)
{
	return q->who;
}
