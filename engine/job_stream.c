/* job_stream.c - reads entries of jobs from Redis, hot streams first, as one consumer of a group.
 * In: XREADGROUP, only as much as there are free slots.  Out: batches, made by job_entry.c.  Owns: one connection; the
 * list of what was taken and is not yet published.
 * What this engine holds stays pending in the group until the sink acknowledges it. */
#include "engine/job_stream_self.h"

#include "base/must.h"
#include "base/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MS 5000
#define GROUP_BACK_MS 120000 /* a lost group is made again this far back: two intervals of a minute */

static bool has_shard(const struct stream_place *place, unsigned long shard)
{
	for (unsigned i = 0; i < place->shards; i++)
		if (place->shard[i] == shard)
			return true;
	return false;
}

int shards_parse(const char *text, struct stream_place *place, char *why, size_t why_len)
{
	const char *at = text;
	place->shards = 0;
	for (;;) {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;
		if (end == at)
			break;
		if (*end == '-') {
			const char *second = end + 1;
			last = strtoul(second, &end, 10);
			if (end == second)
				break;
		}
		if (last < first || last > SHARD_LAST || place->shards + (last - first) >= SHARDS_MAX) {
			snprintf(why, why_len, "--shards: \"%s\" runs backwards, past %d, or names more than %d shards", text, SHARD_LAST,
				 SHARDS_MAX);
			return -EINVAL;
		}
		for (unsigned long s = first; s <= last; s++) {
			if (has_shard(place, s)) {
				snprintf(why, why_len, "--shards: \"%s\" names shard %lu twice", text, s);
				return -EINVAL;
			}
			place->shard[place->shards++] = (unsigned)s;
		}
		if (!*end)
			return 0;
		if (*end != ',')
			break;
		at = end + 1;
	}
	snprintf(why, why_len, "--shards: \"%s\" is not a list like 0 or 0,2 or 0-7", text);
	return -EINVAL;
}

static struct job_stream *self(struct source *s)
{
	return (struct job_stream *)s;
}

/* Sleeps unless interrupted; true: go on. */
static bool pause_ms(struct job_stream *js, unsigned ms)
{
	uint64_t at_ns = clock_ns() + ms * NS_PER_MS;
	pthread_mutex_lock(&js->lock);
	while (!js->interrupted && clock_ns() < at_ns)
		wait_until_ns(&js->woken, &js->lock, at_ns);
	bool go_on = !js->interrupted;
	pthread_mutex_unlock(&js->lock);
	return go_on;
}

/* ---- trouble ---- */

static void back_off(struct job_stream *js)
{
	pause_ms(js, backoff_next_ms(&js->backoff));
}

/* Counts a trouble, says it, and reacts to it as its kind asks.  Where the connection goes too, the link is who says it. */
static void react(struct job_stream *js, enum redis_trouble trouble, const char *text, const char *doing)
{
	char why[256];
	unsigned missed;
	counter_add(&js->counters->trouble[trouble], 1);
	if (trouble == TROUBLE_LINK)
		return; /* the link has said so itself */
	if (trouble == TROUBLE_NOT_MASTER || trouble == TROUBLE_FORBIDDEN || trouble == TROUBLE_OTHER) {
		snprintf(why, sizeof(why), "%s (%s)", text, doing);
		redis_link_drop(js->link, why);
		return;
	}
	if (trouble == TROUBLE_GROUP_LOST)
		js->groups_made = false;
	if (log_allowed(&js->limit, 1, &missed))
		log_warnx("redis refused", LOG_S("doing", doing), LOG_S("reply", text),
			  LOG_S("reaction", redis_trouble_row(trouble)->reaction), LOG_UNSAID(missed));
}

/* True if the reply is no error; otherwise the trouble was dealt with. */
bool job_stream_reply_ok(struct job_stream *js, const struct redis_reply *reply, const char *doing)
{
	enum redis_trouble trouble = reply ? reply_trouble(reply) : TROUBLE_LINK;
	if (trouble == TROUBLE_NONE || trouble == TROUBLE_EXISTS)
		return true;
	react(js, trouble, reply_text(reply, NULL), doing);
	return false;
}

/* Where a group begins: at the very start when it is first made here, so that jobs pushed before the engine ran are
 * answered; after a loss at the newest of what was acknowledged and what can still be worth probing. */
static void group_start(struct job_stream *js, struct job_stream_one *stream, char id[STREAM_ID_MAX])
{
	pthread_mutex_lock(&js->lock);
	uint64_t acked = stream->acked_ms;
	pthread_mutex_unlock(&js->lock);
	uint64_t recent = clock_wall_ms() - GROUP_BACK_MS;
	if (acked == 0)
		strcpy(id, "0");
	else
		stream_id_format(id, acked > recent ? acked : recent, 0);
}

static bool make_groups(struct job_stream *js)
{
	for (unsigned i = 0; i < js->count; i++) {
		char id[STREAM_ID_MAX];
		group_start(js, &js->stream[i], id);
		int made = stream_group_make(js->link, js->stream[i].key, STREAM_GROUP_ENGINE, id);
		if (made < 0) {
			react(js, redis_link_trouble(js->link), redis_link_error(js->link), "XGROUP CREATE");
			return false;
		}
		if (made == 0)
			log_info("consumer group made", LOG_S("stream", js->stream[i].key), LOG_S("from", id));
	}
	js->groups_made = true;
	return true;
}

/* Asked again while it only waits, the link has not failed again. */
static void count_no_link(struct job_stream *js, unsigned wait_ms)
{
	uint64_t now = clock_ns();
	if (now >= js->link_due_ns)
		counter_add(&js->counters->trouble[redis_link_trouble(js->link)], 1);
	js->link_due_ns = now + wait_ms * NS_PER_MS;
}

/* A queue that Redis may evict is no queue.  Said once a connection; doctor says it too. */
static void look_for_eviction(struct job_stream *js)
{
	char policy[32] = "";
	struct redis_reply *reply = redis_ask(js->link, "INFO memory");
	const char *at = reply_is_error(reply) ? NULL : strstr(reply_text(reply, NULL), "maxmemory_policy:");
	if (at)
		sscanf(at, "maxmemory_policy:%31[a-z-]", policy);
	redis_reply_free(reply);
	if (policy[0] && strcmp(policy, "noeviction") != 0)
		log_warnx("this Redis may throw away queues when its memory is full", LOG_S("maxmemory-policy", policy),
			  LOG_S("try", "CONFIG SET maxmemory-policy noeviction"));
}

static bool ready(struct job_stream *js, unsigned most_ms)
{
	unsigned wait_ms = 0;
	bool was_up = redis_link_is_up(js->link);
	if (redis_link_up(js->link, &wait_ms) != 0) {
		counter_set(&js->counters->redis_up, 0);
		count_no_link(js, wait_ms);
		pause_ms(js, wait_ms < most_ms ? wait_ms : most_ms);
		return false;
	}
	counter_set(&js->counters->redis_up, 1);
	counter_set(&js->counters->redis_connects, redis_link_connects(js->link));
	if (!was_up) {
		js->groups_made = false; /* another server may stand behind the name now */
		look_for_eviction(js);
	}
	if (!js->groups_made && !make_groups(js)) {
		back_off(js);
		return false;
	}
	return true;
}

static void ask_for_entries(struct job_stream *js, unsigned entries, unsigned wait_ms)
{
	const char *argv[8 + 4 * SHARDS_MAX + 1] = { "XREADGROUP", "GROUP", STREAM_GROUP_ENGINE, js->place->consumer, "COUNT" };
	size_t len[ARRAY_LEN(argv)];
	char count[16], block[16];
	int n = 5;
	snprintf(count, sizeof(count), "%u", entries);
	snprintf(block, sizeof(block), "%u", wait_ms);
	argv[n++] = count;
	argv[n++] = "BLOCK";
	argv[n++] = block;
	argv[n++] = "STREAMS";
	for (unsigned i = 0; i < js->count; i++)
		argv[n++] = js->stream[i].key;
	for (unsigned i = 0; i < js->count; i++)
		argv[n++] = ">";
	for (int i = 0; i < n; i++)
		len[i] = strlen(argv[i]);
	redis_append(js->link, n, argv, len);
}

static int job_stream_take(struct source *s, unsigned room, unsigned wait_ms, struct batch_list *into)
{
	struct job_stream *js = self(s);
	char why[256];
	js->into = into;
	if (!ready(js, wait_ms ? wait_ms : 1))
		return 0;
	job_lease_upkeep(js, room);
	if (room == 0 || into->head || !redis_link_is_up(js->link))
		return 0;
	/* COUNT is for each stream; the hot ones are mostly empty, so only the others are reckoned with. */
	unsigned entries = room / ENTRY_JOBS_MAX / js->place->shards;
	ask_for_entries(js, entries ? entries : 1, wait_ms ? wait_ms : 1);
	struct redis_reply *reply = redis_read(js->link, wait_ms);
	if (!job_stream_reply_ok(js, reply, "XREADGROUP")) {
		counter_set(&js->counters->redis_up, redis_link_is_up(js->link));
		back_off(js);
	} else if (!reply_is_nil(reply)) {
		backoff_reset(&js->backoff);
		if (stream_read_each(reply, job_stream_entry, js, why, sizeof(why)) < 0) {
			log_errorx("unreadable reply of Redis", LOG_S("why", why));
			redis_link_drop(js->link, why);
		}
	}
	redis_reply_free(reply);
	return 0;
}

static void job_stream_interrupt(struct source *s)
{
	struct job_stream *js = self(s);
	pthread_mutex_lock(&js->lock);
	js->interrupted = true;
	pthread_cond_broadcast(&js->woken);
	pthread_mutex_unlock(&js->lock);
	redis_link_interrupt(js->link);
}

/* ---- life ---- */

static void name_streams(struct job_stream *js, bool hot)
{
	const struct stream_place *place = js->place;
	for (unsigned i = 0; i < place->shards; i++) {
		struct job_stream_one *stream = &js->stream[js->count++];
		stream->shard = place->shard[i];
		stream->hot = hot;
		stream_key(stream->key, place->prefix, place->region, stream->shard, hot ? STREAM_HOT : STREAM_JOBS);
		stream_key(stream->dlq, place->prefix, place->region, stream->shard, STREAM_DLQ);
	}
}

struct source *job_stream_new(const struct stream_place *place, unsigned settle_ms, struct source_counters *counters)
{
	char name[96];
	struct job_stream *js = calloc(1, sizeof(*js));
	if (!js)
		return NULL;
	snprintf(name, sizeof(name), "portwatch-engine:%.32s:jobs", place->region);
	js->link = redis_link_new(&place->url, name, REPLY_MS);
	if (!js->link) {
		free(js);
		return NULL;
	}
	js->source = (struct source){ job_stream_take, job_stream_published, job_stream_interrupt };
	js->place = place;
	js->settle_ms = settle_ms;
	js->counters = counters;
	js->longest_ms = JOB_TIMEOUT_DEFAULT_MS;
	js->backoff.seed = (uint32_t)clock_ns();
	name_streams(js, true);
	name_streams(js, false);
	wait_init(&js->woken);
	pthread_mutex_init(&js->lock, NULL);
	return &js->source;
}

void job_stream_free(struct source *s)
{
	struct job_stream *js = self(s);
	redis_link_free(js->link);
	pthread_mutex_destroy(&js->lock);
	pthread_cond_destroy(&js->woken);
	free(js);
}

const char *job_stream_key(const struct source *s, const struct batch *b)
{
	return ((const struct job_stream *)s)->stream[b->stream].key;
}

unsigned job_stream_shard(const struct source *s, const struct batch *b)
{
	return ((const struct job_stream *)s)->stream[b->stream].shard;
}
