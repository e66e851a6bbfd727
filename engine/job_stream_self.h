/* job_stream_self.h - what job_stream.c (reading), job_entry.c (one entry) and job_lease.c (keeping and claiming) share; nobody else's. */
#ifndef ENGINE_JOB_STREAM_SELF_H
#define ENGINE_JOB_STREAM_SELF_H

#include "base/backoff.h"
#include "base/log.h"
#include "engine/job_stream.h"
#include "wire/stream_reader.h"

struct job_stream_one {
	char key[STREAM_KEY_MAX], dlq[STREAM_KEY_MAX];
	unsigned shard;
	bool hot;
	uint64_t acked_ms; /* the newest entry that was acknowledged; under lock */
	char claim_from[STREAM_ID_MAX]; /* where the look for what others left goes on; "": at the oldest */
};

struct job_stream {
	struct source source;
	const struct stream_place *place;
	unsigned settle_ms;
	struct source_counters *counters;
	struct redis_link *link;
	unsigned count;
	struct job_stream_one stream[2 * SHARDS_MAX]; /* all hot ones first: COUNT is served in this order */

	/* the reader thread's own */
	bool groups_made;
	struct backoff backoff;
	struct log_limit limit;
	uint64_t link_due_ns;	   /* when the link, which is down, will be tried again */
	struct batch_list *into;   /* during take() */
	unsigned reading;	   /* index of the stream that a bare list of entries belongs to */
	unsigned longest_ms;	   /* the largest timeout and settle seen: the lease is made of it */
	uint64_t next_claim_ns, next_trim_ns, next_sweep_ns, next_backlog_ns;

	/* shared with the writer (published) and others (interrupt) */
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool interrupted;
	struct batch *oldest, *newest; /* in flight, in the order they were taken */
};

/* job_stream.c: true if the reply is no error.  Otherwise it is counted, said, and reacted to as its kind asks; NULL is
 * a broken link.  doing: the command, for the log. */
bool job_stream_reply_ok(struct job_stream *js, const struct redis_reply *reply, const char *doing);

/* job_entry.c.  An entry without a key of its own belongs to js->stream[js->reading]. */
void job_stream_entry(void *arg, const struct stream_entry *e); /* takes one entry; arg is the struct job_stream */
bool job_stream_holds(struct job_stream *js, const struct stream_entry *e); /* it is in flight here; O(batches) */
/* To dlq and acknowledged in one; false: neither, it stays pending. */
bool job_stream_bury(struct job_stream *js, const struct stream_entry *e, const char *why);
void job_stream_published(struct source *s, struct batch *b);

/* job_lease.c: renews the leases of what is in flight, claims what others left behind, trims, sweeps away consumers
 * that are gone - each when it is due. */
void job_lease_upkeep(struct job_stream *js, unsigned room);

/* job_backlog.c: sets the gauges of the age of what nobody has read yet. */
void job_backlog_look(struct job_stream *js);

#endif
