/* test_prefix.c - address ranges: what is one, and what lies in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/prefix.h"

static char why[256];

static bool holds(const char *ranges, const char *address)
{
	struct prefix p[PREFIXES_MAX];
	struct job job = { 0 };
	int n = prefixes_parse(ranges, strlen(ranges), p, why, sizeof(why));
	assert_true(n > 0);
	assert_true(job_set_literal(&job, address, strlen(address)));
	for (int i = 0; i < n; i++)
		if (prefix_holds(&p[i], job.family, job.address))
			return true;
	return false;
}

static void an_address_lies_in_a_range_or_beside_it_to_the_bit(void **state)
{
	(void)state;
	assert_true(holds("192.0.2.0/24", "192.0.2.255"));
	assert_false(holds("192.0.2.0/24", "192.0.3.0"));
	assert_true(holds("192.0.2.128/25", "192.0.2.128"));
	assert_false(holds("192.0.2.128/25", "192.0.2.127"));
	assert_true(holds("192.0.2.9", "192.0.2.9"));
	assert_false(holds("192.0.2.9", "192.0.2.8"));
	assert_true(holds("0.0.0.0/0", "255.255.255.255"));
	assert_false(holds("0.0.0.0/0", "::1"));
	assert_true(holds("2001:db8::/33, 192.0.2.1", "2001:db8:7fff::1"));
	assert_false(holds("2001:db8::/33, 192.0.2.1", "2001:db8:8000::1"));
	assert_true(holds("2001:db8::/33, 192.0.2.1", "::ffff:192.0.2.1"));
}

static void what_is_no_range_is_refused(void **state)
{
	static const char *const bad[] = { "", ",", "192.0.2.0/24,", "192.0.2.0/33", "192.0.2.1/24", "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/0x8",
					   "2001:db8::/129", "2001:db8::1/64", "010.0.0.0/8", "10.0/8", "db.test", "192.0.2.0 /24", "1.2.3.4/1000" };
	struct prefix p[PREFIXES_MAX];
	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		why[0] = 0;
		if (prefixes_parse(bad[i], strlen(bad[i]), p, why, sizeof(why)) >= 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(why[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_lies_in_a_range_or_beside_it_to_the_bit),
		cmocka_unit_test(what_is_no_range_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
