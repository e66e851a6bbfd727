/* test_ledger.c - every slot ends answered or MISSED, and the sum holds at every moment. */
#include "scheduler_test.h"

#define NOW 1764000000000ull

static struct monitors all;
static struct places places;
static struct missed_log *missed;
static struct scheduler_counters n;
static struct ledger ledger;
static uint64_t now;

static int fresh(void **state)
{
	struct settings s = settings_of(3, 2);
	(void)state;
	memset(&n, 0, sizeof(n));
	monitors_init(&all, 60000);
	monitors_place(&all, &s);
	assert_true(places_set(&places, "pw", &s, &n));
	missed = missed_log_new(&n);
	ledger_init(&ledger, &all, &places, missed, &n);
	now = NOW;
	ledger_open(&ledger, NOW, NOW);
	return 0;
}

static int done(void **state)
{
	(void)state;
	ledger_free(&ledger);
	missed_log_free(missed);
	places_free(&places);
	monitors_free(&all);
	return 0;
}

static void set(const struct monitor *m)
{
	char why[200];
	uint32_t index;
	assert_true(monitors_set(&all, m, ledger.emitted_ms, true, &index, why, sizeof(why)));
	if (index != INDEX_NONE)
		assert_true(ledger_fresh(&ledger, index));
}

static void sum_holds(void)
{
	assert_int_equal(n.scheduled, n.answered + n.missed + n.handed_over + n.waiting);
}

/* A share of the slots of each tick is answered, some ticks later or twice. */
struct slot {
	unsigned region, place;
	uint64_t ms;
	char name[24];
};
static struct slot sent[200000];
static unsigned sent_count, scheduled_here[8];

static void collect(void *arg, uint32_t index, uint32_t k)
{
	const struct slot *at = arg;
	const struct known *row = monitors_row(&all, index);
	size_t len;
	(void)k;
	if (!(row->regions >> at->region & 1) || !known_at(row, at->ms))
		return;
	struct slot *s = &sent[sent_count++];
	*s = *at;
	const char *name = job_bytes_name(row->job, &len);
	snprintf(s->name, sizeof(s->name), "%.*s", (int)len, name);
	scheduled_here[at->region * 2 + row->shard]++;
}

/* As tick.c does, with every stream taking it. */
static void tick(void)
{
	now += TICK_MS;
	memset(scheduled_here, 0, sizeof(scheduled_here));
	for (unsigned r = 0; r < 3; r++)
		for (unsigned t = 0; t < all.wheel.tables; t++)
			wheel_each_due(&all.wheel, t, r, 3, now, collect, &(struct slot){ .region = r, .ms = now });
	for (unsigned p = 0; p < 6; p++)
		ledger_scheduled(&ledger, &places.place[p], scheduled_here[p]);
	ledger_emitted(&ledger, now);
}

static void answer(const struct slot *s)
{
	ledger_answer(&ledger, s->region, s->name, strlen(s->name), s->ms, 0);
}

static void pass(uint64_t ms)
{
	for (uint64_t until = now + ms; now < until;) {
		tick();
		ledger_audit(&ledger, now, now);
	}
}

static void what_is_answered_is_not_missed_and_the_rest_is(void **state)
{
	unsigned answered = 0;
	(void)state;
	seed_new();
	sent_count = 0;
	for (unsigned i = 0; i < 300; i++) {
		char name[24];
		snprintf(name, sizeof(name), "m%u", i);
		struct monitor m = monitor_of(name, 1000 * (1 + i % 7));
		set(&m);
	}
	for (unsigned t = 0; t < 1000; t++) {
		unsigned from = sent_count;
		tick();
		for (unsigned i = from; i < sent_count; i++)
			if (random() % 4) {
				answer(&sent[i]);
				if (random() % 4 == 0)
					answer(&sent[i]); /* at least once */
				answered++;
			}
		ledger_audit(&ledger, now, now);
		sum_holds();
	}
	unsigned scheduled = sent_count;
	assert_int_equal(n.scheduled, scheduled);
	assert_int_equal(n.answered, answered);
	for (unsigned i = 0; i < 300; i++) {
		char name[24];
		int len = snprintf(name, sizeof(name), "m%u", i);
		monitors_remove(&all, name, (size_t)len, ledger.emitted_ms, true);
	}
	pass(90000);
	assert_int_equal(n.waiting, 0);
	assert_int_equal(n.scheduled, scheduled);
	assert_int_equal(n.missed, scheduled - answered);
	assert_int_equal(all.names, 0); /* and the retired rows are gone */
	assert_int_equal(n.late_answers + n.foreign_rows, 0);
}

static void an_answer_of_another_time_place_or_attempt_counts_for_nothing(void **state)
{
	struct monitor m = monitor_of("a", 10000);
	(void)state;
	m.region[m.regions++] = "us";
	set(&m);
	sent_count = 0;
	while (!sent_count)
		tick();
	struct slot s = sent[0];
	ledger_answer(&ledger, s.region, "a", 1, s.ms, 1);
	ledger_answer(&ledger, s.region, "a", 1, s.ms + 20, 0);
	ledger_answer(&ledger, 0, "a", 1, s.ms, 0);
	ledger_answer(&ledger, s.region, "b", 1, s.ms, 0);
	ledger_answer(&ledger, s.region, "a", 1, s.ms + 10000, 0);
	assert_int_equal(n.answered, 0);
	assert_int_equal(n.foreign_rows, 4);
	answer(&s);
	assert_int_equal(n.answered, 1);
	sum_holds();
}

static void an_answer_after_the_audit_is_late(void **state)
{
	struct monitor m = monitor_of("a", 60000);
	(void)state;
	set(&m);
	sent_count = 0;
	pass(150000);
	assert_true(n.missed >= 3);
	uint64_t before = n.missed;
	answer(&sent[0]);
	assert_int_equal(n.late_answers, 1);
	assert_int_equal(n.missed, before);
	sum_holds();
}

static void slots_before_a_change_are_still_accounted_for_after_it(void **state)
{
	struct monitor m = monitor_of("a", 5000);
	(void)state;
	set(&m);
	sent_count = 0;
	pass(20000);
	unsigned before = sent_count;
	assert_int_equal(before, 12);
	m.interval_ms = 2000;
	set(&m);
	m.paused = true;
	tick();
	set(&m);
	pass(10000);
	assert_int_equal(sent_count - before, 0); /* paused again a tick later: none of its slots is in it */
	for (unsigned i = 0; i < before; i += 2)
		answer(&sent[i]);
	assert_int_equal(n.answered, 6);
	pass(80000);
	assert_int_equal(n.missed, 6);
	assert_int_equal(n.waiting, 0);
	assert_int_equal(monitors_find(&all, "a", 1), INDEX_NONE);
}

static void reasons_say_who_was_not_there(void **state)
{
	struct monitor m = monitor_of("a", 60000);
	(void)state;
	set(&m);
	for (unsigned p = 0; p < 6; p++) {
		struct place *at = &places.place[p];
		at->looked_ms = NOW + 200000;
		at->engine_ms = at->region ? NOW + 200000 : NOW - 1;
		at->delivered_ms = at->region == 2 ? NOW + 200000 : NOW - 1;
	}
	pass(135000);
	assert_true(n.missed_by[0][MISSED_NO_ENGINE] >= 1 && n.missed_by[1][MISSED_NOT_TAKEN] >= 1 &&
		    n.missed_by[2][MISSED_NOT_ANSWERED] >= 1);
	assert_int_equal(n.missed, n.missed_by[0][MISSED_NO_ENGINE] + n.missed_by[1][MISSED_NOT_TAKEN] +
					   n.missed_by[2][MISSED_NOT_ANSWERED]);
}

static void a_tick_that_was_refused_is_missed_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		char name[24];
		snprintf(name, sizeof(name), "m%u", i);
		struct monitor m = monitor_of(name, 1000);
		set(&m);
	}
	for (unsigned t = 0; t < 50; t++) {
		now += TICK_MS;
		for (unsigned p = 0; p < 6; p++)
			ledger_refused(&ledger, &places.place[p], now, MISSED_REDIS_FULL);
		ledger_emitted(&ledger, now);
		sum_holds();
	}
	assert_int_equal(n.missed, 150);
	for (unsigned i = 0; i < 50; i++) {
		char name[24];
		int len = snprintf(name, sizeof(name), "m%u", i);
		monitors_remove(&all, name, (size_t)len, ledger.emitted_ms, true);
	}
	pass(60000);
	assert_int_equal(n.missed, 150);
	assert_int_equal(n.missed_by[0][MISSED_REDIS_FULL], 50);
	assert_int_equal(n.waiting, 0);
}

static void ticks_that_were_skipped_are_counted_by_arithmetic_and_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		char name[24];
		snprintf(name, sizeof(name), "m%u", i);
		struct monitor m = monitor_of(name, 2000);
		set(&m);
	}
	sent_count = 0;
	pass(2000);
	assert_int_equal(n.scheduled, 60);
	ledger_skipped(&ledger, now + 100000, MISSED_REDIS_AWAY);
	now += 100000;
	assert_int_equal(n.missed, 20 * 3 * 50);
	for (unsigned i = 0; i < 60; i++)
		answer(&sent[i]);
	assert_int_equal(n.answered, 60);
	pass(2000);
	assert_int_equal(n.scheduled, 60 + 3000 + 60);
	for (unsigned i = 60; i < 120; i++)
		answer(&sent[i]);
	sum_holds();
	assert_int_equal(n.waiting, 0);
	ledger_audit(&ledger, now + 70000, now + 70000);
	assert_int_equal(n.missed, 3000);
}

static void a_new_holder_counts_what_was_scheduled_before_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		char name[24];
		snprintf(name, sizeof(name), "m%u", i);
		struct monitor m = monitor_of(name, 5000);
		set(&m);
	}
	sent_count = 0;
	pass(10000);
	unsigned before = sent_count;
	assert_int_equal(n.waiting, before);
	ledger_close(&ledger);
	assert_int_equal(n.handed_over, before);
	sum_holds();
	ledger_open(&ledger, NOW, now);
	assert_int_equal(n.waiting, before);
	for (unsigned i = 0; i < before; i++)
		answer(&sent[i]);
	assert_int_equal(n.waiting, 0);
	sum_holds();
}

static void what_a_clock_ahead_had_scheduled_counts_when_its_tick_comes(void **state)
{
	struct monitor m = monitor_of("a", 1000);
	(void)state;
	set(&m);
	for (unsigned p = 0; p < 6; p++)
		places.place[p].last_ms = NOW + 1000;
	const struct wheel_node *node = &all.wheel.node[0];
	const struct grid *g = &all.wheel.table[0].grid;
	uint64_t slot = 0;
	for (uint64_t t = NOW + TICK_MS; t <= NOW + 1000; t += TICK_MS) {
		uint32_t k;
		slot = grid_number(g, node->bucket, 0, t, &k) ? t : slot;
	}
	ledger_answer(&ledger, 0, "a", 1, slot, 0);
	assert_int_equal(n.answered, 0);
	sum_holds();
	for (now = NOW; now < NOW + 1000;) {
		now += TICK_MS;
		for (unsigned p = 0; p < 6; p++)
			ledger_was_there(&ledger, &places.place[p], now);
		ledger_emitted(&ledger, now);
	}
	assert_int_equal(n.scheduled, 3);
	assert_int_equal(n.answered, 1);
	assert_int_equal(n.waiting, 2);
}

static void nothing_is_audited_before_its_results_could_be_read(void **state)
{
	struct monitor m = monitor_of("a", 5000);
	(void)state;
	set(&m);
	for (unsigned t = 0; t < 6000; t++) {
		tick();
		ledger_audit(&ledger, now, NOW + 5000); /* Redis has been away since */
	}
	assert_int_equal(n.missed, 0);
	for (unsigned t = 0; t < 200; t++)
		ledger_audit(&ledger, now, now);
	assert_true(n.missed > 0);
	sum_holds();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_answered_is_not_missed_and_the_rest_is, fresh, done),
		cmocka_unit_test_setup_teardown(an_answer_of_another_time_place_or_attempt_counts_for_nothing, fresh, done),
		cmocka_unit_test_setup_teardown(an_answer_after_the_audit_is_late, fresh, done),
		cmocka_unit_test_setup_teardown(slots_before_a_change_are_still_accounted_for_after_it, fresh, done),
		cmocka_unit_test_setup_teardown(reasons_say_who_was_not_there, fresh, done),
		cmocka_unit_test_setup_teardown(a_tick_that_was_refused_is_missed_once, fresh, done),
		cmocka_unit_test_setup_teardown(ticks_that_were_skipped_are_counted_by_arithmetic_and_once, fresh, done),
		cmocka_unit_test_setup_teardown(a_new_holder_counts_what_was_scheduled_before_it, fresh, done),
		cmocka_unit_test_setup_teardown(what_a_clock_ahead_had_scheduled_counts_when_its_tick_comes, fresh, done),
		cmocka_unit_test_setup_teardown(nothing_is_audited_before_its_results_could_be_read, fresh, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
