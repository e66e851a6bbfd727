/* test_stream_reader.c - entries out of replies, good ones, cut ones and hostile ones. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/stream_reader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENTRY_5_1 "*2\r\n$3\r\n5-1\r\n*4\r\n$1\r\nv\r\n$1\r\n1\r\n$1\r\nb\r\n$4\r\n\0\r\n\xff\r\n"
#define ENTRY_6_0 "*2\r\n$3\r\n6-0\r\n*0\r\n"
#define DELETED_7_0 "*2\r\n$3\r\n7-0\r\n*-1\r\n"

static const char golden[] = "*2\r\n"
			     "*2\r\n$3\r\nhot\r\n*1\r\n" ENTRY_5_1
			     "*2\r\n$4\r\njobs\r\n*2\r\n" ENTRY_6_0 DELETED_7_0;

static char why[200];

/* What each() was given, as text. */
static char seen[1000];

static void note(void *arg, const struct stream_entry *e)
{
	size_t len = 0;
	const char *b = stream_entry_field(e, "b", &len), *v = stream_entry_field(e, "v", NULL);
	(void)arg;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "[%s %s %llu.%llu %s v=%s b=%zu]", e->key, e->id_text,
		 (unsigned long long)e->id_ms, (unsigned long long)e->id_seq, e->fields ? "there" : "deleted",
		 v ? v : "-", b ? len : 0);
}

static int read_bytes(const char *bytes, size_t len)
{
	struct redis_reply *reply = reply_parse(bytes, len, why, sizeof(why));
	int given;
	seen[0] = 0;
	if (!reply)
		return -ENODATA;
	why[0] = 0;
	given = stream_read_each(reply, note, NULL, why, sizeof(why));
	redis_reply_free(reply);
	return given;
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void entries_come_with_their_stream_in_order(void **state)
{
	(void)state;
	assert_int_equal(read_bytes(golden, sizeof(golden) - 1), 3);
	assert_string_equal(seen, "[hot 5-1 5.1 there v=1 b=4][jobs 6-0 6.0 there v=- b=0][jobs 7-0 7.0 deleted v=- b=0]");
}

static void a_reply_that_is_cut_anywhere_gives_nothing(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(golden) - 1; len++) {
		assert_int_equal(read_bytes(golden, len), -ENODATA);
		assert_string_equal(seen, "");
	}
}

static void a_reply_with_any_byte_changed_ends_in_an_answer(void **state)
{
	char changed[sizeof(golden)];
	(void)state;
	for (size_t at = 0; at < sizeof(golden) - 1; at++)
		for (int byte = 0; byte < 256; byte++) {
			memcpy(changed, golden, sizeof(golden));
			changed[at] = (char)byte;
			assert_true(read_bytes(changed, sizeof(golden) - 1) <= 3);
		}
}

static void nothing_within_block_is_no_entries(void **state)
{
	(void)state;
	assert_int_equal(read_text("*-1\r\n"), 0);
	assert_int_equal(read_text("*0\r\n"), 0);
	assert_int_equal(read_text("*1\r\n*2\r\n$1\r\nk\r\n*0\r\n"), 0);
}

static void another_shape_is_refused_with_what_and_where(void **state)
{
	static const struct {
		const char *bytes, *sentence;
	} bad[] = {
		{ "+OK\r\n", "the reply is not a list of streams (number 0)" },
		{ ":1\r\n", "the reply is not a list of streams (number 0)" },
		{ "-NOGROUP x\r\n", "the reply is not a list of streams (number 0)" },
		{ "*1\r\n:1\r\n", "a stream is not a pair of key and entries (number 0)" },
		{ "*1\r\n*1\r\n$1\r\nk\r\n", "a stream is not a pair of key and entries (number 0)" },
		{ "*1\r\n*2\r\n:1\r\n*0\r\n", "a stream is not a pair of key and entries (number 0)" },
		{ "*1\r\n*2\r\n$1\r\nk\r\n$1\r\nk\r\n", "a stream's entries are not a list (number 0)" },
		{ "*1\r\n*2\r\n$1\r\nk\r\n*1\r\n:1\r\n", "an entry is not a pair of id and fields (number 0)" },
		{ "*1\r\n*2\r\n$1\r\nk\r\n*1\r\n*3\r\n:1\r\n:1\r\n:1\r\n",
		  "an entry is not a pair of id and fields (number 0)" },
		{ "*1\r\n*2\r\n$1\r\nk\r\n*1\r\n*2\r\n$1\r\n5\r\n*0\r\n", "an entry's id is not an id (number 0)" },
		{ "*1\r\n*2\r\n$1\r\nk\r\n*1\r\n*2\r\n:5\r\n*0\r\n", "an entry's id is not an id (number 0)" },
		{ "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n*2\r\n$3\r\n5-5\r\n*0\r\n*2\r\n$3\r\n5-6\r\n:1\r\n",
		  "an entry's fields are not a list (number 1)" },
		{ "*1\r\n*2\r\n$1\r\nk\r\n*1\r\n*2\r\n$3\r\n5-5\r\n*1\r\n$1\r\nv\r\n",
		  "an entry has a field without a value (number 0)" },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_text(bad[i].bytes), -EBADMSG);
		assert_string_equal(why, bad[i].sentence);
	}
}

static void entries_before_a_fault_were_given(void **state)
{
	(void)state;
	assert_int_equal(read_text("*1\r\n*2\r\n$1\r\nk\r\n*2\r\n" ENTRY_6_0 ":1\r\n"), -EBADMSG);
	assert_string_equal(seen, "[k 6-0 6.0 there v=- b=0]");
}

static void no_reply_is_refused_too(void **state)
{
	(void)state;
	assert_int_equal(stream_read_each(NULL, note, NULL, why, sizeof(why)), -EBADMSG);
	assert_int_equal(stream_entries_each(NULL, "k", note, NULL, why, sizeof(why)), -EBADMSG);
}

static void a_field_of_another_type_is_no_field(void **state)
{
	(void)state;
	assert_int_equal(read_text("*1\r\n*2\r\n$1\r\nk\r\n*1\r\n*2\r\n$3\r\n5-5\r\n*4\r\n*1\r\n$1\r\nv\r\n$1\r\n1\r\n$1\r\nb\r\n*0\r\n"),
			 1);
	assert_string_equal(seen, "[k 5-5 5.5 there v=- b=0]");
}

static void a_bare_list_of_entries_takes_the_key_it_is_given(void **state)
{
	static const char bytes[] = "*3\r\n" ENTRY_6_0 "*-1\r\n" DELETED_7_0;
	struct redis_reply *reply = reply_parse(bytes, sizeof(bytes) - 1, why, sizeof(why));
	(void)state;
	seen[0] = 0;
	assert_int_equal(stream_entries_each(reply, "jobs", note, NULL, why, sizeof(why)), 2);
	assert_string_equal(seen, "[jobs 6-0 6.0 there v=- b=0][jobs 7-0 7.0 deleted v=- b=0]");
	redis_reply_free(reply);
}

static void an_id_is_two_numbers_of_64_bits(void **state)
{
	static const char *const bad[] = { "",	   "-",	   "5",	    "5-",   "-5",   "5-5-5", "5 -5",		    "+5-5",
					   "0x5-5", "5-5 ", "5-*",  "*",    "$",    ">",	 "18446744073709551616-0",
					   "5-18446744073709551616", "99999999999999999999999999-0" };
	uint64_t ms, seq;
	(void)state;
	assert_true(stream_id_parse("1700000000000-5", &ms, &seq));
	assert_true(ms == 1700000000000 && seq == 5);
	assert_true(stream_id_parse("18446744073709551615-18446744073709551615", &ms, &seq));
	assert_true(ms == UINT64_MAX && seq == UINT64_MAX);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (stream_id_parse(bad[i], &ms, &seq))
			fail_msg("\"%s\" was taken for an id", bad[i]);
}

static void an_id_that_was_written_is_read_as_the_same(void **state)
{
	char text[STREAM_ID_MAX];
	uint64_t ms, seq;
	(void)state;
	stream_id_format(text, UINT64_MAX, UINT64_MAX);
	assert_string_equal(text, "18446744073709551615-18446744073709551615");
	stream_id_format(text, 1700000000000, 0);
	assert_true(stream_id_parse(text, &ms, &seq));
	assert_true(ms == 1700000000000 && seq == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_with_their_stream_in_order),
		cmocka_unit_test(a_reply_that_is_cut_anywhere_gives_nothing),
		cmocka_unit_test(a_reply_with_any_byte_changed_ends_in_an_answer),
		cmocka_unit_test(nothing_within_block_is_no_entries),
		cmocka_unit_test(another_shape_is_refused_with_what_and_where),
		cmocka_unit_test(entries_before_a_fault_were_given),
		cmocka_unit_test(no_reply_is_refused_too),
		cmocka_unit_test(a_field_of_another_type_is_no_field),
		cmocka_unit_test(a_bare_list_of_entries_takes_the_key_it_is_given),
		cmocka_unit_test(an_id_is_two_numbers_of_64_bits),
		cmocka_unit_test(an_id_that_was_written_is_read_as_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
