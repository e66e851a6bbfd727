/* cmd_version.c - portwatch version: for people and, with -o json, for programs.
 * In: -o.  Out: one line.  Owns: nothing. */
#include "cli/cli.h"

#include <stdio.h>

struct version_options {
	int output;
};

static const char *const formats[] = { "text", "json", NULL };

static const struct option version_rows[] = {
	{ "output", 'o', OPTION_CHOICE, .preset = "text", .choices = formats, .sentence = "how the version is written",
	  .at = offsetof(struct version_options, output) },
	{ 0 },
};

static const struct option_table version_table = {
	.program = "portwatch version",
	.synopsis = "[-o text|json]",
	.about = "Says which portwatch this is.",
	.options = version_rows,
};

int cmd_version(int argc, char **argv)
{
	struct version_options set;
	int operand, status;
	if (!cli_options(&version_table, argc, argv, &set, &operand, &status))
		return status;
	printf(set.output ? "{\"schema\":\"portwatch.version/1\",\"version\":\"%s\"}\n" : "portwatch %s\n", cli_version);
	return CLI_UP;
}
