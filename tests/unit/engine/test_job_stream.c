/* test_job_stream.c - which shards an engine serves.  The rest of the source is shown by tests/flow/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/must.h"
#include "engine/job_stream.h"

#include <errno.h>
#include <string.h>

static struct stream_place place;
static char why[256];

static void a_list_of_shards_is_taken_in_its_order(void **state)
{
	static const unsigned expected[] = { 7, 0, 1, 2, 65535 };
	(void)state;
	assert_int_equal(shards_parse("7,0-2,65535", &place, why, sizeof(why)), 0);
	assert_int_equal(place.shards, ARRAY_LEN(expected));
	assert_memory_equal(place.shard, expected, sizeof(expected));
}

static void as_many_shards_as_fit_are_taken_and_one_more_is_not(void **state)
{
	(void)state;
	assert_int_equal(shards_parse("0-63", &place, why, sizeof(why)), 0);
	assert_int_equal(place.shards, SHARDS_MAX);
	assert_int_equal(shards_parse("0-64", &place, why, sizeof(why)), -EINVAL);
	assert_int_equal(shards_parse("0-63,64", &place, why, sizeof(why)), -EINVAL);
}

static void what_is_no_list_of_shards_is_refused_with_its_text(void **state)
{
	static const char *const bad[] = { "", "x", "1,", ",1", "1-", "3-1", "-1", "1;2", "1-2-3", "65536", "99999999999999999999", "0x1",
					    "0,0", "0-3,2" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		why[0] = 0;
		if (shards_parse(bad[i], &place, why, sizeof(why)) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(strstr(why, "--shards"));
		assert_non_null(strstr(why, bad[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_shards_is_taken_in_its_order),
		cmocka_unit_test(as_many_shards_as_fit_are_taken_and_one_more_is_not),
		cmocka_unit_test(what_is_no_list_of_shards_is_refused_with_its_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
