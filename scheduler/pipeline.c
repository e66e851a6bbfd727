/* pipeline.c - the scheduler in one screen: where two stages are named together.
 *
 *	pw:monitors --follow--> monitors --tick--> jobs streams
 *	                            |                  |
 *	       missed <--audit-- ledger <--feed-- res streams
 *
 * One thread, one step each tick.  Two links: what must not wait has its own, so that a long answer about monitors or
 * results is never in front of a tick. */
#include "scheduler/pipeline.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "scheduler/result_feed.h"

#include <stdlib.h>

#define REPLY_MS 2000
#define FEED_READS_MAX 4	    /* reads of results in one step, so that a backlog does not make ticks late */
#define STANDBY_US 50000

static bool link_is_up(struct redis_link *link)
{
	unsigned wait_ms;
	return redis_link_up(link, &wait_ms) == 0;
}

/* Redis' clock was set back behind the streams: what was scheduled ahead of it is taken back, and we begin again. */
static void mind_clock(struct scheduler *s)
{
	if (!s->running || clock_guard_ahead_ms(&s->clock, clock_ns()) <= AHEAD_MAX_MS)
		return;
	log_warnx("Redis' clock was set back by more than a minute: beginning anew");
	ledger_give_up(&s->ledger, MISSED_CLOCK);
	clock_guard_back(&s->clock);
	s->running = s->pending = false;
	s->anew = true;
}

/* ---- who schedules ---- */

static void stop_running(struct scheduler *s)
{
	ledger_close(&s->ledger);
	s->running = s->pending = false;
}

/* Only who knows the monitors asks for the lease. */
static void mind_lease(struct scheduler *s)
{
	bool held = (s->follow.loaded || lease_is_held(s->lease)) && lease_hold(s->lease);
	counter_set(&s->counters->lease_held, held);
	counter_set(&s->counters->lease_taken, lease_taken(s->lease));
	if (s->running && (!held || lease_taken(s->lease) != s->taken))
		stop_running(s);
	if (held && !s->running && s->follow.loaded && take_over(s, scheduler_now_ms(s)) == 0) {
		s->running = true;
		s->anew = false;
		s->taken = lease_taken(s->lease);
		s->read_ms = 0;
		s->next_save_ns = s->next_house_ns = s->next_feed_ns = 0;
	}
}

static void emit(struct scheduler *s)
{
	if (link_is_up(s->link) && (is_due(&s->next_clock_ns, NS_PER_S) || !s->clock.known))
		house_ask_clock(s);
	if (!s->clock.known)
		return;
	s->was_away |= !redis_link_is_up(s->link);
	mind_clock(s);
	mind_lease(s);
	if (s->running && redis_link_is_up(s->link) && lease_is_held(s->lease))
		tick_emit_due(s, scheduler_now_ms(s));
}

void schedule_breathe(struct scheduler *s)
{
	if (lease_is_held(s->lease))
		emit(s);
}

/* ---- the ledger ---- */

static void feed(struct scheduler *s)
{
	if (!link_is_up(s->side) || !is_due(&s->next_feed_ns, 100 * NS_PER_MS))
		return;
	for (unsigned i = 0; i < FEED_READS_MAX; i++) {
		uint64_t asked_ms = scheduler_now_ms(s);
		int got = result_feed_read(&s->ledger, s->side);
		if (got == 1)
			s->read_ms = asked_ms;
		if (got)
			return;
		emit(s); /* a tick may have come meanwhile */
		if (!s->running)
			return;
	}
	s->next_feed_ns = 0; /* there is more */
}

static void audit(struct scheduler *s)
{
	ledger_audit(&s->ledger, scheduler_now_ms(s), s->read_ms);
	if (redis_link_is_up(s->side))
		missed_log_write(s->missed, s->side);
}

/* ---- life ---- */

struct scheduler *schedule_new(const struct scheduler_config *config, struct scheduler_counters *counters)
{
	struct scheduler *s = calloc(1, sizeof(*s));
	char key[STREAM_KEY_MAX];
	if (!s)
		return NULL;
	s->config = *config;
	s->counters = counters;
	s->stride = 1;
	lease_key(key, config->prefix, "scheduler");
	monitors_init(&s->monitors, config->expires_ms);
	s->link = redis_link_new(&config->url, "portwatch-scheduler", REPLY_MS);
	s->side = redis_link_new(&config->url, "portwatch-scheduler-side", REPLY_MS);
	s->lease = s->link ? lease_new(s->link, key, config->name, LEASE_TTL_MS) : NULL;
	s->emit = job_emit_new();
	s->missed = missed_log_new(counters);
	ledger_init(&s->ledger, &s->monitors, &s->places, s->missed, counters);
	follow_begin(s);
	if (!s->link || !s->side || !s->lease || !s->emit || !s->missed) {
		schedule_free(s);
		return NULL;
	}
	return s;
}

unsigned schedule_step(struct scheduler *s)
{
	emit(s);
	follow_poll(s);
	if (s->running) {
		feed(s);
		audit(s);
	}
	house_keep(s);
	if (!s->running)
		return STANDBY_US;
	uint64_t us = clock_guard_us(&s->clock, clock_ns()), tick_us = TICK_MS * 1000;
	return (unsigned)(tick_us - us % tick_us);
}

void schedule_stop(struct scheduler *s)
{
	if (s->running && redis_link_is_up(s->link))
		take_over_save(s, scheduler_now_ms(s));
	lease_release(s->lease);
	if (s->running)
		stop_running(s);
}

void schedule_free(struct scheduler *s)
{
	if (!s)
		return;
	lease_free(s->lease);
	redis_link_free(s->link);
	redis_link_free(s->side);
	job_emit_free(s->emit);
	missed_log_free(s->missed);
	ledger_free(&s->ledger);
	monitors_free(&s->monitors);
	places_free(&s->places);
	free(s);
}
