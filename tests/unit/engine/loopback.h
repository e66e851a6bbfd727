/* loopback.h - what the engine's tests share: peers on 127.0.0.1 and ::1 that listen, refuse or stay silent, jobs that
 * lead to them, and a seed that is printed and can be set.  No packet leaves this machine. */
#ifndef TESTS_LOOPBACK_H
#define TESTS_LOOPBACK_H

#include "base/clock.h"
#include "engine/batch.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define EVENT_WAIT_MS 10000 /* how long to wait for what must come; only a failure lasts that long */

/* ---- chance ---------------------------------------------------------------------------------------------------- */

static inline uint64_t *chance_state(void)
{
	static uint64_t state;
	return &state;
}

/* Seeds chance() from PORTWATCH_TEST_SEED or the clock, and prints the seed so that a failure can be repeated. */
static inline void chance_seed(void)
{
	const char *given = getenv("PORTWATCH_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : clock_wall_us() % 1000000007u;
	print_message("# PORTWATCH_TEST_SEED=%llu\n", (unsigned long long)seed);
	*chance_state() = seed * 2 + 1;
}

/* 0 .. below - 1 (xorshift64*). */
static inline unsigned chance(unsigned below)
{
	uint64_t *s = chance_state();
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return (unsigned)((*s * 2685821657736338717ull) >> 33) % below;
}

/* ---- peers ------------------------------------------------------------------------------------------------------ */

struct peer {
	int fd, filler; /* filler: the connection that fills a silent peer's accept queue, or -1 */
	uint8_t family; /* FAMILY_V4, FAMILY_V6 */
	uint16_t port;
};

static inline socklen_t loopback_address(uint8_t family, uint16_t port, struct sockaddr_in6 *into)
{
	if (family == FAMILY_V6) {
		*into = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback };
		return sizeof(*into);
	}
	struct sockaddr_in *v4 = (struct sockaddr_in *)into;
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return sizeof(*v4);
}

static inline socklen_t peer_address(const struct peer *p, struct sockaddr_in6 *into)
{
	return loopback_address(p->family, p->port, into);
}

/* Bound, not listening: a SYN is answered with a reset, and nobody else can take the port meanwhile. */
static inline struct peer peer_closed(uint8_t family)
{
	struct peer p = { .family = family, .filler = -1 };
	struct sockaddr_in6 at;
	socklen_t len = loopback_address(family, 0, &at);
	p.fd = socket(family == FAMILY_V6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p.fd >= 0);
	assert_int_equal(bind(p.fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(p.fd, (struct sockaddr *)&at, &len), 0);
	p.port = ntohs(family == FAMILY_V6 ? at.sin6_port : ((struct sockaddr_in *)&at)->sin_port);
	return p;
}

static inline struct peer peer_listening(uint8_t family, int backlog)
{
	struct peer p = peer_closed(family);
	assert_int_equal(listen(p.fd, backlog), 0);
	fcntl(p.fd, F_SETFL, O_NONBLOCK);
	return p;
}

static inline int peer_connect(const struct peer *p, int flags)
{
	struct sockaddr_in6 to;
	socklen_t len = peer_address(p, &to);
	int fd = socket(((struct sockaddr *)&to)->sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	assert_true(fd >= 0);
	int rc = connect(fd, (struct sockaddr *)&to, len);
	assert_true(rc == 0 || errno == EINPROGRESS || errno == ECONNREFUSED);
	return fd;
}

/* Its accept queue is full, so the kernel drops every SYN. */
static inline struct peer peer_silent(uint8_t family)
{
	struct peer p = peer_listening(family, 0);
	p.filler = peer_connect(&p, 0);
	struct pollfd there = { .fd = p.fd, .events = POLLIN };
	assert_int_equal(poll(&there, 1, EVENT_WAIT_MS), 1);
	return p;
}

/* The next connection; waits for it. */
static inline int peer_accept(const struct peer *p)
{
	struct pollfd there = { .fd = p->fd, .events = POLLIN };
	assert_int_equal(poll(&there, 1, EVENT_WAIT_MS), 1);
	int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static inline void close_with_reset(int fd)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* Accepts and resets whoever waits in the queue. */
static inline unsigned peer_reset_all(const struct peer *p)
{
	unsigned n = 0;
	for (int fd; (fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0; n++)
		close_with_reset(fd);
	return n;
}

/* Accepts whoever waits in the queue and lets them go in order. */
static inline void peer_drain(const struct peer *p)
{
	for (int fd; (fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;)
		close(fd);
}

static inline void peer_close(struct peer *p)
{
	if (p->filler >= 0)
		close_with_reset(p->filler);
	close(p->fd);
	p->fd = p->filler = -1;
}

static inline bool has_v6(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	if (fd >= 0)
		close(fd);
	return has;
}

static inline unsigned tcp_state_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state;
}

static inline void wait_until_ns(uint64_t at)
{
	while (clock_ns() < at)
		poll(NULL, 0, 1);
}

/* ---- descriptors ----------------------------------------------------------------------------------------------- */

static inline unsigned descriptors_open(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* From now on no descriptor can be made. */
static inline void descriptors_forbid(void)
{
	int next = dup(0);
	struct rlimit limit;
	close(next);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* ---- a child that must abort ------------------------------------------------------------------------------------ */

/* Runs act(arg) in a child and demands SIGABRT; what it said on stderr is put into said. */
static inline void must_abort(void (*act)(void *arg), void *arg, char *said, size_t said_len)
{
	int ends[2], status;
	size_t len = 0;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		act(arg);
		_exit(0);
	}
	close(ends[1]);
	for (ssize_t n; len + 1 < said_len && (n = read(ends[0], said + len, said_len - 1 - len)) > 0;)
		len += (size_t)n;
	said[len] = 0;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
		fail_msg("no abort but status %#x; it said: %s", status, said);
}

/* Runs a whole check in a child, so that limits it sets die with it; 0 is success. */
static inline void in_a_child(int (*check)(void))
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(check());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0)
		fail_msg("the child ended with status %#x", status);
}

/* ---- jobs -------------------------------------------------------------------------------------------------------- */

static inline struct job job_to(const struct peer *p, uint16_t timeout_ms)
{
	struct job job = { .slot_ms = clock_wall_ms(), .family = p->family, .port = p->port, .timeout_ms = timeout_ms,
			   .expires_ms = JOB_EXPIRES_DEFAULT_MS, .close = CLOSE_RST };
	struct sockaddr_in6 at;
	peer_address(p, &at);
	if (p->family == FAMILY_V6)
		memcpy(job.address, &at.sin6_addr, 16);
	else
		memcpy(job.address, &((struct sockaddr_in *)&at)->sin_addr, 4);
	return job;
}

static inline struct batch *batch_of(const struct job *jobs, unsigned count)
{
	struct batch *b = batch_new(jobs, count, "", 0);
	assert_non_null(b);
	return b;
}

#endif
