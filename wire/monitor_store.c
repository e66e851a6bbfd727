/* monitor_store.c - reads monitors and settings out of Redis, and writes changes of them.
 * In: a link that is up.  Out: one call per monitor; or transactions that hold changes and their entries of the log.
 * Owns: nothing between calls.
 * Why so: HSCAN instead of HGETALL, because a million monitors are 300 MB of one reply; writing in chunks, because a
 * transaction keeps everybody else waiting; WATCH and a look at what stands there before each chunk, because people
 * pause a monitor with one command while a file of a hundred thousand is applied with another. */
#include "wire/monitor_store.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>

enum { TRIES_MAX = 20 }; /* of a chunk that others' writes to the same hash keep from being written */

/* What a command's answer amounts to; 0: it may be looked at. */
static int answer(struct redis_link *link, const struct redis_reply *reply, char *why, size_t why_len)
{
	if (reply && !reply_is_error(reply))
		return 0;
	snprintf(why, why_len, "%s", reply ? reply_text(reply, NULL) : redis_link_error(link));
	return reply ? -EREMOTEIO : -EIO;
}

static int misshapen(char *why, size_t why_len, const char *command)
{
	snprintf(why, why_len, "the answer to %s has a shape that Redis never gives", command);
	return -EBADMSG;
}

/* ---- settings ---- */

int monitor_store_settings(struct redis_link *link, const char *prefix, struct settings *s, char *why, size_t why_len)
{
	char key[STREAM_KEY_MAX];
	settings_key(key, prefix);
	settings_init(s);
	struct redis_reply *reply = redis_ask(link, "GET %s", key);
	int bad = answer(link, reply, why, why_len);
	if (!bad && !reply_is_nil(reply)) {
		size_t len;
		const char *json = reply_text(reply, &len);
		bad = settings_decode(s, json, len, why, why_len) ? 0 : -EINVAL;
	}
	redis_reply_free(reply);
	return bad;
}

/* ---- reading ---- */

int monitor_store_each(struct redis_link *link, const char *prefix, monitor_bytes_take *take, void *arg, char *why,
		       size_t why_len)
{
	char key[STREAM_KEY_MAX], cursor[24] = "0";
	monitors_key(key, prefix);
	do {
		struct redis_reply *reply = redis_ask(link, "HSCAN %s %s COUNT %u", key, cursor, MONITOR_CHUNK);
		const struct redis_reply *pairs = reply_at(reply, 1);
		int bad = answer(link, reply, why, why_len);
		if (!bad && (reply_count(reply) != 2 || !reply_is_array(pairs) || reply_count(pairs) % 2))
			bad = misshapen(why, why_len, "HSCAN");
		for (size_t i = 0; !bad && i + 1 < reply_count(pairs); i += 2) {
			size_t name_len, json_len;
			const char *name = reply_text(reply_at(pairs, i), &name_len);
			const char *json = reply_text(reply_at(pairs, i + 1), &json_len);
			take(arg, name, name_len, json, json_len);
		}
		snprintf(cursor, sizeof(cursor), "%s", bad ? "0" : reply_text(reply_at(reply, 0), NULL));
		redis_reply_free(reply);
		if (bad)
			return bad;
	} while (strcmp(cursor, "0") != 0);
	return 0;
}

/* HMGET key name...; the answer is checked for its shape. */
static int ask_some(struct redis_link *link, const char *prefix, const char *const *names, const size_t *lens,
		    size_t count, struct redis_reply **reply, char *why, size_t why_len)
{
	char key[STREAM_KEY_MAX];
	const char *word[MONITOR_CHUNK + 2];
	size_t len[MONITOR_CHUNK + 2];
	must(count && count <= MONITOR_CHUNK);
	monitors_key(key, prefix);
	word[0] = "HMGET";
	word[1] = key;
	len[0] = strlen(word[0]);
	len[1] = strlen(key);
	memcpy(word + 2, names, count * sizeof(*names));
	memcpy(len + 2, lens, count * sizeof(*lens));
	redis_append(link, (int)count + 2, word, len);
	*reply = redis_read(link, 0);
	const int bad = answer(link, *reply, why, why_len);
	return !bad && reply_count(*reply) != count ? misshapen(why, why_len, "HMGET") : bad;
}

static const char *bytes_of(const struct redis_reply *r, size_t *len)
{
	*len = 0;
	return reply_is_nil(r) ? NULL : reply_text(r, len);
}

int monitor_store_some(struct redis_link *link, const char *prefix, const char *const *names, const size_t *lens,
		       size_t count, monitor_bytes_take *take, void *arg, char *why, size_t why_len)
{
	int bad = 0;
	for (size_t from = 0; !bad && from < count; from += MONITOR_CHUNK) {
		const size_t some = count - from < MONITOR_CHUNK ? count - from : MONITOR_CHUNK;
		struct redis_reply *reply = NULL;
		bad = ask_some(link, prefix, names + from, lens + from, some, &reply, why, why_len);
		for (size_t i = 0; !bad && i < some; i++) {
			size_t len;
			const char *json = bytes_of(reply_at(reply, i), &len);
			take(arg, names[from + i], lens[from + i], json, len);
		}
		redis_reply_free(reply);
	}
	return bad;
}

/* ---- writing ---- */

struct writer {
	struct redis_link *link;
	char monitors[STREAM_KEY_MAX], log[STREAM_KEY_MAX], settings[STREAM_KEY_MAX];
	const char *prefix;
	char *why;
	size_t why_len;
};

/* Whether what stands there is still what the change was made from. */
static int nothing_moved(struct writer *w, const struct monitor_change *change, size_t count)
{
	const char *name[MONITOR_CHUNK] = { 0 };
	size_t len[MONITOR_CHUNK] = { 0 };
	struct redis_reply *reply = NULL;
	for (size_t i = 0; i < count; i++) {
		name[i] = change[i].name;
		len[i] = change[i].name_len;
	}
	int bad = ask_some(w->link, w->prefix, name, len, count, &reply, w->why, w->why_len);
	for (size_t i = 0; !bad && i < count; i++) {
		size_t there_len;
		const char *there = bytes_of(reply_at(reply, i), &there_len);
		const struct monitor_change *c = &change[i];
		if (!there != !c->was ||
		    (there && (there_len != c->was_len || memcmp(there, c->was, there_len) != 0))) {
			snprintf(w->why, w->why_len, "monitor %.64s was changed by somebody else meanwhile", c->name);
			bad = -EAGAIN;
		}
	}
	redis_reply_free(reply);
	return bad;
}

static void append_change(struct writer *w, const struct monitor_change *c)
{
	if (c->json)
		redis_appendf(w->link, "HSET %s %b %s", w->monitors, c->name, c->name_len, c->json);
	else
		redis_appendf(w->link, "HDEL %s %b", w->monitors, c->name, c->name_len);
	redis_appendf(w->link, "XADD %s MAXLEN ~ %u * op %s name %b", w->log, MONITOR_LOG_MAX, c->json ? "set" : "del",
		      c->name, c->name_len);
}

/* Reads what MULTI and each queued command are answered, and keeps the first complaint. */
static int read_queued(struct writer *w, size_t commands)
{
	int bad = 0;
	for (size_t i = 0; i < commands; i++) {
		struct redis_reply *reply = redis_read(w->link, 0);
		char why[STORE_WHY_MAX];
		const int wrong = answer(w->link, reply, why, sizeof(why));
		if (wrong && !bad) {
			bad = wrong;
			snprintf(w->why, w->why_len, "%s", why);
		}
		redis_reply_free(reply);
		if (wrong == -EIO)
			break; /* there is no next one */
	}
	return bad;
}

/* The answer to EXEC.  1: somebody wrote to the hash after WATCH. */
static int read_exec(struct writer *w, size_t commands)
{
	struct redis_reply *reply = redis_read(w->link, 0);
	int bad = answer(w->link, reply, w->why, w->why_len);
	if (!bad && reply_is_nil(reply))
		bad = 1;
	else if (!bad && reply_count(reply) != commands)
		bad = misshapen(w->why, w->why_len, "EXEC");
	for (size_t i = 0; !bad && i < commands; i++)
		bad = answer(w->link, reply_at(reply, i), w->why, w->why_len);
	redis_reply_free(reply);
	return bad;
}

static int transact(struct writer *w, const char *settings, const struct monitor_change *change, size_t count)
{
	const size_t commands = 2 * count + (settings ? 2 : 0);
	redis_appendf(w->link, "MULTI");
	if (settings) {
		redis_appendf(w->link, "SET %s %s", w->settings, settings);
		redis_appendf(w->link, "XADD %s MAXLEN ~ %u * op settings", w->log, MONITOR_LOG_MAX);
	}
	for (size_t i = 0; i < count; i++)
		append_change(w, &change[i]);
	redis_appendf(w->link, "EXEC");
	const int queued = read_queued(w, commands + 1);
	if (queued == -EIO)
		return queued;
	char first[STORE_WHY_MAX];
	snprintf(first, sizeof(first), "%s", queued ? w->why : "");
	const int bad = read_exec(w, commands);
	if (queued && bad != -EIO)
		snprintf(w->why, w->why_len, "%s", first); /* EXECABORT says less than the command that caused it */
	return bad;
}

static int watch(struct writer *w)
{
	struct redis_reply *reply = redis_ask(w->link, "WATCH %s", w->monitors);
	const int bad = answer(w->link, reply, w->why, w->why_len);
	redis_reply_free(reply);
	return bad;
}

/* Also after a refusal: a link is handed back without a WATCH on it. */
static void unwatch(struct writer *w)
{
	redis_reply_free(redis_link_is_up(w->link) ? redis_ask(w->link, "UNWATCH") : NULL);
}

static int write_chunk(struct writer *w, const char *settings, const struct monitor_change *change, size_t count)
{
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		int bad = count ? watch(w) : 0;
		if (!bad && count)
			bad = nothing_moved(w, change, count);
		if (bad) {
			unwatch(w);
			return bad;
		}
		bad = transact(w, settings, change, count);
		if (bad <= 0)
			return bad;
	}
	snprintf(w->why, w->why_len, "others write monitors all the time, %d transactions were in vain", TRIES_MAX);
	return -EAGAIN;
}

int monitor_store_write(struct redis_link *link, const char *prefix, const char *settings,
			const struct monitor_change *change, size_t count, size_t *written, char *why, size_t why_len)
{
	struct writer w = { .link = link, .prefix = prefix, .why = why, .why_len = why_len };
	monitors_key(w.monitors, prefix);
	monitors_log_key(w.log, prefix);
	settings_key(w.settings, prefix);
	*written = 0;
	if (!settings && !count)
		return 0;
	do {
		const size_t some = count - *written < MONITOR_CHUNK ? count - *written : MONITOR_CHUNK;
		const int bad = write_chunk(&w, settings, change + *written, some);
		if (bad)
			return bad;
		settings = NULL;
		*written += some;
	} while (*written < count);
	return 0;
}
