/* result_stream.h - the sink that publishes results to Redis and acknowledges their jobs in the same transaction. */
#ifndef ENGINE_RESULT_STREAM_H
#define ENGINE_RESULT_STREAM_H

#include "base/text.h"
#include "engine/job_stream.h"
#include "engine/sink.h"

struct result_stream_config {
	const struct stream_place *place;	     /* where to; the same region, prefix and consumer as the jobs */
	const struct source *jobs;		     /* names the stream a batch came from */
	uint64_t keep_ms;			     /* results older than this are trimmed once all groups have them */
	void (*describe)(void *arg, struct text *into); /* writes the heartbeat's text */
	void *arg;
};

/* config and counters are borrowed until result_stream_free().  NULL: no memory. */
struct sink *result_stream_new(const struct result_stream_config *config, struct sink_counters *counters);
void result_stream_free(struct sink *s);

#endif
