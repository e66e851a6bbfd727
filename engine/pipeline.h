/* pipeline.h - the engine's stages in one place: source -> resolver -> lanes -> sink. */
#ifndef ENGINE_PIPELINE_H
#define ENGINE_PIPELINE_H

#include "engine/lane.h"
#include "engine/resolve.h"
#include "engine/sink.h"
#include "engine/source.h"
#include "engine/tls_stage.h"

#define PIPELINE_LANES_MAX 64

struct pipeline_config {
	unsigned slots;	 /* connects in flight, over all lanes */
	unsigned lanes;	 /* 0: as many as LANE_SLOTS_MAX asks for */
	double rate;	 /* new connections a second, over all lanes; 0: no limit */
	enum connector_choice connector;
	bool early; /* the sink can publish what is down before its batch is finished */
	struct local_addresses from;
	const struct address_policy *policy; /* NULL: any; borrowed until pipeline_free() */
	unsigned per_destination;	     /* new connections a second to one address; 0: no limit */
	bool coalesce;			     /* identical jobs of a lane share an attempt */
	char resolvers[RESOLVERS_TEXT_MAX]; /* resolver_list_add() fills it; "": the system's */
};

struct pipeline;

/* Starts lanes, reader and writer.  Clamps slots to RLIMIT_NOFILE (raised to its hard limit first) and says so in the
 * log.  NULL: why holds a sentence.  Source and sink are borrowed until pipeline_free(). */
struct pipeline *pipeline_start(const struct pipeline_config *config, struct source *source, struct sink *sink,
				char *why, size_t why_len);
/* Stops intake, from any thread; what is in flight finishes and is published.  Returns at once. */
void pipeline_drain(struct pipeline *p);
/* Waits at most wait_ms until the source has ended (or was drained) and everything taken is published; true: it is. */
bool pipeline_wait(struct pipeline *p, unsigned wait_ms);
/* Ends the threads and frees.  What is not published by then is dropped (and, in Redis, still pending). */
void pipeline_free(struct pipeline *p);

/* For the metrics page, the heartbeat and progress lines. */
struct pipeline_state {
	unsigned lanes, slots;
	const char *connector, *connector_why; /* of a lane that had to take its second choice, if there is one */
	unsigned second_choice;		       /* how many lanes had to */
	uint64_t taken, published, in_flight; /* jobs; taken = published + in_flight */
	uint64_t probing;		      /* connects in flight now */
	uint64_t resolving;		      /* jobs that wait for a name; they take no slots */
};
void pipeline_look(const struct pipeline *p, struct pipeline_state *state);
unsigned pipeline_lanes(const struct pipeline *p);
const struct resolve_counters *pipeline_resolve_counters(const struct pipeline *p);
const struct lane_counters *pipeline_lane_counters(const struct pipeline *p, unsigned lane);
const struct tls_counters *pipeline_tls_counters(const struct pipeline *p);

#endif
