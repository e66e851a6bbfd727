/* test_result_feed.c - no result is lost between a stream and the deciding: asked of a real Redis, with a holder that dies. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "../wire/redis_child.h"

#include "alerts/result_feed.h"
#include "alerts/round.h"
#include "wire/settings.h"

static struct redis_child child;
static struct redis_link *redis;
static struct feed_counters counters;
static const char *const regions[] = { "eu", "us" };

/* What came, as "monitor@region/shard ..." in order. */
static char came[4096];
static unsigned rows, entries, questions;
static char asked[128];

static void on_result(void *arg, unsigned shard, unsigned region, uint64_t entry_ms, const struct result *r)
{
	(void)arg;
	(void)entry_ms;
	rows++;
	if (strlen(came) < sizeof(came) - 100)
		sprintf(came + strlen(came), "%s@%s/%u ", r->monitor, regions[region], shard);
}

static void on_entry(void *arg, unsigned shard, unsigned region, uint64_t entry_ms)
{
	(void)arg;
	(void)shard;
	(void)region;
	(void)entry_ms;
	entries++;
}

static void on_question(void *arg, unsigned shard, const char *monitor, const char *reply_key)
{
	(void)arg;
	questions++;
	snprintf(asked, sizeof(asked), "%u %s %s", shard, monitor, reply_key);
}

static const struct feed_sink sink = { on_result, on_entry, on_question, NULL };

static void begin_again(void)
{
	came[0] = 0;
	rows = entries = questions = 0;
}

static int fresh(void **state)
{
	(void)state;
	answers(redis, "OK", "FLUSHALL");
	memset(&counters, 0, sizeof(counters));
	begin_again();
	return 0;
}

/* [[monitor, slot, 0, open, nil, "127.0.0.1", 1, 20, 30, 0, 0, nil, nil, nil]] */
static void publish(const char *region, unsigned shard, const char *monitor)
{
	char blob[200], key[STREAM_KEY_MAX];
	size_t n = strlen(monitor), len = 0;
	blob[len++] = (char)0x91;
	blob[len++] = (char)0x9e;
	blob[len++] = (char)(0xa0 | n);
	memcpy(blob + len, monitor, n);
	len += n;
	memcpy(blob + len, "\x64\x00\x01\xc0\xa9"
			   "127.0.0.1"
			   "\x01\x14\x1e\x00\x00\xc0\xc0\xc0", 22);
	len += 22;
	stream_key(key, "pw", region, shard, STREAM_RES);
	redis_reply_free(redis_ask(redis, "XADD %s * v 1 n 1 b %b", key, blob, len));
}

static struct feed *taken(unsigned shard)
{
	struct feed *f = feed_new(redis, "pw", &sink, &counters);
	assert_int_equal(feed_take(f, shard, regions, 2), 0);
	return f;
}

/* Reads until nothing comes. */
static void read_all(struct feed *f)
{
	for (unsigned quiet = 0; quiet < 3;)
		quiet = feed_read(f, 1) == 0 ? quiet + 1 : 0;
}

static long long pending(const char *key)
{
	struct redis_reply *reply = redis_ask(redis, "XPENDING %s alerts", key);
	long long n = reply_integer(reply_at(reply, 0));
	redis_reply_free(reply);
	return n;
}

static void results_of_all_regions_come_once(void **state)
{
	(void)state;
	publish("eu", 0, "a"); /* before anybody listened */
	struct feed *f = taken(0);
	read_all(f);
	publish("us", 0, "b");
	publish("eu", 1, "not-ours");
	read_all(f);
	assert_string_equal(came, "a@eu/0 b@us/0 ");
	assert_int_equal(entries, 2);
	assert_int_equal(counters.unreadable, 0);
	feed_free(f);
}

static void what_a_dead_holder_had_read_comes_again_and_what_it_acknowledged_does_not(void **state)
{
	(void)state;
	struct feed *f = taken(0);
	publish("eu", 0, "done");
	read_all(f);
	feed_acknowledge(f, 0);
	publish("eu", 0, "half");
	publish("us", 0, "half-too");
	read_all(f);
	assert_int_equal(pending("pw:{eu.0}:res"), 1);
	feed_free(f); /* killed before it was stored */
	begin_again();
	f = taken(0);
	publish("eu", 0, "new");
	read_all(f);
	assert_int_equal(rows, 3);
	assert_non_null(strstr(came, "half@eu/0 "));
	assert_non_null(strstr(came, "half-too@us/0 "));
	assert_non_null(strstr(came, "new@eu/0 "));
	feed_acknowledge(f, 0);
	assert_int_equal(pending("pw:{eu.0}:res") + pending("pw:{us.0}:res"), 0);
	feed_free(f);
}

static void after_a_broken_link_what_was_not_acknowledged_comes_again(void **state)
{
	(void)state;
	struct feed *f = taken(0);
	publish("eu", 0, "a");
	read_all(f);
	redis_link_drop(redis, "a test");
	for (unsigned wait_ms; redis_link_up(redis, &wait_ms) != 0;)
		usleep(wait_ms * 1000);
	read_all(f);
	assert_string_equal(came, "a@eu/0 a@eu/0 ");
	feed_acknowledge(f, 0);
	assert_int_equal(pending("pw:{eu.0}:res"), 0);
	feed_free(f);
}

static void a_shard_that_is_held_back_is_not_read_and_loses_nothing(void **state)
{
	(void)state;
	struct feed *f = taken(0);
	assert_int_equal(feed_take(f, 1, regions, 2), 0);
	feed_hold_back(f, 0, true);
	publish("eu", 0, "held");
	publish("eu", 1, "free");
	read_all(f);
	assert_string_equal(came, "free@eu/1 ");
	feed_hold_back(f, 0, false);
	read_all(f);
	assert_string_equal(came, "free@eu/1 held@eu/0 ");
	feed_hold_back(f, 0, true);
	feed_hold_back(f, 1, true);
	assert_false(feed_is_open(f));
	assert_int_equal(feed_read(f, 1), 0);
	feed_free(f);
}

static void garbage_is_counted_and_does_not_come_again(void **state)
{
	(void)state;
	struct feed *f = taken(0);
	redis_reply_free(redis_ask(redis, "XADD pw:{eu.0}:res * v 1 n 1 b %b", "\xdd\xff\xff\xff\xff", (size_t)5));
	redis_reply_free(redis_ask(redis, "XADD pw:{eu.0}:res * hello world"));
	publish("eu", 0, "a");
	read_all(f);
	assert_string_equal(came, "a@eu/0 ");
	assert_int_equal(counters.unreadable, 2);
	feed_acknowledge(f, 0);
	assert_int_equal(pending("pw:{eu.0}:res"), 0);
	feed_free(f);
}

static void a_group_that_somebody_removed_is_made_again(void **state)
{
	(void)state;
	struct feed *f = taken(0);
	read_all(f);
	redis_reply_free(redis_ask(redis, "XGROUP DESTROY pw:{eu.0}:res alerts"));
	publish("eu", 0, "a");
	assert_true(feed_read(f, 1) < 0);
	read_all(f);
	assert_string_equal(came, "a@eu/0 ");
	feed_free(f);
}

static void a_question_comes_with_its_shard(void **state)
{
	(void)state;
	struct feed *f = taken(3);
	redis_reply_free(redis_ask(redis, "XADD pw:{alerts.3}:ask * monitor pg reply r:1"));
	read_all(f);
	assert_int_equal(questions, 1);
	assert_string_equal(asked, "3 pg r:1");
	feed_free(f);
}

static void recall(void *arg, unsigned shard, unsigned region, uint64_t entry_ms, const struct result *r)
{
	on_result(arg, shard, region, entry_ms, r);
}

static void a_replay_gives_everything_from_a_time_on_and_moves_no_group(void **state)
{
	(void)state;
	uint64_t ms = 0, seq = 0;
	unsigned turns = 1;
	struct feed *f = taken(0);
	for (unsigned i = 0; i < 1234; i++)
		publish("us", 0, "m");
	while (feed_replay(f, 0, 1, "us", &ms, &seq, recall) == 1)
		turns++;
	assert_int_equal(rows, 1234);
	assert_int_equal(turns, 3);
	assert_int_equal(feed_replay(f, 0, 1, "us", &ms, &seq, recall), 0); /* nothing is behind it */
	assert_int_equal(rows, 1234);
	assert_int_equal(entries, 0);
	read_all(f);
	assert_int_equal(rows, 2 * 1234);
	feed_free(f);
}

/* ---- and out again: rounds ---- */

static void add(struct rounds *r, const char *name, uint16_t mask, unsigned timeout_ms, unsigned attempt)
{
	struct monitor m;
	monitor_init(&m);
	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.host, sizeof(m.host), "192.0.2.1");
	m.port = 80;
	m.timeout_ms = timeout_ms;
	rounds_add(r, 0, &m, mask, 1764000000000, attempt);
}

/* Jobs in the entries of a region's hot stream; *entries_there counts them. */
static unsigned jobs_in(const char *key, unsigned *entries_there, struct job *first)
{
	struct redis_reply *reply = redis_ask(redis, "XRANGE %s - +", key);
	unsigned jobs = 0;
	*entries_there = (unsigned)reply_count(reply);
	for (size_t i = 0; i < reply_count(reply); i++) {
		static struct job job[ENTRY_JOBS_MAX];
		char why[200];
		size_t len;
		const struct redis_reply *fields = reply_at(reply_at(reply, i), 1);
		const char *blob = reply_text(reply_pair(fields, "b"), &len);
		int n = job_batch_decode(blob, len, (uint64_t)reply_integer(reply_pair(fields, "slot")), job, why, sizeof(why));
		if (n < 0)
			fail_msg("%s", why);
		jobs += (unsigned)n;
		*first = job[0];
	}
	redis_reply_free(reply);
	return jobs;
}

static void a_round_of_many_monitors_is_a_few_entries_a_region(void **state)
{
	(void)state;
	struct rounds r = { 0 };
	struct job first;
	unsigned there;
	char name[16];
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		add(&r, name, i < 100 ? 3 : 2, 500, 1); /* half of them from us alone */
	}
	add(&r, "patient", 1, 3200, 2);
	assert_int_equal(rounds_send(&r, redis, "pw", regions), 0);
	assert_int_equal(jobs_in("pw:{eu.0}:hot", &there, &first), 101);
	assert_int_equal(there, 3); /* 64 and 36, and the one that is not like the others */
	assert_int_equal(jobs_in("pw:{us.0}:hot", &there, &first), 200);
	assert_int_equal(there, 4);
	assert_int_equal(first.attempt, 1);
	assert_int_equal(first.timeout_ms, 500);
	assert_int_equal(first.expires_ms, ROUND_EXPIRES_MS);
	assert_int_equal(first.slot_ms, 1764000000000);
	assert_int_equal(r.sent, 301);
	assert_int_equal(rounds_send(&r, redis, "pw", regions), 0); /* what is sent is forgotten */
	assert_int_equal(jobs_in("pw:{us.0}:hot", &there, &first), 200);
	rounds_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(results_of_all_regions_come_once, fresh),
		cmocka_unit_test_setup(what_a_dead_holder_had_read_comes_again_and_what_it_acknowledged_does_not, fresh),
		cmocka_unit_test_setup(after_a_broken_link_what_was_not_acknowledged_comes_again, fresh),
		cmocka_unit_test_setup(a_shard_that_is_held_back_is_not_read_and_loses_nothing, fresh),
		cmocka_unit_test_setup(garbage_is_counted_and_does_not_come_again, fresh),
		cmocka_unit_test_setup(a_group_that_somebody_removed_is_made_again, fresh),
		cmocka_unit_test_setup(a_question_comes_with_its_shard, fresh),
		cmocka_unit_test_setup(a_replay_gives_everything_from_a_time_on_and_moves_no_group, fresh),
		cmocka_unit_test_setup(a_round_of_many_monitors_is_a_few_entries_a_region, fresh),
	};
	if (!redis_child_start(&child, "")) {
		redis_child_end(&child);
		return skip_all("redis-server is not installed or does not start");
	}
	redis = link_up_to(&child, "");
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_link_free(redis);
	redis_child_end(&child);
	return failed;
}
