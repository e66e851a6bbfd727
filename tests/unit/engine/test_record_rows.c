/* test_record_rows.c - from an answer about a name to the one row of a job of type dns. */
#include "engine/record_rows.h"

#include "base/must.h"

#include "loopback.h"

static const char text[] = "db.test" "10 mail.test\n20 mx.test" "192.0.2.0/24";
static struct batch *batch;
static struct address_policy *policy;
static struct resolved rows;
static struct dns_records records;

/* The verdict and detail of an answer; values NULL: outcome says why there are none. */
static const char *row_of(enum job_record record, const char *values, enum dns_outcome outcome, unsigned answer_len, unsigned expect_len)
{
	static char said[700];
	struct job job = { .host_len = 7, .type = JOB_DNS, .record = (uint8_t)record, .answer_at = 7, .answer_len = (uint16_t)answer_len,
			   .expect_at = 30, .expect_len = (uint8_t)expect_len, .port = 53 };
	records.outcome = (uint8_t)outcome;
	records.len = values ? strlen(values) : 0;
	memcpy(records.text, values ? values : "", records.len);
	if (batch)
		batch_free(batch);
	batch = batch_new(&job, 1, text, sizeof(text));
	record_row(batch, &batch->jobs[0], &records, policy, "192.0.2.53", 700, &rows);
	assert_int_equal(rows.count, 1);
	assert_int_equal(rows.job[0].family, FAMILY_NONE);
	snprintf(said, sizeof(said), "%s: %s", verdict_row((enum verdict)rows.outcome[0].verdict)->name, rows.outcome[0].detail);
	return said;
}

static void an_answer_is_open_and_says_what_was_answered_and_by_whom(void **state)
{
	(void)state;
	assert_string_equal(row_of(RECORD_TXT, "v=spf1 -all\nx", DNS_ADDRESSES, 0, 0), "open: db.test TXT is v=spf1 -all, x (says 192.0.2.53)");
	assert_string_equal(row_of(RECORD_MX, "20 mx.test\n10 Mail.test", DNS_ADDRESSES, 23, 0),
			    "open: db.test MX is 20 mx.test, 10 Mail.test (says 192.0.2.53)");
	assert_string_equal(row_of(RECORD_A, "192.0.2.7\n192.0.2.8", DNS_ADDRESSES, 0, 12), "open: db.test A is 192.0.2.7, 192.0.2.8 (says 192.0.2.53)");
}

static void another_answer_is_wrong_and_says_what_was_expected(void **state)
{
	(void)state;
	assert_string_equal(row_of(RECORD_MX, "10 mail.test", DNS_ADDRESSES, 23, 0),
			    "wrong-address: db.test MX is 10 mail.test (says 192.0.2.53), expected is 10 mail.test, 20 mx.test");
	assert_string_equal(row_of(RECORD_A, "192.0.2.7\n198.51.100.1", DNS_ADDRESSES, 0, 12),
			    "wrong-address: db.test A is 192.0.2.7, 198.51.100.1 (says 192.0.2.53), expected is 192.0.2.0/24");
}

static void no_answer_says_why(void **state)
{
	(void)state;
	assert_string_equal(row_of(RECORD_MX, NULL, DNS_NO_NAME, 0, 0), "no-name: there is no name db.test (NXDOMAIN, says 192.0.2.53)");
	assert_string_equal(row_of(RECORD_MX, NULL, DNS_NO_DATA, 0, 0), "no-name: db.test has no MX record (says 192.0.2.53)");
	assert_string_equal(row_of(RECORD_MX, NULL, DNS_SILENT, 0, 0), "resolver: no answer from 192.0.2.53 about db.test within 0.7 s");
	assert_string_equal(row_of(RECORD_MX, NULL, DNS_SERVFAIL, 0, 0), "resolver: 192.0.2.53 answered SERVFAIL for db.test");
	assert_string_equal(row_of(RECORD_MX, NULL, DNS_GARBLED, 0, 0), "resolver: the answer of 192.0.2.53 about db.test cannot be read");
}

static void what_the_policy_forbids_is_neither_up_nor_told(void **state)
{
	char why[300];
	(void)state;
	assert_non_null((policy = policy_new("public", why, sizeof(why))));
	const char *said = row_of(RECORD_A, "10.1.2.3", DNS_ADDRESSES, 0, 0);
	assert_memory_equal(said, "denied: ", 8);
	assert_null(strstr(said, "10.1.2.3 (says"));
	assert_memory_equal(row_of(RECORD_TXT, "10.1.2.3", DNS_ADDRESSES, 0, 0), "open: ", 6);
	policy_free(policy);
	policy = NULL;
}

static void an_answer_that_is_too_long_is_held_against_nobody(void **state)
{
	(void)state;
	records.cut = true;
	assert_string_equal(row_of(RECORD_MX, "10 mail.test", DNS_ADDRESSES, 23, 0),
			    "resolver: the answer of 192.0.2.53 about db.test is too long to be compared");
	assert_memory_equal(row_of(RECORD_MX, "10 mail.test", DNS_ADDRESSES, 12, 0), "open: ", 6);
	records.cut = false;
}

static void many_values_are_cut_in_the_sentence(void **state)
{
	char values[4000] = "";
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		sprintf(values + strlen(values), "%s%s", i ? "\n" : "", "a-rather-long-value");
	assert_non_null(strstr(row_of(RECORD_TXT, values, DNS_ADDRESSES, 0, 0), " and 9"));
	assert_true(strlen(rows.outcome[0].detail) < 400);
	memset(values, 'x', sizeof(values) - 1);
	values[sizeof(values) - 1] = 0;
	row_of(RECORD_TXT, values, DNS_ADDRESSES, 0, 0);
	assert_true(strlen(rows.outcome[0].detail) < 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_open_and_says_what_was_answered_and_by_whom),
		cmocka_unit_test(another_answer_is_wrong_and_says_what_was_expected),
		cmocka_unit_test(no_answer_says_why),
		cmocka_unit_test(what_the_policy_forbids_is_neither_up_nor_told),
		cmocka_unit_test(an_answer_that_is_too_long_is_held_against_nobody),
		cmocka_unit_test(many_values_are_cut_in_the_sentence),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	batch_free(batch);
	return failed;
}
