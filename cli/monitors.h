/* monitors.h - what the sub-commands of portwatch monitors share: the way to Redis, and names that nobody knows. */
#ifndef CLI_MONITORS_H
#define CLI_MONITORS_H

#include "cli/cli.h"
#include "cli/monitor_snapshot.h"
#include "cli/redis_choice.h"

enum { MONITORS_REACH_MS = 3000 };

int cmd_monitors_apply(int argc, char **argv);
int cmd_monitors_diff(int argc, char **argv);
int cmd_monitors_list(int argc, char **argv);
int cmd_monitors_show(int argc, char **argv);
int cmd_monitors_pause(int argc, char **argv);
int cmd_monitors_resume(int argc, char **argv);
int cmd_monitors_remove(int argc, char **argv);

/* A link that is up, or NULL, which was said and *status set. */
struct redis_link *monitors_reach(const struct option_table *table, const char *redis, const char *state,
				  const char *prefix, int *status);
/* Says why Redis did not do it; returns the status to end with. */
int monitors_failed(const struct option_table *table, const struct redis_link *link, const char *why);
/* Says that there is no monitor of that name, and which may have been meant. */
void monitors_unknown(const struct option_table *table, struct redis_link *link, const char *prefix, const char *name);

#endif
