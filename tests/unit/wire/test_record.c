/* test_record.c - which values may be expected of a name, and when an answer is what was expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/record.h"

static char why[400];

static bool fine(enum job_record record, const char *value)
{
	why[0] = 0;
	return record_value_is_fine(record, value, strlen(value), why, sizeof(why));
}

static void a_value_that_could_never_be_answered_is_refused_with_what_could(void **state)
{
	(void)state;
	assert_true(fine(RECORD_A, "192.0.2.1"));
	assert_false(fine(RECORD_A, "2001:db8::1"));
	assert_string_equal(why, "\"2001:db8::1\" is not an IPv4 address");
	assert_true(fine(RECORD_AAAA, "2001:db8::1"));
	assert_false(fine(RECORD_AAAA, "192.0.2.1"));
	assert_false(fine(RECORD_A, "192.0.2.1/24"));
	assert_true(fine(RECORD_MX, "10 mail.example.net"));
	assert_true(fine(RECORD_MX, "mail.example.net."));
	assert_true(fine(RECORD_MX, "0 ."));
	assert_true(fine(RECORD_MX, "65535 m"));
	assert_false(fine(RECORD_MX, "65536 m"));
	assert_false(fine(RECORD_MX, "010 m"));
	assert_false(fine(RECORD_MX, "x mail.example.net"));
	assert_false(fine(RECORD_MX, "10 "));
	assert_false(fine(RECORD_MX, "10 a b"));
	assert_false(fine(RECORD_MX, " m"));
	assert_string_equal(why, "\" m\" is not a name, or a number of 0 to 65535 and a name, such as \"10 mail.example.net\"");
	assert_true(fine(RECORD_NS, "ns1.example.net"));
	assert_false(fine(RECORD_CNAME, "two names"));
	assert_true(fine(RECORD_TXT, "v=spf1 -all"));
	assert_false(fine(RECORD_TXT, ""));
	assert_false(fine(RECORD_TXT, "a\tb"));
	assert_false(fine(RECORD_TXT, "caf\xc3\xa9"));
}

static bool all_fine(enum job_record record, const char *values)
{
	return record_values_are_fine(record, values, strlen(values), why, sizeof(why));
}

static void a_list_has_one_to_sixteen_values_and_a_thousand_bytes(void **state)
{
	char list[1100] = "a";
	(void)state;
	assert_true(all_fine(RECORD_NS, "a\nb"));
	assert_false(all_fine(RECORD_NS, ""));
	assert_false(all_fine(RECORD_NS, "a\n"));
	assert_false(all_fine(RECORD_NS, "a\n\nb"));
	assert_false(all_fine(RECORD_A, "192.0.2.1\nx"));
	for (unsigned i = 1; i < ANSWER_VALUES_MAX; i++)
		strcat(list, "\na");
	assert_true(all_fine(RECORD_NS, list));
	assert_false(all_fine(RECORD_NS, strcat(list, "\na")));
	assert_string_equal(why, "more than 16 values");
	memset(list, 'a', 1001);
	list[1001] = 0;
	assert_false(all_fine(RECORD_TXT, list));
	assert_true(all_fine(RECORD_TXT, list + 1));
}

static bool expected(enum job_record record, const char *answered, const char *wanted)
{
	return record_is_expected(record, answered, strlen(answered), wanted, strlen(wanted));
}

static void an_answer_is_expected_if_it_has_exactly_these_values_in_any_order(void **state)
{
	(void)state;
	assert_true(expected(RECORD_A, "192.0.2.1\n192.0.2.2", "192.0.2.2\n192.0.2.1"));
	assert_false(expected(RECORD_A, "192.0.2.1", "192.0.2.2\n192.0.2.1"));
	assert_false(expected(RECORD_A, "192.0.2.1\n192.0.2.3", "192.0.2.1"));
	assert_true(expected(RECORD_AAAA, "2001:db8::1", "2001:DB8:0::1"));
	assert_true(expected(RECORD_NS, "ns1.example.net\nns2.example.net", "NS2.example.net.\nns1.Example.NET"));
	assert_false(expected(RECORD_NS, "ns1.example.net", "ns1.example.ne"));
	assert_true(expected(RECORD_CNAME, "www.example.net", "www.example.net."));
	assert_true(expected(RECORD_MX, "10 mail.example.net", "10 Mail.example.net"));
	assert_true(expected(RECORD_MX, "10 mail.example.net", "mail.example.net"));
	assert_false(expected(RECORD_MX, "10 mail.example.net", "20 mail.example.net"));
	assert_false(expected(RECORD_MX, "10 mail.example.net", "1 mail.example.net"));
	assert_false(expected(RECORD_MX, "10 mail.example.net\n20 evil.example", "mail.example.net"));
	assert_true(expected(RECORD_MX, "0 .", "0 ."));
}

static void of_txt_others_may_stand_beside(void **state)
{
	(void)state;
	assert_true(expected(RECORD_TXT, "x\nv=spf1 -all\ny", "v=spf1 -all"));
	assert_false(expected(RECORD_TXT, "V=spf1 -all", "v=spf1 -all"));
	assert_false(expected(RECORD_TXT, "x", "x\ny"));
}

static void a_resolver_is_an_address_with_or_without_a_port(void **state)
{
	static const char *const good[] = { "192.0.2.53", "192.0.2.53:5353", "[2001:db8::53]:53", "2001:db8::53", "[2001:db8::53]" };
	static const char *const bad[] = { "", "dns.example.net", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53,192.0.2.54", "192.0.2.53:65536",
					   "192.0.2", "[2001:db8::53]:x" };
	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!resolver_is_fine(good[i], strlen(good[i]), why, sizeof(why)))
			fail_msg("%s: %s", good[i], why);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (resolver_is_fine(bad[i], strlen(bad[i]), why, sizeof(why)))
			fail_msg("%s was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_could_never_be_answered_is_refused_with_what_could),
		cmocka_unit_test(a_list_has_one_to_sixteen_values_and_a_thousand_bytes),
		cmocka_unit_test(an_answer_is_expected_if_it_has_exactly_these_values_in_any_order),
		cmocka_unit_test(of_txt_others_may_stand_beside),
		cmocka_unit_test(a_resolver_is_an_address_with_or_without_a_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
