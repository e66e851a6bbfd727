/* settings.c - see settings.h. */
#include "wire/settings.h"

#include "base/json.h"
#include "base/must.h"
#include "base/printable.h"
#include "wire/monitor_labels.h"

#include <stdlib.h>

/* ---- keys ---- */

uint64_t monitor_hash(const char *name, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3ull;
	return hash;
}

unsigned monitor_shard(const char *name, size_t len, unsigned shards)
{
	/* The high bits, after a multiplication that mixes them: the phase within the interval uses the low ones. */
	return (unsigned)(((monitor_hash(name, len) * 0x9e3779b97f4a7c15ull) >> 32) * shards >> 32);
}

void monitors_key(char *key, const char *prefix)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:monitors", prefix);
}

void monitors_log_key(char *key, const char *prefix)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:monitors:log", prefix);
}

void settings_key(char *key, const char *prefix)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:settings", prefix);
}

void lease_key(char *key, const char *prefix, const char *what)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:lease:%.64s", prefix, what);
}

void missed_key(char *key, const char *prefix, const char *region, unsigned shard)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:{%.64s.%u}:missed", prefix, region, shard);
}

void alerts_key(char *key, const char *prefix, unsigned shard, enum alerts_key which)
{
	static const char *const name[ALERTS_KEYS] = { "state", "events", "outbox", "ask" };
	snprintf(key, STREAM_KEY_MAX, "%.32s:{alerts.%u}:%s", prefix, shard, name[which]);
}

void component_key(char *key, const char *prefix, const char *component, const char *name)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:hb:%.32s:%.64s", prefix, component, name);
}

/* ---- life ---- */

void settings_init(struct settings *s)
{
	*s = (struct settings){ .shards = 1 };
}

void settings_free(struct settings *s)
{
	for (unsigned i = 0; i < s->maintenances; i++) {
		struct maintenance *w = &s->maintenance[i];
		for (unsigned k = 0; k < w->labels; k++) {
			free(w->label[k].name);
			free(w->label[k].value);
		}
		for (unsigned k = 0; k < w->monitors; k++)
			free(w->monitor[k]);
		free(w->monitor);
		free(w->why);
	}
	free(s->maintenance);
	s->maintenance = NULL;
	s->maintenances = 0;
}

/* ---- reading ---- */

static bool read_regions(const json_t *o, struct settings *s, char *why, size_t why_len)
{
	const json_t *list = json_object_get(o, "regions");
	if (!json_is_array(list) || json_array_size(list) > REGIONS_MAX) {
		snprintf(why, why_len, "regions is not a list of at most %d names", REGIONS_MAX);
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *name = json_string_value(one);
		if (!name || !stream_name_is_plain(name, NAME_MAX_LEN) || strlen(name) != json_string_length(one)) {
			snprintf(why, why_len, "regions, item %zu: 1 to 64 of letters, digits, dot, dash and underscore", i + 1);
			return false;
		}
		for (unsigned k = 0; k < s->regions; k++)
			if (strcmp(s->region[k], name) == 0) {
				snprintf(why, why_len, "regions: %s stands there twice", name);
				return false;
			}
		snprintf(s->region[s->regions++], sizeof(s->region[0]), "%s", name);
	}
	return true;
}

static bool read_window_monitors(const json_t *o, struct maintenance *w, char *why, size_t why_len)
{
	const json_t *list = json_object_get(o, "monitors");
	if (!list || json_is_null(list))
		return true;
	if (!json_is_array(list)) {
		snprintf(why, why_len, "monitors is not a list of names");
		return false;
	}
	w->monitor = calloc(json_array_size(list) + 1, sizeof(*w->monitor));
	must(w->monitor);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (!json_is_string(one) || !monitor_name_is_fine(json_string_value(one), json_string_length(one))) {
			snprintf(why, why_len, "monitors, item %zu is not a name", i + 1);
			return false;
		}
		must((w->monitor[w->monitors++] = strdup(json_string_value(one))));
	}
	return true;
}

static bool read_window(const json_t *o, struct maintenance *w, char *why, size_t why_len)
{
	const char *text = NULL;
	if (!json_is_object(o)) {
		snprintf(why, why_len, "not an object");
		return false;
	}
	if (!json_take_number(o, "from_ms", 1, SLOT_LAST_MS, &w->from_ms, why, why_len) ||
	    !json_take_number(o, "until_ms", 1, SLOT_LAST_MS, &w->until_ms, why, why_len) ||
	    !json_take_text(o, "why", MONITOR_TEXT_MAX, &text, why, why_len) ||
	    !monitor_labels_read(o, w->label, &w->labels, why, why_len) || !read_window_monitors(o, w, why, why_len))
		return false;
	if (!w->from_ms || w->until_ms <= w->from_ms) {
		snprintf(why, why_len, "from_ms and until_ms are needed, and until_ms must be the later one");
		return false;
	}
	if (text && !text_is_printable(text, strlen(text))) {
		snprintf(why, why_len, "why holds control characters");
		return false;
	}
	must(!text || (w->why = strdup(text)));
	return true;
}

static bool read_maintenance(const json_t *o, struct settings *s, char *why, size_t why_len)
{
	const json_t *list = json_object_get(o, "maintenance");
	char reason[300];
	if (!list || json_is_null(list))
		return true;
	if (!json_is_array(list) || json_array_size(list) > MAINTENANCE_MAX) {
		snprintf(why, why_len, "maintenance is not a list of at most %d windows", MAINTENANCE_MAX);
		return false;
	}
	s->maintenance = calloc(json_array_size(list) + 1, sizeof(*s->maintenance));
	must(s->maintenance);
	for (size_t i = 0; i < json_array_size(list); i++) {
		s->maintenances++; /* before it is read: what it owns by then is freed with the others */
		if (!read_window(json_array_get(list, i), &s->maintenance[i], reason, sizeof(reason))) {
			snprintf(why, why_len, "maintenance, window %zu: %s", i + 1, reason);
			return false;
		}
	}
	return true;
}

bool settings_decode(struct settings *s, const char *json, size_t len, char *why, size_t why_len)
{
	char reason[400];
	uint64_t shards = 1;
	settings_init(s);
	json_t *o = json_read_object(json, len, reason, sizeof(reason));
	bool fine = o && read_regions(o, s, reason, sizeof(reason)) &&
		    json_take_number(o, "shards", 1, SETTINGS_SHARDS_MAX, &shards, reason, sizeof(reason)) &&
		    read_maintenance(o, s, reason, sizeof(reason));
	json_decref(o);
	s->shards = (unsigned)shards;
	if (!fine) {
		settings_free(s);
		snprintf(why, why_len, "settings: %s", reason);
	}
	return fine;
}

/* ---- writing ---- */

static json_t *window_json(const struct maintenance *w)
{
	json_t *o = json_object();
	if (w->labels)
		json_object_set_new(o, "labels", monitor_labels_json(w->label, w->labels));
	if (w->monitors) {
		json_t *list = json_array();
		for (unsigned i = 0; i < w->monitors; i++)
			json_array_append_new(list, json_string(w->monitor[i]));
		json_object_set_new(o, "monitors", list);
	}
	json_object_set_new(o, "from_ms", json_integer((json_int_t)w->from_ms));
	json_object_set_new(o, "until_ms", json_integer((json_int_t)w->until_ms));
	if (w->why)
		json_object_set_new(o, "why", json_string(w->why));
	return o;
}

char *settings_encode(const struct settings *s)
{
	json_t *o = json_object(), *regions = json_array(), *windows = json_array();
	for (unsigned i = 0; i < s->regions; i++)
		json_array_append_new(regions, json_string(s->region[i]));
	for (unsigned i = 0; i < s->maintenances; i++)
		json_array_append_new(windows, window_json(&s->maintenance[i]));
	json_object_set_new(o, "regions", regions);
	json_object_set_new(o, "shards", json_integer(s->shards));
	json_object_set_new(o, "maintenance", windows);
	char *line = json_line(o);
	json_decref(o);
	return line;
}

/* ---- maintenance ---- */

static bool has_labels(const struct monitor *m, const struct maintenance *w)
{
	for (unsigned i = 0; i < w->labels; i++) {
		unsigned k = 0;
		while (k < m->labels && (strcmp(m->label[k].name, w->label[i].name) != 0 ||
					 strcmp(m->label[k].value, w->label[i].value) != 0))
			k++;
		if (k == m->labels)
			return false;
	}
	return w->labels > 0;
}

/* By its own name, or by that of the monitor that its certificate belongs to. */
static bool is_called(const struct monitor *m, const char *name)
{
	size_t len = strlen(name);
	if (strncmp(m->name, name, len) != 0)
		return false;
	return !m->name[len] || (m->tls && strcmp(m->name + len, MONITOR_TLS_SUFFIX) == 0);
}

static bool is_named(const struct monitor *m, const struct maintenance *w)
{
	for (unsigned i = 0; i < w->monitors; i++)
		if (is_called(m, w->monitor[i]))
			return true;
	return false;
}

const struct maintenance *settings_maintenance(const struct settings *s, const struct monitor *m, uint64_t now_ms)
{
	for (unsigned i = 0; i < s->maintenances; i++) {
		const struct maintenance *w = &s->maintenance[i];
		if (now_ms >= w->from_ms && now_ms < w->until_ms &&
		    ((!w->labels && !w->monitors) || has_labels(m, w) || is_named(m, w)))
			return w;
	}
	return NULL;
}
