/* monitor_plan.h - what has to be written so that Redis holds what a configuration says. */
#ifndef CLI_MONITOR_PLAN_H
#define CLI_MONITOR_PLAN_H

#include "cli/monitor_snapshot.h"
#include "config/config.h"

struct monitor_plan {
	struct monitor_change *change; /* was points into the snapshot, json is owned */
	size_t changes, added, changed, removed, same;
	unsigned shards_were, shards; /* shards_were 0: nobody had said how many */
	size_t moved;		      /* that are in both and come into another shard */
	char *settings;	  /* to be written, or NULL: they stay */
	bool settings_changed; /* there were others */
	struct text lines; /* "+ db 192.0.2.1:5432", "~ web: timeout_ms 3200 -> 1000", "- old"; sorted by name */
};

/* c and s are borrowed until monitor_plan_free().  A monitor that is paused there stays so, unless the file says
 * paused. */
void monitor_plan_make(struct monitor_plan *plan, const struct config *c, const struct snapshot *s);
void monitor_plan_free(struct monitor_plan *plan);
bool monitor_plan_is_empty(const struct monitor_plan *plan);

#endif
