/* ask.c - somebody asks why a monitor is in the state it is in.
 * In: the monitor's name and the key of a list.  Out: one JSON text pushed there, which goes after 30 s.
 * Owns: nothing.  Why so: only who holds the shard has the votes in memory; the state in Redis shows the outcome alone.
 */
#include "alerts/shard.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_KEPT_MS 30000

static void push(struct alerts *a, const char *key, const json_t *answer)
{
	char *line = json_line(answer);
	if (!line)
		return;
	redis_appendf(a->link, "RPUSH %s %s", key, line);
	redis_appendf(a->link, "PEXPIRE %s %u", key, (unsigned)ANSWER_KEPT_MS);
	redis_reply_free(redis_read(a->link, 0));
	redis_reply_free(redis_read(a->link, 0));
	free(line);
}

static json_t *labels_of(const struct monitor *m)
{
	json_t *labels = json_object();
	for (unsigned i = 0; i < m->labels; i++)
		json_object_set_new(labels, m->label[i].name, json_string(m->label[i].value));
	return labels;
}

static json_t *parents_of(struct alerts *a, const struct watched *w)
{
	static const char *const names[] = { "up", "up", "suspect", "down" }; /* by enum parent_state */
	json_t *parents = json_array();
	for (char **name = w->parent; name && *name; name++) {
		char *one[] = { *name, NULL };
		const struct watched alone = { .parent = one };
		struct watch_env env = { .now_ms = a->now_ms };
		parents_look(a, &alone, &env);
		json_t *parent = json_object();
		json_object_set_new(parent, "name", json_string(*name));
		json_object_set_new(parent, "state", json_string(names[env.parent]));
		json_array_append_new(parents, parent);
	}
	return parents;
}

static json_t *explain(struct alerts *a, struct shard *s, struct watched *w)
{
	char target[HOST_MAX_LEN + 9];
	struct watch_env env;
	struct monitor m;
	shard_env(a, s, w, &env);
	watched_monitor(w, &m);
	json_t *o = watch_explain(w->watch, a->region, &env);
	monitor_target_write(&m, target, sizeof(target));
	json_object_set_new(o, "monitor", json_string(w->name));
	json_object_set_new(o, "target", json_string(target));
	json_object_set_new(o, "labels", labels_of(&m));
	if (m.runbook)
		json_object_set_new(o, "runbook", json_string(m.runbook));
	json_object_set_new(o, "parents", parents_of(a, w));
	json_object_set_new(o, "maintenance", env.maintenance ? json_string(env.maintenance) : json_null());
	json_object_set_new(o, "paused", json_boolean(m.paused));
	monitor_free(&m);
	return o;
}

void shard_answer(struct alerts *a, struct shard *s, const char *monitor, const char *reply_key)
{
	struct watched *w = roster_find(&s->roster, monitor, strlen(monitor));
	json_t *answer;
	atomic_fetch_add(&a->counters->questions, 1);
	if (w)
		answer = explain(a, s, w);
	else {
		answer = json_object();
		json_object_set_new(answer, "monitor", json_string(monitor));
		json_object_set_new(answer, "error", json_string("no monitor of this name is watched"));
	}
	push(a, reply_key, answer);
	json_decref(answer);
}
