/* counters.h - what the scheduler counts.  One thread writes; the metrics page reads. */
#ifndef SCHEDULER_COUNTERS_H
#define SCHEDULER_COUNTERS_H

#include "base/counter.h"
#include "base/histogram.h"
#include "wire/monitor.h"
#include "wire/redis_trouble.h"

/* Why a slot became no result. */
enum missed {
	MISSED_NO_SCHEDULER, /* nobody was there to schedule it */
	MISSED_REDIS_FULL,
	MISSED_REDIS_AWAY,
	MISSED_REFUSED,	     /* Redis took it for another reason not */
	MISSED_CLOCK,	     /* Redis' clock was set, over it or back before it */
	MISSED_MOVED,	     /* regions or shards of the settings changed while it waited */
	MISSED_NO_ENGINE,    /* no heartbeat since it was due */
	MISSED_NOT_TAKEN,    /* there was an engine, but it did not read the entry */
	MISSED_NOT_ANSWERED, /* an engine read it and published nothing */
	MISSED_UNKNOWN,	     /* answered by nobody, and Redis did not say more */
	MISSED_REASONS
};
extern const char *const missed_sentence[MISSED_REASONS];

#define REGIONS_SEEN_MAX 32 /* ever, while this process runs; later ones count with the last */

struct scheduler_counters {
	/* the ledger: scheduled = answered + missed + handed_over + waiting, always */
	counter scheduled, answered, missed, handed_over, waiting;
	counter missed_by[REGIONS_SEEN_MAX][MISSED_REASONS];
	counter late_answers, foreign_rows, bad_results, missed_unwritten;
	char region[REGIONS_SEEN_MAX][NAME_MAX_LEN + 1]; /* written once, before regions is raised */
	_Atomic unsigned regions;
	/* jobs */
	counter jobs, entries, refused_entries, already_there, cleared_entries, trimmed_entries;
	struct histogram late; /* slot to acknowledged */
	/* gauges */
	counter monitors, lease_held, lease_taken, redis_up, redis_connects, redis_full, lag_ms, skipping;
	_Atomic int64_t local_clock_us; /* the local clock less Redis' */
	counter clock_wrong, clock_steps;
	counter changes, loads, broken;
	counter trouble[TROUBLES];
};

#endif
