/* test_self.c - a problem of our own is told when it begins and when it ends, once each, over any number of restarts. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "../wire/redis_child.h"

#include "alerts/self.h"

#define START 1000000ull
#define WALL 1764000000000ull

static struct redis_child child;
static struct redis_link *redis;
static struct store_counters counters;
static struct store *store;
static struct self self;
static struct regions regions;
static struct self_facts facts;

static void begin(uint64_t mono_ms)
{
	struct settings s;
	settings_init(&s);
	s.regions = 2;
	strcpy(s.region[0], "eu");
	strcpy(s.region[1], "us");
	regions_init(&regions, &s, mono_ms);
	facts.mono_ms = mono_ms;
}

static int fresh(void **state)
{
	(void)state;
	answers(redis, "OK", "FLUSHALL");
	answers(redis, "OK", "SET pw:lease:alerts:0 me");
	memset(&counters, 0, sizeof(counters));
	memset(&self, 0, sizeof(self));
	store = store_new(redis, "pw", 0, "me", &counters);
	facts = (struct self_facts){ .regions = &regions, .now_ms = WALL, .watches = true, .stored = true, .canary_back = true };
	begin(START);
	return 0;
}

static int done(void **state)
{
	(void)state;
	store_free(store);
	return 0;
}

static void hear(const char *who)
{
	if (strstr(who, "eu"))
		regions_heard(&regions, "eu", 0, facts.mono_ms);
	if (strstr(who, "us"))
		regions_heard(&regions, "us", 0, facts.mono_ms);
	if (strstr(who, "scheduler"))
		regions.scheduler_beat_ms = facts.mono_ms;
}

/* Time goes on in steps of a second, and those are heard who live. */
static void lasts(unsigned s, const char *alive)
{
	while (s--) {
		facts.mono_ms += 1000;
		facts.now_ms += 1000;
		hear(alive);
		regions_judge_silence(&regions, facts.mono_ms);
		self_check(&self, &facts, store);
		assert_int_equal(store_commit(store), STORE_STOOD);
	}
}

static void load(void *arg, const char *field, const char *json, size_t len)
{
	(void)arg;
	self_load(&self, &regions, field, json, len);
}

/* Killed and started again: what it knows is what stands in Redis. */
static void restart(void)
{
	self_forget(&self);
	begin(facts.mono_ms);
	facts.stored = facts.canary_back = false;
	store_free(store);
	store = store_new(redis, "pw", 0, "me", &counters);
	assert_int_equal(store_load(redis, "pw", 0, load, NULL), 0);
}

/* The told events, as "incident resolved|..." in order. */
static const char *told(void)
{
	static char text[2000];
	struct redis_reply *reply = redis_ask(redis, "XRANGE pw:{alerts.0}:outbox - +");
	text[0] = 0;
	for (size_t i = 0; i < reply_count(reply); i++) {
		const struct redis_reply *fields = reply_at(reply_at(reply, i), 1);
		const char *incident = reply_text(reply_pair(fields, "incident"), NULL);
		sprintf(text + strlen(text), "%.*s %s|", (int)strcspn(incident, "/"), incident,
			reply_text(reply_pair(fields, "resolved"), NULL));
		assert_string_equal(reply_text(reply_pair(fields, "page"), NULL), "0");
		assert_string_equal(reply_text(reply_pair(fields, "type"), NULL), "system.problem");
	}
	redis_reply_free(reply);
	return text;
}

static void all_is_well_and_nothing_is_told(void **state)
{
	(void)state;
	lasts(60, "eu us scheduler");
	assert_string_equal(told(), "");
	answers(redis, "{\"state\":\"ok\"", "HGET pw:{alerts.0}:state @region:eu");
}

static void a_silent_region_is_told_once_and_its_end_once(void **state)
{
	(void)state;
	lasts(5, "eu us scheduler");
	lasts(40, "us scheduler");
	assert_string_equal(told(), "region eu 0|");
	assert_int_equal(self_problems(&self), 1);
	answers(redis, "{\"state\":\"silent\"", "HGET pw:{alerts.0}:state @region:eu");
	lasts(10, "eu us scheduler");
	assert_string_equal(told(), "region eu 0|region eu 1|");
	answers(redis, "{\"state\":\"ok\"", "HGET pw:{alerts.0}:state @region:eu");
	assert_int_equal(self_problems(&self), 0);
}

static void a_restart_neither_repeats_nor_ends_a_problem(void **state)
{
	(void)state;
	lasts(40, "us");
	assert_string_equal(told(), "region eu 0|scheduler 0|");
	for (unsigned i = 0; i < 5; i++) {
		restart();
		lasts(i * 7 % 25, "us"); /* within its patience or beyond */
	}
	assert_string_equal(told(), "region eu 0|scheduler 0|");
	lasts(3, "eu us scheduler");
	assert_string_equal(told(), "region eu 0|scheduler 0|region eu 1|scheduler 1|");
}

static void what_ended_while_nobody_looked_is_told_when_it_is_seen(void **state)
{
	(void)state;
	facts.full = true;
	facts.canary = "tripwire";
	facts.canary_back = false;
	lasts(1, "eu us scheduler");
	assert_string_equal(told(), "the way from schedule to decision 0|redis 0|");
	facts.full = false;
	facts.canary = NULL;
	restart();
	lasts(5, "eu us scheduler");
	assert_string_equal(told(), "the way from schedule to decision 0|redis 0|");
	facts.stored = facts.canary_back = true;
	lasts(1, "eu us scheduler");
	assert_string_equal(told(), "the way from schedule to decision 0|redis 0|the way from schedule to decision 1|redis 1|");
}

static void quarantine_and_lag_are_problems_of_their_region(void **state)
{
	(void)state;
	regions_remember_quarantine(&regions, "us", "it disagrees with the majority on 9 of 100 targets");
	regions.region[0].newest_ms = WALL;
	regions.region[0].delay_ms = RESULT_LAG_MS;
	lasts(1, "eu us scheduler");
	assert_string_equal(told(), "region eu 0|region us 0|");
	answers(redis, "{\"state\":\"quarantined\"", "HGET pw:{alerts.0}:state @region:us");
	restart();
	assert_int_equal(regions_quarantined(&regions), 2); /* it does not vote from the first moment on */
	lasts(1, "eu us scheduler");
	assert_string_equal(told(), "region eu 0|region us 0|");
}

static void a_failing_resolver_is_told_once_with_its_region_over_restarts(void **state)
{
	(void)state;
	regions_remember_resolver(&regions, "us");
	regions.region[1].last.unresolved = 4990;
	regions.region[1].last.looked = 5000;
	lasts(3, "eu us scheduler");
	assert_string_equal(told(), "region us 0|");
	answers(redis, "{\"component\":\"region us\",\"problem\":\"resolver failing in us: no answer about 4990 of 5000 names",
		"HGET pw:{alerts.0}:state @problem:resolver:us");
	restart();
	assert_int_equal(regions_resolver_fails(&regions), 2);
	lasts(3, "eu us scheduler");
	assert_string_equal(told(), "region us 0|");
	regions.region[1].resolver_fails = false;
	lasts(3, "eu us scheduler");
	assert_string_equal(told(), "region us 0|region us 1|");
}

static void a_region_that_is_taken_out_has_no_problem_any_more(void **state)
{
	(void)state;
	lasts(40, "us scheduler");
	assert_string_equal(told(), "region eu 0|");
	strcpy(regions.region[0].name, "sa");
	regions_grace(&regions, facts.mono_ms);
	lasts(1, "us scheduler");
	assert_string_equal(told(), "region eu 0|region eu 1|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_is_well_and_nothing_is_told, fresh, done),
		cmocka_unit_test_setup_teardown(a_silent_region_is_told_once_and_its_end_once, fresh, done),
		cmocka_unit_test_setup_teardown(a_restart_neither_repeats_nor_ends_a_problem, fresh, done),
		cmocka_unit_test_setup_teardown(what_ended_while_nobody_looked_is_told_when_it_is_seen, fresh, done),
		cmocka_unit_test_setup_teardown(quarantine_and_lag_are_problems_of_their_region, fresh, done),
		cmocka_unit_test_setup_teardown(a_failing_resolver_is_told_once_with_its_region_over_restarts, fresh, done),
		cmocka_unit_test_setup_teardown(a_region_that_is_taken_out_has_no_problem_any_more, fresh, done),
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
