/* test_retry.c - three days of trying again, without waiting for them. */
#include "notice.h"

#include "alerts/retry.h"

#define MINUTE 60000ull
#define HOUR (60 * MINUTE)

static char why[200];

static struct retry_schedule schedule_of(const char *text)
{
	struct retry_schedule s;
	if (!retry_schedule_parse(&s, text, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return s;
}

static void the_standard_schedule_is_that_of_standard_webhooks(void **state)
{
	static const uint64_t expected[] = { 0, 5000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR,
					     14 * HOUR, 20 * HOUR, 24 * HOUR };
	struct retry_schedule s = schedule_of(RETRY_SCHEDULE);
	(void)state;
	assert_int_equal(s.tries, 10);
	assert_memory_equal(s.wait_ms, expected, sizeof(expected));
}

static void each_wait_is_its_own_and_at_most_a_tenth_more(void **state)
{
	struct retry_schedule s = schedule_of(RETRY_SCHEDULE);
	uint32_t seed = 7;
	bool differ = false;
	(void)state;
	for (unsigned round = 0; round < 200; round++)
		for (unsigned made = 1; made < s.tries; made++) {
			uint64_t wait_ms = retry_next_ms(&s, made, 0, 1000, &seed) - 1000;
			assert_in_range(wait_ms, s.wait_ms[made], s.wait_ms[made] * 11 / 10);
			differ |= wait_ms != s.wait_ms[made];
		}
	assert_true(differ);
}

static void after_the_last_try_there_is_no_other(void **state)
{
	struct retry_schedule s = schedule_of("0s 1s");
	uint32_t seed = 1;
	(void)state;
	assert_true(retry_next_ms(&s, 1, 0, 0, &seed) != RETRY_NEVER);
	assert_true(retry_next_ms(&s, 2, 0, 0, &seed) == RETRY_NEVER);
	assert_true(retry_next_ms(&s, 2, 60, 0, &seed) == RETRY_NEVER);
}

static void retry_after_stretches_a_wait_and_never_shortens_it(void **state)
{
	struct retry_schedule s = schedule_of("0s 5s 5m");
	uint32_t seed = 1;
	(void)state;
	assert_int_equal(retry_next_ms(&s, 1, 60, 500, &seed), 60500);
	assert_true(retry_next_ms(&s, 2, 60, 500, &seed) >= 500 + 5 * MINUTE);
}

static void the_tries_of_a_dead_process_are_told_by_the_age_but_the_last_one(void **state)
{
	struct retry_schedule s = schedule_of("0s 5s 5m 30m");
	(void)state;
	assert_int_equal(retry_made_by_age(&s, 0), 0);
	assert_int_equal(retry_made_by_age(&s, 10), 0);
	assert_int_equal(retry_made_by_age(&s, 5001), 1);
	assert_int_equal(retry_made_by_age(&s, 305001), 2);
	assert_int_equal(retry_made_by_age(&s, 1000 * HOUR), 3); /* one is left */
}

static void a_schedule_that_cannot_be_is_refused(void **state)
{
	struct retry_schedule s;
	(void)state;
	assert_false(retry_schedule_parse(&s, " ", why, sizeof(why)));
	assert_string_equal(why, "a schedule of no try at all");
	assert_false(retry_schedule_parse(&s, "0s 5x 1m", why, sizeof(why)));
	assert_string_equal(why, "\"5x\" is not a wait like 200ms, 5s, 5m or 2h");
	assert_false(retry_schedule_parse(&s, "0s -5s", why, sizeof(why)));
	assert_false(retry_schedule_parse(&s, "99999999999999999999s", why, sizeof(why)));
	assert_false(retry_schedule_parse(&s, "5", why, sizeof(why)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_standard_schedule_is_that_of_standard_webhooks),
		cmocka_unit_test(each_wait_is_its_own_and_at_most_a_tenth_more),
		cmocka_unit_test(after_the_last_try_there_is_no_other),
		cmocka_unit_test(retry_after_stretches_a_wait_and_never_shortens_it),
		cmocka_unit_test(the_tries_of_a_dead_process_are_told_by_the_age_but_the_last_one),
		cmocka_unit_test(a_schedule_that_cannot_be_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
