/* cmd_programs.c - portwatch engine|scheduler|alerts ...: becomes that program; portwatch notify test NAME: the same
 * for one test event.
 * In: the arguments, untouched.  Out: does not come back, or one sentence why it did.  Owns: nothing. */
#include "cli/cli.h"
#include "cli/program.h"

#include <stdio.h>
#include <string.h>

int cmd_engine(int argc, char **argv)
{
	(void)argc;
	return program_become("portwatch engine", "portwatch-engine", argv);
}

int cmd_scheduler(int argc, char **argv)
{
	(void)argc;
	return program_become("portwatch scheduler", "portwatch-scheduler", argv);
}

int cmd_alerts(int argc, char **argv)
{
	(void)argc;
	return program_become("portwatch alerts", "portwatch-alerts", argv);
}

struct notify_values {
	const char *file;
};

static const struct option notify_rows[] = {
	{ "monitors", 'c', OPTION_TEXT, .value = "FILE", .at = offsetof(struct notify_values, file), .required = true,
	  .only_flag = true, .sentence = "the file (or folder) of monitors, whose part notify: names the channel" },
	{ 0 },
};

static const struct option_table notify_table = {
	.program = "portwatch notify test",
	.synopsis = "NAME -c FILE",
	.about = "Sends a test event over one channel, now, and says what the other side answered. Needs no Redis.",
	.examples = "portwatch notify test hook -c monitors.yaml",
	.footer = "Exit status: 0 it was taken; 1 it was not; 3 the command line or the file is wrong; 4 "
		  "portwatch-alerts is not there.",
	.options = notify_rows,
	.operands_min = 1,
	.operands_max = 1,
};

int cmd_notify(int argc, char **argv)
{
	struct notify_values set;
	int operand, status;
	const bool test = argc > 1 && strcmp(argv[1], "test") == 0;
	const bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
	if (help) {
		options_help(&notify_table, stdout);
		return CLI_UP;
	}
	if (!test) {
		fputs("portwatch notify: there is: portwatch notify test NAME -c FILE; see portwatch notify --help\n",
		      stderr);
		return CLI_USAGE;
	}
	if (!cli_options(&notify_table, argc - 1, argv + 1, &set, &operand, &status))
		return status;
	char *become[] = { NULL, (char[]){ "--monitors" }, (char *)set.file, (char[]){ "--test" }, argv[1 + operand],
			   NULL };
	return program_become(notify_table.program, "portwatch-alerts", become);
}
