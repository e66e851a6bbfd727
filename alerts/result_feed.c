/* result_feed.c - see result_feed.h.
 * In: one XREADGROUP over every stream of every shard we hold.  Out: rows, one call each, and acknowledgements.
 * Owns: where each stream stands, and the ids that wait to be acknowledged; the link is borrowed.
 * Why so: one command for all streams, because a blocked reader wakes with the first entry of any of them.  A stream is
 * first asked for what is pending, from 0-0 upwards, and for new entries only when nothing is left there. */
#include "alerts/result_feed.h"

#include "base/log.h"
#include "base/must.h"
#include "wire/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX (SETTINGS_SHARDS_MAX * (REGIONS_MAX + 1))
#define ENTRIES_FEW 8	    /* a stream, first and after a link broke: the reply may have been what broke it */
#define ENTRIES_MANY 256    /* a stream; at 64 rows an entry some 50 ms of deciding */
#define ENTRIES_TOTAL 4096  /* of all streams: 16 MB of entries at their best size, where a reply may have 64 */
#define REPLAY_ENTRIES 500
#define ACK_MAX 500	    /* ids in one XACK */

enum kind { KIND_RESULTS, KIND_QUESTIONS };

struct id {
	uint64_t ms, seq;
};

struct stream {
	char key[STREAM_KEY_MAX];
	enum kind kind;
	unsigned shard, region;
	bool pending; /* asked for what is pending behind `after`; false: for new entries */
	bool held;
	struct id after;
	struct id *given; /* malloc'd array: given out, not acknowledged */
	size_t count, room;
};

struct feed {
	struct redis_link *link;
	const struct feed_sink *sink;
	struct feed_counters *counters;
	char prefix[PREFIX_MAX_LEN + 1];
	uint64_t connects; /* of the link when it was last read */
	unsigned entries;  /* for COUNT */
	struct stream *stream[STREAMS_MAX];
	unsigned streams;
	struct stream *current; /* whose entry is being given out */
	uint64_t current_ms;
	void (*replay)(void *arg, unsigned shard, unsigned region, uint64_t entry_ms, const struct result *r);
	struct id last;
	struct log_limit limit;
};

struct feed *feed_new(struct redis_link *link, const char *prefix, const struct feed_sink *sink,
		      struct feed_counters *counters)
{
	struct feed *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	*f = (struct feed){ .link = link, .sink = sink, .counters = counters, .entries = ENTRIES_FEW };
	snprintf(f->prefix, sizeof(f->prefix), "%s", prefix);
	return f;
}

static void stream_free(struct stream *s)
{
	free(s->given);
	free(s);
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->streams; i++)
		stream_free(f->stream[i]);
	free(f);
}

/* ---- which streams ---- */

static int make_groups(struct feed *f, unsigned shard, const char *const *regions, unsigned count)
{
	char key[STREAM_KEY_MAX];
	alerts_key(key, f->prefix, shard, ALERTS_ASK);
	int made = stream_group_make(f->link, key, FEED_GROUP, "0");
	for (unsigned i = 0; i < count && made >= 0; i++) {
		stream_key(key, f->prefix, regions[i], shard, STREAM_RES);
		made = stream_group_make(f->link, key, FEED_GROUP, "0");
	}
	return made < 0 ? made : 0;
}

static void add_stream(struct feed *f, enum kind kind, unsigned shard, unsigned region, const char *name)
{
	struct stream *s = calloc(1, sizeof(*s));
	must(s && f->streams < STREAMS_MAX);
	*s = (struct stream){ .kind = kind, .shard = shard, .region = region, .pending = true };
	if (kind == KIND_QUESTIONS)
		alerts_key(s->key, f->prefix, shard, ALERTS_ASK);
	else
		stream_key(s->key, f->prefix, name, shard, STREAM_RES);
	f->stream[f->streams++] = s;
}

int feed_take(struct feed *f, unsigned shard, const char *const *regions, unsigned count)
{
	int bad = make_groups(f, shard, regions, count);
	if (bad)
		return bad;
	feed_drop(f, shard);
	add_stream(f, KIND_QUESTIONS, shard, 0, NULL);
	for (unsigned i = 0; i < count; i++)
		add_stream(f, KIND_RESULTS, shard, i, regions[i]);
	return 0;
}

void feed_drop(struct feed *f, unsigned shard)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < f->streams; i++)
		if (f->stream[i]->shard == shard)
			stream_free(f->stream[i]);
		else
			f->stream[kept++] = f->stream[i];
	f->streams = kept;
	f->current = NULL;
}

bool feed_is_open(const struct feed *f)
{
	for (unsigned i = 0; i < f->streams; i++)
		if (!f->stream[i]->held)
			return true;
	return false;
}

void feed_hold_back(struct feed *f, unsigned shard, bool held)
{
	for (unsigned i = 0; i < f->streams; i++)
		if (f->stream[i]->shard == shard)
			f->stream[i]->held = held;
}

/* ---- entries ---- */

static int give_row(void *arg, const struct result *r)
{
	struct feed *f = arg;
	struct stream *s = f->current;
	(f->replay ? f->replay : f->sink->result)(f->sink->arg, s->shard, s->region, f->current_ms, r);
	atomic_fetch_add_explicit(&f->counters->rows, 1, memory_order_relaxed);
	return 0;
}

/* An entry that cannot be read is said and acknowledged: nobody else can read it either. */
static void give_results(struct feed *f, const struct stream_entry *e)
{
	char why[200] = "it has no b";
	unsigned missed;
	size_t len;
	const char *blob = stream_entry_field(e, "b", &len);
	if (blob && result_rows_read(blob, len, give_row, f, why, sizeof(why)) == 0)
		return;
	atomic_fetch_add(&f->counters->unreadable, 1);
	if (log_allowed(&f->limit, 1, &missed))
		log_warnx("results cannot be read", LOG_S("key", e->key), LOG_S("id", e->id_text), LOG_S("why", why),
			  LOG_UNSAID(missed));
}

static void give_question(struct feed *f, const struct stream *s, const struct stream_entry *e)
{
	const char *monitor = stream_entry_field(e, "monitor", NULL), *reply = stream_entry_field(e, "reply", NULL);
	if (monitor && reply)
		f->sink->question(f->sink->arg, s->shard, monitor, reply);
}

static void note_given(struct stream *s, struct id id)
{
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct id *more = realloc(s->given, room * sizeof(*more));
		must_say(more, "no memory for %zu ids", room);
		s->given = more;
		s->room = room;
	}
	s->given[s->count++] = id;
}

static struct stream *find(struct feed *f, const char *key)
{
	if (f->current && strcmp(f->current->key, key) == 0)
		return f->current;
	for (unsigned i = 0; i < f->streams; i++)
		if (strcmp(f->stream[i]->key, key) == 0)
			return f->stream[i];
	return NULL;
}

static void give_entry(void *arg, const struct stream_entry *e)
{
	struct feed *f = arg;
	struct stream *s = find(f, e->key);
	if (!s)
		return;
	f->current = s;
	f->current_ms = e->id_ms;
	s->after = (struct id){ e->id_ms, e->id_seq };
	note_given(s, s->after);
	atomic_fetch_add(&f->counters->entries, 1);
	if (!e->fields)
		atomic_fetch_add(&f->counters->vanished, 1);
	else if (s->kind == KIND_QUESTIONS)
		give_question(f, s, e);
	else
		give_results(f, e);
	if (s->kind == KIND_RESULTS)
		f->sink->entry(f->sink->arg, s->shard, s->region, e->id_ms);
}

/* ---- reading ---- */

/* Everything unacknowledged will come again; what was given out twice changes nothing in a watch. */
static void start_again(struct feed *f)
{
	for (unsigned i = 0; i < f->streams; i++) {
		struct stream *s = f->stream[i];
		s->pending = true;
		s->after = (struct id){ 0 };
		s->count = 0;
	}
	f->entries = ENTRIES_FEW;
	f->connects = redis_link_connects(f->link);
}

struct words {
	const char *word[9 + 2 * STREAMS_MAX];
	size_t len[9 + 2 * STREAMS_MAX];
	char id[STREAMS_MAX][STREAM_ID_MAX];
	int count;
};

static void word(struct words *w, const char *text)
{
	w->word[w->count] = text;
	w->len[w->count++] = strlen(text);
}

/* Returns how many streams are asked. */
static unsigned append_read(struct feed *f, unsigned block_ms)
{
	static struct words w; /* 60 KB; one thread's own, as all of this file */
	char count[16], block[16];
	unsigned asked = 0, most = f->streams ? ENTRIES_TOTAL / f->streams : 1;
	snprintf(count, sizeof(count), "%u", f->entries < most ? f->entries : most > 1 ? most : 1);
	snprintf(block, sizeof(block), "%u", block_ms ? block_ms : 1); /* 0 would be for ever */
	w.count = 0;
	for (const char *const *word_at = (const char *const[]){ "XREADGROUP", "GROUP", FEED_GROUP, FEED_GROUP, "COUNT", count,
								 "BLOCK", block, "STREAMS", NULL }; *word_at; word_at++)
		word(&w, *word_at);
	for (unsigned i = 0; i < f->streams; i++)
		if (!f->stream[i]->held) {
			word(&w, f->stream[i]->key);
			asked++;
		}
	for (unsigned i = 0; i < f->streams; i++) {
		struct stream *s = f->stream[i];
		if (s->held)
			continue;
		stream_id_format(w.id[i], s->after.ms, s->after.seq);
		word(&w, s->pending ? w.id[i] : ">");
	}
	if (asked)
		redis_append(f->link, w.count, w.word, w.len);
	return asked;
}

/* A stream that was asked for its pending entries and gave none has none. */
static void note_history_ends(struct feed *f, const struct redis_reply *reply)
{
	for (size_t i = 0; i < reply_count(reply); i++) {
		const struct redis_reply *pair = reply_at(reply, i);
		struct stream *s = find(f, reply_text(reply_at(pair, 0), NULL));
		if (s && s->pending && reply_count(reply_at(pair, 1)) == 0)
			s->pending = false;
	}
}

/* Somebody removed a group, or its stream: made again, from the first entry on, because a result that is read twice is
 * no harm. */
static void mend_groups(struct feed *f)
{
	for (unsigned i = 0; i < f->streams; i++)
		if (stream_group_make(f->link, f->stream[i]->key, FEED_GROUP, "0") == 0)
			log_warnx("consumer group was gone and is made again", LOG_S("key", f->stream[i]->key));
}

static int read_reply(struct feed *f, struct redis_reply *reply)
{
	char why[200] = "";
	if (!reply)
		return -EIO;
	if (reply_is_error(reply)) {
		if (reply_trouble(reply) == TROUBLE_GROUP_LOST)
			mend_groups(f);
		return -EREMOTEIO;
	}
	f->current = NULL;
	note_history_ends(f, reply);
	int given = stream_read_each(reply, give_entry, f, why, sizeof(why));
	if (given < 0)
		redis_link_drop(f->link, why);
	else if (f->entries < ENTRIES_MANY)
		f->entries *= 2;
	return given;
}

int feed_read(struct feed *f, unsigned block_ms)
{
	if (f->connects != redis_link_connects(f->link))
		start_again(f);
	if (!append_read(f, block_ms))
		return 0;
	struct redis_reply *reply = redis_read(f->link, block_ms);
	int given = read_reply(f, reply);
	redis_reply_free(reply);
	return given;
}

/* ---- acknowledging ---- */

static void append_acks(struct feed *f, struct stream *s, size_t from, size_t count)
{
	const char *word[3 + ACK_MAX] = { "XACK", s->key, FEED_GROUP };
	size_t len[3 + ACK_MAX] = { 4, strlen(s->key), strlen(FEED_GROUP) };
	char id[ACK_MAX][STREAM_ID_MAX];
	for (size_t i = 0; i < count; i++) {
		stream_id_format(id[i], s->given[from + i].ms, s->given[from + i].seq);
		word[3 + i] = id[i];
		len[3 + i] = strlen(id[i]);
	}
	redis_append(f->link, (int)(3 + count), word, len);
}

void feed_acknowledge(struct feed *f, unsigned shard)
{
	unsigned replies = 0;
	if (!redis_link_is_up(f->link) || f->connects != redis_link_connects(f->link))
		return;
	for (unsigned i = 0; i < f->streams; i++) {
		struct stream *s = f->stream[i];
		if (s->shard != shard)
			continue;
		for (size_t from = 0; from < s->count; from += ACK_MAX, replies++)
			append_acks(f, s, from, s->count - from < ACK_MAX ? s->count - from : ACK_MAX);
		s->count = 0;
	}
	while (replies-- && redis_link_is_up(f->link))
		redis_reply_free(redis_read(f->link, 0)); /* an error here means that it comes again, no more */
}

/* ---- replaying ---- */

static void replay_entry(void *arg, const struct stream_entry *e)
{
	struct feed *f = arg;
	f->current_ms = e->id_ms;
	f->last = (struct id){ e->id_ms, e->id_seq };
	if (e->fields)
		give_results(f, e);
}

int feed_replay(struct feed *f, unsigned shard, unsigned region, const char *region_name, uint64_t *cursor_ms, uint64_t *cursor_seq,
		void (*result)(void *arg, unsigned shard, unsigned region, uint64_t entry_ms, const struct result *r))
{
	char why[200];
	struct stream s = { .shard = shard, .region = region };
	stream_key(s.key, f->prefix, region_name, shard, STREAM_RES);
	struct redis_reply *reply = redis_ask(f->link, "XRANGE %s %llu-%llu + COUNT %u", s.key, (unsigned long long)*cursor_ms,
					      (unsigned long long)*cursor_seq, REPLAY_ENTRIES);
	if (!reply || reply_is_error(reply)) {
		int bad = reply ? -EREMOTEIO : -EIO;
		redis_reply_free(reply);
		return bad;
	}
	f->current = &s;
	f->replay = result;
	f->last = (struct id){ *cursor_ms, *cursor_seq };
	int given = stream_entries_each(reply, s.key, replay_entry, f, why, sizeof(why));
	f->replay = NULL;
	f->current = NULL;
	redis_reply_free(reply);
	*cursor_ms = f->last.ms;
	*cursor_seq = f->last.seq + 1;
	return given < 0 ? given : given >= REPLAY_ENTRIES;
}
