/* outbox.c - between the streams and the queue of one channel, see outbox.h.
 * In: entries of pw:{alerts.S}:outbox.  Out: notices in the queue; for each settled one MULTI; what is to be
 * remembered; XACK; EXEC.
 * Owns: where it stands in each shard.
 * Why so: an entry that was read is pending in Redis until it is acknowledged, so whenever a reply may have been lost
 * - a new process, a new connection - the pending ones are read again, and those that are in the queue already are
 * known by their id. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/outbox.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/printable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_MAX 100 /* entries of a stream at a time */

void outbox_group(char *group, const char *channel)
{
	snprintf(group, STREAM_KEY_MAX, "notify:%.64s", channel);
}

void undelivered_key(char *key, const char *prefix, unsigned shard)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:{alerts.%u}:undelivered", prefix, shard);
}

void firing_key(char *key, const char *prefix, unsigned shard, const char *channel)
{
	snprintf(key, STREAM_KEY_MAX, "%.32s:{alerts.%u}:firing:%.64s", prefix, shard, channel);
}

void outbox_shards(struct outbox *o, uint64_t shards)
{
	for (unsigned s = 0; s < SETTINGS_SHARDS_MAX; s++) {
		bool ours = shards >> s & 1, before = o->shards >> s & 1;
		if (ours != before)
			o->state[s] = ours ? SHARD_TAKEN : SHARD_ELSEWHERE;
	}
	if (o->shards & ~shards) {
		notice_queue_keep_shards(o->queue, shards);
		standing_keep_shards(o->standing, shards);
	}
	o->shards = shards;
}

/* ---- trouble ---- */

/* Whether a reply is one; if not it is said, and Redis has its rest. */
static bool is_fine(struct outbox *o, const struct redis_reply *reply)
{
	enum redis_trouble trouble = reply ? reply_trouble(reply) : TROUBLE_LINK;
	unsigned missed;
	if (trouble == TROUBLE_NONE)
		return true;
	if (trouble == TROUBLE_LINK) /* the link has a back-off of its own, and what was told should not wait for another */
		return false;
	o->not_before_ms = clock_ns() / NS_PER_MS + backoff_next_ms(&o->backoff);
	if (trouble == TROUBLE_NOT_MASTER || trouble == TROUBLE_FORBIDDEN)
		redis_link_drop(o->link, reply_text(reply, NULL));
	else if (trouble != TROUBLE_GROUP_LOST && log_allowed(&o->limit, 1, &missed))
		log_warnx("redis refused", LOG_S("channel", o->channel), LOG_S("reply", reply_text(reply, NULL)),
			  LOG_S("reaction", redis_trouble_row(trouble)->reaction), LOG_UNSAID(missed));
	return false;
}

/* The stream is gone with its groups: Redis has lost its memory.  What stands in the outbox since then is not told. */
static void make_groups(struct outbox *o)
{
	for (unsigned s = 0; s < SETTINGS_SHARDS_MAX; s++) {
		char key[STREAM_KEY_MAX];
		if (o->state[s] != SHARD_FRESH && o->state[s] != SHARD_PENDING)
			continue;
		alerts_key(key, o->prefix, s, ALERTS_OUTBOX);
		if (stream_group_make(o->link, key, o->group, "0") == 0)
			log_warnx("the outbox had no group of the channel; made again from its beginning", LOG_S("channel", o->channel),
				  LOG_U("shard", s));
		o->state[s] = SHARD_PENDING;
		strcpy(o->after[s], "0-0");
	}
}

/* ---- reading ---- */

struct reading {
	struct outbox *o;
	unsigned shard; /* of the one stream; unused when key says it */
	uint64_t now_ms;
	unsigned given;
};

static unsigned shard_of(const struct outbox *o, const char *key)
{
	for (unsigned s = 0; s < SETTINGS_SHARDS_MAX; s++) {
		char mine[STREAM_KEY_MAX];
		alerts_key(mine, o->prefix, s, ALERTS_OUTBOX);
		if ((o->shards >> s & 1) && strcmp(mine, key) == 0)
			return s;
	}
	return SETTINGS_SHARDS_MAX;
}

/* A field as a line of text; "" where there is none; false: it is not one. */
static bool take_line(const struct stream_entry *e, const char *name, const char **into)
{
	size_t len = 0;
	const char *text = stream_entry_field(e, name, &len);
	*into = text ? text : "";
	return text_is_printable(*into, text ? len : 0) && strlen(*into) == (text ? len : 0);
}

static bool read_notice(const struct stream_entry *e, struct notice *n)
{
	const char *page, *resolved;
	*n = (struct notice){ 0 };
	if (!e->fields || !take_line(e, "id", &n->id) || !take_line(e, "type", &n->type) ||
	    !take_line(e, "monitor", &n->monitor) || !take_line(e, "incident", &n->incident) ||
	    !take_line(e, "page", &page) || !take_line(e, "resolved", &resolved))
		return false;
	n->page = strcmp(page, "1") == 0;
	n->resolved = strcmp(resolved, "1") == 0;
	n->body = stream_entry_field(e, "b", &n->body_len);
	return n->id[0] && n->body;
}

/* An entry that cannot be told still has to be acknowledged, and somebody should hear of it. */
static void refuse_entry(struct outbox *o, unsigned shard, const struct stream_entry *e, uint64_t now_ms)
{
	bool known;
	struct notice nothing = { .id = e->id_text, .type = "", .monitor = "", .incident = "", .body = "" };
	struct queued *q = notice_queue_add(o->queue, shard, e->id_ms, e->id_seq, &nothing, now_ms, &known);
	if (!q)
		return;
	log_errorx("an entry of the outbox cannot be read and is given up", LOG_S("channel", o->channel),
		   LOG_S("entry", e->id_text));
	o->done[OUTCOME_REFUSED]++;
	notice_queue_settle(o->queue, q, OUTCOME_REFUSED, e->fields ? "the entry lacks a field" : "the entry was deleted");
}

static void take_entry(void *arg, const struct stream_entry *e)
{
	struct reading *r = arg;
	struct outbox *o = r->o;
	unsigned shard = e->key[0] ? shard_of(o, e->key) : r->shard;
	struct notice n;
	bool known;
	r->given++;
	if (shard >= SETTINGS_SHARDS_MAX)
		return;
	if (o->state[shard] == SHARD_PENDING)
		snprintf(o->after[shard], STREAM_ID_MAX, "%.41s", e->id_text);
	if (!read_notice(e, &n)) {
		refuse_entry(o, shard, e, r->now_ms);
		return;
	}
	struct queued *q = notice_queue_add(o->queue, shard, e->id_ms, e->id_seq, &n, r->now_ms, &known);
	if (q)
		q->old = o->state[shard] == SHARD_PENDING;
	if (q && o->pages_only && !n.page) {
		o->done[OUTCOME_LEFT_OUT]++;
		notice_queue_settle(o->queue, q, OUTCOME_LEFT_OUT, "");
	}
	if (!q && !known) /* no memory: read again later */
		o->connects = 0;
}

/* Takes a reply of XREADGROUP apart.  False: it was none. */
static bool take_reply(struct outbox *o, struct redis_reply *reply, struct reading *r)
{
	char why[200];
	bool fine = is_fine(o, reply);
	bool lost = reply && reply_trouble(reply) == TROUBLE_GROUP_LOST;
	if (fine && stream_read_each(reply, take_entry, r, why, sizeof(why)) < 0) {
		redis_link_drop(o->link, why);
		fine = false;
	}
	redis_reply_free(reply);
	if (fine)
		backoff_reset(&o->backoff);
	if (lost)
		make_groups(o);
	return fine;
}

static void load_standing(struct outbox *o, unsigned shard)
{
	char key[STREAM_KEY_MAX];
	firing_key(key, o->prefix, shard, o->channel);
	struct redis_reply *all = o->keeps_standing ? redis_ask(o->link, "HGETALL %s", key) : NULL;
	if (!o->keeps_standing || is_fine(o, all)) {
		for (size_t i = 1; i < reply_count(all); i += 2) {
			size_t len;
			const char *json = reply_text(reply_at(all, i), &len);
			if (!standing_load(o->standing, shard, json, len))
				log_warnx("a standing alert cannot be read and is left out", LOG_S("channel", o->channel),
					  LOG_S("incident", reply_text(reply_at(all, i - 1), NULL)));
		}
		o->state[shard] = SHARD_PENDING;
		strcpy(o->after[shard], "0-0");
	}
	redis_reply_free(all);
}

static unsigned room(const struct outbox *o)
{
	return o->queue->count < NOTICE_QUEUE_MAX ? NOTICE_QUEUE_MAX - o->queue->count : 0;
}

/* What was given before: as long as there is any and room for it. */
static bool read_pending(struct outbox *o, unsigned shard, uint64_t now_ms)
{
	char key[STREAM_KEY_MAX];
	bool asked = false;
	alerts_key(key, o->prefix, shard, ALERTS_OUTBOX);
	while (o->state[shard] == SHARD_PENDING && room(o) >= READ_MAX && redis_link_is_up(o->link)) {
		struct reading r = { .o = o, .shard = shard, .now_ms = now_ms };
		struct redis_reply *reply = redis_ask(o->link, "XREADGROUP GROUP %s %s COUNT %u STREAMS %s %s", o->group,
						      OUTBOX_CONSUMER, READ_MAX, key, o->after[shard]);
		asked = true;
		if (!take_reply(o, reply, &r))
			break;
		if (r.given == 0)
			o->state[shard] = SHARD_FRESH;
	}
	return asked;
}

/* What is new, of all shards whose pending ones were read. */
static bool read_fresh(struct outbox *o, unsigned block_ms, uint64_t now_ms)
{
	enum { WORDS = 9 };
	const char *argv[WORDS + 2 * SETTINGS_SHARDS_MAX];
	char key[SETTINGS_SHARDS_MAX][STREAM_KEY_MAX], count[16], block[16];
	struct reading r = { .o = o, .now_ms = now_ms };
	int argc = 0, streams = 0;
	const char *head[] = { "XREADGROUP", "GROUP", o->group, OUTBOX_CONSUMER, "COUNT", count };
	for (unsigned s = 0; s < SETTINGS_SHARDS_MAX; s++)
		if (o->state[s] == SHARD_FRESH)
			alerts_key(key[streams++], o->prefix, s, ALERTS_OUTBOX);
	if (streams == 0 || room(o) < (unsigned)streams)
		return false;
	snprintf(count, sizeof(count), "%u", room(o) / (unsigned)streams < READ_MAX ? room(o) / (unsigned)streams : READ_MAX);
	snprintf(block, sizeof(block), "%u", block_ms);
	for (unsigned i = 0; i < ARRAY_LEN(head); i++)
		argv[argc++] = head[i];
	if (block_ms) {
		argv[argc++] = "BLOCK";
		argv[argc++] = block;
	}
	argv[argc++] = "STREAMS";
	for (int i = 0; i < streams; i++)
		argv[argc++] = key[i];
	for (int i = 0; i < streams; i++)
		argv[argc++] = ">";
	redis_append(o->link, argc, argv, NULL);
	take_reply(o, redis_read(o->link, block_ms), &r);
	return true;
}

bool outbox_read(struct outbox *o, unsigned block_ms, uint64_t now_ms)
{
	unsigned before = o->queue->count;
	bool asked = false;
	if (now_ms < o->not_before_ms)
		return false;
	if (o->connects != redis_link_connects(o->link)) {
		o->connects = redis_link_connects(o->link);
		for (unsigned s = 0; s < SETTINGS_SHARDS_MAX; s++)
			if (o->state[s] == SHARD_FRESH || o->state[s] == SHARD_PENDING) {
				o->state[s] = SHARD_PENDING;
				strcpy(o->after[s], "0-0");
			}
	}
	for (unsigned s = 0; s < SETTINGS_SHARDS_MAX && redis_link_is_up(o->link); s++) {
		if (o->state[s] == SHARD_TAKEN)
			load_standing(o, s);
		if (o->state[s] == SHARD_PENDING)
			asked = read_pending(o, s, now_ms) || asked;
	}
	if (redis_link_is_up(o->link))
		asked = read_fresh(o, o->queue->count == before ? block_ms : 0, now_ms) || asked;
	return asked;
}

/* ---- settling ---- */

static unsigned append_standing(struct outbox *o, const struct queued *e)
{
	char key[STREAM_KEY_MAX], incident[NOTICE_INCIDENT_MAX];
	firing_key(key, o->prefix, e->shard, o->channel);
	notice_incident(incident, &e->notice);
	const struct standing *s = standing_find(o->standing, e->shard, incident);
	char *json = s ? standing_json(s) : NULL;
	if (json)
		redis_appendf(o->link, "HSET %s %s %s", key, incident, json);
	free(json);
	return json != NULL;
}

static unsigned append_undelivered(struct outbox *o, const struct queued *e)
{
	char key[STREAM_KEY_MAX];
	const struct notice *n = &e->notice;
	undelivered_key(key, o->prefix, e->shard);
	redis_appendf(o->link,
		      "XADD %s MAXLEN ~ %u * channel %s outcome %s why %s tries %u id %s type %s monitor %s incident %s page %u "
		      "resolved %u b %b",
		      key, UNDELIVERED_MAX, o->channel, outcome_names[e->outcome], e->why, e->made, n->id, n->type, n->monitor,
		      n->incident, (unsigned)n->page, (unsigned)n->resolved, n->body, n->body_len);
	return 1;
}

static bool settle_one(struct outbox *o, const struct queued *e)
{
	char key[STREAM_KEY_MAX], id[STREAM_ID_MAX];
	unsigned replies = 3;
	bool fine = true;
	alerts_key(key, o->prefix, e->shard, ALERTS_OUTBOX);
	stream_id_format(id, e->id_ms, e->id_seq);
	redis_appendf(o->link, "MULTI");
	if (e->outcome != OUTCOME_DELIVERED && e->outcome != OUTCOME_LEFT_OUT)
		replies += append_undelivered(o, e);
	if (o->keeps_standing && e->outcome != OUTCOME_LEFT_OUT)
		replies += append_standing(o, e);
	redis_appendf(o->link, "XACK %s %s %s", key, o->group, id);
	redis_appendf(o->link, "EXEC");
	for (unsigned i = 0; i < replies && redis_link_is_up(o->link); i++) {
		struct redis_reply *reply = redis_read(o->link, 0);
		fine = is_fine(o, reply) && fine;
		redis_reply_free(reply);
	}
	return fine && redis_link_is_up(o->link);
}

bool outbox_settle(struct outbox *o, uint64_t now_ms)
{
	if (now_ms < o->not_before_ms)
		return !o->queue->settled;
	while (o->queue->settled && settle_one(o, o->queue->settled))
		notice_queue_drop_settled(o->queue);
	return !o->queue->settled;
}

void outbox_expire_standing(struct outbox *o, uint64_t wall_ms)
{
	for (struct standing *s = o->standing->first, *next; s; s = next) {
		char key[STREAM_KEY_MAX];
		next = s->next;
		if (s->until_ms == 0 || s->until_ms > wall_ms || !redis_link_is_up(o->link))
			continue;
		firing_key(key, o->prefix, s->shard, o->channel);
		redis_reply_free(redis_ask(o->link, "HDEL %s %s", key, s->key));
		standing_remove(o->standing, s);
	}
}
