/* stream_trim.c - removes from a stream what nobody needs any more.
 * In: a key.  Out: the number of entries removed.
 * An entry is needed by a group when it is pending there (delivered, not acknowledged) or lies behind the group's last
 * delivered id (not yet read).  So each group has a point below which it needs nothing: its oldest pending id if there
 * is one, else the id that follows its last delivered one.  The stream may lose what lies below the least of them.
 * Why so: that stays true while others work, because what is delivered after we looked lies behind the last delivered
 * id we saw, and what was pending can only be acknowledged.  Only a group that is made or moved back between the
 * question and the trim can miss something, as it would have a moment later.  MAXLEN looks at none of this. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/stream_reader.h"

#include <errno.h>
#include <string.h>

/* Whole nodes are removed in a blink, but a backlog of millions of entries at once would hold up the server: so much
 * at a time, which at one call a second is 640,000 jobs a second. */
#define TRIM_STEP 10000

struct point {
	uint64_t ms, seq;
};

static bool below(struct point a, struct point b)
{
	return a.ms < b.ms || (a.ms == b.ms && a.seq < b.seq);
}

static struct point least(struct point a, struct point b)
{
	return below(b, a) ? b : a;
}

static struct point after(struct point p)
{
	p.seq++;
	if (p.seq == 0)
		p.ms++;
	return p;
}

static bool read_point(const struct redis_reply *id, struct point *into)
{
	return reply_is_text(id) && stream_id_parse(reply_text(id, NULL), &into->ms, &into->seq);
}

/* What is kept by age rather than by need, by the clock that made the ids: Redis's TIME, [seconds, microseconds]. */
static bool read_age(const struct redis_reply *time, uint64_t keep_ms, struct point *into)
{
	uint64_t now_ms = (uint64_t)reply_integer(reply_at(time, 0)) * 1000 +
			  (uint64_t)reply_integer(reply_at(time, 1)) / 1000;
	if (now_ms == 0 || reply_integer(reply_at(time, 0)) < 0)
		return false;
	*into = (struct point){ .ms = now_ms > keep_ms ? now_ms - keep_ms : 0 };
	return true;
}

/* Rows of XINFO GROUPS: lowers *upto to what follows each group's last delivered id. */
static bool read_delivered(const struct redis_reply *groups, struct point *upto)
{
	for (size_t i = 0; i < reply_count(groups); i++) {
		const struct redis_reply *row = reply_at(groups, i);
		struct point delivered;
		if (!reply_is_text(reply_pair(row, "name")) ||
		    !read_point(reply_pair(row, "last-delivered-id"), &delivered))
			return false;
		*upto = least(*upto, after(delivered));
	}
	return true;
}

/* The summary of XPENDING, [count, least id, greatest id, consumers], ids nil when nothing is pending: lowers *upto to
 * the oldest pending id. */
static int read_pending(const struct redis_reply *summary, struct point *upto)
{
	const struct redis_reply *oldest = reply_at(summary, 1);
	struct point pending;
	if (reply_is_error(summary))
		return -EREMOTEIO;
	if (reply_is_nil(oldest))
		return 0;
	if (!read_point(oldest, &pending))
		return -EBADMSG;
	*upto = least(*upto, pending);
	return 0;
}

/* Asks every group for its pending entries in one round trip.  All replies are read whatever they say, so that the link
 * stays in step. */
static int ask_pending(struct redis_link *link, const char *key, const struct redis_reply *groups, struct point *upto)
{
	int bad = 0;
	for (size_t i = 0; i < reply_count(groups); i++) {
		size_t len;
		const char *name = reply_text(reply_pair(reply_at(groups, i), "name"), &len);
		redis_appendf(link, "XPENDING %s %b", key, name, len);
	}
	for (size_t i = 0; i < reply_count(groups); i++) {
		struct redis_reply *summary = redis_read(link, 0);
		int worse = summary ? read_pending(summary, upto) : -EIO;
		bad = bad ? bad : worse;
		redis_reply_free(summary);
	}
	return bad;
}

static const char no_such_key[] = "ERR no such key";

/* From the answers to XINFO GROUPS and TIME: 1 and the point below which all may go, 0: nothing may, or negative. */
static int find_point(struct redis_link *link, const char *key, const struct redis_reply *groups,
		      const struct redis_reply *time, uint64_t keep_ms, struct point *upto)
{
	*upto = (struct point){ UINT64_MAX, UINT64_MAX };
	if (!groups || (keep_ms && !time))
		return -EIO;
	if (strcmp(reply_text(groups, NULL), no_such_key) == 0)
		return 0;
	if (reply_is_error(groups) || reply_is_error(time))
		return -EREMOTEIO;
	if (!reply_is_array(groups) || (keep_ms && !read_age(time, keep_ms, upto)) || !read_delivered(groups, upto))
		return -EBADMSG;
	if (reply_count(groups) == 0)
		return keep_ms != 0;
	return ask_pending(link, key, groups, upto) ?: 1;
}

static int ask_point(struct redis_link *link, const char *key, uint64_t keep_ms, struct point *upto)
{
	struct redis_reply *groups, *time = NULL;
	int found;
	redis_appendf(link, "XINFO GROUPS %s", key);
	if (keep_ms)
		redis_appendf(link, "TIME");
	groups = redis_read(link, 0);
	if (keep_ms)
		time = redis_read(link, 0);
	found = find_point(link, key, groups, time, keep_ms, upto);
	redis_reply_free(groups);
	redis_reply_free(time);
	return found;
}

static long long read_removed(struct redis_reply *reply)
{
	long long removed = !reply ? -EIO : reply_is_error(reply) ? -EREMOTEIO : reply_integer(reply);
	redis_reply_free(reply);
	return removed;
}

/* Two steps, because an exact trim cannot be limited and a limited one is not exact: the limited one takes whole nodes
 * and leaves up to one node (100 entries, or 4 KB) that nobody needs.  Only when it did not run into its limit does the
 * exact one follow, which then touches that one node; so the length of a stream is what is still to be done. */
static long long trim_below(struct redis_link *link, const char *key, struct point upto)
{
	unsigned long long ms = upto.ms, seq = upto.seq;
	long long rest;
	long long removed = read_removed(
		redis_ask(link, "XTRIM %s MINID ~ %llu-%llu LIMIT %u", key, ms, seq, (unsigned)TRIM_STEP));
	if (removed < 0 || removed > TRIM_STEP / 2)
		return removed;
	rest = read_removed(redis_ask(link, "XTRIM %s MINID %llu-%llu", key, ms, seq));
	return rest < 0 ? rest : removed + rest;
}

long long stream_trim(struct redis_link *link, const char *key, uint64_t keep_ms)
{
	struct point upto;
	int found = ask_point(link, key, keep_ms, &upto);
	return found > 0 ? trim_below(link, key, upto) : found;
}
