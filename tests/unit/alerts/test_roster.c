/* test_roster.c - monitors are found by name and come up when they are due, whatever was added and removed between. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/roster.h"

#define NAMES 5000

static const char *name_of(unsigned i)
{
	static char name[32];
	snprintf(name, sizeof(name), "monitor-%u", i);
	return name;
}

static struct watched *find(const struct roster *r, unsigned i)
{
	return roster_find(r, name_of(i), strlen(name_of(i)));
}

static void a_name_is_found_and_its_beginning_is_not(void **state)
{
	(void)state;
	struct roster r;
	assert_int_equal(roster_init(&r), 0);
	struct watched *w = roster_add(&r, "db-primary");
	assert_ptr_equal(roster_find(&r, "db-primary", 10), w);
	assert_null(roster_find(&r, "db-primary", 2));
	assert_null(roster_find(&r, "db-primaryx", 11));
	assert_ptr_equal(roster_find(&r, "db-primaryx", 10), w); /* len counts */
	roster_free(&r);
}

/* Against a plain array: who is there, and when each is due. */
static void any_order_of_changes_leaves_everybody_in_place(void **state)
{
	(void)state;
	static uint64_t due[NAMES];
	static bool there[NAMES];
	struct roster r;
	unsigned seed = 12345;
	assert_int_equal(roster_init(&r), 0);
	for (unsigned step = 0; step < 40000; step++) {
		unsigned i = (unsigned)rand_r(&seed) % NAMES, what = (unsigned)rand_r(&seed) % 4;
		if (!there[i]) {
			roster_add(&r, name_of(i));
			there[i] = true;
			due[i] = UINT64_MAX;
		} else if (what == 0) {
			roster_remove(&r, find(&r, i));
			there[i] = false;
		} else {
			uint64_t at = (uint64_t)rand_r(&seed);
			roster_due(&r, find(&r, i), at);
			due[i] = at < due[i] ? at : due[i];
		}
	}
	uint64_t last = 0;
	unsigned came = 0, waited = 0;
	for (struct watched *w; (w = roster_pop(&r, UINT64_MAX - 1)); came++) {
		unsigned i = (unsigned)atoi(w->name + strlen("monitor-"));
		assert_true(there[i] && due[i] >= last);
		last = due[i];
		due[i] = UINT64_MAX;
	}
	for (unsigned i = 0; i < NAMES; i++) {
		assert_int_equal(find(&r, i) != NULL, there[i]);
		assert_true(!there[i] || due[i] == UINT64_MAX);
		waited += there[i];
	}
	assert_int_equal(r.count, waited);
	assert_true(came > 100);
	assert_int_equal(roster_next_ms(&r), UINT64_MAX);
	roster_free(&r);
}

static void a_deadline_moves_forward_only(void **state)
{
	(void)state;
	struct roster r;
	assert_int_equal(roster_init(&r), 0);
	struct watched *w = roster_add(&r, "a");
	roster_due(&r, w, 1000);
	roster_due(&r, w, 2000);
	assert_int_equal(roster_next_ms(&r), 1000);
	assert_null(roster_pop(&r, 999));
	assert_ptr_equal(roster_pop(&r, 1000), w);
	assert_null(roster_pop(&r, 5000));
	roster_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_found_and_its_beginning_is_not),
		cmocka_unit_test(any_order_of_changes_leaves_everybody_in_place),
		cmocka_unit_test(a_deadline_moves_forward_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
