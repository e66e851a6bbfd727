/* test_job_push.c - how targets are packed into stream entries: full, but never too large. */
#include "cli/job_push.h"
#include "cli/redis_reach.h"

#include "cli_test.h"

#include <stdio.h>
#include <stdlib.h>

static struct target_list list;

/* count targets whose monitors have as many characters as asked for. */
static void fill(unsigned count, int monitor_len, const char *host)
{
	char line[400], monitor[80];
	memset(monitor, 'm', sizeof monitor);
	list = (struct target_list){ 0 };
	for (unsigned i = 0; i < count; i++) {
		snprintf(line, sizeof line, "%s:%u", host, i + 1);
		target_list_add(&list, line, "test");
		assert_int_equal(list.count, i + 1);
		list.items[i].monitor_at = list.bytes.len;
		list.items[i].monitor_len = (uint16_t)monitor_len;
		text_add_bytes(&list.bytes, monitor, (size_t)monitor_len);
		text_add_bytes(&list.bytes, "", 1);
	}
}

static void short_jobs_fill_an_entry_to_its_count(void **state)
{
	(void)state;
	fill(130, 10, "192.0.2.1");
	assert_int_equal(job_push_fit(&list, 0, 0), ENTRY_JOBS_MAX);
	assert_int_equal(job_push_fit(&list, 64, 0), ENTRY_JOBS_MAX);
	assert_int_equal(job_push_fit(&list, 128, 0), 2);
	assert_int_equal(job_push_fit(&list, 130, 0), 0);
	target_list_free(&list);
}

/* Encodes what is said to fit, with options that are all written down. */
static size_t encoded_len(unsigned count)
{
	const struct job_options options = { .timeout_ms = 59999, .expires_ms = 86399999, .attempt = 65535,
					     .close = CLOSE_HALF, .settle_ms = JOB_SETTLE_AUTO,
					     .ip = IP_BOTH, .addresses = ADDRESSES_ALL };
	struct job_text jobs[ENTRY_JOBS_MAX];
	char hosts[ENTRY_JOBS_MAX][HOST_MAX_LEN + 1];
	size_t len;
	for (unsigned i = 0; i < count; i++) {
		const struct target *t = &list.items[i];
		snprintf(hosts[i], sizeof hosts[i], "%.*s", t->host_len, target_text(&list, t) + t->host_from);
		jobs[i] = (struct job_text){ .monitor = target_monitor(&list, t), .host = hosts[i], .port = 65535 };
	}
	void *blob = job_batch_encode(&options, jobs, count, &len);
	assert_non_null(blob);
	free(blob);
	return len;
}

static void entries_stay_within_a_node_of_the_stream_and_use_it_well(void **state)
{
	static const char *const hosts[] = { "192.0.2.1", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
					     "a-name-of-some-length.with-labels.example.com" };
	(void)state;
	for (unsigned h = 0; h < 3; h++)
		for (int monitor_len = 1; monitor_len <= NAME_MAX_LEN; monitor_len++) {
			char host[80];
			snprintf(host, sizeof host, strchr(hosts[h], ':') ? "[%s]" : "%s", hosts[h]);
			fill(ENTRY_JOBS_MAX, monitor_len, host);
			const unsigned count = job_push_fit(&list, 0, 0);
			const size_t len = encoded_len(count);
			assert_true(len <= ENTRY_BYTES_BEST);
			assert_true(count == ENTRY_JOBS_MAX || len > ENTRY_BYTES_BEST * 4 / 5);
			target_list_free(&list);
		}
}

static void one_job_always_fits(void **state)
{
	char name[HOST_MAX_LEN + 1] = "";
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		strncat(name, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk.", HOST_MAX_LEN - strlen(name));
	fill(1, NAME_MAX_LEN, name);
	assert_int_equal(job_push_fit(&list, 0, 0), 1);
	assert_true(encoded_len(1) <= ENTRY_BYTES_BEST);
	target_list_free(&list);
}

static void what_no_engine_takes_is_refused_before_anything_is_pushed(void **state)
{
	static const char long_name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	static const char *const bad[] = { "", "a b", "a{b", "a}b", "a:b", "eu/1", "a*", "caf\xc3\xa9", "a\n", "a@b" };
	char why[200];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(redis_reach_region_is_fine(bad[i], why, sizeof why));
		assert_contains(why, "--region: ");
		assert_false(redis_reach_prefix_is_fine(bad[i], why, sizeof why));
		assert_contains(why, "--prefix: ");
	}
	assert_contains(why, "is not 1 to 32 of letters, digits, dot, dash and underscore");
	assert_int_equal(strlen(long_name), 65);
	assert_false(redis_reach_region_is_fine(long_name, why, sizeof why));
	assert_true(redis_reach_region_is_fine(long_name + 1, why, sizeof why));
	assert_false(redis_reach_prefix_is_fine(long_name + 32, why, sizeof why));
	assert_true(redis_reach_prefix_is_fine(long_name + 33, why, sizeof why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_jobs_fill_an_entry_to_its_count),
		cmocka_unit_test(entries_stay_within_a_node_of_the_stream_and_use_it_well),
		cmocka_unit_test(one_job_always_fits),
		cmocka_unit_test(what_no_engine_takes_is_refused_before_anything_is_pushed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
