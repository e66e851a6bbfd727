/* main.c - portwatch: one command for people, a table of sub-commands.
 * In: argv.  Out: the exit status of the sub-command.
 * Owns: the table.  Why so: a sub-command is a function with the shape of main(); called as check_portwatch the program
 * is its own monitoring plugin, so that a plugin folder needs nothing but a link. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static int cmd_help(int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *sentence;
} commands[] = {
	{ "up", cmd_up, "run everything on this machine: from a file of monitors to people told" },
	{ "config", cmd_config, "check and show a file of monitors" },
	{ "monitors", cmd_monitors, "write and read the monitors in Redis" },
	{ "status", cmd_status, "show what is watched and how it is, the worst first" },
	{ "explain", cmd_explain, "say why a monitor is in the state it is in" },
	{ "tail", cmd_tail, "read results, or with --alerts what was decided, as it comes" },
	{ "notify", cmd_notify, "send a test event over one channel" },
	{ "probe", cmd_probe, "try TCP connections and say how each ended" },
	{ "check", cmd_check, "the same for one port, as a Nagios plugin" },
	{ "jobs", cmd_jobs, "put jobs on an engine's queue" },
	{ "doctor", cmd_doctor, "look for what would hinder probing on this machine" },
	{ "engine", cmd_engine, "run portwatch-engine" },
	{ "scheduler", cmd_scheduler, "run portwatch-scheduler" },
	{ "alerts", cmd_alerts, "run portwatch-alerts" },
	{ "version", cmd_version, "say the version" },
	{ "help", cmd_help, "say this, or the help of a sub-command" },
	{ 0 },
};

static void print_help(FILE *to)
{
	fputs("Usage: portwatch COMMAND [OPTION...]\n\n"
	      "Examples:\n"
	      "  portwatch up -c monitors.yaml          watch everything in it, here and now\n"
	      "  portwatch probe 192.0.2.10:5432        is it open, and how fast does it answer?\n"
	      "  portwatch probe -f targets.txt -o csv  thousands of them, one a line\n"
	      "  portwatch doctor                       is this machine fit for probing?\n\n"
	      "Commands:\n",
	      to);
	for (const struct command *c = commands; c->name; c++)
		fprintf(to, "  %-9s %s\n", c->name, c->sentence);
	fputs("\n'portwatch help COMMAND' tells the options and exit codes of each.\n", to);
}

static const struct command *find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* Abbreviations are not taken: what is short today may mean two commands tomorrow. */
static int refuse_unknown(const char *name)
{
	const char *names[sizeof commands / sizeof commands[0]] = { 0 };
	for (size_t i = 0; commands[i].name; i++)
		names[i] = commands[i].name;
	const char *near = nearest_name(name, names);
	if (near)
		fprintf(stderr, "portwatch: unknown command \"%s\", did you mean \"%s\"?\n", name, near);
	else
		fprintf(stderr, "portwatch: unknown command \"%s\"; 'portwatch help' lists them\n", name);
	return CLI_USAGE;
}

static int cmd_help(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stdout);
		return CLI_UP;
	}
	const struct command *c = find(argv[1]);
	if (!c)
		return refuse_unknown(argv[1]);
	if (c->run == cmd_help)
		return cmd_help(1, argv);
	char *ask[] = { argv[1], (char[]){ "--help" }, NULL };
	c->run(2, ask);
	return CLI_UP;
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *self = slash ? slash + 1 : argc ? argv[0] : "portwatch";

	if (strcmp(self, "check_portwatch") == 0)
		return cmd_check(argc, argv);
	if (argc < 2) {
		print_help(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return cmd_help(1, argv);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return cmd_version(1, argv);
	const struct command *c = find(argv[1]);
	return c ? c->run(argc - 1, argv + 1) : refuse_unknown(argv[1]);
}
