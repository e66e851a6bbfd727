/* confirm.c - when rounds and re-checks are due.
 * In: failures, time.  Out: rounds, each with a slot of its own (the moment it is asked for), so that results sort
 * by time.
 * Owns: nothing.  Why so: what is left to ask is a number, not a timer; a restart goes on where the number stands. */
#include "alerts/confirm.h"
#include "base/must.h"

#define ATTEMPT_LAST 60000 /* re-checks every 15 s reach it after ten days; then from 1 again, the slot keeps keys apart */

static const uint16_t many_places_ms[] = {0, 2000};
static const uint16_t one_place_ms[CONFIRM_STEPS_MAX] = {0, 2000, 15000, 30000};

static unsigned least_gap_ms(unsigned interval_ms)
{
	return interval_ms / 6 > 10000 ? interval_ms / 6 : 10000;
}

static bool begin(struct confirm *c, const struct watch_rule *rule, uint64_t now_ms)
{
	const bool one_place = __builtin_popcount(rule->region_mask) == 1;

	c->started_ms = now_ms;
	c->attempt = 0;
	c->step = 0;
	c->steps = one_place ? ARRAY_LEN(one_place_ms) : ARRAY_LEN(many_places_ms);
	return true;
}

bool confirm_ask(struct confirm *c, const struct watch_rule *rule, uint64_t now_ms)
{
	if (c->step < c->steps || now_ms < c->started_ms + least_gap_ms(rule->interval_ms))
		return false;
	return begin(c, rule, now_ms);
}

bool confirm_failure(struct confirm *c, const struct watch_rule *rule, uint64_t failed_ms, bool turned, bool undecided,
		     uint64_t now_ms)
{
	if (c->last_ms > now_ms) /* the clock was set back */
		c->started_ms = c->last_ms = 0;
	if (c->step < c->steps || failed_ms <= c->last_ms)
		return false;
	if (!turned && (!undecided || now_ms < c->started_ms + least_gap_ms(rule->interval_ms)))
		return false;
	return begin(c, rule, now_ms);
}

void confirm_stop(struct confirm *c)
{
	c->step = c->steps;
}

uint64_t confirm_due_ms(const struct confirm *c, bool recheck)
{
	if (c->step < c->steps)
		return c->started_ms + (c->steps > 2 ? one_place_ms : many_places_ms)[c->step];
	return recheck ? c->last_ms + CONFIRM_RECHECK_MS : UINT64_MAX;
}

void confirm_take(struct confirm *c, bool recheck, uint64_t now_ms, struct watch_round *round)
{
	if (c->last_ms > now_ms)
		c->last_ms = 0;
	if (confirm_due_ms(c, recheck) > now_ms)
		return;
	if (c->step < c->steps)
		c->step++;
	c->attempt = c->attempt >= ATTEMPT_LAST ? 1 : c->attempt + 1;
	c->last_ms = now_ms;
	*round = (struct watch_round){.wanted = true, .slot_ms = now_ms, .attempt = c->attempt};
}
