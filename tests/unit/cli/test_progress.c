/* test_progress.c - what the progress line says. */
#include "cli/progress.h"

#include "cli_test.h"

static void the_progress_line_counts_and_foretells(void **state)
{
	char line[160];
	const uint64_t some[3] = { [CLASS_UP] = 1100, [CLASS_DOWN] = 60, [CLASS_UNKNOWN] = 40 }, none[3] = { 0 };
	(void)state;
	progress_text(line, sizeof line, 5000, some, 3000000000);
	assert_string_equal(line, "1200/5000  up 1100  down 60  unknown 40  400/s  10 s left");
	progress_text(line, sizeof line, 5000, none, 3000000000);
	assert_string_equal(line, "0/5000  up 0  down 0  unknown 0  0/s");
	progress_text(line, sizeof line, 5000, none, 0);
	assert_string_equal(line, "0/5000  up 0  down 0  unknown 0  0/s");
	progress_text(line, 12, 5000, some, 3000000000);
	assert_string_equal(line, "1200/5000  ");
}

static void after_ctrl_c_the_wait_is_told_in_whole_seconds(void **state)
{
	char line[160];
	(void)state;
	progress_waiting_text(line, sizeof line, 8, 3200);
	assert_string_equal(line, "waiting for 8 attempts under way, at most 4 s; Ctrl-C again leaves at once");
	progress_waiting_text(line, sizeof line, 1, 20000);
	assert_string_equal(line, "waiting for 1 attempt under way, at most 20 s; Ctrl-C again leaves at once");
	progress_waiting_text(line, sizeof line, 1, 1);
	assert_string_equal(line, "waiting for 1 attempt under way, at most 1 s; Ctrl-C again leaves at once");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_progress_line_counts_and_foretells),
		cmocka_unit_test(after_ctrl_c_the_wait_is_told_in_whole_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
