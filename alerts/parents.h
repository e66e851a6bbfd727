/* parents.h - the state of monitors that others depend on, wherever they are decided.
 *
 * In our own shards it is looked up; of another process's shard the state hash is asked, at most twice a second for
 * each.  When a child fails its parents are probed at once, and count as suspect until they have answered: the child's
 * alert waits for that long, and no longer. */
#ifndef ALERTS_PARENTS_H
#define ALERTS_PARENTS_H

#include "alerts/watch.h"

#define FAR_PARENTS 1024 /* remembered; more of them only ask more often */
#define PARENT_ASK_AGAIN_MS 5000 /* a parent of a thousand children is probed once for all of them */

struct far_parent {
	char name[NAME_MAX_LEN + 1];
	enum parent_state state;
	uint64_t looked_ms, asked_ms, until_ms; /* until_ms: suspect until then */
};

struct parents {
	struct far_parent *far; /* malloc'd, FAR_PARENTS of them, by hash */
};

struct alerts;
struct watched;

void parents_free(struct parents *p);
/* The worst of them into env. */
void parents_look(struct alerts *a, const struct watched *child, struct watch_env *env);
/* A child fails: all its parents that are not down are to be probed. */
void parents_ask(struct alerts *a, const struct watched *child);

#endif
