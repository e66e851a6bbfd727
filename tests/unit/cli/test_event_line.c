/* test_event_line.c - events as lines and as JSON. */
#include "cli/event_line.h"

#include "cli_test.h"

#include "base/json.h"

#include <stdlib.h>
#include <time.h>

#define AT 1764079203200ull /* 2025-11-25T14:00:03.200Z */

static struct text out;

static int set_up(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	text_free(&out);
	return 0;
}

static const char down_body[] =
	"{\"type\":\"monitor.down\",\"timestamp\":\"2025-11-25T14:00:03.200Z\",\"data\":{\"monitor\":\"pg-primary\","
	"\"target\":\"198.51.100.7:5432\",\"verdict\":\"closed\",\"scope\":\"service\",\"since\":\"2025-11-25T14:00:02."
	"900Z\","
	"\"confirmed_after_ms\":300,\"regions\":[{\"region\":\"eu\",\"class\":\"down\",\"verdict\":\"closed\",\"rtt_"
	"us\":0},"
	"{\"region\":\"us\",\"class\":\"up\",\"verdict\":\"open\",\"rtt_us\":420}],\"duration_s\":0}}";

static struct event event(const char *type, const char *body)
{
	return (struct event){ .id = "evt_1",
			       .type = type,
			       .monitor = "pg-primary",
			       .incident = "pg-primary/1",
			       .why_not = "",
			       .page = true,
			       .told = true,
			       .body = body,
			       .body_len = strlen(body),
			       .at_ms = AT };
}

static const char *line(const struct event *e)
{
	text_reset(&out);
	event_line(&out, e, AT + 1000, false);
	return out.data;
}

static void a_down_says_what_where_since_when_and_who_was_told(void **state)
{
	(void)state;
	const struct event e = event("monitor.down", down_body);
	assert_string_equal(
		line(&e),
		"14:00:03  DOWN        pg-primary  198.51.100.7:5432  closed, service; eu closed, us 0.42 ms; "
		"since 14:00:02, confirmed in 0.3 s; told\n");
}

static void a_notice_and_what_is_not_told_say_so(void **state)
{
	(void)state;
	struct event e = event("monitor.path", down_body);
	e.page = false;
	assert_contains(line(&e), "PATH ISSUE");
	assert_contains(line(&e), "; told as a notice\n");
	e.told = false;
	e.why_not = "maintenance: minor upgrade";
	assert_contains(line(&e), "; not told: maintenance: minor upgrade\n");
}

static void an_up_says_how_long_it_lasted(void **state)
{
	(void)state;
	static const char body[] =
		"{\"data\":{\"target\":\"198.51.100.7:5432\",\"verdict\":\"closed\",\"since\":\"2025-11-25T13:59:29Z\","
		"\"regions\":[],\"duration_s\":34}}";
	struct event e = event("monitor.up", body);
	e.resolved = true;
	assert_string_equal(
		line(&e),
		"14:00:03  UP          pg-primary  198.51.100.7:5432  it lasted 34 s; since 13:59:29; told\n");
}

static void the_system_s_own_trouble_names_its_component(void **state)
{
	(void)state;
	static const char body[] =
		"{\"data\":{\"component\":\"region eu\",\"problem\":\"no engine has answered for 20 s\"}}";
	struct event e = event("system.problem", body);
	e.monitor = "";
	assert_contains(line(&e), "PROBLEM     region eu  no engine has answered for 20 s; told");
}

static void a_body_that_cannot_be_read_still_gives_a_line(void **state)
{
	(void)state;
	const struct event e = event("monitor.of-a-newer-version", "nonsense");
	assert_string_equal(line(&e), "14:00:03  EVENT       pg-primary  told\n");
}

static void another_day_has_its_date(void **state)
{
	(void)state;
	const struct event e = event("monitor.down", down_body);
	event_line(&out, &e, AT + 86400000, false);
	assert_contains(out.data, "2025-11-25 14:00:03  DOWN");
}

static void json_is_the_body_with_id_and_whether_it_was_told(void **state)
{
	(void)state;
	char why[160];
	const struct event e = event("monitor.down", down_body);
	event_json(&out, &e);
	json_t *o = json_read_object(out.data, out.len, why, sizeof why);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "schema")), "portwatch.event/1");
	assert_string_equal(json_string_value(json_object_get(o, "id")), "evt_1");
	assert_true(json_is_true(json_object_get(o, "told")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(o, "data"), "verdict")), "closed");
	assert_ptr_equal(strchr(out.data, '\n'), out.data + out.len - 1);
	json_decref(o);
}

static void times_are_read_with_and_without_parts_of_a_second_and_nothing_else_is(void **state)
{
	(void)state;
	assert_int_equal(time_of_text("2025-11-25T14:00:03.200Z"), AT);
	assert_int_equal(time_of_text("2025-11-25T14:00:03Z"), AT - 200);
	assert_int_equal(time_of_text("yesterday"), 0);
	assert_int_equal(time_of_text("2025-11-25T14:00:03+01:00"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_down_says_what_where_since_when_and_who_was_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_notice_and_what_is_not_told_say_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_up_says_how_long_it_lasted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_system_s_own_trouble_names_its_component, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_body_that_cannot_be_read_still_gives_a_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_day_has_its_date, set_up, tear_down),
		cmocka_unit_test_setup_teardown(json_is_the_body_with_id_and_whether_it_was_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(times_are_read_with_and_without_parts_of_a_second_and_nothing_else_is,
						set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
