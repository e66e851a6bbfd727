/* test_config_time.c - points in time and durations, read and written. */
#include "config/config_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char why[200];

static void is_time(const char *text, uint64_t ms)
{
	uint64_t got = 0;
	if (!time_parse(text, &got, why, sizeof why))
		fail_msg("%s %s", text, why);
	if (got != ms)
		fail_msg("%s is %llu and not %llu", text, (unsigned long long)got, (unsigned long long)ms);
}

static void is_no_time(const char *text, const char *sentence)
{
	uint64_t got;
	if (time_parse(text, &got, why, sizeof why))
		fail_msg("%s was taken", text);
	assert_string_equal(why, sentence);
}

static void times_of_rfc_3339_are_read(void **state)
{
	(void)state;
	is_time("1970-01-01T00:00:01Z", 1000);
	is_time("2026-12-01T22:00:00Z", 1796162400000);
	is_time("2026-12-01t22:00:00z", 1796162400000);
	is_time("2026-12-01 22:00:00Z", 1796162400000);
	is_time("2026-12-01T23:30:00+01:30", 1796162400000);
	is_time("2026-12-01T20:00:00-02:00", 1796162400000);
	is_time("2026-12-01T22:00:00.5Z", 1796162400500);
	is_time("2026-12-01T22:00:00.1239999Z", 1796162400123);
	is_time("2028-02-29T00:00:00Z", 1835395200000);
	is_time("9999-12-31T23:59:59.999Z", SLOT_LAST_MS);
}

static void what_is_no_time_is_said_to_be_none(void **state)
{
	static const char *const wrong[] = { "", "2026", "2026-12-01", "2026-12-1T22:00:00Z", "26-12-01T22:00:00Z", " 2026-12-01T22:00:00Z",
					     "2026-12-01T22:00Z", "2026-12-01T22:00:00.Z", "2026/12/01T22:00:00Z", "+026-12-01T22:00:00Z" };
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		is_no_time(wrong[i], "is not a time such as 2026-12-01T22:00:00Z");
	is_no_time("2026-12-01T22:00:00", "says no time zone: put Z (UTC) or an offset such as +01:00 behind it");
	for (const char *const *zone = (const char *const[]){ "2026-12-01T22:00:00 Z", "2026-12-01T22:00:00CET", "2026-12-01T22:00:00+0100",
							     "2026-12-01T22:00:00+24:00", "2026-12-01T22:00:00Zx", NULL }; *zone; zone++)
		is_no_time(*zone, "does not end with Z or an offset such as +01:00");
	for (const char *const *day = (const char *const[]){ "2026-13-01T22:00:00Z", "2026-02-29T22:00:00Z", "2026-04-31T22:00:00Z",
							    "2026-00-01T22:00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T22:60:00Z", NULL }; *day; day++)
		is_no_time(*day, "does not exist in the calendar");
	is_no_time("1969-12-31T23:59:59Z", "is not between 1970 and 9999");
	is_no_time("9999-12-31T23:59:59-01:00", "is not between 1970 and 9999");
}

static void what_is_written_is_what_was_read(void **state)
{
	static const uint64_t some[] = { 1000, 1796162400000, 1796162400001, SLOT_LAST_MS };
	(void)state;
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		char text[CONFIG_TIME_MAX];
		config_time_write(some[i], text);
		is_time(text, some[i]);
	}
}

static void a_duration_has_the_unit_in_which_people_say_it(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} some[] = { { 0, "0" }, { 1, "1ms" }, { 1500, "1500ms" }, { 2000, "2s" }, { 60000, "60s" }, { 90000, "90s" }, { 120000, "2m" },
		     { 3600000, "1h" }, { 5400000, "90m" }, { 86400000, "1d" }, { 90000000, "25h" } };
	(void)state;
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		char text[CONFIG_TIME_MAX];
		config_duration_write(some[i].ms, text);
		assert_string_equal(text, some[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_of_rfc_3339_are_read),
		cmocka_unit_test(what_is_no_time_is_said_to_be_none),
		cmocka_unit_test(what_is_written_is_what_was_read),
		cmocka_unit_test(a_duration_has_the_unit_in_which_people_say_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
