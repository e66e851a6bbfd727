/* test_destination_cap.c - turns at an address, and jobs that wait for theirs. */
#include "base/clock.h"
#include "base/must.h"
#include "engine/destination_cap.h"
#include "engine/parked.h"

#include "loopback.h"

static struct job job_at(uint32_t address, uint16_t port)
{
	struct job job = { .family = FAMILY_V4, .port = port };
	address = htonl(address);
	memcpy(job.address, &address, 4);
	return job;
}

static void no_second_sees_more_connects_than_were_asked_for(void **state)
{
	enum { ASKED = 500, PER_SECOND = 7 };
	struct destination_cap *cap = destination_cap_new(PER_SECOND);
	struct job job = job_at(0x0a000001, 22);
	uint64_t at[ASKED], now = 5 * NS_PER_S;
	(void)state;
	for (unsigned i = 0; i < ASKED; i++) {
		now += chance(100) * NS_PER_MS;
		job.port = (uint16_t)(1 + chance(1000)); /* all ports of an address together */
		const uint64_t due = destination_cap_take(cap, &job, now, UINT64_MAX - 1);
		at[i] = due ? due : now;
		assert_true(at[i] >= now);
		if (i >= PER_SECOND)
			assert_true(at[i] - at[i - PER_SECOND] >= NS_PER_S / PER_SECOND * PER_SECOND);
	}
	destination_cap_free(cap);
}

static void addresses_do_not_wait_for_one_another(void **state)
{
	struct destination_cap *cap = destination_cap_new(1);
	(void)state;
	for (uint32_t i = 0; i < 500; i++) { /* of 65,536: no set of buckets overflows by chance */
		struct job job = job_at(0x0a000000 + i, 22);
		assert_int_equal(destination_cap_take(cap, &job, NS_PER_S, UINT64_MAX - 1), 0);
	}
	destination_cap_free(cap);
}

/* Four of a row have a bucket each: of 5,000 in 16,384 rows 0.27 find theirs full on average, more than eight about never. */
static void five_thousand_addresses_hardly_ever_share_a_bucket(void **state)
{
	struct destination_cap *cap = destination_cap_new(1);
	unsigned waiting = 0;
	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		struct job job = job_at(0x0a000000 + i, 22);
		waiting += destination_cap_take(cap, &job, NS_PER_S, UINT64_MAX - 1) != 0;
	}
	assert_true(waiting <= 8);
	destination_cap_free(cap);
}

static void more_addresses_than_there_is_room_for_are_slower_and_never_faster(void **state)
{
	struct destination_cap *cap = destination_cap_new(1);
	uint32_t now_free = 0;
	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 200000; i++) {
			struct job job = job_at(i + 1, 22);
			now_free += destination_cap_take(cap, &job, NS_PER_S, NS_PER_S) == 0;
		}
	assert_true(now_free > 60000 && now_free <= 65536); /* one a bucket, and none a second time */
	destination_cap_free(cap);
}

static void who_would_come_too_late_takes_no_turn_from_others(void **state)
{
	struct destination_cap *cap = destination_cap_new(2);
	struct job job = job_at(0x0a000001, 22);
	(void)state;
	assert_int_equal(destination_cap_take(cap, &job, NS_PER_S, 2 * NS_PER_S), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(destination_cap_take(cap, &job, NS_PER_S, NS_PER_S + NS_PER_S / 4), CAP_NOT_IN_TIME);
	assert_int_equal(destination_cap_take(cap, &job, NS_PER_S, 2 * NS_PER_S), NS_PER_S + NS_PER_S / 2);
	destination_cap_free(cap);
}

static void the_earliest_comes_first_whatever_the_order_of_parking(void **state)
{
	struct parked p = { 0 };
	uint64_t last = 0;
	(void)state;
	assert_null(parked_first(&p));
	for (unsigned i = 0; i < 3000; i++)
		assert_true(parked_add(&p, chance(1000), NULL, i));
	for (unsigned i = 0; i < 3000; i++) {
		assert_true(parked_first(&p)->due_ns >= last);
		last = parked_first(&p)->due_ns;
		parked_drop_first(&p);
		if (i % 3 == 0) {
			assert_true(parked_add(&p, last + chance(50), NULL, i));
			assert_true(parked_first(&p)->due_ns >= last);
		}
	}
	assert_int_equal(p.count, 1000);
	parked_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_second_sees_more_connects_than_were_asked_for),
		cmocka_unit_test(addresses_do_not_wait_for_one_another),
		cmocka_unit_test(five_thousand_addresses_hardly_ever_share_a_bucket),
		cmocka_unit_test(more_addresses_than_there_is_room_for_are_slower_and_never_faster),
		cmocka_unit_test(who_would_come_too_late_takes_no_turn_from_others),
		cmocka_unit_test(the_earliest_comes_first_whatever_the_order_of_parking),
	};
	chance_seed();
	return cmocka_run_group_tests_name("engine/destination_cap", tests, NULL, NULL);
}
