/* children.h - the processes that portwatch up keeps alive: started, listened to, started again when they die, ended.
 *
 *	IDLE --start--> RUNNING --dies--> WAITING --after the back-off--> RUNNING
 *	                RUNNING, WAITING --child_end--> ENDING --gone--> IDLE
 *
 * Each is in a process group of its own, so that Ctrl-C on the terminal reaches only us, who end them in order; each
 * gets SIGTERM from the kernel should we die first (PR_SET_PDEATHSIG). */
#ifndef CLI_CHILDREN_H
#define CLI_CHILDREN_H

#include "base/backoff.h"
#include "base/log.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#define CHILD_ARGS_MAX 64
#define CHILDREN_MAX 24	      /* Redis, scheduler, alerts, and an engine for each of 16 regions */
#define CHILD_STEADY_MS 10000 /* one that ran this long starts again without a wait */

enum child_state { CHILD_IDLE, CHILD_RUNNING, CHILD_WAITING, CHILD_ENDING };

struct child {
	char name[96];			 /* "engine eu": stands before its lines */
	char *argv[CHILD_ARGS_MAX + 1];	 /* malloc'd texts */
	char *input;			 /* what it reads on standard input; NULL: nothing */
	enum child_state state;
	pid_t pid, last_pid;		 /* 0: none */
	int log;			 /* its stdout and stderr; -1: none */
	unsigned starts;
	uint64_t started_ns, again_ns;
	struct backoff backoff;
	char line[2048], last[512];	 /* the line that comes in; the last one that was whole */
	size_t len;
};

struct children {
	/* Set by the caller.  line: each line of a child; ended: it has gone, with a status of waitpid(), and
	 * wait_ms says when it will be started again (0: it will not). */
	void (*line)(void *arg, struct child *c, const char *line);
	void (*ended)(void *arg, struct child *c, int status, unsigned wait_ms);
	void *arg;

	unsigned count;
	struct child *item[CHILDREN_MAX];
};

/* A new one that is idle, running the program at path.  NULL: no memory, or too many. */
struct child *children_add(struct children *all, const char *name, const char *path);
bool child_arg(struct child *c, const char *text); /* copied; false: no memory or too many */
void children_remove(struct children *all, struct child *c); /* must be idle */
void children_free(struct children *all);		     /* all must be idle */

/* 0 or a negative errno; a program that cannot be run shows as one that ends with 127. */
int child_start(struct child *c);
/* Asks it to end with this signal; it is not started again. */
void child_end(struct child *c, int signal_number);

/* Reads what they say, notices who is gone, starts who is due. */
void children_tend(struct children *all);
/* Descriptors worth waking up for; how many were set. */
unsigned children_poll(const struct children *all, struct pollfd *into);
bool child_is_gone(const struct child *c); /* no process, and none will be started */

/* How long to wait before the next start of one that has run for ran_ms. */
unsigned child_wait_ms(struct backoff *backoff, uint64_t ran_ms);
/* The level of a log line; what has none (a crash, a foreign program) counts as a warning. */
enum log_level child_line_level(const char *line);
/* "was killed by signal 9 (Killed)", "ended with status 3". */
void child_status_text(int status, char *into, size_t len);

#endif
