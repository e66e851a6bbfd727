/* test_nagios.c - threshold ranges as the plugin guideline defines them, and performance data that every graph tool reads. */
#include "cli/nagios.h"

#include "cli_test.h"

static struct nagios_range range;
static char why[256];

static void parse(const char *text)
{
	if (!nagios_range_parse(text, &range, why, sizeof why))
		fail_msg("%s was refused: %s", text, why);
}

/* The range alerts at each time of the list and is quiet at those of the other; lists end with -1. */
static void alerts(const char *text, const int64_t *at_us, const int64_t *not_at_us)
{
	parse(text);
	for (; *at_us >= 0; at_us++)
		if (!nagios_range_alerts(&range, (uint64_t)*at_us))
			fail_msg("%s does not alert at %lld us", text, (long long)*at_us);
	for (; *not_at_us >= 0; not_at_us++)
		if (nagios_range_alerts(&range, (uint64_t)*not_at_us))
			fail_msg("%s alerts at %lld us", text, (long long)*not_at_us);
}

#define LIST(...) (const int64_t[]){ __VA_ARGS__, -1 }

static void a_number_alerts_above_itself(void **state)
{
	(void)state;
	alerts("10", LIST(10001, 20000), LIST(0, 9999, 10000));
	alerts("0", LIST(1), LIST(0));
	alerts("0:10", LIST(10001), LIST(0, 10000));
}

static void an_open_end_alerts_below_only(void **state)
{
	(void)state;
	alerts("10:", LIST(0, 9999), LIST(10000, 86400000));
}

static void a_tilde_alerts_above_only(void **state)
{
	(void)state;
	alerts("~:10", LIST(10001), LIST(0, 5, 10000));
	alerts(":10", LIST(10001), LIST(0, 10000));
}

static void two_ends_alert_outside(void **state)
{
	(void)state;
	alerts("10:20", LIST(9999, 20001), LIST(10000, 15000, 20000));
}

static void an_at_sign_alerts_inside(void **state)
{
	(void)state;
	alerts("@10:20", LIST(10000, 15000, 20000), LIST(9999, 20001));
	alerts("@10:", LIST(10000, 99999), LIST(9999));
	alerts("@~:10", LIST(0, 10000), LIST(10001));
}

static void a_range_that_is_not_set_never_alerts(void **state)
{
	(void)state;
	assert_true(nagios_range_parse(NULL, &range, why, sizeof why));
	assert_false(nagios_range_alerts(&range, 0));
	assert_false(nagios_range_alerts(&range, 1000000));
}

static void times_are_milliseconds_or_carry_their_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {
		{ "100", 100000 }, { "0.5", 500 }, { "0.412", 412 },	  { "100ms", 100000 }, { "250us", 250 },
		{ "1s", 1000000 }, { "1.5s", 1500000 }, { "0.000001s", 1 }, { "2m", 120000000 }, { "86400s", 86400000000 },
	};
	static const char *const bad[] = { "", "-1", "+1", ".5", "1.", "1.s", "1,5", "1e3", "1h", "1 s", "1ss", "0x10",
					   "99999999999999999999", "86401s", "nan", "inf" };
	uint64_t us;
	(void)state;
	for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(nagios_time_parse(good[i].text, strlen(good[i].text), &us));
		assert_int_equal(us, good[i].us);
	}
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (nagios_time_parse(bad[i], strlen(bad[i]), &us))
			fail_msg("%s was taken for a time", bad[i]);
}

static void what_is_no_range_is_refused_with_examples(void **state)
{
	static const char *const bad[] = { "", "@", "abc", "10:x", "x:10", "~", "~10", "@@1", "1:2:3", "10;20", "10 20" };
	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (nagios_range_parse(bad[i], &range, why, sizeof why))
			fail_msg("%s was taken for a range", bad[i]);
		assert_contains(why, "@10:20");
	}
	assert_false(nagios_range_parse("20:10", &range, why, sizeof why));
	assert_contains(why, "begins above its end");
}

static void perfdata_is(const char *expected, uint64_t us, const char *warning, const char *critical, uint64_t max_us)
{
	char text[200];
	struct nagios_range w, c;
	assert_true(nagios_range_parse(warning, &w, why, sizeof why));
	assert_true(nagios_range_parse(critical, &c, why, sizeof why));
	nagios_perfdata(text, sizeof text, us, &w, &c, max_us);
	assert_string_equal(text, expected);
}

static void perfdata_is_in_seconds_without_exponents(void **state)
{
	(void)state;
	perfdata_is("'time'=0.000412s;0.1;0.5;0;3.2", 412, "100", "500", 3200000);
	perfdata_is("'time'=1.200000s;;;0;60", 1200000, NULL, NULL, 60000000);
	perfdata_is("'time'=0.000001s;~:0.1;@0.01:0.02;0;10", 1, "~:100", "@10:20", 10000000);
	perfdata_is("'time'=0.020000s;0.01:;0.01:0.5;0;1", 20000, "10:", "10:500", 1000000);
	perfdata_is("'time'=0.020000s;0:;0.000001;0;1", 20000, "0:", "1us", 1000000);
}

static void a_time_that_was_not_measured_stands_as_u(void **state)
{
	(void)state;
	perfdata_is("'time'=U;0.1;;0;3.2", 0, "100", NULL, 3200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_alerts_above_itself),
		cmocka_unit_test(an_open_end_alerts_below_only),
		cmocka_unit_test(a_tilde_alerts_above_only),
		cmocka_unit_test(two_ends_alert_outside),
		cmocka_unit_test(an_at_sign_alerts_inside),
		cmocka_unit_test(a_range_that_is_not_set_never_alerts),
		cmocka_unit_test(times_are_milliseconds_or_carry_their_unit),
		cmocka_unit_test(what_is_no_range_is_refused_with_examples),
		cmocka_unit_test(perfdata_is_in_seconds_without_exponents),
		cmocka_unit_test(a_time_that_was_not_measured_stands_as_u),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
