/* test_backoff.c - mirrors base/backoff.c. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/backoff.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void each_wait_lies_between_half_and_the_whole_of_its_step(void **state)
{
	(void)state;
	static const unsigned steps[] = { 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000 };
	for (uint32_t seed = 1; seed <= 2000; seed++) {
		struct backoff b = { .seed = seed * 2654435761u };
		for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
			const unsigned wait_ms = backoff_next_ms(&b);
			assert_in_range(wait_ms, steps[i] / 2, steps[i]);
			assert_int_equal(b.tries, i + 1);
		}
	}
}

static void the_waits_reach_both_ends_and_their_mean_is_in_the_middle(void **state)
{
	(void)state;
	struct backoff b = { .seed = 42 };
	unsigned long sum = 0;
	unsigned low = UINT_MAX, high = 0;
	for (int i = 0; i < 20000; i++) {
		backoff_reset(&b);
		const unsigned wait_ms = backoff_next_ms(&b);
		sum += wait_ms;
		low = wait_ms < low ? wait_ms : low;
		high = wait_ms > high ? wait_ms : high;
	}
	assert_int_equal(low, 25);
	assert_int_equal(high, 50);
	assert_in_range(sum / 2000, 370, 380); /* 37.5 ms, in tenths */
}

static void a_success_brings_back_the_shortest_step(void **state)
{
	(void)state;
	struct backoff b = { .seed = 7 };
	for (int i = 0; i < 9; i++)
		backoff_next_ms(&b);
	backoff_reset(&b);
	assert_in_range(backoff_next_ms(&b), 25, 50);
}

static void a_year_of_failures_still_waits_the_longest_step(void **state)
{
	(void)state;
	struct backoff b = { .seed = 7, .tries = UINT_MAX };
	for (int i = 0; i < 3; i++)
		assert_in_range(backoff_next_ms(&b), 2500, 5000);
}

static void two_seeds_do_not_wait_alike_and_a_seed_of_zero_works(void **state)
{
	(void)state;
	struct backoff a = { .seed = 0, .tries = 9 }, b = { .seed = 99, .tries = 9 };
	int same = 0;
	for (int i = 0; i < 100; i++)
		same += backoff_next_ms(&a) == backoff_next_ms(&b);
	assert_true(same < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wait_lies_between_half_and_the_whole_of_its_step),
		cmocka_unit_test(the_waits_reach_both_ends_and_their_mean_is_in_the_middle),
		cmocka_unit_test(a_success_brings_back_the_shortest_step),
		cmocka_unit_test(a_year_of_failures_still_waits_the_longest_step),
		cmocka_unit_test(two_seeds_do_not_wait_alike_and_a_seed_of_zero_works),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
