/* test_twins.c - the table of attempts in flight against a list that is simply gone through. */
#include "base/must.h"
#include "engine/twins.h"

#include "loopback.h"

enum { SLOTS = 64, KINDS = 12 };

static struct twin_key key_of(unsigned kind)
{
	struct job job = { .family = kind % 2 ? FAMILY_V6 : FAMILY_V4, .port = (uint16_t)(1 + kind / 6), .timeout_ms = 100,
			   .close = (uint8_t)(kind / 2 % 3) };
	struct twin_key key;
	memset(job.address, (int)(kind + 1), job.family == FAMILY_V6 ? 16 : 4);
	twin_key_of(&job, &key);
	return key;
}

static void the_newest_of_a_kind_is_found_whatever_comes_and_goes(void **state)
{
	struct twins t;
	unsigned kind[SLOTS], since[SLOTS], now = 0; /* since 0: free */
	(void)state;
	memset(since, 0, sizeof(since));
	assert_int_equal(twins_init(&t, SLOTS), 0);
	for (unsigned step = 0; step < 200000; step++) {
		const uint32_t slot = chance(SLOTS);
		if (since[slot]) {
			twins_remove(&t, slot);
			twins_remove(&t, slot);
			since[slot] = 0;
		} else {
			kind[slot] = chance(KINDS);
			since[slot] = ++now;
			const struct twin_key key = key_of(kind[slot]);
			twins_add(&t, slot, &key);
		}
		const unsigned asked = chance(KINDS);
		const struct twin_key key = key_of(asked);
		uint32_t newest = TWINS_NONE;
		for (uint32_t i = 0; i < SLOTS; i++)
			if (since[i] && kind[i] == asked && (newest == TWINS_NONE || since[i] > since[newest]))
				newest = i;
		assert_int_equal(twins_find(&t, &key), newest);
	}
	twins_free(&t);
}

static void each_part_of_the_question_counts(void **state)
{
	const struct job one = { .family = FAMILY_V4, .address = { 10, 0, 0, 1 }, .port = 22, .timeout_ms = 100, .settle_ms = 5 };
	struct job other[6];
	struct twin_key a, b;
	struct twins t;
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		other[i] = one;
	other[0].address[3] = 2;
	other[1].port = 23;
	other[2].timeout_ms = 101;
	other[3].settle_ms = JOB_SETTLE_AUTO;
	other[4].close = CLOSE_HALF;
	other[5].family = FAMILY_V6;
	assert_int_equal(twins_init(&t, 4), 0);
	twin_key_of(&one, &a);
	twins_add(&t, 3, &a);
	assert_int_equal(twins_find(&t, &a), 3);
	for (unsigned i = 0; i < 6; i++) {
		twin_key_of(&other[i], &b);
		assert_int_equal(twins_find(&t, &b), TWINS_NONE);
	}
	other[0] = one; /* who asks, and how often, does not */
	other[0].monitor_at = 9;
	other[0].attempt = 3;
	twin_key_of(&other[0], &b);
	assert_int_equal(twins_find(&t, &b), 3);
	twins_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_of_a_kind_is_found_whatever_comes_and_goes),
		cmocka_unit_test(each_part_of_the_question_counts),
	};
	chance_seed();
	return cmocka_run_group_tests_name("engine/twins", tests, NULL, NULL);
}
