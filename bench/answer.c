/* answer.c - accepts every TCP connection on a range of addresses and ports and drops it at once.
 * In: ADDR[-ADDR]:PORT[-PORT] and a life in seconds.  Out: "ready" when it listens; at the end one JSON line.
 * Owns: the listening sockets.  Why so: a target in a process of its own, so that its accept() and close() are not
 * charged to the prober under test.  On loopback the handshake itself still is: the kernel answers a SYN in the
 * context of whoever sent it.  A peer behind a TUN device is the fairer target. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "range.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };       /* the usual net.core.somaxconn; the kernel clamps it anyhow */
enum { LISTENERS_MAX = 8192 }; /* below every descriptor limit we have met (20,000) */
enum { EVENTS = 256 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void die(const char *what, int error)
{
	fprintf(stderr, "answer: %s%s%s.\n", what, error ? ": " : "", error ? strerror(error) : "");
	exit(2);
}

static int listen_at(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("cannot make a socket; raise the limit of open files or name fewer ports", errno);
	int one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 || listen(fd, BACKLOG) < 0) {
		char text[INET_ADDRSTRLEN], sentence[128];
		int error = errno;
		inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
		snprintf(sentence, sizeof sentence, "cannot listen at %s:%u", text, ntohs(address->sin_port));
		die(sentence, error);
	}
	return fd;
}

/* Takes everything one listener has, at most a backlog at a time so that no other listener starves. */
static uint64_t drop_all(int listener)
{
	uint64_t dropped = 0;
	while (dropped < BACKLOG) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == ECONNABORTED || errno == EINTR)
				continue;
			if (errno != EAGAIN && errno != EMFILE)
				die("accept failed", errno);
			break;
		}
		close(fd);
		dropped++;
	}
	return dropped;
}

int main(int argc, char **argv)
{
	long seconds = 600;
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		const char *end = "";
		if (c == 's' && range_number(optarg, &end, 1, 86400, &seconds) && *end == '\0')
			continue;
		if (c == 's')
			die("--seconds wants a whole number between 1 and 86400", 0);
		printf("usage: answer [--seconds N] ADDR[-ADDR]:PORT[-PORT]...\n"
		       "Accepts and drops every connection for N seconds (600) or until SIGTERM.\n");
		return c == 'h' ? 0 : 2;
	}
	if (optind == argc)
		die("names no address; write ADDR[-ADDR]:PORT[-PORT]", 0);

	int poller = epoll_create1(EPOLL_CLOEXEC);
	uint64_t listeners = 0, accepted = 0;
	for (int i = optind; i < argc; i++) {
		struct range range;
		const char *wrong = range_parse(argv[i], &range);
		if (wrong) {
			fprintf(stderr, "answer: \"%s\" %s.\n", argv[i], wrong);
			return 2;
		}
		if (listeners + range_size(&range) > LISTENERS_MAX)
			die("asked for more than 8192 listeners", 0);
		for (uint64_t at = 0; at < range_size(&range); at++, listeners++) {
			struct sockaddr_in address;
			range_at(&range, at, &address);
			struct epoll_event event = {.events = EPOLLIN, .data.fd = listen_at(&address)};
			if (epoll_ctl(poller, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
				die("cannot watch a listener", errno);
		}
	}

	sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = stop}, NULL);
	alarm((unsigned)seconds);
	printf("ready %lu listeners\n", (unsigned long)listeners);
	fflush(stdout);

	/* The one-second wait bounds the race of a signal that lands between the test and the wait. */
	while (!stopped) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(poller, events, EVENTS, 1000);
		for (int i = 0; i < count; i++)
			accepted += drop_all(events[i].data.fd);
	}

	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	printf("{\"accepted\":%lu,\"user_s\":%ld.%06ld,\"sys_s\":%ld.%06ld}\n", (unsigned long)accepted,
	       (long)used.ru_utime.tv_sec, (long)used.ru_utime.tv_usec, (long)used.ru_stime.tv_sec,
	       (long)used.ru_stime.tv_usec);
	return 0;
}
