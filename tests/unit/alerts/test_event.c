/* test_event.c - what an event says, to programs and to people. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/event.h"

#define NOON 1795608000000ull /* 2026-11-25T12:00:00Z */

static struct monitor monitor;

static int a_monitor(void **state)
{
	char why[200];
	static const char json[] = "{\"target\":\"198.51.100.7:5432\",\"slow_ms\":500,\"labels\":{\"team\":\"core\"},"
				   "\"runbook\":\"https://wiki/pg\"}";
	(void)state;
	if (!monitor_decode(&monitor, "pg-primary", json, sizeof(json) - 1, why, sizeof(why)))
		fail_msg("%s", why);
	return 0;
}

static int no_monitor(void **state)
{
	(void)state;
	monitor_free(&monitor);
	return 0;
}

static uint64_t looked_ms = NOON + 50;

static json_t *region(const char *name, const char *class, const char *verdict, unsigned rtt_us, unsigned syn_retrans)
{
	return json_pack("{s:s,s:s,s:s,s:i,s:i,s:I}", "region", name, "class", class, "verdict", verdict, "rtt_us", rtt_us,
			 "syn_retrans", syn_retrans, "at_ms", (json_int_t)looked_ms);
}

/* "d", "u", "?" for eu, us, ap; "q": down, and quarantined. */
static json_t *regions(const char *classes, const char *verdict)
{
	static const char *const names[] = { "eu", "us", "ap" };
	json_t *all = json_array();
	for (unsigned i = 0; classes[i]; i++)
		json_array_append_new(all, classes[i] == 'd' || classes[i] == 'q' ? region(names[i], "down", verdict, 0, 0) :
					   classes[i] == 'u' ? region(names[i], "up", "open", 20000 * (i + 1), 0) :
								 region(names[i], "unknown", "local", 0, 0));
	for (unsigned i = 0; classes[i]; i++)
		if (classes[i] == 'q')
			json_object_set_new(json_array_get(all, i), "abstains", json_string("is quarantined"));
	return all;
}

static const struct watch_event down = { .kind = EVENT_DOWN, .page = true, .told = true, .incident = 17, .since_ms = NOON,
					 .confirmed_after_ms = 300, .verdict = VERDICT_CLOSED, .scope = SCOPE_SERVICE };

static void says(const char *classes, const struct watch_event *event, const char *ended, const char *sentence)
{
	char summary[EVENT_SUMMARY_MAX];
	json_t *seen = regions(classes, "filtered");
	const struct event_about about = { .monitor = &monitor, .shard = 3, .now_ms = NOON + 1000, .regions = seen, .ended = ended };
	event_summary(&about, event, summary, sizeof(summary));
	json_decref(seen);
	assert_string_equal(summary, sentence);
}

static void a_down_event_is_this_json_to_the_letter(void **state)
{
	(void)state;
	struct event_text text;
	json_t *seen = regions("d", "closed");
	const struct event_about about = { .monitor = &monitor, .shard = 3, .now_ms = NOON + 300, .regions = seen };
	assert_true(event_write(&text, &about, &down));
	assert_string_equal(text.body,
			    "{\"type\":\"monitor.down\",\"timestamp\":\"2026-11-25T12:00:00.300Z\",\"data\":{\"monitor\":\"pg-primary\","
			    "\"target\":\"198.51.100.7:5432\",\"verdict\":\"closed\",\"scope\":\"service\","
			    "\"since\":\"2026-11-25T12:00:00.000Z\",\"confirmed_after_ms\":300,\"regions\":[{\"region\":\"eu\","
			    "\"class\":\"down\",\"verdict\":\"closed\",\"rtt_us\":0,\"syn_retrans\":0,\"at_ms\":1795608000050}],\"duration_s\":0,"
			    "\"labels\":{\"team\":\"core\"},\"runbook\":\"https://wiki/pg\",\"incident\":\"pg-primary/17\","
			    "\"status\":\"firing\",\"page\":true,\"summary\":\"pg-primary (198.51.100.7:5432) is DOWN: closed, seen "
			    "from one place (eu) since 12:00:00 UTC, confirmed in 0.3 s\"}}");
	assert_string_equal(text.incident, "pg-primary/17");
	assert_false(text.resolved);
	event_text_free(&text);
	json_decref(seen);
}

static bool body_has(const struct watch_event *event, const char *part)
{
	struct event_text text;
	const struct event_about about = { .monitor = &monitor, .shard = 3, .now_ms = NOON + 300 };
	assert_true(event_write(&text, &about, event));
	bool has = strstr(text.body, part);
	event_text_free(&text);
	return has;
}

static void a_degraded_target_is_told_by_the_word_slow_or_lossy(void **state)
{
	(void)state;
	struct watch_event e = { .kind = EVENT_DEGRADED, .told = true, .incident = 1, .since_ms = NOON, .verdict = VERDICT_OPEN,
				 .scope = SCOPE_SERVICE, .is.slow = true };
	assert_true(body_has(&e, "\"verdict\":\"slow\",\"scope\":\"service\""));
	e.is.lossy = true;
	assert_true(body_has(&e, "\"verdict\":\"slow\""));
	e.is.slow = false;
	assert_true(body_has(&e, "\"verdict\":\"lossy\""));
	e.is.soon = true;
	assert_true(body_has(&e, "\"verdict\":\"soon\""));
	e.kind = EVENT_UP;
	assert_true(body_has(&e, "\"verdict\":\"open\""));
}

static void write_text(struct event_text *text, unsigned shard, const struct watch_event *event, uint64_t now_ms)
{
	const struct event_about about = { .monitor = &monitor, .shard = shard, .now_ms = now_ms };
	assert_true(event_write(text, &about, event));
	event_text_free(text);
}

static void the_id_is_the_same_whenever_it_is_written_and_another_for_anything_else(void **state)
{
	(void)state;
	struct event_text first, again, other;
	struct watch_event end = down, next = down, late = down;
	write_text(&first, 3, &down, NOON);
	write_text(&again, 3, &down, NOON + 77777);
	assert_string_equal(first.id, again.id);
	assert_int_equal(strlen(first.id), EVENT_ID_LEN);
	assert_memory_equal(first.id, "evt_", 4);
	end.kind = EVENT_UP;
	next.incident++;
	late.late = true;
	write_text(&other, 3, &end, NOON);
	assert_string_not_equal(first.id, other.id);
	assert_true(other.resolved); /* the end of what began */
	assert_string_equal(first.incident, other.incident);
	write_text(&other, 3, &next, NOON);
	assert_string_not_equal(first.id, other.id);
	write_text(&other, 3, &late, NOON);
	assert_string_not_equal(first.id, other.id);
	write_text(&other, 4, &down, NOON);
	assert_string_not_equal(first.id, other.id);
}

static void the_summary_says_what_from_where_and_since_when(void **state)
{
	(void)state;
	struct watch_event e = down;
	says("ddd", &e, NULL, "pg-primary (198.51.100.7:5432) is DOWN: closed, from all 3 regions since 12:00:00 UTC, confirmed in 0.3 s");
	e.confirmed_after_ms = 12345;
	e.verdict = VERDICT_FILTERED;
	says("ddu", &e, NULL,
	     "pg-primary (198.51.100.7:5432) is DOWN: filtered, from 2 of 3 regions (eu and us) since 12:00:00 UTC, confirmed in 12 s");
	says("dd?", &e, NULL, "pg-primary (198.51.100.7:5432) is DOWN: filtered, from all that have looked (eu and us) since 12:00:00 UTC, confirmed in 12 s");
	looked_ms = NOON - 1;
	says("ddu", &e, NULL, "pg-primary (198.51.100.7:5432) is DOWN: filtered, from all that have looked (eu and us) since 12:00:00 UTC, confirmed in 12 s");
	looked_ms = NOON + 50;
	e.late = true;
	e.since_ms = NOON - 86400000;
	says("ddd", &e, NULL,
	     "pg-primary (198.51.100.7:5432) is still DOWN: filtered, from all 3 regions since 2026-11-24 12:00:00 UTC, confirmed in 12 s");
	says("ddq", &e, NULL,
	     "pg-primary (198.51.100.7:5432) is still DOWN: filtered, from all that have looked (eu and us) since 2026-11-24 12:00:00 UTC, "
	     "confirmed in 12 s");
	e = (struct watch_event){ .kind = EVENT_UP, .duration_ms = 312000, .verdict = VERDICT_CLOSED };
	says("uuu", &e, NULL, "pg-primary (198.51.100.7:5432) is UP again after 5 min 12 s (was: closed)");
	says("ddd", &e, "the monitor was removed",
	     "pg-primary (198.51.100.7:5432) is not watched any more: the monitor was removed; what is open is closed");
	e = (struct watch_event){ .kind = EVENT_PATH, .since_ms = NOON };
	says("duu", &e, NULL,
	     "pg-primary (198.51.100.7:5432): PATH ISSUE, not reached from eu (filtered) since 12:00:00 UTC; it answers us and ap, so "
	     "nobody is paged");
	says("duq", &e, NULL,
	     "pg-primary (198.51.100.7:5432): PATH ISSUE, not reached from eu (filtered) since 12:00:00 UTC; it answers us, so nobody is "
	     "paged");
	e.resolved = true;
	e.duration_ms = 7200000 + 300000;
	says("uuu", &e, NULL, "pg-primary (198.51.100.7:5432): the path issue has ended after 2 h 5 min");
	e = (struct watch_event){ .kind = EVENT_DEGRADED, .since_ms = NOON, .is.slow = true };
	monitor.slow_ms = 30;
	says("uuu", &e, NULL,
	     "pg-primary (198.51.100.7:5432) is up but slow, seen from us (40 ms) and ap (60 ms) since 12:00:00 UTC");
	e = (struct watch_event){ .kind = EVENT_DEGRADED, .since_ms = NOON, .is.partial = true };
	says("uuu", &e, NULL, "pg-primary (198.51.100.7:5432) is up, but not at all of its addresses since 12:00:00 UTC");
	e = (struct watch_event){ .kind = EVENT_UNKNOWN, .since_ms = NOON };
	says("???", &e, NULL,
	     "pg-primary (198.51.100.7:5432) is UNKNOWN: too few regions can tell since 12:00:00 UTC; the trouble is portwatch's, not the "
	     "target's");
}

static void a_certificate_is_told_with_its_sentence_and_who_saw_it(void **state)
{
	char summary[EVENT_SUMMARY_MAX];
	json_t *seen = regions("uud", "certificate");
	struct event_about about = { .monitor = &monitor, .shard = 3, .now_ms = NOON + 1000, .regions = seen, .said = "expires in 5 days" };
	struct watch_event e = { .kind = EVENT_DEGRADED, .since_ms = NOON, .is.soon = true };
	(void)state;
	for (size_t i = 0; i < 2; i++)
		json_object_set_new(json_array_get(seen, i), "soon", json_true());
	event_summary(&about, &e, summary, sizeof(summary));
	assert_string_equal(summary, "pg-primary (198.51.100.7:5432) is up, but its certificate ends soon: expires in 5 days, seen from eu and "
				     "us since 12:00:00 UTC");
	e = (struct watch_event){ .kind = EVENT_DOWN, .since_ms = NOON, .verdict = VERDICT_CERTIFICATE, .scope = SCOPE_PARTIAL };
	about.said = "expired 3 days ago (2026-11-22)";
	event_summary(&about, &e, summary, sizeof(summary));
	assert_non_null(strstr(summary, " is DOWN: certificate: expired 3 days ago (2026-11-22), from "));
	e.verdict = VERDICT_CLOSED; /* then the sentence is an old one */
	event_summary(&about, &e, summary, sizeof(summary));
	assert_null(strstr(summary, "expired"));
	json_decref(seen);
}

/* Regions that are up, each with what it says of the addresses ("": nothing). */
static void partial_says(const char *const said[3], const char *sentence)
{
	const struct watch_event e = { .kind = EVENT_DEGRADED, .since_ms = NOON, .is.partial = true, .scope = SCOPE_PARTIAL };
	char summary[EVENT_SUMMARY_MAX];
	json_t *seen = regions("uuu", "open");
	for (unsigned i = 0; i < 3; i++)
		if (*said[i])
			json_object_set_new(json_array_get(seen, i), "partial", json_string(said[i]));
	const struct event_about about = { .monitor = &monitor, .shard = 3, .now_ms = NOON + 1000, .regions = seen };
	event_summary(&about, &e, summary, sizeof(summary));
	json_decref(seen);
	assert_string_equal(summary, sentence);
}

static void addresses_that_are_down_are_named_once_or_for_each_region(void **state)
{
	static const char *const same[] = { "v6 down (2001:db8::7), v4 up", "v6 down (2001:db8::7), v4 up", "" };
	static const char *const others[] = { "1 of 4 addresses down (192.0.2.1)", "", "2 of 4 addresses down (192.0.2.1, 192.0.2.2)" };
	struct watch_event e = { .kind = EVENT_DEGRADED, .since_ms = NOON, .is.partial = true, .told = true, .incident = 1 };
	(void)state;
	partial_says(same, "pg-primary (198.51.100.7:5432) is up, but not at all of its addresses: v6 down (2001:db8::7), v4 up, seen from eu "
			   "and us since 12:00:00 UTC");
	partial_says(others, "pg-primary (198.51.100.7:5432) is up, but not at all of its addresses: seen from eu (1 of 4 addresses down "
			     "(192.0.2.1)) and ap (2 of 4 addresses down (192.0.2.1, 192.0.2.2)) since 12:00:00 UTC");
	assert_true(body_has(&e, "\"verdict\":\"partial\""));
	e.resolved = true;
	says("uuu", &e, NULL, "pg-primary (198.51.100.7:5432) answers at all of its addresses again after 0 ms");
}

static void a_name_that_leads_elsewhere_is_told_with_both_sets_and_no_end(void **state)
{
	(void)state;
	static const struct address_change change = { "192.0.2.1", "192.0.2.2,2001:db8::2", NOON };
	const struct watch_event e = { .kind = EVENT_ADDRESS, .told = true, .incident = 3, .since_ms = NOON, .confirmed_after_ms = 300000 };
	const struct event_about about = { .monitor = &monitor, .shard = 3, .now_ms = NOON + 300000, .change = &change, .change_region = "eu" };
	struct event_text text;
	assert_true(event_write(&text, &about, &e));
	assert_string_equal(text.type, "monitor.address");
	assert_false(text.page || text.resolved);
	assert_non_null(strstr(text.body, "\"addresses\":{\"region\":\"eu\",\"old\":[\"192.0.2.1\"],\"new\":[\"192.0.2.2\",\"2001:db8::2\"]}"));
	assert_non_null(strstr(text.body, "\"summary\":\"pg-primary (198.51.100.7:5432) leads to other addresses: now 192.0.2.2, "
					  "2001:db8::2, before 192.0.2.1, seen from eu since 12:00:00 UTC\""));
	event_text_free(&text);
}

static void a_problem_of_our_own_is_a_notice_with_its_end(void **state)
{
	(void)state;
	struct event_problem problem = { "region eu", "no engine has answered for 20 s; its votes do not count", NOON, false };
	struct event_text begin, end;
	assert_true(event_write_problem(&begin, &problem, 0, NOON));
	assert_string_equal(begin.body,
			    "{\"type\":\"system.problem\",\"timestamp\":\"2026-11-25T12:00:00.000Z\",\"data\":{\"component\":\"region eu\","
			    "\"problem\":\"no engine has answered for 20 s; its votes do not count\",\"since\":\"2026-11-25T12:00:00.000Z\","
			    "\"status\":\"firing\",\"incident\":\"region eu/1795608000000\",\"page\":false,\"summary\":\"portwatch itself: "
			    "region eu: no engine has answered for 20 s; its votes do not count\"}}");
	assert_false(begin.page);
	assert_string_equal(begin.monitor, "");
	problem.resolved = true;
	assert_true(event_write_problem(&end, &problem, 0, NOON + 40000));
	assert_string_equal(begin.incident, end.incident);
	assert_string_not_equal(begin.id, end.id);
	assert_non_null(strstr(end.body, "\"duration_s\":40,\"status\":\"resolved\""));
	assert_non_null(strstr(end.body, "region eu is well again after 40 s (was: no engine has answered"));
	event_text_free(&begin);
	event_text_free(&end);
}

static void no_text_of_a_stranger_is_longer_than_its_place(void **state)
{
	(void)state;
	char summary[EVENT_SUMMARY_MAX], small[40];
	json_t *seen = json_array();
	for (unsigned i = 0; i < REGIONS_MAX; i++) {
		char name[NAME_MAX_LEN + 1];
		memset(name, 'r', NAME_MAX_LEN);
		name[NAME_MAX_LEN] = 0;
		json_array_append_new(seen, region(name, i % 2 ? "down" : "up", "filtered", 0, 0));
	}
	const struct event_about about = { .monitor = &monitor, .now_ms = NOON, .regions = seen };
	struct watch_event e = { .kind = EVENT_PATH, .since_ms = NOON };
	event_summary(&about, &e, summary, sizeof(summary));
	assert_int_equal(strlen(summary), sizeof(summary) - 1);
	event_summary(&about, &e, small, sizeof(small));
	assert_int_equal(strlen(small), sizeof(small) - 1);
	json_decref(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_down_event_is_this_json_to_the_letter, a_monitor, no_monitor),
		cmocka_unit_test_setup_teardown(a_degraded_target_is_told_by_the_word_slow_or_lossy, a_monitor, no_monitor),
		cmocka_unit_test_setup_teardown(the_id_is_the_same_whenever_it_is_written_and_another_for_anything_else, a_monitor, no_monitor),
		cmocka_unit_test_setup_teardown(the_summary_says_what_from_where_and_since_when, a_monitor, no_monitor),
		cmocka_unit_test(a_certificate_is_told_with_its_sentence_and_who_saw_it),
		cmocka_unit_test(addresses_that_are_down_are_named_once_or_for_each_region),
		cmocka_unit_test(a_name_that_leads_elsewhere_is_told_with_both_sets_and_no_end),
		cmocka_unit_test(a_problem_of_our_own_is_a_notice_with_its_end),
		cmocka_unit_test_setup_teardown(no_text_of_a_stranger_is_longer_than_its_place, a_monitor, no_monitor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
