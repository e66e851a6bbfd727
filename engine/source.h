/* source.h - where jobs come from.  Two exist: a Redis job stream (job_stream.c) and a list of targets (the command line's).
 * A source belongs to the pipeline's reader thread; only interrupt() may come from another. */
#ifndef ENGINE_SOURCE_H
#define ENGINE_SOURCE_H

#include "engine/batch.h"

#define SOURCE_ENDED (-1)

struct source {
	/* Adds batches of about room jobs at most (one entry more may come: an entry is not split) to into; with room 0
	 * none, it then only looks after what is in flight.  Waits at most wait_ms when there is nothing.  Returns 0, or SOURCE_ENDED when there will never be more.  Trouble of its
	 * own is its own business: it logs, backs off within wait_ms, and returns 0 with nothing. */
	int (*take)(struct source *s, unsigned room, unsigned wait_ms, struct batch_list *into);

	/* A batch of this source has been published, from the writer thread; the batch is freed afterwards. */
	void (*published)(struct source *s, struct batch *b);

	/* Makes a take() that waits return soon; from any thread. */
	void (*interrupt)(struct source *s);
};

#endif
