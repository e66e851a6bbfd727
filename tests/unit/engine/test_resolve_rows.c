/* test_resolve_rows.c - from both halves of a name to the rows of a job; and rows that left in parts come back in order. */
#include "engine/resolve_rows.h"

#include "base/must.h"

#include "loopback.h"

static const uint8_t four[3][16] = { { 192, 0, 2, 1 }, { 192, 0, 2, 2 }, { 198, 51, 100, 3 } };
static const uint8_t six[2][16] = { { 0x20, 1, 0xd, 0xb8, [15] = 1 }, { 0x20, 1, 0xd, 0xb8, [15] = 2 } };
static const char text[] = "db.test192.0.2.0/24,2001:db8::/32";
static const struct half_view has_four = { .state = HALF_KNOWN, .outcome = DNS_ADDRESSES, .count = 3, .address = four };
static const struct half_view has_six = { .state = HALF_KNOWN, .outcome = DNS_ADDRESSES, .count = 2, .address = six };
static const struct half_view has_none = { .state = HALF_KNOWN, .outcome = DNS_NO_DATA };
static const struct half_view not_there = { .state = HALF_KNOWN, .outcome = DNS_NO_NAME };
static const struct half_view silent = { .state = HALF_FAILED, .outcome = DNS_SILENT };
static const struct half_view unasked;

static struct batch *batch;
static struct address_policy *policy; /* NULL: any */
static struct resolved rows;

static struct job job_of(enum job_ip ip, enum job_addresses addresses, bool expects)
{
	return (struct job){ .host_len = 7, .expect_at = 7, .expect_len = expects ? sizeof(text) - 8 : 0, .ip = (uint8_t)ip,
			     .addresses = (uint8_t)addresses, .port = 5432 };
}

/* "v4 open-to-probe, verdict, ...": '4' or '6' for a row to be probed, else the verdict's name. */
static const char *rows_of(struct job job, struct half_view a, struct half_view aaaa)
{
	static char said[512];
	struct half_view view[DNS_TYPES] = { a, aaaa };
	said[0] = 0;
	if (batch)
		batch_free(batch);
	batch = batch_new(&job, 1, text, sizeof(text));
	resolve_rows(batch, &batch->jobs[0], view, policy, "192.0.2.53", 3200, NULL, &rows);
	for (unsigned i = 0; i < rows.count; i++)
		snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s", i ? " " : "",
			 rows.outcome[i].verdict ? verdict_row((enum verdict)rows.outcome[i].verdict)->name
						 : rows.job[i].family == FAMILY_V4 ? "4" : "6");
	return said;
}

static void each_wish_gets_its_rows(void **state)
{
	(void)state;
	assert_string_equal(rows_of(job_of(IP_ANY, ADDRESSES_FIRST, false), has_four, unasked), "4");
	assert_memory_equal(rows.job[0].address, four[0], 4);
	assert_string_equal(rows_of(job_of(IP_ANY, ADDRESSES_ALL, false), has_four, unasked), "4 4 4");
	assert_string_equal(rows_of(job_of(IP_ANY, ADDRESSES_FIRST, false), has_none, has_six), "6");
	assert_string_equal(rows_of(job_of(IP_ANY, ADDRESSES_FIRST, false), has_none, has_none), "no-name");
	assert_string_equal(rows_of(job_of(IP_V6, ADDRESSES_ALL, false), unasked, has_six), "6 6");
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_FIRST, false), has_four, has_six), "4 6");
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_ALL, false), has_four, has_six), "4 4 4 6 6");
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_FIRST, false), has_four, has_none), "4 no-name");
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_FIRST, false), not_there, unasked), "no-name");
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_FIRST, false), has_four, silent), "4 resolver");
	assert_string_equal(rows.outcome[1].detail, "no answer from 192.0.2.53 about db.test within 3.2 s");
}

/* What stands in the first row; it stands in no other. */
static const char *said_of(struct job job, struct half_view a, struct half_view aaaa)
{
	rows_of(job, a, aaaa);
	for (unsigned i = 1; i < rows.count; i++)
		assert_null(rows.outcome[i].addresses);
	return rows.outcome[0].addresses ? rows.outcome[0].addresses : "";
}

static void the_first_row_says_all_that_the_name_leads_to_if_all_is_known(void **state)
{
	static uint8_t many[NAME_SET_MAX + 1][16];
	struct half_view lots = { .state = HALF_KNOWN, .outcome = DNS_ADDRESSES, .count = NAME_SET_MAX, .address = (const uint8_t(*)[16])many };
	(void)state;
	assert_string_equal(said_of(job_of(IP_ANY, ADDRESSES_FIRST, false), has_four, unasked), "192.0.2.1,192.0.2.2,198.51.100.3");
	assert_string_equal(said_of(job_of(IP_BOTH, ADDRESSES_FIRST, false), has_four, has_six),
			    "192.0.2.1,192.0.2.2,198.51.100.3,2001:db8::1,2001:db8::2");
	assert_string_equal(said_of(job_of(IP_BOTH, ADDRESSES_FIRST, false), has_four, has_none), "192.0.2.1,192.0.2.2,198.51.100.3");
	assert_string_equal(said_of(job_of(IP_ANY, ADDRESSES_FIRST, true), has_four, unasked), "192.0.2.1,192.0.2.2,198.51.100.3");
	assert_string_equal(said_of(job_of(IP_BOTH, ADDRESSES_FIRST, false), has_four, silent), "");
	assert_string_equal(said_of(job_of(IP_ANY, ADDRESSES_FIRST, false), not_there, unasked), "");
	for (unsigned i = 0; i < NAME_SET_MAX; i++)
		many[i][3] = (uint8_t)i;
	assert_int_equal(strlen(said_of(job_of(IP_ANY, ADDRESSES_ALL, false), lots, unasked)), 10 * 8 + 6 * 9 - 1);
	lots.count++;
	assert_string_equal(said_of(job_of(IP_ANY, ADDRESSES_ALL, false), lots, unasked), "");
}

static void with_both_families_neither_takes_the_rows_of_the_other(void **state)
{
	static uint8_t many[64][16];
	struct half_view lots = { .state = HALF_KNOWN, .outcome = DNS_ADDRESSES, .count = 64, .address = (const uint8_t(*)[16])many };
	(void)state;
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_ALL, false), lots, lots), "4 4 4 4 4 4 4 4 6 6 6 6 6 6 6 6");
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_ALL, false), lots, has_six), "4 4 4 4 4 4 4 4 4 4 4 4 4 4 6 6");
	rows_of(job_of(IP_ANY, ADDRESSES_ALL, false), lots, unasked);
	assert_int_equal(rows.count, JOB_ADDRESSES_MAX);
}

static void an_address_that_is_not_expected_is_not_probed(void **state)
{
	(void)state;
	assert_string_equal(rows_of(job_of(IP_ANY, ADDRESSES_ALL, true), has_four, unasked), "4 4 wrong-address");
	assert_memory_equal(rows.job[2].address, four[2], 4);
	assert_string_equal(rows_of(job_of(IP_ANY, ADDRESSES_FIRST, true), has_four, unasked), "wrong-address");
	assert_string_equal(rows.outcome[0].detail,
			    "db.test leads to 198.51.100.3, expected is 192.0.2.0/24,2001:db8::/32; it was not probed");
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_FIRST, true), has_four, has_six), "wrong-address 6");
}

static void what_is_asked_next_is_what_is_needed(void **state)
{
	static const struct {
		enum job_ip ip;
		const struct half_view *a, *aaaa;
		enum dns_type next;
	} cases[] = {
		{ IP_ANY, &unasked, &unasked, DNS_A },	    { IP_ANY, &has_four, &unasked, DNS_TYPES }, { IP_ANY, &has_none, &unasked, DNS_AAAA },
		{ IP_ANY, &not_there, &unasked, DNS_TYPES }, { IP_ANY, &silent, &unasked, DNS_TYPES },	{ IP_ANY, &has_none, &has_six, DNS_TYPES },
		{ IP_V4, &has_none, &unasked, DNS_TYPES },   { IP_V6, &unasked, &unasked, DNS_AAAA },	{ IP_V6, &unasked, &has_six, DNS_TYPES },
		{ IP_BOTH, &has_four, &unasked, DNS_AAAA },  { IP_BOTH, &not_there, &unasked, DNS_TYPES },
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct job job = job_of(cases[i].ip, ADDRESSES_FIRST, false);
		struct half_view view[DNS_TYPES] = { *cases[i].a, *cases[i].aaaa };
		assert_int_equal(resolve_next(&job, view), cases[i].next);
	}
}

/* Job 1 leaves first, with three rows; jobs 0 and 2 later, in one part.  Whichever comes back last joins. */
static void parts_come_back_as_one_batch_in_the_order_of_its_jobs(void **state)
{
	struct job jobs[3] = { { .port = 1, .index = 0 }, { .port = 2, .index = 1 }, { .port = 3, .index = 2 } };
	struct outcome o[3] = { { .verdict = VERDICT_OPEN }, { .verdict = VERDICT_CLOSED }, { .verdict = VERDICT_RESET } };
	struct job middle[3] = { jobs[1], jobs[1], jobs[1] }, ends[2] = { jobs[0], jobs[2] };
	(void)state;
	for (unsigned turn = 0; turn < 2; turn++) {
		struct batch *whole = batch_new(jobs, 3, "", 0);
		batch_split_begin(whole);
		struct batch *first = batch_split(whole, middle, o, 3), *second = batch_split(whole, ends, o, 2);
		batch_keep(second, "a sentence of the part");
		assert_false(batch_split_end(whole));
		assert_null(batch_join(turn ? first : second));
		assert_ptr_equal(batch_join(turn ? second : first), whole);
		batch_assemble(whole);
		assert_int_equal(whole->jobs_taken, 3);
		assert_int_equal(whole->count, 5);
		static const unsigned ports[] = { 1, 2, 2, 2, 3 };
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(whole->jobs[i].port, ports[i]);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(whole->outcomes[1 + i].verdict, o[i].verdict);
		batch_free(whole);
	}
}

/* As when an engine is told to leave twice: what is freed in any order is freed once. */
static void parts_and_whole_may_be_freed_in_any_order(void **state)
{
	struct job job = { .port = 1 };
	struct outcome o = { 0 };
	(void)state;
	for (unsigned order = 0; order < 6; order++) {
		struct batch *whole = batch_new(&job, 1, "", 0), *b[3] = { whole };
		batch_split_begin(whole);
		b[1] = batch_split(whole, &job, &o, 1);
		b[2] = batch_split(whole, &job, &o, 1);
		if (order & 1)
			batch_join(b[2]);
		for (unsigned i = 0; i < 3; i++) {
			unsigned which = (order / 2 + i) % 3;
			if (which != 2 || !(order & 1))
				batch_free(b[which]);
		}
	}
}

static void a_name_with_any_denied_address_is_denied(void **state)
{
	static const char lines[] = "deny 198.51.100.0/24\nuse any\n";
	char why[256];
	(void)state;
	policy = policy_parse(lines, sizeof(lines) - 1, "lines", why, sizeof(why));
	assert_non_null(policy);
	assert_string_equal(rows_of(job_of(IP_ANY, ADDRESSES_FIRST, false), has_four, unasked), "denied");
	assert_string_equal(rows_of(job_of(IP_BOTH, ADDRESSES_ALL, false), has_four, has_six), "denied");
	assert_string_equal(rows_of(job_of(IP_V6, ADDRESSES_ALL, false), unasked, has_six), "6 6");
	policy_free(policy);
	policy = NULL;
}

static int end(void **state)
{
	(void)state;
	if (batch)
		batch_free(batch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wish_gets_its_rows),
		cmocka_unit_test(the_first_row_says_all_that_the_name_leads_to_if_all_is_known),
		cmocka_unit_test(with_both_families_neither_takes_the_rows_of_the_other),
		cmocka_unit_test(an_address_that_is_not_expected_is_not_probed),
		cmocka_unit_test(what_is_asked_next_is_what_is_needed),
		cmocka_unit_test(parts_come_back_as_one_batch_in_the_order_of_its_jobs),
		cmocka_unit_test(parts_and_whole_may_be_freed_in_any_order),
		cmocka_unit_test(a_name_with_any_denied_address_is_denied),
	};
	return cmocka_run_group_tests(tests, NULL, end);
}
