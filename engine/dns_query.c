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

/* Resolvers that are asked for the same. */
struct upstream {
	struct dns_query *query;
	uint32_t number;
	ares_channel channel, second;
	unsigned servers_count, open;
	bool own_servers;
	char servers[DNS_SERVERS_TEXT_MAX];
	char who[DNS_SERVERS_TEXT_MAX + 16];
};

struct dns_query {
	struct upstream *up[DNS_UPSTREAMS_MAX + 1]; /* the first: the usual ones */
	unsigned ups;
	int epoll, wake;
	unsigned open;
	bool closing;
	uint64_t next_timeout_ns, next_reload_ns;
	struct timespec read_at; /* mtime of resolv.conf as it was read */
	dns_query_done *done;
	dns_records_done *records_done;
	struct dns_records *records; /* room for the answer that is read; made when first needed */
	void *arg;
};

struct question {
	struct upstream *up;
	void *tag;
	bool records;	/* record is asked for, else type */
	enum dns_type type;
	enum job_record record;
	uint8_t first; /* of a second attempt: what the first channel got (enum dns_outcome), else NONE */
	char name[HOST_MAX_LEN + 1];
};

#define WAKE_NUMBER UINT32_MAX

static uint64_t event_data(uint32_t number, int fd)
{
	return (uint64_t)number << 32 | (uint32_t)fd;
}

static void socket_changed(void *arg, ares_socket_t fd, int readable, int writable)
{
	const struct upstream *up = arg;
	const struct dns_query *q = up->query;
	struct epoll_event event = { .events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0),
				     .data.u64 = event_data(up->number, fd) };
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
static void note_servers(struct upstream *up)
{
	struct ares_addr_port_node *list = NULL;
	unsigned count = 0;
	size_t used = 0;
	up->who[0] = 0;
	if (ares_get_servers_ports(up->channel, &list) != ARES_SUCCESS)
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
	up->servers_count = count;
	snprintf(up->who, sizeof(up->who), "%s%s", count > 1 ? "one of " : "", count ? text : "no resolver");
}

static int channel_open(struct upstream *up, ares_channel *channel, int more_flags)
{
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS | more_flags,
		.timeout = TRY_MS,
		.tries = TRIES,
		.ednspsz = EDNS_BYTES,
		.lookups = (char[]){ "b" },
		.sock_state_cb = socket_changed,
		.sock_state_cb_data = up,
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
	if (status == ARES_SUCCESS && up->own_servers && (status = ares_set_servers_ports_csv(*channel, up->servers)) != ARES_SUCCESS)
		ares_destroy(*channel);
	return status;
}

static int channels_open(struct upstream *up, ares_channel *channel, ares_channel *second)
{
	int status = channel_open(up, channel, ARES_FLAG_NOCHECKRESP);
	if (status == ARES_SUCCESS && (status = channel_open(up, second, 0)) != ARES_SUCCESS)
		ares_destroy(*channel);
	return status;
}

/* Adds one; servers: NULL: the system's. */
static int upstream_add(struct dns_query *q, const char *servers)
{
	struct upstream *up = calloc(1, sizeof(*up));
	if (!up)
		return ARES_ENOMEM;
	up->query = q;
	up->number = q->ups;
	up->own_servers = servers != NULL;
	snprintf(up->servers, sizeof(up->servers), "%s", servers ? servers : "");
	int status = channels_open(up, &up->channel, &up->second);
	if (status != ARES_SUCCESS) {
		free(up);
		return status;
	}
	note_servers(up);
	q->up[q->ups++] = up;
	return ARES_SUCCESS;
}

struct dns_query *dns_query_open(const char *servers, dns_query_done *done, void *arg, char *why, size_t why_len)
{
	struct dns_query *q = calloc(1, sizeof(*q));
	if (!q) {
		snprintf(why, why_len, "no memory for the resolver");
		return NULL;
	}
	*q = (struct dns_query){ .done = done, .arg = arg };
	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = event_data(WAKE_NUMBER, q->wake) };
	int status = ares_library_init(ARES_LIB_INIT_ALL);
	if (q->epoll < 0 || q->wake < 0 || epoll_ctl(q->epoll, EPOLL_CTL_ADD, q->wake, &event) < 0)
		snprintf(why, why_len, "no descriptor for the resolver: %s", strerror(errno));
	else if (status != ARES_SUCCESS || (status = upstream_add(q, servers)) != ARES_SUCCESS)
		snprintf(why, why_len, "the resolver cannot start: %s", ares_strerror(status));
	else {
		q->read_at = system_read_at();
		return q;
	}
	dns_query_close(q);
	return NULL;
}

void dns_query_close(struct dns_query *q)
{
	q->closing = true;
	for (unsigned i = 0; i < q->ups; i++) {
		ares_destroy(q->up[i]->channel);
		ares_destroy(q->up[i]->second);
		free(q->up[i]);
	}
	ares_library_cleanup();
	if (q->epoll >= 0)
		close(q->epoll);
	if (q->wake >= 0)
		close(q->wake);
	free(q->records);
	free(q);
}

void dns_query_on_records(struct dns_query *q, dns_records_done *done)
{
	q->records_done = done;
}

int dns_query_upstream(struct dns_query *q, const char *server)
{
	for (unsigned i = 1; i < q->ups; i++)
		if (strcmp(q->up[i]->servers, server) == 0)
			return (int)i;
	if (q->ups > DNS_UPSTREAMS_MAX || upstream_add(q, server) != ARES_SUCCESS)
		return -1;
	return (int)q->ups - 1;
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

/* RFC 1035's number of what is asked for. */
static int number_of(const struct question *question)
{
	static const int numbers[JOB_RECORDS] = { [RECORD_A] = 1,  [RECORD_AAAA] = 28, [RECORD_CNAME] = 5,
						  [RECORD_MX] = 15, [RECORD_NS] = 2,	  [RECORD_TXT] = 16 };
	if (question->records)
		return numbers[question->record];
	return question->type == DNS_A ? 1 : 28;
}

static void send_question(ares_channel channel, struct question *question)
{
	question->up->query->open++;
	question->up->open++;
	ares_query(channel, question->name, IN, number_of(question), answered, question);
}

/* Whether the question goes on to the second channel. */
static bool goes_on(struct question *question, uint8_t outcome)
{
	struct upstream *up = question->up;
	if ((outcome != DNS_SERVFAIL && outcome != DNS_REFUSED) || question->first || up->servers_count < 2)
		return false;
	question->first = outcome;
	send_question(up->second, question);
	return true;
}

static uint8_t final_outcome(const struct question *question, uint8_t outcome)
{
	return question->first && !dns_outcome_knows(outcome) ? question->first : outcome;
}

static void answered_records(struct question *question, int status, const unsigned char *message, int len)
{
	struct dns_query *q = question->up->query;
	struct dns_records *answer = q->records;
	*answer = (struct dns_records){ .outcome = (uint8_t)outcome_of_status(status) };
	if (message && len > 0)
		dns_records_read(message, (size_t)len, question->record, answer);
	if (goes_on(question, answer->outcome))
		return;
	answer->outcome = final_outcome(question, answer->outcome);
	q->records_done(q->arg, question->tag, answer);
	free(question);
}

static void answered_addresses(struct question *question, int status, const unsigned char *message, int len)
{
	struct dns_query *q = question->up->query;
	struct dns_answer answer = { .ttl_s = UINT32_MAX, .outcome = (uint8_t)outcome_of_status(status) };
	if (message && len > 0)
		dns_answer_read(message, (size_t)len, question->type, &answer);
	if (goes_on(question, answer.outcome))
		return;
	answer.outcome = final_outcome(question, answer.outcome);
	q->done(q->arg, question->tag, question->type, &answer);
	free(question);
}

static void answered(void *arg, int status, int timeouts, unsigned char *message, int len)
{
	struct question *question = arg;
	struct upstream *up = question->up;
	(void)timeouts;
	up->query->open--;
	up->open--;
	if (up->query->closing)
		free(question);
	else if (status == ARES_EDESTRUCTION) /* the channel made room for one with the system's new resolvers */
		send_question(up->channel, question);
	else if (question->records)
		answered_records(question, status, message, len);
	else
		answered_addresses(question, status, message, len);
}

static struct question *question_new(struct upstream *up, const char *name, void *tag)
{
	struct question *question = malloc(sizeof(*question));
	must_say(question, "no memory for a question");
	*question = (struct question){ .up = up, .tag = tag, .first = DNS_NONE };
	snprintf(question->name, sizeof(question->name), "%s", name);
	return question;
}

void dns_query_ask(struct dns_query *q, const char *name, enum dns_type type, void *tag)
{
	struct question *question = question_new(q->up[0], name, tag);
	question->type = type;
	send_question(q->up[0]->channel, question);
}

void dns_query_ask_records(struct dns_query *q, int upstream, const char *name, enum job_record record, void *tag)
{
	must(upstream >= 0 && (unsigned)upstream < q->ups && q->records_done);
	if (!q->records)
		must_say((q->records = malloc(sizeof(*q->records))), "no memory for an answer");
	struct question *question = question_new(q->up[upstream], name, tag);
	question->records = true;
	question->record = record;
	send_question(q->up[upstream]->channel, question);
}

unsigned dns_query_open_count(const struct dns_query *q, bool others)
{
	return others ? q->open - q->up[0]->open : q->up[0]->open;
}

/* The system's resolvers may change under a process that lives for months (DHCP, a laptop's VPN). */
static void reload(struct dns_query *q)
{
	struct timespec at = system_read_at();
	if (at.tv_sec == q->read_at.tv_sec && at.tv_nsec == q->read_at.tv_nsec)
		return;
	struct upstream *up = q->up[0];
	ares_channel old = up->channel, old_second = up->second, fresh, fresh_second;
	q->read_at = at;
	if (channels_open(up, &fresh, &fresh_second) != ARES_SUCCESS)
		return;
	up->channel = fresh;
	up->second = fresh_second;
	note_servers(up);
	log_info("the system's resolvers were read again", LOG_S("resolvers", up->who));
	ares_destroy(old);
	ares_destroy(old_second);
}

/* A channel does nothing about a socket that is the other's. */
static void process(struct upstream *up, ares_socket_t readable, ares_socket_t writable)
{
	ares_process_fd(up->channel, readable, writable);
	if (up->servers_count > 1)
		ares_process_fd(up->second, readable, writable);
}

static void process_timeouts(struct dns_query *q)
{
	for (unsigned i = 0; i < q->ups; i++)
		if (q->up[i]->open)
			process(q->up[i], ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void dns_query_turn(struct dns_query *q, unsigned wait_ms)
{
	struct epoll_event event[EVENTS];
	if (q->open && wait_ms > TIMEOUT_LOOK_MS)
		wait_ms = TIMEOUT_LOOK_MS;
	int n = epoll_wait(q->epoll, event, EVENTS, (int)wait_ms);
	for (int i = 0; i < n; i++) {
		int fd = (int)(uint32_t)event[i].data.u64;
		uint32_t number = (uint32_t)(event[i].data.u64 >> 32);
		uint64_t heap;
		if (number == WAKE_NUMBER) {
			must(read(q->wake, &heap, sizeof(heap)) == sizeof(heap) || errno == EAGAIN);
			continue;
		}
		process(q->up[number], event[i].events & ~(unsigned)EPOLLOUT ? fd : ARES_SOCKET_BAD,
			event[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	}
	if (q->open && is_due(&q->next_timeout_ns, TIMEOUT_LOOK_MS * NS_PER_MS))
		process_timeouts(q);
	if (!q->up[0]->own_servers && is_due(&q->next_reload_ns, RELOAD_EVERY_NS))
		reload(q);
}

void dns_query_wake(struct dns_query *q)
{
	uint64_t one = 1;
	must(write(q->wake, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
}

const char *dns_query_who(const struct dns_query *q)
{
	return q->up[0]->who;
}

const char *dns_query_upstream_who(const struct dns_query *q, int upstream)
{
	return q->up[upstream]->who;
}
