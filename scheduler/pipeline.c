/* pipeline.c - the scheduler in one screen: where two stages are named together.
 *
 *	pw:monitors --follow--> monitors --tick--> jobs streams
 *	                            |                  |
 *	       missed <--audit-- ledger <--feed-- res streams
 *
 * One thread, one step each tick.  Two links: what must not wait has its own, so that a long answer about monitors or results
 * is never in front of a tick.  A load of a million monitors takes seconds; in between, ticks go on (sink_set). */
#include "scheduler/pipeline.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "scheduler/result_feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define REPLY_MS 2000
#define FEED_READS_MAX 4	    /* reads of results in one step, so that a backlog does not make ticks late */
#define BREATHE_MONITORS 200	    /* told between two looks at the ticks: about a ms */
#define STANDBY_US 50000

static bool link_is_up(struct redis_link *link)
{
	unsigned wait_ms;
	return redis_link_up(link, &wait_ms) == 0;
}

/* ---- the clock ---- */

static void say_clock(struct scheduler *s)
{
	int64_t off = s->clock.local_us;
	bool wrong = off > CLOCK_WRONG_US || off < -CLOCK_WRONG_US;
	atomic_store(&s->counters->local_clock_us, off);
	counter_set(&s->counters->clock_wrong, wrong);
	counter_set(&s->counters->clock_steps, s->clock.steps);
	if (wrong && !s->clock_was_wrong)
		log_warnx("the local clock is wrong, or Redis' is; slots follow Redis'", LOG_U("local_minus_redis_ms", off / 1000));
	if (!wrong && s->clock_was_wrong)
		log_info("the local clock agrees with Redis' again");
	s->clock_was_wrong = wrong;
}

static void ask_clock(struct scheduler *s)
{
	uint64_t sent = clock_ns(), local = clock_wall_us();
	struct redis_reply *reply = redis_ask(s->link, "TIME");
	uint64_t got = clock_ns(), redis_us = (uint64_t)reply_integer(reply_at(reply, 0)) * 1000000 +
					      (uint64_t)reply_integer(reply_at(reply, 1));
	if (reply_count(reply) == 2 && redis_us > 0) {
		clock_guard_sample(&s->clock, sent, got, redis_us, local + (got - sent) / 2000);
		say_clock(s);
	}
	redis_reply_free(reply);
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

static uint64_t now_ms(struct scheduler *s)
{
	return clock_guard_ms(&s->clock, clock_ns());
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
	if (held && !s->running && s->follow.loaded && take_over(s, now_ms(s)) == 0) {
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
		ask_clock(s);
	if (!s->clock.known)
		return;
	mind_clock(s);
	mind_lease(s);
	if (!s->running)
		return;
	if (!redis_link_is_up(s->link))
		s->was_away = true;
	else if (lease_is_held(s->lease))
		tick_emit_due(s, now_ms(s));
}

/* ---- monitors ---- */

static void sink_begin(void *arg)
{
	struct scheduler *s = arg;
	monitors_begin(&s->monitors);
}

static void sink_end(void *arg)
{
	struct scheduler *s = arg;
	monitors_end(&s->monitors, tick_in_force_ms(s), s->running);
	log_info("monitors loaded", LOG_U("scheduled", s->monitors.live));
}

/* Regions and shards make the grid: with others, everything begins anew, also the reading of monitors. */
static void sink_settings(void *arg, struct settings *settings)
{
	struct scheduler *s = arg;
	bool same = s->monitors.regions == settings->regions && s->monitors.shards == settings->shards && s->places.place;
	for (unsigned i = 0; same && i < settings->regions; i++)
		same = strcmp(s->monitors.region[i], settings->region[i]) == 0;
	if (same)
		return;
	ledger_give_up(&s->ledger, MISSED_MOVED);
	s->running = s->pending = false;
	s->anew = true;
	s->follow.loaded = false;
	monitors_place(&s->monitors, settings);
	ledger_place(&s->ledger);
	if (!places_set(&s->places, s->config.prefix, settings, s->counters))
		log_errorx("no memory for the streams of all regions");
	log_info("regions", LOG_U("regions", settings->regions), LOG_U("shards", settings->shards));
}

static void broken(struct scheduler *s, const char *why)
{
	unsigned missed;
	counter_add(&s->counters->broken, 1);
	if (log_allowed(&s->broken_said, 2, &missed))
		log_warnx("a monitor or the settings cannot be used; what was known of it is kept", LOG_S("why", why), LOG_UNSAID(missed));
}

static void sink_set(void *arg, struct monitor *m)
{
	struct scheduler *s = arg;
	char why[200];
	uint32_t index;
	if (!monitors_set(&s->monitors, m, tick_in_force_ms(s), s->running, &index, why, sizeof(why)))
		broken(s, why);
	else if (index != INDEX_NONE && !ledger_fresh(&s->ledger, index))
		broken(s, "no memory for the ledger");
	if (++s->told % BREATHE_MONITORS == 0 && lease_is_held(s->lease))
		emit(s);
}

static void sink_del(void *arg, const char *name, size_t len)
{
	struct scheduler *s = arg;
	monitors_remove(&s->monitors, name, len, tick_in_force_ms(s), s->running);
}

/* It stays as it was: a typing error must not end the watch over a database. */
static void sink_broken(void *arg, const char *name, size_t len, const char *why)
{
	struct scheduler *s = arg;
	uint32_t index = name ? monitors_find(&s->monitors, name, len) : INDEX_NONE;
	if (index != INDEX_NONE)
		s->monitors.row[index].told = s->monitors.telling;
	broken(s, why);
}

static void follow(struct scheduler *s)
{
	unsigned missed;
	if (!link_is_up(s->side) || (s->follow.loaded && !is_due(&s->next_follow_ns, 200 * NS_PER_MS)))
		return;
	int told = monitor_follow_poll(&s->follow, s->side, 0);
	if (told == MONITOR_CHUNK)
		s->next_follow_ns = 0; /* there is more */
	if (told == -EIO || told >= 0)
		counter_set(&s->counters->changes, s->follow.changes);
	else if (log_allowed(&s->broken_said, 1, &missed))
		log_warnx("monitors cannot be read", LOG_S("why", s->follow.why), LOG_UNSAID(missed));
	counter_set(&s->counters->loads, s->follow.loads);
	counter_set(&s->counters->monitors, s->monitors.live);
}

/* ---- the ledger ---- */

static void feed(struct scheduler *s)
{
	if (!link_is_up(s->side) || !is_due(&s->next_feed_ns, 100 * NS_PER_MS))
		return;
	for (unsigned i = 0; i < FEED_READS_MAX; i++) {
		uint64_t asked_ms = now_ms(s);
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
	ledger_audit(&s->ledger, now_ms(s), s->read_ms);
	if (redis_link_is_up(s->side))
		missed_log_write(s->missed, s->side);
}

/* ---- keeping house ---- */

static void heartbeat(struct scheduler *s)
{
	char key[STREAM_KEY_MAX], text[400];
	struct scheduler_counters *c = s->counters;
	component_key(key, s->config.prefix, "scheduler", s->config.name);
	snprintf(text, sizeof(text), "at=%" PRIu64 " version=%s holder=%d monitors=%u jobs=%" PRIu64 " scheduled=%" PRIu64
		 " answered=%" PRIu64 " missed=%" PRIu64 " waiting=%" PRIu64 " lag_ms=%" PRIu64, now_ms(s), s->config.version, s->running,
		 s->monitors.live, counter_read(&c->jobs), counter_read(&c->scheduled), counter_read(&c->answered),
		 counter_read(&c->missed), counter_read(&c->waiting), counter_read(&c->lag_ms));
	redis_reply_free(redis_ask(s->link, "SET %s %s PX %u", key, text, (unsigned)HEARTBEAT_PX_MS));
}

/* Trimming is no schedule, and when Redis is full nobody may be able to take the lease: then who waits does it as well. */
static void trim(struct scheduler *s)
{
	bool is_full = s->stride > 1 || redis_link_trouble(s->link) == TROUBLE_FULL;
	int removed = s->running || is_full ? places_trim(&s->places, s->link, now_ms(s), is_full) : 0;
	counter_add(&s->counters->trimmed_entries, removed > 0 ? (uint64_t)removed : 0);
}

static void keep_house(struct scheduler *s)
{
	counter_set(&s->counters->redis_up, redis_link_is_up(s->link));
	counter_set(&s->counters->redis_connects, redis_link_connects(s->link) + redis_link_connects(s->side));
	if (!redis_link_is_up(s->link) || !s->clock.known)
		return;
	if (s->running && is_due(&s->next_save_ns, NS_PER_S))
		take_over_save(s, now_ms(s));
	if (is_due(&s->next_trim_ns, (s->stride > 1 ? 1 : 5) * NS_PER_S))
		trim(s);
	if (is_due(&s->next_house_ns, 5 * NS_PER_S)) {
		heartbeat(s);
		if (s->running)
			places_look(&s->places, s->link, now_ms(s));
	}
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
	s->sink = (struct monitor_sink){ sink_begin, sink_end, sink_settings, sink_set, sink_del, sink_broken, s };
	monitor_follow_init(&s->follow, config->prefix, &s->sink);
	if (!s->link || !s->side || !s->lease || !s->emit || !s->missed) {
		schedule_free(s);
		return NULL;
	}
	return s;
}

unsigned schedule_step(struct scheduler *s)
{
	emit(s);
	follow(s);
	if (s->running) {
		feed(s);
		audit(s);
	}
	keep_house(s);
	if (!s->running)
		return STANDBY_US;
	uint64_t us = clock_guard_us(&s->clock, clock_ns()), tick_us = TICK_MS * 1000;
	return (unsigned)(tick_us - us % tick_us);
}

void schedule_stop(struct scheduler *s)
{
	if (s->running && redis_link_is_up(s->link))
		take_over_save(s, now_ms(s));
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
