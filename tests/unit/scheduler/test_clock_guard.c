/* test_clock_guard.c - the time of the grid: near Redis' in the long run, and never backwards. */
#include "scheduler_test.h"

#include "scheduler/clock_guard.h"

#define S 1000000ull /* us */
#define REDIS (1764000000ull * S)

/* At mono_us Redis says redis_us, and it took took_us. */
static void sample(struct clock_guard *g, uint64_t mono_us, uint64_t took_us, uint64_t redis_us)
{
	clock_guard_sample(g, (mono_us - took_us / 2) * 1000, (mono_us + took_us / 2) * 1000, redis_us, redis_us);
}

static void the_first_answer_is_the_time(void **state)
{
	struct clock_guard g = { 0 };
	(void)state;
	sample(&g, 50 * S, 400000, REDIS);
	assert_int_equal(clock_guard_us(&g, 50 * S * 1000), REDIS);
	assert_int_equal(clock_guard_us(&g, 51 * S * 1000), REDIS + S);
}

static void jitter_of_answers_moves_it_little(void **state)
{
	struct clock_guard g = { 0 };
	(void)state;
	seed_new();
	sample(&g, 10 * S, 100, REDIS + 10 * S);
	for (uint64_t t = 11; t < 200; t++)
		sample(&g, t * S, 40000, REDIS + t * S + (uint64_t)random() % 20000 - 10000);
	uint64_t us = clock_guard_us(&g, 200 * S * 1000);
	assert_in_range(us, REDIS + 200 * S - 6000, REDIS + 200 * S + 6000);
	assert_int_equal(g.steps, 0);
}

static void a_slow_answer_counts_only_when_there_are_no_others(void **state)
{
	struct clock_guard g = { 0 };
	(void)state;
	sample(&g, 1 * S, 100, REDIS);
	for (unsigned i = 0; i < 9; i++)
		sample(&g, 2 * S, 300000, REDIS + 100 * S);
	assert_int_equal(g.steps, 0);
	sample(&g, 2 * S, 300000, REDIS + 100 * S);
	assert_int_equal(g.steps, 1);
}

static void a_clock_set_forward_is_followed_at_once(void **state)
{
	struct clock_guard g = { 0 };
	(void)state;
	sample(&g, 1 * S, 100, REDIS);
	sample(&g, 2 * S, 100, REDIS + 3600 * S);
	assert_int_equal(clock_guard_us(&g, 2 * S * 1000), REDIS + 3600 * S);
	assert_int_equal(g.steps, 1);
}

static void a_clock_set_back_makes_time_stand_still_until_it_is_there_again(void **state)
{
	struct clock_guard g = { 0 };
	(void)state;
	sample(&g, 1 * S, 100, REDIS);
	assert_int_equal(clock_guard_us(&g, 11 * S * 1000), REDIS + 10 * S);
	sample(&g, 12 * S, 100, REDIS - 20 * S);
	assert_int_equal(clock_guard_us(&g, 12 * S * 1000), REDIS + 10 * S);
	assert_int_equal(clock_guard_ahead_ms(&g, 12 * S * 1000), 30000);
	assert_int_equal(clock_guard_us(&g, 41 * S * 1000), REDIS + 10 * S);
	assert_int_equal(clock_guard_us(&g, 43 * S * 1000), REDIS + 11 * S);
	assert_int_equal(clock_guard_ahead_ms(&g, 43 * S * 1000), 0);
	clock_guard_us(&g, 50 * S * 1000);
	sample(&g, 50 * S, 100, REDIS - 3600 * S);
	clock_guard_back(&g);
	assert_int_equal(clock_guard_us(&g, 50 * S * 1000), REDIS - 3600 * S);
}

static void it_never_goes_back_whatever_is_said(void **state)
{
	struct clock_guard g = { 0 };
	uint64_t last = 0;
	(void)state;
	seed_new();
	sample(&g, 1 * S, 100, REDIS);
	for (uint64_t t = 2; t < 5000; t++) {
		sample(&g, t * S, (uint64_t)random() % 100000, REDIS + t * S + (uint64_t)random() % (8 * S) - 4 * S);
		uint64_t now = clock_guard_us(&g, t * S * 1000);
		assert_true(now >= last);
		last = now;
	}
}

static void the_local_clock_is_compared(void **state)
{
	struct clock_guard g = { 0 };
	(void)state;
	clock_guard_sample(&g, 1000, 2000, REDIS, REDIS - 5 * S);
	assert_int_equal(g.local_us, -5000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_answer_is_the_time),
		cmocka_unit_test(jitter_of_answers_moves_it_little),
		cmocka_unit_test(a_slow_answer_counts_only_when_there_are_no_others),
		cmocka_unit_test(a_clock_set_forward_is_followed_at_once),
		cmocka_unit_test(a_clock_set_back_makes_time_stand_still_until_it_is_there_again),
		cmocka_unit_test(it_never_goes_back_whatever_is_said),
		cmocka_unit_test(the_local_clock_is_compared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
