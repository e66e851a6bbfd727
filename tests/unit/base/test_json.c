/* test_json.c - what strangers' JSON may be, and how it is refused. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char why[300];

static json_t *read_text(const char *text)
{
	why[0] = 0;
	return json_read_object(text, strlen(text), why, sizeof why);
}

static void only_an_object_is_read(void **state)
{
	static const char *const wrong[] = { "", "[]", "5", "\"x\"", "null", "{", "{}{}", "{\"a\":}", "{'a':1}", "{\"a\":1,}", "\xff",
					     "{\"a\":\"\xff\"}", "{\"a\":\"\\u0000\"}" };
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		json_t *object = read_text(wrong[i]);
		if (object || strncmp(why, "byte ", 5) != 0)
			fail_msg("%s: %s", wrong[i], why);
	}
	json_t *object = read_text(" {\"a\" : 1} ");
	assert_non_null(object);
	json_decref(object);
}

static void a_member_that_stands_twice_is_refused(void **state)
{
	(void)state;
	assert_null(read_text("{\"a\":1,\"a\":1}"));
	assert_non_null(strstr(why, "duplicate"));
}

static void ten_thousand_brackets_are_refused_and_cost_no_stack(void **state)
{
	static char deep[20001];
	(void)state;
	memset(deep, '[', 20000);
	memcpy(deep, "{\"a\":", 5);
	assert_null(read_text(deep));
}

static void a_missing_or_null_member_leaves_the_value_alone(void **state)
{
	json_t *object = read_text("{\"a\":null}");
	const char *text = "before";
	uint64_t number = 7;
	bool flag = true;
	(void)state;
	for (const char *const *name = (const char *const[]){ "a", "b", NULL }; *name; name++) {
		assert_true(json_take_text(object, *name, 3, &text, why, sizeof why));
		assert_true(json_take_number(object, *name, 9, 10, &number, why, sizeof why));
		assert_true(json_take_bool(object, *name, &flag, why, sizeof why));
	}
	assert_string_equal(text, "before");
	assert_int_equal(number, 7);
	assert_true(flag);
	json_decref(object);
}

static void values_within_their_bounds_are_taken(void **state)
{
	json_t *object = read_text("{\"t\":\"abc\",\"n\":10,\"b\":false}");
	const char *text = NULL;
	uint64_t number = 0;
	bool flag = true;
	(void)state;
	assert_true(json_take_text(object, "t", 3, &text, why, sizeof why));
	assert_string_equal(text, "abc");
	assert_true(json_take_number(object, "n", 10, 10, &number, why, sizeof why));
	assert_int_equal(number, 10);
	assert_true(json_take_bool(object, "b", &flag, why, sizeof why));
	assert_false(flag);
	json_decref(object);
}

static void what_is_out_of_bounds_or_of_another_type_is_named(void **state)
{
	json_t *object = read_text("{\"t\":\"abcd\",\"n\":-1,\"m\":11,\"f\":10.0,\"b\":1,\"s\":\"10\"}");
	const char *text = NULL;
	uint64_t number = 0;
	bool flag;
	(void)state;
	assert_false(json_take_text(object, "t", 3, &text, why, sizeof why));
	assert_string_equal(why, "t is not a text of at most 3 bytes");
	assert_false(json_take_text(object, "n", 3, &text, why, sizeof why));
	for (const char *const *name = (const char *const[]){ "n", "m", "f", "s", NULL }; *name; name++) {
		char sentence[80];
		snprintf(sentence, sizeof sentence, "%s is not a whole number from 0 to 10", *name);
		assert_false(json_take_number(object, *name, 0, 10, &number, why, sizeof why));
		assert_string_equal(why, sentence);
	}
	assert_false(json_take_bool(object, "b", &flag, why, sizeof why));
	assert_string_equal(why, "b is neither true nor false");
	assert_null(text);
	json_decref(object);
}

static void a_line_keeps_the_order_of_its_members(void **state)
{
	json_t *object = json_object();
	(void)state;
	json_object_set_new(object, "z", json_integer(1));
	json_object_set_new(object, "a", json_string("x\ny"));
	char *line = json_line(object);
	assert_string_equal(line, "{\"z\":1,\"a\":\"x\\ny\"}");
	free(line);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_object_is_read),
		cmocka_unit_test(a_member_that_stands_twice_is_refused),
		cmocka_unit_test(ten_thousand_brackets_are_refused_and_cost_no_stack),
		cmocka_unit_test(a_missing_or_null_member_leaves_the_value_alone),
		cmocka_unit_test(values_within_their_bounds_are_taken),
		cmocka_unit_test(what_is_out_of_bounds_or_of_another_type_is_named),
		cmocka_unit_test(a_line_keeps_the_order_of_its_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
