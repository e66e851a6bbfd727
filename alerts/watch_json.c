/* watch_json.c - a watch as JSON, for the state hash in Redis and for the people who read it there.
 * In and out: watch_save() and watch_load(); what the one writes the other reads, and the watch goes on as if
 * nothing had happened.
 * Owns: nothing.  Why so: what is not going on is left out, so that a monitor that is simply up takes a line;
 * results are written with their words ("closed"), because the first reader of this is somebody who wonders why he
 * was woken. */
#include "alerts/watch_self.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const telling_names[EVENT_KINDS] = {
	[EVENT_DOWN] = "down", [EVENT_PATH] = "path", [EVENT_DEGRADED] = "degraded", [EVENT_UNKNOWN] = "unknown",
	[EVENT_FLAPPING] = "flapping",
};

static void put_number(json_t *o, const char *name, uint64_t value)
{
	if (value)
		json_object_set_new(o, name, json_integer((json_int_t)value));
}

static void put_true(json_t *o, const char *name, bool value)
{
	if (value)
		json_object_set_new(o, name, json_true());
}

static void put_word(json_t *o, const char *name, const char *word)
{
	if (word[0])
		json_object_set_new(o, name, json_string(word));
}

static void put_verdict(json_t *o, unsigned verdict)
{
	if (verdict != VERDICT_NONE)
		put_word(o, "verdict", verdict_row(verdict)->name);
}

static json_t *save_look(const struct look *l)
{
	json_t *a = json_array();

	json_array_append_new(a, json_integer((json_int_t)look_slot_ms(l)));
	json_array_append_new(a, json_integer(look_attempt(l)));
	json_array_append_new(a, json_string(verdict_row(l->verdict)->name));
	json_array_append_new(a, json_integer(l->rtt_us));
	json_array_append_new(a, json_integer(l->syn_retrans));
	json_array_append_new(a, json_integer(l->error));
	if (l->partial)
		json_array_append_new(a, json_true());
	return a;
}

static json_t *save_region(const struct region_history *h)
{
	json_t *o = json_object(), *looks = json_array();
	char address[INET6_ADDRSTRLEN];

	look_address_text(h->address, address);
	put_word(o, "address", address);
	for (unsigned i = 0; i < HISTORY_LOOKS && h->known[i].key; i++)
		json_array_append_new(looks, save_look(&h->known[i]));
	json_object_set_new(o, "looks", looks);
	if (h->unknown.key)
		json_object_set_new(o, "unknown", save_look(&h->unknown));
	return o;
}

static json_t *save_telling(const struct telling *t)
{
	json_t *o = json_object();

	put_number(o, "incident", t->incident);
	put_number(o, "since_ms", t->since_ms);
	put_number(o, "decided_ms", t->decided_ms);
	put_verdict(o, t->verdict);
	put_word(o, "scope", watch_scope_names[t->scope]);
	put_true(o, "told", t->told);
	put_true(o, "logged", t->logged);
	put_true(o, "slow", t->is.slow);
	put_true(o, "lossy", t->is.lossy);
	put_true(o, "partial", t->is.partial);
	put_true(o, "soon", t->is.soon);
	put_true(o, "gathering", t->gathering);
	return o;
}

static void save_story(json_t *o, const struct story *s)
{
	json_t *tellings = json_object(), *round = json_object(), *flap = json_object();

	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++)
		if (s->telling[kind].open)
			json_object_set_new(tellings, telling_names[kind], save_telling(&s->telling[kind]));
	json_object_set_new(o, "telling", tellings);
	put_number(round, "started_ms", s->confirm.started_ms);
	put_number(round, "last_ms", s->confirm.last_ms);
	put_number(round, "attempt", s->confirm.attempt);
	put_number(round, "step", s->confirm.step);
	put_number(round, "steps", s->confirm.steps);
	json_object_set_new(o, "round", round);
	put_number(flap, "at_ms", s->flap.at_ms);
	put_number(flap, "changed_ms", s->flap.changed_ms);
	put_number(flap, "penalty", s->flap.penalty);
	put_true(flap, "on", s->flap.on);
	json_object_set_new(o, "changes", flap);
	put_number(o, "over_ms", s->over_ms);
	put_number(o, "heard", s->heard);
	put_number(o, "heard_since_ms", s->heard_since_ms);
}

json_t *watch_save(const struct watch *w, const char *const *names)
{
	json_t *o = json_object(), *regions = json_object();

	json_object_set_new(o, "state", json_string(watch_state_names[w->state]));
	put_number(o, "since_ms", w->since_ms);
	put_word(o, "scope", watch_scope_names[w->scope]);
	if (w->state == WATCH_DEGRADED && w->scope == SCOPE_PARTIAL) {
		char said[ADDRESS_SAID_MAX];
		watch_say_partial(w, said);
		put_word(o, "partial", said);
	}
	put_verdict(o, w->verdict);
	put_number(o, "incident", w->incidents);
	put_number(o, "blind_since_ms", w->blind_since_ms);
	if (w->story)
		save_story(o, w->story);
	watch_said_save(w, o);
	for (unsigned index = 0; index < REGIONS_MAX; index++) {
		const int i = watch_position(w, index);
		if (i >= 0 && (w->region[i].known[0].key || w->region[i].unknown.key))
			json_object_set_new(regions, names[index], save_region(&w->region[i]));
	}
	json_object_set_new(o, "regions", regions);
	return o;
}

/* ---- reading: the first thing that is wrong stands in why; the rest is skipped */
struct reading {
	char *why;
	size_t why_len;
	bool failed;
};

static void wrong(struct reading *r, const char *format, ...)
{
	va_list args;

	if (r->failed)
		return;
	va_start(args, format);
	vsnprintf(r->why, r->why_len, format, args);
	va_end(args);
	r->failed = true;
}

static uint64_t take_number(struct reading *r, const json_t *o, const char *name, uint64_t most)
{
	uint64_t value = 0;

	if (!r->failed && !json_take_number(o, name, 0, most, &value, r->why, r->why_len))
		r->failed = true;
	return value;
}

static bool take_true(struct reading *r, const json_t *o, const char *name)
{
	bool value = false;

	if (!r->failed && !json_take_bool(o, name, &value, r->why, r->why_len))
		r->failed = true;
	return value;
}

static const char *take_text(struct reading *r, const json_t *o, const char *name)
{
	const char *text = "";

	if (!r->failed && !json_take_text(o, name, 64, &text, r->why, r->why_len))
		r->failed = true;
	return text;
}

/* The number of the word in a list ended by NULL. */
static unsigned take_word(struct reading *r, const json_t *o, const char *name, const char *const *words)
{
	const char *text = take_text(r, o, name);

	for (unsigned i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	wrong(r, "%s: \"%s\" is none of its words", name, text);
	return 0;
}

static unsigned verdict_of(struct reading *r, const char *text)
{
	if (!text || !text[0])
		return VERDICT_NONE;
	for (enum verdict v = VERDICT_NONE; v < VERDICTS; v++)
		if (!strcmp(text, verdict_row(v)->name))
			return v;
	wrong(r, "\"%s\" is no verdict", text);
	return VERDICT_NONE;
}

static bool is_between(const json_t *value, uint64_t most)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 && (uint64_t)json_integer_value(value) <= most;
}

static bool load_look(struct reading *r, const json_t *a, struct look *l)
{
	static const uint64_t most[] = {253402300799999, UINT16_MAX, 0, UINT32_MAX, UINT8_MAX, UINT16_MAX};

	for (unsigned i = 0; i < ARRAY_LEN(most); i++)
		if (i == 2 ? !json_is_string(json_array_get(a, i)) : !is_between(json_array_get(a, i), most[i])) {
			wrong(r, "a look is not [slot_ms, attempt, verdict, rtt_us, syn_retrans, errno]");
			return false;
		}
	l->key = look_key((uint64_t)json_integer_value(json_array_get(a, 0)),
			  (unsigned)json_integer_value(json_array_get(a, 1)));
	l->verdict = (uint8_t)verdict_of(r, json_string_value(json_array_get(a, 2)));
	l->rtt_us = (uint32_t)json_integer_value(json_array_get(a, 3));
	l->syn_retrans = (uint8_t)json_integer_value(json_array_get(a, 4));
	l->error = (uint16_t)json_integer_value(json_array_get(a, 5)) & 0x7fff;
	l->partial = json_is_true(json_array_get(a, 6));
	return !r->failed;
}

static void load_region(struct reading *r, const json_t *o, struct region_history *h)
{
	const char *address = take_text(r, o, "address");
	const json_t *looks = json_object_get(o, "looks"), *unknown = json_object_get(o, "unknown");
	static const uint8_t none[16];
	struct look l;

	for (size_t i = 0; i < json_array_size(looks); i++)
		if (load_look(r, json_array_get(looks, i), &l))
			history_add(h, &l, none);
	if (unknown && load_look(r, unknown, &l))
		history_add(h, &l, none);
	if (inet_pton(AF_INET, address, h->address + 12) == 1)
		h->address[10] = h->address[11] = 0xff;
	else if (address[0] && inet_pton(AF_INET6, address, h->address) != 1)
		wrong(r, "\"%s\" is no address", address);
}

static void load_telling(struct reading *r, const json_t *o, struct telling *t)
{
	t->open = true;
	t->incident = (uint32_t)take_number(r, o, "incident", UINT32_MAX);
	t->since_ms = take_number(r, o, "since_ms", INT64_MAX);
	t->decided_ms = take_number(r, o, "decided_ms", INT64_MAX);
	t->verdict = (uint8_t)verdict_of(r, take_text(r, o, "verdict"));
	t->scope = (uint8_t)take_word(r, o, "scope", watch_scope_names);
	t->told = take_true(r, o, "told");
	t->logged = take_true(r, o, "logged");
	t->is.slow = take_true(r, o, "slow");
	t->is.lossy = take_true(r, o, "lossy");
	t->is.partial = take_true(r, o, "partial");
	t->is.soon = take_true(r, o, "soon");
	t->gathering = take_true(r, o, "gathering");
}

static void load_story(struct reading *r, const json_t *o, struct story *s)
{
	const json_t *tellings = json_object_get(o, "telling"), *round = json_object_get(o, "round");
	const json_t *changes = json_object_get(o, "changes");

	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++) {
		const json_t *t = telling_names[kind] ? json_object_get(tellings, telling_names[kind]) : NULL;
		if (t)
			load_telling(r, t, &s->telling[kind]);
	}
	s->confirm.started_ms = take_number(r, round, "started_ms", INT64_MAX);
	s->confirm.last_ms = take_number(r, round, "last_ms", INT64_MAX);
	s->confirm.attempt = (uint16_t)take_number(r, round, "attempt", UINT16_MAX);
	s->confirm.steps = (uint8_t)take_number(r, round, "steps", CONFIRM_STEPS_MAX);
	s->confirm.step = (uint8_t)take_number(r, round, "step", s->confirm.steps);
	s->flap.at_ms = take_number(r, changes, "at_ms", INT64_MAX);
	s->flap.changed_ms = take_number(r, changes, "changed_ms", INT64_MAX);
	s->flap.penalty = (uint32_t)take_number(r, changes, "penalty", UINT32_MAX);
	s->flap.on = take_true(r, changes, "on");
	s->over_ms = take_number(r, o, "over_ms", INT64_MAX);
	s->heard = (uint32_t)take_number(r, o, "heard", UINT32_MAX);
	s->heard_since_ms = take_number(r, o, "heard_since_ms", INT64_MAX);
}

bool watch_load(struct watch *w, const json_t *saved, const char *const *names, unsigned count, char *why, size_t why_len)
{
	struct reading r = {.why = why, .why_len = why_len};
	const json_t *regions = json_object_get(saved, "regions");

	w->state = (uint8_t)take_word(&r, saved, "state", watch_state_names);
	w->since_ms = take_number(&r, saved, "since_ms", INT64_MAX);
	w->scope = (uint8_t)take_word(&r, saved, "scope", watch_scope_names);
	w->verdict = (uint8_t)verdict_of(&r, take_text(&r, saved, "verdict"));
	w->incidents = (uint32_t)take_number(&r, saved, "incident", UINT32_MAX);
	w->blind_since_ms = take_number(&r, saved, "blind_since_ms", INT64_MAX);
	if (!r.failed && json_object_get(saved, "telling"))
		load_story(&r, saved, watch_story(w));
	if (!r.failed)
		watch_said_load(w, saved);
	for (unsigned index = 0; index < count; index++) {
		const int i = watch_position(w, index);
		const json_t *region = json_object_get(regions, names[index]);
		if (i >= 0 && region && !r.failed)
			load_region(&r, region, &w->region[i]);
	}
	if (r.failed)
		watch_clear(w);
	return !r.failed;
}
