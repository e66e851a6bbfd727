/* job_emit.h - the jobs of one tick as stream entries, sent so that each slot is in its stream once or not at all.
 * In: jobs, place by place.  Out: entries of at most 64 jobs and 3,900 bytes, one set of options each, with explicit
 * ids TICK-0, TICK-1, ...; what Redis made of them, by place.  Owns: the bytes of the tick until it is answered.
 *
 * All entries of a tick and stream go in one MULTI/EXEC.  So a stream that ends with tick T holds all of T, and whoever
 * comes next knows where to go on; and a tick whose answer was lost is sent again as the same bytes: if it is there,
 * Redis refuses each id as "equal or smaller", which then means success. */
#ifndef SCHEDULER_JOB_EMIT_H
#define SCHEDULER_JOB_EMIT_H

#include "scheduler/monitors.h"
#include "scheduler/places.h"

enum emitted {
	EMIT_NONE,     /* nothing was due there */
	EMIT_ACCEPTED,
	EMIT_THERE,    /* refused because it, or something later, is in the stream */
	EMIT_FULL,
	EMIT_LATER,    /* Redis cannot at the moment: send again */
	EMIT_REFUSED   /* and will not take it later either */
};

struct emit_place {
	uint32_t jobs, entries;
	enum emitted outcome;
};

struct job_emit;
struct job_emit *job_emit_new(void); /* NULL: no memory */
void job_emit_free(struct job_emit *e);

/* Empty, for the places there are; false: no memory. */
bool job_emit_begin(struct job_emit *e, unsigned places, uint64_t tick_ms);
/* options must be the same for the same class and stay where they are until job_emit_end(). */
void job_emit_add(struct job_emit *e, unsigned place, unsigned class, const struct job_options *options,
		  const uint8_t *job, size_t len);
/* No more jobs come.  False: no memory, nothing of it may be sent. */
bool job_emit_end(struct job_emit *e);
uint32_t job_emit_entries(const struct job_emit *e);
/* Sends all and reads every answer.  0: outcomes are known.  -EIO: the link broke, or was dropped because of an
 * EMIT_LATER; send again. */
int job_emit_send(struct job_emit *e, const struct places *places, struct redis_link *link);
const struct emit_place *job_emit_outcome(const struct job_emit *e, unsigned place);

/* For tests: entry number i in the order in which they are sent. */
const void *job_emit_blob(const struct job_emit *e, uint32_t i, size_t *len, unsigned *place, unsigned *jobs);

#endif
