/* command.h - runs a program, with text on its standard input, and says how it ended.  It cannot outlast its limit:
 * its process group gets SIGTERM then, and SIGKILL two seconds later. */
#ifndef ALERTS_COMMAND_H
#define ALERTS_COMMAND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct command {
	char *const *argv;
	char *const *env;	 /* "NAME=value", NULL-ended, added to our own environment */
	const char *input;
	size_t input_len;
	unsigned limit_ms;
	const atomic_bool *stop; /* becomes true: the limit is now; or NULL */
};

/* The exit status, or -1: it could not be started, or a signal ended it.  said: "exit 75: no route", one line of what
 * it wrote first (on stdout or stderr). */
int command_run(const struct command *c, char *said, size_t said_len);

#endif
