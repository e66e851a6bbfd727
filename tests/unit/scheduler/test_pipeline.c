/* test_pipeline.c - a whole scheduler, stepped by the test, against a real Redis that is mistreated. */
#include "scheduler_test.h"

#include "../wire/redis_child.h"
#include "scheduler/pipeline.h"
#include <unistd.h>

static struct redis_child child;
static struct redis_link *redis;
static struct scheduler *s;
static struct scheduler_counters n;

/* Our own link, after Redis was mistreated. */
static void connect_again(void)
{
	unsigned wait_ms;
	redis_link_drop(redis, "a test");
	while (redis_link_up(redis, &wait_ms) != 0)
		usleep(10000);
}

/* Redis stands still for a while, and goes on by itself. */
static void stall(unsigned ms)
{
	kill(child.pid, SIGSTOP);
	if (fork() == 0) {
		usleep(ms * 1000);
		kill(child.pid, SIGCONT);
		_exit(0);
	}
}

static void say(const char *name, unsigned interval_ms)
{
	char json[200];
	snprintf(json, sizeof(json), "{\"target\":\"192.0.2.1:443\",\"interval_ms\":%u,\"timeout_ms\":500}", interval_ms);
	redis_reply_free(redis_ask(redis, "HSET pw:monitors %s %s", name, json));
	redis_reply_free(redis_ask(redis, "XADD pw:monitors:log * op set name %s", name));
}

static void say_settings(const char *json)
{
	answers(redis, "OK", "SET pw:settings %s", json);
	redis_reply_free(redis_ask(redis, "XADD pw:monitors:log * op settings"));
}

static void say_all(void)
{
	char name[24];
	say_settings("{\"regions\":[\"eu\",\"us\"],\"shards\":1}");
	for (unsigned i = 0; i < 25; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		say(name, 1000);
	}
}

static void begin(void)
{
	struct scheduler_config config = { .prefix = "pw", .name = "test", .version = "0", .expires_ms = 60000 };
	char why[200];
	memset(&n, 0, sizeof(n));
	assert_int_equal(redis_url_parse(child.url, &config.url, why, sizeof(why)), 0);
	s = schedule_new(&config, &n);
	assert_non_null(s);
}

static int fresh(void **state)
{
	(void)state;
	connect_again();
	answers(redis, "OK", "FLUSHALL");
	say_all();
	begin();
	return 0;
}

static int done(void **state)
{
	(void)state;
	schedule_stop(s);
	assert_int_equal(n.scheduled, n.answered + n.missed + n.handed_over + n.waiting);
	schedule_free(s);
	return 0;
}

static void step(void)
{
	usleep(schedule_step(s) % 20001);
	assert_int_equal(n.scheduled, n.answered + n.missed + n.handed_over + n.waiting);
}

#define step_until(condition)                                                                                       \
	do {                                                                                                        \
		uint64_t until = clock_ns() + 10 * NS_PER_S;                                                        \
		while (!(condition)) {                                                                              \
			if (clock_ns() > until)                                                                     \
				fail_msg("%s does not come", #condition);                                           \
			step();                                                                                     \
		}                                                                                                   \
	} while (0)

static long long ask_integer(const char *command, const char *key)
{
	struct redis_reply *reply = redis_ask(redis, "%s %s", command, key);
	long long value = reply_integer(reply);
	redis_reply_free(reply);
	return value;
}

/* Jobs that stand in a stream, by the field n of its entries. */
static void add_jobs(void *arg, const struct stream_entry *e)
{
	*(uint64_t *)arg += (uint64_t)reply_integer(reply_pair(e->fields, "n"));
}

static uint64_t jobs_in(const char *key)
{
	uint64_t jobs = 0;
	char why[200];
	struct redis_reply *reply = redis_ask(redis, "XRANGE %s - +", key);
	assert_true(stream_entries_each(reply, key, add_jobs, &jobs, why, sizeof(why)) >= 0);
	redis_reply_free(reply);
	return jobs;
}

static void other_regions_are_in_force_at_once_and_what_waited_is_accounted_for(void **state)
{
	(void)state;
	step_until(n.jobs >= 40);
	assert_int_equal(n.waiting, n.scheduled);
	say_settings("{\"regions\":[\"eu\",\"us\",\"ap\"],\"shards\":2}");
	uint64_t from = clock_ns();
	step_until(ask_integer("XLEN", "pw:{ap.0}:jobs") > 0 && ask_integer("XLEN", "pw:{ap.1}:jobs") > 0);
	assert_true(clock_ns() - from < 2 * NS_PER_S);
	/* each in its region, and by its name */
	uint64_t moved = 0;
	for (unsigned r = 0; r < 3; r++)
		moved += n.missed_by[r][MISSED_MOVED];
	assert_true(n.missed >= 40 && n.missed == moved && n.missed_by[0][MISSED_MOVED] < moved);
	assert_int_equal(n.missed_unwritten, 0);
	step_until(ask_integer("XLEN", "pw:{eu.0}:missed") > 0);
	assert_true(n.waiting > 0);
	/* windows of maintenance are nothing to us */
	uint64_t loads = s->follow.loads, missed = n.missed;
	say_settings("{\"regions\":[\"eu\",\"us\",\"ap\"],\"shards\":2,\"maintenance\":[{\"from_ms\":1,\"until_ms\":2}]}");
	step_until(s->follow.changes > 0 && n.jobs > 150);
	assert_int_equal(s->follow.loads, loads);
	assert_int_equal(n.missed, missed);
}

static void a_redis_that_lost_everything_is_scheduled_again_when_it_is_told(void **state)
{
	(void)state;
	step_until(n.jobs >= 20);
	redis_child_kill(&child);
	for (unsigned i = 0; i < 10; i++)
		step();
	assert_true(redis_child_run(&child, "", "eady to accept connections"));
	connect_again();
	step_until(s->monitors.live == 0);
	say_all();
	uint64_t before = n.jobs;
	step_until(s->monitors.live == 25 && n.jobs >= before + 20);
}

static void links_that_break_and_a_redis_that_stalls_lose_no_slot(void **state)
{
	struct redis_link *other = link_up_to(&child, "");
	(void)state;
	step_until(n.jobs >= 10);
	for (unsigned i = 0; i < 5; i++) {
		redis_reply_free(redis_ask(other, "CLIENT KILL TYPE normal SKIPME yes"));
		for (unsigned k = 0; k < 10; k++)
			step();
	}
	connect_again();
	stall(700);
	step_until(s->ledger.emitted_ms > 0 && n.jobs >= 150 && n.lag_ms < 20);
	uint64_t eu = jobs_in("pw:{eu.0}:jobs"), us = jobs_in("pw:{us.0}:jobs");
	assert_int_equal(eu + us, n.scheduled);
	assert_int_equal(n.missed, 0);
	assert_int_equal(waitpid(-1, NULL, 0) > 0, 1);
	redis_link_free(other);
}

static void a_lease_that_was_stolen_ends_scheduling_and_hands_over_what_waits(void **state)
{
	(void)state;
	step_until(n.jobs >= 10);
	answers(redis, "OK", "SET pw:lease:scheduler thief PX 3300");
	step_until(!s->running);
	assert_true(n.handed_over > 0 && n.waiting == 0);
	uint64_t before = n.jobs;
	step_until(s->running);
	assert_int_equal(n.lease_taken, 2);
	assert_true(n.waiting > 0); /* counted again: they were handed over to ourselves */
	step_until(n.jobs > before);
	assert_int_equal(n.missed, 0);
}

static void one_that_comes_after_a_crash_accounts_for_what_waits(void **state)
{
	(void)state;
	step_until(n.jobs >= 150);
	uint64_t emitted = s->ledger.emitted_ms;
	schedule_free(s); /* as a crash: the lease stays, in a name that the next one has as well */
	begin();
	step_until(s->running);
	assert_in_range(n.waiting, 60, 150); /* those of the first second are younger than their monitors */
	assert_in_range(s->ledger.emitted_ms, emitted - TICK_MS, emitted + 10 * TICK_MS);
	uint64_t latest = 0;
	assert_int_equal(places_ends(&s->places, redis, &latest), 0);
	assert_in_range(s->ledger.emitted_ms, latest - TICK_MS, latest + 10 * TICK_MS);
}

/* The last slots were 200 s ago: those older than a minute are missed, the others come, but not all at once. */
static void after_a_long_time_without_a_scheduler_the_last_minute_is_caught_up_evenly(void **state)
{
	struct redis_reply *time = redis_ask(redis, "TIME");
	unsigned long long last = (unsigned long long)reply_integer(reply_at(time, 0)) * 1000 - 200000;
	(void)state;
	redis_reply_free(time);
	redis_reply_free(redis_ask(redis, "XADD pw:{eu.0}:jobs %llu-0 v 1 n 0 slot 1 b x", last));
	answers(redis, "OK", "SET pw:scheduler:ledger %s", "emitted=1000 audited=1000");
	step_until(s->running && n.jobs > 0);
	assert_in_range(n.missed, 25 * 2 * 138, 25 * 2 * 143);
	assert_int_equal(n.missed, n.missed_by[0][MISSED_NO_SCHEDULER] + n.missed_by[1][MISSED_NO_SCHEDULER]);
	assert_int_equal(ask_integer("XLEN", "pw:{us.0}:missed"), 1);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t before = s->ledger.emitted_ms;
		step();
		assert_in_range(s->ledger.emitted_ms - before, TICK_MS, CATCH_UP_TICKS * TICK_MS);
	}
	assert_true(n.lag_ms > 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(other_regions_are_in_force_at_once_and_what_waited_is_accounted_for, fresh, done),
		cmocka_unit_test_setup_teardown(a_redis_that_lost_everything_is_scheduled_again_when_it_is_told, fresh, done),
		cmocka_unit_test_setup_teardown(links_that_break_and_a_redis_that_stalls_lose_no_slot, fresh, done),
		cmocka_unit_test_setup_teardown(one_that_comes_after_a_crash_accounts_for_what_waits, fresh, done),
		cmocka_unit_test_setup_teardown(after_a_long_time_without_a_scheduler_the_last_minute_is_caught_up_evenly, fresh, done),
		cmocka_unit_test_setup_teardown(a_lease_that_was_stolen_ends_scheduling_and_hands_over_what_waits, fresh, done),
	};
	if (!redis_child_start(&child, ""))
		return redis_child_end(&child), skip_all("redis-server is not installed or does not start");
	redis = link_up_to(&child, "");
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_link_free(redis);
	redis_child_end(&child);
	return failed;
}
