/* test_dead_man.c - who is called as long as the path works.  Nobody listens at the URL: a call counts as failed. */
#include "alerts/dead_man.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>

static struct dead_man *start(void)
{
	char why[200];
	struct dead_man *d = dead_man_start("http://127.0.0.1:1/", 10, why, sizeof(why));

	assert_non_null(d);
	return d;
}

static uint64_t now_ms(void)
{
	return clock_ns() / NS_PER_MS;
}

static void without_a_canary_nobody_is_called(void **state)
{
	struct dead_man_counters c;
	struct dead_man *d = start();
	(void)state;
	do
		dead_man_look(d, &c);
	while (!c.withheld && sched_yield() == 0);
	assert_int_equal(c.called + c.failed, 0);
	dead_man_stop(d);
}

static void a_quick_canary_does_not_speak_against_a_slow_one(void **state)
{
	struct dead_man_counters c;
	struct dead_man *d = start();
	(void)state;
	dead_man_alive_until(d, now_ms() + 60000);
	dead_man_alive_until(d, now_ms()); /* over already */
	const uint64_t end_ms = now_ms() + 5000;
	do
		dead_man_look(d, &c);
	while (c.called + c.failed < 3 && now_ms() < end_ms && sched_yield() == 0);
	assert_true(c.called + c.failed >= 3);
	dead_man_stop(d);
}

static void no_url_is_no_dead_man(void **state)
{
	struct dead_man_counters c;
	char why[200];
	(void)state;
	assert_null(dead_man_start(NULL, 10, why, sizeof(why)));
	dead_man_alive_until(NULL, 1);
	dead_man_look(NULL, &c);
	assert_int_equal(c.called + c.failed + c.withheld, 0);
	dead_man_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_canary_nobody_is_called),
		cmocka_unit_test(a_quick_canary_does_not_speak_against_a_slow_one),
		cmocka_unit_test(no_url_is_no_dead_man),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
