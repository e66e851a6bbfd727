/* test_deadlines.c - mirrors base/deadlines.c. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/deadlines.h"
#include "tests/unit/base/seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void without_deadlines_nothing_is_due(void **state)
{
	(void)state;
	struct deadlines d;
	assert_int_equal(deadlines_init(&d, 4), 0);
	assert_true(deadlines_next_ns(&d) == DEADLINE_NONE);
	assert_int_equal(deadlines_pop(&d, UINT64_MAX), -1);
	deadlines_drop(&d, 3);
	deadlines_free(&d);
	assert_int_equal(deadlines_init(&d, 0), 0);
	assert_int_equal(deadlines_pop(&d, UINT64_MAX), -1);
	deadlines_free(&d);
}

static void indexes_come_out_in_the_order_of_their_times(void **state)
{
	(void)state;
	struct deadlines d;
	assert_int_equal(deadlines_init(&d, 4), 0);
	deadlines_set(&d, 0, 300);
	deadlines_set(&d, 1, 100);
	deadlines_set(&d, 2, 200);
	deadlines_set(&d, 3, 0);
	assert_int_equal(deadlines_next_ns(&d), 0);
	assert_int_equal(deadlines_pop(&d, 0), 3);
	assert_int_equal(deadlines_pop(&d, 99), -1);
	assert_int_equal(deadlines_pop(&d, 100), 1);
	assert_int_equal(deadlines_pop(&d, 1000), 2);
	assert_int_equal(deadlines_pop(&d, 1000), 0);
	assert_int_equal(deadlines_pop(&d, 1000), -1);
	deadlines_free(&d);
}

static void a_deadline_can_be_moved_both_ways_and_taken_out(void **state)
{
	(void)state;
	struct deadlines d;
	assert_int_equal(deadlines_init(&d, 3), 0);
	deadlines_set(&d, 0, 100);
	deadlines_set(&d, 1, 200);
	deadlines_set(&d, 2, 300);
	deadlines_set(&d, 2, 50);
	assert_int_equal(deadlines_next_ns(&d), 50);
	deadlines_set(&d, 2, 400);
	deadlines_set(&d, 0, DEADLINE_NONE);
	assert_int_equal(d.count, 2);
	assert_int_equal(deadlines_next_ns(&d), 200);
	deadlines_drop(&d, 1);
	deadlines_drop(&d, 1);
	assert_int_equal(deadlines_pop(&d, 400), 2);
	deadlines_free(&d);
}

enum { REFERENCE = 200 };

/* The least time of the reference, found by looking at every one. */
static uint64_t least(const uint64_t due[REFERENCE])
{
	uint64_t found = DEADLINE_NONE;
	for (int i = 0; i < REFERENCE; i++)
		found = due[i] < found ? due[i] : found;
	return found;
}

static void step(struct deadlines *d, uint64_t due[REFERENCE])
{
	const uint32_t index = (uint32_t)rand() % REFERENCE;
	const uint64_t when = (uint64_t)rand() % 500; /* few times: many are equal */
	switch (rand() % 4) {
	case 0:
	case 1:
		deadlines_set(d, index, when);
		due[index] = when;
		break;
	case 2:
		deadlines_drop(d, index);
		due[index] = DEADLINE_NONE;
		break;
	case 3: {
		const int64_t popped = deadlines_pop(d, when);
		assert_int_equal(popped >= 0, least(due) <= when);
		if (popped >= 0) {
			assert_int_equal(due[popped], least(due));
			due[popped] = DEADLINE_NONE;
		}
	}
	}
}

static void any_sequence_agrees_with_a_plain_array(void **state)
{
	(void)state;
	seed_chance();
	uint64_t due[REFERENCE];
	struct deadlines d;
	assert_int_equal(deadlines_init(&d, REFERENCE), 0);
	for (int i = 0; i < REFERENCE; i++)
		due[i] = DEADLINE_NONE;
	for (int i = 0; i < 200000; i++) {
		step(&d, due);
		assert_true(deadlines_next_ns(&d) == least(due));
	}
	uint32_t left = 0;
	for (int i = 0; i < REFERENCE; i++)
		left += due[i] != DEADLINE_NONE;
	assert_int_equal(d.count, left);
	for (uint64_t before = 0; left > 0; left--) {
		const int64_t popped = deadlines_pop(&d, UINT64_MAX - 1);
		assert_true(popped >= 0 && due[popped] >= before);
		before = due[popped];
	}
	deadlines_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_deadlines_nothing_is_due),
		cmocka_unit_test(indexes_come_out_in_the_order_of_their_times),
		cmocka_unit_test(a_deadline_can_be_moved_both_ways_and_taken_out),
		cmocka_unit_test(any_sequence_agrees_with_a_plain_array),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
