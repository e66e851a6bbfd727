/* test_certificate.c - the judgement and its sentences, on days of our choice. */
#include "engine/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DAY 86400
#define NOW 1795564800 /* 2026-11-25 00:00 UTC */

static char sentence[CERTIFICATE_SENTENCE_MAX];

static const struct certificate_wants wants = { .name = "c.example", .warn_s = 21 * DAY, .down_s = 3 * DAY };

static struct certificate_facts good(void)
{
	return (struct certificate_facts){ .not_before_s = NOW - 10 * DAY, .not_after_s = NOW + 90 * DAY, .sent = 2,
					   .above_not_after_s = INT64_MAX, .name_fits = true, .names = "c.example",
					   .issuer = "R11" };
}

static void judged(const struct certificate_facts *f, enum certificate_state state, const char *text)
{
	assert_int_equal(certificate_judge(f, &wants, NOW, sentence, sizeof(sentence)), state);
	assert_string_equal(sentence, text);
}

static void a_good_one_says_how_long(void **state)
{
	struct certificate_facts f = good();
	(void)state;
	judged(&f, CERTIFICATE_GOOD, "certificate: expires in 90 days (2027-02-23)");
}

static void less_than_warn_is_soon_and_warn_itself_is_not(void **state)
{
	struct certificate_facts f = good();
	(void)state;
	f.not_after_s = NOW + 21 * DAY;
	judged(&f, CERTIFICATE_GOOD, "certificate: expires in 21 days (2026-12-16)");
	f.not_after_s--;
	judged(&f, CERTIFICATE_SOON, "certificate: expires in 20 days (2026-12-15)");
}

static void less_than_down_is_bad_and_down_itself_is_not(void **state)
{
	struct certificate_facts f = good();
	(void)state;
	f.not_after_s = NOW + 3 * DAY;
	judged(&f, CERTIFICATE_SOON, "certificate: expires in 3 days (2026-11-28)");
	f.not_after_s--;
	judged(&f, CERTIFICATE_BAD, "expires in 2 days (2026-11-27), wanted at least 3 days");
}

static void one_second_decides_about_expired(void **state)
{
	struct certificate_facts f = good();
	(void)state;
	f.not_after_s = NOW + 1;
	judged(&f, CERTIFICATE_BAD, "expires in 0 minutes (2026-11-25), wanted at least 3 days");
	f.not_after_s = NOW;
	judged(&f, CERTIFICATE_BAD, "expired 0 minutes ago (2026-11-25)");
	f.not_after_s = NOW - 3 * DAY;
	judged(&f, CERTIFICATE_BAD, "expired 3 days ago (2026-11-22)");
	f.not_after_s = NOW - 47 * 3600;
	judged(&f, CERTIFICATE_BAD, "expired 47 hours ago (2026-11-23)");
	f.not_after_s = NOW - 60;
	judged(&f, CERTIFICATE_BAD, "expired 1 minute ago (2026-11-24)");
}

static void the_first_second_counts_and_the_one_before_does_not(void **state)
{
	struct certificate_facts f = good();
	(void)state;
	f.not_before_s = NOW;
	judged(&f, CERTIFICATE_GOOD, "certificate: expires in 90 days (2027-02-23)");
	f.not_before_s = NOW + 2 * DAY;
	judged(&f, CERTIFICATE_BAD, "not valid before 2 days from now (2026-11-27)");
}

static void an_issuer_that_ends_first_is_named(void **state)
{
	struct certificate_facts f = good();
	(void)state;
	f.above_not_after_s = NOW - 5 * DAY;
	strcpy(f.above, "R3");
	judged(&f, CERTIFICATE_BAD, "its issuer \"R3\" expired 5 days ago (2026-11-20)");
	assert_true(certificate_ends_s(&f) == NOW - 5 * DAY);
	f.above_not_after_s = NOW + 10 * DAY;
	judged(&f, CERTIFICATE_SOON, "certificate: its issuer \"R3\" expires in 10 days (2026-12-05)");
}

static void a_wrong_name_says_what_there_is_and_what_is_wanted(void **state)
{
	struct certificate_facts f = good();
	struct certificate_wants address = wants;
	(void)state;
	f.name_fits = false;
	strcpy(f.names, "a.example, b.example");
	judged(&f, CERTIFICATE_BAD, "wrong name: has a.example, b.example; wants c.example");
	f.names[0] = 0;
	judged(&f, CERTIFICATE_BAD, "wrong name: has none; wants c.example");
	address.name = "192.0.2.1";
	address.name_is_address = true;
	certificate_judge(&f, &address, NOW, sentence, sizeof(sentence));
	assert_string_equal(sentence, "wrong name: has none; wants 192.0.2.1 (server_name can ask for a name)");
}

static void a_chain_that_is_not_trusted_says_where_it_ends(void **state)
{
	struct certificate_facts f = good();
	(void)state;
	f.chain = CHAIN_SELF_SIGNED;
	judged(&f, CERTIFICATE_BAD, "self-signed");
	f.chain = CHAIN_UNKNOWN_ROOT;
	judged(&f, CERTIFICATE_BAD, "unknown issuer: the chain ends at \"R11\", which is not trusted here");
	f.chain = CHAIN_UNKNOWN_ISSUER;
	judged(&f, CERTIFICATE_BAD, "unknown issuer \"R11\"");
	f.sent = 1;
	judged(&f, CERTIFICATE_BAD, "unknown issuer \"R11\" (the server sends no intermediate certificate)");
	f.chain = CHAIN_BAD;
	strcpy(f.chain_why, "not to be trusted: CA md too weak");
	judged(&f, CERTIFICATE_BAD, "not to be trusted: CA md too weak");
}

static void one_fault_does_not_hide_another(void **state)
{
	struct certificate_facts f = good();
	(void)state;
	f.not_after_s = NOW - 3 * DAY;
	f.name_fits = false;
	f.chain = CHAIN_SELF_SIGNED;
	judged(&f, CERTIFICATE_BAD, "expired 3 days ago (2026-11-22); wrong name: has c.example; wants c.example; self-signed");
}

static void a_small_room_for_the_sentence_is_enough(void **state)
{
	struct certificate_facts f = good();
	char small[16];
	(void)state;
	f.name_fits = false;
	f.chain = CHAIN_SELF_SIGNED;
	assert_int_equal(certificate_judge(&f, &wants, NOW, small, sizeof(small)), CERTIFICATE_BAD);
	assert_string_equal(small, "wrong name: has");
	strcpy(f.names, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
	char odd[20];
	certificate_judge(&f, &wants, NOW, odd, sizeof(odd)); /* ends within a character */
	assert_string_equal(odd, "wrong name: has \xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one_says_how_long),
		cmocka_unit_test(less_than_warn_is_soon_and_warn_itself_is_not),
		cmocka_unit_test(less_than_down_is_bad_and_down_itself_is_not),
		cmocka_unit_test(one_second_decides_about_expired),
		cmocka_unit_test(the_first_second_counts_and_the_one_before_does_not),
		cmocka_unit_test(an_issuer_that_ends_first_is_named),
		cmocka_unit_test(a_wrong_name_says_what_there_is_and_what_is_wanted),
		cmocka_unit_test(a_chain_that_is_not_trusted_says_where_it_ends),
		cmocka_unit_test(one_fault_does_not_hide_another),
		cmocka_unit_test(a_small_room_for_the_sentence_is_enough),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
