/* scheduler.h - the state of one scheduler, for pipeline.c and the files that do its larger steps (tick.c, take_over.c,
 * follow.c, house.c); nobody else sees it whole. */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include "base/clock.h"
#include "base/log.h"
#include "scheduler/clock_guard.h"
#include "scheduler/job_emit.h"
#include "scheduler/ledger.h"
#include "wire/lease.h"
#include "wire/monitor_store.h"

#define BACK_MAX_MS 60000	 /* slots older than this are not scheduled any more: they would only expire */
#define CATCH_UP_TICKS 10	 /* at once, and so ten times real time */
#define INHERIT_MAX_MS 3000000 /* results of slots longer ago may be trimmed (an hour is the usual) */

struct scheduler_config {
	struct redis_url url;
	const char *prefix, *name, *version;
	unsigned expires_ms;
};

struct scheduler {
	struct scheduler_config config;
	struct scheduler_counters *counters;
	struct redis_link *link; /* jobs, lease, clock, trimming: what must not wait */
	struct redis_link *side; /* monitors, results, missed: what may be long */
	struct lease *lease;
	struct clock_guard clock;
	struct monitors monitors;
	struct places places;
	struct job_emit *emit;
	struct ledger ledger;
	struct missed_log *missed;
	struct monitor_sink sink;
	struct monitor_follow follow;

	bool running;		 /* we hold the lease and know where to go on */
	uint64_t taken;		 /* the taking of the lease that running belongs to */
	bool anew;		 /* what waited is accounted for: the ledger begins without it */
	bool pending;		 /* the tick in emit was sent and not answered, or shall be sent */
	uint64_t pending_ms;
	uint64_t read_ms;	 /* results up to then were seen */
	uint64_t steps_seen;	 /* of the clock */
	bool was_away;		 /* Redis, since ticks were emitted last */
	bool fresh;		 /* no tick was emitted yet: what is there already was the one before us */
	unsigned stride, accepted; /* Redis is full: only every stride-th tick is tried */
	uint64_t told;		 /* monitors since a load began, for breathing in between */
	uint64_t next_clock_ns, next_follow_ns, next_feed_ns, next_save_ns, next_house_ns, next_trim_ns;
	struct log_limit clock_said, broken_said, there_said;
	bool clock_was_wrong, full_said;
};

/* The time of the grid; the clock must be known. */
static inline uint64_t scheduler_now_ms(struct scheduler *s)
{
	return clock_guard_ms(&s->clock, clock_ns());
}

/* tick.c: emits what is due, at most CATCH_UP_TICKS; false: Redis does not take it now. */
bool tick_emit_due(struct scheduler *s, uint64_t now_ms);
/* Slots up to and with this tick belong to what is known now; a change is in force after it. */
static inline uint64_t tick_in_force_ms(const struct scheduler *s)
{
	return s->pending ? s->pending_ms : s->ledger.emitted_ms;
}

/* take_over.c: finds out where to go on and begins the ledger.  0, or -EIO: try again. */
int take_over(struct scheduler *s, uint64_t now_ms);
/* What the next one finds: how far we are. */
void take_over_save(struct scheduler *s, uint64_t now_ms);

/* follow.c: monitors and settings, every 200 ms. */
void follow_begin(struct scheduler *s);
void follow_poll(struct scheduler *s);

/* house.c: asks Redis' TIME; everything that is due every few seconds. */
void house_ask_clock(struct scheduler *s);
void house_keep(struct scheduler *s);

#endif
