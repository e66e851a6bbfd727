/* event_feed.c - reads pw:{alerts.S}:events.
 * In: streams.  Out: events, in the order of their shard.
 * Owns: the place in each.  The number of shards is looked up every 10 s, because the configuration may change it. */
#include "cli/event_feed.h"

#include "base/clock.h"
#include "wire/monitor_store.h"

#include <errno.h>
#include <string.h>

enum { LOOK_AGAIN_S = 10 };

static void keep_id(void *arg, const struct stream_entry *entry)
{
	stream_id_format(arg, entry->id_ms, entry->id_seq);
}

static int refused(struct event_feed *f, const struct redis_reply *reply)
{
	snprintf(f->why, sizeof f->why, "%s", reply ? reply_text(reply, NULL) : redis_link_error(f->link));
	return reply ? -EREMOTEIO : -EIO;
}

/* "now" is the newest entry there is; "$" of XREAD would be another one at every call. */
static int place(struct event_feed *f, unsigned shard)
{
	char key[STREAM_KEY_MAX], *id = f->last_id[shard];
	const bool now = strcmp(f->from, "now") == 0;
	snprintf(id, STREAM_ID_MAX, "%s", now || strcmp(f->from, "start") == 0 ? "0-0" : f->from);
	if (!now)
		return 0;
	alerts_key(key, f->prefix, shard, ALERTS_EVENTS);
	struct redis_reply *reply = redis_ask(f->link, "XREVRANGE %s + - COUNT 1", key);
	int error = !reply || reply_is_error(reply) ? refused(f, reply) : 0;
	if (!error && stream_entries_each(reply, key, keep_id, id, f->why, sizeof f->why) < 0)
		error = -EBADMSG;
	redis_reply_free(reply);
	return error;
}

static int look(struct event_feed *f)
{
	struct settings s;
	if (f->shards && clock_ns() - f->looked_ns < LOOK_AGAIN_S * NS_PER_S)
		return 0;
	int error = monitor_store_settings(f->link, f->prefix, &s, f->why, sizeof f->why);
	if (error < 0)
		return error;
	const unsigned before = f->shards;
	for (unsigned shard = before; !error && shard < s.shards; shard++) {
		if (before)
			snprintf(f->last_id[shard], STREAM_ID_MAX, "0-0"); /* it is new */
		else
			error = place(f, shard);
	}
	if (!error) {
		f->shards = s.shards > before ? s.shards : before;
		f->looked_ns = clock_ns();
	}
	settings_free(&s);
	return error;
}

static void ask(struct event_feed *f, unsigned block_ms)
{
	static const char *const head[] = { "XREAD", "COUNT", "100", "BLOCK" };
	const char *word[6 + 2 * SETTINGS_SHARDS_MAX];
	char key[SETTINGS_SHARDS_MAX][STREAM_KEY_MAX], block[16];
	size_t len[6 + 2 * SETTINGS_SHARDS_MAX];
	int count = 0;
	for (size_t i = 0; i < (block_ms ? 4u : 3u); i++) /* BLOCK 0 would be for ever */
		word[count++] = head[i];
	snprintf(block, sizeof block, "%u", block_ms);
	if (block_ms)
		word[count++] = block;
	word[count++] = "STREAMS";
	for (unsigned i = 0; i < f->shards; i++) {
		alerts_key(key[i], f->prefix, i, ALERTS_EVENTS);
		word[count++] = key[i];
	}
	for (unsigned i = 0; i < f->shards; i++)
		word[count++] = f->last_id[i];
	for (int i = 0; i < count; i++)
		len[i] = strlen(word[i]);
	redis_append(f->link, count, word, len);
}

static void take(void *arg, const struct stream_entry *entry)
{
	struct event_feed *f = arg;
	struct event e;
	char key[STREAM_KEY_MAX];
	for (unsigned i = 0; i < f->shards; i++) {
		alerts_key(key, f->prefix, i, ALERTS_EVENTS);
		if (strcmp(key, entry->key) == 0)
			stream_id_format(f->last_id[i], entry->id_ms, entry->id_seq);
	}
	if (!entry->fields)
		return;
	event_of_entry(&e, entry);
	f->take(f->arg, &e);
}

int event_feed_poll(struct event_feed *f, unsigned block_ms)
{
	int count = look(f);
	if (count < 0)
		return count;
	ask(f, block_ms);
	struct redis_reply *reply = redis_read(f->link, block_ms);
	if (!reply || reply_is_error(reply))
		count = refused(f, reply);
	else
		count = stream_read_each(reply, take, f, f->why, sizeof f->why);
	redis_reply_free(reply);
	return count;
}
