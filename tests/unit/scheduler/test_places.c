/* test_places.c - streams of regions and shards, and what is said in missed, asked of a real Redis. */
#include "scheduler_test.h"

#include "../wire/redis_child.h"
#include "scheduler/missed_log.h"
#include "scheduler/places.h"

#define NOW 1764000000000ull

static struct redis_child child;
static struct redis_link *redis;
static struct places places;
static struct scheduler_counters n;
static struct missed_log *missed;

static int fresh(void **state)
{
	(void)state;
	answers(redis, "OK", "FLUSHALL");
	memset(&n.missed_unwritten, 0, sizeof(n.missed_unwritten));
	return 0;
}

static long long length_of(const char *key)
{
	struct redis_reply *reply = redis_ask(redis, "XLEN %s", key);
	long long len = reply_integer(reply);
	redis_reply_free(reply);
	return len;
}

static void add(const char *key, uint64_t ms, unsigned jobs)
{
	redis_reply_free(redis_ask(redis, "XADD %s %llu-0 v 1 n %u slot 1 b x", key, (unsigned long long)ms, jobs));
}

static void every_region_and_shard_has_its_streams(void **state)
{
	(void)state;
	assert_int_equal(places.count, 6);
	assert_string_equal(place_at(&places, 1, 1)->jobs, "pw:{us.1}:jobs");
	assert_string_equal(place_at(&places, 2, 0)->res, "pw:{ap.0}:res");
	assert_string_equal(place_at(&places, 2, 0)->missed, "pw:{ap.0}:missed");
	assert_int_equal(atomic_load(&n.regions), 3);
	assert_string_equal(n.region[1], "us");
}

static void the_last_id_is_known_though_all_entries_are_gone(void **state)
{
	uint64_t latest;
	(void)state;
	add("pw:{us.0}:jobs", NOW, 1);
	add("pw:{ap.1}:jobs", NOW - 40, 1);
	answers(redis, "", "XTRIM pw:{us.0}:jobs MAXLEN 0");
	assert_int_equal(places_ends(&places, redis, &latest), 0);
	assert_int_equal(latest, NOW);
	assert_int_equal(place_at(&places, 1, 0)->last_ms, NOW);
	assert_int_equal(place_at(&places, 0, 0)->last_ms, 0);
}

static void results_that_were_trimmed_away_are_known_to_be_missing(void **state)
{
	uint64_t from;
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		add("pw:{us.0}:res", NOW + i * 1000, 1);
	assert_int_equal(places_results_from(&places, redis, &from), 0);
	assert_int_equal(from, 0);
	answers(redis, "", "XTRIM pw:{us.0}:res MAXLEN 4");
	assert_int_equal(places_results_from(&places, redis, &from), 0);
	assert_int_equal(from, NOW + 6000);
}

static void a_stream_from_the_future_is_emptied_and_set_back_with_its_group(void **state)
{
	uint64_t latest, jobs[6] = { 0 };
	(void)state;
	for (unsigned i = 0; i < 2500; i++)
		add("pw:{eu.0}:jobs", NOW + 90000 + i, 3);
	add("pw:{us.0}:jobs", NOW + 50000, 3);
	answers(redis, "OK", "XGROUP CREATE pw:{eu.0}:jobs engine $");
	places_ends(&places, redis, &latest);
	assert_int_equal(places_repair(&places, redis, NOW, jobs, &n), 1);
	assert_int_equal(jobs[0], 7500);
	assert_int_equal(n.cleared_entries, 2500);
	assert_int_equal(length_of("pw:{eu.0}:jobs"), 0);
	assert_int_equal(length_of("pw:{us.0}:jobs"), 1);
	add("pw:{eu.0}:jobs", NOW + 20, 1);
	assert_int_equal(length_of("pw:{eu.0}:jobs"), 1);
	struct redis_reply *reply = redis_ask(redis, "XREADGROUP GROUP engine me STREAMS pw:{eu.0}:jobs >");
	assert_int_equal(reply_count(reply), 1);
	redis_reply_free(reply);
}

static void what_nobody_read_for_five_minutes_goes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		add("pw:{eu.0}:jobs", NOW - 600000 + i * 1000, 1);
	assert_in_range(places_trim(&places, redis, NOW, false), 200, 300);
	assert_in_range(length_of("pw:{eu.0}:jobs"), 700, 800);
}

static void an_engine_is_there_while_its_heartbeat_is(void **state)
{
	struct place *at = place_at(&places, 0, 0);
	(void)state;
	at->engine_ms = at->looked_ms = at->delivered_ms = 0;
	assert_int_equal(places_look(&places, redis, NOW), 0);
	assert_int_equal(at->engine_ms, 0);
	assert_int_equal(at->looked_ms, NOW);
	add("pw:{eu.0}:jobs", NOW, 1);
	answers(redis, "OK", "XGROUP CREATE pw:{eu.0}:jobs engine 0");
	redis_reply_free(redis_ask(redis, "XREADGROUP GROUP engine e1 STREAMS pw:{eu.0}:jobs >"));
	assert_int_equal(places_look(&places, redis, NOW + 1), 0);
	assert_int_equal(at->engine_ms, 0);
	assert_int_equal(at->delivered_ms, NOW);
	answers(redis, "OK", "SET pw:{eu.0}:hb:e1 at PX 15000");
	assert_int_equal(places_look(&places, redis, NOW + 2), 0);
	assert_int_equal(at->engine_ms, NOW + 2);
	answers(redis, "PONG", "PING"); /* in step */
}

static void names_of_a_slot_are_one_array_and_many_are_several(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1100; i++) {
		char name[24];
		int len = snprintf(name, sizeof(name), i ? "m%u" : "quo\"te", i);
		missed_log_add(missed, place_at(&places, 0, i % 2), NOW, MISSED_NO_ENGINE, name, (size_t)len);
	}
	missed_log_add(missed, place_at(&places, 0, 0), NOW, MISSED_NOT_TAKEN, "x", 1);
	missed_log_write(missed, redis);
	assert_int_equal(length_of("pw:{eu.0}:missed"), 3);
	assert_int_equal(length_of("pw:{eu.1}:missed"), 2);
	struct redis_reply *reply = redis_ask(redis, "XRANGE pw:{eu.0}:missed - + COUNT 1");
	const struct redis_reply *fields = reply_at(reply_at(reply, 0), 1);
	assert_string_equal(reply_text(reply_pair(fields, "slot"), NULL), "1764000000000");
	assert_int_equal(reply_integer(reply_pair(fields, "n")), 500);
	assert_string_equal(reply_text(reply_pair(fields, "reason"), NULL), "no engine in the region");
	assert_memory_equal(reply_text(reply_pair(fields, "b"), NULL), "[\"quo\\\"te\",\"m2\",", 16);
	redis_reply_free(reply);
}

static void a_sum_has_no_names_but_says_from_when_to_when(void **state)
{
	(void)state;
	missed_log_sum(missed, place_at(&places, 1, 0), NOW, NOW + 60000, 123456, MISSED_NO_SCHEDULER);
	missed_log_write(missed, redis);
	struct redis_reply *reply = redis_ask(redis, "XRANGE pw:{us.0}:missed - +");
	const struct redis_reply *fields = reply_at(reply_at(reply, 0), 1);
	assert_int_equal(reply_integer(reply_pair(fields, "n")), 123456);
	assert_string_equal(reply_text(reply_pair(fields, "until"), NULL), "1764000060000");
	assert_string_equal(reply_text(reply_pair(fields, "b"), NULL), "[]");
	redis_reply_free(reply);
}

static void what_a_full_redis_does_not_take_is_counted(void **state)
{
	(void)state;
	answers(redis, "OK", "CONFIG SET maxmemory 1");
	missed_log_add(missed, place_at(&places, 0, 0), NOW, MISSED_NO_ENGINE, "m", 1);
	missed_log_write(missed, redis);
	answers(redis, "OK", "CONFIG SET maxmemory 0");
	assert_int_equal(n.missed_unwritten, 1);
	answers(redis, "PONG", "PING");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_region_and_shard_has_its_streams, fresh),
		cmocka_unit_test_setup(the_last_id_is_known_though_all_entries_are_gone, fresh),
		cmocka_unit_test_setup(results_that_were_trimmed_away_are_known_to_be_missing, fresh),
		cmocka_unit_test_setup(a_stream_from_the_future_is_emptied_and_set_back_with_its_group, fresh),
		cmocka_unit_test_setup(what_nobody_read_for_five_minutes_goes, fresh),
		cmocka_unit_test_setup(an_engine_is_there_while_its_heartbeat_is, fresh),
		cmocka_unit_test_setup(names_of_a_slot_are_one_array_and_many_are_several, fresh),
		cmocka_unit_test_setup(a_sum_has_no_names_but_says_from_when_to_when, fresh),
		cmocka_unit_test_setup(what_a_full_redis_does_not_take_is_counted, fresh),
	};
	struct settings s = settings_of(3, 2);
	if (!redis_child_start(&child, ""))
		return redis_child_end(&child), skip_all("redis-server is not installed or does not start");
	redis = link_up_to(&child, "");
	missed = missed_log_new(&n);
	if (!missed || !places_set(&places, "pw", &s, &n))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	missed_log_free(missed);
	places_free(&places);
	redis_link_free(redis);
	redis_child_end(&child);
	return failed;
}
