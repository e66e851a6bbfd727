/* monitor_apply.h - makes Redis hold what a configuration says, for portwatch monitors apply and for portwatch up. */
#ifndef CLI_MONITOR_APPLY_H
#define CLI_MONITOR_APPLY_H

#include "cli/monitor_plan.h"

struct monitor_apply {
	/* In: borrowed.  agree sees the plan before anything is written, again if somebody else wrote meanwhile;
	 * false: nothing is written. */
	struct redis_link *link;
	const char *prefix;
	const struct config *config;
	bool (*agree)(void *arg, const struct monitor_plan *plan);
	void *arg;

	/* Out: the plan that counts, how many of its changes were written, and why not all. */
	struct monitor_plan plan;
	size_t written;
	char why[STORE_WHY_MAX];
	struct snapshot there; /* what the plan points into */
};

/* 0; -ECANCELED: agree said no; else a negative errno as monitor_store.h says, with why.  monitor_apply_free() is due
 * in any case. */
int monitor_apply(struct monitor_apply *a);
void monitor_apply_free(struct monitor_apply *a);

/* "1 added, 0 changed, 2 removed, 3 as they were", and whether the settings were others. */
void monitor_apply_count(char *into, size_t len, const struct monitor_plan *plan);
/* What it means that monitors come into other shards, a sentence; "" if none does. */
void monitor_apply_moves(char *into, size_t len, const struct monitor_plan *plan);

#endif
