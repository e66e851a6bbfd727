/* test_job_emit.c - what a tick becomes, and that it is in its streams once, asked of a real Redis. */
#include "scheduler_test.h"

#include "../wire/redis_child.h"
#include "scheduler/job_emit.h"
#include <errno.h>

#define TICK 1764000000020ull

static struct redis_child child;
static struct redis_link *redis;
static struct job_emit *emit;
static struct places places;
static struct scheduler_counters counters;
static const struct job_options plain = { .timeout_ms = 3200, .expires_ms = 60000, .settle_ms = JOB_SETTLE_UNSET };
static const struct job_options quick = { .timeout_ms = 500, .expires_ms = 60000, .settle_ms = JOB_SETTLE_UNSET };

static void add(unsigned place, unsigned class, const char *name, const char *host)
{
	uint8_t bytes[JOB_BYTES_MAX];
	struct job_text job = { .monitor = name, .host = host, .port = 443 };
	job_emit_add(emit, place, class, class ? &quick : &plain, bytes, job_bytes(&job, bytes));
}

static void begin(void)
{
	assert_true(job_emit_begin(emit, places.count, TICK));
}

static long long length_of(unsigned place)
{
	struct redis_reply *reply = redis_ask(redis, "XLEN %s", places.place[place].jobs);
	long long n = reply_integer(reply);
	redis_reply_free(reply);
	return n;
}

static int fresh(void **state)
{
	(void)state;
	answers(redis, "OK", "FLUSHALL");
	return 0;
}

static void entries_hold_the_jobs_of_one_place_and_set_of_options(void **state)
{
	char name[24];
	unsigned jobs[4][2] = { 0 };
	(void)state;
	begin();
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "p%u-c%u-%u", i % 4, i % 3 == 0, i);
		add(i % 4, i % 3 == 0, name, "198.51.100.7");
	}
	assert_true(job_emit_end(emit));
	unsigned before = 0;
	for (uint32_t i = 0; i < job_emit_entries(emit); i++) {
		struct job got[ENTRY_JOBS_MAX];
		char why[200];
		size_t len;
		unsigned place, n;
		const char *blob = job_emit_blob(emit, i, &len, &place, &n);
		assert_true(len <= ENTRY_BYTES_BEST && place >= before);
		assert_int_equal(job_batch_decode(blob, len, TICK, got, why, sizeof(why)), n);
		for (unsigned k = 0; k < n; k++) {
			unsigned class = got[k].timeout_ms == 500;
			snprintf(name, sizeof(name), "p%u-c%u-", place, class);
			assert_memory_equal(blob + got[k].monitor_at, name, strlen(name));
			jobs[place][class]++;
		}
		before = place;
	}
	for (unsigned p = 0; p < 4; p++) {
		assert_int_equal(jobs[p][0] + jobs[p][1], 250);
		assert_int_equal(job_emit_outcome(emit, p)->jobs, 250);
	}
}

static void sixty_four_jobs_or_3900_bytes_fill_an_entry(void **state)
{
	static char name[65], host[254];
	size_t len;
	unsigned place, n;
	(void)state;
	begin();
	for (unsigned i = 0; i < 65; i++)
		add(0, 0, "m", "192.0.2.1");
	assert_true(job_emit_end(emit));
	assert_int_equal(job_emit_entries(emit), 2);
	job_emit_blob(emit, 0, &len, &place, &n);
	assert_int_equal(n, 64);
	memset(name, 'm', 64);
	memset(host, 'h', 253);
	begin();
	for (unsigned i = 0; i < 64; i++)
		add(0, 1, name, host);
	assert_true(job_emit_end(emit));
	for (uint32_t i = 0; i < job_emit_entries(emit); i++) {
		job_emit_blob(emit, i, &len, &place, &n);
		assert_in_range(len, 1, ENTRY_BYTES_BEST);
		assert_in_range(n, 1, 11);
	}
}

static void more_sets_of_options_than_open_batches_lose_nothing(void **state)
{
	uint8_t bytes[JOB_BYTES_MAX];
	struct job_text job = { .monitor = "m", .host = "192.0.2.1", .port = 443 };
	static struct job_options many[600];
	(void)state;
	begin();
	for (unsigned i = 0; i < 1800; i++) {
		many[i % 600] = plain;
		many[i % 600].timeout_ms = 100 + i % 600;
		job_emit_add(emit, i % 4, i % 600, &many[i % 600], bytes, job_bytes(&job, bytes));
	}
	assert_true(job_emit_end(emit));
	unsigned jobs = 0;
	for (unsigned p = 0; p < 4; p++)
		jobs += job_emit_outcome(emit, p)->jobs;
	assert_int_equal(jobs, 1800);
}

static void send_two_places(void)
{
	begin();
	for (unsigned i = 0; i < 200; i++)
		add(i % 2, 0, "m", "192.0.2.1");
	assert_true(job_emit_end(emit));
}

static void ids_are_the_tick_and_a_number(void **state)
{
	(void)state;
	send_two_places();
	assert_int_equal(job_emit_send(emit, &places, redis), 0);
	assert_int_equal(job_emit_outcome(emit, 0)->outcome, EMIT_ACCEPTED);
	assert_int_equal(job_emit_outcome(emit, 1)->outcome, EMIT_ACCEPTED);
	assert_int_equal(job_emit_outcome(emit, 2)->outcome, EMIT_NONE);
	assert_int_equal(length_of(0), 2);
	struct redis_reply *reply = redis_ask(redis, "XRANGE %s - +", places.place[1].jobs);
	assert_string_equal(reply_text(reply_at(reply_at(reply, 0), 0), NULL), "1764000000020-0");
	assert_string_equal(reply_text(reply_at(reply_at(reply, 1), 0), NULL), "1764000000020-1");
	const struct redis_reply *fields = reply_at(reply_at(reply, 1), 1);
	assert_string_equal(reply_text(reply_pair(fields, "slot"), NULL), "1764000000020");
	assert_int_equal(reply_integer(reply_pair(fields, "n")), 36);
	redis_reply_free(reply);
}

static void what_is_sent_again_is_there_once(void **state)
{
	(void)state;
	send_two_places();
	assert_int_equal(job_emit_send(emit, &places, redis), 0);
	assert_int_equal(job_emit_send(emit, &places, redis), 0);
	assert_int_equal(job_emit_outcome(emit, 0)->outcome, EMIT_THERE);
	assert_int_equal(length_of(0), 2);
}

static void what_lies_before_the_end_of_a_stream_is_refused(void **state)
{
	(void)state;
	answers(redis, "1764000000040-0", "XADD %s 1764000000040-0 v 1", places.place[0].jobs);
	send_two_places();
	assert_int_equal(job_emit_send(emit, &places, redis), 0);
	assert_int_equal(job_emit_outcome(emit, 0)->outcome, EMIT_THERE);
	assert_int_equal(job_emit_outcome(emit, 1)->outcome, EMIT_ACCEPTED);
	assert_int_equal(length_of(0), 1);
}

static void a_full_redis_takes_nothing_of_the_tick(void **state)
{
	(void)state;
	send_two_places();
	answers(redis, "OK", "CONFIG SET maxmemory 1");
	assert_int_equal(job_emit_send(emit, &places, redis), 0);
	assert_int_equal(job_emit_outcome(emit, 0)->outcome, EMIT_FULL);
	assert_int_equal(job_emit_outcome(emit, 1)->outcome, EMIT_FULL);
	answers(redis, "OK", "CONFIG SET maxmemory 0");
	assert_int_equal(length_of(0), 0);
	answers(redis, "PONG", "PING"); /* in step */
}

static void a_key_that_is_no_stream_is_refused_and_the_others_are_not(void **state)
{
	(void)state;
	answers(redis, "OK", "SET %s text", places.place[0].jobs);
	send_two_places();
	assert_int_equal(job_emit_send(emit, &places, redis), 0);
	assert_int_equal(job_emit_outcome(emit, 0)->outcome, EMIT_REFUSED);
	assert_int_equal(job_emit_outcome(emit, 1)->outcome, EMIT_ACCEPTED);
}

static void a_broken_link_is_told_and_the_tick_can_be_sent_again(void **state)
{
	(void)state;
	send_two_places();
	struct redis_link *other = link_up_to(&child, "");
	answers(other, "", "CLIENT KILL TYPE normal SKIPME yes");
	assert_int_equal(job_emit_send(emit, &places, redis), -EIO);
	unsigned wait_ms;
	while (redis_link_up(redis, &wait_ms) != 0)
		usleep(10000);
	assert_int_equal(job_emit_send(emit, &places, redis), 0);
	assert_int_equal(job_emit_outcome(emit, 0)->outcome, EMIT_ACCEPTED);
	assert_int_equal(length_of(0), 2);
	redis_link_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(entries_hold_the_jobs_of_one_place_and_set_of_options, fresh),
		cmocka_unit_test_setup(sixty_four_jobs_or_3900_bytes_fill_an_entry, fresh),
		cmocka_unit_test_setup(more_sets_of_options_than_open_batches_lose_nothing, fresh),
		cmocka_unit_test_setup(ids_are_the_tick_and_a_number, fresh),
		cmocka_unit_test_setup(what_is_sent_again_is_there_once, fresh),
		cmocka_unit_test_setup(what_lies_before_the_end_of_a_stream_is_refused, fresh),
		cmocka_unit_test_setup(a_full_redis_takes_nothing_of_the_tick, fresh),
		cmocka_unit_test_setup(a_key_that_is_no_stream_is_refused_and_the_others_are_not, fresh),
		cmocka_unit_test_setup(a_broken_link_is_told_and_the_tick_can_be_sent_again, fresh),
	};
	struct settings s = settings_of(2, 2);
	if (!redis_child_start(&child, ""))
		return redis_child_end(&child), skip_all("redis-server is not installed or does not start");
	redis = link_up_to(&child, "");
	emit = job_emit_new();
	if (!emit || !places_set(&places, "pw", &s, &counters))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	job_emit_free(emit);
	places_free(&places);
	redis_link_free(redis);
	redis_child_end(&child);
	return failed;
}
