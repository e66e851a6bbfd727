/* test_colour.c - when colours are used: flag, NO_COLOR, CLICOLOR_FORCE, terminal, in this order of strength. */
#include "cli/colour.h"

#include "cli_test.h"

static void colours_need_a_terminal_that_can_show_them(void **state)
{
	(void)state;
	assert_true(colour_decide(COLOUR_AUTO, NULL, NULL, "xterm", true));
	assert_false(colour_decide(COLOUR_AUTO, NULL, NULL, "xterm", false));
	assert_false(colour_decide(COLOUR_AUTO, NULL, NULL, "dumb", true));
	assert_false(colour_decide(COLOUR_AUTO, NULL, NULL, NULL, true));
}

static void no_color_counts_only_when_it_is_not_empty(void **state)
{
	(void)state;
	assert_false(colour_decide(COLOUR_AUTO, "1", NULL, "xterm", true));
	assert_false(colour_decide(COLOUR_AUTO, "0", NULL, "xterm", true));
	assert_true(colour_decide(COLOUR_AUTO, "", NULL, "xterm", true));
	assert_false(colour_decide(COLOUR_AUTO, "1", "1", "xterm", true));
}

static void clicolor_force_needs_no_terminal(void **state)
{
	(void)state;
	assert_true(colour_decide(COLOUR_AUTO, NULL, "1", NULL, false));
	assert_false(colour_decide(COLOUR_AUTO, NULL, "0", NULL, false));
	assert_false(colour_decide(COLOUR_AUTO, NULL, "", NULL, false));
}

static void the_flag_is_stronger_than_the_environment(void **state)
{
	(void)state;
	assert_true(colour_decide(COLOUR_ALWAYS, "1", NULL, "dumb", false));
	assert_false(colour_decide(COLOUR_NEVER, NULL, "1", "xterm", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(colours_need_a_terminal_that_can_show_them),
		cmocka_unit_test(no_color_counts_only_when_it_is_not_empty),
		cmocka_unit_test(clicolor_force_needs_no_terminal),
		cmocka_unit_test(the_flag_is_stronger_than_the_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
