/* batch.h - the jobs of one stream entry on their way through the engine, from the source to the sink, in one piece.
 * One allocation when it is taken, one free when it is published; between them only names allocate: a job whose name has
 * several addresses becomes several rows, and jobs whose names are known earlier than others leave as a part of their own.
 * Owner: whoever holds it in a list.  A lane owns it from batch_queue_take() until its last job has an outcome. */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H

#include "wire/job.h"
#include "wire/result.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct batch {
	struct batch *next;		 /* in the list or queue that holds it */
	struct batch *newer, *older;	 /* the source's own list of what is in flight */
	uint64_t id_ms, id_seq;		 /* of the stream entry; where there is no stream, the source's own */
	uint64_t slot_ms;		 /* of the entry */
	uint64_t taken_ns;		 /* when the source took it (clock_ns) */
	uint64_t leased_ns;		 /* when Redis last heard that we still have it */
	uint16_t stream;		 /* the source's own number of the stream it came from */
	bool hot;			 /* goes before what is not */
	uint16_t jobs_taken;		 /* jobs of the entry: what is counted as taken and as published */
	uint16_t count;			 /* rows: one a job, or one for each address that is probed */
	uint16_t started, open;		 /* jobs begun; jobs without an outcome */
	uint16_t passed;		 /* jobs that the lane left to tls_stage.c */
	uint32_t blob_len;
	struct batch *ripe_after, *ripe_before; /* the lane's list of those with something to say before they are finished */
	uint64_t ripe_ns;		 /* 0: not in it */
	uint64_t said;			 /* a bit for each of the first 64 jobs whose outcome went ahead in a copy; of a copy: those it holds */
	bool early;			 /* such a copy: to be published, and nothing else */
	struct job *jobs;		 /* count of them */
	struct outcome *outcomes;	 /* count of them, zeroed */
	const uint8_t *blob;		 /* the texts that the jobs point into */
	struct batch *whole;		 /* of a part: what it will be joined to */
	struct batch *parts;		 /* of a whole: those that have come back; the joiner's */
	atomic_uint parts_open;		 /* of a whole: parts on their way, and 1 while more may be split off */
	struct batch_note *notes;	 /* what its outcomes point to: sentences, batch_room() */
	void *grown;			 /* jobs and outcomes, where they no longer stand behind the batch */
	void *tls;			 /* tls_stage.c's, of batch_room(): texts that outcomes point into; or NULL */
};

/* Keeps a copy of a sentence as long as the batch (and the whole it is joined to) lives. */
const char *batch_keep(struct batch *b, const char *sentence);
/* Zeroed memory that lives as long.  NULL: there is none. */
void *batch_room(struct batch *b, size_t size);

/* ---- parts: the resolver splits off, the writer joins ---- */

/* A part with these jobs of a whole; texts stay in the whole.  batch_split_begin() comes before the first, and
 * batch_split_end() after the last: true, if all parts were back already and nobody else will join it. */
void batch_split_begin(struct batch *whole);
struct batch *batch_split(struct batch *whole, const struct job *jobs, const struct outcome *outcomes, unsigned count);
bool batch_split_end(struct batch *whole);
/* Takes back a finished part; the whole if this was its last part, else NULL. */
struct batch *batch_join(struct batch *part);
/* Once all parts are back: the rows of all parts in the order of the entry's jobs, of each job the open ones first. */
void batch_assemble(struct batch *whole);

/* Copies jobs and blob into one allocation.  NULL: no memory. */
struct batch *batch_new(const struct job *jobs, unsigned count, const void *blob, size_t blob_len);
void batch_free(struct batch *b);

struct batch_list {
	struct batch *head, *tail;
	unsigned batches, jobs;
};

void batch_list_add(struct batch_list *list, struct batch *b);
struct batch *batch_list_take(struct batch_list *list); /* the oldest, NULL: empty */
void batch_list_join(struct batch_list *to, struct batch_list *from); /* empties from */

/* A list between two threads.  It needs no bound of its own: the pipeline never has more jobs under way than slots. */
struct batch_queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct batch_list list;
	bool awaited; /* somebody sleeps until there is a batch; else nobody is woken, which would cost a system call */
	bool nudged; /* since the last take */
};

void batch_queue_init(struct batch_queue *q);
void batch_queue_free(struct batch_queue *q);
void batch_queue_put(struct batch_queue *q, struct batch_list *from); /* takes all of from */
/* Takes all there is; waits at most wait_ms for the first (0: does not wait). */
void batch_queue_take(struct batch_queue *q, struct batch_list *into, unsigned wait_ms);
/* Sleeps until clock_ns() is at_ns, so that what comes meanwhile is taken together; a batch does not end it. */
void batch_queue_gather(struct batch_queue *q, uint64_t at_ns);
/* Ends a wait in batch_queue_take() or batch_queue_gather() early, the next one if nobody waits now. */
void batch_queue_nudge(struct batch_queue *q);

#endif
