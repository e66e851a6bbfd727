/* watch_tell.c - brings what is told into line with what was decided.
 * In: the state just entered, what may not be told and why.  Out: events, each begin with one end.
 * Owns: the story's tellings.  Why so: a telling that is kept back stays open and is tried again at every decision,
 * so that "told when the window ends", "told when the parent is up again" and "told after 5 min" are one rule and
 * not three. */
#include "alerts/watch_self.h"
#include "base/must.h"

#include <stdio.h>
#include <string.h>

static uint64_t delay_ms(const struct watch *w, enum event_kind kind)
{
	const uint64_t two_intervals_ms = 2ull * w->rule.interval_ms, five_intervals_ms = 5ull * w->rule.interval_ms;

	if (kind == EVENT_PATH)
		return five_intervals_ms < WATCH_PATH_NOTICE_MS ? five_intervals_ms : WATCH_PATH_NOTICE_MS;
	if (kind == EVENT_UNKNOWN && two_intervals_ms < WATCH_SILENCE_MS) /* before, its engines may be dead and not known to be */
		return WATCH_SILENCE_MS - two_intervals_ms;
	return 0;
}

static uint64_t hold_until_ms(const struct watch *w, const struct telling *t)
{
	return t->decided_ms + w->rule.timeout_ms + WATCH_HOLD_EXTRA_MS;
}

/* Until when it waits for those who have not answered yet: somebody who is woken wants to read what all regions see. */
static uint64_t gather_until_ms(enum event_kind kind, const struct telling *t)
{
	return kind == EVENT_DOWN && t->gathering ? t->decided_ms + WATCH_GATHER_MS : t->decided_ms;
}

static struct watch_event *emit(struct watch_actions *actions, const struct telling *t, enum event_kind kind, bool told)
{
	must(t->incident);
	must_say(actions->events < WATCH_EVENTS_MAX, "%u events at once", actions->events);
	struct watch_event *e = &actions->event[actions->events++];

	*e = (struct watch_event){
		.kind = kind,
		.page = kind == EVENT_DOWN || kind == EVENT_UP || kind == EVENT_FLAPPING,
		.told = told,
		.incident = t->incident,
		.since_ms = t->since_ms,
		.confirmed_after_ms = t->decided_ms > t->since_ms ? t->decided_ms - t->since_ms : 0,
		.verdict = t->verdict,
		.scope = t->scope,
		.is = t->is,
	};
	return e;
}

static void emit_end(struct watch_actions *actions, const struct telling *t, enum event_kind kind, bool told,
		     const char *why, uint64_t now_ms)
{
	struct watch_event *e = emit(actions, t, kind == EVENT_DOWN ? EVENT_UP : kind, told);

	e->resolved = true;
	e->duration_ms = now_ms > t->since_ms ? now_ms - t->since_ms : 0;
	if (!told)
		snprintf(e->why_not, sizeof(e->why_not), "%s", why);
}

/* Tells what goes on, or says once why not. */
static void try_to_tell(struct watch *w, enum event_kind kind, const struct watch_env *env, struct watch_actions *actions)
{
	struct telling *t = &w->story->telling[kind];
	char why[QUIET_WHY_MAX];

	if (kind == EVENT_UNKNOWN && t->logged)
		return; /* of ours, and told as such: not again for each monitor when the engines are back but not the results */
	if (t->told || env->now_ms < gather_until_ms(kind, t) + delay_ms(w, kind))
		return;
	const enum quiet quiet = quiet_judge(kind, w->rule.canary, w->story->flap.on, env, hold_until_ms(w, t), why);
	if (quiet == QUIET_WAIT || (quiet == QUIET_SILENT && t->logged))
		return;
	if (!t->incident)
		t->incident = ++w->incidents;
	struct watch_event *e = emit(actions, t, kind, quiet == QUIET_TELL);
	if (quiet == QUIET_SILENT) {
		memcpy(e->why_not, why, sizeof(why));
		t->logged = true;
		return;
	}
	e->late = t->logged;
	t->told = true;
	if (kind == EVENT_DOWN) {
		w->story->heard = t->incident;
		w->story->heard_since_ms = t->since_ms;
	}
}

static void end_down(struct watch *w, const struct watch_env *env, struct watch_actions *actions)
{
	struct story *s = w->story;
	struct telling *t = &s->telling[EVENT_DOWN];

	if (!t->incident)
		return; /* it was waiting for its parent: nobody has heard of it */
	if (w->rule.canary == CANARY_DOWN) { /* its good state was down: this is what it is there for */
		emit_end(actions, t, EVENT_DOWN, true, "", env->now_ms);
		actions->event[actions->events - 1].page = false;
	} else if (t->told && !s->flap.on) {
		emit_end(actions, t, EVENT_DOWN, true, "", env->now_ms);
		s->heard = 0;
	} else {
		emit_end(actions, t, EVENT_DOWN, false, s->flap.on ? "flapping" : "its DOWN was not told", env->now_ms);
	}
}

static void end_telling(struct watch *w, enum event_kind kind, const struct watch_env *env, struct watch_actions *actions)
{
	struct telling *t = &w->story->telling[kind];

	if (kind == EVENT_FLAPPING) { /* one message that says how it stands now */
		t->verdict = w->verdict;
		t->scope = w->scope;
	}
	if (kind == EVENT_DOWN && (env->silent | env->quarantined) & w->rule.region_mask)
		w->story->over_ms = env->now_ms;
	if (kind == EVENT_DOWN)
		end_down(w, env, actions);
	else if (t->told || t->logged)
		emit_end(actions, t, kind, t->told, "its beginning was not told", env->now_ms);
	memset(t, 0, sizeof(*t));
}

static void note(struct telling *t, enum event_kind kind, const struct watch *w, const struct decision *d)
{
	t->verdict = w->verdict;
	if (kind != EVENT_DEGRADED)
		t->scope = w->scope;
	else if (t->scope != SCOPE_SERVICE) /* regions come to see it, and get well, one after the other */
		t->scope = d->quality;
	t->is = d->is;
	t->gathering = d->unheard;
}

static void begin_telling(struct watch *w, enum event_kind kind, const struct decision *d, uint64_t now_ms)
{
	struct telling *t = &w->story->telling[kind];

	t->open = true;
	t->decided_ms = now_ms;
	t->since_ms = kind == EVENT_FLAPPING || kind == EVENT_DEGRADED ? now_ms : w->since_ms;
	note(t, kind, w, d);
}

/* What goes on by the state just entered.  Among the blind a DOWN and a path issue stay as they were: nobody can say
 * that they ended. */
static bool goes_on(const struct watch *w, enum event_kind kind, const struct decision *d)
{
	const bool open = w->story && w->story->telling[kind].open;

	switch (kind) {
	case EVENT_DOWN:
		return w->state == WATCH_DOWN || (open && w->state == WATCH_UNKNOWN);
	case EVENT_PATH:
		return w->state == WATCH_PATH || (open && w->state == WATCH_UNKNOWN);
	case EVENT_DEGRADED:
		return w->state == WATCH_DEGRADED || (w->state == WATCH_PATH && quality_is_poor(d->is)) ||
		       (open && w->state == WATCH_UNKNOWN);
	case EVENT_UNKNOWN:
		return w->state == WATCH_UNKNOWN;
	case EVENT_FLAPPING:
		return w->story && w->story->flap.on;
	default:
		return false;
	}
}

static void bring_into_line(struct watch *w, enum event_kind kind, const struct decision *d, const struct watch_env *env,
			    struct watch_actions *actions)
{
	const bool open = w->story && w->story->telling[kind].open, now = goes_on(w, kind, d);

	if (!open && !now)
		return;
	watch_story(w);
	if (!now) {
		end_telling(w, kind, env, actions);
	} else if (!open) {
		begin_telling(w, kind, d, env->now_ms);
	} else if (w->state != WATCH_UNKNOWN && kind != EVENT_FLAPPING && (kind != EVENT_DOWN || d->downs)) {
		note(&w->story->telling[kind], kind, w, d);
	}
}

/* Flapping has ended: the channels hear how it stands, in the incident that they know. */
static void settle_after_flapping(struct watch *w, const struct watch_env *env, struct watch_actions *actions)
{
	struct story *s = w->story;
	struct telling *down = &s->telling[EVENT_DOWN];

	if (!s->heard)
		return;
	if (down->open) {
		down->incident = s->heard;
		down->since_ms = s->heard_since_ms;
		down->told = true;
		return;
	}
	const struct telling heard = {.incident = s->heard, .since_ms = s->heard_since_ms, .decided_ms = s->heard_since_ms,
				      .verdict = w->rule.expect_closed ? VERDICT_CLOSED : VERDICT_OPEN};
	emit_end(actions, &heard, EVENT_DOWN, true, "", env->now_ms);
	s->heard = 0;
}

void watch_tell(struct watch *w, const struct decision *d, const struct watch_env *env, struct watch_actions *actions)
{
	static const enum event_kind order[] = {EVENT_UNKNOWN, EVENT_PATH, EVENT_DEGRADED, EVENT_DOWN};
	const bool was_down = w->story && w->story->telling[EVENT_DOWN].open;
	const bool is_down = goes_on(w, EVENT_DOWN, d);

	if (was_down != is_down)
		flap_change(&watch_story(w)->flap, w->rule.interval_ms, env->now_ms);
	for (unsigned i = 0; i < ARRAY_LEN(order); i++)
		bring_into_line(w, order[i], d, env, actions);
	if (!w->story)
		return;
	const bool settled = flap_settle(&w->story->flap, w->rule.interval_ms, env->now_ms);
	bring_into_line(w, EVENT_FLAPPING, d, env, actions);
	if (settled)
		settle_after_flapping(w, env, actions);
	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++)
		if (w->story->telling[kind].open)
			try_to_tell(w, kind, env, actions);
}

uint64_t watch_tell_due_ms(const struct watch *w, const struct watch_env *env)
{
	uint64_t due = UINT64_MAX;

	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++) {
		const struct telling *t = &w->story->telling[kind];
		if (!t->open || t->told)
			continue;
		uint64_t next = gather_until_ms(kind, t) + delay_ms(w, kind);
		if (next <= env->now_ms && env->parent == PARENT_SUSPECT)
			next = hold_until_ms(w, t);
		if (next > env->now_ms && next < due)
			due = next;
	}
	return due;
}

void watch_end(struct watch *w, const struct watch_env *env, struct watch_actions *actions)
{
	const struct watch_rule rule = w->rule;
	const uint32_t incidents = w->incidents;

	actions->round.wanted = false;
	actions->events = 0;
	actions->changed = true;
	if (w->story) {
		w->story->flap.on = false; /* what was heard is ended, whatever kept it back */
		w->rule.canary = CANARY_NONE; /* and nothing turned up */
		for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++)
			if (w->story->telling[kind].open)
				end_telling(w, kind, env, actions);
		settle_after_flapping(w, env, actions);
	}
	watch_clear(w);
	w->rule = rule;
	w->incidents = incidents;
}
