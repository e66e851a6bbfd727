/* test_grid.c - slots of any interval and region: each once, where its number says, evenly spread. */
#include "scheduler_test.h"

#include "scheduler/grid.h"

#define NOW 1764000000000ull

static uint32_t any_interval(void)
{
	static const uint32_t some[] = { 1000, 1001, 1019, 1234, 7777, 20000, 60000, 90000, 119999, 120000, 120001, 3600000, 86400000 };
	return random() % 2 ? some[(unsigned)random() % (sizeof(some) / sizeof(some[0]))] : 1000 + (uint32_t)random() % 400000;
}

static void every_bucket_is_due_once_an_interval_and_at_the_slot_of_its_number(void **state)
{
	(void)state;
	seed_new();
	for (int round = 0; round < 40; round++) {
		struct grid g = grid_of(any_interval());
		unsigned regions = 1 + (unsigned)random() % 9, region = (unsigned)random() % regions;
		uint32_t shift = grid_shift(&g, region, regions), *seen = calloc(g.buckets, sizeof(*seen));
		uint64_t from = tick_of(NOW + (uint64_t)random() % 100000000), ticks = g.interval_ms / TICK_MS;
		assert_true(g.buckets <= GRID_BUCKETS_MAX && shift < g.interval_ms);
		for (uint64_t tick = from; tick < from + ticks * TICK_MS; tick += TICK_MS) {
			uint32_t bucket[2], k[2], number;
			unsigned due = grid_due(&g, shift, tick, bucket, k);
			for (unsigned i = 0; i < due; i++) {
				seen[bucket[i]]++;
				assert_int_equal(grid_slot_ms(&g, bucket[i], shift, k[i]), tick);
				assert_true(grid_number(&g, bucket[i], shift, tick, &number));
				assert_int_equal(number, k[i]);
				assert_false(grid_number(&g, bucket[i], shift, tick + TICK_MS, &number));
			}
		}
		/* ticks are a little less than an interval that is no multiple of one: a bucket may be due just behind them */
		uint32_t none = 0;
		for (uint32_t b = 0; b < g.buckets; b++) {
			assert_true(seen[b] <= 1);
			none += seen[b] == 0;
		}
		assert_true(none <= (g.interval_ms % TICK_MS ? 1 : 0));
		free(seen);
	}
}

static void counting_slots_agrees_with_going_through_them(void **state)
{
	(void)state;
	seed_new();
	for (int round = 0; round < 60; round++) {
		struct grid g = grid_of(1000 + (uint32_t)random() % 30000);
		uint32_t b = (uint32_t)random() % g.buckets, shift = grid_shift(&g, (unsigned)random() % 3, 3);
		uint64_t after = tick_of(NOW + (uint64_t)random() % 1000000), until = after + (uint64_t)random() % 5000 * TICK_MS, n = 0;
		for (uint64_t tick = after + TICK_MS; tick <= until; tick += TICK_MS) {
			uint32_t number;
			n += grid_number(&g, b, shift, tick, &number);
		}
		assert_int_equal(grid_count(&g, b, shift, after, until), n);
	}
}

static void regions_look_one_after_the_other_at_equal_distances(void **state)
{
	struct grid g = grid_of(60000);
	(void)state;
	for (unsigned r = 0; r < 9; r++)
		assert_in_range(grid_slot_ms(&g, 17, grid_shift(&g, r, 9), 1000) - grid_slot_ms(&g, 17, 0, 1000), 60000 * r / 9 / 20 * 20,
				60000 * r / 9);
}

static void names_spread_evenly_over_the_interval(void **state)
{
	enum { NAMES = 60000, PARTS = 60 };
	struct grid g = grid_of(60000);
	unsigned part[PARTS] = { 0 }, seed = seed_new();
	(void)state;
	for (unsigned i = 0; i < NAMES; i++) {
		char name[40];
		int len = snprintf(name, sizeof(name), "%x-monitor-%u", seed, i);
		part[grid_bucket(&g, monitor_hash(name, (size_t)len)) * PARTS / g.buckets]++;
	}
	for (unsigned i = 0; i < PARTS; i++) /* 1000 each; five standard deviations */
		assert_in_range(part[i], 1000 - 160, 1000 + 160);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bucket_is_due_once_an_interval_and_at_the_slot_of_its_number),
		cmocka_unit_test(counting_slots_agrees_with_going_through_them),
		cmocka_unit_test(regions_look_one_after_the_other_at_equal_distances),
		cmocka_unit_test(names_spread_evenly_over_the_interval),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
