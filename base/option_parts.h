/* option_parts.h - what base/option*.c share.  Programs see base/option.h. */
#ifndef BASE_OPTION_PARTS_H
#define BASE_OPTION_PARTS_H

#include "base/option.h"

enum {
	OPTION_ROWS_MAX = 96,  /* the largest table has about 30 */
	OPTION_NAME_MAX = 128, /* of a flag, a key or a variable, with room for "did you mean" around it */
	OPTION_WHY_MAX = 768,  /* a sentence without its place */
	OPTION_BOUNDS_MAX = 64,
};

/* option_value.c: one text becomes one value. */

/* Puts text into the field of the values struct at into; a LIST takes one item more.  keep: text does not outlive the
 * call (it came from a file), so that a copy is made.  False: why says what is wrong, without the place. */
bool option_set(const struct option *o, const char *text, bool keep, void *into, char *why, size_t why_len);
/* The same for a LIST written in one line, items apart by commas, spaces around them ignored. */
bool option_set_commas(const struct option *o, const char *text, void *into, char *why, size_t why_len);
/* Back to zero: false, NULL, 0, the first choice, an empty list. */
void option_clear(const struct option *o, void *into);

/* "1 to 65536", "2 or more", or nothing. */
void option_bounds(const struct option *o, char into[OPTION_BOUNDS_MAX]);
/* "connects in flight, 1 to 65536": the sentence and the bounds, if there are any. */
void option_describe(const struct option *o, char *into, size_t len);
/* What --help and messages call the value: "HOST:PORT", or a word that suits the type. */
const char *option_value_name(const struct option *o);

/* option.c */

/* The row of that name, or NULL. */
const struct option *option_find(const struct option_table *table, const char *name);
/* Its variable's name, "PORTWATCH_ENGINE_LOG_LEVEL"; the table has an env_prefix. */
void option_variable(const struct option_table *table, const struct option *o, char name[OPTION_NAME_MAX]);

/* option_flags.c: argv becomes a list of flags. */

/* One flag as it stood in argv. */
struct option_taken {
	const struct option *option;
	const char *text; /* its value, NULL for a FLAG */
	bool letter;	  /* -s rather than --slots */
};

struct option_flags {
	struct option_taken *taken; /* in the order of argv; the caller frees it */
	unsigned count, room;
	int operand; /* index of the first operand in argv */
};

enum option_outcome option_flags_read(const struct option_table *table, int argc, char **argv, struct option_flags *flags,
				      char *why, size_t why_len);

#endif
