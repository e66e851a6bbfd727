/* scene.h - histories written as text, one line a region, and what came of them.
 *
 *	eu: 0o 60C 60.1C1 62.1C2
 *
 * reads: from eu, open at 0 s; closed at 60 s; the round's first probe at 60.1 s closed, the second at 62.1 s too.
 * Letters: o open, s slow, l lossy, g with a good certificate, d with one that ends soon (open all five); C closed, J rejected,
 * N no-name, W wrong-address, T certificate (strong); F filtered, R reset, U unreachable (weak); ? local, X expired, V resolver (unknown).  A digit after the letter is
 * the attempt.  A result arrives 10 ms after its slot, filtered after the timeout.  Between them the watch is ticked
 * when it asked for it, as its owner would.  What came of it is written as lines "60.01 ask 1" and "60.11 down #1
 * service closed page"; told false ends with "not: why". */
#ifndef TESTS_UNIT_ALERTS_SCENE_H
#define TESTS_UNIT_ALERTS_SCENE_H

#include "alerts/watch.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SCENE_T0 1764000000000ull
#define SCENE_RESULTS 4096

struct scene_result {
	uint64_t arrives_ms;
	unsigned region;
	struct result result;
};

struct scene {
	struct watch *watch;
	struct watch_rule rule;
	struct watch_env env;
	struct scene_result list[SCENE_RESULTS];
	unsigned results, next;
	struct text log;
	bool quiet; /* rounds are not logged */
	bool killed; /* the process is killed after every step */
	void (*seen)(struct scene *s, const struct watch_actions *a); /* or NULL */
};

static const char *const scene_regions[REGIONS_MAX] = {"r0", "r1", "r2",  "r3",	 "r4",	"r5",  "r6",  "r7",
						       "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};

static inline void scene_begin(struct scene *s, unsigned regions)
{
	memset(s, 0, sizeof(*s));
	s->rule = (struct watch_rule){.interval_ms = 60000, .timeout_ms = 3200, .slow_ms = 500, .regions = regions,
				      .region_mask = (uint16_t)((1u << regions) - 1)};
	s->env.now_ms = SCENE_T0;
}

static inline void scene_end(struct scene *s)
{
	watch_free(s->watch);
	text_free(&s->log);
}

static inline void scene_write(struct scene *s, const struct watch_actions *a)
{
	const double at = (double)(s->env.now_ms - SCENE_T0) / 1000;

	for (unsigned i = 0; i < a->events; i++) {
		const struct watch_event *e = &a->event[i];
		text_printf(&s->log, "%.2f %s #%u%s%s%s %s%s%s%s%s%s%s%s\n", at, event_kind_names[e->kind] + strlen("monitor."),
			    (unsigned)e->incident, e->scope ? " " : "", watch_scope_names[e->scope],
			    e->resolved && e->kind != EVENT_UP ? " ends" : "", verdict_row(e->verdict)->name, e->is.slow ? " slow" : "",
			    e->is.lossy ? " lossy" : e->is.soon ? " soon" : "", e->is.partial ? " some" : "", e->page ? " page" : " notice", e->late ? " late" : "",
			    e->told ? "" : " not: ", e->why_not);
	}
	if (a->round.wanted && !s->quiet)
		text_printf(&s->log, "%.2f ask %u\n", at, a->round.attempt);
	if (s->seen)
		s->seen(s, a);
}

static inline enum verdict scene_verdict(char letter)
{
	static const char letters[] = "slodg" "CFRJUNWT" "?XV";
	static const enum verdict verdicts[] = {VERDICT_OPEN, VERDICT_OPEN, VERDICT_OPEN, VERDICT_OPEN, VERDICT_OPEN, VERDICT_CLOSED,
						VERDICT_FILTERED, VERDICT_RESET,    VERDICT_REJECTED,	 VERDICT_UNREACHABLE,
						VERDICT_NO_NAME,  VERDICT_WRONG_ADDRESS, VERDICT_CERTIFICATE, VERDICT_LOCAL,
						VERDICT_EXPIRED, VERDICT_RESOLVER};
	const char *at = letter ? strchr(letters, letter) : NULL;
	if (!at)
		fail_msg("no verdict has the letter '%c'", letter);
	return verdicts[at - letters];
}

static inline void scene_add(struct scene *s, unsigned region, double at_s, char letter, unsigned attempt)
{
	struct scene_result *r = &s->list[s->results++];

	assert_true(s->results < SCENE_RESULTS);
	memset(r, 0, sizeof(*r));
	r->region = region;
	r->result = (struct result){.monitor = "m", .host = "", .detail = "", .address = "198.51.100.7", .attempt = attempt, .port = 5432};
	r->result.slot_ms = SCENE_T0 + (uint64_t)(at_s * 1000 + 0.5);
	r->result.outcome.verdict = scene_verdict(letter);
	r->result.outcome.rtt_us = letter == 'o' ? 20000 : letter == 's' ? 700000 : 0;
	r->result.outcome.syn_retrans = letter == 'l';
	static const struct tls_seen soon = {.not_after_s = 1764500000, .soon = true}, good = {.not_after_s = 1795000000};
	if (strchr("dgT", letter)) {
		r->result.outcome.tls = letter == 'd' ? &soon : &good;
		r->result.detail = letter == 'd'   ? "certificate: expires in 5 days"
				   : letter == 'g' ? "certificate: expires in 80 days"
						   : "wrong name: has b, wants a";
	}
	r->arrives_ms = r->result.slot_ms + (letter == 'F' ? s->rule.timeout_ms : 10);
}

/* Adds the results of a text; the name before the colon is for the reader, lines count from region 0. */
static inline void scene_read(struct scene *s, const char *text)
{
	unsigned region = 0;

	for (const char *line = text; *line; region++) {
		const char *end = strchrnul(line, '\n'), *at = memchr(line, ':', (size_t)(end - line));
		for (at = at ? at + 1 : end; at < end;) {
			double when;
			char letter;
			int len = 0;
			unsigned attempt = 0;
			if (*at == ' ' || *at == '\t') {
				at++;
				continue;
			}
			assert_int_equal(sscanf(at, "%lf%c%n", &when, &letter, &len), 2);
			at += len;
			for (; at < end && *at >= '0' && *at <= '9'; at++)
				attempt = attempt * 10 + (unsigned)(*at - '0');
			scene_add(s, region, when, letter, attempt);
		}
		line = *end ? end + 1 : end;
	}
}

static inline int scene_sooner(const void *a, const void *b)
{
	const struct scene_result *x = a, *y = b;

	return x->arrives_ms != y->arrives_ms ? (x->arrives_ms > y->arrives_ms) - (x->arrives_ms < y->arrives_ms)
					       : (int)x->region - (int)y->region;
}

/* The watch as a process finds it that was started after the last one was killed. */
static inline void scene_kill(struct scene *s)
{
	json_t *saved = watch_save(s->watch, scene_regions);
	char why[200] = "";

	watch_free(s->watch);
	s->watch = watch_new(&s->rule);
	if (!watch_load(s->watch, saved, scene_regions, REGIONS_MAX, why, sizeof(why)))
		fail_msg("%s", why);
	json_decref(saved);
}

static inline void scene_tick(struct scene *s)
{
	struct watch_actions a;

	watch_tick(s->watch, &s->env, &a);
	scene_write(s, &a);
}

/* Lets time pass until at_s: results arrive, ticks happen when they are due. */
static inline void scene_until(struct scene *s, double at_s)
{
	const uint64_t until_ms = SCENE_T0 + (uint64_t)(at_s * 1000 + 0.5);
	struct watch_actions a;
	unsigned ticks = 0;

	if (!s->watch) {
		s->watch = watch_new(&s->rule);
		scene_tick(s);
	}
	qsort(s->list + s->next, s->results - s->next, sizeof(s->list[0]), scene_sooner);
	for (;;) {
		if (s->killed) {
			scene_kill(s);
			scene_tick(s);
		}
		const uint64_t due_ms = watch_due_ms(s->watch);
		const uint64_t next_ms = s->next < s->results ? s->list[s->next].arrives_ms : UINT64_MAX;
		if (due_ms > until_ms && next_ms > until_ms)
			break;
		if (next_ms <= due_ms) {
			s->env.now_ms = next_ms;
			watch_result(s->watch, s->list[s->next].region, &s->list[s->next].result, &s->env, &a);
			s->next++;
			scene_write(s, &a);
		} else {
			assert_true(ticks++ < 100000); /* it would ask for ticks for ever */
			if (due_ms > s->env.now_ms)
				s->env.now_ms = due_ms;
			scene_tick(s);
		}
	}
	s->env.now_ms = until_ms;
}

static inline void scene_play(struct scene *s, const char *text, double until_s)
{
	scene_read(s, text);
	scene_until(s, until_s);
}

/* Compares what was written since the last time, and forgets it. */
static inline void scene_expect(struct scene *s, const char *expected)
{
	assert_string_equal(s->log.data ? s->log.data : "", expected);
	text_reset(&s->log);
}

static inline void scene_state(const struct scene *s, enum watch_state state)
{
	assert_string_equal(watch_state_names[watch_state(s->watch)], watch_state_names[state]);
}

#endif
