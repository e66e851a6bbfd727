/* cli.c - the small ends that all sub-commands have in common.
 * In: an option table and argv.  Out: the filled struct, or help on stdout, or one sentence on stderr.
 * Owns: nothing.  Why so: no sub-command leaves the process by itself; each hands its status back to main(). */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0" /* built by hand, without configure */
#endif

const char *const cli_version = PACKAGE_VERSION;

int cli_refuse(const struct option_table *table, int status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", table->program);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

bool cli_options(const struct option_table *table, int argc, char **argv, void *into, int *operand, int *status)
{
	char why[1024];
	switch (options_read(table, argc, argv, into, operand, why, sizeof why)) {
	case OPTIONS_OK:
		return true;
	case OPTIONS_HELP:
		options_help(table, stdout);
		*status = CLI_UP;
		return false;
	case OPTIONS_BAD:
		break;
	}
	*status = cli_refuse(table, CLI_USAGE, "%s\nTry '%s --help'.", why, table->program);
	return false;
}
