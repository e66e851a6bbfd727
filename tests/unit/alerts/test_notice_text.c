/* test_notice_text.c - the words of an event, as a person reads them. */
#include "notice.h"

#include "alerts/notice_text.h"

static struct text text;

static int fresh(void **state)
{
	(void)state;
	text_free(&text);
	return 0;
}

static const char *title_of(const char *type, bool resolved, const char *body)
{
	struct notice n = notice_of(type, "m", "m/1", true, resolved, body);
	struct notice_facts f;
	text_reset(&text);
	notice_read(&f, &n);
	notice_title(&f, &text);
	notice_free(&f);
	return text.data;
}

#define REGIONS(...) "{\"data\":{\"target\":\"h:1\",\"verdict\":\"closed\",\"regions\":[" __VA_ARGS__ "]}}"
#define DOWN(r) "{\"region\":\"" r "\",\"class\":\"down\"}"
#define UP(r) "{\"region\":\"" r "\",\"class\":\"up\"}"

static void a_title_says_what_where_and_who_saw_it(void **state)
{
	(void)state;
	assert_string_equal(title_of("monitor.down", false, REGIONS(DOWN("eu") "," DOWN("us"))),
			    "DOWN m h:1: closed, from all 2 regions");
	assert_string_equal(title_of("monitor.down", false, REGIONS(DOWN("eu") "," DOWN("us") "," UP("ap"))),
			    "DOWN m h:1: closed, from 2 of 3 regions");
	assert_string_equal(title_of("monitor.down", false, REGIONS(DOWN("eu") "," DOWN("us") ","
								    "{\"region\":\"ap\",\"class\":\"down\",\"abstains\":\"is quarantined\"}")),
			    "DOWN m h:1: closed, from 2 of 3 regions");
	assert_string_equal(title_of("monitor.path", false, REGIONS(UP("eu") "," DOWN("us"))),
			    "PATH ISSUE m h:1: closed, from region us only");
	assert_string_equal(title_of("monitor.down", false, REGIONS(DOWN("eu"))), "DOWN m h:1: closed, from region eu");
	assert_string_equal(title_of("monitor.unknown", false, REGIONS()), "UNKNOWN m h:1: closed");
	assert_string_equal(title_of("monitor.flapping", true, "{\"data\":{\"target\":\"h:1\",\"duration_s\":7500}}"),
			    "FLAPPING OVER m h:1: after 2 h 5 min");
	assert_string_equal(title_of("monitor.up", true, "{\"data\":{\"duration_s\":43}}"), "UP m: after 43 s");
}

static void a_certificate_is_told_by_its_sentence(void **state)
{
	(void)state;
	assert_string_equal(title_of("monitor.degraded", false,
				     "{\"data\":{\"verdict\":\"soon\",\"detail\":\"expires in 5 days\",\"regions\":["
				     "{\"region\":\"eu\",\"class\":\"up\",\"rtt_us\":3000,\"soon\":true}]}}"),
			    "DEGRADED m: expires in 5 days");
	assert_string_equal(title_of("monitor.down", false,
				     "{\"data\":{\"verdict\":\"certificate\",\"detail\":\"expired 3 days ago\",\"regions\":[" DOWN("eu") "," DOWN("us") "]}}"),
			    "DOWN m: certificate: expired 3 days ago, from all 2 regions");
	assert_string_equal(title_of("monitor.down", false, "{\"data\":{\"verdict\":\"closed\",\"detail\":\"expired 3 days ago\"}}"),
			    "DOWN m: closed");
	assert_string_equal(title_of("monitor.degraded", true, "{\"data\":{\"verdict\":\"soon\",\"detail\":\"x\",\"duration_s\":43}}"),
			    "DEGRADED OVER m: after 43 s");
}

static void a_degraded_target_is_told_by_its_slowest_region_and_its_losses(void **state)
{
	(void)state;
	assert_string_equal(title_of("monitor.degraded", false,
				     "{\"data\":{\"verdict\":\"open\",\"regions\":["
				     "{\"region\":\"eu\",\"class\":\"up\",\"rtt_us\":3000},"
				     "{\"region\":\"us\",\"class\":\"up\",\"rtt_us\":812000,\"syn_retrans\":1}]}}"),
			    "DEGRADED m: 812.0 ms from region us, SYN sent again from 1 of 2 regions");
	assert_string_equal(title_of("monitor.degraded", false, "{}"), "DEGRADED m");
	assert_string_equal(title_of("monitor.unknown", false, "{\"data\":{\"verdict\":\"open\"}}"), "UNKNOWN m");
}

static void an_event_without_any_body_is_told_with_what_there_is(void **state)
{
	(void)state;
	assert_string_equal(title_of("monitor.down", false, "no JSON"), "DOWN m");
	assert_string_equal(title_of("monitor.down", false, "{\"data\":7}"), "DOWN m");
	assert_string_equal(title_of("monitor.down", false, "{\"data\":{\"regions\":{},\"verdict\":9}}"), "DOWN m");
	assert_string_equal(title_of("of.tomorrow", false, "{}"), "EVENT m");
}

static void a_title_is_one_line_whatever_stands_in_the_event(void **state)
{
	(void)state;
	assert_string_equal(title_of("monitor.down", false, "{\"data\":{\"verdict\":\"a\\nBcc: x\\u001b[2J\"}}"),
			    "DOWN m: a Bcc: x [2J");
}

static void the_system_speaks_of_its_component(void **state)
{
	struct notice n = notice_of("system.problem", "", "region eu/1", false, false,
				    "{\"data\":{\"component\":\"region eu\",\"problem\":\"no engine has answered for 20 s\"}}");
	struct notice_facts f;
	(void)state;
	notice_read(&f, &n);
	notice_title(&f, &text);
	notice_free(&f);
	assert_string_equal(text.data, "PROBLEM region eu: no engine has answered for 20 s");
}

static void the_table_says_no_time_that_was_not_measured_and_who_does_not_count(void **state)
{
	const struct notice n = { .id = "e", .type = "monitor.down", .monitor = "m", .incident = "m/1", .body = REGIONS(
		"{\"region\":\"eu\",\"class\":\"down\",\"verdict\":\"closed\",\"rtt_us\":0,\"errno\":0},"
		"{\"region\":\"us\",\"class\":\"down\",\"verdict\":\"closed\",\"rtt_us\":0,\"errno\":0,\"abstains\":\"is quarantined\"}") };
	struct notice whole = n;
	struct notice_facts f;
	(void)state;
	whole.body_len = strlen(n.body);
	notice_read(&f, &whole);
	notice_page(&f, &text);
	notice_free(&f);
	assert_null(strstr(text.data, " ms"));
	assert_non_null(strstr(text.data, "is quarantined\n"));
}

static void the_page_has_the_table_the_labels_and_the_runbook(void **state)
{
	struct notice n = notice_down();
	struct notice_facts f;
	(void)state;
	notice_read(&f, &n);
	notice_page(&f, &text);
	notice_free(&f);
	assert_string_equal(text.data, "pg-primary is DOWN\n"
				       "\n"
				       "region        verdict   time    address       error\n"
				       "eu            closed    3.1 ms  198.51.100.7  ECONNREFUSED\n"
				       "us            filtered          198.51.100.7  ETIMEDOUT, 3 SYN sent again\n"
				       "ap-southeast  unknown\n"
				       "\n"
				       "since: 2026-11-25T14:00:00.000Z\n"
				       "scope: service\n"
				       "team: core\n"
				       "my-zone: b\n"
				       "severity: high\n"
				       "9lives: cat\n"
				       "runbook: https://wiki/pg\n");
}

static void a_duration_has_two_units_at_most(void **state)
{
	static const struct { uint64_t s; const char *words; } rows[] = {
		{ 0, "0 s" }, { 59, "59 s" }, { 60, "1 min" }, { 723, "12 min 3 s" }, { 3600, "1 h" }, { 7559, "2 h 5 min" },
		{ 86400, "1 d" }, { 3 * 86400 + 4 * 3600 + 59, "3 d 4 h" }, { 86400 + 59, "1 d" },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text_reset(&text);
		notice_duration(rows[i].s, &text);
		assert_string_equal(text.data, rows[i].words);
	}
}

static void a_fold_counts_each_kind_and_names_ten(void **state)
{
	struct notice n[16];
	char name[14][8];
	(void)state;
	for (unsigned i = 0; i < 14; i++) {
		snprintf(name[i], sizeof(name[i]), "m%u", i);
		n[i] = notice_of("monitor.down", name[i], name[i], true, false, "{}");
	}
	n[14] = notice_of("monitor.path", "p", "p/1", false, false, "{}");
	n[15] = notice_of("system.problem", "", "region eu", false, true, "{}");
	notice_fold(n, 16, &text);
	assert_string_equal(text.data, "14 monitors are down: m0, m1, m2, m3, m4, m5, m6, m7, m8, m9 and 4 more; "
				       "1 monitor is unreachable from some regions: p; 1 component is no longer in trouble: region eu");
}

static void an_incident_has_one_name_at_its_beginning_and_its_end(void **state)
{
	struct notice down = notice_down(), up = notice_up();
	struct notice path = notice_of("monitor.path", "pg-primary", "pg-primary/17", false, false, "{}");
	char a[NOTICE_INCIDENT_MAX], b[NOTICE_INCIDENT_MAX], c[NOTICE_INCIDENT_MAX];
	(void)state;
	notice_incident(a, &down);
	notice_incident(b, &up);
	notice_incident(c, &path);
	assert_string_equal(a, "pg-primary/17");
	assert_string_equal(a, b);
	assert_string_equal(c, "pg-primary/17/path");
}

static void a_long_incident_is_cut_between_characters(void **state)
{
	char incident[400], cut[NOTICE_INCIDENT_MAX];
	(void)state;
	for (unsigned i = 0; i < 398; i += 2)
		memcpy(incident + i, "\xc3\xb6", 3);
	struct notice n = notice_of("monitor.path", "m", incident, true, false, "{}");
	notice_incident(cut, &n);
	assert_int_equal(strlen(cut), 250 + 5);
	assert_string_equal(cut + 248, "\xc3\xb6/path");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_title_says_what_where_and_who_saw_it, fresh),
		cmocka_unit_test_setup(a_certificate_is_told_by_its_sentence, fresh),
		cmocka_unit_test_setup(a_degraded_target_is_told_by_its_slowest_region_and_its_losses, fresh),
		cmocka_unit_test_setup(an_event_without_any_body_is_told_with_what_there_is, fresh),
		cmocka_unit_test_setup(a_title_is_one_line_whatever_stands_in_the_event, fresh),
		cmocka_unit_test_setup(the_system_speaks_of_its_component, fresh),
		cmocka_unit_test_setup(the_page_has_the_table_the_labels_and_the_runbook, fresh),
		cmocka_unit_test_setup(the_table_says_no_time_that_was_not_measured_and_who_does_not_count, fresh),
		cmocka_unit_test_setup(a_duration_has_two_units_at_most, fresh),
		cmocka_unit_test_setup(a_fold_counts_each_kind_and_names_ten, fresh),
		cmocka_unit_test_setup(an_incident_has_one_name_at_its_beginning_and_its_end, fresh),
		cmocka_unit_test_setup_teardown(a_long_incident_is_cut_between_characters, fresh, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, fresh);
}
