/* event_summary.c - the one sentence of an event that a person reads in the night.
 * In: the decision and what each region last saw.  Out: a sentence without a full stop.  Owns nothing.
 * Why so: name and address first, then the state in capitals, then what was seen, from where, since when. */
#include "alerts/event.h"
#include "alerts/history.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

#define ADDRESSES_NAMED 6 /* the JSON has all */

struct sentence {
	char *at;
	size_t room;
};

static void say(struct sentence *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct sentence *s, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	int n = vsnprintf(s->at, s->room, format, values);
	va_end(values);
	size_t took = n < 0 ? 0 : (size_t)n < s->room ? (size_t)n : s->room - 1;
	s->at += took;
	s->room -= took;
}

void duration_text(uint64_t ms, char into[DURATION_TEXT_MAX])
{
	uint64_t s = ms / MS_PER_S;
	if (ms < 100)
		snprintf(into, DURATION_TEXT_MAX, "%" PRIu64 " ms", ms);
	else if (ms < 10 * MS_PER_S)
		snprintf(into, DURATION_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " s", s, (uint64_t)(ms % MS_PER_S / 100));
	else if (s < 60)
		snprintf(into, DURATION_TEXT_MAX, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(into, DURATION_TEXT_MAX, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(into, DURATION_TEXT_MAX, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
	else
		snprintf(into, DURATION_TEXT_MAX, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s % 86400 / 3600);
}

/* "14:00:00 UTC"; of another day "2026-11-24 14:00:00 UTC". */
static void say_since(struct sentence *s, uint64_t since_ms, uint64_t now_ms)
{
	time_t then = (time_t)(since_ms / MS_PER_S);
	char text[32];
	struct tm tm;
	gmtime_r(&then, &tm);
	strftime(text, sizeof(text), since_ms / 86400000 == now_ms / 86400000 ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	say(s, " since %s UTC", text);
}

/* ---- what the regions saw ---- */

static bool is_of_class(const json_t *region, const char *class)
{
	return !json_object_get(region, "abstains") && strcmp(json_text(region, "class"), class) == 0;
}

/* A port that must not answer is well where it does not. */
static bool is_silent(const json_t *region)
{
	for (enum verdict v = VERDICT_NONE + 1; v < VERDICTS; v++)
		if (strcmp(json_text(region, "verdict"), verdict_row(v)->name) == 0)
			return verdict_is_silent(v);
	return false;
}

static bool is_up(const json_t *region, const struct monitor *m)
{
	return m->expect == EXPECT_CLOSED ? is_silent(region) : is_of_class(region, "up");
}

static bool is_down(const json_t *region, const struct monitor *m)
{
	if (m->expect == EXPECT_CLOSED)
		return !is_silent(region) && (is_of_class(region, "up") || is_of_class(region, "down"));
	return is_of_class(region, "down");
}

static bool is_lossy(const json_t *region, const struct monitor *m)
{
	return is_up(region, m) && json_number(region, "syn_retrans") > 0;
}

static bool is_soon(const json_t *region, const struct monitor *m)
{
	return is_up(region, m) && json_is_true(json_object_get(region, "soon"));
}

static bool is_slow(const json_t *region, const struct monitor *m)
{
	return is_up(region, m) && m->slow_ms && json_number(region, "rtt_us") > m->slow_ms * US_PER_MS;
}

typedef bool region_test(const json_t *region, const struct monitor *m);
static unsigned count(const struct event_about *a, region_test *test)
{
	unsigned n = 0;
	for (size_t i = 0; i < json_array_size(a->regions); i++)
		n += test(json_array_get(a->regions, i), a->monitor);
	return n;
}

/* "eu, us and ap"; with a note behind each that note() writes. */
static void say_regions(struct sentence *s, const struct event_about *a, region_test *test,
			void (*note)(struct sentence *, const json_t *))
{
	unsigned all = count(a, test), said = 0;
	for (size_t i = 0; i < json_array_size(a->regions); i++) {
		const json_t *region = json_array_get(a->regions, i);
		if (!test(region, a->monitor))
			continue;
		say(s, "%s%s", said == 0 ? "" : said + 1 == all ? " and " : ", ", json_text(region, "region"));
		if (note)
			note(s, region);
		said++;
	}
}

static void note_verdict(struct sentence *s, const json_t *region)
{
	say(s, " (%s)", json_text(region, "verdict"));
}

static void note_rtt(struct sentence *s, const json_t *region)
{
	uint64_t us = json_number(region, "rtt_us");
	if (us)
		say(s, " (%" PRIu64 " ms)", (uint64_t)(us / US_PER_MS));
}

/* An open one that looked before it began knows nothing of it. */
static unsigned still_up(const struct event_about *a, uint64_t since_ms)
{
	unsigned n = 0;
	for (size_t i = 0; i < json_array_size(a->regions); i++) {
		const json_t *region = json_array_get(a->regions, i);
		n += is_up(region, a->monitor) && json_number(region, "at_ms") >= since_ms;
	}
	return n;
}

/* "from all 3 regions", "from 2 of 3 regions (eu and us)", "from all that have looked (eu and us)", "seen from one place
 * (eu)". */
static void say_from(struct sentence *s, const struct event_about *a, uint64_t since_ms)
{
	unsigned downs = count(a, is_down), voters = downs + still_up(a, since_ms);
	unsigned all = (unsigned)json_array_size(a->regions);
	if (!downs)
		return;
	if (all == 1)
		say(s, ", seen from one place (");
	else if (downs == voters && downs == all) {
		say(s, all == 2 ? ", from both regions" : ", from all %u regions", all);
		return;
	} else if (downs == voters)
		say(s, ", from all that have looked (");
	else
		say(s, ", from %u of %u regions (", downs, voters);
	say_regions(s, a, is_down, NULL);
	say(s, ")");
}

/* ---- one sentence for each kind ---- */

static bool must_not_answer(const struct event_about *a)
{
	return a->monitor->expect == EXPECT_CLOSED;
}

static void say_down(struct sentence *s, const struct event_about *a, const struct watch_event *e)
{
	char confirmed[DURATION_TEXT_MAX];
	duration_text(e->confirmed_after_ms, confirmed);
	if (must_not_answer(a) && (e->verdict == VERDICT_OPEN || e->verdict == VERDICT_RESET))
		say(s, " is %sOPEN, and must not be%s", e->late ? "still " : "",
		    e->verdict == VERDICT_RESET ? " (it resets at once)" : "");
	else
		say(s, " is %sDOWN: %s", e->late ? "still " : "", e->verdict == VERDICT_NONE ? "not reached" : verdict_row(e->verdict)->name);
	if (e->verdict == VERDICT_CERTIFICATE && a->said && a->said[0])
		say(s, ": %s", a->said);
	say_from(s, a, e->since_ms);
	say_since(s, e->since_ms, a->now_ms);
	if (e->confirmed_after_ms)
		say(s, ", confirmed in %s", confirmed);
}

static void say_path(struct sentence *s, const struct event_about *a, const struct watch_event *e)
{
	say(s, must_not_answer(a) ? ": PATH ISSUE, it must not answer but does from " : ": PATH ISSUE, not reached from ");
	say_regions(s, a, is_down, note_verdict);
	say_since(s, e->since_ms, a->now_ms);
	if (count(a, is_up)) {
		say(s, must_not_answer(a) ? "; it does not answer " : "; it answers ");
		say_regions(s, a, is_up, NULL);
	}
	say(s, ", so nobody is paged");
}

static bool is_partial(const json_t *region, const struct monitor *m)
{
	return is_up(region, m) && *json_text(region, "partial");
}

/* What all that see some addresses down say of it; NULL: they differ, or there is none. */
static const char *one_partial(const struct event_about *a)
{
	const char *said = NULL;
	for (size_t i = 0; i < json_array_size(a->regions); i++) {
		const json_t *region = json_array_get(a->regions, i);
		if (!is_partial(region, a->monitor))
			continue;
		if (said && strcmp(said, json_text(region, "partial")) != 0)
			return NULL;
		said = json_text(region, "partial");
	}
	return said;
}

static void note_partial(struct sentence *s, const json_t *region)
{
	say(s, " (%s)", json_text(region, "partial"));
}

static void say_partial(struct sentence *s, const struct event_about *a, const struct watch_event *e)
{
	say(s, " is up, but not at all of its addresses%s", e->is.slow ? ", and slow" : e->is.lossy ? ", and losing packets" : "");
	const char *said = one_partial(a);
	if (said)
		say(s, ": %s", said);
	if (count(a, is_partial)) {
		say(s, said ? ", seen from " : ": seen from ");
		say_regions(s, a, is_partial, said ? NULL : note_partial);
	}
	say_since(s, e->since_ms, a->now_ms);
}

static void say_degraded(struct sentence *s, const struct event_about *a, const struct watch_event *e)
{
	if (e->is.partial) {
		say_partial(s, a, e);
		return;
	}
	const bool slow = e->is.slow && !e->is.soon;
	region_test *worse = e->is.soon ? is_soon : slow ? is_slow : is_lossy;
	if (e->is.soon)
		say(s, " is up, but its certificate ends soon: %s", a->said ? a->said : "");
	else
		say(s, " is up but %s", slow && e->is.lossy ? "slow and losing packets" : slow ? "slow" : "losing packets");
	if (count(a, worse)) {
		say(s, ", seen from ");
		say_regions(s, a, worse, slow ? note_rtt : NULL);
	}
	say_since(s, e->since_ms, a->now_ms);
}

static void say_unknown(struct sentence *s, const struct event_about *a, const struct watch_event *e)
{
	say(s, " is UNKNOWN: too few regions can tell");
	say_since(s, e->since_ms, a->now_ms);
	say(s, "; the trouble is portwatch's, not the target's");
}

static void say_flapping(struct sentence *s, const struct event_about *a, const struct watch_event *e)
{
	say(s, " is FLAPPING between up and down");
	say_since(s, e->since_ms, a->now_ms);
	say(s, "; single changes are not told until it stays in one state");
}

/* "a, b and 3 more" of "a,b,..." */
static void say_list(struct sentence *s, const char *joined)
{
	unsigned said = 0, more = 0;
	for (const char *at = joined; *at; at += *at == ',') {
		const int len = (int)strcspn(at, ",");
		if (said == ADDRESSES_NAMED)
			more++;
		else
			say(s, "%s%.*s", said++ ? ", " : "", len, at);
		at += len;
	}
	if (more)
		say(s, " and %u more", more);
}

static void say_address(struct sentence *s, const struct event_about *a, const struct watch_event *e)
{
	say(s, " leads to other addresses: now ");
	say_list(s, a->change ? a->change->new : "");
	say(s, ", before ");
	say_list(s, a->change ? a->change->old : "");
	say(s, ", seen from %s", a->change_region ? a->change_region : "");
	say_since(s, e->since_ms, a->now_ms);
}

static void say_end(struct sentence *s, const struct event_about *a, const struct watch_event *e)
{
	static const char *const what[EVENT_KINDS] = {
		[EVENT_UP] = " is UP again",	     [EVENT_DOWN] = " is not DOWN any more",
		[EVENT_PATH] = ": the path issue has ended", [EVENT_DEGRADED] = " is well again, neither slow nor losing packets",
		[EVENT_UNKNOWN] = " can be judged again",    [EVENT_FLAPPING] = " has stopped flapping",
	};
	char lasted[DURATION_TEXT_MAX];
	duration_text(e->duration_ms, lasted);
	if (a->ended) {
		say(s, " is not watched any more: %s; what is open is closed", a->ended);
		return;
	}
	if (e->kind == EVENT_DEGRADED && a->monitor->tls)
		say(s, " is well again after %s", lasted);
	else
		say(s, "%s after %s", e->kind == EVENT_UP && must_not_answer(a)	     ? " is closed again"
				      : e->kind == EVENT_DEGRADED && e->is.partial ? " answers at all of its addresses again"
										     : what[e->kind], lasted);
	if (e->kind == EVENT_UP && e->verdict != VERDICT_NONE)
		say(s, " (was: %s)", verdict_row(e->verdict)->name);
}

void event_summary(const struct event_about *a, const struct watch_event *e, char *into, size_t len)
{
	static void (*const begin[EVENT_KINDS])(struct sentence *, const struct event_about *, const struct watch_event *) = {
		[EVENT_DOWN] = say_down,       [EVENT_PATH] = say_path,		[EVENT_DEGRADED] = say_degraded,
		[EVENT_UNKNOWN] = say_unknown, [EVENT_FLAPPING] = say_flapping,
		[EVENT_ADDRESS] = say_address,
	};
	char target[HOST_MAX_LEN + 9];
	struct sentence s = { into, len };
	monitor_target_write(a->monitor, target, sizeof(target));
	say(&s, "%s (%s)", a->monitor->name, target);
	if (e->resolved || !begin[e->kind])
		say_end(&s, a, e);
	else
		begin[e->kind](&s, a, e);
}
