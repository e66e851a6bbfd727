/* test_history.c - what is kept of one region, whatever the order in which it comes. */
#include "alerts/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t nowhere[16];

static struct look look(uint64_t slot_ms, unsigned attempt, enum verdict verdict)
{
	return (struct look){.key = look_key(slot_ms, attempt), .verdict = verdict};
}

static bool add(struct region_history *h, uint64_t slot_ms, unsigned attempt, enum verdict verdict)
{
	const struct look l = look(slot_ms, attempt, verdict);

	return history_add(h, &l, nowhere);
}

static void the_newest_eight_are_kept_newest_first(void **state)
{
	struct region_history h = {0};
	(void)state;
	for (unsigned i = 1; i <= 11; i++)
		assert_true(add(&h, i * 1000, 0, VERDICT_OPEN));
	for (unsigned i = 0; i < HISTORY_LOOKS; i++)
		assert_int_equal(look_slot_ms(&h.known[i]), (11 - i) * 1000);
	assert_false(add(&h, 3000, 0, VERDICT_CLOSED));
}

static void of_one_slot_the_later_attempt_is_newer(void **state)
{
	struct region_history h = {0};
	(void)state;
	add(&h, 1000, 2, VERDICT_CLOSED);
	add(&h, 1000, 1, VERDICT_OPEN);
	assert_int_equal(look_attempt(&h.known[0]), 2);
	assert_int_equal(look_attempt(&h.known[1]), 1);
}

static void a_result_that_comes_again_changes_nothing(void **state)
{
	struct region_history h = {0};
	(void)state;
	assert_true(add(&h, 1000, 0, VERDICT_CLOSED));
	assert_false(add(&h, 1000, 0, VERDICT_CLOSED));
	assert_true(add(&h, 2000, 0, VERDICT_LOCAL));
	assert_false(add(&h, 2000, 0, VERDICT_LOCAL));
	assert_int_equal(h.known[1].key, 0);
}

static void a_job_probed_twice_counts_once_and_as_the_better_answer(void **state)
{
	struct region_history h = {0};
	(void)state;
	add(&h, 1000, 0, VERDICT_FILTERED);
	assert_true(add(&h, 1000, 0, VERDICT_OPEN));
	assert_false(add(&h, 1000, 0, VERDICT_FILTERED));
	assert_int_equal(h.known[0].verdict, VERDICT_OPEN);
	assert_int_equal(h.known[1].key, 0);
}

static void unknown_results_push_nothing_out(void **state)
{
	struct region_history h = {0};
	(void)state;
	add(&h, 1000, 0, VERDICT_CLOSED);
	for (unsigned i = 2; i <= 20; i++)
		add(&h, i * 1000, 0, VERDICT_RESOLVER);
	assert_int_equal(look_slot_ms(&h.known[0]), 1000);
	assert_int_equal(look_slot_ms(&h.unknown), 20000);
	assert_false(add(&h, 19000, 1, VERDICT_LOCAL));
}

static void the_address_is_that_of_the_newest_result(void **state)
{
	struct result r = {.slot_ms = 2000, .address = "198.51.100.7", .outcome.verdict = VERDICT_OPEN};
	struct region_history h = {0};
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];
	struct look l;
	(void)state;
	look_address_text(h.address, text);
	assert_string_equal(text, "");
	look_of_result(&l, address, &r);
	history_add(&h, &l, address);
	strcpy(r.address, "2001:db8::1");
	r.slot_ms = 1000;
	look_of_result(&l, address, &r);
	history_add(&h, &l, address);
	look_address_text(h.address, text);
	assert_string_equal(text, "198.51.100.7");
	r.slot_ms = 3000;
	look_of_result(&l, address, &r);
	history_add(&h, &l, address);
	look_address_text(h.address, text);
	assert_string_equal(text, "2001:db8::1");
}

static void any_order_and_any_repetition_keep_the_same(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 20000; seed++) {
		struct region_history a = {0}, b = {0};
		struct look l[24];
		srand(seed);
		for (unsigned i = 0; i < 24; i++) /* few keys, so that some are there twice with other answers */
			l[i] = look(1000 + (unsigned)rand() % 12, (unsigned)rand() % 2, 1 + (unsigned)rand() % (VERDICTS - 1));
		for (unsigned i = 0; i < 24; i++)
			history_add(&a, &l[i], nowhere);
		for (unsigned i = 0; i < 200; i++)
			history_add(&b, &l[(unsigned)rand() % 24], nowhere);
		for (unsigned i = 0; i < 24; i++)
			history_add(&b, &l[i], nowhere);
		if (memcmp(&a, &b, sizeof(a)))
			fail_msg("seed %u", seed);
	}
}

/* One look at several addresses, given as "address verdict" pairs of letters: a lower-case letter is open, an upper-case one
 * closed.  Every order, and everything twice, must keep the same. */
static void check_look(const char *rows, bool partial, enum verdict verdict)
{
	const unsigned n = (unsigned)strlen(rows);
	for (unsigned seed = 0; seed < 200; seed++) {
		struct region_history h = {0};
		char order[17];
		add(&h, 500, 0, VERDICT_OPEN);
		snprintf(order, sizeof(order), "%s%s", rows, rows);
		srand(seed);
		for (unsigned i = n - 1; i > 0; i--) {
			unsigned k = (unsigned)rand() % (i + 1);
			char c = order[i];
			order[i] = order[k];
			order[k] = c;
		}
		for (const char *c = order; *c; c++) {
			const struct look l = look(1000, 0, *c >= 'a' ? VERDICT_OPEN : VERDICT_CLOSED);
			history_add(&h, &l, (uint8_t[16]){[15] = (uint8_t)(*c | 0x20)});
		}
		assert_int_equal(h.known[0].verdict, verdict);
		assert_int_equal(h.known[0].partial, partial);
		assert_int_equal(look_slot_ms(&h.known[1]), 500);
		assert_false(h.known[1].partial);
	}
}

static void a_look_at_several_addresses_is_open_if_one_is_and_partial_if_one_is_not(void **state)
{
	(void)state;
	check_look("abc", false, VERDICT_OPEN);
	check_look("ABC", false, VERDICT_CLOSED);
	check_look("aB", true, VERDICT_OPEN);
	check_look("Ab", true, VERDICT_OPEN);
	check_look("ABcD", true, VERDICT_OPEN);
	check_look("aBc", true, VERDICT_OPEN);
	check_look("abCdE", true, VERDICT_OPEN);
}

static void the_next_look_is_partial_only_if_an_address_is_down_in_it_too(void **state)
{
	struct region_history h = {0};
	struct look l = look(1000, 0, VERDICT_OPEN);
	(void)state;
	history_add(&h, &l, (uint8_t[16]){[15] = 1});
	l = look(1000, 0, VERDICT_CLOSED);
	assert_true(history_add(&h, &l, (uint8_t[16]){[15] = 2}));
	assert_true(h.known[0].partial);
	assert_false(history_add(&h, &l, (uint8_t[16]){[15] = 3}));
	l = look(2000, 0, VERDICT_OPEN);
	history_add(&h, &l, (uint8_t[16]){[15] = 1});
	assert_false(h.known[0].partial);
	assert_true(h.known[1].partial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_eight_are_kept_newest_first),
		cmocka_unit_test(of_one_slot_the_later_attempt_is_newer),
		cmocka_unit_test(a_result_that_comes_again_changes_nothing),
		cmocka_unit_test(a_job_probed_twice_counts_once_and_as_the_better_answer),
		cmocka_unit_test(unknown_results_push_nothing_out),
		cmocka_unit_test(the_address_is_that_of_the_newest_result),
		cmocka_unit_test(any_order_and_any_repetition_keep_the_same),
		cmocka_unit_test(a_look_at_several_addresses_is_open_if_one_is_and_partial_if_one_is_not),
		cmocka_unit_test(the_next_look_is_partial_only_if_an_address_is_down_in_it_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
