/* test_status.c - what is known of monitors, regions and components, and how it is shown. */
#include "cli/status_print.h"

#include "cli_test.h"

#include "base/json.h"
#include "cli/row_format.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW 1764000100000ull

static struct status s;
static struct text out;

static int set_up(void **state)
{
	(void)state;
	s = (struct status){ .at_ms = NOW, .shards = 1, .regions = 3 };
	strcpy(s.region[0].name, "eu");
	strcpy(s.region[1].name, "us");
	strcpy(s.region[2].name, "ap");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	status_free(&s);
	text_free(&out);
	return 0;
}

static void take(const char *name, const char *state)
{
	static const char monitor[] = "{\"target\":\"198.51.100.7:5432\",\"interval_ms\":10000}";
	status_take(&s, name, strlen(name), monitor, strlen(monitor), state, strlen(state));
}

static void saw(unsigned region, const char *monitor, uint64_t slot_ms, enum verdict verdict, uint32_t rtt_us)
{
	const struct result r = { .monitor = monitor, .host = "", .detail = "", .slot_ms = slot_ms, .port = 5432,
				  .outcome = { .verdict = (uint8_t)verdict, .rtt_us = rtt_us } };
	status_take_result(&s, region, &r);
}

static const char *table(unsigned columns, unsigned lines)
{
	const struct status_look_how how = { .columns = columns, .lines = lines };
	text_reset(&out);
	status_table(&out, &s, &how);
	return out.data;
}

static void counts_say_what_is_well_first_then_the_worst(void **state)
{
	(void)state;
	take("a", "{\"state\":\"up\",\"since_ms\":1764000000000}");
	take("b", "{\"state\":\"up\",\"since_ms\":1764000000000}");
	take("c", "{\"state\":\"path\",\"scope\":\"path\",\"since_ms\":1764000000000}");
	take("d", "{\"state\":\"down\",\"scope\":\"service\",\"verdict\":\"closed\",\"since_ms\":1764000000000}");
	take("e", "");
	s.newest_ms = NOW - 2000;
	status_settle(&s, NULL);
	status_count_line(&out, &s, true);
	assert_string_equal(out.data, "5 monitors: 2 up, 1 down, 1 path issue, 1 new; 3 regions; data 2.0 s old");
}

static void the_worst_stands_first_and_then_what_lasts_longest(void **state)
{
	(void)state;
	take("up-1", "{\"state\":\"up\",\"since_ms\":1}");
	take("down-young", "{\"state\":\"down\",\"since_ms\":1764000090000}");
	take("unknown-1", "{\"state\":\"unknown\",\"since_ms\":5}");
	take("down-old", "{\"state\":\"down\",\"since_ms\":1764000000000}");
	status_settle(&s, NULL);
	const struct status_row **order = status_order(&s);
	assert_string_equal(order[0]->name, "down-old");
	assert_string_equal(order[1]->name, "down-young");
	assert_string_equal(order[2]->name, "unknown-1");
	assert_string_equal(order[3]->name, "up-1");
	free(order);
}

static void a_paused_monitor_is_paused_whatever_was_decided_before(void **state)
{
	(void)state;
	static const char paused[] = "{\"target\":\"198.51.100.7:1\",\"paused\":true}", down[] = "{\"state\":\"down\"}";
	status_take(&s, "p", 1, paused, strlen(paused), down, strlen(down));
	assert_int_equal(s.count[STATUS_PAUSED], 1);
	assert_int_equal(s.count[STATUS_DOWN], 0);
}

static void a_state_or_a_monitor_that_cannot_be_read_is_unknown_and_counted(void **state)
{
	(void)state;
	take("odd", "{\"state\":\"of a newer version\"}");
	take("broken", "nonsense");
	status_take(&s, "bad", 3, "{}", 2, "", 0);
	assert_int_equal(s.monitors, 3);
	assert_int_equal(s.count[STATUS_UNKNOWN], 3);
}

static void the_newest_result_of_a_region_wins_in_whatever_order_they_come(void **state)
{
	(void)state;
	take("m", "{\"state\":\"up\"}");
	status_settle(&s, NULL);
	saw(0, "m", NOW - 1000, VERDICT_OPEN, 400);
	saw(0, "m", NOW - 9000, VERDICT_CLOSED, 0);
	saw(0, "stranger", NOW, VERDICT_CLOSED, 0);
	assert_int_equal(status_find(&s, "m")->look[0].verdict, VERDICT_OPEN);
	saw(0, "m", NOW - 500, VERDICT_CLOSED, 0);
	assert_int_equal(status_find(&s, "m")->look[0].verdict, VERDICT_CLOSED);
	assert_int_equal(status_missing(&s, 0, 0), 0);
	assert_int_equal(status_missing(&s, 1, 0), 1);
}

static void what_regions_saw_stays_over_a_new_reading_unless_the_target_changed(void **state)
{
	(void)state;
	static const char other[] = "{\"target\":\"198.51.100.8:1\"}";
	struct status old;
	take("m", "{\"state\":\"up\"}");
	take("n", "{\"state\":\"up\"}");
	status_settle(&s, NULL);
	saw(1, "m", NOW, VERDICT_OPEN, 700);
	saw(1, "n", NOW, VERDICT_OPEN, 700);
	old = s;
	s = (struct status){ .at_ms = NOW + 1000, .shards = 1, .regions = 1 };
	strcpy(s.region[0].name, "us"); /* the others are gone */
	take("m", "{\"state\":\"up\"}");
	status_take(&s, "n", 1, other, strlen(other), "", 0);
	status_settle(&s, &old);
	assert_int_equal(status_find(&s, "m")->look[0].rtt_us, 700);
	assert_int_equal(status_find(&s, "n")->look[0].slot_ms, 0);
	status_free(&old);
}

static void more_rows_than_are_kept_are_counted_and_the_worst_stay(void **state)
{
	(void)state;
	char name[16];
	for (int i = 0; i < STATUS_ROWS_MAX + 10; i++) {
		snprintf(name, sizeof name, "up-%d", i);
		take(name, "{\"state\":\"up\"}");
	}
	take("late", "{\"state\":\"down\"}");
	status_settle(&s, NULL);
	assert_int_equal(s.monitors, STATUS_ROWS_MAX + 11);
	assert_int_equal(s.rows, STATUS_ROWS_MAX);
	assert_true(s.cut);
	assert_non_null(status_find(&s, "late"));
}

/* ---- the table ---- */

static void three_monitors(void)
{
	take("pg-primary",
	     "{\"state\":\"down\",\"scope\":\"service\",\"verdict\":\"closed\",\"since_ms\":1764000088000}");
	take("smtp", "{\"state\":\"path\",\"scope\":\"path\",\"verdict\":\"filtered\",\"since_ms\":1764000097000}");
	take("ssh", "{\"state\":\"up\",\"since_ms\":1763990000000}");
	status_settle(&s, NULL);
	for (unsigned r = 0; r < 3; r++) {
		saw(r, "pg-primary", NOW - 1000, VERDICT_CLOSED, 0);
		saw(r, "smtp", NOW - 1000, r == 2 ? VERDICT_FILTERED : VERDICT_OPEN, 410);
		saw(r, "ssh", NOW - 1000, VERDICT_OPEN, 95000);
	}
}

static void a_wide_terminal_shows_every_region(void **state)
{
	(void)state;
	three_monitors();
	const char *t = table(0, 0);
	assert_contains(t, "STATE  MONITOR     TARGET             FOR    VERDICT   SCOPE    eu        us        ap\n");
	assert_contains(t,
			"DOWN   pg-primary  198.51.100.7:5432  12 s   closed    service  closed    closed    closed\n");
	assert_contains(
		t, "PATH   smtp        198.51.100.7:5432  3.0 s  filtered  path     0.41 ms   0.41 ms   filtered\n");
	assert_contains(
		t, "UP     ssh         198.51.100.7:5432  2 h                       95.00 ms  95.00 ms  95.00 ms\n");
	assert_contains(t, "no scheduler, no alerts process, engines: no engine in eu, ");
}

static void widest_line(const char *t, unsigned *widest)
{
	*widest = 0;
	for (size_t len; *t; t += len + (t[len] == '\n')) {
		len = strcspn(t, "\n");
		char line[400];
		snprintf(line, sizeof line, "%.*s", (int)len, t);
		if (strncmp(t, "heartbeats", 10) != 0 && text_columns(line) > *widest)
			*widest = text_columns(line);
	}
}

static void eighty_columns_are_enough_for_three_regions_and_for_nine(void **state)
{
	(void)state;
	unsigned widest;
	three_monitors();
	const char *t = table(80, 0);
	widest_line(t, &widest);
	assert_true(widest <= 80);
	assert_contains(t, "filtered\n");
	s.regions = 9;
	for (unsigned r = 3; r < 9; r++)
		snprintf(s.region[r].name, sizeof s.region[r].name, "region-%u", r);
	t = table(80, 0);
	widest_line(t, &widest);
	assert_true(widest <= 80);
	assert_contains(t, "2 up, 1 down");
}

static void few_lines_show_the_worst_and_say_how_many_are_left_out(void **state)
{
	(void)state;
	three_monitors();
	const char *t = table(80, 7);
	assert_contains(t, "pg-primary");
	assert_contains(t, "... and 2 more");
	assert_null(strstr(t, "ssh"));
}

static void a_region_in_trouble_and_heartbeats_stand_below(void **state)
{
	(void)state;
	static const char silent[] =
		"{\"state\":\"silent\",\"since_ms\":1764000075000,\"why\":\"no engine has answered for 20 s\"}";
	static const char full[] = "{\"component\":\"redis\",\"problem\":\"it is full\",\"since_ms\":1764000000000}";
	three_monitors();
	status_take_region(&s, 2, silent, strlen(silent));
	status_take_problem(&s, full, strlen(full));
	status_take_heartbeat(&s, "pw", "pw:hb:scheduler:host-1", "at=1764000099000 version=1");
	status_take_heartbeat(&s, "pw", "pw:{eu.0}:hb:host-2", "at=1764000098000 version=1");
	status_take_heartbeat(&s, "pw", "pw:{eu.1}:hb:host-2", "at=1764000099500 version=1");
	status_take_heartbeat(&s, "pw", "other:{eu.1}:hb:host-2", "at=1764000099500 version=1");
	assert_int_equal(s.components, 2);
	const char *t = table(0, 0);
	assert_contains(t, "region ap is silent for 25 s: no engine has answered for 20 s\n");
	assert_contains(t, "redis: it is full\n");
	assert_contains(t, "heartbeats: scheduler 1.0 s, no alerts process, engines: eu 0.5 s, no engine in us, no "
			   "engine in ap\n");
}

static void a_result_older_than_two_and_a_half_intervals_is_old(void **state)
{
	(void)state;
	const struct status_row row = { .interval_ms = 10000 };
	assert_false(status_look_is_old(&row, &(struct status_look){ .slot_ms = NOW - 25000 }, NOW));
	assert_true(status_look_is_old(&row, &(struct status_look){ .slot_ms = NOW - 30000 }, NOW));
}

/* ---- for programs, and changes ---- */

static void json_is_one_object_with_its_schema(void **state)
{
	(void)state;
	char why[160];
	three_monitors();
	status_json(&out, &s, NULL);
	json_t *o = json_read_object(out.data, out.len, why, sizeof why);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "schema")), "portwatch.status/1");
	const json_t *first = json_array_get(json_object_get(o, "monitors"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "since")), "2025-11-24T16:01:28.000Z");
	assert_int_equal(json_integer_value(json_object_get(first, "duration_ms")), 12000);
	assert_int_equal(json_array_size(json_object_get(first, "regions")), 3);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "summary"), "path")), 1);
	json_decref(o);
}

static void a_change_is_a_line_and_what_did_not_change_is_none(void **state)
{
	(void)state;
	struct status old = { .at_ms = NOW - 5000, .shards = 1, .regions = 3 };
	static const char monitor[] = "{\"target\":\"198.51.100.7:5432\"}",
			  up[] = "{\"state\":\"up\",\"since_ms\":1764000000000}";
	status_take(&old, "smtp", 4, monitor, strlen(monitor), up, strlen(up));
	status_take(&old, "ssh", 3, monitor, strlen(monitor), up, strlen(up));
	status_settle(&old, NULL);
	three_monitors();
	status_changes(&out, &old, &s, NULL);
	assert_string_equal(out.data,
			    "PATH ISSUE  smtp  198.51.100.7:5432  filtered from ap, path; was up for 100 s\n");
	status_free(&old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_say_what_is_well_first_then_the_worst, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_worst_stands_first_and_then_what_lasts_longest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_paused_monitor_is_paused_whatever_was_decided_before, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_state_or_a_monitor_that_cannot_be_read_is_unknown_and_counted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_newest_result_of_a_region_wins_in_whatever_order_they_come, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_regions_saw_stays_over_a_new_reading_unless_the_target_changed,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_rows_than_are_kept_are_counted_and_the_worst_stay, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_wide_terminal_shows_every_region, set_up, tear_down),
		cmocka_unit_test_setup_teardown(eighty_columns_are_enough_for_three_regions_and_for_nine, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(few_lines_show_the_worst_and_say_how_many_are_left_out, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_region_in_trouble_and_heartbeats_stand_below, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_result_older_than_two_and_a_half_intervals_is_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(json_is_one_object_with_its_schema, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_change_is_a_line_and_what_did_not_change_is_none, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
