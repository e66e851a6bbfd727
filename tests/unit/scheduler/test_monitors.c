/* test_monitors.c - changes of monitors: in force after the tick they are told at, and no other slot is disturbed. */
#include "scheduler_test.h"

static struct monitors all;

static int fresh(void **state)
{
	struct settings s = settings_of(3, 4);
	(void)state;
	monitors_init(&all, 60000);
	assert_true(monitors_place(&all, &s));
	return 0;
}

static int done(void **state)
{
	(void)state;
	monitors_free(&all);
	return 0;
}

static uint32_t set(const struct monitor *m, uint64_t at_ms)
{
	char why[200];
	uint32_t index;
	if (!monitors_set(&all, m, at_ms, true, &index, why, sizeof(why)))
		fail_msg("%s", why);
	return index;
}

static uint32_t find(const char *name)
{
	return monitors_find(&all, name, strlen(name));
}

static void a_change_of_the_target_keeps_the_row_and_its_slots(void **state)
{
	struct monitor m = monitor_of("a", 60000);
	uint32_t first = set(&m, 1000);
	(void)state;
	snprintf(m.host, sizeof(m.host), "192.0.2.1");
	m.timeout_ms = 500;
	assert_int_equal(set(&m, 2000), INDEX_NONE);
	assert_int_equal(find("a"), first);
	assert_non_null(memmem(all.row[first].job, all.row[first].job_len, "192.0.2.1", 9));
	assert_int_equal(all.class[all.row[first].class].timeout_ms, 500);
	assert_true(known_at(&all.row[first], 1020) && known_at(&all.row[first], 99999));
	assert_int_equal(all.live, 1);
}

static void a_monitor_of_a_certificate_sends_its_wishes_and_is_waited_for(void **state)
{
	struct monitor m = monitor_of("a", 60000);
	uint32_t row;
	(void)state;
	unsigned before = all.timeout_most_ms;
	m.tls = true;
	m.wish = tls_wish_default;
	m.wish.server_name = "c.example";
	m.wish.timeout_ms = 30000;
	row = set(&m, 1000);
	assert_non_null(memmem(all.row[row].job, all.row[row].job_len, "server_name\xa9" "c.example", 21));
	assert_true(all.timeout_most_ms >= before && all.timeout_most_ms == m.timeout_ms + 30000);
	struct monitor bare = monitor_of("b", 60000);
	assert_int_not_equal(all.row[set(&bare, 1000)].class, all.row[row].class); /* no entry holds both */
	m.tls = false;
	assert_int_equal(set(&m, 2000), INDEX_NONE); /* the same slots: only what is sent changes */
	assert_null(memmem(all.row[row].job, all.row[row].job_len, "tls", 3));
}

static void a_change_of_the_interval_retires_the_row_and_begins_another(void **state)
{
	struct monitor m = monitor_of("a", 60000);
	uint32_t first = set(&m, 1000), second;
	(void)state;
	m.interval_ms = 30000;
	second = set(&m, 2000);
	assert_true(second != INDEX_NONE && second != first && find("a") == second);
	assert_int_equal(all.row[second].older, first);
	assert_true(known_at(&all.row[first], 2000) && !known_at(&all.row[first], 2020));
	assert_true(!known_at(&all.row[second], 2000) && known_at(&all.row[second], 2020));
	monitors_reap(&all, first);
	assert_int_equal(all.row[second].older, INDEX_NONE);
	assert_int_equal(all.live, 1);
}

static void paused_is_retired_and_resumed_is_born_again(void **state)
{
	struct monitor m = monitor_of("a", 60000);
	uint32_t first = set(&m, 1000), second;
	(void)state;
	m.paused = true;
	assert_int_equal(set(&m, 2000), INDEX_NONE);
	assert_int_equal(all.live, 0);
	assert_int_equal(find("a"), first); /* its last results still find it */
	m.paused = false;
	second = set(&m, 3000);
	assert_int_equal(find("a"), second);
	monitors_remove(&all, "a", 1, 4000, true);
	monitors_reap(&all, second);
	assert_int_equal(find("a"), first);
	monitors_reap(&all, first);
	assert_int_equal(find("a"), INDEX_NONE);
}

static void regions_of_a_monitor_are_those_of_the_settings_that_it_names(void **state)
{
	struct monitor m = monitor_of("a", 60000);
	(void)state;
	m.region[m.regions++] = "ap";
	m.region[m.regions++] = "moon";
	uint32_t index = set(&m, 1);
	assert_int_equal(all.row[index].regions, 4);
	m.region[0] = "moon";
	assert_int_equal(set(&m, 2), INDEX_NONE); /* nowhere */
	assert_int_equal(all.live, 0);
}

static void a_short_interval_lets_its_jobs_expire_sooner(void **state)
{
	struct monitor m = monitor_of("a", 1000), n = monitor_of("b", 60000);
	(void)state;
	uint32_t first = set(&m, 1), second = set(&n, 1);
	assert_int_equal(all.class[all.row[first].class].expires_ms, 30000);
	assert_int_equal(all.class[all.row[second].class].expires_ms, 60000);
}

static void what_a_new_loading_does_not_tell_is_retired(void **state)
{
	struct monitor a = monitor_of("a", 60000), b = monitor_of("b", 60000);
	(void)state;
	monitors_begin(&all);
	set(&a, 1);
	set(&b, 1);
	monitors_end(&all, 1, true);
	assert_int_equal(all.live, 2);
	monitors_begin(&all);
	set(&b, 5);
	monitors_end(&all, 5, true);
	assert_int_equal(all.live, 1);
	assert_int_equal(all.row[find("a")].retired_ms, 5);
	assert_int_equal(all.row[find("b")].retired_ms, LIVE);
}

static void other_regions_forget_all_and_other_windows_do_not(void **state)
{
	struct settings s = settings_of(3, 4);
	struct monitor a = monitor_of("a", 60000);
	(void)state;
	set(&a, 1);
	assert_false(monitors_place(&all, &s));
	s.shards = 2;
	assert_true(monitors_place(&all, &s));
	assert_int_equal(find("a"), INDEX_NONE);
}

/* A model: per name the interval it has, 0 for none. */
static void whatever_comes_and_goes_names_are_found(void **state)
{
	enum { NAMES = 3000 };
	static uint32_t interval[NAMES];
	(void)state;
	seed_new();
	for (uint64_t step = 1; step < 60000; step++) {
		char name[24];
		unsigned i = (unsigned)random() % NAMES;
		snprintf(name, sizeof(name), "name-%u", i);
		if (random() % 3) {
			struct monitor m = monitor_of(name, 1000 * (1 + (unsigned)random() % 20));
			set(&m, step);
			interval[i] = m.interval_ms;
		} else {
			monitors_remove(&all, name, strlen(name), step, true);
			interval[i] = 0;
		}
		if (step % 5000 == 0)
			monitors_reap_all(&all);
	}
	monitors_reap_all(&all);
	uint32_t live = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		char name[24];
		snprintf(name, sizeof(name), "name-%u", i);
		uint32_t index = find(name);
		live += interval[i] != 0;
		assert_true((index == INDEX_NONE) == (interval[i] == 0));
		if (index != INDEX_NONE)
			assert_int_equal(wheel_grid(&all.wheel, index)->interval_ms, interval[i]);
	}
	assert_int_equal(all.live, live);
	assert_int_equal(all.names, live);
	assert_true(all.rows < 3 * NAMES); /* freed rows are used again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_change_of_the_target_keeps_the_row_and_its_slots, fresh, done),
		cmocka_unit_test_setup_teardown(a_monitor_of_a_certificate_sends_its_wishes_and_is_waited_for, fresh, done),
		cmocka_unit_test_setup_teardown(a_change_of_the_interval_retires_the_row_and_begins_another, fresh, done),
		cmocka_unit_test_setup_teardown(paused_is_retired_and_resumed_is_born_again, fresh, done),
		cmocka_unit_test_setup_teardown(regions_of_a_monitor_are_those_of_the_settings_that_it_names, fresh, done),
		cmocka_unit_test_setup_teardown(a_short_interval_lets_its_jobs_expire_sooner, fresh, done),
		cmocka_unit_test_setup_teardown(what_a_new_loading_does_not_tell_is_retired, fresh, done),
		cmocka_unit_test_setup_teardown(other_regions_forget_all_and_other_windows_do_not, fresh, done),
		cmocka_unit_test_setup_teardown(whatever_comes_and_goes_names_are_found, fresh, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
