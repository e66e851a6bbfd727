/* pretender.h - a peer that pretends to be Redis for one connection, and says what no Redis would. */
#ifndef TESTS_UNIT_WIRE_PRETENDER_H
#define TESTS_UNIT_WIRE_PRETENDER_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A peer that answers the greeting (two commands without password and database) and then says what it is told to, once
 * it has read something more; at the end it keeps or closes the connection. */
struct pretender {
	char dir[64], url[128];
	int listener;
	const char *says;
	size_t len;
	bool drips;  /* a byte every ms, for ever */
	bool closes; /* after having spoken */
	pthread_t thread;
};

static inline void speak(struct pretender *p, int fd)
{
	if (p->drips)
		while (send(fd, "$5000000\r\n", 1, MSG_NOSIGNAL) == 1 && send(fd, "9", 1, MSG_NOSIGNAL) == 1)
			usleep(1000);
	for (size_t sent = 0; sent < p->len;) {
		ssize_t n = send(fd, p->says + sent, p->len - sent, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

static inline void *pretend(void *arg)
{
	static const char greeted[] = "+OK\r\n+PONG\r\n";
	struct pretender *p = arg;
	char heard[4096];
	size_t len = 0;
	int fd = accept(p->listener, NULL, NULL);
	while (len < sizeof(heard) - 1 && !memmem(heard, len, "PING", 4)) {
		ssize_t n = recv(fd, heard + len, sizeof(heard) - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (send(fd, greeted, sizeof(greeted) - 1, MSG_NOSIGNAL) > 0 && recv(fd, heard, sizeof(heard), 0) > 0)
		speak(p, fd);
	while (!p->closes && recv(fd, heard, sizeof(heard), 0) > 0)
		;
	close(fd);
	return NULL;
}

static inline void pretend_begin(struct pretender *p)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(p->dir, sizeof(p->dir), "/tmp/portwatch-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/s", p->dir);
	snprintf(p->url, sizeof(p->url), "unix://%s", address.sun_path);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, pretend, p), 0);
}

static inline void pretend_end(struct pretender *p)
{
	char path[100];
	pthread_join(p->thread, NULL);
	close(p->listener);
	snprintf(path, sizeof(path), "%s/s", p->dir);
	unlink(path);
	rmdir(p->dir);
}

#endif
