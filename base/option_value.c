/* option_value.c - one text becomes one option's value, or a sentence that says why not.
 * In: a row of the table and what somebody typed.  Out: the field in the values struct.
 * Owns: the copies of texts from files, for as long as the process lives.
 * Why so: flag, variable, file and default all pass through here, so that a value is judged alike wherever it stood. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/option_parts.h"

#include "base/must.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum {
	DURATION_BYTES = 24,
	CHOICES_BYTES = 256,
	WORD_MAX = 63, /* longer words are not compared: no option or choice is that long */
};

static const struct unit {
	const char *name;
	uint64_t ms;
} units[] = { /* the largest first, for printing */
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

/* Texts that live as long as the process hang here, so that a leak checker sees that somebody holds them. */
static struct kept {
	struct kept *next;
	char text[];
} *kept;

static const char *keep_text(const char *text, size_t len)
{
	struct kept *k = malloc(sizeof *k + len + 1);
	if (!k)
		return NULL;
	memcpy(k->text, text, len);
	k->text[len] = 0;
	k->next = kept;
	kept = k;
	return k->text;
}

/* Digits only: strtoull() would also take spaces, signs and what overflows.  *end stands behind the last digit. */
static bool digits_parse(const char *text, uint64_t *number, const char **end)
{
	*number = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) {
		const uint64_t digit = (uint64_t)(*at - '0');
		if (*number > (UINT64_MAX - digit) / 10)
			*number = UINT64_MAX; /* saturates: certainly above any bound */
		else
			*number = *number * 10 + digit;
	}
	*end = at;
	return at > text;
}

bool duration_parse(const char *text, uint64_t *ms)
{
	const char *unit;
	uint64_t number;
	if (!digits_parse(text, &number, &unit))
		return false;
	if (!*unit && number == 0) {
		*ms = 0;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(unit, units[i].name) == 0) {
			*ms = number * units[i].ms;
			return number <= UINT64_MAX / units[i].ms && number != UINT64_MAX;
		}
	return false;
}

/* 90000 as "90s": the largest unit that loses nothing. */
static void duration_print(uint64_t ms, char into[DURATION_BYTES])
{
	size_t i = 0;
	while (ms % units[i].ms)
		i++;
	if (ms == 0)
		snprintf(into, DURATION_BYTES, "0");
	else
		snprintf(into, DURATION_BYTES, "%" PRIu64 "%s", ms / units[i].ms, units[i].name);
}

static void number_print(const struct option *o, uint64_t number, char into[DURATION_BYTES])
{
	if (o->type == OPTION_DURATION)
		duration_print(number, into);
	else
		snprintf(into, DURATION_BYTES, "%" PRIu64, number);
}

void option_bounds(const struct option *o, char into[OPTION_BOUNDS_MAX])
{
	char min[DURATION_BYTES], max[DURATION_BYTES];
	into[0] = 0;
	if (o->type != OPTION_COUNT && o->type != OPTION_DURATION)
		return;
	number_print(o, o->min, min);
	number_print(o, o->max, max);
	if (o->max)
		snprintf(into, OPTION_BOUNDS_MAX, "%s to %s", min, max);
	else if (o->min)
		snprintf(into, OPTION_BOUNDS_MAX, "%s or more", min);
}

void option_describe(const struct option *o, char *into, size_t len)
{
	char bounds[OPTION_BOUNDS_MAX];
	option_bounds(o, bounds);
	snprintf(into, len, "%s%s%s", o->sentence, *bounds ? ", " : "", bounds);
}

const char *option_value_name(const struct option *o)
{
	static const char *const names[] = {
		[OPTION_FLAG] = "",	    [OPTION_TEXT] = "TEXT",  [OPTION_COUNT] = "N",
		[OPTION_DURATION] = "TIME", [OPTION_CHOICE] = "WAY", [OPTION_LIST] = "ITEM",
	};
	return o->value && o->type != OPTION_FLAG ? o->value : names[o->type];
}

static unsigned lesser(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edit distance (optimal string alignment): a letter more, less or other is one edit, and so are two neighbours that
 * changed places, which is how fingers err most.  Kept in three rows of the usual table, for looking back two. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	const size_t lines = strlen(a), columns = strlen(b);
	for (size_t j = 0; j <= columns; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= lines; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= columns; j++) {
			row[j] = lesser(above[j - 1] + (a[i - 1] != b[j - 1]), lesser(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = lesser(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[lines % 3][columns];
}

const char *nearest_name(const char *typed, const char *const *names)
{
	const char *nearest = NULL;
	unsigned least = UINT_MAX;
	if (strlen(typed) > WORD_MAX)
		return NULL;
	for (; *names; names++) {
		const size_t len = strlen(*names);
		if (len > WORD_MAX)
			continue;
		const unsigned distance = edit_distance(typed, *names);
		if (distance * 3 <= len && distance < least) {
			least = distance;
			nearest = *names;
		}
	}
	return nearest;
}

static bool bool_set(const char *text, bool *into, char *why, size_t why_len)
{
	static const char *const words[] = { "false", "true", "no", "yes", "0", "1" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(text, words[i]) == 0) {
			*into = i & 1;
			return true;
		}
	snprintf(why, why_len, "\"%s\" is neither true nor false (yes, no, 1 and 0 are understood too)", text);
	return false;
}

/* Holds a number against the bounds of the row. */
static bool number_set(const struct option *o, const char *text, uint64_t number, uint64_t *into, char *why, size_t why_len)
{
	char bound[DURATION_BYTES], about[512];
	const uint64_t max = o->max ? o->max : INT64_MAX; /* JSON and the log are signed */
	const bool low = number < o->min, high = number > max;
	if (!low && !high) {
		*into = number;
		return true;
	}
	number_print(o, low ? o->min : max, bound);
	option_describe(o, about, sizeof about);
	snprintf(why, why_len, "\"%s\" is %s %s (%s)", text, low ? "below" : "above", bound, about);
	return false;
}

static bool count_set(const struct option *o, const char *text, uint64_t *into, char *why, size_t why_len)
{
	char about[512];
	const char *end;
	uint64_t number;
	const bool negative = text[0] == '-' && o->min > 0;
	const bool digits = digits_parse(text + negative, &number, &end) && !*end;
	if (digits)
		return number_set(o, text, negative ? 0 : number, into, why, why_len);
	option_describe(o, about, sizeof about);
	snprintf(why, why_len, "\"%s\" is not a number (%s)", text, about);
	return false;
}

static bool duration_set(const struct option *o, const char *text, uint64_t *into, char *why, size_t why_len)
{
	char about[512];
	const char *end;
	uint64_t number;
	if (duration_parse(text, &number))
		return number_set(o, text, number, into, why, why_len);
	option_describe(o, about, sizeof about);
	if (digits_parse(text, &number, &end) && !*end)
		snprintf(why, why_len, "\"%s\" needs a unit: ms, s, m, h or d (%s)", text, about);
	else
		snprintf(why, why_len, "\"%s\" is not a time such as 3200ms, 10s, 5m or 2h (%s)", text, about);
	return false;
}

static bool choice_set(const struct option *o, const char *text, int *into, char *why, size_t why_len)
{
	char all[CHOICES_BYTES] = "", near[128];
	for (int i = 0; o->choices[i]; i++) {
		if (strcmp(text, o->choices[i]) == 0) {
			*into = i;
			return true;
		}
		const size_t len = strlen(all);
		snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", o->choices[i]);
	}
	const char *nearest = nearest_name(text, o->choices);
	snprintf(near, sizeof near, nearest ? ", did you mean \"%s\"?" : "%s", nearest ? nearest : "");
	snprintf(why, why_len, "\"%s\" is none of %s%s", text, all, near);
	return false;
}

static bool list_add(const char *text, struct option_list *list, char *why, size_t why_len)
{
	if (list->count == OPTION_LIST_MAX) {
		snprintf(why, why_len, "\"%s\" is one too many: at most %d values", text, OPTION_LIST_MAX);
		return false;
	}
	if (!*text) {
		snprintf(why, why_len, "an item is empty");
		return false;
	}
	list->item[list->count++] = text;
	return true;
}

bool option_set(const struct option *o, const char *text, bool keep, void *into, char *why, size_t why_len)
{
	char *field = (char *)into + o->at;
	if (keep && (o->type == OPTION_TEXT || o->type == OPTION_LIST))
		text = keep_text(text, strlen(text));
	if (!text) {
		snprintf(why, why_len, "no memory");
		return false;
	}
	switch (o->type) {
	case OPTION_FLAG: return bool_set(text, (bool *)field, why, why_len);
	case OPTION_TEXT: *(const char **)field = text; return true;
	case OPTION_COUNT: return count_set(o, text, (uint64_t *)field, why, why_len);
	case OPTION_DURATION: return duration_set(o, text, (uint64_t *)field, why, why_len);
	case OPTION_CHOICE: return choice_set(o, text, (int *)field, why, why_len);
	case OPTION_LIST: return list_add(text, (struct option_list *)field, why, why_len);
	}
	must_say(false, "option %s has type %d", o->name, (int)o->type);
}

bool option_set_commas(const struct option *o, const char *text, void *into, char *why, size_t why_len)
{
	for (;;) {
		text += strspn(text, " ");
		const size_t whole = strcspn(text, ",");
		size_t len = whole;
		while (len && text[len - 1] == ' ')
			len--;
		const char *item = keep_text(text, len);
		if (!option_set(o, item, false, into, why, why_len))
			return false;
		if (!text[whole])
			return true;
		text += whole + 1;
	}
}

void option_clear(const struct option *o, void *into)
{
	static const size_t sizes[] = {
		[OPTION_FLAG] = sizeof(bool),	      [OPTION_TEXT] = sizeof(const char *),
		[OPTION_COUNT] = sizeof(uint64_t),    [OPTION_DURATION] = sizeof(uint64_t),
		[OPTION_CHOICE] = sizeof(int),	      [OPTION_LIST] = sizeof(struct option_list),
	};
	memset((char *)into + o->at, 0, sizes[o->type]);
}
