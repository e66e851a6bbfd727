/* test_redis_reply.c - RESP bytes from a peer we do not trust: what becomes a tree, what is refused, at what cost. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_link.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char why[200];

static struct redis_reply *parse(const char *bytes)
{
	struct redis_reply *reply = reply_parse(bytes, strlen(bytes), why, sizeof(why));
	if (!reply)
		fail_msg("%s: %s", bytes, why);
	return reply;
}

static void refuses(const char *bytes, const char *sentence)
{
	assert_null(reply_parse(bytes, strlen(bytes), why, sizeof(why)));
	if (!strstr(why, sentence))
		fail_msg("%s: expected \"%s\", got \"%s\"", bytes, sentence, why);
}

static void every_type_answers_its_own_question(void **state)
{
	struct redis_reply *r = parse("*6\r\n$3\r\na\nb\r\n+OK\r\n-OOM x\r\n:-7\r\n$-1\r\n*-1\r\n");
	size_t len;
	(void)state;
	assert_int_equal(reply_count(r), 6);
	assert_true(reply_is_array(r) && !reply_is_text(r) && !reply_is_nil(r) && !reply_is_error(r));
	assert_string_equal(reply_text(reply_at(r, 0), &len), "a\nb");
	assert_int_equal(len, 3);
	assert_string_equal(reply_text(reply_at(r, 1), NULL), "OK");
	assert_true(reply_is_error(reply_at(r, 2)));
	assert_int_equal(reply_trouble(reply_at(r, 2)), TROUBLE_FULL);
	assert_int_equal(reply_integer(reply_at(r, 3)), -7);
	assert_true(reply_is_nil(reply_at(r, 4)));
	assert_true(reply_is_nil(reply_at(r, 5)));
	redis_reply_free(r);
}

static void the_wrong_question_gets_the_empty_answer(void **state)
{
	struct redis_reply *r = parse("*2\r\n:5\r\n$1\r\nx\r\n");
	size_t len = 9;
	(void)state;
	assert_string_equal(reply_text(r, &len), "");
	assert_int_equal(len, 0);
	assert_string_equal(reply_text(reply_at(r, 0), NULL), "");
	assert_int_equal(reply_integer(r), 0);
	assert_int_equal(reply_integer(reply_at(r, 1)), 0);
	assert_int_equal(reply_count(reply_at(r, 0)), 0);
	assert_null(reply_at(r, 2));
	assert_null(reply_at(reply_at(r, 1), 0));
	assert_int_equal(reply_trouble(r), TROUBLE_NONE);
	redis_reply_free(r);
}

static void no_reply_at_all_gets_the_empty_answer(void **state)
{
	size_t len = 9;
	(void)state;
	assert_false(reply_is_nil(NULL) || reply_is_error(NULL) || reply_is_array(NULL) || reply_is_text(NULL));
	assert_string_equal(reply_text(NULL, &len), "");
	assert_int_equal(len, 0);
	assert_int_equal(reply_integer(NULL), 0);
	assert_int_equal(reply_count(NULL), 0);
	assert_null(reply_at(NULL, 0));
	assert_null(reply_pair(NULL, "x"));
	assert_int_equal(reply_trouble(NULL), TROUBLE_NONE);
	redis_reply_free(NULL);
}

static void a_text_is_an_integer_only_if_all_of_it_is(void **state)
{
	static const struct {
		const char *bytes;
		long long value;
	} rows[] = { { "$2\r\n42\r\n", 42 }, { "+-9\r\n", -9 },		{ "$0\r\n\r\n", 0 },
		     { "$3\r\n 42\r\n", 0 }, { "$3\r\n42x\r\n", 0 },	{ "$20\r\n99999999999999999999\r\n", 0 },
		     { "$1\r\n-\r\n", 0 },   { ":9223372036854775807\r\n", INT64_MAX } };
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct redis_reply *r = parse(rows[i].bytes);
		assert_true(reply_integer(r) == rows[i].value);
		redis_reply_free(r);
	}
}

static void a_pair_is_found_by_its_name_and_nothing_else(void **state)
{
	struct redis_reply *r = parse("*7\r\n$1\r\na\r\n:1\r\n:2\r\n:2\r\n$1\r\nb\r\n$1\r\na\r\n$4\r\nlast\r\n");
	(void)state;
	assert_int_equal(reply_integer(reply_pair(r, "a")), 1);
	assert_string_equal(reply_text(reply_pair(r, "b"), NULL), "a");
	assert_null(reply_pair(r, "last"));
	assert_null(reply_pair(r, ""));
	assert_null(reply_pair(r, "ab"));
	redis_reply_free(r);
}

static void a_reply_that_is_cut_anywhere_is_refused(void **state)
{
	static const char whole[] = "*3\r\n$3\r\nabc\r\n*2\r\n:1\r\n+OK\r\n-ERR x\r\n";
	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		assert_null(reply_parse(whole, len, why, sizeof(why)));
		assert_non_null(strstr(why, "not complete"));
	}
	redis_reply_free(parse(whole));
}

static void bytes_after_the_reply_are_refused(void **state)
{
	(void)state;
	refuses("+OK\r\n+OK\r\n", "5 bytes follow the reply");
	refuses("*0\r\nx", "1 bytes follow the reply");
}

static void a_count_is_refused_before_anything_is_allocated(void **state)
{
	(void)state;
	refuses("*100001\r\n", "an array of 100001 elements, more than 100000");
	refuses("*1000000000\r\n", "an array of 1000000000 elements, more than 100000");
	refuses("*2\r\n:1\r\n*1000000000\r\n", "an array of 1000000000 elements, more than 100000");
	assert_null(reply_parse("*100000\r\n", 9, why, sizeof(why)));
	assert_non_null(strstr(why, "not complete"));
}

static void numbers_that_cannot_be_are_refused(void **state)
{
	static const char *const bad[] = { "*-7\r\n",  "$-5\r\n", "*9223372036854775807\r\n", "*99999999999999999999\r\n",
					   "*x\r\n",   "$x\r\n",  "$99999999999999999999\r\n", "*\r\n",
					   ":x\r\n",   "!3\r\n",  "\r\n",		      "HTTP/1.1 200 OK\r\n" };
	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct redis_reply *r = reply_parse(bad[i], strlen(bad[i]), why, sizeof(why));
		if (r)
			fail_msg("%s was taken", bad[i]);
		assert_true(strlen(why) > 0);
	}
}

static void seven_arrays_nest_and_eight_do_not(void **state)
{
	char deep[300] = "";
	(void)state;
	for (int i = 0; i < 7; i++)
		strcat(deep, "*1\r\n");
	strcat(deep, ":1\r\n");
	redis_reply_free(parse(deep));
	deep[0] = 0;
	for (int i = 0; i < 8; i++)
		strcat(deep, "*1\r\n");
	refuses(deep, "arrays nested deeper than 7");
	for (int i = 0; i < 50; i++)
		strcat(deep, "*1\r\n");
	refuses(deep, "arrays nested deeper than 7");
}

static void a_string_that_is_announced_costs_nothing_until_it_comes(void **state)
{
	struct mallinfo2 before = mallinfo2(), after;
	(void)state;
	refuses("$536870912\r\nonly this", "not complete");
	after = mallinfo2();
	assert_true(after.hblkhd + after.arena < before.hblkhd + before.arena + (8u << 20));
}

static void sixty_four_megabytes_are_the_most(void **state)
{
	size_t len = REPLY_BYTES_MAX + 64;
	char *bytes = malloc(len);
	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'x', len);
	memcpy(bytes, "$536870912\r\n", 12);
	assert_null(reply_parse(bytes, len, why, sizeof(why)));
	assert_non_null(strstr(why, "more than 67108864 bytes in one reply"));
	free(bytes);
}

static void many_small_arrays_together_are_counted_too(void **state)
{
	static const char one[] = "*99999\r\n";
	size_t len = 0;
	char *bytes = malloc(11 * (99999 * 4 + 16) + 16);
	(void)state;
	assert_non_null(bytes);
	len += (size_t)sprintf(bytes, "*12\r\n");
	for (int i = 0; i < 11; i++) {
		len += (size_t)sprintf(bytes + len, one);
		for (int n = 0; n < 99999; n++, len += 4)
			memcpy(bytes + len, ":1\r\n", 4);
	}
	assert_null(reply_parse(bytes, len, why, sizeof(why)));
	assert_non_null(strstr(why, "more than 1000000 elements in one reply"));
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_answers_its_own_question),
		cmocka_unit_test(the_wrong_question_gets_the_empty_answer),
		cmocka_unit_test(no_reply_at_all_gets_the_empty_answer),
		cmocka_unit_test(a_text_is_an_integer_only_if_all_of_it_is),
		cmocka_unit_test(a_pair_is_found_by_its_name_and_nothing_else),
		cmocka_unit_test(a_reply_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(bytes_after_the_reply_are_refused),
		cmocka_unit_test(a_count_is_refused_before_anything_is_allocated),
		cmocka_unit_test(numbers_that_cannot_be_are_refused),
		cmocka_unit_test(seven_arrays_nest_and_eight_do_not),
		cmocka_unit_test(a_string_that_is_announced_costs_nothing_until_it_comes),
		cmocka_unit_test(sixty_four_megabytes_are_the_most),
		cmocka_unit_test(many_small_arrays_together_are_counted_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
