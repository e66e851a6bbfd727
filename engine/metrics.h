/* metrics.h - the engine's counters as Prometheus text (format 0.0.4). */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "base/text.h"
#include "engine/pipeline.h"

struct metrics {
	const struct pipeline *_Atomic pipeline; /* NULL until it has started */
	const struct source_counters *source;
	const struct sink_counters *sink;
	const char *region, *consumer, *version;
};

/* For http_page.h; arg is a struct metrics.  Reads relaxed atomics and, for a moment, under the pipeline's lock. */
void metrics_write(void *arg, struct text *into);

/* The heartbeat's text: one line of logfmt that a person can read in redis-cli. */
void metrics_heartbeat(void *arg, struct text *into);

#endif
