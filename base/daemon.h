/* daemon.h - what the main.c of engine, scheduler and alerts have in common: how one starts and how one is told to leave.
 * In: a table of options, the command line.  Out: values, a log, signals that wait to be asked for.  Owns nothing.
 * Why so: an operator who knows one of the three knows the flags, the exit status and the log lines of all.  Apart from the
 * three main.c this is the only place that ends a process. */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include "base/http_page.h"
#include "base/option.h"

#include <signal.h>
#include <stddef.h>

enum { EXIT_USAGE = 3, EXIT_INTERNAL = 4 }; /* beside stdlib's two; the same in portwatch */

struct daemon_values {
	const char *metrics, *config;
	int log_format, log_level;
	bool version;
};

extern const char *const daemon_log_formats[], *const daemon_log_levels[];

/* The last rows of a daemon's options; holder is a struct that has a struct daemon_values called common. */
#define DAEMON_AT(holder, field) .at = offsetof(holder, common.field)
#define DAEMON_OPTIONS(holder)                                                                                         \
	{ .name = "metrics", .type = OPTION_TEXT, .value = "HOST:PORT", DAEMON_AT(holder, metrics),                    \
	  .sentence = "serve /metrics there; no host: loopback" },                                                     \
	{ .name = "log-format", .type = OPTION_CHOICE, .preset = "logfmt", .choices = daemon_log_formats, .value = "NAME",\
	  DAEMON_AT(holder, log_format), .sentence = "format of the log lines on stderr" },                            \
	{ .name = "log-level", .type = OPTION_CHOICE, .preset = "info", .choices = daemon_log_levels, .value = "NAME", \
	  DAEMON_AT(holder, log_level), .sentence = "what is said at the least" },                                     \
	{ .name = "config", .type = OPTION_TEXT, .value = "FILE", .only_flag = true, DAEMON_AT(holder, config),        \
	  .sentence = "YAML file with any of these options as keys" },                                                 \
	{ .name = "version", .letter = 'V', .type = OPTION_FLAG, .only_flag = true, DAEMON_AT(holder, version),        \
	  .sentence = "print the version and leave" },                                                                 \
	{ .name = NULL }

/* Fills values, of which common is a part, and sets up the log.  --help, --version and what is wrong end the process. */
void daemon_begin(const struct option_table *table, int argc, char **argv, void *values, struct daemon_values *common);
/* The command line, the environment or a file asks for what cannot be. */
_Noreturn void daemon_usage(const struct option_table *table, const char *why);
/* It is not their fault. */
_Noreturn void daemon_internal(const char *what, const char *why);
/* SIGTERM and SIGINT wait to be asked for, in this thread and those that it starts; SIGPIPE is an errno. */
void daemon_block_signals(sigset_t *ends);
/* The page of --metrics; NULL if it was not asked for.  The caller stops it. */
struct http_server *daemon_metrics(const struct daemon_values *common, const struct http_page *pages);

#endif
