/* tail_streams.c - finds result streams by their names and keeps the place in each.
 * In: regions, shards, a prefix.  Out: XREAD commands.
 * Owns: the list of streams.
 * Why so: no consumer group.  A group would keep entries pending for a reader that is only looking, and would hold back
 * what the stream may forget; a place in memory costs nobody anything.  A stream that appears later, because a region or
 * a shard was added, is found by looking again. */
#include "cli/tail_streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_COUNT = 1000 };

bool tail_shard_parse(const char *text, int *shard, char *why, size_t why_len)
{
	const size_t digits = strspn(text, "0123456789");
	const bool all = strcmp(text, "all") == 0;
	*shard = all ? -1 : atoi(text);
	if (all || (digits && digits < 6 && !text[digits] && *shard < 65536))
		return true;
	snprintf(why, why_len, "--shard: \"%.40s\" is neither all nor a number of 0 to 65535", text);
	return false;
}

bool tail_from_is_fine(const char *from, char *why, size_t why_len)
{
	uint64_t ms, seq;
	if (strcmp(from, "start") == 0 || strcmp(from, "now") == 0 || stream_id_parse(from, &ms, &seq))
		return true;
	snprintf(why, why_len, "--from: \"%.40s\" is neither start, now nor the id of an entry such as 1700000000000-0", from);
	return false;
}

void tail_pattern_add(struct text *pattern, const char *literal)
{
	for (; *literal; literal++)
		text_printf(pattern, strchr("*?[]\\^-", *literal) ? "\\%c" : "%c", *literal);
}

static struct tail_stream *find(struct tail_streams *streams, const char *key)
{
	for (unsigned i = 0; i < streams->count; i++)
		if (strcmp(streams->items[i].key, key) == 0)
			return &streams->items[i];
	return NULL;
}

static void keep_id(void *arg, const struct stream_entry *entry)
{
	struct tail_stream *stream = arg;
	stream_id_format(stream->last_id, entry->id_ms, entry->id_seq);
}

/* The id of the newest entry there is: "$" of XREAD would be another one at every call, and miss what came between. */
static int set_newest(struct tail_stream *stream, struct redis_link *link)
{
	char why[160];
	struct redis_reply *reply = redis_ask(link, "XREVRANGE %s + - COUNT 1", stream->key);
	int error = !reply ? -EIO : reply_is_error(reply) ? -EREMOTEIO : 0;
	if (!error && stream_entries_each(reply, stream->key, keep_id, stream, why, sizeof why) < 0) {
		redis_link_drop(link, why);
		error = -EIO;
	}
	redis_reply_free(reply);
	return error;
}

static int add(struct tail_streams *streams, struct redis_link *link, const char *key)
{
	if (find(streams, key) || strlen(key) >= STREAM_KEY_MAX)
		return 0;
	if (streams->count == TAIL_STREAMS_MAX) {
		streams->too_many = true;
		return 0;
	}
	struct tail_stream *stream = &streams->items[streams->count];
	const bool listed = strcmp(streams->from, "now") == 0 || strcmp(streams->from, "start") == 0;
	snprintf(stream->key, sizeof stream->key, "%s", key);
	snprintf(stream->last_id, sizeof stream->last_id, "%s", streams->looked || listed ? "0-0" : streams->from);
	if (!streams->looked && strcmp(streams->from, "now") == 0) {
		const int error = set_newest(stream, link);
		if (error)
			return error;
	}
	streams->count++;
	return 0;
}

/* The keys of one page of SCAN. */
static int add_page(struct tail_streams *streams, struct redis_link *link, const struct redis_reply *keys)
{
	int error = 0;
	for (size_t i = 0; !error && i < reply_count(keys); i++)
		error = add(streams, link, reply_text(reply_at(keys, i), NULL));
	return error;
}

static int scan(struct tail_streams *streams, struct redis_link *link, const char *pattern)
{
	char cursor[32] = "0";
	int error = 0;
	do {
		struct redis_reply *reply = redis_ask(link, "SCAN %s MATCH %s COUNT %u TYPE stream", cursor, pattern,
						      (unsigned)SCAN_COUNT);
		error = !reply ? -EIO : reply_is_error(reply) ? -EREMOTEIO : add_page(streams, link, reply_at(reply, 1));
		snprintf(cursor, sizeof cursor, "%s", error ? "0" : reply_text(reply_at(reply, 0), NULL));
		redis_reply_free(reply);
	} while (!error && *cursor && strcmp(cursor, "0") != 0);
	return error;
}

/* One region, or all for NULL. */
static int find_region(struct tail_streams *streams, struct redis_link *link, const char *region)
{
	struct text pattern = { 0 };
	char key[STREAM_KEY_MAX];
	int error = -ENOMEM;
	if (region && streams->shard >= 0) {
		stream_key(key, streams->prefix, region, (unsigned)streams->shard, STREAM_RES);
		return add(streams, link, key);
	}
	tail_pattern_add(&pattern, streams->prefix);
	text_add(&pattern, ":{");
	if (region)
		tail_pattern_add(&pattern, region);
	else
		text_add(&pattern, "*");
	if (streams->shard >= 0)
		text_printf(&pattern, ".%d}:res", streams->shard);
	else
		text_add(&pattern, ".[0-9]*}:res");
	if (!pattern.failed)
		error = scan(streams, link, pattern.data);
	text_free(&pattern);
	return error;
}

int tail_streams_find(struct tail_streams *streams, struct redis_link *link)
{
	int error = 0;
	for (unsigned i = 0; !error && i < streams->regions->count; i++)
		error = find_region(streams, link, streams->regions->item[i]);
	if (!streams->regions->count)
		error = find_region(streams, link, NULL);
	if (!error)
		streams->looked = true;
	return error;
}

void tail_streams_ask(const struct tail_streams *streams, struct redis_link *link, unsigned block_ms)
{
	const char *words[6 + 2 * TAIL_STREAMS_MAX] = { "XREAD", "COUNT", "200", "BLOCK" };
	size_t len[6 + 2 * TAIL_STREAMS_MAX];
	char block[16];
	int count = 4;
	snprintf(block, sizeof block, "%u", block_ms);
	words[count++] = block;
	words[count++] = "STREAMS";
	for (unsigned i = 0; i < streams->count; i++)
		words[count++] = streams->items[i].key;
	for (unsigned i = 0; i < streams->count; i++)
		words[count++] = streams->items[i].last_id;
	for (int i = 0; i < count; i++)
		len[i] = strlen(words[i]);
	redis_append(link, count, words, len);
}

void tail_streams_seen(struct tail_streams *streams, const struct stream_entry *entry)
{
	struct tail_stream *stream = find(streams, entry->key);
	if (stream)
		stream_id_format(stream->last_id, entry->id_ms, entry->id_seq);
}
