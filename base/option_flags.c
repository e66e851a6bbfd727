/* option_flags.c - cuts argv into flags and operands.
 * In: a table and argv.  Out: the flags in order, argv permuted so that operands come last; or one sentence.
 * Owns: getopt_long()'s state during the call, so options are read by one thread at a time.
 * Why so: getopt_long() knows every way people write flags.  Its abbreviations are refused: a script that says --s would
 * mean something else after the next release.  It never prints: the sentences are ours. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/* getopt.h has a struct option of its own. */
#define option getopt_option
#include <getopt.h>
#undef option

#include "base/must.h"
#include "base/option_parts.h"

#include <string.h>

enum {
	LONG_BASE = 256, /* what getopt_long() returns for row i is LONG_BASE + i: above every letter */
	HELP = LONG_BASE + OPTION_ROWS_MAX,
};

static const struct option *find_letter(const struct option_table *table, int letter)
{
	for (const struct option *o = table->options; o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

/* getopt's two views of the table.  letters begins with ':' for quiet, telling errors. */
static void build(const struct option_table *table, char letters[2 * OPTION_ROWS_MAX + 8],
		  struct getopt_option longs[OPTION_ROWS_MAX + 2])
{
	int row = 0;
	*letters++ = ':';
	for (const struct option *o = table->options; o->name; o++, row++) {
		must(row < OPTION_ROWS_MAX);
		const int has = o->type == OPTION_FLAG ? no_argument : required_argument;
		longs[row] = (struct getopt_option){ .name = o->name, .has_arg = has, .val = LONG_BASE + row };
		if (o->letter) {
			*letters++ = o->letter;
			if (has == required_argument)
				*letters++ = ':';
		}
	}
	longs[row++] = (struct getopt_option){ .name = "help", .val = HELP };
	longs[row] = (struct getopt_option){ 0 };
	if (!find_letter(table, 'h'))
		*letters++ = 'h';
	*letters = 0;
}

/* The argument that getopt_long() has just cut a long option from. */
static const char *element(char **argv)
{
	const bool value_apart = optarg && argv[optind - 1] == optarg;
	return argv[optind - (value_apart ? 2 : 1)];
}

/* True when the long name was written out: --slots or --slots=5, not --sl. */
static bool is_exact(const char *typed, const char *name)
{
	const size_t len = strcspn(typed + 2, "=");
	return strlen(name) == len && strncmp(typed + 2, name, len) == 0;
}

/* The one name that begins like that, or NULL: who abbreviates is told the whole. */
static const char *only_longer(const char *typed, const char *const *names)
{
	const char *found = NULL;
	for (; *names; names++)
		if (*typed && strncmp(*names, typed, strlen(typed)) == 0) {
			if (found)
				return NULL;
			found = *names;
		}
	return found;
}

static void refuse_unknown(const struct option_table *table, const char *typed, char *why, size_t why_len)
{
	const char *names[OPTION_ROWS_MAX + 2];
	char name[OPTION_NAME_MAX];
	unsigned n = 0;
	for (const struct option *o = table->options; o->name; o++)
		names[n++] = o->name;
	if (!option_find(table, "help"))
		names[n++] = "help";
	names[n] = NULL;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(typed, "="), typed);
	const char *nearest = nearest_name(name + 2, names);
	if (!nearest)
		nearest = only_longer(name + 2, names);
	if (nearest)
		snprintf(why, why_len, "unknown flag %s, did you mean --%s?", name, nearest);
	else
		snprintf(why, why_len, "unknown flag %s; --help lists them all", name);
}

/* c and optopt are what getopt_long() says is wrong: ':' a value is missing, '?' unknown, ambiguous or a value too many;
 * optopt is a letter, a row, or 0 for a long name it does not know. */
static void refuse(const struct option_table *table, int c, char **argv, char *why, size_t why_len)
{
	char about[OPTION_WHY_MAX];
	const bool is_long = optopt >= LONG_BASE;
	const struct option *o = optopt && !is_long ? find_letter(table, optopt) : NULL;
	if (optopt == 0)
		refuse_unknown(table, element(argv), why, why_len);
	else if (!is_long && !o)
		snprintf(why, why_len, "unknown flag -%c; --help lists them all", optopt);
	else if (optopt == HELP)
		snprintf(why, why_len, "--help takes no value");
	else {
		if (is_long)
			o = &table->options[optopt - LONG_BASE];
		option_describe(o, about, sizeof about);
		if (is_long && !is_exact(element(argv), o->name))
			refuse_unknown(table, element(argv), why, why_len);
		else if (c == '?')
			snprintf(why, why_len, "--%s takes no value", o->name);
		else if (is_long)
			snprintf(why, why_len, "--%s needs a value: %s (%s)", o->name, option_value_name(o), about);
		else
			snprintf(why, why_len, "-%c needs a value: %s (%s)", o->letter, option_value_name(o), about);
	}
}

static bool take(struct option_flags *flags, struct option_taken taken)
{
	if (flags->count == flags->room) {
		const unsigned room = flags->room ? flags->room * 2 : 32;
		struct option_taken *more = realloc(flags->taken, room * sizeof *more);
		if (!more)
			return false;
		flags->taken = more;
		flags->room = room;
	}
	flags->taken[flags->count++] = taken;
	return true;
}

enum option_outcome option_flags_read(const struct option_table *table, int argc, char **argv, struct option_flags *flags,
				      char *why, size_t why_len)
{
	char letters[2 * OPTION_ROWS_MAX + 8];
	struct getopt_option longs[OPTION_ROWS_MAX + 2];
	int c;
	build(table, letters, longs);
	*flags = (struct option_flags){ 0 };
	opterr = 0;
	optind = 0; /* glibc: start anew, also after another table */
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct option *o = c < LONG_BASE ? find_letter(table, c) : c < HELP ? &table->options[c - LONG_BASE] : NULL;
		if (c == ':' || c == '?') {
			refuse(table, c, argv, why, why_len);
			return OPTIONS_BAD;
		}
		if (c >= LONG_BASE && !is_exact(element(argv), o ? o->name : "help")) {
			refuse_unknown(table, element(argv), why, why_len);
			return OPTIONS_BAD;
		}
		if (!o)
			return OPTIONS_HELP;
		if (!take(flags, (struct option_taken){ .option = o, .text = optarg, .letter = c < LONG_BASE })) {
			snprintf(why, why_len, "no memory");
			return OPTIONS_BAD;
		}
	}
	flags->operand = optind;
	return OPTIONS_OK;
}
