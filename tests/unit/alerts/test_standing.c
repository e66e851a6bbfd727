/* test_standing.c - what is said again, and that it survives being written down. */
#include "notice.h"

#include "alerts/standing.h"

static struct standing_set set, other;

static int forget(void **state)
{
	(void)state;
	standing_keep_shards(&set, 0);
	standing_keep_shards(&other, 0);
	return 0;
}

static void an_end_is_said_with_its_beginning_for_five_minutes(void **state)
{
	struct notice down = notice_down(), up = notice_up();
	(void)state;
	struct standing *s = standing_put(&set, 2, &down, 1000);
	assert_int_equal(s->until_ms, 0);
	assert_ptr_equal(standing_put(&set, 2, &up, 5000), s);
	assert_int_equal(s->until_ms, 305000);
	struct notice *all = standing_notices(&set);
	assert_int_equal(set.count, 1);
	assert_true(all[0].resolved);
	assert_string_equal(all[0].began->body, BODY_DOWN);
	free(all);
}

static void what_begins_again_fires_again(void **state)
{
	struct notice down = notice_down(), up = notice_up();
	(void)state;
	standing_put(&set, 0, &down, 0);
	standing_put(&set, 0, &up, 1000);
	standing_put(&set, 0, &down, 2000);
	struct notice *all = standing_notices(&set);
	assert_int_equal(set.count, 1);
	assert_false(all[0].resolved);
	assert_int_equal(set.first->until_ms, 0);
	free(all);
}

static void it_is_the_same_after_it_was_written_down(void **state)
{
	struct notice down = notice_down(), up = notice_up();
	(void)state;
	standing_put(&set, 0, &down, 0);
	struct standing *s = standing_put(&set, 0, &up, 1000);
	char *json = standing_json(s);
	assert_true(standing_load(&other, 0, json, strlen(json)));
	char *again = standing_json(other.first);
	assert_string_equal(again, json);
	assert_string_equal(other.first->key, "pg-primary/17");
	assert_int_equal(other.first->until_ms, 301000);
	free(json);
	free(again);
}

static void what_was_not_written_by_us_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "7",
					   "{}",
					   "{\"began\":{}}",
					   "{\"began\":{\"id\":\"a\",\"type\":\"b\",\"monitor\":\"c\",\"incident\":5}}",
					   NULL };
	(void)state;
	for (unsigned i = 0; bad[i]; i++)
		assert_false(standing_load(&set, 0, bad[i], strlen(bad[i])));
	assert_int_equal(set.count, 0);
}

static void shards_that_are_not_ours_are_forgotten(void **state)
{
	struct notice down = notice_down();
	(void)state;
	standing_put(&set, 0, &down, 0);
	standing_put(&set, 7, &down, 0);
	standing_keep_shards(&set, 1 << 7);
	assert_int_equal(set.count, 1);
	assert_null(standing_find(&set, 0, "pg-primary/17"));
	assert_non_null(standing_find(&set, 7, "pg-primary/17"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_end_is_said_with_its_beginning_for_five_minutes, forget),
		cmocka_unit_test_teardown(what_begins_again_fires_again, forget),
		cmocka_unit_test_teardown(it_is_the_same_after_it_was_written_down, forget),
		cmocka_unit_test_teardown(what_was_not_written_by_us_is_refused, forget),
		cmocka_unit_test_teardown(shards_that_are_not_ours_are_forgotten, forget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
