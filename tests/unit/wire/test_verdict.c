/* test_verdict.c - the table that people, dashboards and other engines rely on. */
#include "wire/verdict.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void numbers_names_and_classes_never_change(void **state)
{
	static const struct {
		int number;
		const char *name, *class;
	} promised[] = {
		{ 0, "none", "unknown" },	{ 1, "open", "up" },	       { 2, "closed", "down" },
		{ 3, "filtered", "down" },	{ 4, "reset", "down" },	       { 5, "rejected", "down" },
		{ 6, "unreachable", "down" },	{ 7, "no-name", "down" },      { 8, "wrong-address", "down" },
		{ 9, "certificate", "down" },	{ 10, "resolver", "unknown" }, { 11, "denied", "unknown" },
		{ 12, "local", "unknown" },	{ 13, "expired", "unknown" },  { 14, "shutdown", "unknown" },
	};
	(void)state;
	assert_int_equal(sizeof(promised) / sizeof(promised[0]), VERDICTS);
	for (unsigned i = 0; i < VERDICTS; i++) {
		const struct verdict_row *row = verdict_row((enum verdict)promised[i].number);
		assert_string_equal(row->name, promised[i].name);
		assert_string_equal(verdict_class_name(row->class), promised[i].class);
	}
}

static void what_must_not_answer_is_judged_the_other_way_round(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VERDICTS; i++) {
		const enum verdict v = (enum verdict)i;
		const enum verdict_class own = verdict_row(v)->class, other = verdict_class_for(v, true);
		assert_int_equal(verdict_class_for(v, false), own);
		if (own == CLASS_UNKNOWN)
			assert_int_equal(other, CLASS_UNKNOWN);
		else
			assert_int_equal(other, verdict_is_silent(v) ? CLASS_UP : CLASS_DOWN);
	}
	assert_int_equal(verdict_class_for(VERDICT_OPEN, true), CLASS_DOWN);
	assert_int_equal(verdict_class_for(VERDICT_RESET, true), CLASS_DOWN);
	assert_int_equal(verdict_class_for(VERDICT_FILTERED, true), CLASS_UP);
}

static void a_name_is_one_lower_case_word_and_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VERDICTS; i++) {
		const char *name = verdict_row((enum verdict)i)->name;
		for (const char *c = name; *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '-');
		for (unsigned other = 0; other < i; other++)
			assert_string_not_equal(name, verdict_row((enum verdict)other)->name);
	}
}

static void every_verdict_has_a_sentence(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VERDICTS; i++)
		assert_true(strlen(verdict_row((enum verdict)i)->sentence) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_names_and_classes_never_change),
		cmocka_unit_test(what_must_not_answer_is_judged_the_other_way_round),
		cmocka_unit_test(a_name_is_one_lower_case_word_and_its_own),
		cmocka_unit_test(every_verdict_has_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
