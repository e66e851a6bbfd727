/* watch.c - one monitor: results in, decision, rounds and events out.
 * In: results, time, what goes on around it.  Out: struct watch_actions.
 * Owns: the monitor's history and story.  Why so: nearly every result says "still up"; such a one is put into the
 * history and costs nothing more.  Everything else decides anew from the whole set, which cannot go wrong in ways
 * that depend on order. */
#include "alerts/watch_self.h"
#include "base/must.h"
#include "wire/settings.h"

#include <stdlib.h>
#include <string.h>

const char *const watch_state_names[] = {
	[WATCH_NEW] = "new",   [WATCH_UP] = "up",	    [WATCH_DEGRADED] = "degraded", [WATCH_PATH] = "path",
	[WATCH_DOWN] = "down", [WATCH_UNKNOWN] = "unknown", [WATCH_STATES] = NULL,
};
const char *const watch_scope_names[] = {
	[SCOPE_NONE] = "", [SCOPE_SERVICE] = "service", [SCOPE_PARTIAL] = "partial", [SCOPE_PATH] = "path", [SCOPES] = NULL,
};
const char *const event_kind_names[] = {
	[EVENT_DOWN] = "monitor.down",	       [EVENT_UP] = "monitor.up",	    [EVENT_PATH] = "monitor.path",
	[EVENT_DEGRADED] = "monitor.degraded", [EVENT_UNKNOWN] = "monitor.unknown", [EVENT_FLAPPING] = "monitor.flapping",
	[EVENT_ADDRESS] = "monitor.address",   [EVENT_KINDS] = NULL,
};

static size_t watch_size(unsigned regions)
{
	return sizeof(struct watch) + regions * sizeof(struct region_history);
}

struct watch *watch_new(const struct watch_rule *rule)
{
	const unsigned regions = (unsigned)__builtin_popcount(rule->region_mask);
	struct watch *w = calloc(1, watch_size(regions));

	if (!w)
		return NULL;
	w->rule = *rule;
	w->regions = (uint8_t)regions;
	return w;
}

void watch_free(struct watch *w)
{
	if (w) {
		free(w->story);
		watch_said_free(w);
		free(w->rows);
	}
	free(w);
}

void watch_clear(struct watch *w)
{
	const struct watch_rule rule = w->rule;
	const size_t size = watch_size(w->regions);

	free(w->story);
	watch_said_free(w);
	free(w->rows);
	memset(w, 0, size);
	w->rule = rule;
	w->regions = (uint8_t)__builtin_popcount(rule.region_mask);
}

struct watch *watch_change(struct watch *w, const struct watch_rule *rule, bool reset)
{
	struct watch *changed = watch_new(rule);

	if (!changed)
		return NULL;
	for (unsigned index = 0; index < REGIONS_MAX && !reset; index++) {
		const int from = watch_position(w, index), to = watch_position(changed, index);
		if (from >= 0 && to >= 0)
			changed->region[to] = w->region[from];
	}
	changed->state = w->state;
	changed->scope = w->scope;
	changed->verdict = w->verdict;
	changed->incidents = w->incidents;
	changed->since_ms = w->since_ms;
	changed->story = w->story;
	changed->said = w->said;
	free(w->rows); /* the next look has them all */
	free(w);
	return changed;
}

const struct address_look *watch_addresses(const struct watch *w, unsigned position)
{
	return w->rows ? address_rows_whole(&w->rows[position]) : NULL;
}

void watch_say_partial(const struct watch *w, char into[ADDRESS_SAID_MAX])
{
	into[0] = '\0';
	for (unsigned i = 0; w->rows && i < w->regions && !into[0]; i++)
		address_look_say(address_rows_whole(&w->rows[i]), into);
}

static void note_address(struct watch *w, int position, const struct look *l, const uint8_t address[16])
{
	if (!w->rule.many)
		return;
	if (!w->rows)
		w->rows = calloc(w->regions, sizeof(*w->rows));
	must_say(w->rows, "no memory for %u regions' addresses", w->regions);
	address_rows_add(&w->rows[position], l->key, address, (enum verdict)l->verdict);
}

struct story *watch_story(struct watch *w)
{
	if (!w->story)
		w->story = calloc(1, sizeof(*w->story));
	must_say(w->story, "no memory for %zu bytes", sizeof(*w->story));
	return w->story;
}

/* The caller's mask of regions as one over region[]. */
static uint16_t own_mask(const struct watch *w, uint16_t mask)
{
	uint16_t own = 0;

	for (unsigned left = mask & w->rule.region_mask; left; left &= left - 1)
		own |= 1u << watch_position(w, (unsigned)__builtin_ctz(left));
	return own;
}

void watch_view(const struct watch *w, const struct watch_env *env, struct decide_in *in)
{
	in->interval_ms = w->rule.interval_ms;
	in->slow_ms = w->rule.slow_ms;
	in->expect_closed = w->rule.expect_closed;
	in->regions = w->regions;
	in->region = w->region;
	in->quarantined = own_mask(w, env->quarantined);
	in->silent = own_mask(w, env->silent);
	in->over_ms = w->story ? w->story->over_ms : 0;
	in->now_ms = env->now_ms;
}

static bool is_down_already(const struct watch *w)
{
	return w->story && w->story->telling[EVENT_DOWN].open;
}

/* A process that was just started finds old votes expired, and the results of its first look are still to come. */
static uint64_t looked_once_ms(const struct watch *w, const struct watch_env *env)
{
	return env->looking_since_ms + (env->looking_since_ms ? w->rule.interval_ms + w->rule.timeout_ms : 0);
}

/* Two intervals without enough voters, or their last words too old to count even if they were still there. */
static bool blind_for_long(const struct watch *w, const struct decision *d, const struct watch_env *env)
{
	if (!d->blind || env->now_ms < looked_once_ms(w, env))
		return false;
	return (d->heard >= d->need && d->expired) || env->now_ms >= w->blind_since_ms + 2ull * w->rule.interval_ms;
}

static enum watch_state next_state(const struct watch *w, const struct decision *d, const struct watch_env *env)
{
	if (blind_for_long(w, d, env))
		return WATCH_UNKNOWN;
	if (d->down && (!d->blind || is_down_already(w))) /* a DOWN may go on among the blind, but not begin */
		return WATCH_DOWN;
	if (d->blind && (d->heard < d->need || d->down))
		return w->state;
	if (d->path)
		return WATCH_PATH;
	if (!d->opened) /* failures that are not confirmed, and nothing before */
		return WATCH_NEW;
	return quality_is_poor(d->is) ? WATCH_DEGRADED : WATCH_UP;
}

static void enter_state(struct watch *w, const struct decision *d, enum watch_state state, uint64_t now_ms)
{
	const bool seen = state == WATCH_DOWN || state == WATCH_PATH;

	if (state != w->state) {
		w->since_ms = seen ? d->since_ms : now_ms;
		if (state == WATCH_DOWN && is_down_already(w))
			w->since_ms = w->story->telling[EVENT_DOWN].since_ms;
		w->state = state;
	}
	if (!seen)
		w->verdict = state != WATCH_UP && state != WATCH_DEGRADED ? VERDICT_NONE :
			     w->rule.expect_closed		     ? VERDICT_CLOSED :
								       VERDICT_OPEN;
	else if (d->verdict != VERDICT_NONE)
		w->verdict = d->verdict;
	w->scope = seen ? d->scope : state == WATCH_DEGRADED && d->is.partial ? SCOPE_PARTIAL : SCOPE_NONE;
}

/* So that it is written when other addresses are down than before. */
static void note_partial(struct watch *w)
{
	char said[ADDRESS_SAID_MAX];

	w->partial = 0;
	if (w->scope != SCOPE_PARTIAL || w->state != WATCH_DEGRADED)
		return;
	watch_say_partial(w, said);
	w->partial = (uint32_t)monitor_hash(said, strlen(said));
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool wants_rechecks(const struct watch *w, const struct decision *d)
{
	return d->lasting || (w->state == WATCH_DOWN && w->rule.canary != CANARY_DOWN);
}

/* Nothing of it waits for anything. */
static bool story_rests(const struct story *s)
{
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
		if (s->telling[kind].open)
			return false;
	return !s->heard && s->confirm.step == s->confirm.steps && !s->flap.on;
}

static bool story_is_over(const struct watch *w, const struct watch_env *env)
{
	const struct story *s = w->story;

	return story_rests(s) && env->now_ms > s->confirm.started_ms + w->rule.interval_ms + w->rule.timeout_ms &&
	       flap_is_over(&s->flap, w->rule.interval_ms, env->now_ms);
}

static uint64_t next_due_ms(const struct watch *w, const struct decision *d, const struct watch_env *env)
{
	uint64_t due = d->next_ms;

	if (d->blind && w->state != WATCH_UNKNOWN) {
		const uint64_t patient_ms = w->blind_since_ms + 2ull * w->rule.interval_ms, looked_ms = looked_once_ms(w, env);
		due = earlier(due, looked_ms > env->now_ms ? looked_ms : patient_ms);
	}
	if (!w->story)
		return due;
	due = earlier(due, confirm_due_ms(&w->story->confirm, wants_rechecks(w, d)));
	due = earlier(due, watch_tell_due_ms(w, env));
	if (w->story->flap.on)
		due = earlier(due, w->story->flap.changed_ms + flap_calm_ms(w->rule.interval_ms));
	/* so that the story of a monitor that is up again is put away some day */
	return w->state == WATCH_UP ? earlier(due, env->now_ms + flap_window_ms(w->rule.interval_ms)) : due;
}

/* What of a watch counts as changed. */
struct remembered {
	uint8_t state, scope, verdict;
	uint32_t incidents, partial;
	uint64_t since_ms, blind_since_ms;
	bool has_story;
	struct story story;
};

static void remember(const struct watch *w, struct remembered *r)
{
	memset(r, 0, sizeof(*r));
	r->state = w->state;
	r->scope = w->scope;
	r->verdict = w->verdict;
	r->incidents = w->incidents;
	r->since_ms = w->since_ms;
	r->blind_since_ms = w->blind_since_ms;
	r->has_story = w->story != NULL;
	r->partial = w->partial;
	if (w->story)
		memcpy(&r->story, w->story, sizeof(r->story));
	if (r->story.confirm.step == r->story.confirm.steps) /* a re-check is not worth a write every 15 s */
		r->story.confirm.last_ms = r->story.confirm.attempt = 0;
}

static void act_on(struct watch *w, const struct decision *d, const struct watch_env *env, struct watch_actions *actions)
{
	if (!d->blind)
		w->blind_since_ms = 0;
	else if (!w->blind_since_ms || w->blind_since_ms > env->now_ms)
		w->blind_since_ms = env->now_ms;
	enter_state(w, d, next_state(w, d, env), env->now_ms);
	note_partial(w);
	watch_tell(w, d, env, actions);
	if (w->story)
		confirm_take(&w->story->confirm, wants_rechecks(w, d), env->now_ms, &actions->round);
	if (w->story && story_is_over(w, env)) {
		free(w->story);
		w->story = NULL;
	}
	w->calm = w->state == WATCH_UP && (!w->story || story_rests(w->story)) && !d->blind && !d->failed &&
		  !quality_is_poor(d->is);
	w->due_ms = next_due_ms(w, d, env);
}

static void begin_actions(struct watch_actions *actions)
{
	actions->round.wanted = false;
	actions->events = 0;
	actions->changed = false;
}

void watch_tick(struct watch *w, const struct watch_env *env, struct watch_actions *actions)
{
	struct remembered before, after;
	struct decide_in in;
	struct decision d;

	begin_actions(actions);
	remember(w, &before);
	watch_view(w, env, &in);
	decide(&in, &d);
	act_on(w, &d, env, actions);
	remember(w, &after);
	actions->changed = memcmp(&before, &after, sizeof(before)) != 0;
}

/* A failure that is the newest of its region may begin a round; an open one ends what is asked from one place only. */
static void consider_round(struct watch *w, unsigned position, const struct look *l, const struct decide_in *in,
			   const struct decision *d)
{
	const bool good = look_is_good(l, w->rule.expect_closed);
	struct ballot b;

	if (w->regions == 1 && good && w->story)
		confirm_stop(&w->story->confirm);
	if (good || d->down || in->quarantined >> position & 1 || w->region[position].known[0].key != l->key)
		return;
	decide_ballot(in, position, &b);
	confirm_failure(&watch_story(w)->confirm, &w->rule, look_slot_ms(l), b.run == 1,
			b.vote != VOTE_DOWN || w->regions == 1, in->now_ms);
}

static bool is_fine(const struct watch *w, const struct look *l)
{
	if (w->rule.expect_closed)
		return look_is_good(l, true);
	return look_is_open(l) && !l->syn_retrans && !look_is_soon(l) && (!w->rule.slow_ms || l->rtt_us <= w->rule.slow_ms * 1000ull);
}

/* Whoever takes over reads again what engines keep of results, an hour: of those who look more seldom each look is saved, or
 * nobody would know anything of them after a restart. */
#define RESULTS_KEPT_MS 3600000

static bool is_seldom(const struct watch *w)
{
	return decide_expiry_ms(w->rule.interval_ms) > RESULTS_KEPT_MS;
}

void watch_result(struct watch *w, unsigned region, const struct result *r, const struct watch_env *env,
		  struct watch_actions *actions)
{
	const int position = watch_position(w, region);
	struct remembered before, after;
	struct decide_in in;
	struct decision d;
	struct look l;
	uint8_t address[16];

	begin_actions(actions);
	if (position < 0)
		return;
	look_of_result(&l, address, r);
	watch_hear(w, r);
	note_address(w, position, &l, address);
	if (!history_add(&w->region[position], &l, address))
		return;
	actions->changed = is_seldom(w);
	if (w->calm && is_fine(w, &l))
		return;
	const struct look *kept = history_kept(&w->region[position], &l);
	if (kept) /* another address of the same look may have been open */
		l = *kept;
	if (verdict_row(l.verdict)->class == CLASS_UNKNOWN) /* votes expire by time, not by its coming */
		return;
	remember(w, &before);
	watch_view(w, env, &in);
	decide(&in, &d);
	consider_round(w, (unsigned)position, &l, &in, &d);
	act_on(w, &d, env, actions);
	remember(w, &after);
	actions->changed = actions->changed || memcmp(&before, &after, sizeof(before)) != 0;
}

void watch_remember(struct watch *w, unsigned region, const struct result *r)
{
	const int position = watch_position(w, region);
	struct look l;
	uint8_t address[16];

	if (position < 0)
		return;
	look_of_result(&l, address, r);
	watch_hear(w, r);
	note_address(w, position, &l, address);
	history_add(&w->region[position], &l, address);
	w->calm = false;
	w->due_ms = 0;
}

uint64_t watch_take_incident(struct watch *w)
{
	return ++w->incidents;
}

uint64_t watch_looked_ms(const struct watch *w)
{
	uint64_t newest = 0;

	for (unsigned i = 0; i < w->regions; i++)
		if (w->region[i].known[0].key && look_slot_ms(&w->region[i].known[0]) > newest)
			newest = look_slot_ms(&w->region[i].known[0]);
	return newest;
}

void watch_look_now(struct watch *w, const struct watch_env *env, struct watch_actions *actions)
{
	begin_actions(actions);
	if (w->state == WATCH_DOWN || !confirm_ask(&watch_story(w)->confirm, &w->rule, env->now_ms))
		return;
	watch_tick(w, env, actions);
	actions->changed = true;
}

uint64_t watch_due_ms(const struct watch *w)
{
	return w->due_ms;
}

enum watch_state watch_state(const struct watch *w)
{
	return w->state;
}

enum watch_scope watch_scope(const struct watch *w)
{
	return w->scope;
}

uint64_t watch_since_ms(const struct watch *w)
{
	return w->since_ms;
}

bool watch_is_down(const struct watch *w)
{
	return w->state == WATCH_DOWN || is_down_already(w);
}

bool watch_is_suspect(const struct watch *w)
{
	if (w->state == WATCH_DOWN || w->state == WATCH_PATH || w->state == WATCH_UNKNOWN)
		return false;
	for (unsigned i = 0; i < w->regions; i++)
		if (w->region[i].known[0].key && !look_is_good(&w->region[i].known[0], w->rule.expect_closed))
			return true;
	return false;
}

enum name_look watch_name_look(const struct watch *w, unsigned region, uint64_t now_ms)
{
	const int position = watch_position(w, region);
	const struct region_history *h = position < 0 ? NULL : &w->region[position];

	if (!h)
		return NAME_UNSEEN;
	const struct look *l = h->unknown.key > h->known[0].key ? &h->unknown : &h->known[0];
	if (!l->key || now_ms > look_slot_ms(l) + decide_expiry_ms(w->rule.interval_ms))
		return NAME_UNSEEN;
	return l->verdict == VERDICT_RESOLVER ? NAME_UNRESOLVED : NAME_KNOWN;
}

enum vote watch_vote(const struct watch *w, unsigned region, const struct watch_env *env)
{
	const int position = watch_position(w, region);
	struct decide_in in;
	struct ballot b;

	if (position < 0)
		return VOTE_ABSTAIN;
	watch_view(w, env, &in);
	decide_ballot(&in, (unsigned)position, &b);
	return b.vote;
}
