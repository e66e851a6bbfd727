/* streams.h - the names of everything in Redis, and the limits that producers and consumers share.
 * {r.s} is a hash tag: all keys of one region and shard live in one slot of a Redis Cluster. */
#ifndef WIRE_STREAMS_H
#define WIRE_STREAMS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define STREAM_PREFIX "pw"
#define STREAM_GROUP_ENGINE "engine"

#define STREAM_FORMAT 1	       /* field v of every entry; another number is refused, not guessed at */
#define ENTRY_JOBS_MAX 64      /* jobs in one entry; a pending entry costs Redis 84 B whatever it holds */
#define ENTRY_BYTES_BEST 3900  /* a stream node is 4 KB; an entry that does not fit costs 25 % more */
#define ENTRY_BYTES_MAX 65536  /* of the blob; more is refused */
#define DELIVERIES_MAX 3       /* then an entry goes to dlq */
#define HEARTBEAT_PX_MS 15000

#define NAME_MAX_LEN 64	       /* monitor and region names */
#define PREFIX_MAX_LEN 32
#define HOST_MAX_LEN 253       /* RFC 1035, without the final dot */
#define STREAM_KEY_MAX 192

enum stream_kind { STREAM_HOT, STREAM_JOBS, STREAM_RES, STREAM_DLQ, STREAM_KINDS };

/* What regions, consumers and prefixes are made of; most: the longest, NAME_MAX_LEN or PREFIX_MAX_LEN. */
static inline bool stream_name_is_plain(const char *name, size_t most)
{
	size_t n = strlen(name);
	return n > 0 && n <= most && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

/* "pw:{eu.0}:jobs" into key (STREAM_KEY_MAX bytes). */
static inline void stream_key(char *key, const char *prefix, const char *region, unsigned shard, enum stream_kind kind)
{
	static const char *const name[STREAM_KINDS] = { "hot", "jobs", "res", "dlq" };
	snprintf(key, STREAM_KEY_MAX, "%.32s:{%.64s.%u}:%s", prefix, region, shard, name[kind]);
}

static inline void heartbeat_key(char *key, const char *prefix, const char *region, unsigned shard, const char *consumer)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:{%.64s.%u}:hb:%.80s", prefix, region, shard, consumer);
}

#endif
