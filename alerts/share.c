/* share.c - see share.h.
 * In: heartbeats of alerts processes.  Out: leases asked for and given back.  Owns: nothing.
 * Why so: nobody hands out work; each takes what is free until it has its share and gives back what is more.  Two that
 * start at once settle within a few beats, and a dead one's shards are free when its leases end. */
#include "alerts/share.h"

#include "alerts/shard.h"
#include "base/wait.h"

#include <inttypes.h>
#include <string.h>

#define KEEP_MS 500

static void beat(struct alerts *a)
{
	char key[STREAM_KEY_MAX], line[256];
	unsigned ours = 0, monitors = 0;
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		if (a->shard[i] && shard_is_ours(a->shard[i])) {
			ours++;
			monitors += a->shard[i]->roster.count;
		}
	component_key(key, a->prefix, "alerts", a->name);
	snprintf(line, sizeof(line), "at=%" PRIu64 " version=%s shards=%u monitors=%u results=%" PRIu64, a->now_ms, PACKAGE_VERSION,
		 ours, monitors, atomic_load(&a->counters->results));
	redis_reply_free(redis_ask(a->link, "SET %s %s PX %u", key, line, HEARTBEAT_PX_MS));
}

/* Those of a page of keys that were renewed lately. */
static unsigned living(struct alerts *a, const struct redis_reply *keys)
{
	unsigned n = 0;
	for (size_t i = 0; i < reply_count(keys); i++)
		redis_appendf(a->link, "PTTL %s", reply_text(reply_at(keys, i), NULL));
	for (size_t i = 0; i < reply_count(keys); i++) {
		struct redis_reply *pttl = redis_read(a->link, 0);
		n += reply_integer(pttl) >= HEARTBEAT_PX_MS - SHARE_LIVING_MS;
		redis_reply_free(pttl);
	}
	return n;
}

static void count_living(struct alerts *a)
{
	char pattern[STREAM_KEY_MAX], cursor[32] = "0";
	unsigned alive = 0;
	component_key(pattern, a->prefix, "alerts", "*");
	do {
		struct redis_reply *reply = redis_ask(a->link, "SCAN %s MATCH %s COUNT 1000", cursor, pattern);
		if (!reply || reply_is_error(reply)) {
			redis_reply_free(reply);
			return; /* as many as before, for all we know */
		}
		alive += living(a, reply_at(reply, 1));
		snprintf(cursor, sizeof(cursor), "%s", reply_text(reply_at(reply, 0), NULL));
		redis_reply_free(reply);
	} while (cursor[0] && strcmp(cursor, "0") != 0);
	a->alive = alive ? alive : 1;
}

static unsigned held(const struct alerts *a)
{
	unsigned n = 0;
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		n += a->shard[i] && shard_is_ours(a->shard[i]);
	return n;
}

/* More than our share, or shards that do not exist any more: one a step, so that nothing swings. */
static void give_back(struct alerts *a)
{
	unsigned fair = share_fair(a->settings.shards, a->alive);
	for (unsigned i = SETTINGS_SHARDS_MAX; i-- > 0;) {
		struct shard *s = a->shard[i];
		if (s && shard_is_ours(s) && (i >= a->settings.shards || held(a) > fair)) {
			shard_release(a, s);
			return;
		}
	}
}

void share_step(struct alerts *a)
{
	if (is_due(&a->next_beat_ns, SHARE_BEAT_MS * NS_PER_MS)) {
		beat(a);
		count_living(a);
		give_back(a);
	}
	unsigned fair = share_fair(a->settings.shards, a->alive), have = held(a);
	for (unsigned i = 0; i < a->settings.shards; i++) {
		bool was_ours = shard_is_ours(a->shard[i]);
		shard_step(a, a->shard[i], have < fair && a->settings.regions);
		have += (unsigned)shard_is_ours(a->shard[i]) - (unsigned)was_ours;
	}
	/* Leases beyond the settings are kept until give_back() has seen to them. */
	for (unsigned i = a->settings.shards; i < SETTINGS_SHARDS_MAX; i++)
		if (a->shard[i] && shard_is_ours(a->shard[i]))
			shard_step(a, a->shard[i], false);
}

void share_keep(struct alerts *a)
{
	if (!is_due(&a->next_keep_ns, KEEP_MS * NS_PER_MS) || !redis_link_is_up(a->link))
		return;
	if (is_due(&a->next_beat_ns, SHARE_BEAT_MS * NS_PER_MS))
		beat(a);
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		if (shard_is_ours(a->shard[i]))
			shard_keep(a->shard[i]);
}

void share_leave(struct alerts *a)
{
	char key[STREAM_KEY_MAX];
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		if (a->shard[i] && shard_is_ours(a->shard[i]))
			shard_release(a, a->shard[i]);
	component_key(key, a->prefix, "alerts", a->name);
	redis_reply_free(redis_ask(a->link, "DEL %s", key));
}
