/* shard_watch.c - the monitors of a shard: they come, change and go; results and time make them decide.
 * In: monitors, results, deadlines.  Out: events and states into the shard's store, rounds into the process's list.
 * Owns: nothing beyond the roster.  Why so: whatever a watch says, act() does; it is the one place where a decision
 * leaves the pure part. */
#include "alerts/shard.h"

#include "alerts/dead_man.h"
#include "alerts/quiet.h"
#include "base/log.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define DECIDED_LINES 50   /* a second; the log of events has them all */
#define CANARY_INTERVALS 3 /* it may miss two looks before the path counts as broken */

void watched_monitor(const struct watched *w, struct monitor *m)
{
	char why[600];
	must_say(monitor_decode(m, w->name, w->json, strlen(w->json), why, sizeof(why)), "%s", why);
}

uint16_t monitor_region_mask(const struct settings *s, const struct monitor *m)
{
	uint16_t mask = 0;
	for (unsigned i = 0; i < s->regions; i++) {
		bool there = m->regions == 0;
		for (unsigned k = 0; k < m->regions && !there; k++)
			there = strcmp(m->region[k], s->region[i]) == 0;
		mask |= (uint16_t)(there << i);
	}
	return mask;
}

/* ---- what is around it ---- */

static const struct maintenance *window_of(struct alerts *a, struct watched *w)
{
	if (w->maintenance_epoch != a->maintenance_epoch) {
		struct monitor m;
		w->maintenance_epoch = a->maintenance_epoch;
		w->maintenance = NULL;
		if (a->settings.maintenances) {
			watched_monitor(w, &m);
			w->maintenance = settings_maintenance(&a->settings, &m, a->now_ms);
			monitor_free(&m);
		}
	}
	return w->maintenance;
}

/* Those of the regions whose resolver fails in which it fails for this monitor too. */
static uint16_t unresolved(const struct alerts *a, const struct shard *s, const struct watched *w)
{
	uint16_t mask = 0;
	for (unsigned left = w->named ? s->unresolved & w->region_mask : 0; left; left &= left - 1)
		if (watch_name_look(w->watch, (unsigned)__builtin_ctz(left), a->now_ms) == NAME_UNRESOLVED)
			mask |= (uint16_t)(left & -left);
	return mask;
}

void shard_env(struct alerts *a, const struct shard *s, struct watched *w, struct watch_env *env)
{
	const struct maintenance *window = window_of(a, w);
	*env = (struct watch_env){ .now_ms = a->now_ms, .looking_since_ms = s->live_since_ms, .silent = s->silent, .quarantined = s->quarantined,
				   .unresolved = unresolved(a, s, w),
				   .maintenance = !window ? NULL : window->why ? window->why : "" };
	if (w->parent)
		parents_look(a, w, env);
}

/* ---- what it says ---- */

static void put_event(struct alerts *a, struct shard *s, const struct event_about *about, const struct watch_event *event)
{
	struct event_text text;
	unsigned missed;
	must_say(event_write(&text, about, event), "no memory for an event of %s", about->monitor->name);
	store_event(s->store, &text);
	if (log_allowed(&a->decided, DECIDED_LINES, &missed))
		log_info("decided", LOG_S("type", text.type), LOG_S("monitor", text.monitor), LOG_S("incident", text.incident),
			 LOG_S("resolved", text.resolved ? "yes" : "no"), LOG_S("told", text.told ? "yes" : "no"),
			 LOG_S("scope", watch_scope_names[event->scope]), LOG_S("verdict", verdict_row(event->verdict)->name),
			 LOG_S("why_not", text.why_not), LOG_UNSAID(missed));
	event_text_free(&text);
	atomic_fetch_add(&a->counters->decisions[event->kind][text.resolved], 1);
}

static void put_state(struct alerts *a, struct shard *s, struct watched *w, const struct monitor *m)
{
	char target[HOST_MAX_LEN + 9];
	json_t *o = watch_save(w->watch, a->region);
	must_say(o, "no memory for the state of %s", w->name);
	monitor_target_write(m, target, sizeof(target));
	json_object_set_new(o, "target", json_string(target));
	if (w->book)
		json_object_set_new(o, "addresses", address_book_save(w->book, a->region));
	if (w->asleep)
		json_object_set_new(o, "paused", json_true());
	char *line = json_line(o);
	must_say(line, "no memory for the state of %s", w->name);
	store_state(s->store, w->name, line);
	free(line);
	json_decref(o);
	w->has_state = true;
}

static void put_events(struct alerts *a, struct shard *s, const struct watched *w, const struct monitor *m,
		       const struct watch_env *env, const struct watch_actions *actions, const char *ended)
{
	struct event_about about = { .monitor = m, .shard = s->number, .now_ms = a->now_ms, .ended = ended };
	json_t *regions = actions->events ? watch_regions(w->watch, a->region, env) : NULL;
	about.regions = regions;
	for (unsigned i = 0; i < actions->events; i++) {
		const struct watch_event *e = &actions->event[i];
		about.said = e->resolved || e->kind == EVENT_UP ? watch_said(w->watch) : watch_fault(w->watch);
		put_event(a, s, &about, e);
	}
	json_decref(regions);
}

/* A region without an engine would only keep the jobs until they are stale. */
static void ask_round(struct alerts *a, struct shard *s, struct watched *w, const struct monitor *m, const struct watch_round *round)
{
	rounds_add(&a->rounds, s->number, m, w->region_mask & (uint16_t)~s->silent, round->slot_ms, round->attempt);
	atomic_fetch_add(&a->counters->rounds, 1);
	if (w->parent && watch_state(w->watch) != WATCH_DOWN)
		parents_ask(a, w);
}

static void act(struct alerts *a, struct shard *s, struct watched *w, const struct watch_env *env, const struct watch_actions *actions)
{
	if (actions->events || actions->changed || actions->round.wanted) {
		struct monitor m;
		watched_monitor(w, &m);
		put_events(a, s, w, &m, env, actions, NULL);
		if (actions->events || actions->changed)
			put_state(a, s, w, &m);
		if (actions->round.wanted)
			ask_round(a, s, w, &m, &actions->round);
		monitor_free(&m);
	}
	roster_due(&s->roster, w, watch_due_ms(w->watch));
}

/* What the name leads to changed: a notice that has no end, for the new addresses are as good as the old ones. */
static void tell_addresses(struct alerts *a, struct shard *s, struct watched *w, const struct monitor *m, const struct watch_env *env,
			   unsigned region, const struct address_change *change)
{
	struct watch_event event = { .kind = EVENT_ADDRESS, .since_ms = change->since_ms, .told = true };
	event.incident = watch_take_incident(w->watch);
	event.confirmed_after_ms = a->now_ms > change->since_ms ? a->now_ms - change->since_ms : 0;
	if (quiet_judge(EVENT_ADDRESS, w->canary, false, env, 0, event.why_not) == QUIET_SILENT)
		event.told = false;
	json_t *regions = watch_regions(w->watch, a->region, env);
	const struct event_about about = { .monitor = m, .shard = s->number, .now_ms = a->now_ms, .regions = regions, .change = change,
					   .change_region = a->region[region] };
	put_event(a, s, &about, &event);
	json_decref(regions);
}

static void note_addresses(struct alerts *a, struct shard *s, struct watched *w, const struct watch_env *env, unsigned region,
			   const struct result *r)
{
	struct address_change change;
	struct monitor m;
	const enum address_news news = address_book_take(&w->book, region, r, w->interval_ms, &change);
	if (news == ADDRESSES_SAME)
		return;
	watched_monitor(w, &m);
	if (news == ADDRESSES_CHANGED)
		tell_addresses(a, s, w, &m, env, region, &change);
	put_state(a, s, w, &m);
	monitor_free(&m);
}

/* Ends what is open, for it is not watched any more. */
static void end(struct alerts *a, struct shard *s, struct watched *w, const char *why)
{
	struct watch_actions actions = { 0 };
	struct watch_env env;
	struct monitor m;
	shard_env(a, s, w, &env);
	watched_monitor(w, &m);
	json_t *before = watch_regions(w->watch, a->region, &env);
	watch_end(w->watch, &env, &actions);
	struct event_about about = { .monitor = &m, .shard = s->number, .now_ms = a->now_ms, .regions = before, .ended = why };
	for (unsigned i = 0; i < actions.events; i++)
		put_event(a, s, &about, &actions.event[i]);
	json_decref(before);
	monitor_free(&m);
}

/* ---- they come, change and go ---- */

static struct watch_rule rule_of(const struct alerts *a, const struct monitor *m)
{
	uint16_t mask = monitor_region_mask(&a->settings, m);
	unsigned timeout_ms = m->timeout_ms + (m->tls ? m->wish.timeout_ms : 0);
	return (struct watch_rule){ .interval_ms = m->interval_ms, .timeout_ms = timeout_ms, .slow_ms = m->slow_ms,
				    .regions = (unsigned)__builtin_popcount(mask), .region_mask = mask, .canary = m->canary,
				    .expect_closed = m->expect == EXPECT_CLOSED,
				    .many = m->ip == IP_BOTH || m->addresses == ADDRESSES_ALL };
}

static void set_parents(struct watched *w, const struct monitor *m)
{
	for (char **p = w->parent; p && *p; p++)
		free(*p);
	free(w->parent);
	w->parent = NULL;
	if (!m->parents)
		return;
	must((w->parent = calloc(m->parents + 1, sizeof(*w->parent))));
	for (unsigned i = 0; i < m->parents; i++)
		must((w->parent[i] = strdup(m->parent[i])));
}

static bool asks_resolver(const struct monitor *m)
{
	struct job job;
	return !job_set_literal(&job, m->host, strlen(m->host)) && !m->resolver; /* who has one of his own watches that one */
}

static void describe(struct alerts *a, struct watched *w, const struct monitor *m, char *json)
{
	free(w->json);
	w->json = json;
	w->interval_ms = m->interval_ms;
	w->region_mask = monitor_region_mask(&a->settings, m);
	w->named = asks_resolver(m);
	w->canary = m->canary;
	w->canary_ms = a->mono_ms;
	w->asleep = m->paused || !w->region_mask;
	w->maintenance_epoch = a->maintenance_epoch - 1;
	set_parents(w, m);
}

/* Another target, or another expectation: what was seen so far says nothing about it. */
static bool same_question(struct watched *w, const struct monitor *m)
{
	struct monitor before;
	watched_monitor(w, &before);
	bool same = before.port == m->port && before.expect == m->expect && strcmp(before.host, m->host) == 0 &&
		    before.type == m->type && before.record == m->record;
	if (!same || before.ip != m->ip) {
		address_book_free(w->book);
		w->book = NULL;
	}
	monitor_free(&before);
	return same;
}

static void change(struct alerts *a, struct shard *s, struct watched *w, const struct monitor *m, char *json)
{
	struct watch_rule rule = rule_of(a, m);
	bool was_asleep = w->asleep;
	if (m->paused && !was_asleep)
		end(a, s, w, "the monitor is paused");
	struct watch *changed = watch_change(w->watch, &rule, !same_question(w, m));
	must_say(changed, "no memory for monitor %s", m->name);
	w->watch = changed;
	describe(a, w, m, json);
	if (s->phase == SHARD_LIVE && w->asleep != was_asleep)
		put_state(a, s, w, m);
	roster_due(&s->roster, w, a->now_ms);
}

void shard_set(struct alerts *a, struct shard *s, const struct monitor *m)
{
	struct watched *w = roster_find(&s->roster, m->name, strlen(m->name));
	char *json = monitor_encode(m);
	must_say(json, "no memory for monitor %s", m->name);
	if (!w) {
		struct watch_rule rule = rule_of(a, m);
		w = roster_add(&s->roster, m->name);
		w->watch = watch_new(&rule);
		must_say(w->watch, "no memory for monitor %s", m->name);
		describe(a, w, m, json);
	} else if (strcmp(w->json, json) == 0)
		free(json);
	else
		change(a, s, w, m, json);
	w->seen = a->load;
}

static void remove_watched(struct alerts *a, struct shard *s, struct watched *w)
{
	end(a, s, w, "the monitor was removed");
	if (w->has_state)
		store_forget(s->store, w->name);
	roster_remove(&s->roster, w);
}

void shard_del(struct alerts *a, struct shard *s, const char *name, size_t len)
{
	struct watched *w = roster_find(&s->roster, name, len);
	if (w)
		remove_watched(a, s, w);
}

void shard_sweep(struct alerts *a, struct shard *s)
{
	for (uint32_t i = s->roster.count; i-- > 0;)
		if (s->roster.at[i]->seen != a->load)
			remove_watched(a, s, s->roster.at[i]);
}

/* ---- what was known before ---- */

/* Of a monitor that was removed while nobody watched: what it had told is ended, and its state goes. */
static void end_stranger(struct alerts *a, struct shard *s, const char *name, const json_t *state)
{
	char why[400];
	const char *target = NULL;
	struct monitor m;
	if (monitor_shard(name, strlen(name), a->settings.shards) != s->number)
		return; /* it was ours under other settings, and lives on elsewhere */
	monitor_init(&m);
	snprintf(m.name, sizeof(m.name), "%.*s", NAME_MAX_LEN, name);
	if (json_take_text(state, "target", HOST_MAX_LEN + 9, &target, why, sizeof(why)) && target &&
	    monitor_target_recall(target, &m, why, sizeof(why))) {
		shard_set(a, s, &m);
		struct watched *w = roster_find(&s->roster, m.name, strlen(m.name));
		if (!watch_load(w->watch, state, a->region, a->settings.regions, why, sizeof(why)))
			log_warnx("state of a removed monitor cannot be read", LOG_S("monitor", name), LOG_S("why", why));
		w->has_state = true;
		remove_watched(a, s, w);
	} else
		store_forget(s->store, name);
	monitor_free(&m);
}

void shard_load_state(struct alerts *a, struct shard *s, const char *field, const char *json, size_t len)
{
	char why[400];
	struct watched *w = roster_find(&s->roster, field, strlen(field));
	json_t *state = json_read_object(json, len, why, sizeof(why));
	if (!state || (w && !watch_load(w->watch, state, a->region, a->settings.regions, why, sizeof(why))))
		log_warnx("state cannot be read, it begins anew", LOG_S("monitor", field), LOG_S("why", why));
	else if (w && w->named)
		address_book_load(&w->book, json_object_get(state, "addresses"), a->region, a->settings.regions);
	else if (!w)
		end_stranger(a, s, field, state);
	if (w)
		w->has_state = true;
	json_decref(state);
}

void shard_recall(struct alerts *a, struct shard *s, unsigned region, const struct result *r)
{
	(void)a;
	struct watched *w = roster_find(&s->roster, r->monitor, strlen(r->monitor));
	if (w && !w->asleep)
		watch_remember(w->watch, region, r);
}

/* ---- deciding ---- */

/* The always-down canary came back and is decided to be down: everything between schedule and decision works. */
static void note_canary(struct alerts *a, struct watched *w, const struct result *r)
{
	if (verdict_row(r->outcome.verdict)->class != CLASS_DOWN || watch_state(w->watch) != WATCH_DOWN)
		return;
	w->canary_ms = a->mono_ms;
	w->canary_came = true;
	dead_man_alive_until(a->dead_man, a->mono_ms + CANARY_INTERVALS * (uint64_t)w->interval_ms);
}

void shard_result(struct alerts *a, struct shard *s, unsigned region, const struct result *r)
{
	struct watched *w = roster_find(&s->roster, r->monitor, strlen(r->monitor));
	struct watch_actions actions = { 0 };
	struct watch_env env;
	atomic_fetch_add_explicit(w && !w->asleep ? &a->counters->results : &a->counters->strangers, 1, memory_order_relaxed);
	if (!w || w->asleep)
		return;
	shard_env(a, s, w, &env);
	watch_result(w->watch, region, r, &env, &actions);
	if (r->slot_ms >= w->asked_ms)
		w->answered |= (uint16_t)(1u << region);
	act(a, s, w, &env, &actions);
	if (w->named)
		note_addresses(a, s, w, &env, region, r);
	if (w->canary == CANARY_DOWN)
		note_canary(a, w, r);
}

bool shard_tick(struct alerts *a, struct shard *s, unsigned most)
{
	while (most--) {
		struct watched *w = roster_pop(&s->roster, a->now_ms);
		struct watch_actions actions = { 0 };
		struct watch_env env;
		if (!w)
			return true;
		if (w->asleep)
			continue;
		if (watch_due_ms(w->watch) > a->now_ms && !w->decide) {
			roster_due(&s->roster, w, watch_due_ms(w->watch));
			continue;
		}
		w->decide = false;
		shard_env(a, s, w, &env);
		watch_tick(w->watch, &env, &actions);
		act(a, s, w, &env, &actions);
	}
	return false;
}

void shard_all_due(struct alerts *a, struct shard *s, bool but_up)
{
	for (uint32_t i = 0; i < s->roster.count; i++) {
		struct watched *w = s->roster.at[i];
		if (but_up && watch_state(w->watch) == WATCH_UP)
			continue;
		w->decide = true;
		roster_due(&s->roster, w, a->now_ms);
	}
}
