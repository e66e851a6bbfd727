/* test_watch_sets.c - what must hold for every log of results: order and repetition decide nothing, what is told is
 * paired, no region pages alone, and a process that was killed anywhere goes on as if it had not been.  Logs come
 * from seeds, 0 and up; the last one is printed, so after a failure it is the culprit.  PORTWATCH_TEST_SEED plays
 * one log alone, PORTWATCH_TEST_LOGS sets how many there are (100000). */
#include "tests/unit/alerts/scene.h"

#define RESULTS_MAX 64
#define SPAN_MS 600000

struct log {
	unsigned regions, results, interval_ms;
	uint64_t end_ms;
	struct scene_result r[2 * RESULTS_MAX];
};

static unsigned logs(void)
{
	const char *given = getenv("PORTWATCH_TEST_LOGS");

	return given ? (unsigned)strtoul(given, NULL, 10) : 100000;
}

static unsigned seed; /* of the log that is played */

static unsigned first_log(void)
{
	const char *given = getenv("PORTWATCH_TEST_SEED");

	return given ? (unsigned)strtoul(given, NULL, 10) : 0;
}

/* One past the last seed, if count would be played of them. */
static unsigned end_log(unsigned count)
{
	return getenv("PORTWATCH_TEST_SEED") ? first_log() + 1 : count;
}

static int print_seed(void **state)
{
	(void)state;
	printf("# PORTWATCH_TEST_SEED=%u was the last\n", seed);
	return 0;
}

static unsigned below(unsigned n)
{
	return (unsigned)rand() % n;
}

/* Results that come in bursts, mostly of one mind: the space in which votes turn. */
static void random_log(struct log *l, const char *letters)
{
	const unsigned kinds = (unsigned)strlen(letters), wanted = 1 + below(RESULTS_MAX);
	uint64_t at_ms = 0;

	static const unsigned intervals[] = {60000, 60000, 10000, 2000};

	l->regions = 1 + below(5);
	l->interval_ms = intervals[below(4)];
	l->results = 0;
	while (l->results < wanted) {
		const char mood = letters[below(kinds)];
		const bool burst = below(2);
		at_ms += below(below(4) ? 20000 : SPAN_MS / 6) * (uint64_t)l->interval_ms / 60000;
		for (unsigned i = 0; i < (burst ? l->regions : 1) && l->results < wanted; i++) {
			struct scene one;
			one.results = 0;
			one.rule.timeout_ms = 3200;
			scene_add(&one, burst ? i : below(l->regions), 0, below(4) ? mood : letters[below(kinds)], burst ? 1 + below(2) : 0);
			l->r[l->results] = one.list[0];
			l->r[l->results].result.slot_ms += at_ms;
			l->r[l->results].arrives_ms += at_ms;
			l->results++;
		}
	}
	l->end_ms = SCENE_T0 + at_ms + below(below(3) ? 10000 : 2 * SPAN_MS) * (uint64_t)l->interval_ms / 60000;
}

static struct watch_rule rule_of(const struct log *l)
{
	return (struct watch_rule){.interval_ms = l->interval_ms, .timeout_ms = 3200, .slow_ms = 500, .regions = l->regions,
				   .region_mask = (uint16_t)((1u << l->regions) - 1)};
}

static struct watch *fresh(const struct log *l, struct watch_env *env, struct watch_actions *a)
{
	const struct watch_rule rule = rule_of(l);
	struct watch *w = watch_new(&rule);

	*env = (struct watch_env){.now_ms = SCENE_T0};
	watch_tick(w, env, a);
	return w;
}

/* Time goes on to at_ms, with every tick that is due. */
static void advance(struct watch *w, struct watch_env *env, uint64_t at_ms, struct watch_actions *a)
{
	while (watch_due_ms(w) <= at_ms) {
		if (watch_due_ms(w) > env->now_ms)
			env->now_ms = watch_due_ms(w);
		watch_tick(w, env, a);
	}
	if (at_ms > env->now_ms)
		env->now_ms = at_ms;
}

static struct watch *run(const struct log *l, bool in_time)
{
	struct watch_env env;
	struct watch_actions a;
	struct watch *w = fresh(l, &env, &a);

	if (!in_time)
		env.now_ms = l->end_ms;
	for (unsigned i = 0; i < l->results; i++) {
		if (in_time)
			advance(w, &env, l->r[i].arrives_ms < l->end_ms ? l->r[i].arrives_ms : l->end_ms, &a);
		watch_result(w, l->r[i].region, &l->r[i].result, &env, &a);
	}
	env.now_ms = l->end_ms;
	watch_tick(w, &env, &a);
	return w;
}

/* Some come twice, all come in any order; or each comes late by some time of its own. */
static void disturb(struct log *l, bool shuffle)
{
	for (unsigned i = 0, once = l->results; i < once; i++)
		if (!below(4))
			l->r[l->results++] = l->r[i];
	for (unsigned i = 0; i < l->results; i++)
		l->r[i].arrives_ms += below(4) ? 0 : below(2 * l->interval_ms);
	if (!shuffle) {
		qsort(l->r, l->results, sizeof(l->r[0]), scene_sooner);
		return;
	}
	for (unsigned i = l->results; i > 1; i--) {
		const unsigned other = below(i);
		const struct scene_result swapped = l->r[i - 1];
		l->r[i - 1] = l->r[other];
		l->r[other] = swapped;
	}
}

static void show(const struct log *l)
{
	for (unsigned i = 0; i < l->results; i++)
		printf("# r%u %.3f %s attempt %u, arrives %.3f\n", l->r[i].region, (l->r[i].result.slot_ms - SCENE_T0) / 1e3,
		       verdict_row(l->r[i].result.outcome.verdict)->name, l->r[i].result.attempt, (l->r[i].arrives_ms - SCENE_T0) / 1e3);
	printf("# end %.3f\n", (l->end_ms - SCENE_T0) / 1e3);
}

static void the_order_of_results_their_delay_and_repetition_decide_nothing(void **state)
{
	static struct log l;
	unsigned seen[WATCH_STATES] = {0};

	(void)state;
	for (unsigned n = first_log(); n < end_log(logs()); n++) {
		srand(seed = n);
		random_log(&l, n & 1 ? "oCF?" : "ooosFC");
		struct watch *sorted = run(&l, true);
		disturb(&l, n & 2);
		struct watch *other = run(&l, !(n & 2));
		seen[watch_state(sorted)]++;
		if (watch_state(sorted) != watch_state(other) || watch_scope(sorted) != watch_scope(other)) {
			show(&l);
			fail_msg("seed %u: in order %s %s, otherwise %s %s", n, watch_state_names[watch_state(sorted)],
				 watch_scope_names[watch_scope(sorted)], watch_state_names[watch_state(other)],
				 watch_scope_names[watch_scope(other)]);
		}
		watch_free(sorted);
		watch_free(other);
	}
	for (unsigned i = 0; i < WATCH_STATES; i++) {
		printf("# %u logs ended %s\n", seen[i], watch_state_names[i]);
		assert_true(seen[i] || getenv("PORTWATCH_TEST_SEED"));
	}
}

/* What the channels believe, from what was told. */
struct ear {
	uint64_t down, told[EVENT_KINDS];
	unsigned downs, flaps;
};

static void hear(struct ear *ear, const struct watch_actions *a)
{
	for (unsigned i = 0; i < a->events; i++) {
		const struct watch_event *e = &a->event[i];
		assert_int_equal(e->told, e->why_not[0] == '\0');
		if (!e->told)
			continue;
		if (e->kind == EVENT_DOWN) {
			assert_int_equal(ear->down, 0);
			ear->down = e->incident;
			ear->downs++;
		} else if (e->kind == EVENT_UP) {
			assert_int_not_equal(e->incident, 0);
			assert_int_equal(ear->down, e->incident);
			ear->down = 0;
		} else if (e->resolved) {
			assert_int_equal(ear->told[e->kind], e->incident);
			ear->told[e->kind] = 0;
		} else {
			assert_int_equal(ear->told[e->kind], 0);
			ear->told[e->kind] = e->incident;
			ear->flaps += e->kind == EVENT_FLAPPING;
		}
	}
}

/* Maintenance, parents, silence and quarantine come and go. */
static void disturb_env(struct watch_env *env, unsigned regions)
{
	switch (below(8)) {
	case 0:
		env->maintenance = env->maintenance ? NULL : "upgrade";
		break;
	case 1:
		env->parent = below(4);
		env->parent_name = "switch";
		break;
	case 2:
		env->silent = below(2) ? below(1u << regions) : 0;
		break;
	case 3:
		env->quarantined = below(2) ? below(1u << regions) : 0;
	}
}

static void what_is_told_is_paired_whatever_happens(void **state)
{
	static struct log l;
	unsigned downs = 0, flaps = 0;

	(void)state;
	for (unsigned n = first_log(); n < end_log(logs() / 10); n++) {
		struct watch_env env;
		struct watch_actions a;
		struct ear ear = {0};
		srand(seed = n);
		random_log(&l, "ooCF?");
		struct watch *w = fresh(&l, &env, &a);
		for (unsigned i = 0; i < l.results; i++) {
			while (watch_due_ms(w) <= l.r[i].arrives_ms) {
				if (watch_due_ms(w) > env.now_ms)
					env.now_ms = watch_due_ms(w);
				watch_tick(w, &env, &a);
				hear(&ear, &a);
			}
			if (l.r[i].arrives_ms > env.now_ms)
				env.now_ms = l.r[i].arrives_ms;
			disturb_env(&env, l.regions);
			watch_tick(w, &env, &a);
			hear(&ear, &a);
			watch_result(w, l.r[i].region, &l.r[i].result, &env, &a);
			hear(&ear, &a);
		}
		watch_end(w, &env, &a);
		hear(&ear, &a);
		assert_int_equal(ear.down, 0);
		for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
			assert_int_equal(ear.told[kind], 0);
		downs += ear.downs;
		flaps += ear.flaps;
		watch_free(w);
	}
	printf("# %u DOWN told, %u times flapping\n", downs, flaps);
	assert_true((downs > 0 && flaps > 0) || getenv("PORTWATCH_TEST_SEED"));
}

static void neither_unknown_results_nor_one_of_several_regions_make_down(void **state)
{
	static struct log l;

	(void)state;
	for (unsigned n = first_log(); n < end_log(logs() / 10); n++) {
		struct watch_env env;
		struct watch_actions a;
		srand(seed = n);
		random_log(&l, n & 1 ? "?X" : "CFo");
		l.regions += l.regions == 1;
		struct watch *w = fresh(&l, &env, &a);
		for (unsigned i = 0; i < l.results; i++) {
			struct result *r = &l.r[i].result;
			if (!(n & 1) && l.r[i].region != n % l.regions) /* all but one region see it open or see nothing */
				r->outcome.verdict = below(2) ? VERDICT_OPEN : VERDICT_LOCAL;
			advance(w, &env, l.r[i].arrives_ms, &a);
			env.silent = below(8) ? env.silent : below(1u << l.regions);
			watch_result(w, l.r[i].region, r, &env, &a);
			assert_int_not_equal(watch_state(w), WATCH_DOWN);
		}
		watch_free(w);
	}
}

/* Saves, forgets, loads: the watch that a process finds which was killed here. */
static struct watch *reborn(struct watch *w, const struct log *l)
{
	const struct watch_rule rule = rule_of(l);
	char why[200] = "";
	json_t *saved = watch_save(w, scene_regions);
	char *line = json_line(saved), *again;
	json_t *read = json_read_object(line, strlen(line), why, sizeof(why));
	struct watch *other = watch_new(&rule);

	if (!watch_load(other, read, scene_regions, l->regions, why, sizeof(why)))
		fail_msg("%s: %s", line, why);
	json_decref(saved);
	json_decref(read);
	saved = watch_save(other, scene_regions);
	again = json_line(saved);
	assert_string_equal(line, again);
	json_decref(saved);
	free(line);
	free(again);
	watch_free(w);
	return other;
}

static void same_actions(const struct watch_actions *a, const struct watch_actions *b)
{
	assert_int_equal(a->round.wanted, b->round.wanted);
	if (a->round.wanted)
		assert_int_equal(a->round.attempt, b->round.attempt);
	assert_int_equal(a->events, b->events);
	for (unsigned i = 0; i < a->events; i++) {
		assert_int_equal(a->event[i].kind, b->event[i].kind);
		assert_int_equal(a->event[i].told, b->event[i].told);
		assert_int_equal(a->event[i].resolved, b->event[i].resolved);
		assert_int_equal(a->event[i].incident, b->event[i].incident);
		assert_int_equal(a->event[i].since_ms, b->event[i].since_ms);
		assert_string_equal(a->event[i].why_not, b->event[i].why_not);
	}
}

static void a_process_killed_at_any_point_goes_on_as_if_it_had_not_been(void **state)
{
	static struct log l;

	(void)state;
	for (unsigned n = first_log(); n < end_log(logs() / 50); n++) {
		struct watch_env env;
		struct watch_actions a, b;
		srand(seed = n);
		random_log(&l, "ooCF?");
		struct watch *w = fresh(&l, &env, &a), *killed = fresh(&l, &env, &b);
		for (unsigned i = 0; i < l.results;) {
			const uint64_t due_ms = watch_due_ms(w);
			const bool result = l.r[i].arrives_ms < due_ms && env.now_ms < due_ms;
			killed = reborn(killed, &l);
			if ((result ? l.r[i].arrives_ms : due_ms) > env.now_ms)
				env.now_ms = result ? l.r[i].arrives_ms : due_ms;
			if (!below(4)) {
				disturb_env(&env, l.regions);
				watch_tick(w, &env, &a);
				watch_tick(killed, &env, &b);
				same_actions(&a, &b);
			}
			if (result) {
				watch_result(w, l.r[i].region, &l.r[i].result, &env, &a);
				watch_result(killed, l.r[i].region, &l.r[i].result, &env, &b);
				i++;
			} else {
				watch_tick(w, &env, &a);
				watch_tick(killed, &env, &b);
			}
			same_actions(&a, &b);
			assert_int_equal(watch_state(w), watch_state(killed));
			assert_int_equal(watch_scope(w), watch_scope(killed));
		}
		watch_free(w);
		watch_free(killed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_order_of_results_their_delay_and_repetition_decide_nothing, print_seed),
		cmocka_unit_test_teardown(what_is_told_is_paired_whatever_happens, print_seed),
		cmocka_unit_test_teardown(neither_unknown_results_nor_one_of_several_regions_make_down, print_seed),
		cmocka_unit_test_teardown(a_process_killed_at_any_point_goes_on_as_if_it_had_not_been, print_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
