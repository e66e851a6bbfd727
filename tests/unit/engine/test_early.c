/* test_early.c - what is down in a batch that is not finished: when it is said, and that it is said once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/must.h"
#include "engine/early.h"

static struct batch *batch_of(unsigned count)
{
	struct job jobs[ENTRY_JOBS_MAX] = { 0 };
	for (unsigned i = 0; i < count; i++)
		jobs[i].port = (uint16_t)(i + 1);
	return batch_new(jobs, count, "texts", 5);
}

static void ends(struct batch *b, unsigned job, enum verdict v)
{
	b->outcomes[job].verdict = (uint8_t)v;
	b->open--;
}

static void what_is_down_is_said_when_it_is_ripe_and_only_once(void **state)
{
	struct early e = { 0 };
	struct batch_list out = { 0 };
	struct batch *b = batch_of(4), *copy;
	(void)state;
	b->id_ms = 7;
	ends(b, 1, VERDICT_CLOSED);
	early_wait(&e, b, 1000);
	ends(b, 2, VERDICT_OPEN);
	early_wait(&e, b, 5000); /* it ripens from its first outcome on */
	assert_int_equal(early_next_ns(&e), 1000 + EARLY_NS);
	early_take(&e, 999 + EARLY_NS, &out);
	assert_null(out.head);
	early_take(&e, 1000 + EARLY_NS, &out);
	copy = batch_list_take(&out);
	assert_non_null(copy);
	assert_null(out.head);
	assert_int_equal(copy->count, 1);
	assert_int_equal(copy->jobs[0].port, 2);
	assert_int_equal(copy->outcomes[0].verdict, VERDICT_CLOSED);
	assert_true(copy->early && copy->id_ms == 7 && copy->said == 2);
	batch_free(copy);
	early_take(&e, 1000 + 2 * EARLY_NS, &out);
	assert_null(out.head);
	ends(b, 3, VERDICT_FILTERED);
	early_take(&e, 1000 + 4 * EARLY_NS, &out);
	copy = batch_list_take(&out);
	assert_true(copy && copy->said == 8 && b->said == 10);
	batch_free(copy);
	early_drop(&e, b);
	batch_free(b);
}

static void a_batch_that_is_finished_is_not_looked_at_wherever_it_stood(void **state)
{
	(void)state;
	for (unsigned gone = 0; gone < 3; gone++) {
		struct early e = { 0 };
		struct batch_list out = { 0 };
		struct batch *b[3];
		for (unsigned i = 0; i < 3; i++) {
			b[i] = batch_of(2);
			ends(b[i], 0, VERDICT_REJECTED);
			early_wait(&e, b[i], i);
		}
		early_drop(&e, b[gone]);
		early_drop(&e, b[gone]);
		batch_free(b[gone]);
		early_take(&e, 2 + EARLY_NS, &out);
		assert_int_equal(out.batches, 2);
		for (struct batch *copy; (copy = batch_list_take(&out));)
			batch_free(copy);
		for (unsigned i = 0; i < 3; i++)
			if (i != gone) {
				early_drop(&e, b[i]);
				batch_free(b[i]);
			}
		assert_int_equal(early_next_ns(&e), UINT64_MAX);
	}
}

static void what_is_up_or_unknown_waits_for_the_others(void **state)
{
	static const enum verdict fine[] = { VERDICT_OPEN, VERDICT_LOCAL, VERDICT_EXPIRED, VERDICT_RESOLVER };
	struct early e = { 0 };
	struct batch_list out = { 0 };
	struct batch *b = batch_of(5);
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(fine); i++)
		ends(b, i, fine[i]);
	early_wait(&e, b, 0);
	early_take(&e, 10 * EARLY_NS, &out);
	assert_null(out.head);
	early_drop(&e, b);
	batch_free(b);
}

static void what_is_down_can_be_said_before_it_is_ripe(void **state)
{
	struct batch_list out = { 0 };
	struct batch *b = batch_of(3), *copy;
	(void)state;
	early_say(b, &out);
	assert_null(out.head);
	ends(b, 2, VERDICT_CLOSED);
	early_say(b, &out);
	early_say(b, &out);
	copy = batch_list_take(&out);
	assert_true(copy && copy->early && copy->said == 4 && b->said == 4 && !out.head);
	batch_free(copy);
	batch_free(b);
}

static void a_part_of_an_entry_is_not_said_ahead(void **state)
{
	struct early e = { 0 };
	struct batch_list out = { 0 };
	struct batch *whole = batch_of(2), *part;
	(void)state;
	batch_split_begin(whole);
	part = batch_split(whole, whole->jobs, whole->outcomes, 2);
	ends(part, 0, VERDICT_CLOSED);
	early_wait(&e, part, 0);
	assert_int_equal(early_next_ns(&e), UINT64_MAX);
	early_say(part, &out);
	assert_null(out.head);
	early_drop(&e, part);
	batch_free(part);
	batch_free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_down_is_said_when_it_is_ripe_and_only_once),
		cmocka_unit_test(a_batch_that_is_finished_is_not_looked_at_wherever_it_stood),
		cmocka_unit_test(what_is_up_or_unknown_waits_for_the_others),
		cmocka_unit_test(what_is_down_can_be_said_before_it_is_ripe),
		cmocka_unit_test(a_part_of_an_entry_is_not_said_ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
