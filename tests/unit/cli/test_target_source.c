/* test_target_source.c - a list of targets as batches: every target once, in order, no more than there is room for. */
#include "cli/target_source.h"

#include "cli_test.h"

#include <stdio.h>

static struct target_list list;
static struct target_source source;
static const struct job_options options = { .timeout_ms = 700, .close = CLOSE_FIN, .settle_ms = 30 };

static void fill(unsigned count)
{
	char text[64];
	list = (struct target_list){ 0 };
	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof text, i % 2 ? "[2001:db8::%x]:%u" : "host-%u.example:%u", i, i % 65535 + 1);
		target_list_add(&list, text, "test");
	}
	assert_int_equal(list.count, count);
	target_source_init(&source, &list, &options, NULL);
}

static int take(unsigned room, struct batch_list *into)
{
	*into = (struct batch_list){ 0 };
	return source.source.take(&source.source, room, 0, into);
}

/* Frees a list of batches; returns its jobs. */
static unsigned drop(struct batch_list *batches)
{
	unsigned jobs = 0;
	for (struct batch *b; (b = batch_list_take(batches));) {
		jobs += b->count;
		batch_free(b);
	}
	return jobs;
}

static void every_target_comes_once_and_in_order(void **state)
{
	struct batch_list taken;
	size_t place = 0;
	(void)state;
	fill(1000);
	while (take(100, &taken) == 0)
		for (struct batch *b; (b = batch_list_take(&taken)); batch_free(b)) {
			assert_int_equal(b->id_seq, place);
			assert_int_equal(b->count, 1);
			assert_int_equal(b->jobs[0].port, list.items[place++].port);
		}
	assert_int_equal(place, 1000);
	target_list_free(&list);
}

static void no_more_jobs_come_than_there_is_room_for(void **state)
{
	struct batch_list taken;
	(void)state;
	fill(200);
	assert_int_equal(take(0, &taken), 0);
	assert_int_equal(drop(&taken), 0);
	assert_int_equal(take(1, &taken), 0);
	assert_int_equal(drop(&taken), 1);
	assert_int_equal(take(130, &taken), 0);
	assert_int_equal(drop(&taken), 130);
	assert_int_equal(take(1000, &taken), 0);
	assert_int_equal(drop(&taken), 69);
	assert_int_equal(take(1000, &taken), SOURCE_ENDED);
	target_list_free(&list);
}

static void a_job_carries_its_host_its_address_and_the_options(void **state)
{
	struct batch_list taken;
	(void)state;
	fill(2);
	assert_int_equal(take(10, &taken), 0);
	struct batch *first = batch_list_take(&taken), *second = batch_list_take(&taken);
	assert_int_equal(first->jobs[0].family, FAMILY_NONE);
	assert_int_equal(first->jobs[0].host_len, strlen("host-0.example"));
	assert_memory_equal(first->blob + first->jobs[0].host_at, "host-0.example", 14);
	const struct job *job = &second->jobs[0];
	assert_int_equal(job->family, FAMILY_V6);
	assert_memory_equal(second->blob + job->host_at, "2001:db8::1", 11);
	assert_memory_equal(job->address, list.items[1].address, 16);
	assert_int_equal(job->timeout_ms, 700);
	assert_int_equal(job->close, CLOSE_FIN);
	assert_int_equal(job->settle_ms, 30);
	assert_int_equal(job->expires_ms, JOB_EXPIRES_MAX_MS);
	assert_null(job->bad);
	batch_free(first);
	batch_free(second);
	target_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_target_comes_once_and_in_order),
		cmocka_unit_test(no_more_jobs_come_than_there_is_room_for),
		cmocka_unit_test(a_job_carries_its_host_its_address_and_the_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
