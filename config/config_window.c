/* config_window.c - the section `maintenance`: when nobody is told about which monitors.
 * Why so: a window that covers no monitor is refused while it is not over.  It is a name or a label with a slip in it,
 * and whoever wrote it would be woken in the very night for which it was written; only of the past does nobody care. */
#include "config/config_parts.h"

#include "base/must.h"
#include "wire/target.h"

#include <stdlib.h>

enum key { MONITORS, FROM, UNTIL, FOR, WHY };
static const char *const keys[] = { "monitors", "from", "until", "for", "why", NULL };

static void take_name(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct maintenance *w = arg;
	char *name = value_line(r, t, item, "monitors", NAME_MAX_LEN);
	if (!name)
		return;
	must((w->monitor = realloc(w->monitor, (w->monitors + 1) * sizeof *w->monitor)));
	w->monitor[w->monitors++] = name;
}

/* A mapping of labels, a list of names, one name, or the word all. */
static void read_selector(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value,
			  struct maintenance *w)
{
	if (value->kind == YAML_TEXT && strcmp(value->text, "all") == 0)
		return;
	if (value->kind == YAML_MAP) {
		if (value->count)
			value_labels(r, t, value, w->label, &w->labels);
		else
			say(r, t, value, "monitors: no label stands here; for all monitors write all");
	} else if (value->kind == YAML_LIST && !value->count)
		say(r, t, value, "monitors: no name stands here; for all monitors write all");
	else if (value->kind == YAML_NOTHING)
		say(r, t, value, "monitors: has no value; it is {label: value}, [names] or all");
	else
		value_list(r, t, value, "monitors", 10000, take_name, w);
}

static void check_span(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, struct maintenance *w,
		       const struct yaml_node *const *at, uint64_t for_ms)
{
	if (!at[FROM])
		say(r, t, map, "maintenance: says no from");
	if (!at[UNTIL] == !at[FOR])
		say(r, t, at[UNTIL] ? at[UNTIL] : map,
		    at[UNTIL] ? "maintenance: says until and for; one of them is enough"
			      : "maintenance: says neither until nor for");
	else if (at[FOR] && for_ms && w->from_ms)
		w->until_ms = w->from_ms + for_ms;
	else if (at[UNTIL] && w->until_ms && w->until_ms <= w->from_ms)
		say(r, t, at[UNTIL], "until: is not after from");
}

static void read_window(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, struct maintenance *w)
{
	const struct yaml_node *at[sizeof keys / sizeof *keys] = { 0 };
	uint64_t for_ms = 0;
	for (const struct yaml_node *key = map->first; key; key = key->next->next) {
		const int which = known_key(r, t, key, "maintenance", keys);
		if (which < 0)
			continue;
		at[which] = key->next;
		switch ((enum key)which) {
		case MONITORS: read_selector(r, t, key->next, w); break;
		case FROM: value_time(r, t, key->next, "from", &w->from_ms); break;
		case UNTIL: value_time(r, t, key->next, "until", &w->until_ms); break;
		case FOR: value_duration(r, t, key->next, "for", 1000, MAINTENANCE_LONGEST_MS, &for_ms); break;
		case WHY: w->why = value_line(r, t, key->next, "why", MONITOR_TEXT_MAX); break;
		}
	}
	if (!at[MONITORS])
		say(r, t, map, "maintenance: says no monitors; it is {label: value}, [names] or all");
	check_span(r, t, map, w, at, for_ms);
	r->window[r->config->settings.maintenances] = (struct config_window){ t, at[MONITORS] };
}

static void take_window(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct settings *s = &r->config->settings;
	(void)arg;
	if (!is_map(r, t, item, "maintenance: this is no mapping such as {monitors: {team: core}, from: ..., for: 2h}"))
		return;
	if (s->maintenances == MAINTENANCE_MAX) {
		say(r, t, item, "maintenance: more than %d windows; take out those that are over", MAINTENANCE_MAX);
		return;
	}
	must((s->maintenance = realloc(s->maintenance, (s->maintenances + 1) * sizeof *s->maintenance)));
	must((r->window = realloc(r->window, (s->maintenances + 1) * sizeof *r->window)));
	struct maintenance *w = &s->maintenance[s->maintenances];
	*w = (struct maintenance){ 0 };
	read_window(r, t, item, w);
	s->maintenances++;
}

void read_windows(struct reader *r, const struct yaml_tree *t, const struct yaml_node *list)
{
	if (list->kind == YAML_NOTHING)
		return;
	if (list->kind != YAML_LIST)
		say(r, t, list, "maintenance: is no list; each window begins with a dash");
	else
		value_list(r, t, list, "maintenance", UINT32_MAX, take_window, NULL);
}

static void check_names(struct reader *r, const struct config_window *at, const struct maintenance *w)
{
	const struct yaml_node *item = at->monitors->kind == YAML_LIST ? at->monitors->first : at->monitors;
	char shown[QUOTED_MAX], near[160];
	for (unsigned i = 0; i < w->monitors; i++, item = item->next ? item->next : item)
		if (monitor_find(r, w->monitor[i]) < 0)
			say(r, at->tree, item, "monitors: there is no monitor %s%s",
			    quoted(shown, w->monitor[i], strlen(w->monitor[i])),
			    monitor_near(r, near, sizeof near, w->monitor[i]));
}

static void check_labels(struct reader *r, const struct config_window *at, const struct maintenance *w)
{
	const struct config *c = r->config;
	struct maintenance always = *w; /* its times may be wrong, and were said then */
	const struct settings only = { .maintenances = 1, .maintenance = &always };
	always.from_ms = 0;
	always.until_ms = 1;
	for (unsigned i = 0; i < c->monitors; i++)
		if (settings_maintenance(&only, &c->monitor[i], 0))
			return;
	say(r, at->tree, at->monitors, w->labels == 1 ? "monitors: no monitor has this label" :
							 "monitors: no monitor has all of these labels");
}

void check_windows(struct reader *r)
{
	struct settings *s = &r->config->settings;
	for (unsigned i = 0; i < s->maintenances; i++) {
		struct maintenance *w = &s->maintenance[i];
		const bool is_over = w->from_ms < w->until_ms && w->until_ms <= r->now_ms;
		if (is_over || !r->window[i].monitors)
			continue;
		if (w->monitors)
			check_names(r, &r->window[i], w);
		else if (w->labels)
			check_labels(r, &r->window[i], w);
	}
}
