/* stream_reader.c - takes the replies of stream commands apart, and does the few things to a stream that are not reading.
 * In: reply trees from a server we do not trust to be well.  Out: entries, one call each; or a sentence.
 * Why so: entries are views into the reply, so that nothing is copied between Redis and the decoder of the blob. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/stream_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Decimal digits up to end into *value; false if there are none, others, or too many. */
static bool digits_parse(const char *from, const char *end, uint64_t *value)
{
	uint64_t sum = 0;
	if (from == end)
		return false;
	for (; from < end; from++) {
		if (*from < '0' || *from > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(*from - '0'), &sum))
			return false;
	}
	*value = sum;
	return true;
}

bool stream_id_parse(const char *text, uint64_t *ms, uint64_t *seq)
{
	const char *dash = strchr(text, '-');
	return dash && digits_parse(text, dash, ms) && digits_parse(dash + 1, dash + strlen(dash), seq);
}

void stream_id_format(char into[STREAM_ID_MAX], uint64_t ms, uint64_t seq)
{
	snprintf(into, STREAM_ID_MAX, "%" PRIu64 "-%" PRIu64, ms, seq);
}

const char *stream_entry_field(const struct stream_entry *entry, const char *name, size_t *len)
{
	const struct redis_reply *value = reply_pair(entry->fields, name);
	if (!reply_is_text(value))
		return NULL;
	return reply_text(value, len);
}

/* What one entry is given to, and where a fault is told. */
struct walk {
	void (*each)(void *arg, const struct stream_entry *e);
	void *arg;
	char *why;
	size_t why_len;
};

static int refuse(const struct walk *w, const char *what, size_t index)
{
	snprintf(w->why, w->why_len, "%s (number %zu)", what, index);
	return -EBADMSG;
}

/* One [id, fields].  1: it was given on; 0: there is nothing in its place (XCLAIM before Redis 7 says nil for an entry
 * that was deleted); -EBADMSG. */
static int read_entry(const struct walk *w, const struct redis_reply *pair, const char *key, size_t index)
{
	struct stream_entry entry = { .key = key, .id_text = reply_text(reply_at(pair, 0), NULL) };
	const struct redis_reply *fields = reply_at(pair, 1);
	if (reply_is_nil(pair))
		return 0;
	if (!reply_is_array(pair) || reply_count(pair) != 2)
		return refuse(w, "an entry is not a pair of id and fields", index);
	if (!stream_id_parse(entry.id_text, &entry.id_ms, &entry.id_seq))
		return refuse(w, "an entry's id is not an id", index);
	if (!reply_is_nil(fields)) {
		if (!reply_is_array(fields))
			return refuse(w, "an entry's fields are not a list", index);
		if (reply_count(fields) % 2)
			return refuse(w, "an entry has a field without a value", index);
		entry.fields = fields;
	}
	w->each(w->arg, &entry);
	return 1;
}

static int read_entries(const struct walk *w, const struct redis_reply *entries, const char *key)
{
	int given = 0;
	if (!reply_is_array(entries))
		return refuse(w, "a stream's entries are not a list", 0);
	for (size_t i = 0; i < reply_count(entries); i++) {
		int read = read_entry(w, reply_at(entries, i), key, i);
		if (read < 0)
			return read;
		given += read;
	}
	return given;
}

int stream_entries_each(const struct redis_reply *entries, const char *key,
			void (*each)(void *arg, const struct stream_entry *e), void *arg, char *why, size_t why_len)
{
	struct walk w = { each, arg, why, why_len };
	return read_entries(&w, entries, key);
}

int stream_read_each(const struct redis_reply *reply, void (*each)(void *arg, const struct stream_entry *e), void *arg,
		     char *why, size_t why_len)
{
	struct walk w = { each, arg, why, why_len };
	int given = 0;
	if (reply_is_nil(reply)) /* nothing came within BLOCK */
		return 0;
	if (!reply_is_array(reply))
		return refuse(&w, "the reply is not a list of streams", 0);
	for (size_t i = 0; i < reply_count(reply); i++) {
		const struct redis_reply *stream = reply_at(reply, i);
		const struct redis_reply *key = reply_at(stream, 0);
		int read;
		if (reply_count(stream) != 2 || !reply_is_text(key))
			return refuse(&w, "a stream is not a pair of key and entries", i);
		read = read_entries(&w, reply_at(stream, 1), reply_text(key, NULL));
		if (read < 0)
			return read;
		given += read;
	}
	return given;
}

/* The answer of a command as an errno: 0 if it was no error. */
static int answer_error(const struct redis_reply *reply)
{
	if (!reply)
		return -EIO;
	return reply_is_error(reply) ? -EREMOTEIO : 0;
}

int stream_group_make(struct redis_link *link, const char *key, const char *group, const char *from_id)
{
	struct redis_reply *reply = redis_ask(link, "XGROUP CREATE %s %s %s MKSTREAM", key, group, from_id);
	int bad = answer_error(reply);
	if (reply_trouble(reply) == TROUBLE_EXISTS)
		bad = 1;
	redis_reply_free(reply);
	return bad;
}
