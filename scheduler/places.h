/* places.h - one place a region and shard: its streams, what Redis said of them, and the repairs they may need.
 * In: a link that is up.  Out: where each jobs stream ends, who reads it.  Owns: the table of places. */
#ifndef SCHEDULER_PLACES_H
#define SCHEDULER_PLACES_H

#include "scheduler/counters.h"
#include "wire/redis_link.h"
#include "wire/settings.h"
#include "wire/streams.h"

#define AHEAD_MAX_MS 60000 /* a stream that ends further in the future was written by a clock that jumped */
#define UNREAD_MAX_MS 300000 /* what nobody read for so long is removed; its slots are MISSED since long */

struct place {
	char jobs[STREAM_KEY_MAX], res[STREAM_KEY_MAX], missed[STREAM_KEY_MAX];
	unsigned region, shard, seen_as; /* seen_as: number of the region in the counters */
	uint64_t last_ms;	/* of the last id of jobs; 0: none */
	uint64_t res_ms, res_seq; /* results up to this id were read */
	uint64_t looked_ms;	/* when engines were last asked for; 0: never */
	uint64_t engine_ms;	/* when one was last there */
	uint64_t delivered_ms;	/* the last entry that engines read */
};

struct places {
	struct place *place; /* region * shards + shard */
	unsigned count, regions, shards;
	char prefix[PREFIX_MAX_LEN + 1];
};

/* False: no memory. */
bool places_set(struct places *p, const char *prefix, const struct settings *s, struct scheduler_counters *counters);
void places_free(struct places *p);
static inline struct place *place_at(const struct places *p, unsigned region, unsigned shard)
{
	return &p->place[region * p->shards + shard];
}

/* All that follow: 0 or more, or -EIO when the link broke; the next try begins anew. */

/* Reads the last id of every jobs stream; *latest_ms is the greatest, 0 if there is none. */
int places_ends(struct places *p, struct redis_link *link, uint64_t *latest_ms);
/* Up to when results may have been trimmed away, 0 if none were. */
int places_results_from(struct places *p, struct redis_link *link, uint64_t *from_ms);
/* Sets back what ends more than AHEAD_MAX_MS after now: empties the stream, sets its last id and its group's.  The jobs
 * that were in it, by place, are added to jobs[]. */
int places_repair(struct places *p, struct redis_link *link, uint64_t now_ms, uint64_t *jobs,
		  struct scheduler_counters *c);
/* Asks for engines and what they read. */
int places_look(struct places *p, struct redis_link *link, uint64_t now_ms);
/* Removes jobs nobody read for UNREAD_MAX_MS; thorough: also what engines are done with, as they do themselves.  How
 * many. */
int places_trim(struct places *p, struct redis_link *link, uint64_t now_ms, bool thorough);

#endif
