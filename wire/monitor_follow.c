/* monitor_follow.c - tells somebody the monitors, and from then on every change of them.
 * In: pw:monitors:log.  Out: calls of a sink.
 * Owns: the place in the log.
 * Why so: the log says only which monitor changed; what it is now is read from the hash, so that a change which was
 * overtaken is not put in force for a moment.  Whether the log has a hole is asked after each read, by looking for the
 * entry we stood at: it is trimmed from its old end, so as long as that one is there, nothing behind it is missing. One
 * XRANGE of one entry a poll is what it costs, and it holds for a log that was deleted or another Redis as well. */
#include "wire/monitor_store.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>

static void tell_monitor(const struct monitor_sink *sink, const char *name, size_t name_len, const char *json,
			 size_t json_len)
{
	struct monitor m;
	char why[STORE_WHY_MAX];
	if (!json) {
		sink->del(sink->arg, name, name_len);
		return;
	}
	if (!monitor_name_is_fine(name, name_len))
		snprintf(why, sizeof(why), "its name is not 1 to %d bytes of UTF-8 without control characters",
			 NAME_MAX_LEN);
	else if (monitor_decode(&m, name, json, json_len, why, sizeof(why))) {
		sink->set(sink->arg, &m);
		monitor_free(&m);
		return;
	}
	sink->broken(sink->arg, name, name_len, why);
}

static void take_monitor(void *arg, const char *name, size_t name_len, const char *json, size_t json_len)
{
	tell_monitor(arg, name, name_len, json, json_len);
}

static int tell_settings(const struct monitor_sink *sink, struct redis_link *link, const char *prefix, char *why,
			 size_t why_len)
{
	struct settings s;
	const int bad = monitor_store_settings(link, prefix, &s, why, why_len);
	if (bad == -EINVAL) {
		sink->broken(sink->arg, NULL, 0, why);
		return 0;
	}
	if (!bad) {
		sink->settings(sink->arg, &s);
		settings_free(&s);
	}
	return bad;
}

int monitor_store_load(struct redis_link *link, const char *prefix, const struct monitor_sink *sink, char *why,
		       size_t why_len)
{
	sink->begin(sink->arg);
	int bad = tell_settings(sink, link, prefix, why, why_len);
	if (!bad)
		bad = monitor_store_each(link, prefix, take_monitor, (void *)sink, why, why_len);
	if (!bad)
		sink->end(sink->arg);
	return bad;
}

/* ---- following ---- */

void monitor_follow_init(struct monitor_follow *f, const char *prefix, const struct monitor_sink *sink)
{
	*f = (struct monitor_follow){ .sink = sink };
	snprintf(f->prefix, sizeof(f->prefix), "%s", prefix);
}

static int answer(struct monitor_follow *f, struct redis_link *link, const struct redis_reply *reply)
{
	if (reply && !reply_is_error(reply))
		return 0;
	snprintf(f->why, sizeof(f->why), "%s", reply ? reply_text(reply, NULL) : redis_link_error(link));
	return reply ? -EREMOTEIO : -EIO;
}

/* What the entries of one read ask for. */
struct news {
	size_t names, room, entries;
	char **name; /* malloc'd copies: the reply is gone before they are asked for */
	size_t *len;
	bool settings, strange; /* strange: an entry we do not understand */
	uint64_t last_ms, last_seq;
};

static void news_free(struct news *n)
{
	for (size_t i = 0; i < n->names; i++)
		free(n->name[i]);
	free(n->name);
	free(n->len);
}

static void add_name(struct news *n, const char *name, size_t len)
{
	if (n->names && n->len[n->names - 1] == len && memcmp(n->name[n->names - 1], name, len) == 0)
		return; /* the same monitor again and again is asked for once */
	if (n->names == n->room) {
		n->room = n->room ? 2 * n->room : 64;
		must((n->name = realloc(n->name, n->room * sizeof(*n->name))));
		must((n->len = realloc(n->len, n->room * sizeof(*n->len))));
	}
	must((n->name[n->names] = malloc(len + 1)));
	memcpy(n->name[n->names], name, len);
	n->name[n->names][len] = 0;
	n->len[n->names++] = len;
}

static void take_entry(void *arg, const struct stream_entry *e)
{
	struct news *n = arg;
	size_t len = 0;
	const char *op = stream_entry_field(e, "op", NULL), *name = stream_entry_field(e, "name", &len);
	n->entries++;
	n->last_ms = e->id_ms;
	n->last_seq = e->id_seq;
	if (op && strcmp(op, "settings") == 0)
		n->settings = true;
	else if (op && name && (strcmp(op, "set") == 0 || strcmp(op, "del") == 0))
		add_name(n, name, len);
	else
		n->strange = true;
}

/* The id of the newest entry, or 0-0. */
static int find_last(struct monitor_follow *f, struct redis_link *link, const char *log)
{
	struct redis_reply *reply = redis_ask(link, "XREVRANGE %s + - COUNT 1", log);
	struct news n = { 0 };
	int bad = answer(f, link, reply);
	if (!bad && stream_entries_each(reply, log, take_entry, &n, f->why, sizeof(f->why)) < 0)
		bad = -EBADMSG;
	redis_reply_free(reply);
	news_free(&n);
	f->last_ms = n.last_ms;
	f->last_seq = n.last_seq;
	return bad;
}

static int load(struct monitor_follow *f, struct redis_link *link, const char *log)
{
	f->loaded = false;
	int bad = find_last(f, link, log);
	if (!bad)
		bad = monitor_store_load(link, f->prefix, f->sink, f->why, sizeof(f->why));
	f->loaded = !bad;
	f->loads += !bad;
	return bad;
}

/* Reads behind our place and looks whether the place is still there.  1: there may be a hole. */
static int read_log(struct monitor_follow *f, struct redis_link *link, const char *log, unsigned block_ms,
		    struct news *n)
{
	char last[STREAM_ID_MAX];
	stream_id_format(last, f->last_ms, f->last_seq);
	if (block_ms)
		redis_appendf(link, "XREAD COUNT %u BLOCK %u STREAMS %s %s", MONITOR_CHUNK, block_ms, log, last);
	else
		redis_appendf(link, "XREAD COUNT %u STREAMS %s %s", MONITOR_CHUNK, log, last);
	redis_appendf(link, "XRANGE %s %s %s", log, last, last);
	struct redis_reply *reply = redis_read(link, block_ms);
	int bad = answer(f, link, reply);
	if (!bad && stream_read_each(reply, take_entry, n, f->why, sizeof(f->why)) < 0)
		bad = -EBADMSG;
	redis_reply_free(reply);
	if (bad == -EIO)
		return bad;
	reply = redis_read(link, 0);
	const int anchor_bad = bad ? bad : answer(f, link, reply);
	const bool there = reply_count(reply) == 1;
	redis_reply_free(reply);
	if (anchor_bad)
		return anchor_bad;
	if (!f->last_ms && !f->last_seq)
		return n->entries > 0; /* it was empty and is not: what came first may be gone again already */
	return !there;
}

static int tell_news(struct monitor_follow *f, struct redis_link *link, const struct news *n)
{
	int bad = 0;
	if (n->settings)
		bad = tell_settings(f->sink, link, f->prefix, f->why, sizeof(f->why));
	if (!bad && n->names)
		bad = monitor_store_some(link, f->prefix, (const char *const *)n->name, n->len, n->names, take_monitor,
					 (void *)f->sink, f->why, sizeof(f->why));
	return bad;
}

int monitor_follow_poll(struct monitor_follow *f, struct redis_link *link, unsigned block_ms)
{
	char log[STREAM_KEY_MAX];
	struct news n = { 0 };
	monitors_log_key(log, f->prefix);
	if (!f->loaded)
		return load(f, link, log);
	int bad = read_log(f, link, log, block_ms, &n);
	const bool all_anew = bad > 0 || (!bad && n.strange);
	if (all_anew)
		bad = load(f, link, log);
	else if (!bad && n.entries && !(bad = tell_news(f, link, &n))) {
		f->last_ms = n.last_ms; /* only now: after a broken link the same entries are read and told again */
		f->last_seq = n.last_seq;
		f->changes += n.entries;
	}
	const int told = all_anew ? 0 : (int)n.entries;
	news_free(&n);
	return bad ? bad : told;
}
