/* sink.h - where finished batches go.  Two exist: a Redis result stream (result_stream.c) and the command line's printer.
 * A sink belongs to the pipeline's writer thread. */
#ifndef ENGINE_SINK_H
#define ENGINE_SINK_H

#include "engine/batch.h"

struct sink {
	/* Takes over the batches of fresh (it may be empty), publishes what it can, in order, and adds what is published
	 * for good to published.  What it could not publish it keeps and tries again at the next call.  Returns in how
	 * many ms it wants to be called even if nothing new is there. */
	unsigned (*put)(struct sink *s, struct batch_list *fresh, struct batch_list *published);

	/* Makes a put() that waits return soon; from any thread. */
	void (*interrupt)(struct sink *s);

	/* Set by put(): until then (clock_ns) it would only keep what is new, so it need not be called for that. */
	uint64_t gathers_until_ns;
};

#endif
