/* test_tail_streams.c - the words that choose result streams. */
#include "cli/tail_streams.h"

#include "cli_test.h"

static void from_is_start_now_or_an_id(void **state)
{
	char why[200];
	(void)state;
	assert_true(tail_from_is_fine("start", why, sizeof why));
	assert_true(tail_from_is_fine("now", why, sizeof why));
	assert_true(tail_from_is_fine("1700000000000-0", why, sizeof why));
	assert_false(tail_from_is_fine("", why, sizeof why));
	assert_false(tail_from_is_fine("$", why, sizeof why));
	assert_false(tail_from_is_fine("yesterday", why, sizeof why));
	assert_contains(why, "neither start, now nor the id");
}

static void a_shard_is_all_or_a_number(void **state)
{
	char why[200];
	int shard;
	(void)state;
	assert_true(tail_shard_parse("all", &shard, why, sizeof why));
	assert_int_equal(shard, -1);
	assert_true(tail_shard_parse("65535", &shard, why, sizeof why));
	assert_int_equal(shard, 65535);
	assert_false(tail_shard_parse("65536", &shard, why, sizeof why));
	assert_false(tail_shard_parse("-1", &shard, why, sizeof why));
	assert_false(tail_shard_parse("", &shard, why, sizeof why));
	assert_false(tail_shard_parse("1x", &shard, why, sizeof why));
	assert_false(tail_shard_parse("4294967296", &shard, why, sizeof why));
}

static void a_region_with_glob_characters_matches_itself_only(void **state)
{
	struct text pattern = { 0 };
	(void)state;
	tail_pattern_add(&pattern, "eu*[a]?\\");
	assert_string_equal(pattern.data, "eu\\*\\[a\\]\\?\\\\");
	text_free(&pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_is_start_now_or_an_id),
		cmocka_unit_test(a_shard_is_all_or_a_number),
		cmocka_unit_test(a_region_with_glob_characters_matches_itself_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
