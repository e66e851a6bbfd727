/* test_histogram.c - mirrors base/histogram.c. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/histogram.h"
#include "tests/unit/base/seed.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VALUES = 20000 };

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void an_empty_histogram_says_zero(void **state)
{
	(void)state;
	static struct histogram h;
	assert_int_equal(histogram_total(&h), 0);
	assert_int_equal(histogram_below(&h, UINT64_MAX), 0);
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
}

static void one_value_is_every_quantile_within_a_sixteenth(void **state)
{
	(void)state;
	for (uint64_t us = 0; us < 1u << 30; us += us / 7 + 1) {
		struct histogram h = { 0 };
		histogram_add(&h, us);
		const uint64_t q[] = { histogram_quantile(&h, 0), histogram_quantile(&h, 0.5), histogram_quantile(&h, 1) };
		assert_true(q[0] == q[1] && q[1] == q[2]);
		assert_true(q[0] >= us && q[0] <= us + us / 16);
		assert_int_equal(h.sum_us, us);
		assert_int_equal(histogram_below(&h, q[0]), 1);
		assert_int_equal(us ? histogram_below(&h, us - 1) : 0, 0);
	}
}

static void what_is_too_large_counts_in_the_last_bucket(void **state)
{
	(void)state;
	struct histogram h = { 0 };
	histogram_add(&h, UINT64_MAX / 2);
	histogram_add(&h, 1ull << 31);
	histogram_add(&h, (1ull << 31) - 1);
	assert_int_equal(h.count[HISTOGRAM_BUCKETS - 1], 3);
	assert_int_equal(histogram_quantile(&h, 1), (1ull << 31) - 1);
	assert_int_equal(histogram_below(&h, 1ull << 40), 0); /* some of them may be larger */
	assert_int_equal(histogram_below(&h, UINT64_MAX), 3);
}

static void quantiles_and_shares_agree_with_sorted_values(void **state)
{
	(void)state;
	seed_chance();
	static uint64_t value[VALUES];
	struct histogram h = { 0 };
	uint64_t sum = 0;
	for (int i = 0; i < VALUES; i++) {
		value[i] = (uint64_t)rand() >> (rand() % 31); /* all sizes alike */
		histogram_add(&h, value[i]);
		sum += value[i];
	}
	qsort(value, VALUES, sizeof *value, by_value);
	assert_int_equal(histogram_total(&h), VALUES);
	assert_int_equal(h.sum_us, sum);
	for (int p = 1; p <= 1000; p++) {
		const uint64_t right = value[(VALUES * p + 999) / 1000 - 1];
		const uint64_t said = histogram_quantile(&h, p / 1000.0);
		assert_true(said >= right && said <= right + right / 16);
	}
	for (uint64_t us = 0; us < 1u << 30; us += us / 3 + 1) {
		uint64_t below = 0, surely = 0;
		for (int i = 0; i < VALUES; i++) {
			below += value[i] <= us;
			surely += value[i] + value[i] / 16 + 1 <= us;
		}
		assert_true(histogram_below(&h, us) <= below);
		assert_true(histogram_below(&h, us) >= surely);
	}
}

static void a_share_that_binary_cannot_write_is_not_one_value_off(void **state)
{
	(void)state;
	struct histogram h = { 0 };
	for (int i = 0; i < 100; i++)
		histogram_add(&h, i < 7 ? 1 : 9);
	assert_int_equal(histogram_quantile(&h, 0.07), 1); /* 0.07 * 100 > 7 */
	assert_int_equal(histogram_quantile(&h, 0.071), 9);
}

static void odd_shares_are_taken_as_the_nearest_end(void **state)
{
	(void)state;
	struct histogram h = { 0 };
	histogram_add(&h, 3);
	histogram_add(&h, 9);
	assert_int_equal(histogram_quantile(&h, -1), 3);
	assert_int_equal(histogram_quantile(&h, NAN), 3);
	assert_int_equal(histogram_quantile(&h, 2), 9);
}

static void a_merge_is_the_sum_of_both(void **state)
{
	(void)state;
	struct histogram a = { 0 }, b = { 0 };
	histogram_add(&a, 5);
	histogram_add(&b, 5);
	histogram_add(&b, 5000);
	histogram_merge(&a, &b);
	assert_int_equal(histogram_total(&a), 3);
	assert_int_equal(histogram_total(&b), 2);
	assert_int_equal(a.sum_us, 5010);
	assert_int_equal(histogram_below(&a, 5), 2);
}

static void *add_many(void *arg)
{
	for (unsigned i = 0; i < 500000; i++)
		histogram_add(arg, i % 1000);
	return NULL;
}

static void a_reader_beside_the_writer_never_sees_a_count_go_back(void **state)
{
	(void)state;
	static struct histogram h;
	pthread_t writer;
	uint64_t before = 0;
	pthread_create(&writer, NULL, add_many, &h);
	for (int i = 0; i < 2000; i++) {
		const uint64_t now = histogram_total(&h);
		assert_true(now >= before && now <= 500000);
		before = now;
	}
	pthread_join(writer, NULL);
	assert_int_equal(histogram_total(&h), 500000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_histogram_says_zero),
		cmocka_unit_test(one_value_is_every_quantile_within_a_sixteenth),
		cmocka_unit_test(what_is_too_large_counts_in_the_last_bucket),
		cmocka_unit_test(quantiles_and_shares_agree_with_sorted_values),
		cmocka_unit_test(a_share_that_binary_cannot_write_is_not_one_value_off),
		cmocka_unit_test(odd_shares_are_taken_as_the_nearest_end),
		cmocka_unit_test(a_merge_is_the_sum_of_both),
		cmocka_unit_test(a_reader_beside_the_writer_never_sees_a_count_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
