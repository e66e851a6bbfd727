/* outbox.h - the outboxes of some shards as one channel reads them: a consumer group "notify:NAME" in each, with one
 * consumer of a constant name, so that what a dead process was given is ours to read again. */
#ifndef ALERTS_OUTBOX_H
#define ALERTS_OUTBOX_H

#include "alerts/notice_queue.h"
#include "alerts/standing.h"
#include "base/backoff.h"
#include "base/log.h"
#include "wire/redis_link.h"
#include "wire/settings.h"
#include "wire/stream_reader.h"

#define OUTBOX_CONSUMER "notify"
#define UNDELIVERED_MAX 1000
/* The group of a channel; size STREAM_KEY_MAX. */
void outbox_group(char *group, const char *channel);
/* pw:{alerts.S}:undelivered and pw:{alerts.S}:firing:CHANNEL; size STREAM_KEY_MAX. */
void undelivered_key(char *key, const char *prefix, unsigned shard);
void firing_key(char *key, const char *prefix, unsigned shard, const char *channel);

enum shard_state {
	SHARD_ELSEWHERE, /* another process tells its events, or nobody */
	SHARD_TAKEN,	 /* ours from now on: what stands is to be loaded */
	SHARD_PENDING,	 /* what was given to a process before us, or to us before the link broke, is being read */
	SHARD_FRESH,	 /* what is new is being read */
};

struct outbox {
	const char *prefix, *channel;
	char group[STREAM_KEY_MAX];
	struct redis_link *link;
	uint64_t connects;	 /* of the link, as of the last look */
	uint64_t shards;	 /* served, a bit each */
	enum shard_state state[SETTINGS_SHARDS_MAX];
	char after[SETTINGS_SHARDS_MAX][STREAM_ID_MAX]; /* PENDING: the last id read */
	struct backoff backoff;
	uint64_t not_before_ms;	 /* Redis refused something: nothing is asked earlier */
	struct log_limit limit;
	bool keeps_standing;
	uint64_t done[OUTCOMES]; /* events, since the start */
	struct notice_queue *queue;
	struct standing_set *standing;
	bool pages_only;
};

/* From now on these shards are served; what belongs to others is forgotten. */
void outbox_shards(struct outbox *o, uint64_t shards);
/* Reads what there is into the queue, waiting up to block_ms for something new; 0: not at all.  The link must be up.
 * False: there was nothing to ask Redis for (no shard, no room, or it wants its rest), so the caller has to wait by
 * itself. */
bool outbox_read(struct outbox *o, unsigned block_ms, uint64_t now_ms);
/* Acknowledges what is settled, and writes down what fires and what was given up.  False: not all of it, now. */
bool outbox_settle(struct outbox *o, uint64_t now_ms);
/* Forgets ends that were said for long enough, here and in Redis. */
void outbox_expire_standing(struct outbox *o, uint64_t wall_ms);

#endif
