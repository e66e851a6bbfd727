/* monitor_plan.c - compares a configuration with what stands in Redis.
 * In: both.  Out: the changes, and lines that say them to a person.
 * Why so: what is there is compared by its meaning (read and written again by wire/monitor.c), so that a control plane
 * which orders members otherwise or spells out a default is not overwritten for that. */
#include "cli/monitor_plan.h"

#include "base/json.h"
#include "base/must.h"
#include "cli/row_format.h"

#include <stdlib.h>

/* ---- lines for people ---- */

static void add_value(struct text *to, const json_t *value)
{
	char *shown = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	text_add_safe(to, shown ? shown : "-");
	free(shown);
}

/* Members may stand in another order: of labels that is no difference. */
static bool mean_the_same(const char *before, const char *after)
{
	char why[200];
	if (strcmp(before, after) == 0)
		return true;
	json_t *old = json_read_object(before, strlen(before), why, sizeof why);
	json_t *new = json_read_object(after, strlen(after), why, sizeof why);
	const bool same = json_equal(old, new);
	json_decref(old);
	json_decref(new);
	return same;
}

/* "timeout_ms 3200 -> 1000, labels - -> {...}"; both are objects that our own encoders wrote. */
static void add_members(struct text *to, const char *before, const char *after)
{
	char why[200];
	json_t *old = json_read_object(before, strlen(before), why, sizeof why);
	json_t *new = json_read_object(after, strlen(after), why, sizeof why);
	json_t *both = json_object();
	const char *name;
	json_t *ignored;
	bool first = true;
	must(old && new);
	json_object_update(both, old);
	json_object_update(both, new);
	json_object_foreach(both, name, ignored) {
		const json_t *a = json_object_get(old, name), *b = json_object_get(new, name);
		if (json_equal(a, b))
			continue;
		text_printf(to, "%s%s ", first ? "" : ", ", name);
		add_value(to, a);
		text_add(to, " -> ");
		add_value(to, b);
		first = false;
	}
	json_decref(both);
	json_decref(old);
	json_decref(new);
}

static void add_line(struct text *to, const char *sign, const char *name, size_t name_len)
{
	struct text bytes = { 0 };
	text_add_bytes(&bytes, name, name_len);
	text_printf(to, "%s ", sign);
	text_add_safe(to, bytes.data ? bytes.data : "");
	text_free(&bytes);
}

/* ---- settings ---- */

static void plan_settings(struct monitor_plan *plan, const struct config *c, const struct snapshot *s)
{
	char why[STORE_WHY_MAX];
	struct settings there;
	char *wanted = settings_encode(&c->settings), *before = NULL;
	must(wanted);
	plan->shards = c->settings.shards;
	if (s->settings && settings_decode(&there, s->settings, strlen(s->settings), why, sizeof why)) {
		must((before = settings_encode(&there)));
		plan->shards_were = there.shards;
		settings_free(&there);
	}
	if (before && mean_the_same(before, wanted)) {
		free(wanted);
		wanted = NULL;
	} else if (!s->settings)
		text_add(&plan->lines, "+ the settings\n");
	else {
		text_add(&plan->lines, "~ the settings: ");
		if (before)
			add_members(&plan->lines, before, wanted);
		else
			text_add_safe(&plan->lines, why);
		text_add(&plan->lines, "\n");
	}
	plan->settings = wanted;
	plan->settings_changed = wanted && s->settings;
	free(before);
}

/* ---- monitors ---- */

static void add_change(struct monitor_plan *plan, const char *name, size_t name_len, char *json,
		       const struct snapshot_monitor *was)
{
	plan->change[plan->changes++] =
		(struct monitor_change){ name, name_len, json, was ? was->json : NULL, was ? was->json_len : 0 };
}

static void plan_new(struct monitor_plan *plan, const struct monitor *m)
{
	char target[HOST_MAX_LEN + 9];
	char *json = monitor_encode(m);
	must(json);
	monitor_target_write(m, target, sizeof target);
	add_line(&plan->lines, "+", m->name, strlen(m->name));
	text_printf(&plan->lines, " %s\n", target);
	plan->added++;
	add_change(plan, m->name, strlen(m->name), json, NULL);
}

static bool moves(const struct monitor_plan *plan, const struct monitor *m)
{
	const size_t len = strlen(m->name);
	return plan->shards_were && monitor_shard(m->name, len, plan->shards_were) != monitor_shard(m->name, len, plan->shards);
}

static void plan_present(struct monitor_plan *plan, const struct monitor *m, bool says_paused,
			 const struct snapshot_monitor *there)
{
	char why[STORE_WHY_MAX];
	struct monitor wanted = *m, before; /* borrowed texts: only paused is another's */
	char *before_json = NULL;
	if (snapshot_decode(there, &before, why, sizeof why)) {
		must((before_json = monitor_encode(&before)));
		wanted.paused = says_paused ? m->paused : m->paused || before.paused;
		monitor_free(&before);
	}
	char *json = monitor_encode(&wanted);
	must(json);
	plan->moved += moves(plan, m);
	if (before_json && mean_the_same(before_json, json)) {
		plan->same++;
		free(json);
		free(before_json);
		return;
	}
	add_line(&plan->lines, "~", m->name, strlen(m->name));
	text_add(&plan->lines, ": ");
	if (before_json)
		add_members(&plan->lines, before_json, json);
	else {
		text_add(&plan->lines, "was broken: ");
		text_add_safe(&plan->lines, why);
	}
	text_add(&plan->lines, "\n");
	plan->changed++;
	add_change(plan, m->name, strlen(m->name), json, there);
	free(before_json);
}

static void plan_gone(struct monitor_plan *plan, const struct snapshot_monitor *there)
{
	add_line(&plan->lines, "-", there->name, there->name_len);
	text_add(&plan->lines, "\n");
	plan->removed++;
	add_change(plan, there->name, there->name_len, NULL, there);
}

static int by_name(const void *a, const void *b)
{
	const struct monitor *const *one = a, *const *two = b;
	return strcmp((*one)->name, (*two)->name);
}

void monitor_plan_make(struct monitor_plan *plan, const struct config *c, const struct snapshot *s)
{
	const struct monitor **sorted = calloc(c->monitors + 1, sizeof *sorted);
	size_t there = 0;
	*plan = (struct monitor_plan){ 0 };
	must(sorted && (plan->change = calloc(c->monitors + s->count + 1, sizeof *plan->change)));
	for (unsigned i = 0; i < c->monitors; i++)
		sorted[i] = &c->monitor[i];
	qsort(sorted, c->monitors, sizeof *sorted, by_name);
	plan_settings(plan, c, s);
	for (unsigned i = 0; i < c->monitors; i++) { /* both are sorted by bytes: walk them side by side */
		const struct monitor *m = sorted[i];
		int order = 1;
		while (there < s->count && (order = strcmp(s->monitor[there].name, m->name)) < 0)
			plan_gone(plan, &s->monitor[there++]);
		if (there < s->count && order == 0 && strlen(m->name) == s->monitor[there].name_len)
			plan_present(plan, m, c->says_paused[m - c->monitor], &s->monitor[there++]);
		else
			plan_new(plan, m);
	}
	while (there < s->count)
		plan_gone(plan, &s->monitor[there++]);
	free(sorted);
}

void monitor_plan_free(struct monitor_plan *plan)
{
	for (size_t i = 0; i < plan->changes; i++)
		free((char *)plan->change[i].json);
	free(plan->change);
	free(plan->settings);
	text_free(&plan->lines);
	*plan = (struct monitor_plan){ 0 };
}

bool monitor_plan_is_empty(const struct monitor_plan *plan)
{
	return !plan->changes && !plan->settings;
}
