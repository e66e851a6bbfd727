/* test_quiet.c - what is not told, and why. */
#include "alerts/quiet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE 60000ull

/* Changes every so many minutes; the number of the one with which flapping begins, 0 if it never does. */
static unsigned begins_at(double every_min, unsigned interval_ms)
{
	struct flap f = {0};

	for (unsigned i = 1; i <= 200; i++)
		if (flap_change(&f, interval_ms, (uint64_t)(1e9 + i * every_min * MINUTE)))
			return i;
	return 0;
}

static void quick_cycles_flap_at_the_third_down_and_slow_ones_at_the_end_of_the_third_cycle(void **state)
{
	(void)state;
	assert_int_equal(begins_at(0.5, 60000), 5);
	assert_int_equal(begins_at(2, 60000), 5);
	assert_int_equal(begins_at(5, 60000), 6);
}

static void a_change_every_quarter_of_an_hour_is_no_flapping(void **state)
{
	(void)state;
	assert_int_equal(begins_at(15, 60000), 0);
}

static void the_first_down_never_flaps(void **state)
{
	struct flap f = {0};
	(void)state;
	assert_false(flap_change(&f, 1000, 1));
	assert_false(f.on);
}

static void long_intervals_stretch_the_window(void **state)
{
	(void)state;
	assert_int_equal(flap_window_ms(60000), 30 * MINUTE);
	assert_int_equal(flap_window_ms(300000), 50 * MINUTE);
	assert_int_equal(flap_calm_ms(60000), 10 * MINUTE);
	assert_int_equal(flap_calm_ms(300000), 25 * MINUTE);
	assert_int_equal(begins_at(15, 600000), 6);
}

static void it_ends_when_one_state_has_held_for_ten_minutes(void **state)
{
	struct flap f = {0};
	uint64_t now_ms = 1e9;
	(void)state;
	for (; !f.on; now_ms += MINUTE)
		flap_change(&f, 60000, now_ms);
	now_ms = f.changed_ms;
	assert_false(flap_settle(&f, 60000, now_ms + 10 * MINUTE - 1));
	assert_true(flap_settle(&f, 60000, now_ms + 10 * MINUTE));
	assert_false(flap_settle(&f, 60000, now_ms + 10 * MINUTE));
	assert_true(flap_is_over(&f, 60000, now_ms + 10 * MINUTE));
	assert_false(flap_change(&f, 60000, now_ms + 11 * MINUTE)); /* and begins anew from nothing */
}

static void the_penalty_halves_in_a_window(void **state)
{
	struct flap f = {0};
	(void)state;
	flap_change(&f, 60000, 0);
	flap_change(&f, 60000, 30 * MINUTE);
	assert_in_range(f.penalty, 65536 * 3 / 2 - 100, 65536 * 3 / 2 + 100);
}

static const char *judged(enum event_kind kind, enum canary canary, bool flapping, const struct watch_env *env)
{
	static char why[QUIET_WHY_MAX];

	switch (quiet_judge(kind, canary, flapping, env, 10000, why)) {
	case QUIET_TELL:
		return "told";
	case QUIET_WAIT:
		return "waits";
	default:
		return why;
	}
}

static void each_reason_not_to_tell_is_said(void **state)
{
	const struct watch_env plain = {.now_ms = 9000}, window = {.now_ms = 9000, .maintenance = "minor upgrade"};
	const struct watch_env bare = {.now_ms = 9000, .maintenance = ""};
	const struct watch_env under = {.now_ms = 9000, .parent = PARENT_DOWN, .parent_name = "core-switch"};
	const struct watch_env held = {.now_ms = 9000, .parent = PARENT_SUSPECT}, later = {.now_ms = 10000, .parent = PARENT_SUSPECT};
	(void)state;
	assert_string_equal(judged(EVENT_DOWN, CANARY_NONE, false, &plain), "told");
	assert_string_equal(judged(EVENT_DOWN, CANARY_NONE, false, &window), "maintenance: minor upgrade");
	assert_string_equal(judged(EVENT_DOWN, CANARY_NONE, false, &bare), "maintenance");
	assert_string_equal(judged(EVENT_DOWN, CANARY_NONE, false, &under), "its parent core-switch is down");
	assert_string_equal(judged(EVENT_DOWN, CANARY_NONE, true, &plain), "flapping");
	assert_string_equal(judged(EVENT_PATH, CANARY_NONE, true, &plain), "told");
	assert_string_equal(judged(EVENT_FLAPPING, CANARY_NONE, true, &plain), "told");
	assert_string_equal(judged(EVENT_DOWN, CANARY_DOWN, false, &plain), "a canary that is meant to be down");
	assert_string_equal(judged(EVENT_DOWN, CANARY_UP, false, &plain),
			    "a canary: it speaks about its regions, not about its target");
	assert_string_equal(judged(EVENT_DOWN, CANARY_NONE, false, &held), "waits");
	assert_string_equal(judged(EVENT_DOWN, CANARY_NONE, false, &later), "told");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quick_cycles_flap_at_the_third_down_and_slow_ones_at_the_end_of_the_third_cycle),
		cmocka_unit_test(a_change_every_quarter_of_an_hour_is_no_flapping),
		cmocka_unit_test(the_first_down_never_flaps),
		cmocka_unit_test(long_intervals_stretch_the_window),
		cmocka_unit_test(it_ends_when_one_state_has_held_for_ten_minutes),
		cmocka_unit_test(the_penalty_halves_in_a_window),
		cmocka_unit_test(each_reason_not_to_tell_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
