/* test_stream_trim.c - what a trim may take and what it must leave, asked of a real Redis. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "pretender.h"
#include "redis_child.h"

#include "base/clock.h"
#include "wire/stream_reader.h"
#include <errno.h>
#include <stdatomic.h>

static struct redis_child child;
static struct redis_link *redis;

/* Runs a command whose answer is of no interest unless it is an error. */
#define run(...) answers_no_error(redis_ask(redis, __VA_ARGS__), #__VA_ARGS__)

static void answers_no_error(struct redis_reply *reply, const char *command)
{
	if (!reply || reply_is_error(reply))
		fail_msg("%s: %s", command, reply ? reply_text(reply, NULL) : redis_link_error(redis));
	redis_reply_free(reply);
}

static long long length_of(const char *key)
{
	struct redis_reply *reply = redis_ask(redis, "XLEN %s", key);
	long long length = reply_integer(reply);
	redis_reply_free(reply);
	return length;
}

static void add(const char *key, unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++)
		redis_appendf(redis, "XADD %s %u-1 v 1", key, i);
	for (unsigned i = from; i <= to; i++)
		answers_no_error(redis_read(redis, 0), "XADD");
}

/* The first id that is still there, "" if the stream is empty. */
static const char *first_of(const char *key)
{
	static char first[STREAM_ID_MAX];
	struct redis_reply *reply = redis_ask(redis, "XRANGE %s - + COUNT 1", key);
	snprintf(first, sizeof(first), "%s", reply_text(reply_at(reply_at(reply, 0), 0), NULL));
	redis_reply_free(reply);
	return first;
}

static int fresh(void **state)
{
	(void)state;
	run("FLUSHALL");
	return 0;
}

static void a_group_is_made_once_and_then_was_there(void **state)
{
	(void)state;
	assert_int_equal(stream_group_make(redis, "s", "g", "0"), 0);
	assert_int_equal(stream_group_make(redis, "s", "g", "0"), 1);
	assert_int_equal(stream_group_make(redis, "s", "g", "no id"), -EREMOTEIO);
	assert_non_null(strstr(redis_link_error(redis), "ERR Invalid stream ID"));
	run("SET t text");
	assert_int_equal(stream_group_make(redis, "t", "g", "0"), -EREMOTEIO);
}

static void what_a_group_has_not_read_stays(void **state)
{
	(void)state;
	add("s", 1, 500);
	run("XGROUP CREATE s g 0");
	assert_int_equal(stream_trim(redis, "s", 0), 0);
	run("XREADGROUP GROUP g c COUNT 200 NOACK STREAMS s >");
	assert_int_equal(stream_trim(redis, "s", 0), 200);
	assert_string_equal(first_of("s"), "201-1");
	assert_int_equal(length_of("s"), 300);
}

static void what_is_pending_stays_with_all_that_follows(void **state)
{
	(void)state;
	add("s", 1, 500);
	run("XGROUP CREATE s g 0");
	run("XREADGROUP GROUP g c COUNT 500 STREAMS s >");
	for (unsigned i = 1; i <= 500; i++)
		if (i != 250)
			run("XACK s g %u-1", i);
	assert_int_equal(stream_trim(redis, "s", 0), 249);
	assert_string_equal(first_of("s"), "250-1");
	run("XACK s g 250-1");
	assert_int_equal(stream_trim(redis, "s", 0), 251);
	assert_int_equal(length_of("s"), 0);
}

static void the_slowest_group_decides(void **state)
{
	(void)state;
	add("s", 1, 300);
	run("XGROUP CREATE s fast 0");
	run("XGROUP CREATE s slow 0");
	run("XREADGROUP GROUP fast c COUNT 300 NOACK STREAMS s >");
	run("XREADGROUP GROUP slow c COUNT 10 STREAMS s >");
	assert_int_equal(stream_trim(redis, "s", 0), 0);
	run("XACK s slow 1-1 2-1 3-1");
	assert_int_equal(stream_trim(redis, "s", 0), 3);
	run("XGROUP DESTROY s slow");
	assert_int_equal(stream_trim(redis, "s", 0), 297);
}

static void an_entry_that_was_handed_out_twice_counts_until_it_is_acknowledged(void **state)
{
	(void)state;
	add("s", 1, 3);
	run("XGROUP CREATE s g 0");
	run("XREADGROUP GROUP g dead COUNT 3 STREAMS s >");
	run("XAUTOCLAIM s g alive 0 0");
	run("XACK s g 1-1 3-1");
	assert_int_equal(stream_trim(redis, "s", 0), 1);
	assert_string_equal(first_of("s"), "2-1");
}

static void a_group_that_was_set_back_keeps_what_it_will_read_again(void **state)
{
	(void)state;
	add("s", 1, 10);
	run("XGROUP CREATE s g 0");
	run("XREADGROUP GROUP g c COUNT 10 STREAMS s >");
	run("XACK s g 1-1 2-1 3-1 4-1 5-1");
	run("XGROUP SETID s g 2-1");
	assert_int_equal(stream_trim(redis, "s", 0), 2);
	assert_string_equal(first_of("s"), "3-1");
}

static void the_id_after_the_last_possible_one_is_the_next_ms(void **state)
{
	(void)state;
	run("XADD s 5-18446744073709551615 v 1");
	run("XADD s 6-0 v 1");
	run("XGROUP CREATE s g 5-18446744073709551615");
	assert_int_equal(stream_trim(redis, "s", 0), 1);
	assert_string_equal(first_of("s"), "6-0");
}

static void without_a_group_only_age_counts(void **state)
{
	(void)state;
	add("s", 1, 10);
	run("XADD s * v 1");
	assert_int_equal(stream_trim(redis, "s", 0), 0);
	assert_int_equal(stream_trim(redis, "s", 60000), 10);
	assert_int_equal(length_of("s"), 1);
}

static void with_a_group_what_is_young_stays_too(void **state)
{
	(void)state;
	add("s", 1, 10);
	run("XADD s * v 1");
	run("XGROUP CREATE s g $");
	assert_int_equal(stream_trim(redis, "s", 60000), 10);
	assert_int_equal(stream_trim(redis, "s", 0), 1);
	add("t", 1, 10);
	run("XGROUP CREATE t g 4-1");
	assert_int_equal(stream_trim(redis, "t", 60000), 4);
}

static void a_stream_that_is_not_there_is_trimmed_already(void **state)
{
	(void)state;
	assert_int_equal(stream_trim(redis, "none", 0), 0);
	assert_int_equal(stream_trim(redis, "none", 1000), 0);
}

static void a_key_that_is_no_stream_is_an_error(void **state)
{
	(void)state;
	run("SET t text");
	assert_int_equal(stream_trim(redis, "t", 1000), -EREMOTEIO);
	assert_non_null(strstr(redis_link_error(redis), "WRONGTYPE"));
	answers(redis, "PONG", "PING"); /* still in step */
}

static void a_large_backlog_goes_in_steps(void **state)
{
	long long removed;
	unsigned calls = 0;
	(void)state;
	add("s", 1, 35000);
	run("XGROUP CREATE s g $");
	while ((removed = stream_trim(redis, "s", 0)) > 0) {
		assert_in_range(removed, 1, 15000);
		calls++;
	}
	assert_int_equal(removed, 0);
	assert_int_equal(length_of("s"), 0);
	assert_in_range(calls, 3, 5);
}

/* A model of one stream with two groups, moved at random beside the real one. */
#define STEPS 1500
#define ENTRIES 3000
static struct {
	bool acked[ENTRIES + 1];
} model[2];
static unsigned added, delivered[2];

static unsigned least_needed(void)
{
	unsigned least = added + 1;
	for (int g = 0; g < 2; g++) {
		unsigned i = 1;
		while (i <= delivered[g] && model[g].acked[i])
			i++;
		least = i < least ? i : least;
	}
	return least;
}

static void step(unsigned dice)
{
	static const char *const names[] = { "g0", "g1" };
	int g = (int)(dice >> 8 & 1);
	unsigned n = 1 + (dice >> 16) % 7;
	switch (dice % 3) {
	case 0:
		if (added + n <= ENTRIES)
			add("s", added + 1, added + n), added += n;
		break;
	case 1:
		run("XREADGROUP GROUP %s c COUNT %u STREAMS s >", names[g], n);
		delivered[g] = delivered[g] + n < added ? delivered[g] + n : added;
		break;
	default:
		for (unsigned i = 1; i <= delivered[g] && n > 0; i++)
			if (!model[g].acked[i] && (dice >> (i % 24) & 1)) {
				run("XACK s %s %u-1", names[g], i);
				model[g].acked[i] = true;
				n--;
			}
	}
}

static void whatever_happened_before_a_trim_leaves_exactly_what_is_needed(void **state)
{
	unsigned seed = (unsigned)clock_ns();
	(void)state;
	print_message("# seed %u\n", seed);
	srandom(seed);
	run("XGROUP CREATE s g0 0 MKSTREAM");
	run("XGROUP CREATE s g1 0");
	for (unsigned i = 0; i < STEPS; i++) {
		step((unsigned)random());
		if (random() % 4)
			continue;
		assert_true(stream_trim(redis, "s", 0) >= 0);
		assert_int_equal(length_of("s"), added + 1 - least_needed());
	}
}

/* One thread works a stream off while the test trims it. */
struct worker {
	atomic_bool stop;
	unsigned added, seen, deleted, wrong;
};

static void take(void *arg, const struct stream_entry *e)
{
	struct worker *w = arg;
	w->seen++;
	w->deleted += !e->fields;
	w->wrong += e->id_ms != w->seen;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct redis_link *own = link_up_to(&child, "");
	char why[100];
	while (!atomic_load(&w->stop) || w->seen < w->added) {
		struct redis_reply *reply;
		if (w->added < 20000 && !atomic_load(&w->stop))
			for (int i = 0; i < 3; i++)
				redis_reply_free(redis_ask(own, "XADD s %u-1 v 1", ++w->added));
		reply = redis_ask(own, "XREADGROUP GROUP g c COUNT 2 STREAMS s >");
		stream_read_each(reply, take, w, why, sizeof(why));
		redis_reply_free(reply);
		if (w->seen >= 2) /* one stays pending for a while */
			redis_reply_free(redis_ask(own, "XACK s g %u-1 %u-1", w->seen - 1, w->seen - 2));
	}
	redis_link_free(own);
	return NULL;
}

static void a_trim_takes_nothing_from_a_reader_at_work(void **state)
{
	struct worker w = { 0 };
	pthread_t thread;
	long long removed = 0;
	(void)state;
	run("XGROUP CREATE s g 0 MKSTREAM");
	assert_int_equal(pthread_create(&thread, NULL, work, &w), 0);
	for (int i = 0; i < 2000; i++)
		removed += stream_trim(redis, "s", 0);
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	assert_true(w.seen > 0 && removed > 0);
	assert_int_equal(w.seen, w.added);
	assert_int_equal(w.deleted, 0);
	assert_int_equal(w.wrong, 0);
}

static void answers_of_another_shape_trim_nothing(void **state)
{
	static const char *const shapes[] = {
		"+OK\r\n",
		":1\r\n",
		"*1\r\n:1\r\n",
		"*1\r\n*0\r\n",
		"*1\r\n*2\r\n$4\r\nname\r\n$1\r\ng\r\n",
		"*1\r\n*4\r\n$4\r\nname\r\n$1\r\ng\r\n$17\r\nlast-delivered-id\r\n$1\r\n5\r\n",
		"*1\r\n*4\r\n$4\r\nname\r\n:5\r\n$17\r\nlast-delivered-id\r\n$3\r\n5-5\r\n",
		/* XINFO is well, the answer to XPENDING is not */
		"*1\r\n*4\r\n$4\r\nname\r\n$1\r\ng\r\n$17\r\nlast-delivered-id\r\n$3\r\n5-5\r\n+OK\r\n",
		"*1\r\n*4\r\n$4\r\nname\r\n$1\r\ng\r\n$17\r\nlast-delivered-id\r\n$3\r\n5-5\r\n*4\r\n:1\r\n:5\r\n:5\r\n*0\r\n",
		"*1\r\n*4\r\n$4\r\nname\r\n$1\r\ng\r\n$17\r\nlast-delivered-id\r\n$3\r\n5-5\r\n*0\r\n",
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct pretender p = { .says = shapes[i], .len = strlen(shapes[i]) };
		struct redis_link *to;
		pretend_begin(&p);
		to = link_to(p.url, 1000);
		come_up_now(to);
		assert_int_equal(stream_trim(to, "s", 0), -EBADMSG);
		redis_link_free(to);
		pretend_end(&p);
	}
}

static void a_link_that_breaks_is_told(void **state)
{
	struct pretender p = { .says = "*1\r\n", .len = 4, .closes = true };
	struct redis_link *to;
	(void)state;
	pretend_begin(&p);
	to = link_to(p.url, 1000);
	come_up_now(to);
	assert_int_equal(stream_trim(to, "s", 1000), -EIO);
	assert_int_equal(stream_trim(to, "s", 0), -EIO);
	assert_int_equal(stream_group_make(to, "s", "g", "0"), -EIO);
	redis_link_free(to);
	pretend_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_group_is_made_once_and_then_was_there, fresh),
		cmocka_unit_test_setup(what_a_group_has_not_read_stays, fresh),
		cmocka_unit_test_setup(what_is_pending_stays_with_all_that_follows, fresh),
		cmocka_unit_test_setup(the_slowest_group_decides, fresh),
		cmocka_unit_test_setup(an_entry_that_was_handed_out_twice_counts_until_it_is_acknowledged, fresh),
		cmocka_unit_test_setup(a_group_that_was_set_back_keeps_what_it_will_read_again, fresh),
		cmocka_unit_test_setup(the_id_after_the_last_possible_one_is_the_next_ms, fresh),
		cmocka_unit_test_setup(without_a_group_only_age_counts, fresh),
		cmocka_unit_test_setup(with_a_group_what_is_young_stays_too, fresh),
		cmocka_unit_test_setup(a_stream_that_is_not_there_is_trimmed_already, fresh),
		cmocka_unit_test_setup(a_key_that_is_no_stream_is_an_error, fresh),
		cmocka_unit_test_setup(a_large_backlog_goes_in_steps, fresh),
		cmocka_unit_test_setup(whatever_happened_before_a_trim_leaves_exactly_what_is_needed, fresh),
		cmocka_unit_test_setup(a_trim_takes_nothing_from_a_reader_at_work, fresh),
		cmocka_unit_test_setup(answers_of_another_shape_trim_nothing, fresh),
		cmocka_unit_test_setup(a_link_that_breaks_is_told, fresh),
	};
	int failed;
	if (!redis_child_start(&child, ""))
		return redis_child_end(&child), skip_all("redis-server is not installed or does not start");
	redis = link_up_to(&child, "");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_link_free(redis);
	redis_child_end(&child);
	return failed;
}
