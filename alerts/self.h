/* self.h - what does not work with portwatch itself: one event when it begins, one when it ends, notices both.
 *
 * Told by whoever holds shard 0, so by one process; what is wrong stands in that shard's state hash as "@problem:KEY",
 * so that a restarted process neither tells it again nor forgets to tell its end. */
#ifndef ALERTS_SELF_H
#define ALERTS_SELF_H

#include "alerts/regions.h"
#include "alerts/state_store.h"

#define PROBLEMS_MAX (5 * REGIONS_MAX + 8)
#define PROBLEM_KEY_MAX (NAME_MAX_LEN + 24)
#define SCHEDULER_SILENT_MS 20000
#define RESULT_LAG_MS 30000 /* results that are read so long after they came are old news */

struct problem {
	char key[PROBLEM_KEY_MAX];	 /* "silent:eu", "resolver:eu", "scheduler" */
	char component[PROBLEM_KEY_MAX]; /* "region eu" */
	char sentence[200];
	uint64_t since_ms;
	bool on;
};

struct self {
	struct problem problem[PROBLEMS_MAX];
	unsigned count;
	char written[REGIONS_MAX][32]; /* state in "@region:NAME" */
};

/* What is looked at beside the regions. */
struct self_facts {
	const struct regions *regions;
	uint64_t now_ms, mono_ms;
	bool watches;		  /* there are monitors at all */
	bool full;		  /* Redis refuses for want of memory */
	bool stored;		  /* something was stored since we began */
	const char *canary;	  /* an always-down canary whose results do not come back, or NULL */
	bool canary_back;	  /* they all came back since we began, or there is none */
};

/* Puts events and fields for what began or ended since the last call into the store of shard 0. */
void self_check(struct self *s, const struct self_facts *facts, struct store *store);
/* A field "@problem:..." or "@region:..." of shard 0's state, when the shard is taken; regions get their quarantine
 * back. */
void self_load(struct self *s, struct regions *regions, const char *field, const char *json, size_t len);
/* Shard 0 is another's now. */
void self_forget(struct self *s);
unsigned self_problems(const struct self *s);

#endif
