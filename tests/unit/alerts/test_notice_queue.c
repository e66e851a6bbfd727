/* test_notice_queue.c - who is told next, with the time handed in. */
#include "notice.h"

#include "alerts/notice_queue.h"

static struct notice_queue queue;
static struct queued *due[NOTIFY_FOLD_MAX];

static int fresh(void **state)
{
	(void)state;
	memset(&queue, 0, sizeof(queue));
	return 0;
}

static int drain(void **state)
{
	(void)state;
	notice_queue_keep_shards(&queue, 0);
	assert_int_equal(queue.count, 0);
	return 0;
}

static struct queued *add_to(unsigned shard, uint64_t id, const char *monitor, bool page)
{
	bool known;
	struct notice n = notice_of("monitor.down", monitor, "i", page, false, "{}");
	return notice_queue_add(&queue, shard, id, 0, &n, 100, &known);
}

static struct queued *add(uint64_t id, const char *monitor)
{
	return add_to(0, id, monitor, true);
}

/* The monitors that are due now, as one word. */
static void assert_due(uint64_t now_ms, const char *expected)
{
	char got[200] = "";
	unsigned count = notice_queue_due(&queue, now_ms, due, NOTIFY_FOLD_MAX);
	for (unsigned i = 0; i < count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", due[i]->notice.monitor);
	assert_string_equal(got, expected);
}

static void the_oldest_of_a_monitor_goes_first_and_the_others_of_it_wait(void **state)
{
	struct queued *down = add(1, "a"), *up = add(2, "a");
	(void)state;
	add(3, "b");
	assert_due(100, "a b");
	assert_ptr_equal(due[0], down);
	notice_queue_later(down, 500);
	assert_due(400, "b");
	assert_due(500, "b a");
	assert_ptr_equal(due[1], down);
	notice_queue_settle(&queue, down, OUTCOME_DELIVERED, "");
	assert_due(100, "a b");
	assert_ptr_equal(due[0], up);
}

static void events_of_the_system_are_kept_in_order_by_incident(void **state)
{
	bool known;
	struct notice one = notice_of("system.problem", "", "region eu/1", false, false, "{}");
	struct notice two = notice_of("system.problem", "", "region us/1", false, false, "{}");
	(void)state;
	notice_queue_add(&queue, 0, 1, 0, &one, 0, &known);
	notice_queue_add(&queue, 0, 2, 0, &two, 0, &known);
	one.resolved = true;
	notice_queue_add(&queue, 0, 3, 0, &one, 0, &known);
	assert_int_equal(notice_queue_due(&queue, 0, due, NOTIFY_FOLD_MAX), 2);
}

static void pages_go_before_notices(void **state)
{
	(void)state;
	add_to(0, 1, "notice", false);
	add_to(0, 2, "page", true);
	assert_due(100, "page notice");
	assert_int_equal(notice_queue_due(&queue, 100, due, 1), 1);
	assert_string_equal(due[0]->notice.monitor, "page");
}

static void what_is_read_again_is_known(void **state)
{
	bool known;
	struct notice n = notice_down();
	(void)state;
	struct queued *e = notice_queue_add(&queue, 3, 7, 1, &n, 0, &known);
	assert_non_null(e);
	assert_false(known);
	assert_null(notice_queue_add(&queue, 3, 7, 1, &n, 0, &known));
	assert_true(known);
	assert_non_null(notice_queue_add(&queue, 4, 7, 1, &n, 0, &known));
	notice_queue_settle(&queue, e, OUTCOME_DELIVERED, "");
	assert_null(notice_queue_add(&queue, 3, 7, 1, &n, 0, &known)); /* told, and not acknowledged yet */
	assert_int_equal(queue.count, 2);
}

static void what_comes_late_takes_its_place_before_what_is_younger(void **state)
{
	(void)state;
	struct queued *up = add(9, "a");
	add_to(1, 3, "b", false);
	struct queued *down = add(5, "a");
	assert_due(100, "a b");
	assert_ptr_equal(due[0], down);
	assert_true(up->blocked);
}

static void a_hold_stops_everything(void **state)
{
	(void)state;
	add(1, "a");
	queue.hold_ms = 900;
	assert_due(899, "");
	assert_int_equal(notice_queue_next_ms(&queue), 900);
	assert_due(900, "a");
}

static void the_next_time_is_that_of_the_first_who_may_be_told(void **state)
{
	struct queued *a = add(1, "a");
	(void)state;
	assert_int_equal(notice_queue_next_ms(&queue), 100);
	add(2, "a");
	notice_queue_later(a, 700);
	assert_int_equal(notice_queue_next_ms(&queue), 700); /* the second one is blocked */
	notice_queue_settle(&queue, a, OUTCOME_GIVEN_UP, "");
	assert_int_equal(notice_queue_next_ms(&queue), 100);
	notice_queue_settle(&queue, queue.first, OUTCOME_DELIVERED, "");
	assert_true(notice_queue_next_ms(&queue) == UINT64_MAX);
}

static void good_news_wake_those_whom_nobody_answered_and_only_them(void **state)
{
	struct queued *unheard = add(1, "a"), *refused = add(2, "b");
	(void)state;
	notice_queue_later(unheard, 5000);
	unheard->unheard = true;
	notice_queue_later(refused, 6000);
	notice_queue_wake(&queue, 200);
	assert_due(200, "a");
	assert_true(unheard->woken);
	assert_int_equal(unheard->planned_ms, 5000);
}

static void one_that_must_be_alone_is_alone(void **state)
{
	(void)state;
	add(1, "a");
	add(2, "b")->alone = true;
	add(3, "c");
	assert_due(100, "b");
}

static void a_lost_shard_is_forgotten_and_no_other(void **state)
{
	(void)state;
	add_to(0, 1, "a", true);
	add_to(5, 2, "b", true);
	notice_queue_settle(&queue, add_to(0, 3, "c", true), OUTCOME_DELIVERED, "");
	notice_queue_settle(&queue, add_to(5, 4, "d", true), OUTCOME_DELIVERED, "");
	notice_queue_keep_shards(&queue, 1 << 5);
	assert_due(100, "b");
	assert_string_equal(queue.settled->notice.monitor, "d");
	assert_null(queue.settled->next);
	assert_int_equal(queue.count, 2);
}

static void the_oldest_is_told_by_its_entry(void **state)
{
	(void)state;
	assert_int_equal(notice_queue_oldest_ms(&queue), 0);
	add_to(1, 900, "a", true);
	add_to(0, 500, "b", true);
	assert_int_equal(notice_queue_oldest_ms(&queue), 500);
}

int main(void)
{
#define queue_test(name) cmocka_unit_test_setup_teardown(name, fresh, drain)
	const struct CMUnitTest tests[] = {
		queue_test(the_oldest_of_a_monitor_goes_first_and_the_others_of_it_wait),
		queue_test(events_of_the_system_are_kept_in_order_by_incident),
		queue_test(pages_go_before_notices),
		queue_test(what_is_read_again_is_known),
		queue_test(what_comes_late_takes_its_place_before_what_is_younger),
		queue_test(a_hold_stops_everything),
		queue_test(the_next_time_is_that_of_the_first_who_may_be_told),
		queue_test(good_news_wake_those_whom_nobody_answered_and_only_them),
		queue_test(one_that_must_be_alone_is_alone),
		queue_test(a_lost_shard_is_forgotten_and_no_other),
		queue_test(the_oldest_is_told_by_its_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
