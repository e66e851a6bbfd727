/* quiet.c - reasons not to tell.
 * In: what happened, what is going on around the monitor.  Out: tell, wait, or a reason.
 * Owns: nothing.  Why so: deciding goes on undisturbed; what is kept back here is told later if it still holds. */
#include "alerts/quiet.h"

#include <stdio.h>

#define MINUTE_MS 60000ull
#define FLAP_CHANGE 65536u
#define FLAP_BEGIN (FLAP_CHANGE * 9 / 2)
#define FLAP_STEPS 16	    /* a window's halving in sixteen equal factors: no logarithm, the same on every machine */
#define FLAP_FACTOR 62757u  /* 2^(-1/16) in 1/65536 */
#define FLAP_NOTHING (FLAP_CHANGE / 16)

static uint64_t longer(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t flap_window_ms(unsigned interval_ms)
{
	return longer(30 * MINUTE_MS, 10ull * interval_ms);
}

uint64_t flap_calm_ms(unsigned interval_ms)
{
	return longer(10 * MINUTE_MS, 5ull * interval_ms);
}

static void flap_decay(struct flap *f, unsigned interval_ms, uint64_t now_ms)
{
	const uint64_t step_ms = flap_window_ms(interval_ms) / FLAP_STEPS;

	while (f->penalty >= FLAP_NOTHING && now_ms >= f->at_ms + step_ms) {
		f->penalty = (uint32_t)((uint64_t)f->penalty * FLAP_FACTOR >> 16);
		f->at_ms += step_ms;
	}
	if (f->penalty < FLAP_NOTHING)
		f->penalty = 0;
}

bool flap_change(struct flap *f, unsigned interval_ms, uint64_t now_ms)
{
	flap_decay(f, interval_ms, now_ms);
	if (!f->penalty)
		f->at_ms = now_ms;
	f->penalty += FLAP_CHANGE;
	f->changed_ms = now_ms;
	if (f->on || f->penalty < FLAP_BEGIN)
		return false;
	return f->on = true;
}

bool flap_settle(struct flap *f, unsigned interval_ms, uint64_t now_ms)
{
	if (!f->on || now_ms < f->changed_ms + flap_calm_ms(interval_ms))
		return false;
	f->on = false;
	f->penalty = 0; /* it begins anew: otherwise the next change alone would be flapping again */
	return true;
}

bool flap_is_over(const struct flap *f, unsigned interval_ms, uint64_t now_ms)
{
	struct flap later = *f;

	flap_decay(&later, interval_ms, now_ms);
	return !later.on && !later.penalty;
}

enum quiet quiet_judge(enum event_kind kind, enum canary canary, bool flapping, const struct watch_env *env,
		       uint64_t hold_until_ms, char why[QUIET_WHY_MAX])
{
	const char *parent = env->parent_name ? env->parent_name : "";

	why[0] = '\0';
	if (canary == CANARY_DOWN)
		snprintf(why, QUIET_WHY_MAX, "a canary that is meant to be down");
	else if (canary == CANARY_UP)
		snprintf(why, QUIET_WHY_MAX, "a canary: it speaks about its regions, not about its target");
	else if (env->maintenance)
		snprintf(why, QUIET_WHY_MAX, env->maintenance[0] ? "maintenance: %s" : "maintenance", env->maintenance);
	else if (env->parent == PARENT_DOWN)
		snprintf(why, QUIET_WHY_MAX, "its parent %s is down", parent);
	else if (kind == EVENT_UNKNOWN && (env->silent || env->quarantined))
		snprintf(why, QUIET_WHY_MAX, "regions are silent or quarantined, which is told once for all monitors");
	else if (kind == EVENT_UNKNOWN && env->unresolved)
		snprintf(why, QUIET_WHY_MAX, "the resolver of its regions fails, which is told once for all monitors");
	else if (flapping && kind == EVENT_DOWN)
		snprintf(why, QUIET_WHY_MAX, "flapping");
	else if (env->parent == PARENT_SUSPECT && env->now_ms < hold_until_ms)
		return QUIET_WAIT;
	else
		return QUIET_TELL;
	return QUIET_SILENT;
}
