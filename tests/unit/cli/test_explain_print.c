/* test_explain_print.c - what the deciding process answers, put into lines. */
#include "cli/explain_print.h"

#include "cli_test.h"

#include <stdlib.h>
#include <time.h>

#define NOW 1764079205000ull /* 2025-11-25T14:00:05Z */

static struct text out;

static int set_up(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	text_free(&out);
	return 0;
}

static const char *lines(const char *json)
{
	char why[160];
	json_t *o = json_read_object(json, strlen(json), why, sizeof why);
	assert_non_null(o);
	text_reset(&out);
	explain_print(&out, "pg", o, NOW, 10000, false);
	json_decref(o);
	return out.data;
}

static void an_answer_says_what_is_so_who_says_so_how_it_adds_up_and_who_is_told(void **state)
{
	(void)state;
	assert_string_equal(
		lines("{\"state\":\"down\",\"scope\":\"service\",\"since_ms\":1764079200000,\"verdict\":\"closed\","
		      "\"incident\":17,"
		      "\"target\":\"198.51.100.7:5432\",\"regions\":[{\"region\":\"eu\",\"vote\":\"down\",\"why\":\"2 "
		      "in a row\",\"slow\":false,"
		      "\"lossy\":false,\"looks\":[{\"verdict\":\"closed\",\"rtt_us\":0,\"syn_retrans\":0,\"at_ms\":"
		      "1764079203000,\"attempt\":1},"
		      "{\"verdict\":\"open\",\"rtt_us\":420,\"syn_retrans\":1,\"at_ms\":1764079200000,\"attempt\":0}]},"
		      "{\"region\":\"us-1\",\"vote\":\"abstains\",\"why\":\"no engine\",\"looks\":[],"
		      "\"unknown\":{\"verdict\":\"local\",\"at_ms\":1764079190000}}],"
		      "\"arithmetic\":\"1 of 1 voters say down\",\"telling\":\"told as incident "
		      "17\",\"labels\":{\"team\":\"core\"},"
		      "\"parents\":[{\"name\":\"core-switch\",\"state\":\"up\"}],\"maintenance\":null,\"told_ms\":"
		      "1764079215000}"),
		"pg (198.51.100.7:5432): DOWN, closed, scope service; since 14:00:00, for 5.0 s\n"
		"votes\n"
		"  eu    down      2 in a row\n"
		"        14:00:03 closed confirming, 14:00:00 open 0.42 ms (1 SYN again)\n"
		"  us-1  abstains  no engine\n"
		"        of no use: 13:59:50 local\n"
		"arithmetic  1 of 1 voters say down\n"
		"telling     told as incident 17\n"
		"labels      team=core\n"
		"parents     core-switch (up)\n"
		"told        14:00:15\n"
		"next look   from eu in 5.0 s\n");
}

static void a_stored_state_shows_what_it_has_and_nothing_of_the_inner_works(void **state)
{
	(void)state;
	assert_string_equal(lines("{\"state\":\"path\",\"since_ms\":1764079200000,\"scope\":\"path\",\"telling\":{"
				  "\"path\":{}},\"round\":{},"
				  "\"regions\":{\"eu\":{\"looks\":[[1,0,\"open\"]]}}}"),
			    "pg: PATH ISSUE, scope path; since 14:00:00, for 5.0 s\n");
}

static void what_it_holds_cannot_move_a_terminal(void **state)
{
	(void)state;
	assert_null(
		strchr(lines("{\"state\":\"\\u001b[2J\",\"arithmetic\":\"\\u001b[2J\",\"\\u001b\":\"x\"}"), '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_says_what_is_so_who_says_so_how_it_adds_up_and_who_is_told,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stored_state_shows_what_it_has_and_nothing_of_the_inner_works, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_it_holds_cannot_move_a_terminal, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
