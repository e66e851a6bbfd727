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

static void a_resolver_is_an_address_with_or_without_a_port(void **state)
{
	static const char *const good[] = { "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]", "[2001:db8::53]:5353" };
	static const char *const bad[] = { "", "dns.example.net", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53,192.0.2.54",
					   "010.0.0.1", "2001:db8::53%eth0" };
	char list[RESOLVERS_TEXT_MAX] = "", why[200];
	(void)state;
	for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(resolver_list_add(list, good[i], why, sizeof why));
	assert_string_equal(list, "192.0.2.53,192.0.2.53:5353,[2001:db8::53],[2001:db8::53],[2001:db8::53]:5353");
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char none[RESOLVERS_TEXT_MAX] = "";
		if (resolver_list_add(none, bad[i], why, sizeof why))
			fail_msg("%s was taken", bad[i]);
		assert_contains(why, "--resolver");
	}
	while (resolver_list_add(list, good[4], why, sizeof why))
		assert_true(strlen(list) < sizeof list);
	assert_contains(why, "too many");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settle_is_auto_or_a_time_within_its_bounds),
		cmocka_unit_test(a_resolver_is_an_address_with_or_without_a_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
