/* test_glyph.c - room on a terminal. */
#include "base/glyph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void takes(const char *text, size_t len, unsigned columns)
{
	unsigned got = 99;
	assert_int_equal(glyph_len(text, &got), len);
	assert_int_equal(got, columns);
}

static void letters_take_one_ideographs_and_pictures_two_and_accents_none(void **state)
{
	(void)state;
	takes("a", 1, 1);
	takes("\xc5\xbc", 2, 1);	     /* z with a dot */
	takes("\xcc\x81", 2, 0);	     /* combining acute accent */
	takes("\xe2\x80\xa6", 3, 1);	     /* ellipsis */
	takes("\xe6\x95\xb0", 3, 2);	     /* CJK */
	takes("\xea\xb0\x80", 3, 2);	     /* Hangul */
	takes("\xef\xbc\xa1", 3, 2);	     /* fullwidth A */
	takes("\xf0\x9f\x90\xa2", 4, 2);     /* turtle */
}

static void what_is_not_utf8_is_one_byte_of_one_column_and_never_read_beyond(void **state)
{
	(void)state;
	takes("\x80z", 1, 1);
	takes("\xff", 1, 1);
	takes("\xc5", 1, 1);
	takes("\xe6\x95", 1, 1);
	takes("\xf0\x9f\x90", 1, 1);
	takes("\xe6zz", 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_take_one_ideographs_and_pictures_two_and_accents_none),
		cmocka_unit_test(what_is_not_utf8_is_one_byte_of_one_column_and_never_read_beyond),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
