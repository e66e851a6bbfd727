/* redis_socket.c - makes the connection that hiredis then speaks over.
 * In: a URL and a deadline.  Out: a connected descriptor, or a sentence that says which step failed.
 * Why so: hiredis can connect by itself, but not while watching a second descriptor, and its time limit counts anew for
 * every address of a name. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_socket.h"

#include "base/clock.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int redis_socket_wait(int fd, short events, int wake_fd, uint64_t deadline_ns)
{
	struct pollfd polled[2] = { { .fd = fd, .events = events }, { .fd = wake_fd, .events = POLLIN } };
	for (;;) {
		uint64_t now = clock_ns();
		uint64_t left = now < deadline_ns ? deadline_ns - now : 0;
		struct timespec most = { .tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S) };
		int ready = ppoll(polled, 2, &most, NULL);
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready > 0)
			return polled[1].revents ? -ECANCELED : polled[0].revents;
		if (left == 0)
			return -ETIMEDOUT;
	}
}

/* Waits for a connect() that has begun; 0 or -errno. */
static int await_connect(int fd, int wake_fd, uint64_t deadline_ns)
{
	int error = 0;
	socklen_t len = sizeof(error);
	int ready = redis_socket_wait(fd, POLLOUT, wake_fd, deadline_ns);
	if (ready < 0)
		return ready;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

/* One address; a descriptor or -errno. */
static int connect_one(const struct sockaddr *address, socklen_t len, int wake_fd, uint64_t deadline_ns)
{
	int bad = 0;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, address, len) < 0)
		bad = errno == EINPROGRESS ? await_connect(fd, wake_fd, deadline_ns) : -errno;
	if (!bad)
		return fd;
	close(fd);
	return bad;
}

static int connect_unix(const struct redis_url *url, int wake_fd, uint64_t deadline_ns)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_Static_assert(sizeof(url->path) <= sizeof(address.sun_path), "a parsed path fits");
	memcpy(address.sun_path, url->path, sizeof(url->path));
	return connect_one((struct sockaddr *)&address, sizeof(address), wake_fd, deadline_ns);
}

/* Commands leave at once, and a peer that vanished without a word is noticed even while nothing is asked. */
static void tune(int fd)
{
	int on = 1, idle_s = 15, every_s = 5, probes = 3;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* Tries all addresses in the resolver's order; the last failure is the one that is told. */
static int connect_any(const struct addrinfo *list, int wake_fd, uint64_t deadline_ns)
{
	unsigned left = 0;
	int fd = -EADDRNOTAVAIL;
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = list; a && fd != -ECANCELED; a = a->ai_next, left--) {
		uint64_t now = clock_ns();
		uint64_t share = now < deadline_ns ? (deadline_ns - now) / left : 0;
		fd = connect_one(a->ai_addr, a->ai_addrlen, wake_fd, now + share);
		if (fd >= 0) {
			tune(fd);
			break;
		}
	}
	return fd;
}

int redis_socket_connect(const struct redis_url *url, int wake_fd, uint64_t deadline_ns, char *why, size_t why_len)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *list = NULL;
	char port[8];
	int fd, bad = 0;
	if (url->path[0]) {
		fd = connect_unix(url, wake_fd, deadline_ns);
	} else {
		snprintf(port, sizeof(port), "%u", url->port);
		bad = getaddrinfo(url->host, port, &want, &list);
		if (bad) {
			snprintf(why, why_len, "cannot look up the host: %s", gai_strerror(bad));
			return -EHOSTUNREACH;
		}
		fd = connect_any(list, wake_fd, deadline_ns);
		freeaddrinfo(list);
	}
	if (fd < 0)
		snprintf(why, why_len, "cannot connect: %s", strerrordesc_np(-fd) ?: "unknown error");
	return fd;
}
