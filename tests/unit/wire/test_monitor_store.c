/* test_monitor_store.c - monitors in a real Redis: written, read, followed, and what others do to them meanwhile. */
#include "tests/unit/wire/redis_child.h"

#include "base/text.h"
#include "wire/monitor_store.h"

#include <errno.h>

static struct redis_child child;
static struct redis_link *link_;
static struct text heard; /* what the sink was told, one word each */
static char why[STORE_WHY_MAX];

static void note_begin(void *arg) { (void)arg; text_add(&heard, "begin "); }
static void note_end(void *arg) { (void)arg; text_add(&heard, "end "); }
static void note_settings(void *arg, struct settings *s)
{
	(void)arg;
	text_printf(&heard, "settings=%u/%u ", s->regions, s->shards);
}
static void note_set(void *arg, struct monitor *m)
{
	(void)arg;
	text_printf(&heard, "%s=%s:%u%s ", m->name, m->host, m->port, m->paused ? "/paused" : "");
}
static void note_del(void *arg, const char *name, size_t len)
{
	(void)arg;
	text_printf(&heard, "-%.*s ", (int)len, name);
}
static void note_broken(void *arg, const char *name, size_t len, const char *because)
{
	(void)arg;
	text_printf(&heard, "broken(%.*s: %s) ", (int)len, name ? name : "", because);
}

static const struct monitor_sink sink = { note_begin, note_end, note_settings, note_set, note_del, note_broken, NULL };

static int begin(void **state)
{
	(void)state;
	answers(link_, "OK", "FLUSHALL");
	text_reset(&heard);
	return 0;
}

static const char *told(void)
{
	static char copy[4096];
	snprintf(copy, sizeof(copy), "%s", heard.data ? heard.data : "");
	text_reset(&heard);
	return copy;
}

#define DB "{\"target\":\"192.0.2.1:5432\"}"
#define WEB "{\"target\":\"192.0.2.2:80\"}"
#define WEB_PAUSED "{\"target\":\"192.0.2.2:80\",\"paused\":true}"

static struct monitor_change change_of(const char *name, const char *was, const char *json)
{
	return (struct monitor_change){ name, strlen(name), json, was, was ? strlen(was) : 0 };
}

static int write_one(const char *name, const char *was, const char *json)
{
	const struct monitor_change change = change_of(name, was, json);
	size_t written;
	return monitor_store_write(link_, "pw", NULL, &change, 1, &written, why, sizeof(why));
}

static void what_was_written_is_read(void **state)
{
	const struct monitor_change changes[] = { change_of("db", NULL, DB), change_of("web", NULL, WEB) };
	size_t written;
	(void)state;
	assert_int_equal(monitor_store_write(link_, "pw", "{\"regions\":[\"eu\"],\"shards\":3}", changes, 2, &written, why, sizeof(why)), 0);
	assert_int_equal(written, 2);
	assert_int_equal(monitor_store_load(link_, "pw", &sink, why, sizeof(why)), 0);
	assert_string_equal(told(), "begin settings=1/3 db=192.0.2.1:5432 web=192.0.2.2:80 end ");
}

static void without_anything_there_is_a_begin_and_an_end(void **state)
{
	(void)state;
	assert_int_equal(monitor_store_load(link_, "pw", &sink, why, sizeof(why)), 0);
	assert_string_equal(told(), "begin settings=0/1 end ");
}

static void a_broken_monitor_is_told_with_its_reason(void **state)
{
	(void)state;
	answers(link_, "", "HSET pw:monitors bad %s", "{\"target\":5}");
	answers(link_, "", "HSET pw:monitors %b %s", "a\0b", (size_t)3, DB);
	answers(link_, "OK", "SET pw:settings %s", "[]");
	assert_int_equal(monitor_store_load(link_, "pw", &sink, why, sizeof(why)), 0);
	const char *all = told();
	assert_non_null(strstr(all, "broken(bad: monitor bad: target is not a text of at most"));
	assert_non_null(strstr(all, "broken(a"));
	assert_non_null(strstr(all, "broken(: settings: byte 0: not a JSON object)"));
}

static void a_change_is_refused_when_somebody_was_faster(void **state)
{
	(void)state;
	assert_int_equal(write_one("web", NULL, WEB), 0);
	assert_int_equal(write_one("web", NULL, DB), -EAGAIN);
	assert_string_equal(why, "monitor web was changed by somebody else meanwhile");
	assert_int_equal(write_one("web", WEB_PAUSED, DB), -EAGAIN);
	assert_int_equal(write_one("web", WEB, WEB_PAUSED), 0);
	assert_int_equal(write_one("web", WEB_PAUSED, NULL), 0);
	assert_int_equal(write_one("web", WEB_PAUSED, NULL), -EAGAIN);
	answers(link_, "", "EXISTS pw:monitors");
}

static void a_follower_hears_of_each_change_once(void **state)
{
	struct monitor_follow f;
	(void)state;
	assert_int_equal(write_one("db", NULL, DB), 0);
	monitor_follow_init(&f, "pw", &sink);
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_string_equal(told(), "begin settings=0/1 db=192.0.2.1:5432 end ");
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_string_equal(told(), "");
	assert_int_equal(write_one("web", NULL, WEB), 0);
	assert_int_equal(write_one("web", WEB, WEB_PAUSED), 0);
	assert_int_equal(write_one("db", DB, NULL), 0);
	assert_int_equal(monitor_follow_poll(&f, link_, 50), 3);
	assert_string_equal(told(), "web=192.0.2.2:80/paused -db ");
	assert_int_equal(monitor_follow_poll(&f, link_, 1), 0);
	assert_string_equal(told(), "");
	size_t written;
	assert_int_equal(monitor_store_write(link_, "pw", "{\"regions\":[]}", NULL, 0, &written, why, sizeof(why)), 0);
	assert_int_equal(monitor_follow_poll(&f, link_, 50), 1);
	assert_string_equal(told(), "settings=0/1 ");
	assert_int_equal(f.loads, 1);
	assert_int_equal(f.changes, 4);
}

static void a_log_that_was_trimmed_past_the_follower_means_all_anew(void **state)
{
	struct monitor_follow f;
	(void)state;
	assert_int_equal(write_one("db", NULL, DB), 0);
	monitor_follow_init(&f, "pw", &sink);
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_int_equal(write_one("web", NULL, WEB), 0);
	assert_int_equal(write_one("db", DB, NULL), 0);
	answers(link_, "", "XTRIM pw:monitors:log MAXLEN 1");
	told();
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_string_equal(told(), "begin settings=0/1 web=192.0.2.2:80 end ");
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_string_equal(told(), "");
}

static void a_log_that_vanished_means_all_anew(void **state)
{
	struct monitor_follow f;
	(void)state;
	assert_int_equal(write_one("db", NULL, DB), 0);
	monitor_follow_init(&f, "pw", &sink);
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	answers(link_, "OK", "FLUSHALL");
	told();
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_string_equal(told(), "begin settings=0/1 end ");
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_string_equal(told(), "");
	assert_int_equal(write_one("web", NULL, WEB), 0); /* from an empty log on, too */
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_string_equal(told(), "begin settings=0/1 web=192.0.2.2:80 end ");
}

static void an_entry_that_nobody_understands_means_all_anew(void **state)
{
	struct monitor_follow f;
	(void)state;
	assert_int_equal(write_one("db", NULL, DB), 0);
	monitor_follow_init(&f, "pw", &sink);
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	told();
	answers(link_, "", "XADD pw:monitors:log * op rename from db to sql");
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_string_equal(told(), "begin settings=0/1 db=192.0.2.1:5432 end ");
	assert_int_equal(f.loads, 2);
}

static void a_key_of_another_type_is_an_error_with_the_words_of_redis(void **state)
{
	struct monitor_follow f;
	(void)state;
	answers(link_, "OK", "SET pw:monitors x");
	monitor_follow_init(&f, "pw", &sink);
	assert_int_equal(monitor_follow_poll(&f, link_, 0), -EREMOTEIO);
	assert_non_null(strstr(f.why, "WRONGTYPE"));
	assert_int_equal(write_one("web", NULL, WEB), -EREMOTEIO);
	answers(link_, "", "DEL pw:monitors");
	assert_int_equal(monitor_follow_poll(&f, link_, 0), 0);
	assert_true(f.loaded);
}

static void a_full_redis_takes_nothing_by_halves(void **state)
{
	(void)state;
	answers(link_, "OK", "CONFIG SET maxmemory 1");
	assert_int_equal(write_one("web", NULL, WEB), -EREMOTEIO);
	assert_non_null(strstr(why, "OOM"));
	answers(link_, "OK", "CONFIG SET maxmemory 0");
	assert_int_equal(monitor_store_load(link_, "pw", &sink, why, sizeof(why)), 0);
	assert_string_equal(told(), "begin settings=0/1 end ");
	assert_int_equal(write_one("web", NULL, WEB), 0); /* the link is fit for use */
}

struct many {
	char name[3000][16];
	struct monitor_change change[3000];
};

static void count_one(void *arg, struct monitor *m)
{
	(void)m;
	++*(unsigned *)arg;
}

static void thousands_are_written_and_read_in_chunks(void **state)
{
	static struct many many;
	unsigned seen = 0;
	size_t written;
	struct monitor_sink counting = sink;
	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(many.name[i], sizeof(many.name[i]), "m%u", i);
		many.change[i] = change_of(many.name[i], NULL, DB);
	}
	assert_int_equal(monitor_store_write(link_, "pw", NULL, many.change, 3000, &written, why, sizeof(why)), 0);
	assert_int_equal(written, 3000);
	counting.set = count_one;
	counting.arg = &seen;
	assert_int_equal(monitor_store_load(link_, "pw", &counting, why, sizeof(why)), 0);
	assert_int_equal(seen, 3000);
	struct redis_reply *reply = redis_ask(link_, "XLEN pw:monitors:log");
	assert_int_equal(reply_integer(reply), 3000);
	redis_reply_free(reply);
	/* a conflict in a later chunk leaves the chunks before it, and says how many changes that were */
	for (unsigned i = 0; i < 3000; i++)
		many.change[i] = change_of(many.name[i], i == 1700 ? WEB : DB, NULL);
	assert_int_equal(monitor_store_write(link_, "pw", NULL, many.change, 3000, &written, why, sizeof(why)), -EAGAIN);
	assert_int_equal(written, 1500);
}

static int start(void **state)
{
	(void)state;
	if (!redis_child_start(&child, ""))
		return -1;
	link_ = link_up_to(&child, "");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	redis_link_free(link_);
	redis_child_end(&child);
	text_free(&heard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_written_is_read, begin),
		cmocka_unit_test_setup(without_anything_there_is_a_begin_and_an_end, begin),
		cmocka_unit_test_setup(a_broken_monitor_is_told_with_its_reason, begin),
		cmocka_unit_test_setup(a_change_is_refused_when_somebody_was_faster, begin),
		cmocka_unit_test_setup(a_follower_hears_of_each_change_once, begin),
		cmocka_unit_test_setup(a_log_that_was_trimmed_past_the_follower_means_all_anew, begin),
		cmocka_unit_test_setup(a_log_that_vanished_means_all_anew, begin),
		cmocka_unit_test_setup(an_entry_that_nobody_understands_means_all_anew, begin),
		cmocka_unit_test_setup(a_key_of_another_type_is_an_error_with_the_words_of_redis, begin),
		cmocka_unit_test_setup(a_full_redis_takes_nothing_by_halves, begin),
		cmocka_unit_test_setup(thousands_are_written_and_read_in_chunks, begin),
	};
	struct redis_child probe = { 0 };
	if (!redis_child_start(&probe, "")) {
		redis_child_end(&probe);
		return skip_all("redis-server is not installed or does not start");
	}
	redis_child_end(&probe);
	return cmocka_run_group_tests(tests, start, stop);
}
