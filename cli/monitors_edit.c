/* monitors_edit.c - portwatch monitors pause|resume|remove NAME...
 * In: names.  Out: one transaction.
 * Why so: all names are looked up before anything is written, so that a slip in the third leaves the first two alone.
 * What is paused keeps every member that its writer put there, also those that we do not know. */
#include "base/json.h"
#include "base/must.h"
#include "cli/monitors.h"
#include "cli/row_format.h"
#include "wire/target.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct edit_values {
	const char *redis, *state, *prefix;
};

static const struct option edit_rows[] = {
	REDIS_OPTION(struct edit_values, false),
	STATE_OPTION(struct edit_values),
	PREFIX_OPTION(struct edit_values),
	{ 0 },
};

#define EDIT_TABLE(verb, sentences)                                                                                       \
	{                                                                                                                 \
		.program = "portwatch monitors " verb, .synopsis = "[--redis URL] NAME...", .about = sentences,             \
		.examples = "portwatch monitors " verb " --redis redis://127.0.0.1 pg-primary",                           \
		.footer = "Exit status: 0 done; 3 the command line is wrong or there is no such monitor, nothing was done; 4 Redis was not " \
			  "reached or refused.",                                                                          \
		.env_prefix = "PORTWATCH", .options = edit_rows, .operands_min = 1, .operands_max = UINT_MAX,             \
	}

static const struct option_table pause_table =
	EDIT_TABLE("pause", "Stops probing monitors until they are resumed. An apply leaves "
			    "them paused, unless its file says paused: false.");
static const struct option_table resume_table = EDIT_TABLE("resume", "Probes monitors again that were paused.");
static const struct option_table remove_table =
	EDIT_TABLE("remove", "Forgets monitors. One that is in a file comes back with the next apply.");

enum edit { PAUSE, RESUME, REMOVE };
enum { TRIES = 5 }; /* as monitor_apply.c: who writes all the time is not outrun */

struct editor {
	enum edit edit;
	const struct option_table *table;
	const struct edit_values *set;
	struct redis_link *link;
	char **names;
	size_t count;
};

static bool all_are_there(const struct editor *e, const struct snapshot *s)
{
	bool all = true;
	for (size_t i = 0; i < s->count; i++)
		if (!s->monitor[i].json) {
			monitors_unknown(e->table, e->link, e->set->prefix, s->monitor[i].name);
			all = false;
		}
	return all;
}

/* The JSON with paused set or gone; NULL: it is no JSON object. */
static char *with_paused(const struct snapshot_monitor *m, bool paused)
{
	char why[200];
	json_t *object = json_read_object(m->json, m->json_len, why, sizeof why);
	if (!object)
		return NULL;
	if (paused)
		json_object_set_new(object, "paused", json_true());
	else
		json_object_del(object, "paused");
	char *line = json_line(object);
	json_decref(object);
	return line;
}

/* Whether there is something to write for one; false with *status when it cannot be. */
static bool plan_one(const struct editor *e, const struct snapshot_monitor *m, struct monitor_change *change,
		     bool *needed)
{
	char why[STORE_WHY_MAX];
	struct monitor decoded;
	*change = (struct monitor_change){ m->name, m->name_len, NULL, m->json, m->json_len };
	*needed = true;
	if (e->edit == REMOVE)
		return true;
	if (!snapshot_decode(m, &decoded, why, sizeof why)) {
		cli_refuse(e->table, 0, "%s; mend it with apply, or remove it", why);
		return false;
	}
	*needed = decoded.paused != (e->edit == PAUSE);
	monitor_free(&decoded);
	if (*needed)
		must((change->json = with_paused(m, e->edit == PAUSE)));
	return true;
}

static void print_done(const struct editor *e, const struct snapshot *s, const bool *needed)
{
	static const char *const done[] = { "paused", "resumed", "removed" };
	static const char *const idle[] = { "was paused already", "was not paused", "" };
	for (size_t i = 0; i < s->count; i++) {
		char shown[QUOTED_MAX];
		printf("%s %s\n", quoted(shown, s->monitor[i].name, s->monitor[i].name_len),
		       needed[i] ? done[e->edit] : idle[e->edit]);
	}
}

/* -EAGAIN: somebody was faster; else *status says how it ended. */
static int write_edit(const struct editor *e, const struct snapshot *s, int *status)
{
	char why[STORE_WHY_MAX];
	struct monitor_change *change = calloc(s->count, sizeof *change);
	bool *needed = calloc(s->count, sizeof *needed);
	size_t changes = 0, written;
	int bad = 0;
	must(change && needed);
	*status = CLI_UP;
	for (size_t i = 0; i < s->count; i++) {
		if (!plan_one(e, &s->monitor[i], &change[changes], &needed[i]))
			*status = CLI_USAGE;
		else
			changes += needed[i];
	}
	if (*status == CLI_UP)
		bad = monitor_store_write(e->link, e->set->prefix, NULL, change, changes, &written, why, sizeof why);
	if (bad && bad != -EAGAIN)
		*status = monitors_failed(e->table, e->link, why);
	else if (!bad && *status == CLI_UP)
		print_done(e, s, needed);
	for (size_t i = 0; i < changes; i++)
		free((char *)change[i].json);
	free(change);
	free(needed);
	return bad;
}

static int try_once(const struct editor *e, int *status)
{
	char why[STORE_WHY_MAX];
	struct snapshot s;
	int bad = snapshot_some(&s, e->link, e->set->prefix, e->names, e->count, why, sizeof why);
	if (bad)
		*status = monitors_failed(e->table, e->link, why);
	else if (!all_are_there(e, &s))
		*status = CLI_USAGE;
	else
		bad = write_edit(e, &s, status);
	snapshot_free(&s);
	return bad;
}

static int edit(enum edit what, const struct option_table *table, int argc, char **argv)
{
	struct edit_values set;
	struct editor e = { .edit = what, .table = table, .set = &set };
	int operand, status, bad = -EAGAIN;
	if (!cli_options(table, argc, argv, &set, &operand, &status))
		return status;
	e.names = argv + operand;
	e.count = (size_t)(argc - operand);
	e.link = monitors_reach(table, set.redis, set.state, set.prefix, &status);
	if (!e.link)
		return status;
	for (int i = 0; bad == -EAGAIN && i < TRIES; i++)
		bad = try_once(&e, &status);
	if (bad == -EAGAIN)
		status =
			cli_refuse(table, CLI_INTERNAL, "others write the same monitors all the time; try again later");
	redis_link_free(e.link);
	return status;
}

int cmd_monitors_pause(int argc, char **argv)
{
	return edit(PAUSE, &pause_table, argc, argv);
}

int cmd_monitors_resume(int argc, char **argv)
{
	return edit(RESUME, &resume_table, argc, argv);
}

int cmd_monitors_remove(int argc, char **argv)
{
	return edit(REMOVE, &remove_table, argc, argv);
}
