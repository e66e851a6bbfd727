/* job_stream.h - the source that reads job entries from Redis streams as one consumer of the group "engine". */
#ifndef ENGINE_JOB_STREAM_H
#define ENGINE_JOB_STREAM_H

#include "engine/counters.h"
#include "engine/source.h"
#include "wire/redis_url.h"

#define SHARDS_MAX 64	 /* for one engine */
#define SHARD_LAST 65535

struct stream_place {
	struct redis_url url;
	const char *prefix, *region, *consumer; /* borrowed */
	unsigned shard[SHARDS_MAX], shards;
};

/* "0", "0,2", "0-7" into place->shard.  0, or -EINVAL: why says what is wrong. */
int shards_parse(const char *text, struct stream_place *place, char *why, size_t why_len);

/* settle_ms (or JOB_SETTLE_AUTO) is for jobs that say nothing of it.  place and counters are borrowed until
 * job_stream_free().  NULL: no memory. */
struct source *job_stream_new(const struct stream_place *place, unsigned settle_ms, struct source_counters *counters);
void job_stream_free(struct source *s);

/* The key of the stream a batch came from, for its acknowledgement; stable while the source lives. */
const char *job_stream_key(const struct source *s, const struct batch *b);
unsigned job_stream_shard(const struct source *s, const struct batch *b);

#endif
