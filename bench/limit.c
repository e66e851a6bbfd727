/* limit.c - the bare loop: what one probe costs when nothing but the kernel's work is left.
 * In: a count, a number in flight, a timeout and target ranges.  Out: one JSON line of counts and costs.
 * Owns: one thread, one ring, a pool of blocking sockets, one connection each at a time.
 * A probe: CONNECT linked to a LINK_TIMEOUT, one completion, TCP_INFO, connect(AF_UNSPEC) to reset the socket.
 * "false_open" counts connects that completed with 0 and no handshake behind it (tests/flow/false_open.bats); with
 * --socket fresh, for an error queue that nobody drained makes a pooled socket say so for ever after.
 * Why so: the engine is measured against this floor, so every other way of doing a step (poll instead of connect, no
 * timer, fresh sockets, ...) is an option here and off unless asked for.  Not here on purpose: queues, verdicts,
 * error queues, deadlines of one's own. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "limit_options.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51 /* Linux 6.3; the value of linux/in.h */
#endif

enum { WAIT_US = 1000 };		  /* --wait N gives up after this long */
static const uint64_t TIMER = UINT64_MAX; /* user_data of a LINK_TIMEOUT: never completes unless it was misused */

struct slot {
	int fd;
	struct sockaddr_in to;
};

struct limit {
	struct settings set;
	struct io_uring ring;
	const char *flags; /* as granted */
	struct slot *slots;
	struct __kernel_timespec timeout;
	uint64_t target_next, target_count;
	long started, inflight, inflight_max, enters;
	long held; /* --hold: sockets in SYN_SENT at one instant */
	long open, refused, timed_out, other;
	long false_open; /* the connect completed with 0, and TCP_INFO knows of no handshake */
	int other_errno; /* the last one */
};

#define must(cond)                                                                                                     \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			fprintf(stderr, "limit: %s:%d: this must hold: %s\n", __FILE__, __LINE__, #cond);              \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* ---- the ring and the sockets ---- */

static const struct {
	const char *name;
	unsigned flags;
} ladder[] = {
	{"SINGLE_ISSUER|DEFER_TASKRUN|SUBMIT_ALL",
	 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL}, /* 6.1 */
	{"COOP_TASKRUN", IORING_SETUP_COOP_TASKRUN},					     /* 5.19 */
	{"none", 0},
};
enum { LADDER_ROWS = sizeof ladder / sizeof *ladder };

static void ring_open(struct limit *limit)
{
	int error = 0;
	for (long row = limit->set.flags_first; row < LADDER_ROWS; row++) {
		struct io_uring_params params = {.flags = ladder[row].flags | IORING_SETUP_CQSIZE,
						 .cq_entries = (unsigned)limit->set.cq};
		error = -io_uring_queue_init_params((unsigned)limit->set.sq, &limit->ring, &params);
		if (error == 0) {
			limit->set.sq = params.sq_entries;
			limit->set.cq = params.cq_entries;
			limit->flags = ladder[row].name;
			return;
		}
	}
	die(error,
	    "the kernel gives no io_uring; see /proc/sys/kernel/io_uring_disabled and Seccomp: in /proc/self/status");
}

static void set_option(int fd, int level, int name, const void *value, socklen_t size, const char *what)
{
	if (setsockopt(fd, level, name, value, size) < 0)
		die(errno, "cannot set %s on a socket", what);
}

/* Blocking where the ring connects, as kernels up to 6.0 answer EINPROGRESS otherwise; not so where we poll. */
static int socket_open(const struct settings *set, long slot)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (set->how == HOW_POLL ? SOCK_NONBLOCK : 0), 0);
	if (fd < 0)
		die(errno, "cannot make socket %ld", slot);
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	set_option(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger, "SO_LINGER");
	int one = 1;
	if (set->end == END_HALF) /* holds the last ACK of the handshake back; survives a reset */
		set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof one, "TCP_DEFER_ACCEPT");
	if (set->ports == PORTS_RANGE)
		set_option(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &set->port_range, sizeof set->port_range,
			   "IP_LOCAL_PORT_RANGE (Linux 6.3)");

	struct sockaddr_in from = set->source;
	if (set->ports == PORTS_PINNED)
		from.sin_port = htons((uint16_t)(PINNED_PORT + slot));
	else if (set->source_given)
		set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one, "IP_BIND_ADDRESS_NO_PORT");
	if ((set->source_given || set->ports == PORTS_PINNED) && bind(fd, (struct sockaddr *)&from, sizeof from) < 0)
		die(errno, "cannot bind socket %ld to its source address", slot);
	return fd;
}

static void pool_open(struct limit *limit)
{
	limit->slots = calloc((size_t)limit->set.inflight, sizeof *limit->slots);
	if (!limit->slots)
		die(ENOMEM, "cannot hold %ld slots", limit->set.inflight);
	for (long i = 0; i < limit->set.inflight; i++)
		limit->slots[i].fd = limit->set.fresh ? -1 : socket_open(&limit->set, i);
}

/* ---- one probe ---- */

static void next_target(struct limit *limit, struct sockaddr_in *to)
{
	uint64_t at = limit->target_next++ % limit->target_count;
	const struct range *range = limit->set.ranges;
	for (; at >= range_size(range); range++)
		at -= range_size(range);
	range_at(range, at, to);
}

/* Needs room for two entries: a chain split over two submits would run without its timer. */
static void probe_start(struct limit *limit, long index)
{
	struct slot *slot = &limit->slots[index];
	next_target(limit, &slot->to);
	if (limit->set.fresh)
		slot->fd = socket_open(&limit->set, index);

	must(io_uring_sq_space_left(&limit->ring) >= 2);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&limit->ring);
	if (limit->set.how == HOW_CONNECT) {
		io_uring_prep_connect(sqe, slot->fd, (struct sockaddr *)&slot->to, sizeof slot->to);
	} else {
		/* What connect() says beyond "in progress" is found again by the poll and TCP_INFO. */
		(void)!connect(slot->fd, (struct sockaddr *)&slot->to, sizeof slot->to);
		io_uring_prep_poll_add(sqe, slot->fd, POLLOUT);
	}
	io_uring_sqe_set_data64(sqe, (uint64_t)index);
	if (limit->set.timer) {
		sqe->flags |= IOSQE_IO_LINK;
		sqe = io_uring_get_sqe(&limit->ring);
		io_uring_prep_link_timeout(sqe, &limit->timeout, 0);
		io_uring_sqe_set_data64(sqe, TIMER);
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	}
	limit->started++;
	if (++limit->inflight > limit->inflight_max)
		limit->inflight_max = limit->inflight;
}

static int probe_state(int fd, long how)
{
	union {
		struct tcp_info start; /* glibc's, up to tcpi_total_retrans: all that a probe needs */
		char whole[512];       /* more than any kernel's */
	} info;
	socklen_t size = how == INFO_FULL ? sizeof info.whole : sizeof info.start;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		die(errno, "cannot read TCP_INFO");
	return info.start.tcpi_state;
}

static void probe_count(struct limit *limit, int fd, int result)
{
	bool open = result >= 0;
	if (limit->set.info != INFO_NONE) {
		int state = probe_state(fd, limit->set.info);
		open = state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
	}
	if (!open && result == 0 && limit->set.how == HOW_CONNECT)
		limit->false_open++;
	if (!open && result >= 0) { /* a poll says only that something happened, and a connect's 0 may be untrue */
		int error = 0;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
		result = error ? -error : -EAGAIN;
	}
	if (open)
		limit->open++;
	else if (result == -ECONNREFUSED)
		limit->refused++;
	else if (result == -ECANCELED)
		limit->timed_out++;
	else {
		limit->other++;
		limit->other_errno = -result;
	}
}

static void probe_done(struct limit *limit, long index, int result)
{
	struct slot *slot = &limit->slots[index];
	limit->inflight--;
	probe_count(limit, slot->fd, result);
	if (limit->set.fresh)
		close(slot->fd); /* linger 0: a RST, as the reset below sends it */
	else if (connect(slot->fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)) < 0)
		die(errno, "cannot reset a socket for its next use");
}

/* ---- the loop ---- */

static void ring_enter(struct limit *limit, unsigned wait)
{
	int rc;
	limit->enters++;
	if (wait && limit->set.pause_us) { /* lets answers gather while nobody is woken for each of them */
		limit->enters += io_uring_submit(&limit->ring) > 0;
		nanosleep(&(struct timespec){.tv_nsec = limit->set.pause_us * 1000}, NULL);
	}
	if (wait > 1) {
		struct io_uring_cqe *first;
		struct __kernel_timespec patience = {.tv_nsec = WAIT_US * 1000};
		rc = io_uring_submit_and_wait_timeout(&limit->ring, &first, wait, &patience, NULL);
	} else {
		rc = io_uring_submit_and_wait(&limit->ring, wait);
	}
	if (rc < 0 && rc != -EINTR && rc != -ETIME)
		die(-rc, "cannot submit to the ring");
}

/* Ends at most one batch of probes and starts as many again in their slots. */
static void reap(struct limit *limit)
{
	struct io_uring_cqe *cqe;
	unsigned head;
	long seen = 0;
	io_uring_for_each_cqe(&limit->ring, head, cqe)
	{
		if (seen == limit->set.batch)
			break;
		must(cqe->user_data < (uint64_t)limit->set.inflight);
		probe_done(limit, (long)cqe->user_data, cqe->res);
		if (limit->started < limit->set.count)
			probe_start(limit, (long)cqe->user_data);
		seen++;
	}
	io_uring_cq_advance(&limit->ring, (unsigned)seen);
}

static long count_held(const struct limit *limit)
{
	long held = 0;
	for (long i = 0; i < limit->set.inflight; i++)
		held += probe_state(limit->slots[i].fd, INFO_SHORT) == TCP_SYN_SENT;
	return held;
}

static void run(struct limit *limit)
{
	const struct settings *set = &limit->set;
	for (long i = 0; i < set->inflight && limit->started < set->count; i++) {
		probe_start(limit, i);
		if (limit->started % set->batch == 0)
			ring_enter(limit, 0);
	}
	ring_enter(limit, 0);
	if (set->hold)
		limit->held = count_held(limit);
	while (limit->inflight > 0) {
		ring_enter(limit, (unsigned)(set->wait < limit->inflight ? set->wait : limit->inflight));
		reap(limit);
	}
}

/* ---- the report ---- */

static long resident_kb(void)
{
	long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");
	if (!statm || fscanf(statm, "%*d %ld", &pages) != 1)
		pages = 0;
	if (statm)
		fclose(statm);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static double clock_s(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct limit limit = {0};
	settings_read(&limit.set, argc, argv);
	settings_fit(&limit.set);
	for (int i = 0; i < limit.set.ranges_used; i++)
		limit.target_count += range_size(&limit.set.ranges[i]);
	limit.timeout = (struct __kernel_timespec){.tv_sec = limit.set.timeout_ms / 1000,
						   .tv_nsec = limit.set.timeout_ms % 1000 * 1000000};
	long rss_before = resident_kb();
	ring_open(&limit);
	pool_open(&limit);

	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	double began = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
	run(&limit);
	double wall = clock_s(CLOCK_MONOTONIC) - began;
	cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu; /* exact; the split into user and system is by ticks */
	getrusage(RUSAGE_SELF, &after);

	struct utsname kernel;
	uname(&kernel);
	const struct settings *set = &limit.set;
	printf("{\"count\":%ld,\"open\":%ld,\"refused\":%ld,\"timeout\":%ld,\"other\":%ld,\"other_errno\":%d,\"false_open\":%ld",
	       limit.started, limit.open, limit.refused, limit.timed_out, limit.other, limit.other_errno, limit.false_open);
	printf(",\"wall_s\":%.3f,\"user_s\":%.3f,\"sys_s\":%.3f,\"cpu_s\":%.3f,\"cpu_us_per_probe\":%.3f,\"rate\":%.0f",
	       wall, seconds(after.ru_utime) - seconds(before.ru_utime),
	       seconds(after.ru_stime) - seconds(before.ru_stime), cpu, cpu * 1e6 / (double)limit.started,
	       (double)limit.started / wall);
	printf(",\"inflight\":%ld,\"inflight_max\":%ld", set->inflight, limit.inflight_max);
	if (set->hold)
		printf(",\"held\":%ld", limit.held);
	printf(",\"enters\":%ld,\"switches\":%ld,\"rss_kb_before\":%ld,\"rss_kb_after\":%ld", limit.enters,
	       after.ru_nvcsw - before.ru_nvcsw, rss_before, resident_kb());
	printf(",\"batch\":%ld,\"sq\":%ld,\"cq\":%ld,\"flags\":\"%s\",\"kernel\":\"%s\"}\n", set->batch, set->sq,
	       set->cq, limit.flags, kernel.release);
	io_uring_queue_exit(&limit.ring); /* the sockets close with the process */
	free(limit.slots);
	return 0;
}
