/* result_feed.h - results as they come: the res streams of all regions and the questions of people, for the shards that
 * are ours.
 *
 * Group and consumer are both "alerts": what a dead process had read and not acknowledged is ours to read again when its
 * shard becomes ours, and so it is after a link broke.  Whoever reads acknowledges only what was decided and stored. */
#ifndef ALERTS_RESULT_FEED_H
#define ALERTS_RESULT_FEED_H

#include "wire/redis_link.h"
#include "wire/result.h"
#include "wire/stream_reader.h"

#include <stdatomic.h>

#define FEED_GROUP "alerts"

struct feed;

struct feed_counters {
	_Atomic uint64_t entries, rows, unreadable, vanished;
};

/* What an entry becomes.  region: index in the list that feed_take() was given. */
struct feed_sink {
	void (*result)(void *arg, unsigned shard, unsigned region, uint64_t entry_ms, const struct result *r);
	/* Behind the last row of an entry: what was decided from it may be stored before the next one. */
	void (*entry)(void *arg, unsigned shard, unsigned region, uint64_t entry_ms);
	void (*question)(void *arg, unsigned shard, const char *monitor, const char *reply_key);
	void *arg;
};

struct feed *feed_new(struct redis_link *link, const char *prefix, const struct feed_sink *sink,
		      struct feed_counters *counters); /* NULL: no memory */
void feed_free(struct feed *f);

/* Reads a shard too, from what is pending on; makes the groups.  0, or a negative errno and nothing changed (try again).
 */
int feed_take(struct feed *f, unsigned shard, const char *const *regions, unsigned count);
void feed_drop(struct feed *f, unsigned shard);

/* Reads what there is, waiting block_ms at most for something to come; a shard that is held back gets nothing.  Returns
 * the number of entries, or negative: the link broke or refused, and all that is pending will come again. */
int feed_read(struct feed *f, unsigned block_ms);
/* While true the shard's streams are not read: what it has decided is not stored yet. */
void feed_hold_back(struct feed *f, unsigned shard, bool held);
bool feed_is_open(const struct feed *f); /* there is a stream to be read */
/* Everything of the shard that was given out so far is dealt with. */
void feed_acknowledge(struct feed *f, unsigned shard);

/* Gives the rows of a stream from an entry id on (since_ms the first time), as many as one reply carries; *cursor_ms and
 * *cursor_seq move.  1: there may be more; 0: that was all; negative: see feed_read(). */
int feed_replay(struct feed *f, unsigned shard, unsigned region, const char *region_name, uint64_t *cursor_ms, uint64_t *cursor_seq,
		void (*result)(void *arg, unsigned shard, unsigned region, uint64_t entry_ms, const struct result *r));

#endif
