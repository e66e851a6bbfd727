/* test_wheel.c - monitors in a wheel: due exactly once an interval and region, whatever comes and goes. */
#include "scheduler_test.h"

#include <errno.h>

#define NOW 1764000000000ull
#define MEMBERS 4000
#define REGIONS 3

static unsigned due[REGIONS][MEMBERS];
static bool in[MEMBERS];
static uint32_t interval[MEMBERS];

struct seen {
	unsigned region;
};

static void count(void *arg, uint32_t index, uint32_t k)
{
	const struct seen *s = arg;
	(void)k;
	assert_true(in[index]);
	due[s->region][index]++;
}

static void run(const struct wheel *w, uint64_t from, uint64_t until)
{
	memset(due, 0, sizeof(due));
	for (uint64_t tick = from; tick < until; tick += TICK_MS)
		for (unsigned r = 0; r < REGIONS; r++)
			for (unsigned t = 0; t < w->tables; t++)
				wheel_each_due(w, t, r, REGIONS, tick, count, &(struct seen){ r });
}

static void put(struct wheel *w, uint32_t i, uint32_t ms)
{
	char name[24];
	int len = snprintf(name, sizeof(name), "m%u", i);
	assert_int_equal(wheel_add(w, i, ms, monitor_hash(name, (size_t)len)), 0);
	in[i] = true;
	interval[i] = ms;
}

static void every_member_is_due_once_an_interval_in_each_region(void **state)
{
	static const uint32_t ms[] = { 1000, 2000, 5000, 10000, 30000 };
	struct wheel w = { 0 };
	(void)state;
	seed_new();
	memset(in, 0, sizeof(in));
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < MEMBERS; i++)
			if (!in[i] && random() % 2)
				put(&w, i, ms[random() % 5]);
			else if (in[i] && random() % 3 == 0) {
				wheel_remove(&w, i);
				in[i] = false;
			}
		run(&w, NOW, NOW + 30000);
		for (unsigned r = 0; r < REGIONS; r++)
			for (uint32_t i = 0; i < MEMBERS; i++)
				assert_int_equal(due[r][i], in[i] ? 30000 / interval[i] : 0);
	}
	wheel_free(&w);
}

static void a_table_is_free_again_when_its_last_member_left(void **state)
{
	struct wheel w = { 0 };
	(void)state;
	memset(in, 0, sizeof(in));
	for (uint32_t i = 0; i < 3 * WHEEL_TABLES_MAX; i++) {
		assert_int_equal(wheel_add(&w, 0, 1000 + i, 7), 0);
		wheel_remove(&w, 0);
	}
	assert_int_equal(w.tables, 1);
	for (uint32_t i = 0; i < WHEEL_TABLES_MAX; i++)
		assert_int_equal(wheel_add(&w, i, 1000 + i, 7), 0);
	assert_int_equal(wheel_add(&w, WHEEL_TABLES_MAX, 1, 7), -ENOSPC);
	assert_int_equal(wheel_add(&w, WHEEL_TABLES_MAX, 1000, 7), 0);
	wheel_free(&w);
}

static void load_of_the_ticks_is_even(void **state)
{
	enum { MANY = 300000, TICKS = 3000 };
	struct wheel w = { 0 };
	unsigned seed = seed_new(), most = 0;
	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		char name[40];
		int len = snprintf(name, sizeof(name), "db-%x-%u.example.net", seed, i);
		assert_int_equal(wheel_add(&w, i, 60000, monitor_hash(name, (size_t)len)), 0);
	}
	for (unsigned b = 0; b < TICKS; b++) {
		unsigned n = 0;
		for (uint32_t i = w.table[0].head[b]; i != INDEX_NONE; i = w.node[i].next)
			n++;
		most = n > most ? n : most;
	}
	assert_in_range(most, 100, 160); /* 100 on the average: the fullest of 3000 ticks, six standard deviations */
	wheel_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_is_due_once_an_interval_in_each_region),
		cmocka_unit_test(a_table_is_free_again_when_its_last_member_left),
		cmocka_unit_test(load_of_the_ticks_is_even),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
