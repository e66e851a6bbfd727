/* parents.c - see parents.h.
 * In: a child.  Out: the worst state of its parents; probes for them.  Owns: what was last heard of those far away. */
#include "alerts/parents.h"

#include "alerts/alerts.h"
#include "alerts/shard.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_MS 500
#define ANSWER_MS 500 /* on top of the timeout: the way through the queues */

void parents_free(struct parents *p)
{
	free(p->far);
	p->far = NULL;
}

static struct shard *shard_of(struct alerts *a, const char *name)
{
	return a->shard[monitor_shard(name, strlen(name), a->settings.shards)];
}

/* ---- in our own shards ---- */

static struct watched *near_parent(struct alerts *a, const char *name)
{
	struct shard *s = shard_of(a, name);
	return s && s->phase == SHARD_LIVE ? roster_find(&s->roster, name, strlen(name)) : NULL;
}

static bool awaits_answers(const struct alerts *a, const struct watched *w)
{
	return a->now_ms < w->suspect_until_ms && (w->answered & w->region_mask) != w->region_mask;
}

static enum parent_state near_state(const struct alerts *a, const struct watched *w)
{
	if (w->asleep)
		return PARENT_UP; /* paused: it excuses nobody */
	if (watch_is_down(w->watch))
		return PARENT_DOWN;
	return watch_is_suspect(w->watch) || awaits_answers(a, w) ? PARENT_SUSPECT : PARENT_UP;
}

/* ---- in those of others ---- */

static struct far_parent *far_parent(struct alerts *a, const char *name)
{
	if (!a->parents.far)
		must((a->parents.far = calloc(FAR_PARENTS, sizeof(*a->parents.far))));
	struct far_parent *far = &a->parents.far[monitor_hash(name, strlen(name)) % FAR_PARENTS];
	if (strcmp(far->name, name) != 0) {
		*far = (struct far_parent){ .state = PARENT_UP };
		snprintf(far->name, sizeof(far->name), "%s", name);
	}
	return far;
}

static bool says_down(const struct redis_reply *reply)
{
	char why[200];
	size_t len;
	const char *json = reply_text(reply, &len), *state = "";
	json_t *o = len ? json_read_object(json, len, why, sizeof(why)) : NULL;
	bool down = o && json_take_text(o, "state", 32, &state, why, sizeof(why)) &&
		    (strcmp(state, watch_state_names[WATCH_DOWN]) == 0 || json_object_get(json_object_get(o, "telling"), "down"));
	json_decref(o);
	return down;
}

static enum parent_state far_state(struct alerts *a, const char *name)
{
	struct far_parent *far = far_parent(a, name);
	if (a->now_ms >= far->looked_ms + LOOK_AGAIN_MS && redis_link_is_up(a->link)) {
		char key[STREAM_KEY_MAX];
		alerts_key(key, a->prefix, monitor_shard(name, strlen(name), a->settings.shards), ALERTS_STATE);
		struct redis_reply *reply = redis_ask(a->link, "HGET %s %s", key, name);
		far->state = says_down(reply) ? PARENT_DOWN : PARENT_UP;
		far->looked_ms = a->now_ms;
		redis_reply_free(reply);
	}
	return far->state == PARENT_UP && a->now_ms < far->until_ms ? PARENT_SUSPECT : far->state;
}

void parents_look(struct alerts *a, const struct watched *child, struct watch_env *env)
{
	for (char **name = child->parent; name && *name; name++) {
		struct watched *near = near_parent(a, *name);
		enum parent_state state = near ? near_state(a, near) : far_state(a, *name);
		if (state > env->parent) {
			env->parent = state;
			env->parent_name = *name;
		}
	}
}

/* ---- asking ---- */

static void ask_near(struct alerts *a, struct watched *w)
{
	struct monitor m;
	if (w->asleep || watch_is_down(w->watch) || a->now_ms < w->asked_ms + PARENT_ASK_AGAIN_MS)
		return;
	watched_monitor(w, &m);
	const struct shard *s = shard_of(a, w->name);
	w->asked_ms = a->now_ms;
	w->suspect_until_ms = a->now_ms + m.timeout_ms + ANSWER_MS;
	w->answered = s->silent;
	rounds_add(&a->rounds, s->number, &m, w->region_mask & (uint16_t)~s->silent, a->now_ms, 1);
	monitor_free(&m);
}

/* Its definition is asked for: who depends on it knows no more than its name. */
static void ask_far(struct alerts *a, const char *name)
{
	struct far_parent *far = far_parent(a, name);
	char key[STREAM_KEY_MAX], why[200];
	struct monitor m;
	size_t len;
	if (a->now_ms < far->asked_ms + PARENT_ASK_AGAIN_MS || far->state == PARENT_DOWN || !redis_link_is_up(a->link))
		return;
	far->asked_ms = a->now_ms;
	monitors_key(key, a->prefix);
	struct redis_reply *reply = redis_ask(a->link, "HGET %s %s", key, name);
	const char *json = reply_text(reply, &len);
	if (len && !reply_is_error(reply) && monitor_decode(&m, name, json, len, why, sizeof(why))) {
		if (!m.paused) {
			unsigned shard = monitor_shard(name, strlen(name), a->settings.shards);
			uint16_t silent = regions_silent(&a->regions, shard, a->mono_ms);
			far->until_ms = a->now_ms + m.timeout_ms + 2 * ANSWER_MS;
			rounds_add(&a->rounds, shard, &m, monitor_region_mask(&a->settings, &m) & (uint16_t)~silent, a->now_ms, 1);
		}
		monitor_free(&m);
	}
	redis_reply_free(reply);
}

void parents_ask(struct alerts *a, const struct watched *child)
{
	for (char **name = child->parent; name && *name; name++) {
		struct watched *near = near_parent(a, *name);
		if (near)
			ask_near(a, near);
		else if (!shard_of(a, *name) || !shard_is_ours(shard_of(a, *name)))
			ask_far(a, *name);
	}
}
