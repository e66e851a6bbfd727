/* test_guard.c - the walk over msgpack bytes: what passes, what does not, and which byte is blamed. */
#include "wire/guard.h"
#include "wire/streams.h"

#include "blob.h"

static char why[200];
static struct blob blob;

static int guard(const char *hex)
{
	blob.len = 0;
	blob_hex(&blob, hex);
	return blob_parse(guard_walk, blob.bytes, blob.len, why, sizeof(why));
}

static void refuses(const char *hex, const char *sentence)
{
	assert_int_equal(guard(hex), -EBADMSG);
	assert_string_equal(why, sentence);
}

static const char *const good[] = {
	"00", "7f", "e0", "ff", "c0", "c2", "c3",		  /* what needs one byte */
	"cc ff", "cd 1234", "ce 12345678", "cf 1234567812345678", /* unsigned */
	"d0 80", "d1 8000", "d2 80000000", "d3 8000000000000000", /* signed */
	"ca 00000000", "cb 7ff8000000000000",			  /* floats, NaN included */
	"a0", "a3 616263", "d9 01 61", "da 0001 61", "db 00000001 61", "db 00000000",
	"c4 00", "c4 02 0001", "c5 0001 00", "c6 00000001 00",
	"90", "92 01 02", "dc 0000", "dc 0001 c0", "dd 00000000", "dd 00000001 c0",
	"80", "81 a1 61 01", "de 0001 01 02", "df 00000001 01 02",
	"94 91 91 90 80 90 81 a1 61 81 01 02",
	NULL,
};

static void every_form_of_msgpack_passes(void **state)
{
	(void)state;
	for (unsigned i = 0; good[i]; i++)
		if (guard(good[i]) != 0)
			fail_msg("%s was refused: %s", good[i], why);
}

static void a_value_that_is_cut_anywhere_is_refused(void **state)
{
	static struct blob whole;
	(void)state;
	for (unsigned i = 0; good[i]; i++) {
		whole.len = 0;
		blob_hex(&whole, good[i]);
		assert_every_cut_is_refused(guard_walk, whole.bytes, whole.len);
	}
}

static void one_byte_after_the_value_is_refused(void **state)
{
	(void)state;
	refuses("c0 c0", "byte 1: the value ends here, bytes left: 1");
	refuses("92 01 02 93", "byte 3: the value ends here, bytes left: 1");
	refuses("90 00 00 00", "byte 1: the value ends here, bytes left: 3");
}

static void nothing_is_not_a_value(void **state)
{
	(void)state;
	refuses("", "byte 0: cut off, a value is missing");
	assert_int_equal(guard_walk(NULL, 0, why, sizeof(why)), -EBADMSG);
}

static void a_header_cannot_promise_more_than_the_bytes_behind_it(void **state)
{
	(void)state;
	refuses("dd 0fffffff", "byte 0: array of 268435455 elements, bytes left: 0");
	refuses("dd ffffffff c0", "byte 0: array of 4294967295 elements, bytes left: 1");
	refuses("df ffffffff c0 c0", "byte 0: map of 4294967295 elements, bytes left: 2");
	refuses("92 01 dc ffff", "byte 2: array of 65535 elements, bytes left: 0");
	refuses("de 0002 01 02 03", "byte 0: map of 2 elements, bytes left: 3");
	refuses("8f", "byte 0: map of 15 elements, bytes left: 0");
	refuses("91 db ffffffff 61", "byte 1: text of 4294967295 bytes, bytes left: 1");
	refuses("c6 ffffffff", "byte 0: text of 4294967295 bytes, bytes left: 0");
	refuses("91 dd 00", "byte 1: cut off inside a header");
	refuses("cf 00", "byte 0: number of 8 bytes, bytes left: 1");
}

static void five_containers_nest_and_six_do_not(void **state)
{
	(void)state;
	assert_int_equal(guard("91 91 91 91 91 c0"), 0);
	assert_int_equal(guard("93 91 91 90 81 01 81 02 80 91 91 91 01"), 0);
	refuses("91 91 91 91 91 91 c0", "byte 5: array is nested deeper than 5");
	refuses("91 91 91 91 91 90", "byte 5: array is nested deeper than 5");
	refuses("81 01 81 01 81 01 81 01 81 01 80", "byte 10: map is nested deeper than 5");
}

static void sixty_four_thousand_nested_arrays_cost_no_stack(void **state)
{
	(void)state;
	blob.len = ENTRY_BYTES_MAX;
	memset(blob.bytes, 0x91, blob.len);
	assert_int_equal(guard_walk(blob.bytes, blob.len, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why, "byte 5: array is nested deeper than 5");
}

static void extension_types_and_the_unused_byte_are_refused(void **state)
{
	(void)state;
	refuses("c1", "byte 0: 0xc1 does not exist in msgpack");
	refuses("92 00 d4 01 00", "byte 2: extension types are not used here");
	refuses("d6 ff 00000000", "byte 0: extension types are not used here"); /* a timestamp */
	refuses("d8 01 00000000 00000000 00000000 00000000", "byte 0: extension types are not used here");
	refuses("c7 00 01", "byte 0: extension types are not used here");
	refuses("c9 ffffffff 01", "byte 0: extension types are not used here");
}

static void the_frame_ends_at_64_kb(void **state)
{
	(void)state;
	blob.len = 0;
	blob_byte(&blob, 0xdd);
	blob_big_endian(&blob, ENTRY_BYTES_MAX - 5, 4);
	memset(blob.bytes + 5, 0x80, ENTRY_BYTES_MAX - 5); /* as many empty maps as fit */
	assert_int_equal(guard_walk(blob.bytes, ENTRY_BYTES_MAX, why, sizeof(why)), 0);
	blob.bytes[4]++;
	blob.bytes[ENTRY_BYTES_MAX] = 0x80;
	assert_int_equal(guard_walk(blob.bytes, ENTRY_BYTES_MAX + 1, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why, "byte 65536: 65537 bytes are more than the limit of 65536");
}

static void a_small_buffer_for_the_sentence_is_enough(void **state)
{
	char little[8] = "unused";
	(void)state;
	assert_int_equal(guard_walk("\xc1", 1, little, sizeof(little)), -EBADMSG);
	assert_string_equal(little, "byte 0:");
	assert_int_equal(guard_walk("\xc1", 1, NULL, 0), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_msgpack_passes),
		cmocka_unit_test(a_value_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(one_byte_after_the_value_is_refused),
		cmocka_unit_test(nothing_is_not_a_value),
		cmocka_unit_test(a_header_cannot_promise_more_than_the_bytes_behind_it),
		cmocka_unit_test(five_containers_nest_and_six_do_not),
		cmocka_unit_test(sixty_four_thousand_nested_arrays_cost_no_stack),
		cmocka_unit_test(extension_types_and_the_unused_byte_are_refused),
		cmocka_unit_test(the_frame_ends_at_64_kb),
		cmocka_unit_test(a_small_buffer_for_the_sentence_is_enough),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
