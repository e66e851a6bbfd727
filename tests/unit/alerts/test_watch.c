/* test_watch.c - one monitor through its stories: what is asked, what is decided, what is told. */
#include "tests/unit/alerts/scene.h"

static struct scene s;

static int end(void **state)
{
	(void)state;
	scene_end(&s);
	return 0;
}

static void a_monitor_is_new_until_two_regions_have_looked(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o\nus: 21o\nap: 41o", 20);
	scene_state(&s, WATCH_NEW);
	scene_until(&s, 22);
	scene_state(&s, WATCH_UP);
	scene_until(&s, 60);
	scene_expect(&s, "");
}

static void a_closed_port_is_down_as_soon_as_a_second_region_confirms_it(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60C 60.01C1\n"
		       "us: 21o     60.01C1\n"
		       "ap: 41o     60.01C1",
		   61);
	scene_expect(&s, "60.01 ask 1\n"
			 "60.02 down #1 service closed page\n");
	scene_state(&s, WATCH_DOWN);
	assert_int_equal(watch_scope(s.watch), SCOPE_SERVICE);
	assert_int_equal(watch_since_ms(s.watch), SCENE_T0 + 60000);
}

static void a_filtered_port_is_down_after_both_probes_of_the_round(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60F 63.2F1 65.2F2\n"
		       "us: 21o     63.2F1 65.2F2\n"
		       "ap: 41o     63.2F1 65.2F2",
		   70);
	scene_expect(&s, "63.20 ask 1\n"
			 "65.20 ask 2\n"
			 "68.40 down #1 service filtered page\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_monitor_is_new_until_two_regions_have_looked, end),
		cmocka_unit_test_teardown(a_closed_port_is_down_as_soon_as_a_second_region_confirms_it, end),
		cmocka_unit_test_teardown(a_filtered_port_is_down_after_both_probes_of_the_round, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
