/* test_option.c - mirrors base/option*.c; the file of options has test_config_file.c. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/option.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct values {
	const char *region, *config;
	uint64_t slots, rate, settle_ms;
	int connector;
	struct option_list source;
	bool quiet, version;
	int untouched; /* not in the table */
};

static const char *const connectors[] = { "auto", "io_uring", "epoll", NULL };

#define AT(field) .at = offsetof(struct values, field)
static const struct option rows[] = {
	{ .name = "region", .letter = 'r', .type = OPTION_TEXT, .value = "NAME", .sentence = "whom it speaks for", .required = true,
	  AT(region) },
	{ .name = "slots", .letter = 's', .type = OPTION_COUNT, .preset = "1024", .min = 1, .max = 65536,
	  .sentence = "connects in flight", AT(slots) },
	{ .name = "rate", .type = OPTION_COUNT, .sentence = "connects a second", AT(rate) },
	{ .name = "settle-time", .type = OPTION_DURATION, .preset = "250ms", .max = 10000, .sentence = "wait for a RST",
	  AT(settle_ms) },
	{ .name = "connector", .type = OPTION_CHOICE, .choices = connectors, .sentence = "how to connect", AT(connector) },
	{ .name = "source", .type = OPTION_LIST, .preset = "::1,127.0.0.1", .value = "ADDRESS", .sentence = "from where",
	  AT(source) },
	{ .name = "quiet", .letter = 'q', .type = OPTION_FLAG, .sentence = "say less", AT(quiet) },
	{ .name = "config", .type = OPTION_TEXT, .value = "FILE", .sentence = "read a file", .only_flag = true, AT(config) },
	{ .name = "version", .letter = 'V', .type = OPTION_FLAG, .sentence = "say the version", .only_flag = true, AT(version) },
	{ 0 },
};

static const struct option_table table = {
	.program = "prober",
	.synopsis = "--region NAME [OPTION]... [TARGET]...",
	.about = "Tries connections.",
	.examples = "prober --region eu db:5432",
	.footer = "Exit status:\n  0  fine\n  3  not understood",
	.env_prefix = "PROBER",
	.options = rows,
	.operands_max = 2,
};

static struct values got;
static char why[OPTIONS_WHY_MAX];
static int operand;

enum { ARGS_MAX = 80 };
static char *args[ARGS_MAX];

/* Reads a command line; the first argument of all is added here. */
#define read_line(...) read_args((const char *[]){ "prober", __VA_ARGS__ __VA_OPT__(,) NULL })
static enum option_outcome read_args(const char *const *line)
{
	int count = 0;
	for (; line[count]; count++)
		args[count] = (char *)line[count];
	args[count] = NULL;
	memset(&got, 0x55, sizeof got);
	return options_read(&table, count, args, &got, &operand, why, sizeof why);
}

static void refused(enum option_outcome outcome, const char *sentence)
{
	assert_int_equal(outcome, OPTIONS_BAD);
	assert_string_equal(why, sentence);
}

static int clean_environment(void **state)
{
	(void)state;
	static const char *const names[] = { "PROBER_REGION", "PROBER_SLOTS",	"PROBER_SETTLE_TIME", "PROBER_QUIET", "PROBER_RATE",
					     "PROBER_SOURCE", "PROBER_CONFIG", "PROBER_CONNECTOR" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
	return 0;
}

static void defaults_hold_where_nothing_is_said(void **state)
{
	(void)state;
	assert_int_equal(read_line("--region", "eu"), OPTIONS_OK);
	assert_string_equal(got.region, "eu");
	assert_int_equal(got.slots, 1024);
	assert_int_equal(got.rate, 0);
	assert_int_equal(got.settle_ms, 250);
	assert_int_equal(got.connector, 0);
	assert_int_equal(got.source.count, 2);
	assert_string_equal(got.source.item[1], "127.0.0.1");
	assert_false(got.quiet);
	assert_null(got.config);
	assert_int_equal(got.untouched, 0x55555555);
	assert_string_equal(why, "");
}

static void flags_are_read_in_every_way_people_write_them(void **state)
{
	(void)state;
	assert_int_equal(read_line("-reu", "--slots=5", "-q", "--settle-time", "3s", "--connector=epoll"), OPTIONS_OK);
	assert_string_equal(got.region, "eu");
	assert_int_equal(got.slots, 5);
	assert_true(got.quiet);
	assert_int_equal(got.settle_ms, 3000);
	assert_int_equal(got.connector, 2);
	assert_int_equal(read_line("-qs", "7", "-r", "eu", "--slots", "65536"), OPTIONS_OK);
	assert_int_equal(got.slots, 65536); /* the last one holds */
	assert_int_equal(read_line("--region=", "--rate", "18"), OPTIONS_OK);
	assert_string_equal(got.region, "");
}

static void operands_come_last_and_are_counted(void **state)
{
	(void)state;
	assert_int_equal(read_line("db:5432", "-r", "eu", "mq:5672"), OPTIONS_OK);
	assert_int_equal(operand, 3);
	assert_string_equal(args[3], "db:5432");
	assert_string_equal(args[4], "mq:5672");
	assert_int_equal(read_line("-r", "eu", "--", "-q"), OPTIONS_OK);
	assert_string_equal(args[operand], "-q");
	refused(read_line("-r", "eu", "a", "b", "c"),
		"\"c\" is one argument too many; usage: prober --region NAME [OPTION]... [TARGET]...");
}

static void a_list_flag_is_repeated_and_replaces_the_default(void **state)
{
	(void)state;
	assert_int_equal(read_line("-r", "eu", "--source", "a,b", "--source=c"), OPTIONS_OK);
	assert_int_equal(got.source.count, 2);
	assert_string_equal(got.source.item[0], "a,b");
	assert_string_equal(got.source.item[1], "c");

	const char *line[OPTION_LIST_MAX + 5] = { "prober", "-reu" };
	for (int i = 0; i < OPTION_LIST_MAX; i++)
		line[2 + i] = "--source=x";
	assert_int_equal(read_args(line), OPTIONS_OK);
	line[2 + OPTION_LIST_MAX] = "--source=y";
	refused(read_args(line), "--source: \"y\" is one too many: at most 64 values");
}

static void a_flag_is_stronger_than_a_variable_and_that_than_a_default(void **state)
{
	(void)state;
	setenv("PROBER_SLOTS", "10", 1);
	setenv("PROBER_SETTLE_TIME", "2s", 1);
	setenv("PROBER_SOURCE", " a , b,c", 1);
	setenv("PROBER_QUIET", "yes", 1);
	setenv("PROBER_REGION", "", 1); /* counts as none */
	assert_int_equal(read_line("-r", "eu", "--slots", "20"), OPTIONS_OK);
	assert_int_equal(got.slots, 20);
	assert_int_equal(got.settle_ms, 2000);
	assert_true(got.quiet);
	assert_int_equal(got.source.count, 3);
	assert_string_equal(got.source.item[1], "b");
	assert_int_equal(read_line("-r", "eu", "--source", "d"), OPTIONS_OK);
	assert_int_equal(got.source.count, 1);
	setenv("PROBER_REGION", "us", 1);
	assert_int_equal(read_line(), OPTIONS_OK);
	assert_string_equal(got.region, "us");
}

static void a_wrong_variable_is_refused_by_its_name_even_under_a_flag(void **state)
{
	(void)state;
	setenv("PROBER_RATE", "fast", 1);
	refused(read_line("-r", "eu", "--rate", "5"), "PROBER_RATE: \"fast\" is not a number (connects a second)");
	unsetenv("PROBER_RATE");
	setenv("PROBER_QUIET", "maybe", 1);
	refused(read_line("-r", "eu"),
		"PROBER_QUIET: \"maybe\" is neither true nor false (yes, no, 1 and 0 are understood too)");
	unsetenv("PROBER_QUIET");
	setenv("PROBER_SOURCE", "a,,b", 1);
	refused(read_line("-r", "eu"), "PROBER_SOURCE: an item is empty");
}

static void a_flag_only_option_is_not_read_from_the_environment(void **state)
{
	(void)state;
	setenv("PROBER_CONFIG", "/nowhere", 1);
	assert_int_equal(read_line("-r", "eu"), OPTIONS_OK);
	assert_null(got.config);
}

static void numbers_are_digits_within_their_bounds(void **state)
{
	(void)state;
	refused(read_line("-r", "eu", "--slots", "99999999"), "--slots: \"99999999\" is above 65536 (connects in flight, 1 to 65536)");
	refused(read_line("-r", "eu", "-s0"), "-s: \"0\" is below 1 (connects in flight, 1 to 65536)");
	refused(read_line("-r", "eu", "-s-5"), "-s: \"-5\" is below 1 (connects in flight, 1 to 65536)");
	refused(read_line("-r", "eu", "--rate=-5"), "--rate: \"-5\" is not a number (connects a second)");
	refused(read_line("-r", "eu", "--rate=99999999999999999999999"),
		"--rate: \"99999999999999999999999\" is above 9223372036854775807 (connects a second)");
	static const char *const wrong[] = { "", " 5", "5 ", "+5", "0x5", "5k", "1e3", "٣" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(read_line("-r", "eu", "--slots", wrong[i]), OPTIONS_BAD);
		assert_non_null(strstr(why, "is not a number"));
	}
}

static void durations_need_a_unit_and_keep_their_bounds(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ms;
	} fine[] = { { "0", 0 }, { "00", 0 }, { "0s", 0 }, { "3200ms", 3200 }, { "10s", 10000 }, { "5m", 300000 }, { "2h", 7200000 } };
	static const char *const wrong[] = { "", "5", "s", "1.5s", "-1s", "5 s", "5S", "5sec", "5ms ", "99999999999999999999h",
					     "18446744073709551615ms", "6000000000000000h" };
	uint64_t ms;
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
		assert_true(duration_parse(fine[i].text, &ms));
		assert_int_equal(ms, fine[i].ms);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(duration_parse(wrong[i], &ms));
	refused(read_line("-reu", "--settle-time", "1h"), "--settle-time: \"1h\" is above 10s (wait for a RST, 0 to 10s)");
	refused(read_line("-reu", "--settle-time", "5"),
		"--settle-time: \"5\" needs a unit: ms, s, m, h or d (wait for a RST, 0 to 10s)");
	refused(read_line("-reu", "--settle-time", "soon"),
		"--settle-time: \"soon\" is not a time such as 3200ms, 10s, 5m or 2h (wait for a RST, 0 to 10s)");
}

static void an_unknown_choice_lists_the_choices(void **state)
{
	(void)state;
	refused(read_line("-reu", "--connector", "iouring"),
		"--connector: \"iouring\" is none of auto, io_uring, epoll, did you mean \"io_uring\"?");
	refused(read_line("-reu", "--connector", "smoke"), "--connector: \"smoke\" is none of auto, io_uring, epoll");
}

static void unknown_and_abbreviated_flags_are_refused_with_a_hint(void **state)
{
	(void)state;
	refused(read_line("--regoin=eu"), "unknown flag --regoin, did you mean --region?");
	refused(read_line("--reg", "eu"), "unknown flag --reg, did you mean --region?");
	refused(read_line("-reu", "--reg"), "unknown flag --reg, did you mean --region?");
	refused(read_line("--s", "5"), "unknown flag --s; --help lists them all");
	refused(read_line("--hel"), "unknown flag --hel, did you mean --help?");
	refused(read_line("--banana"), "unknown flag --banana; --help lists them all");
	refused(read_line("-qx"), "unknown flag -x; --help lists them all");
}

static void a_value_that_is_missing_or_too_many_is_said(void **state)
{
	(void)state;
	refused(read_line("--region"), "--region needs a value: NAME (whom it speaks for)");
	refused(read_line("-q", "-s"), "-s needs a value: N (connects in flight, 1 to 65536)");
	refused(read_line("--quiet=1"), "--quiet takes no value");
	refused(read_line("--help=all"), "--help takes no value");
}

static void what_is_required_is_asked_for_unless_it_is_help_or_version(void **state)
{
	(void)state;
	refused(read_line("-q"), "--region NAME is needed: whom it speaks for (or set PROBER_REGION)");
	assert_int_equal(read_line("-q", "--help"), OPTIONS_HELP);
	assert_int_equal(read_line("-h"), OPTIONS_HELP);
	assert_int_equal(read_line("--version"), OPTIONS_OK);
	assert_true(got.version);
}

static void the_nearest_name_is_near(void **state)
{
	(void)state;
	static const char *const names[] = { "region", "redis", "rate", "ab", NULL };
	assert_string_equal(nearest_name("regoin", names), "region");
	assert_string_equal(nearest_name("rat", names), "rate");
	assert_string_equal(nearest_name("redis", names), "redis");
	assert_null(nearest_name("ac", names));
	assert_null(nearest_name("", names));
	char long_word[200];
	memset(long_word, 'a', sizeof long_word - 1);
	long_word[sizeof long_word - 1] = 0;
	assert_null(nearest_name(long_word, names));
}

static void two_neighbours_that_changed_places_are_one_edit(void **state)
{
	(void)state;
	static const char *const names[] = { "probe", "tail", "abc", NULL };
	assert_string_equal(nearest_name("porbe", names), "probe");
	assert_string_equal(nearest_name("rpobe", names), "probe");
	assert_string_equal(nearest_name("proeb", names), "probe");
	assert_string_equal(nearest_name("acb", names), "abc");
	assert_null(nearest_name("rpoeb", names)); /* two swaps in five letters */
	assert_null(nearest_name("tial-", names));
	assert_null(nearest_name("cab", names)); /* no neighbours */
}

static void help_fits_100_columns_and_names_every_option(void **state)
{
	(void)state;
	char *page = NULL;
	size_t len;
	FILE *to = open_memstream(&page, &len);
	options_help(&table, to);
	fclose(to);
	for (const char *line = page; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 100);
	for (const struct option *o = rows; o->name; o++)
		assert_non_null(strstr(page, o->name));
	assert_true(strstr(page, "Examples:") < strstr(page, "Options:"));
	assert_non_null(strstr(page, "  -s, --slots N           connects in flight (1 to 65536; default 1024)\n"));
	assert_non_null(strstr(page, "      --connector WAY     how to connect (auto, io_uring or epoll)\n"));
	assert_non_null(strstr(page, "\n  0  fine\n  3  not understood\n"));
	free(page);
}

static void help_copes_with_wide_flags_open_bounds_and_a_letter_h_of_the_table(void **state)
{
	(void)state;
	static const struct option odd_rows[] = {
		{ .name = "host", .letter = 'h', .type = OPTION_TEXT, .only_flag = true, .sentence = "whom to ask", .at = 0 },
		{ .name = "a-name-that-is-wider-than-the-column", .type = OPTION_COUNT, .min = 2, .sentence = "so many", .at = 8 },
		{ 0 },
	};
	static const struct option_table odd = { .program = "odd", .env_prefix = "ODD", .options = odd_rows };
	char *page = NULL;
	size_t len;
	FILE *to = open_memstream(&page, &len);
	options_help(&odd, to);
	fclose(to);
	assert_non_null(strstr(page, "Usage: odd [OPTIONS]\n"));
	assert_non_null(strstr(page, "\n      --a-name-that-is-wider-than-the-column N\n                   so many (2 or more)\n"));
	assert_non_null(strstr(page, "\n      --help       show this help\n"));
	assert_non_null(strstr(page, "ODD_A_NAME_THAT_IS_WIDER_THAN_THE_COLUMN."));
	free(page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, clean_environment)
	const struct CMUnitTest tests[] = {
		TEST(defaults_hold_where_nothing_is_said),
		TEST(flags_are_read_in_every_way_people_write_them),
		TEST(operands_come_last_and_are_counted),
		TEST(a_list_flag_is_repeated_and_replaces_the_default),
		TEST(a_flag_is_stronger_than_a_variable_and_that_than_a_default),
		TEST(a_wrong_variable_is_refused_by_its_name_even_under_a_flag),
		TEST(a_flag_only_option_is_not_read_from_the_environment),
		TEST(numbers_are_digits_within_their_bounds),
		TEST(durations_need_a_unit_and_keep_their_bounds),
		TEST(an_unknown_choice_lists_the_choices),
		TEST(unknown_and_abbreviated_flags_are_refused_with_a_hint),
		TEST(a_value_that_is_missing_or_too_many_is_said),
		TEST(what_is_required_is_asked_for_unless_it_is_help_or_version),
		TEST(the_nearest_name_is_near),
		TEST(two_neighbours_that_changed_places_are_one_edit),
		TEST(help_fits_100_columns_and_names_every_option),
		TEST(help_copes_with_wide_flags_open_bounds_and_a_letter_h_of_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
