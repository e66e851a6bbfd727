/* test_text.c - mirrors base/text.c. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/text.h"
#include "tests/unit/base/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void json_is(const char *bytes, size_t len, const char *expected)
{
	struct text t = { 0 };
	text_json_string(&t, bytes, len);
	assert_string_equal(t.data, expected);
	text_free(&t);
}

static void csv_is(const char *field, const char *expected)
{
	struct text t = { 0 };
	text_csv_field(&t, field);
	assert_string_equal(t.data ? t.data : "", expected);
	text_free(&t);
}

/* The length of the UTF-8 character at s as Unicode's table 3-7 writes it, to judge the other way of saying it. */
static size_t table_3_7(const unsigned char *s, size_t len)
{
	static const struct row {
		unsigned char low[4], high[4];
		size_t len;
	} rows[] = {
		{ { 0x00 }, { 0x7f }, 1 },
		{ { 0xc2, 0x80 }, { 0xdf, 0xbf }, 2 },
		{ { 0xe0, 0xa0, 0x80 }, { 0xe0, 0xbf, 0xbf }, 3 },
		{ { 0xe1, 0x80, 0x80 }, { 0xec, 0xbf, 0xbf }, 3 },
		{ { 0xed, 0x80, 0x80 }, { 0xed, 0x9f, 0xbf }, 3 },
		{ { 0xee, 0x80, 0x80 }, { 0xef, 0xbf, 0xbf }, 3 },
		{ { 0xf0, 0x90, 0x80, 0x80 }, { 0xf0, 0xbf, 0xbf, 0xbf }, 4 },
		{ { 0xf1, 0x80, 0x80, 0x80 }, { 0xf3, 0xbf, 0xbf, 0xbf }, 4 },
		{ { 0xf4, 0x80, 0x80, 0x80 }, { 0xf4, 0x8f, 0xbf, 0xbf }, 4 },
	};
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		size_t i = 0;
		while (i < rows[r].len && i < len && s[i] >= rows[r].low[i] && s[i] <= rows[r].high[i])
			i++;
		if (i == rows[r].len)
			return i;
	}
	return 0;
}

static void added_text_is_there_and_ends_with_zero(void **state)
{
	(void)state;
	struct text t = { 0 };
	text_add(&t, "");
	assert_string_equal(t.data, "");
	text_add(&t, "probe");
	text_add_bytes(&t, "\0x", 2);
	assert_int_equal(t.len, 7);
	assert_memory_equal(t.data, "probe\0x", 8);
	text_free(&t);
	assert_null(t.data);
}

static void a_text_grows_past_any_room_it_had(void **state)
{
	(void)state;
	struct text t = { 0 };
	for (int i = 0; i < 3000; i++)
		text_printf(&t, "%04d ", i);
	text_printf(&t, "%0*d", 100000, 7);
	assert_int_equal(t.len, 3000 * 5 + 100000);
	assert_memory_equal(t.data + 2999 * 5, "2999 0000", 9);
	assert_int_equal(t.data[t.len - 1], '7');
	assert_int_equal(strlen(t.data), t.len);
	text_free(&t);
}

static void printing_into_room_that_just_fits_loses_nothing(void **state)
{
	(void)state;
	for (int len = 250; len < 260; len++) {
		struct text t = { 0 };
		text_add(&t, "");
		text_printf(&t, "%0*d", len, 1);
		assert_int_equal(t.len, len);
		assert_int_equal(strlen(t.data), len);
		text_free(&t);
	}
}

static void a_reset_empties_and_keeps_the_memory(void **state)
{
	(void)state;
	struct text t = { 0 };
	text_add(&t, "something");
	const size_t room = t.room;
	text_reset(&t);
	assert_int_equal(t.len, 0);
	assert_int_equal(t.room, room);
	assert_string_equal(t.data, "");
	text_free(&t);
}

static void a_failed_allocation_sticks_and_leaves_no_hole(void **state)
{
	(void)state;
	struct text t = { 0 };
	text_add(&t, "before");
	text_add_bytes(&t, "", SIZE_MAX - 1); /* no memory for that */
	assert_true(t.failed);
	text_add(&t, "after");
	text_printf(&t, "%d", 1);
	assert_string_equal(t.data, "before");
	text_reset(&t);
	assert_false(t.failed);
	text_free(&t);
}

static void a_json_string_escapes_what_json_forbids(void **state)
{
	(void)state;
	json_is("", 0, "\"\"");
	json_is("db:5432", 7, "\"db:5432\"");
	json_is("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	json_is("\n\r\t\0\x1f", 5, "\"\\n\\r\\t\\u0000\\u001f\"");
	json_is("\x7f\xc2\x9b\xc2\xa0", 5, "\"\\u007f\\u009b\xc2\xa0\"");
	json_is("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15, "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
	(void)state;
	json_is("\xff", 1, "\"\xef\xbf\xbd\"");
	json_is("\xc3(", 2, "\"\xef\xbf\xbd(\"");
	json_is("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");		    /* overlong "/" */
	json_is("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
	json_is("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");		    /* cut short */
}

static void any_bytes_make_valid_utf8_without_control_characters(void **state)
{
	(void)state;
	seed_chance();
	for (int round = 0; round < 20000; round++) {
		char bytes[24];
		const size_t len = (size_t)rand() % sizeof bytes;
		for (size_t i = 0; i < len; i++) /* every other byte from where UTF-8 is at its trickiest */
			bytes[i] = (char)(rand() & 1 ? rand() : 0x80 + rand() % 0x80);
		struct text t = { 0 };
		text_json_string(&t, bytes, len);
		for (size_t i = 0; i < t.len;) {
			const unsigned char *at = (const unsigned char *)t.data + i;
			const size_t took = table_3_7(at, t.len - i);
			assert_true(took > 0);
			assert_true(at[0] >= ' ' && at[0] != 0x7f);
			assert_false(at[0] == 0xc2 && at[1] < 0xa0);
			i += took;
		}
		text_free(&t);
	}
}

static void every_character_that_is_utf8_stays(void **state)
{
	(void)state;
	for (unsigned a = 0x80; a < 0x100; a++)
		for (unsigned b = 0; b < 0x100; b++)
			for (unsigned c = 0x7f; c < 0xc1; c += 0x41) {
				const char bytes[4] = { (char)a, (char)b, (char)c, (char)0x80 };
				char out[TEXT_ESCAPE_MAX];
				size_t out_len;
				const size_t right = table_3_7((const unsigned char *)bytes, 4);
				const size_t took = text_escape(bytes, 4, out, &out_len);
				assert_int_equal(took, right ? right : 1);
				if (right && !(a == 0xc2 && b < 0xa0))
					assert_memory_equal(out, bytes, right);
			}
}

static void a_csv_field_is_quoted_only_when_it_must_be(void **state)
{
	(void)state;
	csv_is("", "");
	csv_is("filtered", "filtered");
	csv_is("=1+1", "=1+1");
	csv_is("a b'c", "a b'c");
	csv_is("a,b", "\"a,b\"");
	csv_is("say \"no\"", "\"say \"\"no\"\"\"");
	csv_is("\"", "\"\"\"\"");
	csv_is("two\nlines", "\"two\nlines\"");
	csv_is("\r", "\"\r\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(added_text_is_there_and_ends_with_zero),
		cmocka_unit_test(a_text_grows_past_any_room_it_had),
		cmocka_unit_test(printing_into_room_that_just_fits_loses_nothing),
		cmocka_unit_test(a_reset_empties_and_keeps_the_memory),
		cmocka_unit_test(a_failed_allocation_sticks_and_leaves_no_hole),
		cmocka_unit_test(a_json_string_escapes_what_json_forbids),
		cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
		cmocka_unit_test(any_bytes_make_valid_utf8_without_control_characters),
		cmocka_unit_test(every_character_that_is_utf8_stays),
		cmocka_unit_test(a_csv_field_is_quoted_only_when_it_must_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
