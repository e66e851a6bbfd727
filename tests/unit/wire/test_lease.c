/* test_lease.c - one holder at a time, asked of a real Redis. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "redis_child.h"

#include "base/clock.h"
#include "wire/lease.h"
#include <time.h>

static struct redis_child child;
static struct redis_link *one, *two;

static int fresh(void **state)
{
	(void)state;
	come_up_now(one);
	come_up_now(two);
	answers(one, "OK", "FLUSHALL");
	return 0;
}

static void pass_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 }, NULL);
}

/* Asks until it is held, as a process does in its loop; how long that took in ms. */
static unsigned await_held(struct lease *l, unsigned most_ms)
{
	uint64_t from = clock_ns();
	while (!lease_hold(l)) {
		if (clock_ns() - from > most_ms * NS_PER_MS)
			fail_msg("not held after %u ms", most_ms);
		pass_ms(5);
	}
	return (unsigned)((clock_ns() - from) / NS_PER_MS);
}

static long long left_ms(void)
{
	struct redis_reply *reply = redis_ask(one, "PTTL k");
	long long ms = reply_integer(reply);
	redis_reply_free(reply);
	return ms;
}

static void of_two_that_ask_one_holds_it(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 10000), *b = lease_new(two, "k", "b", 10000);
	(void)state;
	assert_true(lease_hold(a));
	assert_false(lease_hold(b));
	answers(one, "a", "GET k");
	assert_in_range(left_ms(), 9000, 10000);
	assert_string_equal(lease_holder(b), "a");
	assert_true(lease_hold(a) && lease_is_held(a) && !lease_is_held(b));
	lease_free(a);
	lease_free(b);
}

static void it_is_renewed_before_it_can_expire(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 600), *b = lease_new(two, "k", "b", 600);
	uint64_t until = clock_ns() + 1500 * NS_PER_MS;
	(void)state;
	assert_true(lease_hold(a));
	while (clock_ns() < until) {
		assert_true(lease_hold(a));
		assert_false(lease_hold(b));
		pass_ms(5);
	}
	assert_int_equal(lease_taken(a), 1);
	lease_free(a);
	lease_free(b);
}

static void what_is_released_goes_to_the_next_at_once(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 10000), *b = lease_new(two, "k", "b", 10000);
	(void)state;
	assert_true(lease_hold(a));
	assert_false(lease_hold(b));
	assert_true(lease_release(a));
	assert_false(lease_is_held(a));
	assert_in_range(await_held(b, 1000), 0, 1000);
	assert_false(lease_release(a));
	assert_false(lease_hold(a));
	answers(one, "b", "GET k");
	lease_free(a);
	lease_free(b);
}

static void a_holder_that_is_gone_is_replaced_when_its_time_is_over(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 500), *b = lease_new(two, "k", "b", 500);
	(void)state;
	assert_true(lease_hold(a));
	lease_free(a); /* as after a crash */
	assert_in_range(await_held(b, 1000), 300, 1000);
	lease_free(b);
}

static void it_is_lost_when_redis_says_that_another_has_it(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 1000);
	uint64_t from = clock_ns();
	(void)state;
	assert_true(lease_hold(a));
	answers(two, "OK", "SET k thief PX 500");
	while (lease_hold(a)) {
		assert_true(clock_ns() - from < 900 * NS_PER_MS);
		pass_ms(5);
	}
	assert_string_equal(lease_holder(a), "thief");
	assert_false(lease_release(a));
	answers(two, "thief", "GET k");
	await_held(a, 1500);
	assert_int_equal(lease_taken(a), 2);
	lease_free(a);
}

static void it_is_not_believed_longer_than_its_time_whatever_redis_does(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 300);
	uint64_t from = clock_ns(), held_until = 0;
	(void)state;
	assert_true(lease_hold(a));
	redis_link_drop(one, "a test");
	while (lease_hold(a)) {
		held_until = clock_ns();
		pass_ms(2);
	}
	assert_in_range((held_until - from) / NS_PER_MS, 200, 300);
	lease_free(a);
	pass_ms(100); /* the back-off of the link */
}

static void one_that_was_stopped_hears_of_its_loss_before_it_takes_it_again(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 200);
	(void)state;
	assert_true(lease_hold(a));
	pass_ms(250);
	assert_false(lease_is_held(a));
	assert_false(lease_hold(a));
	assert_true(lease_hold(a));
	assert_int_equal(lease_taken(a), 2);
	lease_free(a);
}

static void a_full_redis_takes_it_from_nobody(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 400);
	uint64_t until = clock_ns() + 1000 * NS_PER_MS;
	(void)state;
	assert_true(lease_hold(a));
	answers(two, "OK", "CONFIG SET maxmemory 1");
	answers(two, "OOM", "SET x y");
	while (clock_ns() < until) {
		assert_true(lease_hold(a));
		pass_ms(5);
	}
	answers(two, "OK", "CONFIG SET maxmemory 0");
	lease_free(a);
}

static void a_key_that_is_no_text_is_not_held(void **state)
{
	struct lease *a = lease_new(one, "k", "a", 300);
	(void)state;
	answers(two, "", "LPUSH k x");
	assert_false(lease_hold(a));
	answers(one, "PONG", "PING"); /* still in step */
	lease_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(of_two_that_ask_one_holds_it, fresh),
		cmocka_unit_test_setup(it_is_renewed_before_it_can_expire, fresh),
		cmocka_unit_test_setup(what_is_released_goes_to_the_next_at_once, fresh),
		cmocka_unit_test_setup(a_holder_that_is_gone_is_replaced_when_its_time_is_over, fresh),
		cmocka_unit_test_setup(it_is_lost_when_redis_says_that_another_has_it, fresh),
		cmocka_unit_test_setup(it_is_not_believed_longer_than_its_time_whatever_redis_does, fresh),
		cmocka_unit_test_setup(one_that_was_stopped_hears_of_its_loss_before_it_takes_it_again, fresh),
		cmocka_unit_test_setup(a_full_redis_takes_it_from_nobody, fresh),
		cmocka_unit_test_setup(a_key_that_is_no_text_is_not_held, fresh),
	};
	if (!redis_child_start(&child, "")) {
		redis_child_end(&child);
		return skip_all("redis-server is not installed or does not start");
	}
	one = link_up_to(&child, "");
	two = link_up_to(&child, "");
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_link_free(one);
	redis_link_free(two);
	redis_child_end(&child);
	return failed;
}
