/* test_batch.c - batches keep what they were made of, lists keep their order and their counts, and a queue between two
 * threads loses nothing. */
#include "loopback.h"

#include <pthread.h>

static struct batch *numbered(uint64_t number, unsigned jobs)
{
	const struct job job[ENTRY_JOBS_MAX] = { 0 };
	struct batch *b = batch_of(job, jobs);
	b->id_seq = number;
	return b;
}

static void check_counts(const struct batch_list *list)
{
	unsigned batches = 0, jobs = 0;
	const struct batch *last = NULL;
	for (const struct batch *b = list->head; b; b = b->next, batches++) {
		jobs += b->count;
		last = b;
	}
	assert_int_equal(list->batches, batches);
	assert_int_equal(list->jobs, jobs);
	assert_ptr_equal(list->tail, last);
}

static void a_batch_is_a_copy_with_outcomes_that_say_nothing_yet(void **state)
{
	struct job jobs[3] = { { .port = 1 }, { .port = 22, .timeout_ms = 99 }, { .port = 65535 } };
	char blob[] = "monitor-host";
	(void)state;
	struct batch *b = batch_new(jobs, 3, blob, sizeof(blob));
	assert_non_null(b);
	memset(jobs, 0x5a, sizeof(jobs));
	memset(blob, 0x5a, sizeof(blob));
	assert_int_equal(b->count, 3);
	assert_int_equal(b->open, 3);
	assert_int_equal(b->started, 0);
	assert_int_equal(b->jobs[1].port, 22);
	assert_int_equal(b->jobs[1].timeout_ms, 99);
	assert_int_equal(b->jobs[2].port, 65535);
	assert_string_equal((const char *)b->blob, "monitor-host");
	for (unsigned i = 0; i < 3; i++) {
		static const struct outcome nothing;
		assert_memory_equal(&b->outcomes[i], &nothing, sizeof(nothing));
	}
	assert_int_equal((uintptr_t)b->jobs % _Alignof(struct job), 0);
	assert_int_equal((uintptr_t)b->outcomes % _Alignof(struct outcome), 0);
	batch_free(b);
}

static void the_largest_batch_can_be_written_to_its_last_byte(void **state)
{
	static struct job jobs[ENTRY_JOBS_MAX];
	static char blob[ENTRY_BYTES_MAX];
	(void)state;
	memset(blob, 'b', sizeof(blob));
	struct batch *b = batch_new(jobs, ENTRY_JOBS_MAX, blob, sizeof(blob));
	assert_non_null(b);
	memset(b->outcomes, 1, ENTRY_JOBS_MAX * sizeof(*b->outcomes));
	memset(b->jobs, 2, ENTRY_JOBS_MAX * sizeof(*b->jobs));
	assert_memory_equal(b->blob, blob, sizeof(blob));
	batch_free(b);
}

static void make_empty(void *arg)
{
	batch_free(batch_new(arg, 0, "", 0));
}

static void make_too_many(void *arg)
{
	batch_free(batch_new(arg, ENTRY_JOBS_MAX + 1, "", 0));
}

static void make_too_long(void *arg)
{
	batch_free(batch_new(arg, 1, arg, ENTRY_BYTES_MAX + 1));
}

static void a_batch_beyond_the_limits_of_an_entry_aborts(void **state)
{
	static char room[(ENTRY_JOBS_MAX + 1) * sizeof(struct job) + ENTRY_BYTES_MAX + 1];
	char said[256];
	(void)state;
	must_abort(make_empty, room, said, sizeof(said));
	must_abort(make_too_many, room, said, sizeof(said));
	must_abort(make_too_long, room, said, sizeof(said));
}

static void a_list_gives_back_in_the_order_it_took(void **state)
{
	struct batch_list list = { 0 };
	(void)state;
	assert_null(batch_list_take(&list));
	for (uint64_t i = 0; i < 5; i++) {
		batch_list_add(&list, numbered(i, 1 + (unsigned)i));
		check_counts(&list);
	}
	for (uint64_t i = 0; i < 5; i++) {
		struct batch *b = batch_list_take(&list);
		assert_int_equal(b->id_seq, i);
		assert_null(b->next);
		check_counts(&list);
		batch_free(b);
	}
	assert_null(batch_list_take(&list));
	assert_int_equal(list.batches + list.jobs, 0);
}

static void what_parts_keep_lives_with_the_whole(void **state)
{
	struct batch *whole = numbered(1, 2), *part[2];
	struct tls_seen *seen[2];
	(void)state;
	batch_split_begin(whole);
	for (unsigned i = 0; i < 2; i++) {
		whole->jobs[i].index = (uint8_t)i;
		part[i] = batch_split(whole, &whole->jobs[i], &whole->outcomes[i], 1);
		seen[i] = batch_room(part[i], sizeof(*seen[i]));
		assert_int_equal(seen[i]->not_after_s, 0);
		assert_int_equal((uintptr_t)seen[i] % _Alignof(max_align_t), 0);
		*seen[i] = (struct tls_seen){ .not_after_s = 100 + i, .issuer = batch_keep(part[i], i ? "one" : "zero") };
		part[i]->outcomes[0] = (struct outcome){ .verdict = VERDICT_CERTIFICATE, .tls = seen[i], .detail = batch_keep(part[i], "why") };
	}
	assert_false(batch_split_end(whole));
	assert_null(batch_join(part[1]));
	assert_ptr_equal(batch_join(part[0]), whole);
	batch_assemble(whole);
	for (unsigned i = 0; i < 2; i++) { /* the parts are gone by now */
		assert_int_equal(whole->outcomes[i].tls->not_after_s, 100 + i);
		assert_string_equal(whole->outcomes[i].tls->issuer, i ? "one" : "zero");
		assert_string_equal(whole->outcomes[i].detail, "why");
	}
	batch_free(whole);
}

static void joining_keeps_the_order_and_empties_the_other(void **state)
{
	(void)state;
	for (unsigned left = 0; left < 3; left++)
		for (unsigned right = 0; right < 3; right++) {
			struct batch_list to = { 0 }, from = { 0 };
			for (unsigned i = 0; i < left + right; i++)
				batch_list_add(i < left ? &to : &from, numbered(i, 2));
			batch_list_join(&to, &from);
			check_counts(&to);
			check_counts(&from);
			assert_null(from.head);
			assert_int_equal(to.batches, left + right);
			for (unsigned i = 0; i < left + right; i++) {
				struct batch *b = batch_list_take(&to);
				assert_int_equal(b->id_seq, i);
				batch_free(b);
			}
		}
}

/* ---- between two threads --------------------------------------------------------------------------------------------- */

enum { THROUGH = 20000 };

static void *put_all(void *arg)
{
	struct batch_queue *q = arg;
	uint64_t number = 0;
	while (number < THROUGH) {
		struct batch_list some = { 0 };
		for (unsigned n = 1 + number % 7; n > 0 && number < THROUGH; n--)
			batch_list_add(&some, numbered(number++, 1));
		batch_queue_put(q, &some);
		if (some.head)
			return "put() did not take all";
	}
	return NULL;
}

static void what_one_thread_puts_the_other_takes_once_and_in_order(void **state)
{
	struct batch_queue q;
	pthread_t other;
	void *complaint;
	uint64_t expected = 0, until = clock_ns() + 60 * NS_PER_S;
	(void)state;
	batch_queue_init(&q);
	assert_int_equal(pthread_create(&other, NULL, put_all, &q), 0);
	while (expected < THROUGH && clock_ns() < until) {
		struct batch_list got = { 0 };
		batch_queue_take(&q, &got, EVENT_WAIT_MS);
		for (struct batch *b; (b = batch_list_take(&got)); batch_free(b))
			assert_int_equal(b->id_seq, expected++);
	}
	assert_int_equal(expected, THROUGH);
	pthread_join(other, &complaint);
	assert_null(complaint);
	batch_queue_free(&q);
}

static void an_empty_queue_gives_nothing_with_and_without_waiting(void **state)
{
	struct batch_queue q;
	struct batch_list got = { 0 };
	(void)state;
	batch_queue_init(&q);
	batch_queue_take(&q, &got, 0);
	batch_queue_take(&q, &got, 1);
	batch_queue_put(&q, &got);
	batch_queue_take(&q, &got, 0);
	assert_null(got.head);
	batch_queue_free(&q);
}

static void *nudge_until_told(void *arg)
{
	struct batch_queue *q = arg;
	struct batch_list got = { 0 };
	for (;;) { /* ends when the batch that means so has come */
		batch_queue_nudge(q);
		batch_queue_take(q, &got, 0);
		if (got.head)
			break;
		sched_yield();
	}
	batch_free(batch_list_take(&got));
	return NULL;
}

static void a_nudge_ends_a_wait(void **state)
{
	struct batch_queue q;
	struct batch_list none = { 0 }, end = { 0 };
	pthread_t other;
	(void)state;
	batch_queue_init(&q);
	assert_int_equal(pthread_create(&other, NULL, nudge_until_told, &q), 0);
	batch_queue_take(&q, &none, 3600 * 1000); /* the suite's alarm comes first */
	assert_null(none.head);
	batch_list_add(&end, numbered(0, 1));
	batch_queue_put(&q, &end);
	pthread_join(other, NULL);
	batch_queue_free(&q);
}

static void a_nudge_before_the_wait_is_not_lost(void **state)
{
	struct batch_queue q;
	struct batch_list none = { 0 };
	(void)state;
	batch_queue_init(&q);
	batch_queue_nudge(&q);
	batch_queue_take(&q, &none, 3600 * 1000); /* the suite's alarm comes first */
	assert_null(none.head);
	batch_queue_take(&q, &none, 1); /* it counts once */
	batch_queue_free(&q);
}

static void *put_and_nudge(void *arg)
{
	struct batch_queue *q = arg;
	struct batch_list one = { 0 };
	batch_list_add(&one, numbered(7, 1));
	batch_queue_put(q, &one);
	batch_queue_nudge(q);
	return NULL;
}

static void gathering_is_ended_by_its_time_and_by_a_nudge_but_not_by_a_batch(void **state)
{
	struct batch_queue q;
	struct batch_list got = { 0 };
	pthread_t other;
	uint64_t at_ns = clock_ns() + 20 * NS_PER_MS;
	(void)state;
	batch_queue_init(&q);
	batch_list_add(&got, numbered(6, 1));
	batch_queue_put(&q, &got);
	batch_queue_gather(&q, at_ns);
	assert_true(clock_ns() >= at_ns);
	batch_queue_gather(&q, at_ns); /* which has passed */
	assert_int_equal(pthread_create(&other, NULL, put_and_nudge, &q), 0);
	batch_queue_gather(&q, clock_ns() + 3600 * NS_PER_S); /* the suite's alarm comes first */
	pthread_join(other, NULL);
	batch_queue_take(&q, &got, 3600 * 1000);
	assert_int_equal(got.batches, 2);
	for (struct batch *b; (b = batch_list_take(&got));)
		batch_free(b);
	batch_queue_free(&q);
}

static void a_queue_frees_what_was_left_in_it(void **state)
{
	struct batch_queue q;
	struct batch_list some = { 0 };
	(void)state;
	batch_queue_init(&q);
	for (unsigned i = 0; i < 3; i++)
		batch_list_add(&some, numbered(i, 1));
	batch_queue_put(&q, &some);
	batch_queue_free(&q); /* the leak checker is the judge */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_a_copy_with_outcomes_that_say_nothing_yet),
		cmocka_unit_test(the_largest_batch_can_be_written_to_its_last_byte),
		cmocka_unit_test(a_batch_beyond_the_limits_of_an_entry_aborts),
		cmocka_unit_test(a_list_gives_back_in_the_order_it_took),
		cmocka_unit_test(what_parts_keep_lives_with_the_whole),
		cmocka_unit_test(joining_keeps_the_order_and_empties_the_other),
		cmocka_unit_test(what_one_thread_puts_the_other_takes_once_and_in_order),
		cmocka_unit_test(an_empty_queue_gives_nothing_with_and_without_waiting),
		cmocka_unit_test(a_nudge_ends_a_wait),
		cmocka_unit_test(a_nudge_before_the_wait_is_not_lost),
		cmocka_unit_test(gathering_is_ended_by_its_time_and_by_a_nudge_but_not_by_a_batch),
		cmocka_unit_test(a_queue_frees_what_was_left_in_it),
	};
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
