/* test_confirm.c - when rounds and re-checks are due. */
#include "alerts/confirm.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct watch_rule three = {.interval_ms = 60000, .timeout_ms = 3200, .regions = 3, .region_mask = 7};
static const struct watch_rule one = {.interval_ms = 60000, .timeout_ms = 3200, .regions = 3, .region_mask = 2};

/* The attempt that is taken at now; 0: none. */
static unsigned taken(struct confirm *c, bool recheck, uint64_t now_ms)
{
	struct watch_round round = {0};

	confirm_take(c, recheck, now_ms, &round);
	assert_int_equal(round.wanted ? round.slot_ms : now_ms, now_ms);
	return round.wanted ? round.attempt : 0;
}

static void a_round_is_two_probes_two_seconds_apart(void **state)
{
	struct confirm c = {0};
	(void)state;
	assert_int_equal(confirm_due_ms(&c, false), UINT64_MAX);
	assert_true(confirm_failure(&c, &three, 60000, true, true, 60100));
	assert_int_equal(taken(&c, false, 60100), 1);
	assert_int_equal(confirm_due_ms(&c, false), 62100);
	assert_int_equal(taken(&c, false, 62099), 0);
	assert_int_equal(taken(&c, false, 62100), 2);
	assert_int_equal(confirm_due_ms(&c, false), UINT64_MAX);
}

static void from_one_place_it_is_four_over_thirty_seconds(void **state)
{
	static const unsigned at[] = {0, 2000, 15000, 30000};
	struct confirm c = {0};
	(void)state;
	assert_true(confirm_failure(&c, &one, 60000, true, true, 60100));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(confirm_due_ms(&c, false), 60100 + at[i]);
		assert_int_equal(taken(&c, false, 60100 + at[i]), i + 1);
	}
	assert_int_equal(confirm_due_ms(&c, false), UINT64_MAX);
}

static void a_failure_probed_before_the_rounds_last_probe_begins_no_other(void **state)
{
	struct confirm c = {0};
	(void)state;
	confirm_failure(&c, &three, 60000, true, true, 60100);
	taken(&c, false, 60100);
	assert_false(confirm_failure(&c, &three, 61000, true, true, 61000)); /* the second probe is still to come */
	taken(&c, false, 62100);
	assert_false(confirm_failure(&c, &three, 62000, true, true, 65200));
	assert_true(confirm_failure(&c, &three, 62200, true, true, 65400));
}

static void what_was_left_undecided_is_asked_again_but_not_at_once(void **state)
{
	struct confirm c = {0};
	(void)state;
	confirm_failure(&c, &three, 60000, true, true, 60100);
	taken(&c, false, 60100);
	taken(&c, false, 62100);
	assert_false(confirm_failure(&c, &three, 70000, false, true, 70050)); /* 10 s, a sixth of the interval */
	assert_false(confirm_failure(&c, &three, 71000, false, false, 71000)); /* it votes down already: a path issue */
	assert_true(confirm_failure(&c, &three, 71000, false, true, 71000));
}

static void while_down_it_is_looked_at_every_fifteen_seconds(void **state)
{
	struct confirm c = {0};
	(void)state;
	confirm_failure(&c, &three, 60000, true, true, 60100);
	taken(&c, true, 60100);
	assert_int_equal(taken(&c, true, 62100), 2); /* the round goes on although it is down already */
	assert_int_equal(confirm_due_ms(&c, true), 77100);
	assert_int_equal(taken(&c, true, 77100), 3);
	assert_int_equal(taken(&c, true, 92150), 4); /* late: the next is 15 s after it, never less */
	assert_int_equal(confirm_due_ms(&c, true), 107150);
	assert_int_equal(confirm_due_ms(&c, false), UINT64_MAX);
}

static void attempts_begin_again_before_they_are_too_large_for_the_wire(void **state)
{
	struct confirm c = {0};
	unsigned attempt = 0;
	(void)state;
	for (uint64_t i = 1; i < 70000; i++) {
		attempt = taken(&c, true, i * 15000);
		assert_in_range(attempt, 1, 60000);
	}
	assert_int_equal(attempt, 69999 - 60000);
}

static void a_clock_that_is_set_back_stops_nothing(void **state)
{
	struct confirm c = {0};
	(void)state;
	confirm_failure(&c, &three, 3600000, true, true, 3600100);
	taken(&c, false, 3600100);
	taken(&c, false, 3602100);
	assert_true(confirm_failure(&c, &three, 60000, true, true, 60100));
	assert_int_equal(taken(&c, false, 60100), 1);
}

static void one_who_asks_for_a_round_gets_one_in_ten_seconds(void **state)
{
	struct confirm c = {0};
	(void)state;
	assert_true(confirm_ask(&c, &three, 60000));
	assert_int_equal(taken(&c, false, 60000), 1);
	assert_false(confirm_ask(&c, &three, 60500));
	taken(&c, false, 62000);
	assert_false(confirm_ask(&c, &three, 69999));
	assert_true(confirm_ask(&c, &three, 70000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_is_two_probes_two_seconds_apart),
		cmocka_unit_test(from_one_place_it_is_four_over_thirty_seconds),
		cmocka_unit_test(a_failure_probed_before_the_rounds_last_probe_begins_no_other),
		cmocka_unit_test(what_was_left_undecided_is_asked_again_but_not_at_once),
		cmocka_unit_test(while_down_it_is_looked_at_every_fifteen_seconds),
		cmocka_unit_test(attempts_begin_again_before_they_are_too_large_for_the_wire),
		cmocka_unit_test(a_clock_that_is_set_back_stops_nothing),
		cmocka_unit_test(one_who_asks_for_a_round_gets_one_in_ten_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
