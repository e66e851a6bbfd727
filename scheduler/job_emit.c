/* job_emit.c - see job_emit.h. */
#include "scheduler/job_emit.h"

#include "base/log.h"
#include "base/must.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define OPEN_MAX 256 /* batches filled side by side; with more, the fullest leaves early */

/* A batch that is being filled: one place, one class. */
struct open_batch {
	uint32_t place, class, jobs, len;
	const struct job_options *options;
	uint8_t bytes[ENTRY_BYTES_BEST];
};

struct entry {
	uint32_t place, order, jobs;
	size_t at, len; /* in blobs */
};

struct job_emit {
	uint64_t tick_ms;
	struct emit_place *place;
	unsigned places, room;
	struct open_batch *open[OPEN_MAX];
	unsigned opened;
	struct text blobs;
	struct entry *entry;
	uint32_t entries, entries_room;
	bool failed;
	struct log_limit said;
};

struct job_emit *job_emit_new(void)
{
	return calloc(1, sizeof(struct job_emit));
}

void job_emit_free(struct job_emit *e)
{
	if (!e)
		return;
	for (unsigned i = 0; i < OPEN_MAX; i++)
		free(e->open[i]);
	text_free(&e->blobs);
	free(e->entry);
	free(e->place);
	free(e);
}

bool job_emit_begin(struct job_emit *e, unsigned places, uint64_t tick_ms)
{
	if (places > e->room) {
		free(e->place);
		e->place = malloc(places * sizeof(*e->place));
		e->room = e->place ? places : 0;
		if (!e->place)
			return false;
	}
	e->places = places;
	e->tick_ms = tick_ms;
	e->opened = e->entries = 0;
	e->failed = false;
	text_reset(&e->blobs);
	if (places)
		memset(e->place, 0, places * sizeof(*e->place));
	return true;
}

/* ---- filling ---- */

static bool entry_room(struct job_emit *e)
{
	if (e->entries < e->entries_room)
		return true;
	uint32_t room = e->entries_room ? e->entries_room * 2 : 64;
	struct entry *entry = realloc(e->entry, room * sizeof(*entry));
	if (!entry)
		return false;
	e->entry = entry;
	e->entries_room = room;
	return true;
}

static void close_batch(struct job_emit *e, struct open_batch *b)
{
	uint8_t head[JOB_HEAD_MAX];
	if (!entry_room(e)) {
		e->failed = true;
		return;
	}
	size_t head_len = job_batch_head(b->options, b->jobs, head);
	e->entry[e->entries] = (struct entry){ b->place, e->entries, b->jobs, e->blobs.len, head_len + b->len };
	e->entries++;
	e->place[b->place].jobs += b->jobs;
	e->place[b->place].entries++;
	text_add_bytes(&e->blobs, head, head_len);
	text_add_bytes(&e->blobs, b->bytes, b->len);
	b->jobs = b->len = 0;
}

/* The batch of a place and class; the last one used comes first, because neighbours mostly share it. */
static struct open_batch *batch_of(struct job_emit *e, unsigned place, unsigned class)
{
	for (unsigned i = 0; i < e->opened; i++) {
		struct open_batch *b = e->open[i];
		if (b->place != place || b->class != class)
			continue;
		e->open[i] = e->open[0];
		return e->open[0] = b;
	}
	unsigned at = e->opened < OPEN_MAX ? e->opened++ : OPEN_MAX - 1;
	if (!e->open[at] && !(e->open[at] = calloc(1, sizeof(struct open_batch)))) {
		e->opened--;
		return NULL;
	}
	if (at == OPEN_MAX - 1 && e->open[at]->jobs)
		close_batch(e, e->open[at]);
	e->open[at]->place = place;
	e->open[at]->class = class;
	e->open[at]->jobs = e->open[at]->len = 0;
	return e->open[at];
}

void job_emit_add(struct job_emit *e, unsigned place, unsigned class, const struct job_options *options,
		  const uint8_t *job, size_t len)
{
	struct open_batch *b = batch_of(e, place, class);
	must(place < e->places && len <= JOB_BYTES_MAX);
	if (!b) {
		e->failed = true;
		return;
	}
	b->options = options;
	if (b->jobs == ENTRY_JOBS_MAX || b->len + len + JOB_HEAD_MAX > ENTRY_BYTES_BEST)
		close_batch(e, b);
	memcpy(b->bytes + b->len, job, len);
	b->len += (uint32_t)len;
	b->jobs++;
}

/* By stream, and within a stream as they were closed. */
static int by_place(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

bool job_emit_end(struct job_emit *e)
{
	for (unsigned i = 0; i < e->opened; i++)
		if (e->open[i]->jobs)
			close_batch(e, e->open[i]);
	e->opened = 0;
	if (e->entries)
		qsort(e->entry, e->entries, sizeof(*e->entry), by_place);
	return !e->failed && !e->blobs.failed;
}

uint32_t job_emit_entries(const struct job_emit *e)
{
	return e->entries;
}

const struct emit_place *job_emit_outcome(const struct job_emit *e, unsigned place)
{
	return &e->place[place];
}

const void *job_emit_blob(const struct job_emit *e, uint32_t i, size_t *len, unsigned *place, unsigned *jobs)
{
	*len = e->entry[i].len;
	*place = e->entry[i].place;
	*jobs = e->entry[i].jobs;
	return e->blobs.data + e->entry[i].at;
}

/* ---- sending ---- */

static void append_word(struct redis_link *link, const char *word)
{
	size_t len = strlen(word);
	redis_append(link, 1, &word, &len);
}

static void append_entry(struct redis_link *link, const char *key, uint64_t tick_ms, uint32_t batch,
			 const struct entry *e, const char *blob)
{
	char id[48], n[12], slot[24];
	const char *word[] = { "XADD", key, id, "v", "1", "n", n, "slot", slot, "b", blob };
	size_t len[] = { 4, strlen(key), 0, 1, 1, 1, 0, 4, 0, 1, e->len };
	len[2] = (size_t)snprintf(id, sizeof(id), "%" PRIu64 "-%u", tick_ms, batch);
	len[6] = (size_t)snprintf(n, sizeof(n), "%u", e->jobs);
	len[8] = (size_t)snprintf(slot, sizeof(slot), "%" PRIu64, tick_ms);
	_Static_assert(sizeof(word) / sizeof(*word) == sizeof(len) / sizeof(*len), "a length for each word");
	redis_append(link, ARRAY_LEN(word), word, len);
}

static bool is_there(const struct redis_reply *reply)
{
	return reply_is_error(reply) && strstr(reply_text(reply, NULL), "equal or smaller") != NULL;
}

/* What an error other than "equal or smaller" means for the jobs. */
static enum emitted outcome_of_trouble(enum redis_trouble trouble)
{
	return trouble == TROUBLE_FULL ? EMIT_FULL : trouble == TROUBLE_OTHER ? EMIT_REFUSED : EMIT_LATER;
}

/* queued: the first error in answer to a queued command, NULL if there was none; EXEC's own then says less. */
static enum emitted outcome_of(struct job_emit *e, const struct redis_reply *exec, const struct redis_reply *queued,
			       const char *key)
{
	enum emitted outcome = EMIT_ACCEPTED;
	const struct redis_reply *error = queued ? queued : reply_is_error(exec) ? exec : NULL;
	unsigned missed;
	for (size_t i = 0; i < reply_count(exec) && !error; i++)
		if (is_there(reply_at(exec, i)))
			outcome = EMIT_THERE;
		else if (reply_is_error(reply_at(exec, i)))
			error = reply_at(exec, i);
	if (error)
		outcome = outcome_of_trouble(reply_trouble(error));
	if (error && outcome != EMIT_FULL && log_allowed(&e->said, 1, &missed))
		log_warnx("Redis refuses jobs", LOG_S("stream", key), LOG_S("why", reply_text(error, NULL)),
			  LOG_UNSAID(missed));
	return outcome;
}

/* The answers to MULTI, each XADD (QUEUED) and EXEC. */
static int read_place(struct job_emit *e, struct redis_link *link, unsigned place, const char *key)
{
	struct redis_reply *queued = NULL, *reply = NULL;
	for (uint32_t i = 0; i < e->place[place].entries + 1; i++) {
		reply = redis_read(link, 0);
		if (reply_is_error(reply) && !queued)
			queued = reply;
		else
			redis_reply_free(reply);
		if (!reply)
			break;
	}
	struct redis_reply *exec = reply ? redis_read(link, 0) : NULL;
	if (exec)
		e->place[place].outcome = outcome_of(e, exec, queued, key);
	int bad = exec ? 0 : -EIO;
	redis_reply_free(queued);
	redis_reply_free(exec);
	return bad;
}

/* What cannot be now makes the link wait as its trouble asks for. */
static int later(const struct job_emit *e, struct redis_link *link)
{
	for (unsigned p = 0; p < e->places; p++)
		if (e->place[p].outcome == EMIT_LATER) {
			redis_link_drop(link, redis_link_error(link));
			return -EIO;
		}
	return 0;
}

int job_emit_send(struct job_emit *e, const struct places *places, struct redis_link *link)
{
	uint32_t batch = 0;
	must(e->places == places->count);
	if (!redis_link_is_up(link))
		return -EIO;
	for (uint32_t i = 0; i < e->entries; i++) {
		const struct entry *one = &e->entry[i];
		const char *key = places->place[one->place].jobs;
		bool first = i == 0 || e->entry[i - 1].place != one->place;
		if (first)
			append_word(link, "MULTI");
		batch = first ? 0 : batch + 1;
		append_entry(link, key, e->tick_ms, batch, one, e->blobs.data + one->at);
		if (i + 1 == e->entries || e->entry[i + 1].place != one->place)
			append_word(link, "EXEC");
	}
	int bad = 0;
	for (unsigned p = 0; p < e->places && !bad; p++)
		if (e->place[p].entries)
			bad = read_place(e, link, p, places->place[p].jobs);
	return bad ? bad : later(e, link);
}
