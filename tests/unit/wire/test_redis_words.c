/* test_redis_words.c - one format, the arguments it becomes. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_words.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct redis_words words;

static void make(const char *format, ...)
{
	va_list values;
	va_start(values, format);
	assert_int_equal(redis_words_set(&words, format, values), 0);
	va_end(values);
}

static void word_is(int index, const char *bytes, size_t len)
{
	assert_true(index < words.count);
	assert_int_equal(words.len[index], len);
	assert_memory_equal(words.word[index], bytes, len);
}

static void every_word_is_one_argument(void **state)
{
	(void)state;
	make("  XADD  %s *   v %u ", "pw:{eu.0}:jobs", 7u);
	assert_int_equal(words.count, 5);
	word_is(0, "XADD", 4);
	word_is(1, "pw:{eu.0}:jobs", 14);
	word_is(2, "*", 1);
	word_is(3, "v", 1);
	word_is(4, "7", 1);
}

static void literal_text_and_values_stand_within_one_word(void **state)
{
	(void)state;
	make("%llu-%u a%%b=%s", 18446744073709551615ull, 4294967295u, "c");
	assert_int_equal(words.count, 2);
	word_is(0, "18446744073709551615-4294967295", 31);
	word_is(1, "a%b=c", 5);
}

static void a_value_never_ends_its_word(void **state)
{
	(void)state;
	make("SET %s %b x", "a b % %s\r\n", "\0 \r\n%s", (size_t)6);
	assert_int_equal(words.count, 4);
	word_is(1, "a b % %s\r\n", 10);
	word_is(2, "\0 \r\n%s", 6);
	word_is(3, "x", 1);
}

static void an_empty_value_is_an_empty_argument(void **state)
{
	(void)state;
	make("AUTH %s %b", "", NULL, (size_t)0);
	assert_int_equal(words.count, 3);
	word_is(1, "", 0);
	word_is(2, "", 0);
}

static void what_a_format_left_behind_is_gone_in_the_next(void **state)
{
	char *big = malloc(100000);
	(void)state;
	memset(big, 'x', 100000);
	make("SET a %b", big, (size_t)100000);
	word_is(2, big, 100000);
	make("PING");
	assert_int_equal(words.count, 1);
	word_is(0, "PING", 4);
	make("");
	assert_int_equal(words.count, 0);
	free(big);
}

static int forget(void **state)
{
	(void)state;
	text_free(&words.bytes);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_is_one_argument),
		cmocka_unit_test(literal_text_and_values_stand_within_one_word),
		cmocka_unit_test(a_value_never_ends_its_word),
		cmocka_unit_test(an_empty_value_is_an_empty_argument),
		cmocka_unit_test(what_a_format_left_behind_is_gone_in_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, forget);
}
