/* standing.h - what a channel must say again while it holds: incidents that fire, and those that ended a short while
 * ago. Kept in memory for the refresh and, as one JSON value for each, in the hash pw:{alerts.S}:firing:NAME for the
 * next process:
 *
 *	{"began":{"id","type","monitor","incident","page","resolved","b"},"ended":{...},"until_ms":1764626400000} */
#ifndef ALERTS_STANDING_H
#define ALERTS_STANDING_H

#include "alerts/notice_text.h"

#define STANDING_AFTER_MS 300000 /* an end is said for so long; a client of Alertmanager owes it */

struct standing {
	struct standing *next;
	unsigned shard;
	char key[NOTICE_INCIDENT_MAX]; /* notice_incident() */
	struct notice *began, *ended; /* one allocation each; either may be NULL, not both */
	uint64_t until_ms;	      /* wall clock; 0: it holds */
};

struct standing_set {
	struct standing *first;
	unsigned count;
};

struct standing *standing_find(const struct standing_set *set, unsigned shard, const char *key);
/* Copies a notice that began or ended something.  NULL: no memory. */
struct standing *standing_put(struct standing_set *set, unsigned shard, const struct notice *n, uint64_t wall_ms);
void standing_remove(struct standing_set *set, struct standing *s);
void standing_keep_shards(struct standing_set *set, uint64_t shards); /* 0: none */

/* As it stands in Redis; malloc'd. */
char *standing_json(const struct standing *s);
/* False: it is not what standing_json() writes. */
bool standing_load(struct standing_set *set, unsigned shard, const char *json, size_t len);
/* What the refresh says: the end with its beginning, or the beginning.  malloc'd array of set->count, or NULL. */
struct notice *standing_notices(const struct standing_set *set);

#endif
