/* test_config_file.c - mirrors base/config_file.c, read the way programs read it: through --config. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/option.h"
#include "tests/unit/base/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct values {
	const char *region, *config;
	uint64_t slots;
	struct option_list source;
	int connector;
	bool quiet;
};

static const char *const connectors[] = { "auto", "io_uring", "epoll", NULL };

#define AT(field) .at = offsetof(struct values, field)
static const struct option rows[] = {
	{ .name = "region", .type = OPTION_TEXT, .sentence = "whom it speaks for", AT(region) },
	{ .name = "slots", .type = OPTION_COUNT, .preset = "1024", .min = 1, .max = 65536, .sentence = "connects in flight",
	  AT(slots) },
	{ .name = "source", .type = OPTION_LIST, .preset = "::1", .sentence = "from where", AT(source) },
	{ .name = "connector", .type = OPTION_CHOICE, .choices = connectors, .sentence = "how to connect", AT(connector) },
	{ .name = "quiet", .type = OPTION_FLAG, .sentence = "say less", AT(quiet) },
	{ .name = "config", .type = OPTION_TEXT, .sentence = "a file", .only_flag = true, AT(config) },
	{ 0 },
};
static const struct option_table table = { .program = "prober", .options = rows, .env_prefix = "PROBER" };

static struct values got;
static char why[OPTIONS_WHY_MAX];
static char folder[] = "/tmp/portwatch-config-XXXXXX";

/* Runs in a folder of its own, so that sentences begin with "engine.yaml". */
static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink("engine.yaml");
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static enum option_outcome read_bytes(const char *bytes, size_t len, const char *flag)
{
	char *args[] = { (char *)"prober", (char *)"--config", (char *)"engine.yaml", (char *)flag, NULL };
	int operand;
	FILE *file = fopen("engine.yaml", "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
	return options_read(&table, flag ? 4 : 3, args, &got, &operand, why, sizeof why);
}

static enum option_outcome read_text(const char *text)
{
	return read_bytes(text, strlen(text), NULL);
}

static void refused(const char *text, const char *sentence)
{
	assert_int_equal(read_text(text), OPTIONS_BAD);
	assert_string_equal(why, sentence);
}

/* Only the first line of the sentence counts. */
static void refused_about(const char *text, const char *beginning)
{
	assert_int_equal(read_text(text), OPTIONS_BAD);
	if (strncmp(why, beginning, strlen(beginning)) != 0)
		fail_msg("%s\ninstead of\n%s", why, beginning);
}

static void a_file_sets_every_type(void **state)
{
	(void)state;
	assert_int_equal(read_text("# engine\nregion: eu\nslots: 5\nquiet: true\nconnector: epoll\nsource:\n  - a\n  - \"b c\"\n"),
			 OPTIONS_OK);
	assert_string_equal(got.region, "eu");
	assert_int_equal(got.slots, 5);
	assert_true(got.quiet);
	assert_int_equal(got.connector, 2);
	assert_int_equal(got.source.count, 2);
	assert_string_equal(got.source.item[1], "b c");
	assert_int_equal(read_text("source: [x]\r\nregion: \"null\"\r\n"), OPTIONS_OK);
	assert_int_equal(got.source.count, 1);
	assert_string_equal(got.region, "null");
	assert_int_equal(read_text("source: one\n"), OPTIONS_OK);
	assert_string_equal(got.source.item[0], "one");
	assert_int_equal(read_text("source: []\n"), OPTIONS_OK);
	assert_int_equal(got.source.count, 0);
}

static void a_file_without_options_is_fine(void **state)
{
	(void)state;
	assert_int_equal(read_text(""), OPTIONS_OK);
	assert_int_equal(read_text("# nothing here\n"), OPTIONS_OK);
	assert_int_equal(read_text("---\n"), OPTIONS_OK);
	assert_int_equal(got.slots, 1024);
}

static void flag_and_variable_are_stronger_than_the_file(void **state)
{
	(void)state;
	static const char text[] = "slots: 5\nregion: file\nsource: [a, b]\n";
	assert_int_equal(read_bytes(text, strlen(text), "--slots=7"), OPTIONS_OK);
	assert_int_equal(got.slots, 7);
	assert_string_equal(got.region, "file");
	setenv("PROBER_SLOTS", "6", 1);
	setenv("PROBER_SOURCE", "c", 1);
	assert_int_equal(read_text(text), OPTIONS_OK);
	assert_int_equal(got.slots, 6);
	assert_int_equal(got.source.count, 1);
	unsetenv("PROBER_SLOTS");
	unsetenv("PROBER_SOURCE");
	static const char wrong[] = "slots: many\n";
	assert_int_equal(read_bytes(wrong, strlen(wrong), "--slots=7"), OPTIONS_BAD);
}

static void a_wrong_key_is_shown_with_its_line_a_caret_and_a_hint(void **state)
{
	(void)state;
	refused("# a\n\nregoin: eu\n", "engine.yaml:3:1: unknown key \"regoin\", did you mean \"region\"?\n"
				       "    regoin: eu\n"
				       "    ^~~~~~");
	refused("banana: 1\n", "engine.yaml:1:1: unknown key \"banana\"; keys are the long flags of --help without --\n"
			       "    banana: 1\n"
			       "    ^~~~~~");
	refused("config: x\n", "engine.yaml:1:1: \"config\" can be given as a flag only\n"
			       "    config: x\n"
			       "    ^~~~~~");
}

static void a_wrong_value_is_shown_with_its_line_and_a_caret(void **state)
{
	(void)state;
	refused("region: eu\nslots: 99999999 # many\n",
		"engine.yaml:2:8: slots: \"99999999\" is above 65536 (connects in flight, 1 to 65536)\n"
		"    slots: 99999999 # many\n"
		"           ^~~~~~~~");
	refused("\"connector\": iouring", "engine.yaml:1:14: connector: \"iouring\" is none of auto, io_uring, epoll, did you mean"
					  " \"io_uring\"?\n"
					  "    \"connector\": iouring\n"
					  "                 ^~~~~~~");
	refused("source:\n  - a\n  - \"\"\n", "engine.yaml:3:6: source: an item is empty\n"
					      "      - \"\"\n"
					      "         ^");
	refused("slots: [1, 2]\n", "engine.yaml:1:1: slots: takes one value, not a list\n"
				   "    slots: [1, 2]\n"
				   "    ^~~~~");
}

static void what_is_not_flat_yaml_is_refused_with_its_place(void **state)
{
	(void)state;
	/* the words and columns of the first four are the library's, and its next release may choose others */
	refused_about("region: eu\nregion: us\n", "engine.yaml:2:");
	refused_about("region: \"eu\n", "engine.yaml:1:");
	refused_about("source: [a, b\nslots: 5\n", "engine.yaml:");
	refused_about("\tregion: eu\n", "engine.yaml:1:");
	refused_about("- eu\n", "engine.yaml:1:1: expected lines like \"name: value\"");
	refused_about("just words\n", "engine.yaml:1:1: expected lines like");
	refused_about("region:\n", "engine.yaml:1:1: region: has no value");
	refused_about("slots: 1\nregion: ~\n", "engine.yaml:2:1: region: has no value");
	refused_about("region: {a: b}\n", "engine.yaml:1:1: region: is neither one value nor a list of values");
	refused_about("source: [[a]]\n", "engine.yaml:1:1: source: is neither one value nor a list of values");
	refused_about("region: &x eu\nsource: *x\n", "engine.yaml:2:1: source: is neither one value nor a list of values");
	refused_about("region: !!int 5\n", "engine.yaml:1:1: region: has a tag");
	refused_about("region: \"a\\0b\"\n", "engine.yaml:1:1: region: has a zero byte in it");
	refused_about("? [a]\n: b\n", "engine.yaml:1:");
	refused_about("region: eu\n---\nregion: us\n", "engine.yaml: holds more than one document");
	refused_about("region: gr\xfc\xdf\n", "engine.yaml:1:11: this byte is not UTF-8\n    region: gr??\n              ^");
}

static void a_file_that_cannot_be_options_is_refused_as_a_whole(void **state)
{
	(void)state;
	static char large[(1 << 20) + 1];
	memset(large, '#', sizeof large);
	assert_int_equal(read_bytes(large, sizeof large, NULL), OPTIONS_BAD);
	assert_string_equal(why, "engine.yaml: is larger than 1 MiB; is it a file of options?");
	assert_int_equal(read_bytes("a: \0", 4, NULL), OPTIONS_BAD);
	assert_string_equal(why, "engine.yaml: has zero bytes in it; is it a file of options?");
	int operand;
	char *none[] = { (char *)"prober", (char *)"--config=none.yaml", NULL };
	char *slash[] = { (char *)"prober", (char *)"--config=/", NULL };
	assert_int_equal(options_read(&table, 2, none, &got, &operand, why, sizeof why), OPTIONS_BAD);
	assert_string_equal(why, "none.yaml: cannot be read: No such file or directory");
	assert_int_equal(options_read(&table, 2, slash, &got, &operand, why, sizeof why), OPTIONS_BAD);
	assert_string_equal(why, "/: cannot be read: Is a directory");
}

static void a_long_line_is_shown_up_to_the_width_of_a_terminal(void **state)
{
	(void)state;
	char text[400] = "slots: ";
	memset(text + 7, '9', 300);
	assert_int_equal(read_text(text), OPTIONS_BAD);
	const char *line = strchr(why, '\n') + 1;
	assert_int_equal(strcspn(line, "\n"), 100);
	assert_int_equal(strlen(strchr(line, '\n') + 1), 100);
}

static void any_bytes_are_read_or_refused_with_a_sentence(void **state)
{
	(void)state;
	static const char model[] = "region: eu\nslots: 5\nsource: [a, \"b\"]\n# c\n--- &a *b !t | > %TAG ? {}\n\xc3\xbc";
	seed_chance();
	for (int round = 0; round < 3000; round++) {
		char bytes[sizeof model];
		memcpy(bytes, model, sizeof model);
		const size_t len = 1 + (size_t)rand() % (sizeof model - 1);
		for (int i = rand() % 8; i > 0; i--)
			bytes[(size_t)rand() % len] = (char)(rand() & 1 ? rand() : model[(size_t)rand() % (sizeof model - 1)]);
		const enum option_outcome outcome = read_bytes(bytes, len, NULL);
		assert_true(outcome == OPTIONS_OK || (outcome == OPTIONS_BAD && strncmp(why, "engine.yaml:", 12) == 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_sets_every_type),
		cmocka_unit_test(a_file_without_options_is_fine),
		cmocka_unit_test(flag_and_variable_are_stronger_than_the_file),
		cmocka_unit_test(a_wrong_key_is_shown_with_its_line_a_caret_and_a_hint),
		cmocka_unit_test(a_wrong_value_is_shown_with_its_line_and_a_caret),
		cmocka_unit_test(what_is_not_flat_yaml_is_refused_with_its_place),
		cmocka_unit_test(a_file_that_cannot_be_options_is_refused_as_a_whole),
		cmocka_unit_test(a_long_line_is_shown_up_to_the_width_of_a_terminal),
		cmocka_unit_test(any_bytes_are_read_or_refused_with_a_sentence),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
