/* cli.h - what the sub-commands of portwatch share: how they end, how they read their options, what they are. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/option.h"
#include <stdbool.h>

/* How probe, jobs, tail and doctor end; check has the numbers of a Nagios plugin instead. */
enum cli_exit {
	CLI_UP = 0,	  /* all targets are up; also: done, nothing to complain about */
	CLI_DOWN = 1,	  /* at least one is down */
	CLI_UNKNOWN = 2,  /* none is down, but of at least one nothing is known */
	CLI_USAGE = 3,	  /* the command line or a file it names is wrong; nothing was done */
	CLI_INTERNAL = 4, /* our own trouble: no pipeline, no Redis, no room to write */
};

/* argv[0] is the sub-command's name; the number is the exit status. */
int cmd_probe(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_jobs(int argc, char **argv);
int cmd_tail(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_monitors(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_engine(int argc, char **argv);
int cmd_scheduler(int argc, char **argv);
int cmd_alerts(int argc, char **argv);
int cmd_notify(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_version(int argc, char **argv);

extern const char *const cli_version;

/* Reads the options of a sub-command.  False: it ends here with *status, because --help was printed (0) or because
 * something is wrong, which was said on stderr (CLI_USAGE). */
bool cli_options(const struct option_table *table, int argc, char **argv, void *into, int *operand, int *status);

/* "portwatch probe: SENTENCE" on stderr; returns status, so that a command can end with it. */
int cli_refuse(const struct option_table *table, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
