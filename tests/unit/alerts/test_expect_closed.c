/* test_expect_closed.c - a port that must not answer: open is the failure, and everything that is not an answer is well. */
#include "tests/unit/alerts/scene.h"

#include "alerts/decide.h"
#include "alerts/event.h"
#include "alerts/notice_text.h"

static struct scene s;

static int end(void **state)
{
	(void)state;
	scene_end(&s);
	return 0;
}

static void begin(unsigned regions)
{
	scene_begin(&s, regions);
	s.rule.expect_closed = true;
}

static void whatever_is_no_answer_is_up(void **state)
{
	(void)state;
	begin(5);
	scene_play(&s, "eu: 1C 61F 121J\n"
		       "us: 13F 73J 133C\n"
		       "ap: 25J 85U 145F\n"
		       "sa: 37U 97N 157C\n"
		       "af: 49N 109C 169U",
		   180);
	scene_state(&s, WATCH_UP);
	scene_expect(&s, "");
}

static void an_open_port_is_down_as_soon_as_a_second_region_confirms_it(void **state)
{
	(void)state;
	begin(3);
	scene_play(&s, "eu: 1C  60o 60.01o1\n"
		       "us: 21F     60.01o1\n"
		       "ap: 41J     60.01o1",
		   61);
	scene_expect(&s, "60.01 ask 1\n"
			 "60.02 down #1 service open page\n");
	scene_state(&s, WATCH_DOWN);
	assert_int_equal(watch_since_ms(s.watch), SCENE_T0 + 60000);
}

static void it_is_up_again_when_most_have_found_it_closed_twice(void **state)
{
	(void)state;
	begin(3);
	s.quiet = true;
	scene_play(&s, "eu: 1C  60o 60.01o1 80C 96C\n"
		       "us: 21F     60.01o1 80C 96F\n"
		       "ap: 41J     60.01o1 80C 96C",
		   97);
	scene_expect(&s, "60.02 down #1 service open page\n"
			 "96.01 up #1 service open page\n");
	scene_state(&s, WATCH_UP);
}

static void one_open_answer_that_nobody_confirms_is_no_alert(void **state)
{
	(void)state;
	begin(3);
	s.quiet = true;
	scene_play(&s, "eu: 1C  60o 60.01C1 120C\n"
		       "us: 21C     60.01C1 120C\n"
		       "ap: 41C     60.01C1 120C",
		   130);
	scene_expect(&s, "");
	scene_state(&s, WATCH_UP);
}

static void slow_and_lossy_answers_are_failures_and_not_degraded(void **state)
{
	(void)state;
	begin(2);
	s.quiet = true;
	scene_play(&s, "eu: 1C  60s 60.01l1\n"
		       "us: 21C     60.01s1",
		   61);
	scene_expect(&s, "60.02 down #1 service open page\n");
}

static void what_the_prober_could_not_do_is_neither(void **state)
{
	(void)state;
	begin(2);
	s.quiet = true;
	scene_play(&s, "eu: 1C 61?\nus: 21C 81X", 100);
	scene_expect(&s, "");
	scene_state(&s, WATCH_UP);
}

static void it_goes_on_as_it_was_after_a_kill(void **state)
{
	(void)state;
	begin(3);
	s.quiet = s.killed = true;
	scene_play(&s, "eu: 1C  60o 60.01o1 80C 96C\n"
		       "us: 21F     60.01o1 80C 96F\n"
		       "ap: 41J     60.01o1 80C 96C",
		   97);
	scene_expect(&s, "60.02 down #1 service open page\n"
			 "96.01 up #1 service open page\n");
}

static void each_verdict_weighs_what_it_says_about_a_port_that_must_be_closed(void **state)
{
	static const struct {
		enum verdict verdict;
		unsigned open, closed;
	} rows[] = {
		{ VERDICT_OPEN, 0, 2 },	       { VERDICT_CLOSED, 2, 0 },	{ VERDICT_FILTERED, 1, 0 },
		{ VERDICT_RESET, 1, 1 },       { VERDICT_REJECTED, 2, 0 },	{ VERDICT_UNREACHABLE, 1, 0 },
		{ VERDICT_NO_NAME, 2, 0 },     { VERDICT_WRONG_ADDRESS, 2, 2 }, { VERDICT_CERTIFICATE, 2, 2 },
		{ VERDICT_LOCAL, 0, 0 },       { VERDICT_DENIED, 0, 0 },	{ VERDICT_EXPIRED, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(decide_weight(rows[i].verdict, false), rows[i].open);
		assert_int_equal(decide_weight(rows[i].verdict, true), rows[i].closed);
	}
}

/* ---- what is said ---- */

static const char json[] = "{\"target\":\"198.51.100.8:5432\",\"expect\":\"closed\"}";

static json_t *seen_from(const char *eu, const char *us)
{
	const char *const verdict[] = { eu, us }, *const name[] = { "eu", "us" };
	json_t *all = json_array();
	for (unsigned i = 0; i < 2; i++)
		json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:I}", "region", name[i], "class",
						     strcmp(verdict[i], "open") ? "down" : "up", "verdict", verdict[i], "at_ms",
						     (json_int_t)SCENE_T0));
	return all;
}

static void says(const char *eu, const char *us, const struct watch_event *e, const char *sentence)
{
	char why[200], summary[EVENT_SUMMARY_MAX];
	struct monitor m;
	json_t *seen = seen_from(eu, us);
	assert_true(monitor_decode(&m, "pg-outside", json, sizeof(json) - 1, why, sizeof(why)));
	const struct event_about about = { .monitor = &m, .shard = 3, .now_ms = SCENE_T0 + 1000, .regions = seen };
	event_summary(&about, e, summary, sizeof(summary));
	assert_string_equal(summary, sentence);
	json_decref(seen);
	monitor_free(&m);
}

static void the_sentence_says_that_it_is_open_and_must_not_be(void **state)
{
	struct watch_event e = { .kind = EVENT_DOWN, .page = true, .told = true, .incident = 17, .since_ms = SCENE_T0,
				 .confirmed_after_ms = 300, .verdict = VERDICT_OPEN, .scope = SCOPE_SERVICE };
	(void)state;
	says("open", "open", &e, "pg-outside (198.51.100.8:5432) is OPEN, and must not be, from both regions since 16:00:00 UTC, confirmed in "
				 "0.3 s");
	says("open", "filtered", &e, "pg-outside (198.51.100.8:5432) is OPEN, and must not be, from 1 of 2 regions (eu) since 16:00:00 "
				     "UTC, confirmed in 0.3 s");
	e.verdict = VERDICT_RESET;
	says("reset", "reset", &e, "pg-outside (198.51.100.8:5432) is OPEN, and must not be (it resets at once), from both regions since "
				   "16:00:00 UTC, confirmed in 0.3 s");
	e.kind = EVENT_PATH;
	says("open", "closed", &e, "pg-outside (198.51.100.8:5432): PATH ISSUE, it must not answer but does from eu (open) since 16:00:00 "
				   "UTC; it does not answer us, so nobody is paged");
	e = (struct watch_event){ .kind = EVENT_UP, .resolved = true, .since_ms = SCENE_T0, .duration_ms = 303000, .verdict = VERDICT_OPEN };
	says("closed", "closed", &e, "pg-outside (198.51.100.8:5432) is closed again after 5 min 3 s (was: open)");
}

static void the_title_of_a_notice_says_it_too(void **state)
{
	static const char body[] = "{\"type\":\"monitor.down\",\"data\":{\"monitor\":\"pg-outside\",\"target\":\"198.51.100.8:5432\","
				   "\"expect\":\"closed\",\"verdict\":\"open\",\"regions\":[{\"region\":\"eu\",\"class\":\"up\"},"
				   "{\"region\":\"us\",\"class\":\"up\"},{\"region\":\"ap\",\"class\":\"down\"}]}}";
	const struct notice n = { .type = "monitor.down", .monitor = "pg-outside", .body = body, .body_len = sizeof(body) - 1, .page = true };
	struct notice_facts f;
	struct text title = { 0 };
	(void)state;
	notice_read(&f, &n);
	notice_title(&f, &title);
	assert_string_equal(title.data, "DOWN pg-outside 198.51.100.8:5432: open, and must not be, from 2 of 3 regions");
	notice_free(&f);
	text_free(&title);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(whatever_is_no_answer_is_up, end),
		cmocka_unit_test_teardown(an_open_port_is_down_as_soon_as_a_second_region_confirms_it, end),
		cmocka_unit_test_teardown(it_is_up_again_when_most_have_found_it_closed_twice, end),
		cmocka_unit_test_teardown(one_open_answer_that_nobody_confirms_is_no_alert, end),
		cmocka_unit_test_teardown(slow_and_lossy_answers_are_failures_and_not_degraded, end),
		cmocka_unit_test_teardown(what_the_prober_could_not_do_is_neither, end),
		cmocka_unit_test_teardown(it_goes_on_as_it_was_after_a_kill, end),
		cmocka_unit_test(each_verdict_weighs_what_it_says_about_a_port_that_must_be_closed),
		cmocka_unit_test(the_sentence_says_that_it_is_open_and_must_not_be),
		cmocka_unit_test(the_title_of_a_notice_says_it_too),
	};
	return cmocka_run_group_tests_name("alerts/expect_closed", tests, NULL, NULL);
}
