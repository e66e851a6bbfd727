/* option.c - reads default, file, environment and flags, the weakest first, so that the stronger overwrites.
 * In: a table, argv and the environment.  Out: a filled struct, or one sentence.
 * Owns: nothing that outlives the call.
 * Why so: every value given anywhere is judged, also one that a stronger place overwrites: a wrong line in a file is
 * found on the day it is written and not on the day the flag goes away. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/option.h"

#include "base/config_file.h"
#include "base/must.h"
#include "base/option_parts.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

struct reading {
	const struct option_table *table;
	struct option_flags flags;
	void *into;
	char *why;
	size_t why_len;
	bool given[OPTION_ROWS_MAX];	/* by file, variable or flag */
	bool in_place[OPTION_ROWS_MAX]; /* by the place being read */
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct reading *r, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(r->why, r->why_len, format, args);
	va_end(args);
	return false;
}

const struct option *option_find(const struct option_table *table, const char *name)
{
	for (const struct option *o = table->options; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static void begin_place(struct reading *r)
{
	memset(r->in_place, 0, sizeof r->in_place);
}

/* Called before every value: the first one from a stronger place empties a list that a weaker one has filled. */
static void begin_value(struct reading *r, const struct option *o)
{
	const size_t row = (size_t)(o - r->table->options);
	if (!r->in_place[row] && o->type == OPTION_LIST)
		option_clear(o, r->into);
	r->in_place[row] = r->given[row] = true;
}

/* One text that may hold a whole list. */
static bool set_line(const struct option *o, const char *text, void *into, char *why, size_t why_len)
{
	if (o->type == OPTION_LIST)
		return option_set_commas(o, text, into, why, why_len);
	return option_set(o, text, false, into, why, why_len);
}

static void read_presets(const struct reading *r)
{
	char why[OPTION_WHY_MAX];
	for (const struct option *o = r->table->options; o->name; o++) {
		option_clear(o, r->into);
		if (o->preset && !set_line(o, o->preset, r->into, why, sizeof why))
			must_say(false, "the default of --%s: %s", o->name, why);
	}
}

static void refuse_key(const struct reading *r, const char *key, char *why, size_t why_len)
{
	const char *names[OPTION_ROWS_MAX + 1];
	unsigned n = 0;
	for (const struct option *o = r->table->options; o->name; o++)
		if (!o->only_flag)
			names[n++] = o->name;
	names[n] = NULL;
	const char *nearest = nearest_name(key, names);
	if (option_find(r->table, key))
		snprintf(why, why_len, "\"%s\" can be given as a flag only", key);
	else if (nearest)
		snprintf(why, why_len, "unknown key \"%s\", did you mean \"%s\"?", key, nearest);
	else
		snprintf(why, why_len, "unknown key \"%s\"; keys are the long flags of --help without --", key);
}

static enum config_blame take_item(void *arg, const struct config_item *item, char *why, size_t why_len)
{
	struct reading *r = arg;
	char reason[OPTION_WHY_MAX];
	const struct option *o = option_find(r->table, item->key);
	if (!o || o->only_flag) {
		refuse_key(r, item->key, why, why_len);
		return CONFIG_BAD_KEY;
	}
	if (item->in_list && o->type != OPTION_LIST) {
		snprintf(why, why_len, "%s: takes one value, not a list", o->name);
		return CONFIG_BAD_KEY;
	}
	begin_value(r, o);
	if (!item->value || option_set(o, item->value, true, r->into, reason, sizeof reason))
		return CONFIG_FINE;
	snprintf(why, why_len, "%s: %s", o->name, reason);
	return CONFIG_BAD_VALUE;
}

void option_variable(const struct option_table *table, const struct option *o, char name[OPTION_NAME_MAX])
{
	const int len = snprintf(name, OPTION_NAME_MAX, "%s_%s", table->env_prefix, o->name);
	must(len > 0 && len < OPTION_NAME_MAX);
	for (char *at = name; *at; at++)
		*at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

/* The option's variable, or NULL.  An empty one counts as none: that is what `VAR= command` and compose files mean. */
static const char *variable(const struct option_table *table, const struct option *o, char name[OPTION_NAME_MAX])
{
	if (!table->env_prefix || o->only_flag)
		return NULL;
	option_variable(table, o, name);
	const char *text = getenv(name);
	return text && *text ? text : NULL;
}

/* The file named by --config, or by its variable where the table allows that. */
static bool read_file(struct reading *r)
{
	char name[OPTION_NAME_MAX];
	const struct option *config = option_find(r->table, "config");
	if (!config || config->type != OPTION_TEXT)
		return true;
	const char *path = variable(r->table, config, name);
	for (unsigned i = 0; i < r->flags.count; i++)
		if (r->flags.taken[i].option == config)
			path = r->flags.taken[i].text;
	begin_place(r);
	return !path || config_file_read(path, take_item, r, r->why, r->why_len);
}

/* Variables that begin with the prefix and are no option are not refused: Kubernetes puts NAME_SERVICE_HOST and the
 * like for every service into every container. */
static bool read_environment(struct reading *r)
{
	char name[OPTION_NAME_MAX], reason[OPTION_WHY_MAX];
	begin_place(r);
	for (const struct option *o = r->table->options; o->name; o++) {
		const char *text = variable(r->table, o, name);
		if (!text)
			continue;
		begin_value(r, o);
		if (!set_line(o, text, r->into, reason, sizeof reason))
			return refuse(r, "%s: %s", name, reason);
	}
	return true;
}

static bool read_flags(struct reading *r)
{
	char reason[OPTION_WHY_MAX];
	begin_place(r);
	for (unsigned i = 0; i < r->flags.count; i++) {
		const struct option_taken *t = &r->flags.taken[i];
		const struct option *o = t->option;
		begin_value(r, o);
		if (option_set(o, o->type == OPTION_FLAG ? "true" : t->text, false, r->into, reason, sizeof reason))
			continue;
		if (t->letter)
			return refuse(r, "-%c: %s", o->letter, reason);
		return refuse(r, "--%s: %s", o->name, reason);
	}
	return true;
}

/* What is required may stand anywhere. */
static bool check_required(const struct reading *r)
{
	char name[OPTION_NAME_MAX];
	for (const struct option *o = r->table->options; o->name; o++) {
		if (!o->required || r->given[o - r->table->options])
			continue;
		if (!r->table->env_prefix || o->only_flag)
			return refuse(r, "--%s %s is needed: %s", o->name, option_value_name(o), o->sentence);
		option_variable(r->table, o, name);
		return refuse(r, "--%s %s is needed: %s (or set %s)", o->name, option_value_name(o), o->sentence, name);
	}
	return true;
}

static bool check_operands(const struct reading *r, int argc, char **argv)
{
	const struct option_table *t = r->table;
	const char *synopsis = t->synopsis ? t->synopsis : "[OPTIONS]";
	const unsigned count = r->flags.operand < argc ? (unsigned)(argc - r->flags.operand) : 0;
	if (count < t->operands_min)
		return refuse(r, "%s; usage: %s %s", count ? "an argument is missing" : "nothing is given to work on", t->program,
			      synopsis);
	if (count > t->operands_max)
		return refuse(r, "\"%s\" is one argument too many; usage: %s %s",
			      argv[(unsigned)r->flags.operand + t->operands_max], t->program, synopsis);
	return true;
}

/* True when --version stands among the flags: then nothing else is asked for. */
static bool asks_version(const struct reading *r)
{
	const struct option *version = option_find(r->table, "version");
	for (unsigned i = 0; version && version->type == OPTION_FLAG && i < r->flags.count; i++)
		if (r->flags.taken[i].option == version)
			return true;
	return false;
}

static bool read_all(struct reading *r, int argc, char **argv)
{
	read_presets(r);
	if (asks_version(r))
		return read_flags(r);
	return read_file(r) && read_environment(r) && read_flags(r) && check_required(r) && check_operands(r, argc, argv);
}

enum option_outcome options_read(const struct option_table *table, int argc, char **argv, void *into, int *operand,
				 char *why, size_t why_len)
{
	struct reading r = { .table = table, .into = into, .why = why, .why_len = why_len };
	why[0] = 0;
	*operand = argc;
	enum option_outcome outcome = option_flags_read(table, argc, argv, &r.flags, why, why_len);
	if (outcome == OPTIONS_OK) {
		*operand = r.flags.operand;
		if (!read_all(&r, argc, argv))
			outcome = OPTIONS_BAD;
	}
	free(r.flags.taken);
	return outcome;
}
