/* house.c - what is done every few seconds beside the schedule: Redis' clock, the heartbeat, trimming, looking for
 * engines.
 * In: a link that is up.  Out: keys in Redis, gauges.  Owns: nothing. */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "base/wait.h"

#include <inttypes.h>

/* ---- the clock ---- */

static void say_clock(struct scheduler *s)
{
	int64_t off = s->clock.local_us;
	bool wrong = off > CLOCK_WRONG_US || off < -CLOCK_WRONG_US;
	atomic_store(&s->counters->local_clock_us, off);
	counter_set(&s->counters->clock_wrong, wrong);
	counter_set(&s->counters->clock_steps, s->clock.steps);
	if (wrong && !s->clock_was_wrong)
		log_warnx("the local clock is wrong, or Redis' is; slots follow Redis'",
			  LOG_U("local_minus_redis_ms", off / 1000));
	if (!wrong && s->clock_was_wrong)
		log_info("the local clock agrees with Redis' again");
	s->clock_was_wrong = wrong;
}

void house_ask_clock(struct scheduler *s)
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

/* ---- the rest ---- */

static void heartbeat(struct scheduler *s)
{
	char key[STREAM_KEY_MAX], text[400];
	struct scheduler_counters *c = s->counters;
	component_key(key, s->config.prefix, "scheduler", s->config.name);
	snprintf(text, sizeof(text),
		 "at=%" PRIu64 " version=%s holder=%d monitors=%u jobs=%" PRIu64 " scheduled=%" PRIu64
		 " answered=%" PRIu64 " missed=%" PRIu64 " waiting=%" PRIu64 " lag_ms=%" PRIu64,
		 scheduler_now_ms(s), s->config.version, s->running, s->monitors.live, counter_read(&c->jobs),
		 counter_read(&c->scheduled), counter_read(&c->answered), counter_read(&c->missed),
		 counter_read(&c->waiting), counter_read(&c->lag_ms));
	redis_reply_free(redis_ask(s->link, "SET %s %s PX %u", key, text, (unsigned)HEARTBEAT_PX_MS));
}

/* Trimming is no schedule, and when Redis is full nobody may be able to take the lease: then who waits does it as well.
 */
static void trim(struct scheduler *s)
{
	bool is_full = s->stride > 1 || redis_link_trouble(s->link) == TROUBLE_FULL;
	int removed = s->running || is_full ? places_trim(&s->places, s->link, scheduler_now_ms(s), is_full) : 0;
	counter_add(&s->counters->trimmed_entries, removed > 0 ? (uint64_t)removed : 0);
}

void house_keep(struct scheduler *s)
{
	counter_set(&s->counters->redis_up, redis_link_is_up(s->link));
	counter_set(&s->counters->redis_connects, redis_link_connects(s->link) + redis_link_connects(s->side));
	if (!redis_link_is_up(s->link) || !s->clock.known)
		return;
	if (s->running && is_due(&s->next_save_ns, NS_PER_S))
		take_over_save(s, scheduler_now_ms(s));
	if (is_due(&s->next_trim_ns, (s->stride > 1 ? 1 : 5) * NS_PER_S))
		trim(s);
	if (is_due(&s->next_house_ns, 5 * NS_PER_S)) {
		heartbeat(s);
		if (s->running)
			places_look(&s->places, s->link, scheduler_now_ms(s));
	}
}
