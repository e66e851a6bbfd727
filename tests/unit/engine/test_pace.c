/* test_pace.c - the bucket as counts over a clock that the test holds. */
#include "engine/pace.h"

#include "loopback.h"

#define START (1000 * NS_PER_S)

/* Tokens taken by somebody who asks for all there is, every step_ns, for the given time. */
static uint64_t taken_over(struct pace *p, uint64_t from_ns, uint64_t time_ns, uint64_t step_ns)
{
	uint64_t taken = 0;
	for (uint64_t now = from_ns; now < from_ns + time_ns; now += step_ns)
		taken += pace_take(p, now, UINT32_MAX);
	return taken;
}

static void without_a_rate_everything_may_start_at_once(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 0);
	assert_int_equal(pace_take(&p, START, 123456), 123456);
	assert_int_equal(pace_take(&p, 0, UINT32_MAX), UINT32_MAX);
	assert_int_equal(pace_wait_ns(&p, START), 0);
	pace_init(&p, -5);
	assert_int_equal(pace_take(&p, START, 7), 7);
}

static void a_rate_is_kept_over_time_whatever_the_steps(void **state)
{
	static const double rates[] = { 1, 3, 100, 999, 20000, 1000000 };
	static const uint64_t steps[] = { 10 * NS_PER_US, 777 * NS_PER_US, 5 * NS_PER_MS };
	(void)state;
	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++)
		for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
			struct pace p;
			pace_init(&p, rates[r]);
			uint64_t taken = taken_over(&p, START, 10 * NS_PER_S, steps[s]);
			uint64_t due = (uint64_t)(rates[r] * 10), burst = (uint64_t)(rates[r] / 100) + 1;
			assert_in_range(taken, due - due / 1000 - 1, due + due / 1000 + burst + 1);
		}
}

static void after_a_long_rest_no_more_than_ten_milliseconds_worth_leave_at_once(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 10000);
	assert_in_range(pace_take(&p, START, UINT32_MAX), 1, 101);
	assert_in_range(pace_take(&p, START + 3600 * NS_PER_S, UINT32_MAX), 100, 101);
	assert_int_equal(pace_take(&p, START + 3600 * NS_PER_S, 1), 0);
}

static void a_slow_rate_still_gives_one(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 0.1);
	assert_int_equal(pace_take(&p, START, 10), 1);
	assert_int_equal(pace_take(&p, START + 9 * NS_PER_S, 10), 0);
	assert_int_equal(pace_take(&p, START + 10 * NS_PER_S, 10), 1);
}

static void the_wait_is_exactly_until_the_next_token(void **state)
{
	struct pace p;
	(void)state;
	chance_seed();
	pace_init(&p, 750);
	uint64_t now = START;
	for (unsigned i = 0; i < 10000; i++) {
		pace_take(&p, now, chance(4));
		uint64_t wait = pace_wait_ns(&p, now);
		if (wait > 0) {
			struct pace early = p, on_time = p;
			assert_int_equal(pace_take(&early, now + wait - 1, 1), 0);
			assert_int_equal(pace_take(&on_time, now + wait, 1), 1);
		} else {
			struct pace there = p;
			assert_int_equal(pace_take(&there, now, 1), 1);
		}
		now += chance(2 * NS_PER_MS);
	}
}

static void no_more_is_taken_than_was_wanted(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 1000000);
	pace_take(&p, START, 0);
	assert_int_equal(pace_take(&p, START + NS_PER_S, 0), 0);
	assert_int_equal(pace_take(&p, START + NS_PER_S, 5), 5);
	assert_in_range(pace_take(&p, START + NS_PER_S, UINT32_MAX), 9990, 9997);
}

static void a_clock_that_has_just_begun_gives_no_debt(void **state)
{
	struct pace p;
	(void)state;
	pace_init(&p, 100);
	assert_int_equal(pace_take(&p, 0, 10), 1);
	assert_int_equal(pace_take(&p, 10 * NS_PER_MS, 10), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_rate_everything_may_start_at_once),
		cmocka_unit_test(a_rate_is_kept_over_time_whatever_the_steps),
		cmocka_unit_test(after_a_long_rest_no_more_than_ten_milliseconds_worth_leave_at_once),
		cmocka_unit_test(a_slow_rate_still_gives_one),
		cmocka_unit_test(the_wait_is_exactly_until_the_next_token),
		cmocka_unit_test(no_more_is_taken_than_was_wanted),
		cmocka_unit_test(a_clock_that_has_just_begun_gives_no_debt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
