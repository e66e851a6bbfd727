/* standing.c - the set of what fires, see standing.h.
 * In: notices that were delivered, or the JSON of a process before us.  Out: notices to be said again.
 * Owns: copies of the notices.
 * Why so: Alertmanager forgets an alert that nobody repeats, so what fires must outlive us; the whole notice is kept,
 * not an excerpt, because an alert's labels must be the same at its end. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/standing.h"

#include <stdlib.h>
#include <string.h>

struct standing *standing_find(const struct standing_set *set, unsigned shard, const char *key)
{
	struct standing *s = set->first;
	while (s && !(s->shard == shard && strcmp(s->key, key) == 0))
		s = s->next;
	return s;
}

static char *put_text(char **at, const char *text)
{
	char *copy = strcpy(*at, text);
	*at += strlen(text) + 1;
	return copy;
}

static struct notice *copy_notice(const struct notice *n)
{
	size_t texts = strlen(n->id) + strlen(n->type) + strlen(n->monitor) + strlen(n->incident) + 4;
	struct notice *copy = calloc(1, sizeof(*copy) + texts + n->body_len + 1);
	char *at = (char *)(copy + 1);
	if (!copy)
		return NULL;
	*copy = (struct notice){ .page = n->page, .resolved = n->resolved, .body_len = n->body_len };
	copy->id = put_text(&at, n->id);
	copy->type = put_text(&at, n->type);
	copy->monitor = put_text(&at, n->monitor);
	copy->incident = put_text(&at, n->incident);
	copy->body = memcpy(at, n->body, n->body_len);
	return copy;
}

static struct standing *find_or_make(struct standing_set *set, unsigned shard, const struct notice *n)
{
	char key[NOTICE_INCIDENT_MAX];
	notice_incident(key, n);
	struct standing *s = standing_find(set, shard, key);
	if (s || !(s = calloc(1, sizeof(*s))))
		return s;
	s->shard = shard;
	memcpy(s->key, key, sizeof(key));
	s->next = set->first;
	set->first = s;
	set->count++;
	return s;
}

struct standing *standing_put(struct standing_set *set, unsigned shard, const struct notice *n, uint64_t wall_ms)
{
	struct notice *copy = copy_notice(n);
	struct standing *s = copy ? find_or_make(set, shard, n) : NULL;
	if (!s) {
		free(copy);
		return NULL;
	}
	struct notice **place = n->resolved ? &s->ended : &s->began;
	free(*place);
	*place = copy;
	if (!n->resolved) { /* it begins again under the same name */
		free(s->ended);
		s->ended = NULL;
	}
	s->until_ms = n->resolved ? wall_ms + STANDING_AFTER_MS : 0;
	return s;
}

static void free_one(struct standing *s)
{
	free(s->began);
	free(s->ended);
	free(s);
}

void standing_remove(struct standing_set *set, struct standing *s)
{
	struct standing **at = &set->first;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	set->count--;
	free_one(s);
}

void standing_keep_shards(struct standing_set *set, uint64_t shards)
{
	for (struct standing *s = set->first, *next; s; s = next) {
		next = s->next;
		if (!(shards >> s->shard & 1))
			standing_remove(set, s);
	}
}

/* ---- in Redis ---- */

static json_t *notice_json(const struct notice *n)
{
	if (!n)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s%}", "id", n->id, "type", n->type, "monitor", n->monitor,
			 "incident", n->incident, "page", n->page, "resolved", n->resolved, "b", n->body, n->body_len);
}

char *standing_json(const struct standing *s)
{
	json_t *value = json_object();
	if (s->began)
		json_object_set_new(value, "began", notice_json(s->began));
	if (s->ended)
		json_object_set_new(value, "ended", notice_json(s->ended));
	if (s->until_ms)
		json_object_set_new(value, "until_ms", json_integer((json_int_t)s->until_ms));
	char *line = json_line(value);
	json_decref(value);
	return line;
}

static bool load_notice(struct standing_set *set, unsigned shard, const json_t *o, bool resolved,
			struct standing **into)
{
	struct notice n = { .resolved = resolved, .page = json_is_true(json_object_get(o, "page")) };
	const struct { const char *name, **text; } members[] = {
		{ "id", &n.id }, { "type", &n.type }, { "monitor", &n.monitor }, { "incident", &n.incident }, { "b", &n.body },
	};
	if (!o)
		return true;
	for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!(*members[i].text = json_string_value(json_object_get(o, members[i].name))))
			return false;
	n.body_len = strlen(n.body);
	*into = standing_put(set, shard, &n, 0);
	return *into;
}

bool standing_load(struct standing_set *set, unsigned shard, const char *json, size_t len)
{
	char why[200];
	struct standing *s = NULL;
	json_t *value = json_read_object(json, len, why, sizeof(why));
	bool fine = value && load_notice(set, shard, json_object_get(value, "began"), false, &s) &&
		    load_notice(set, shard, json_object_get(value, "ended"), true, &s) && s;
	if (fine)
		s->until_ms = (uint64_t)json_integer_value(json_object_get(value, "until_ms"));
	json_decref(value);
	return fine;
}

struct notice *standing_notices(const struct standing_set *set)
{
	struct notice *all = calloc(set->count + 1, sizeof(*all)), *at = all;
	for (const struct standing *s = set->first; s && all; s = s->next) {
		*at = s->ended ? *s->ended : *s->began;
		at->began = s->ended ? s->began : NULL;
		at++;
	}
	return all;
}
