/* option_help.c - the table as a person reads it.
 * In: a table.  Out: --help, at most 100 columns wide, examples before the list because they are read first.
 * Why so: written from the same rows that are parsed, so that it cannot say anything else. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/option_parts.h"

#include <string.h>

enum {
	WIDTH = 100,
	LEFT_MAX = 36,	 /* a wider flag has its sentence below it */
	LEFT_BYTES = 160,
	RIGHT_BYTES = 1024,
};

/* Prints len bytes as words up to WIDTH, further lines indented; the cursor stands at column indent already. */
static void print_wrapped(FILE *to, const char *text, size_t len, size_t indent)
{
	size_t at = indent;
	const char *end = text + len;
	while (text < end) {
		const size_t word = strcspn(text, " ") < (size_t)(end - text) ? strcspn(text, " ") : (size_t)(end - text);
		const bool first = at == indent;
		if (!first && at + 1 + word > WIDTH) {
			fprintf(to, "\n%*s", (int)indent, "");
			at = indent;
			continue;
		}
		fprintf(to, "%s%.*s", first ? "" : " ", (int)word, text);
		at += word + !first;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}

/* Prints each line as it is, so that a small table stays one, but wraps what is too long. */
static void print_prose(FILE *to, const char *lines)
{
	while (*lines) {
		const size_t len = strcspn(lines, "\n");
		if (len > WIDTH)
			print_wrapped(to, lines, len, 0);
		else
			fprintf(to, "%.*s\n", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

/* Prints lines as they are, with two spaces before those that have none. */
static void print_lines(FILE *to, const char *lines)
{
	while (*lines) {
		const size_t len = strcspn(lines, "\n");
		fprintf(to, "%s%.*s\n", len && lines[0] != ' ' ? "  " : "", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

/* "  -r, --region NAME": its length. */
static size_t left_side(const struct option *o, char into[LEFT_BYTES])
{
	char letter[8] = "    ";
	const char *value = option_value_name(o);
	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	const int len = snprintf(into, LEFT_BYTES, "  %s--%s%s%s", letter, o->name, *value ? " " : "", value);
	return len < LEFT_BYTES ? (size_t)len : LEFT_BYTES - 1;
}

/* Adds as much as there is room for. */
static void append(char *into, size_t room, const char *a, const char *b)
{
	const size_t len = strlen(into);
	snprintf(into + len, room - len, "%s%s", a, b);
}

/* "required; 1 to 65536; default 1024": whatever of it applies. */
static void notes(const struct option *o, char into[RIGHT_BYTES])
{
	char bounds[OPTION_BOUNDS_MAX];
	option_bounds(o, bounds);
	snprintf(into, RIGHT_BYTES, "%s%s", o->required ? "; required" : "", o->type == OPTION_LIST ? "; repeatable" : "");
	if (*bounds)
		append(into, RIGHT_BYTES, "; ", bounds);
	for (int i = 0; o->type == OPTION_CHOICE && o->choices[i]; i++)
		append(into, RIGHT_BYTES, i == 0 ? "; " : o->choices[i + 1] ? ", " : " or ", o->choices[i]);
	if (o->preset && *o->preset && o->type != OPTION_FLAG)
		append(into, RIGHT_BYTES, "; default ", o->preset);
}

/* The sentence, and its notes in brackets. */
static void right_side(const struct option *o, char into[RIGHT_BYTES])
{
	char all[RIGHT_BYTES];
	notes(o, all);
	snprintf(into, RIGHT_BYTES, "%s", o->sentence);
	if (*all) {
		append(into, RIGHT_BYTES, " (", all + strlen("; "));
		append(into, RIGHT_BYTES, ")", "");
	}
}

static void print_row(FILE *to, const struct option *o, size_t column)
{
	char left[LEFT_BYTES], right[RIGHT_BYTES];
	size_t len = left_side(o, left);
	right_side(o, right);
	fputs(left, to);
	if (len + 2 > column) {
		fputc('\n', to);
		len = 0;
	}
	fprintf(to, "%*s", (int)(column - len), "");
	print_wrapped(to, right, strlen(right), column);
}

static void print_options(const struct option_table *table, FILE *to)
{
	struct option help = { .name = "help", .letter = 'h', .sentence = "show this help" };
	char left[LEFT_BYTES];
	size_t column = left_side(&help, left) + 2;
	for (const struct option *o = table->options; o->name; o++) {
		const size_t len = left_side(o, left) + 2;
		if (len > column && len <= LEFT_MAX)
			column = len;
		if (o->letter == 'h')
			help.letter = 0;
	}
	fputs("\nOptions:\n", to);
	for (const struct option *o = table->options; o->name; o++)
		print_row(to, o, column);
	if (!option_find(table, "help"))
		print_row(to, &help, column);
}

/* The row that shows how a variable is named: the first that may be one. */
static const struct option *example_row(const struct option_table *table)
{
	const struct option *o = table->options;
	while (o->name && o->only_flag)
		o++;
	return o->name ? o : NULL;
}

/* Where else an option may stand. */
static void print_places(const struct option_table *table, FILE *to)
{
	const bool config = option_find(table, "config");
	const struct option *o = table->env_prefix ? example_row(table) : NULL;
	char name[OPTION_NAME_MAX], text[512] = "";
	if (o) {
		option_variable(table, o, name);
		snprintf(text, sizeof text, "Options can also be set in the environment, --%s as %s", o->name, name);
	}
	if (config)
		append(text, sizeof text, o ? ", or" : "Options can also be set",
		       " in the file of --config, a line \"name: value\" each");
	if (o && config)
		append(text, sizeof text, ". ", "A flag is stronger than a variable, a variable than the file");
	if (*text) {
		append(text, sizeof text, ".", "");
		fputc('\n', to);
		print_prose(to, text);
	}
}

void options_help(const struct option_table *table, FILE *to)
{
	if (table->about)
		print_prose(to, table->about);
	fprintf(to, "\nUsage: %s %s\n", table->program, table->synopsis ? table->synopsis : "[OPTIONS]");
	if (table->examples) {
		fputs("\nExamples:\n", to);
		print_lines(to, table->examples);
	}
	print_options(table, to);
	print_places(table, to);
	if (table->footer) {
		fputc('\n', to);
		print_prose(to, table->footer);
	}
}
