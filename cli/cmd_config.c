/* cmd_config.c - portwatch config check|show: what a file of monitors means, before anybody acts on it.
 * In: a path.  Out: every error with its place; or the configuration as it is in force. */
#include "cli/cli.h"
#include "cli/config_load.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

struct config_values {
	char nothing; /* neither has an option of its own */
};

static const struct option no_rows[] = { { 0 } };

static const struct option_table check_table = {
	.program = "portwatch config check",
	.synopsis = "PATH",
	.about = "Reads a file of monitors, or all *.yaml and *.yml of a directory, and says everything that is wrong with it: "
		 "file:line:column, the line, a caret. Reads the secrets' files and the environment too; touches nothing.",
	.examples = "portwatch config check portwatch.yaml\n"
		    "portwatch config check /etc/portwatch/monitors.d",
	.footer = "Exit status: 0 nothing is wrong; 3 something is.",
	.options = no_rows,
	.operands_min = 1,
	.operands_max = 1,
};

static const struct option_table show_table = {
	.program = "portwatch config show",
	.synopsis = "PATH",
	.about = "Prints the configuration as it is in force: files merged, defaults and variables put in, a monitor a line, secrets "
		 "redacted. It is YAML again.",
	.examples = "portwatch config show portwatch.yaml | grep pg-primary",
	.footer = "Exit status: 0 printed; 3 something is wrong with it; 4 the output cannot be written.",
	.options = no_rows,
	.operands_min = 1,
	.operands_max = 1,
};

static int check(const struct config *c)
{
	char count[100];
	struct text out = { 0 };
	config_count(c, count, sizeof count);
	text_printf(&out, "ok: %s\n", count);
	const int error = output_write(&out);
	text_free(&out);
	return error ? output_failed(check_table.program, error) : CLI_UP;
}

static int show(const struct config *c)
{
	struct text out = { 0 };
	config_show(c, &out);
	const int error = output_write(&out);
	text_free(&out);
	return error ? output_failed(show_table.program, error) : CLI_UP;
}

static int with_config(const struct option_table *table, int argc, char **argv, int (*then)(const struct config *))
{
	struct config_values set;
	struct config c;
	int operand, status;
	if (!cli_options(table, argc, argv, &set, &operand, &status))
		return status;
	if (!config_load(table, argv[operand], &c))
		return CLI_USAGE;
	status = then(&c);
	config_free(&c);
	return status;
}

int cmd_config(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "check") == 0)
		return with_config(&check_table, argc - 1, argv + 1, check);
	if (strcmp(what, "show") == 0)
		return with_config(&show_table, argc - 1, argv + 1, show);
	const bool help = strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0;
	fputs("Usage: portwatch config check PATH   say everything that is wrong with a file of monitors, or a directory of them\n"
	      "       portwatch config show PATH    print it as it is in force\n"
	      "\n'portwatch config check --help' and 'portwatch config show --help' tell more.\n",
	      help ? stdout : stderr);
	return help ? CLI_UP : CLI_USAGE;
}
