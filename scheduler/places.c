/* places.c - see places.h. */
#include "scheduler/places.h"

#include "base/log.h"
#include "wire/stream_reader.h"

#include <errno.h>
#include <stdlib.h>

#define CONSUMER_IDLE_MS 300000 /* an engine that read nothing for so long is not asked for its heartbeat */
#define CONSUMERS_MAX 32
#define TRIM_STEP 10000

static unsigned seen_as(struct scheduler_counters *c, const char *region)
{
	unsigned n = atomic_load(&c->regions);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(c->region[i], region) == 0)
			return i;
	if (n == REGIONS_SEEN_MAX)
		return n - 1;
	snprintf(c->region[n], sizeof(c->region[n]), "%s", region);
	atomic_store(&c->regions, n + 1);
	return n;
}

void places_free(struct places *p)
{
	free(p->place);
	p->place = NULL;
	p->count = 0;
}

bool places_set(struct places *p, const char *prefix, const struct settings *s, struct scheduler_counters *counters)
{
	places_free(p);
	snprintf(p->prefix, sizeof(p->prefix), "%s", prefix);
	p->regions = s->regions;
	p->shards = s->shards;
	p->count = s->regions * s->shards;
	p->place = calloc(p->count + 1, sizeof(*p->place));
	if (!p->place)
		return false;
	for (unsigned r = 0; r < s->regions; r++)
		for (unsigned shard = 0; shard < s->shards; shard++) {
			struct place *at = place_at(p, r, shard);
			stream_key(at->jobs, prefix, s->region[r], shard, STREAM_JOBS);
			stream_key(at->res, prefix, s->region[r], shard, STREAM_RES);
			missed_key(at->missed, prefix, s->region[r], shard);
			at->region = r;
			at->shard = shard;
			at->seen_as = seen_as(counters, s->region[r]);
		}
	return true;
}

/* ---- where the streams end ---- */

static uint64_t id_ms(const struct redis_reply *id)
{
	uint64_t ms = 0, seq;
	return stream_id_parse(reply_text(id, NULL), &ms, &seq) ? ms : 0;
}

int places_ends(struct places *p, struct redis_link *link, uint64_t *latest_ms)
{
	int bad = 0;
	*latest_ms = 0;
	for (unsigned i = 0; i < p->count; i++)
		redis_appendf(link, "XINFO STREAM %s", p->place[i].jobs);
	for (unsigned i = 0; i < p->count; i++) {
		struct redis_reply *reply = redis_read(link, 0);
		struct place *at = &p->place[i];
		bad = reply ? bad : -EIO;
		at->last_ms =
			id_ms(reply_pair(reply, "last-generated-id")); /* an error (no such key) has no pairs: 0 */
		*latest_ms = at->last_ms > *latest_ms ? at->last_ms : *latest_ms;
		redis_reply_free(reply);
	}
	return bad;
}

/* Redis 7 counts what was ever added; where that is not said, what stands first may have had something before it. */
int places_results_from(struct places *p, struct redis_link *link, uint64_t *from_ms)
{
	int bad = 0;
	*from_ms = 0;
	for (unsigned i = 0; i < p->count; i++)
		redis_appendf(link, "XINFO STREAM %s", p->place[i].res);
	for (unsigned i = 0; i < p->count; i++) {
		struct redis_reply *reply = redis_read(link, 0);
		const struct redis_reply *added = reply_pair(reply, "entries-added");
		uint64_t first = id_ms(reply_at(reply_pair(reply, "first-entry"), 0));
		bad = reply ? bad : -EIO;
		if (!added || reply_integer(added) > reply_integer(reply_pair(reply, "length")))
			*from_ms = first > *from_ms ? first : *from_ms;
		redis_reply_free(reply);
	}
	return bad;
}

/* ---- repair ---- */

static void count_jobs(void *arg, const struct stream_entry *e)
{
	uint64_t *jobs = arg, n = e->fields ? (uint64_t)reply_integer(reply_pair(e->fields, "n")) : 0;
	*jobs += n <= ENTRY_JOBS_MAX ? n : 0;
}

static int count_all(struct redis_link *link, const char *key, uint64_t *jobs, uint64_t *entries)
{
	char from[STREAM_ID_MAX] = "-", why[200];
	for (int got = 1; got > 0;) {
		struct redis_reply *reply = redis_ask(link, "XRANGE %s %s + COUNT 1000", key, from);
		if (!reply)
			return -EIO;
		got = stream_entries_each(reply, key, count_jobs, jobs, why, sizeof(why));
		if (got > 0) {
			uint64_t ms, seq;
			*entries += (uint64_t)got;
			stream_id_parse(reply_text(reply_at(reply_at(reply, reply_count(reply) - 1), 0), NULL), &ms,
					&seq);
			stream_id_format(from, ms, seq + 1);
		}
		redis_reply_free(reply);
	}
	return 0;
}

/* Redis 7 also remembers the greatest id ever deleted and must be told to forget it; Redis 6.2 refuses those words. */
static int set_back(struct redis_link *link, const char *key, uint64_t now_ms)
{
	unsigned long long to = now_ms;
	struct redis_reply *reply;
	int bad = 0;
	redis_appendf(link, "XTRIM %s MAXLEN 0", key);
	redis_appendf(link, "XSETID %s %llu-0", key, to);
	redis_appendf(link, "XSETID %s %llu-0 ENTRIESADDED 0 MAXDELETEDID 0-0", key, to);
	redis_appendf(link, "XGROUP SETID %s %s %llu-0", key, STREAM_GROUP_ENGINE,
		      to); /* no group: nobody has to be set back */
	for (unsigned i = 0; i < 4; i++) {
		reply = redis_read(link, 0);
		bad = reply ? bad : -EIO;
		redis_reply_free(reply);
	}
	return bad;
}

int places_repair(struct places *p, struct redis_link *link, uint64_t now_ms, uint64_t *jobs,
		  struct scheduler_counters *c)
{
	int repaired = 0;
	for (unsigned i = 0; i < p->count; i++) {
		struct place *at = &p->place[i];
		uint64_t entries = 0;
		if (at->last_ms <= now_ms + AHEAD_MAX_MS)
			continue;
		if (count_all(link, at->jobs, &jobs[i], &entries) || set_back(link, at->jobs, now_ms))
			return -EIO;
		log_warnx("a jobs stream ended in the future and was set back", LOG_S("stream", at->jobs),
			  LOG_U("ahead_s", (at->last_ms - now_ms) / 1000), LOG_U("entries", entries),
			  LOG_U("jobs", jobs[i]));
		counter_add(&c->cleared_entries, entries);
		at->last_ms = now_ms;
		repaired++;
	}
	return repaired;
}

/* ---- engines ---- */

/* The heartbeats of the consumers in a reply of XINFO CONSUMERS: one EXISTS. */
static void ask_heartbeats(const struct places *p, const struct place *at, const char *region, struct redis_link *link,
			   const struct redis_reply *consumers)
{
	char key[CONSUMERS_MAX][STREAM_KEY_MAX];
	const char *word[CONSUMERS_MAX + 1] = { "EXISTS" };
	size_t len[CONSUMERS_MAX + 1] = { 6 };
	int words = 1;
	for (size_t i = reply_count(consumers); i-- > 0 && words <= CONSUMERS_MAX;) {
		const struct redis_reply *row = reply_at(consumers, i);
		if (reply_integer(reply_pair(row, "idle")) > CONSUMER_IDLE_MS)
			continue;
		heartbeat_key(key[words - 1], p->prefix, region, at->shard, reply_text(reply_pair(row, "name"), NULL));
		word[words] = key[words - 1];
		len[words] = strlen(word[words]);
		words++;
	}
	if (words == 1) { /* keeps the replies in step */
		heartbeat_key(key[0], p->prefix, region, at->shard, "");
		word[words] = key[0];
		len[words++] = strlen(key[0]);
	}
	redis_append(link, words, word, len);
}

/* "pw:{eu.0}:jobs" -> "eu" */
static void region_name(const struct places *p, const struct place *at, char into[NAME_MAX_LEN + 1])
{
	snprintf(into, NAME_MAX_LEN + 1, "%s", at->jobs + strlen(p->prefix) + 2);
	into[strcspn(into, "}")] = 0;
	*strrchr(into, '.') = 0;
}

static void read_delivered(struct place *at, const struct redis_reply *groups)
{
	for (size_t i = 0; i < reply_count(groups); i++) {
		const struct redis_reply *row = reply_at(groups, i);
		if (strcmp(reply_text(reply_pair(row, "name"), NULL), STREAM_GROUP_ENGINE) == 0)
			at->delivered_ms = id_ms(reply_pair(row, "last-delivered-id"));
	}
}

int places_look(struct places *p, struct redis_link *link, uint64_t now_ms)
{
	for (unsigned i = 0; i < p->count; i++) {
		struct place *at = &p->place[i];
		char region[NAME_MAX_LEN + 1];
		region_name(p, at, region);
		redis_appendf(link, "XINFO GROUPS %s", at->jobs);
		redis_appendf(link, "XINFO CONSUMERS %s %s", at->jobs, STREAM_GROUP_ENGINE);
		struct redis_reply *groups = redis_read(link, 0), *consumers = redis_read(link, 0);
		read_delivered(at, groups);
		if (consumers)
			ask_heartbeats(p, at, region, link, consumers);
		struct redis_reply *there = consumers ? redis_read(link, 0) : NULL;
		if (reply_integer(there) > 0)
			at->engine_ms = now_ms;
		if (there)
			at->looked_ms = now_ms;
		redis_reply_free(groups);
		redis_reply_free(consumers);
		redis_reply_free(there);
		if (!redis_link_is_up(link))
			return -EIO;
	}
	return 0;
}

/* ---- trimming ---- */

int places_trim(struct places *p, struct redis_link *link, uint64_t now_ms, bool thorough)
{
	long long removed = 0;
	for (unsigned i = 0; i < p->count; i++) {
		unsigned long long upto = now_ms - UNREAD_MAX_MS;
		struct redis_reply *reply =
			redis_ask(link, "XTRIM %s MINID ~ %llu-0 LIMIT %u", p->place[i].jobs, upto, TRIM_STEP);
		removed += reply_is_text(reply) ? 0 : reply_integer(reply);
		redis_reply_free(reply);
		long long more = thorough ? stream_trim(link, p->place[i].jobs, 0) : 0;
		removed += more > 0 ? more : 0;
		if (!redis_link_is_up(link))
			return -EIO;
	}
	return (int)removed;
}
