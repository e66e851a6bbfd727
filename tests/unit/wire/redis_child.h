/* redis_child.h - a private redis-server for a test: a child, a unix socket in a directory of its own, nothing kept.
 * Its configuration goes in on stdin and its log comes out on stdout, so that "ready" is a line that was read and not
 * a time that was guessed. */
#ifndef TESTS_UNIT_WIRE_REDIS_CHILD_H
#define TESTS_UNIT_WIRE_REDIS_CHILD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/redis_link.h"

struct redis_child {
	pid_t pid; /* 0: not running */
	FILE *log; /* the server's stdout */
	char dir[64], url[128];
};

static inline void redis_child_exec(int config, int log)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(config, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	execlp("redis-server", "redis-server", "-", (char *)NULL);
	_exit(127);
}

/* Starts it with further configuration lines and waits for a log line that contains marker; false: there is no
 * redis-server on this machine, or it left. */
static inline bool redis_child_run(struct redis_child *c, const char *config, const char *marker)
{
	int in[2], out[2];
	char line[512];
	FILE *to;
	assert_int_equal(pipe(in) | pipe(out), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	/* In a session of its own: tests stop it, and a stopped process makes the kernel hang up on the whole group of a run
	 * that has no terminal and whose parent is gone. */
	if (c->pid == 0 && setsid() > 0)
		redis_child_exec((close(in[1]), in[0]), (close(out[0]), out[1]));
	close(in[0]);
	close(out[1]);
	to = fdopen(in[1], "w");
	c->log = fdopen(out[0], "r");
	fprintf(to, "port 0\nunixsocket %s/s\ndir %s\nsave \"\"\nenable-debug-command yes\n%s\n", c->dir, c->dir, config);
	fclose(to);
	while (fgets(line, sizeof(line), c->log))
		if (strstr(line, marker))
			return true;
	waitpid(c->pid, NULL, 0);
	fclose(c->log);
	c->pid = 0;
	return false;
}

/* Its directory and its URL; nothing runs yet. */
static inline void redis_child_prepare(struct redis_child *c)
{
	signal(SIGPIPE, SIG_IGN); /* a server that is not there reads no configuration */
	snprintf(c->dir, sizeof(c->dir), "/tmp/portwatch-test-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	snprintf(c->url, sizeof(c->url), "unix://%s/s", c->dir);
}

static inline bool redis_child_start(struct redis_child *c, const char *config)
{
	redis_child_prepare(c);
	return redis_child_run(c, config, "eady to accept connections");
}

static inline void redis_child_kill(struct redis_child *c)
{
	if (!c->pid)
		return;
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	fclose(c->log);
	c->pid = 0;
}

static inline void redis_child_end(struct redis_child *c)
{
	static const char *const left[] = { "s", "dump.rdb", "nodes.conf" };
	char path[128];
	redis_child_kill(c);
	for (unsigned i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", c->dir, left[i]);
		unlink(path);
	}
	rmdir(c->dir);
}

/* Starts it, or ends the test with SKIP. */
static inline void redis_child_need(struct redis_child *c, const char *config)
{
	if (redis_child_start(c, config))
		return;
	redis_child_end(c);
	print_message("# SKIP: redis-server is not installed or does not start\n");
	skip();
}

/* For a main() whose tests all need something that is not there: TAP for "nothing was tried, and why". */
static inline int skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	return 0;
}

/* A link to url; not yet up. */
static inline struct redis_link *link_to(const char *url, unsigned reply_ms)
{
	struct redis_url parsed;
	struct redis_link *link;
	char why[200];
	if (redis_url_parse(url, &parsed, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	link = redis_link_new(&parsed, "test", reply_ms);
	assert_non_null(link);
	return link;
}

static inline void come_up_now(struct redis_link *link)
{
	unsigned wait_ms;
	if (redis_link_up(link, &wait_ms) != 0)
		fail_msg("not up: %s", redis_link_error(link));
}

/* A link to a child's socket that is up. */
static inline struct redis_link *link_up_to(const struct redis_child *c, const char *query)
{
	struct redis_link *link;
	char url[256];
	snprintf(url, sizeof(url), "%s%s", c->url, query);
	link = link_to(url, 2000);
	come_up_now(link);
	return link;
}

/* Asks and checks the text of the answer (a prefix). */
#define answers(link, prefix, ...)                                                                                  \
	do {                                                                                                        \
		struct redis_reply *answered = redis_ask(link, __VA_ARGS__);                                        \
		const char *said = answered ? reply_text(answered, NULL) : redis_link_error(link);                  \
		if (strncmp(said, prefix, strlen(prefix)) != 0 || !answered)                                        \
			fail_msg("%s: expected %s, got %s", #__VA_ARGS__, prefix, said);                            \
		redis_reply_free(answered);                                                                         \
	} while (0)

#endif
