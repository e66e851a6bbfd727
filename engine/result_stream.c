/* result_stream.c - publishes finished batches and says that this engine lives.
 * In: batches whose jobs all have an outcome.  Out: for each one MULTI; XADD results; XACK jobs; EXEC, so that an entry
 * is either answered and acknowledged or neither.  Owns: one connection; the batches it could not publish yet.
 * Every reply is looked at: EXEC does not roll back, and a refused XADD must not pass for a published result.  When the
 * link breaks in between the outcome is unknown and the batch is published again: results carry a key for that. */
#include "engine/result_stream.h"

#include "base/backoff.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wait.h"
#include "wire/stream_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MS 5000
#define PIPELINED 16		     /* batches in one round trip */
#define HEARTBEAT_EVERY_NS (5 * NS_PER_S)
#define START_NS (50 * NS_PER_MS)
#define TRIM_EVERY_NS (10 * NS_PER_S)
#define GATHER_NS (10 * NS_PER_MS)	     /* between two round trips: under load each then carries several batches */

struct result_stream {
	struct sink sink;
	const struct result_stream_config *config;
	struct sink_counters *counters;
	struct redis_link *link;
	struct result_rows *rows;
	struct batch_list held;
	struct batch_list said; /* copies that were published ahead of their batch, until it follows; few */
	struct backoff backoff;
	struct log_limit limit;
	uint64_t link_due_ns; /* when the link, which is down, will be tried again */
	struct text heartbeat;
	uint64_t next_heartbeat_ns, next_trim_ns;
	uint64_t not_before_ns; /* nothing is published earlier: it gathers, or Redis refused */
};

static struct result_stream *self(struct sink *s)
{
	return (struct result_stream *)s;
}

/* ---- replies ---- */

static bool reply_ok(struct result_stream *rs, const struct redis_reply *reply)
{
	enum redis_trouble trouble = reply ? reply_trouble(reply) : TROUBLE_LINK;
	unsigned missed;
	if (trouble == TROUBLE_NONE)
		return true;
	counter_add(&rs->counters->trouble[trouble], 1);
	if (trouble == TROUBLE_LINK)
		return false;
	if (trouble == TROUBLE_NOT_MASTER || trouble == TROUBLE_FORBIDDEN)
		redis_link_drop(rs->link, reply_text(reply, NULL)); /* which says so */
	else if (log_allowed(&rs->limit, 1, &missed))
		log_warnx("redis refused results", LOG_S("reply", reply_text(reply, NULL)),
			  LOG_S("reaction", redis_trouble_row(trouble)->reaction), LOG_UNSAID(missed));
	return false;
}

/* Reads one reply and looks at it and, one level down, at what EXEC returned.  false: refused or no link. */
static bool read_ok(struct result_stream *rs)
{
	struct redis_reply *reply = redis_read(rs->link, 0);
	bool ok = reply_ok(rs, reply);
	for (size_t i = 0; ok && i < reply_count(reply); i++)
		ok = reply_ok(rs, reply_at(reply, i));
	redis_reply_free(reply);
	return ok;
}

/* Asked again while it only waits, the link has not failed again. */
static void count_no_link(struct result_stream *rs, unsigned wait_ms)
{
	uint64_t now = clock_ns();
	if (now >= rs->link_due_ns)
		counter_add(&rs->counters->trouble[redis_link_trouble(rs->link)], 1);
	rs->link_due_ns = now + wait_ms * NS_PER_MS;
}

/* ---- one batch ---- */

static void append_rows(struct result_stream *rs, const struct batch *b)
{
	const struct stream_place *place = rs->config->place;
	char key[STREAM_KEY_MAX];
	size_t len;
	stream_key(key, place->prefix, place->region, job_stream_shard(rs->config->jobs, b), STREAM_RES);
	const void *bytes = result_rows_bytes(rs->rows, &len);
	redis_appendf(rs->link, "XADD %s * v %u n %u slot %llu region %s engine %s b %b", key, STREAM_FORMAT,
		      result_rows_count(rs->rows), (unsigned long long)b->slot_ms, place->region, place->consumer, bytes, len);
	result_rows_reset(rs->rows);
}

/* Whether one more row, of the size of those before, keeps the entry within its best size. */
static bool row_fits(const struct result_rows *rows)
{
	size_t size = result_rows_size(rows);
	return size + size / result_rows_count(rows) <= ENTRY_BYTES_BEST;
}

/* ---- what goes ahead of its batch ---- */

static bool same_entry(const struct batch *a, const struct batch *b)
{
	return a->stream == b->stream && a->id_ms == b->id_ms && a->id_seq == b->id_seq;
}

/* Jobs of a batch that stand in the stream already, a bit each. */
static uint64_t said_before(const struct result_stream *rs, const struct batch *b)
{
	uint64_t mask = 0;
	for (const struct batch *e = b->said ? rs->said.head : NULL; e; e = e->next)
		if (same_entry(e, b))
			mask |= e->said;
	return mask;
}

/* Frees the copies that a list holds of an entry. */
static void forget_copies(struct batch_list *list, const struct batch *b)
{
	struct batch_list kept = { 0 };
	for (struct batch *e; (e = batch_list_take(list));)
		if (e->early && same_entry(e, b))
			batch_free(e);
		else
			batch_list_add(&kept, e);
	*list = kept;
}

/* A copy that its batch has caught up with says nothing any more. */
static bool is_overtaken(const struct result_stream *rs, const struct batch *copy)
{
	for (const struct batch *b = rs->held.head; b; b = b->next)
		if (!b->early && same_entry(b, copy))
			return true;
	return false;
}

/* The rows of a batch but for those that went ahead, in as many entries as it takes.  Returns how many. */
static unsigned append_all_rows(struct result_stream *rs, const struct batch *b, uint64_t left_out)
{
	unsigned entries = 0;
	for (unsigned i = 0; i < b->count; i++) {
		if (i < 64 && left_out >> i & 1)
			continue;
		if (result_rows_count(rs->rows) && !row_fits(rs->rows)) {
			append_rows(rs, b);
			entries++;
		}
		must(result_rows_add(rs->rows, &b->jobs[i], b->blob, b->jobs[i].index, &b->outcomes[i]) == 0);
	}
	if (!result_rows_count(rs->rows))
		return entries;
	append_rows(rs, b);
	return entries + 1;
}

/* ---- publishing ---- */

/* Returns how many replies will come. */
static unsigned append_batch(struct result_stream *rs, const struct batch *b)
{
	char id[STREAM_ID_MAX];
	if (b->early)
		return append_all_rows(rs, b, 0);
	redis_appendf(rs->link, "MULTI");
	unsigned entries = append_all_rows(rs, b, said_before(rs, b));
	stream_id_format(id, b->id_ms, b->id_seq);
	redis_appendf(rs->link, "XACK %s %s %s", job_stream_key(rs->config->jobs, b), STREAM_GROUP_ENGINE, id);
	redis_appendf(rs->link, "EXEC");
	return entries + 3;
}

/* A batch was taken or refused.  A copy that was refused is given up: its batch will say everything. */
static void settle(struct result_stream *rs, struct batch *b, bool taken, struct batch_list *published,
		   struct batch_list *refused)
{
	if (b->early) {
		batch_list_add(taken ? &rs->said : published, b);
		return;
	}
	if (taken) {
		counter_add(&rs->counters->entries, 1);
		counter_add(&rs->counters->published, b->jobs_taken);
		if (b->said)
			forget_copies(&rs->said, b);
	}
	batch_list_add(taken ? published : refused, b);
}

/* Sends up to PIPELINED batches in one round trip; what Redis refused is held again.  true: all of them were taken. */
static bool publish_some(struct result_stream *rs, struct batch_list *published)
{
	struct batch *sent[PIPELINED];
	unsigned replies[PIPELINED], n = 0;
	struct batch_list refused = { 0 };
	while (n < PIPELINED && rs->held.head) {
		sent[n] = batch_list_take(&rs->held);
		if (sent[n]->early && is_overtaken(rs, sent[n])) {
			batch_free(sent[n]);
			continue;
		}
		replies[n] = append_batch(rs, sent[n]);
		n++;
	}
	for (unsigned i = 0; i < n; i++) {
		bool ok = true;
		while (replies[i]-- && redis_link_is_up(rs->link))
			ok = read_ok(rs) && ok;
		ok = ok && redis_link_is_up(rs->link);
		settle(rs, sent[i], ok, published, &refused);
	}
	bool all = !refused.head;
	batch_list_join(&refused, &rs->held); /* the older ones stay in front */
	rs->held = refused;
	return all;
}

/* Without the right to MULTI the XADD and XACK behind it would run bare, so each new connection is asked first. */
static bool may_transact(struct result_stream *rs)
{
	struct redis_reply *refusal;
	if (redis_may_transact(rs->link, &refusal))
		return true;
	reply_ok(rs, refusal);
	redis_reply_free(refusal);
	return false;
}

static void publish(struct result_stream *rs, struct batch_list *published)
{
	if (!may_transact(rs)) {
		rs->not_before_ns = clock_ns() + backoff_next_ms(&rs->backoff) * NS_PER_MS;
		return;
	}
	while (rs->held.head) {
		if (!publish_some(rs, published)) {
			rs->not_before_ns = clock_ns() + backoff_next_ms(&rs->backoff) * NS_PER_MS;
			return;
		}
	}
	backoff_reset(&rs->backoff);
	rs->sink.gathers_until_ns = rs->not_before_ns = clock_ns() + GATHER_NS;
}

/* ---- what is due from time to time ---- */

static void beat(struct result_stream *rs)
{
	const struct stream_place *place = rs->config->place;
	text_reset(&rs->heartbeat);
	rs->config->describe(rs->config->arg, &rs->heartbeat);
	if (!rs->heartbeat.len) {
		rs->next_heartbeat_ns = clock_ns() + START_NS; /* nothing to say yet */
		return;
	}
	for (unsigned i = 0; i < place->shards; i++) {
		char key[STREAM_KEY_MAX];
		heartbeat_key(key, place->prefix, place->region, place->shard[i], place->consumer);
		redis_appendf(rs->link, "SET %s %b PX %u", key, rs->heartbeat.data, rs->heartbeat.len, HEARTBEAT_PX_MS);
	}
	for (unsigned i = 0; i < place->shards && redis_link_is_up(rs->link); i++)
		read_ok(rs);
}

static void trim(struct result_stream *rs)
{
	const struct stream_place *place = rs->config->place;
	for (unsigned i = 0; i < place->shards && redis_link_is_up(rs->link); i++) {
		char key[STREAM_KEY_MAX];
		stream_key(key, place->prefix, place->region, place->shard[i], STREAM_RES);
		stream_trim(rs->link, key, rs->config->keep_ms);
	}
}

static void note_held(struct result_stream *rs)
{
	counter_set(&rs->counters->held, rs->held.batches);
	counter_set(&rs->counters->oldest_held_ns, rs->held.head ? rs->held.head->taken_ns : 0);
	counter_set(&rs->counters->redis_up, redis_link_is_up(rs->link));
	counter_set(&rs->counters->redis_connects, redis_link_connects(rs->link));
}

static unsigned ms_until(uint64_t at_ns)
{
	uint64_t now = clock_ns();
	return at_ns <= now ? 0 : (unsigned)((at_ns - now) / NS_PER_MS) + 1;
}

static unsigned result_stream_put(struct sink *s, struct batch_list *fresh, struct batch_list *published)
{
	struct result_stream *rs = self(s);
	unsigned wait_ms;
	batch_list_join(&rs->held, fresh);
	note_held(rs);
	if (redis_link_up(rs->link, &wait_ms) != 0) {
		count_no_link(rs, wait_ms);
		return wait_ms > MS_PER_S ? MS_PER_S : wait_ms ? wait_ms : 1; /* the link may have more to say */
	}
	if (rs->held.head && !ms_until(rs->not_before_ns))
		publish(rs, published);
	if (redis_link_is_up(rs->link) && is_due(&rs->next_heartbeat_ns, HEARTBEAT_EVERY_NS))
		beat(rs);
	if (redis_link_is_up(rs->link) && is_due(&rs->next_trim_ns, TRIM_EVERY_NS))
		trim(rs);
	note_held(rs);
	return 1 + ms_until(rs->held.head ? rs->not_before_ns : rs->next_heartbeat_ns);
}

static void result_stream_interrupt(struct sink *s)
{
	redis_link_interrupt(self(s)->link);
}

/* ---- life ---- */

struct sink *result_stream_new(const struct result_stream_config *config, struct sink_counters *counters)
{
	char name[96];
	struct result_stream *rs = calloc(1, sizeof(*rs));
	if (!rs)
		return NULL;
	snprintf(name, sizeof(name), "portwatch-engine:%.32s:results", config->place->region);
	rs->sink = (struct sink){ .put = result_stream_put, .interrupt = result_stream_interrupt };
	rs->config = config;
	rs->counters = counters;
	rs->backoff.seed = (uint32_t)clock_ns();
	rs->link = redis_link_new(&config->place->url, name, REPLY_MS);
	rs->rows = result_rows_new();
	if (!rs->link || !rs->rows) {
		result_stream_free(&rs->sink);
		return NULL;
	}
	return &rs->sink;
}

void result_stream_free(struct sink *s)
{
	struct result_stream *rs = self(s);
	for (struct batch *b; (b = batch_list_take(&rs->held)) || (b = batch_list_take(&rs->said));)
		batch_free(b);
	if (rs->link)
		redis_link_free(rs->link);
	if (rs->rows)
		result_rows_free(rs->rows);
	text_free(&rs->heartbeat);
	free(rs);
}
