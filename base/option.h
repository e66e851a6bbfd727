/* option.h - one table per program feeds its flags, environment, file and help.
 * Order of strength: flag, environment (PREFIX_NAME with - as _; an empty one counts as none), file (--config, a flat YAML mapping whose keys are
 * the long names), default.  Every bad value is refused with a sentence that says which option, where it stood
 * (flag, variable, file:line:column) and what would do. */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {
	OPTION_FLAG,	 /* bool */
	OPTION_TEXT,	 /* const char *, owned by the caller of options_read() through struct options */
	OPTION_COUNT,	 /* uint64_t within [min, max] */
	OPTION_DURATION, /* uint64_t, in ms within [min, max]; "3200ms", "10s", "5m", "2h", "1d"; no bare numbers but 0 */
	OPTION_CHOICE,	 /* int: index into choices */
	OPTION_LIST,	 /* struct option_list; the flag may be repeated, the file has a sequence, the variable commas */
};

#define OPTION_LIST_MAX 64
struct option_list {
	unsigned count;
	const char *item[OPTION_LIST_MAX];
};

struct option {
	const char *name;	    /* long flag without --, key in the file */
	char letter;		    /* short flag, or 0 */
	enum option_type type;
	const char *preset;	    /* default in the option's own syntax, NULL: none (false, NULL, 0, empty) */
	uint64_t min, max;	    /* COUNT and DURATION (ms); max 0: no upper bound but 2^63 - 1 */
	const char *const *choices; /* CHOICE, NULL-ended */
	const char *value;	    /* what --help calls the value, e.g. "HOST:PORT" */
	const char *sentence;	    /* what it does, with its unit; one line of --help */
	size_t at;		    /* offsetof in the values struct */
	bool required;
	bool only_flag;		    /* not in the environment or the file (--config, --help, --version) */
};

struct option_table {
	const char *program;	      /* "portwatch-engine", "portwatch probe" */
	const char *synopsis;	      /* what follows the program in the usage line; NULL: [OPTIONS] */
	const char *about;	      /* one or two sentences; lines over 100 columns are wrapped */
	const char *examples;	      /* lines shown first in --help, or NULL */
	const char *footer;	      /* exit codes and the like, or NULL */
	const char *env_prefix;	      /* "PORTWATCH_ENGINE", or NULL: environment is not read */
	const struct option *options; /* ended by a NULL name */
	unsigned operands_min, operands_max; /* TARGET... and the like; max UINT_MAX: any number */
};

enum option_outcome { OPTIONS_OK, OPTIONS_HELP, OPTIONS_BAD };

/* Enough for any sentence; those about a file go on with the line and a caret on two more lines. */
#define OPTIONS_WHY_MAX 1536

/* Fills the struct at into (every field of the table is zeroed first, others are left alone) and sets *operand to the
 * index of the first operand in argv, which is permuted so that operands come last.  --help and --config FILE (if the
 * table has an option of that name, TEXT) are handled here; where --version is given (if the table has it, as a FLAG)
 * only the flags are read and nothing is required.  OPTIONS_HELP: print options_help() on stdout and leave with 0.
 * OPTIONS_BAD: why holds a sentence.  Texts point into argv, the environment, the table or memory that lives as long
 * as the process. */
enum option_outcome options_read(const struct option_table *table, int argc, char **argv, void *into, int *operand,
				 char *why, size_t why_len);

void options_help(const struct option_table *table, FILE *to);

/* Parses "3200ms", "10s", "5m", "2h", "1d" or "0" into milliseconds; false: not a duration or out of range. */
bool duration_parse(const char *text, uint64_t *ms);

/* The candidate nearest to what was typed, for "did you mean", or NULL if none is near (edit distance over a third of
 * its length, where two neighbours that changed places count as one edit).  names is NULL-ended. */
const char *nearest_name(const char *typed, const char *const *names);

#endif
