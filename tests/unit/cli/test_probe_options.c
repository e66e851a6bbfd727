/* test_probe_options.c - what --settle takes and what it refuses. */
#include "cli/probe_options.h"

#include "cli_test.h"

static void settle_is_auto_or_a_time_within_its_bounds(void **state)
{
	static const struct {
		const char *text;
		unsigned ms;
	} good[] = { { "0", 0 }, { "auto", JOB_SETTLE_AUTO }, { "250", 250 }, { "250ms", 250 }, { "5s", 5000 }, { "5000", 5000 } };
	static const char *const bad[] = { "", "5001", "6s", "-1", "Auto", "1x", "4294967297", "99999999999999999999", "1 ms" };
	char why[200];
	unsigned ms;
	(void)state;
	for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(settle_parse(good[i].text, &ms, why, sizeof why));
		assert_int_equal(ms, good[i].ms);
	}
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (settle_parse(bad[i], &ms, why, sizeof why))
			fail_msg("%s was taken", bad[i]);
		assert_contains(why, "--settle");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settle_is_auto_or_a_time_within_its_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
