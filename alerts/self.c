/* self.c - see self.h.
 * In: what is known about regions, scheduler, Redis and canaries.  Out: system.problem events, paired.
 * Owns: the list of problems that are on.
 * Why so: a table of who looks at what would hide that each look is one line; self_check() is the list. */
#include "alerts/self.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM_FIELD "@problem:"
#define REGION_FIELD "@region:"
#define RESOLVER_KEY "resolver:"

static struct problem *find(struct self *s, const char *key)
{
	for (unsigned i = 0; i < s->count; i++)
		if (strcmp(s->problem[i].key, key) == 0)
			return &s->problem[i];
	return NULL;
}

/* A free place, of a problem that is over, is used again. */
static struct problem *make(struct self *s, const char *key)
{
	struct problem *p = NULL;
	for (unsigned i = 0; i < s->count && !p; i++)
		if (!s->problem[i].on)
			p = &s->problem[i];
	if (!p && s->count < PROBLEMS_MAX)
		p = &s->problem[s->count++];
	if (!p)
		return NULL;
	*p = (struct problem){ 0 };
	snprintf(p->key, sizeof(p->key), "%s", key);
	return p;
}

static void tell(const struct problem *p, uint64_t now_ms, struct store *store)
{
	struct event_text event;
	struct event_problem what = { p->component, p->sentence, p->since_ms, !p->on };
	if (event_write_problem(&event, &what, 0, now_ms))
		store_event(store, &event);
	event_text_free(&event);
	if (p->on)
		log_warnx("problem", LOG_S("component", p->component), LOG_S("problem", p->sentence));
	else
		log_info("problem is over", LOG_S("component", p->component), LOG_S("problem", p->sentence));
}

static void keep(const struct problem *p, struct store *store)
{
	char field[PROBLEM_KEY_MAX + 16];
	snprintf(field, sizeof(field), PROBLEM_FIELD "%s", p->key);
	if (!p->on) {
		store_forget(store, field);
		return;
	}
	json_t *o = json_object();
	json_object_set_new(o, "component", json_string(p->component));
	json_object_set_new(o, "problem", json_string(p->sentence));
	json_object_set_new(o, "since_ms", json_integer((json_int_t)p->since_ms));
	char *line = json_line(o);
	store_state(store, field, line);
	free(line);
	json_decref(o);
}

/* What is known of something.  After a restart nothing is, until it was seen: a problem must not end by our forgetting
 * it. */
enum look { LOOK_FINE, LOOK_WRONG, LOOK_UNKNOWN };
static enum look look(bool wrong, bool fine)
{
	return wrong ? LOOK_WRONG : fine ? LOOK_FINE : LOOK_UNKNOWN;
}

/* Tells only what changed.  component, sentence: only looked at when it begins. */
static void say(struct self *s, const struct self_facts *f, struct store *store, enum look look, const char *key,
		const char *component, const char *sentence)
{
	struct problem *p = find(s, key);
	bool wrong = look == LOOK_WRONG;
	if (look == LOOK_UNKNOWN || wrong == (p && p->on))
		return;
	if (wrong) {
		p = p ? p : make(s, key);
		if (!p)
			return; /* a hundred problems at once are told already */
		snprintf(p->component, sizeof(p->component), "%s", component);
		snprintf(p->sentence, sizeof(p->sentence), "%s", sentence);
		p->since_ms = f->now_ms;
	}
	p->on = wrong;
	tell(p, f->now_ms, store);
	keep(p, store);
}

/* ---- regions ---- */

static const char *state_of(const struct region *r)
{
	return r->mute ? "silent" : r->quarantined ? "quarantined" : "ok";
}

static void keep_region(struct self *s, unsigned i, const struct self_facts *f, struct store *store)
{
	const struct region *r = &f->regions->region[i];
	char field[NAME_MAX_LEN + 16];
	if (strcmp(s->written[i], state_of(r)) == 0 || (!r->mute && !r->heard))
		return;
	snprintf(s->written[i], sizeof(s->written[i]), "%s", state_of(r));
	snprintf(field, sizeof(field), REGION_FIELD "%s", r->name);
	json_t *o = json_object();
	json_object_set_new(o, "state", json_string(state_of(r)));
	json_object_set_new(o, "since_ms", json_integer((json_int_t)f->now_ms));
	json_object_set_new(o, "why", json_string(r->mute ? "no engine has answered" : r->why));
	char *line = json_line(o);
	store_state(store, field, line);
	free(line);
	json_decref(o);
}

static void silent_sentence(const struct regions *all, const struct region *r, uint64_t mono_ms, char *into, size_t len)
{
	unsigned silent = 0, which = 0;
	for (unsigned k = 0; k < all->shards; k++)
		if (mono_ms >= r->beat_ms[k] + REGION_SILENT_MS) {
			silent++;
			which = k;
		}
	if (r->mute)
		snprintf(into, len, "no engine has answered for %d s; its votes do not count", REGION_SILENT_MS / 1000);
	else if (silent == 1)
		snprintf(into, len, "no engine serves shard %u; its votes do not count there", which);
	else
		snprintf(into, len, "no engine serves %u of %u shards; its votes do not count there", silent, all->shards);
}

/* One message instead of an UNKNOWN for each of thousands of names. */
static void check_resolver(struct self *s, const struct region *r, const struct self_facts *f, struct store *store)
{
	char key[PROBLEM_KEY_MAX], component[PROBLEM_KEY_MAX], sentence[200];
	snprintf(component, sizeof(component), "region %s", r->name);
	snprintf(key, sizeof(key), RESOLVER_KEY "%s", r->name);
	snprintf(sentence, sizeof(sentence), "resolver failing in %s: no answer about %u of %u names; their monitors are not told one by one",
		 r->name, r->last.unresolved, r->last.looked);
	say(s, f, store, look(r->resolver_fails, true), key, component, sentence);
}

static void check_region(struct self *s, unsigned i, const struct self_facts *f, struct store *store)
{
	const struct region *r = &f->regions->region[i];
	char key[PROBLEM_KEY_MAX], component[PROBLEM_KEY_MAX], sentence[200];
	snprintf(component, sizeof(component), "region %s", r->name);
	snprintf(key, sizeof(key), "silent:%s", r->name);
	silent_sentence(f->regions, r, f->mono_ms, sentence, sizeof(sentence));
	say(s, f, store, look(r->silent, r->heard), key, component, sentence);
	snprintf(key, sizeof(key), "quarantined:%s", r->name);
	snprintf(sentence, sizeof(sentence), "it is quarantined and does not vote: %.140s", r->why);
	say(s, f, store, look(r->quarantined, true), key, component, sentence);
	snprintf(key, sizeof(key), "lag:%s", r->name);
	snprintf(sentence, sizeof(sentence), "its results are read %" PRIu64 " s after they came; alerts come late", r->delay_ms / 1000);
	say(s, f, store, look(r->delay_ms >= RESULT_LAG_MS, r->newest_ms), key, component, sentence);
	check_resolver(s, r, f, store);
	keep_region(s, i, f, store);
}

/* A region that was taken out of the settings has no problems any more. */
static void end_of_gone_regions(struct self *s, const struct self_facts *f, struct store *store)
{
	for (unsigned i = 0; i < s->count; i++) {
		struct problem *p = &s->problem[i];
		bool there = strncmp(p->component, "region ", 7) != 0;
		for (unsigned k = 0; k < f->regions->count && !there; k++)
			there = strcmp(p->component + 7, f->regions->region[k].name) == 0;
		if (p->on && !there) {
			p->on = false;
			tell(p, f->now_ms, store);
			keep(p, store);
		}
	}
}

void self_check(struct self *s, const struct self_facts *f, struct store *store)
{
	char sentence[200];
	for (unsigned i = 0; i < f->regions->count; i++)
		check_region(s, i, f, store);
	end_of_gone_regions(s, f, store);
	snprintf(sentence, sizeof(sentence), "none has answered for %d s; nothing is probed", SCHEDULER_SILENT_MS / 1000);
	bool gone = f->mono_ms >= f->regions->scheduler_beat_ms + SCHEDULER_SILENT_MS;
	say(s, f, store, look(f->watches && gone, f->regions->scheduler_beat_ms > f->regions->grace_ms), "scheduler", "scheduler",
	    sentence);
	snprintf(sentence, sizeof(sentence), "the always-down canary %.64s does not come back; alerts may not get through",
		 f->canary ? f->canary : "");
	say(s, f, store, look(f->canary, f->canary_back), "canary", "the way from schedule to decision", sentence);
	say(s, f, store, look(f->full, f->stored), "redis", "redis", "it is full and refuses to write; alerts wait until there is room");
}

void self_load(struct self *s, struct regions *regions, const char *field, const char *json, size_t len)
{
	char why[200];
	const char *component = "", *sentence = "", *state = "";
	uint64_t since_ms = 0;
	json_t *o = json_read_object(json, len, why, sizeof(why));
	if (!o)
		return;
	if (strncmp(field, PROBLEM_FIELD, sizeof(PROBLEM_FIELD) - 1) == 0 &&
	    json_take_text(o, "component", PROBLEM_KEY_MAX, &component, why, sizeof(why)) &&
	    json_take_text(o, "problem", 200, &sentence, why, sizeof(why)) &&
	    json_take_number(o, "since_ms", 0, SLOT_LAST_MS, &since_ms, why, sizeof(why))) {
		const char *key = field + sizeof(PROBLEM_FIELD) - 1;
		struct problem *p = find(s, key);
		p = p ? p : make(s, key);
		if (p) {
			snprintf(p->component, sizeof(p->component), "%s", component);
			snprintf(p->sentence, sizeof(p->sentence), "%s", sentence);
			p->since_ms = since_ms;
			p->on = true;
		}
		if (strncmp(key, RESOLVER_KEY, sizeof(RESOLVER_KEY) - 1) == 0)
			regions_remember_resolver(regions, key + sizeof(RESOLVER_KEY) - 1);
	} else if (strncmp(field, REGION_FIELD, sizeof(REGION_FIELD) - 1) == 0 &&
		   json_take_text(o, "state", 31, &state, why, sizeof(why)) &&
		   json_take_text(o, "why", 159, &sentence, why, sizeof(why))) {
		const char *name = field + sizeof(REGION_FIELD) - 1;
		for (unsigned i = 0; i < regions->count; i++)
			if (strcmp(regions->region[i].name, name) == 0)
				snprintf(s->written[i], sizeof(s->written[i]), "%s", state);
		if (strcmp(state, "quarantined") == 0)
			regions_remember_quarantine(regions, name, sentence);
		else if (strcmp(state, "silent") == 0)
			regions_remember_silence(regions, name);
	}
	json_decref(o);
}

void self_forget(struct self *s)
{
	*s = (struct self){ 0 };
}

unsigned self_problems(const struct self *s)
{
	unsigned on = 0;
	for (unsigned i = 0; i < s->count; i++)
		on += s->problem[i].on;
	return on;
}
