/* job_entry.c - one stream entry becomes a batch, or goes to the dead-letter stream.
 * In: an entry as Redis gave it, from a read or a claim.  Out: a batch in the list of the current take(), and in the list of
 * what is in flight.
 * A blob that is not a batch goes whole to the dead-letter stream with the reason; one bad job in a batch is only that
 * job's trouble. */
#include "engine/job_stream_self.h"

#include "base/clock.h"
#include "base/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is in flight ---- */

static void in_flight_add(struct job_stream *js, struct batch *b)
{
	pthread_mutex_lock(&js->lock);
	b->older = js->newest;
	b->newer = NULL;
	if (js->newest)
		js->newest->newer = b;
	else
		js->oldest = b;
	js->newest = b;
	counter_set(&js->counters->oldest_ns, js->oldest->taken_ns);
	pthread_mutex_unlock(&js->lock);
}

void job_stream_published(struct source *s, struct batch *b)
{
	struct job_stream *js = (struct job_stream *)s;
	pthread_mutex_lock(&js->lock);
	if (b->older)
		b->older->newer = b->newer;
	else
		js->oldest = b->newer;
	if (b->newer)
		b->newer->older = b->older;
	else
		js->newest = b->older;
	if (js->stream[b->stream].acked_ms < b->id_ms)
		js->stream[b->stream].acked_ms = b->id_ms;
	counter_set(&js->counters->oldest_ns, js->oldest ? js->oldest->taken_ns : 0);
	pthread_mutex_unlock(&js->lock);
}

/* ---- one entry ---- */

static unsigned stream_index(struct job_stream *js, const char *key)
{
	for (unsigned i = 0; i < js->count; i++)
		if (!strcmp(js->stream[i].key, key))
			return i;
	return js->reading;
}

bool job_stream_holds(struct job_stream *js, const struct stream_entry *e)
{
	unsigned stream = e->key[0] ? stream_index(js, e->key) : js->reading;
	bool found = false;
	pthread_mutex_lock(&js->lock);
	for (struct batch *b = js->oldest; b && !found; b = b->newer)
		found = b->stream == stream && b->id_ms == e->id_ms && b->id_seq == e->id_seq;
	pthread_mutex_unlock(&js->lock);
	return found;
}

/* The entry's slot: its field, or the time in its id.  false: why says what is wrong with it. */
static bool entry_slot_ms(const struct stream_entry *e, uint64_t *slot_ms, char *why, size_t why_len)
{
	size_t len;
	const char *text = stream_entry_field(e, "slot", &len);
	*slot_ms = e->id_ms;
	if (text) {
		bool digits = len > 0 && len < 19 && strspn(text, "0123456789") == len;
		*slot_ms = digits ? strtoull(text, NULL, 10) : UINT64_MAX;
	}
	if (*slot_ms <= SLOT_LAST_MS)
		return true;
	snprintf(why, why_len, "%s \"%.32s\" is not a time in ms since 1970 up to the year 9999", text ? "field slot" : "the id",
		 text ? text : e->id_text);
	return false;
}

static void fill_settle(const struct job_stream *js, struct job *job)
{
	if (job->settle_ms == JOB_SETTLE_UNSET)
		job->settle_ms = (uint16_t)js->settle_ms;
}

static void remember_longest(struct job_stream *js, const struct job *job)
{
	unsigned ms = job->timeout_ms + (job->settle_ms == JOB_SETTLE_AUTO ? JOB_SETTLE_AUTO_MAX_MS : job->settle_ms);
	if (job->tls.wanted)
		ms = job->timeout_ms + job->tls.timeout_ms;
	if (!job->bad && ms > js->longest_ms)
		js->longest_ms = ms;
}

static struct batch *batch_of_entry(struct job_stream *js, const struct stream_entry *e, char *why, size_t why_len)
{
	struct job jobs[ENTRY_JOBS_MAX];
	size_t len, version_len;
	const char *version = stream_entry_field(e, "v", &version_len), *blob = stream_entry_field(e, "b", &len);
	if (!version || version_len != 1 || version[0] != '0' + STREAM_FORMAT) {
		snprintf(why, why_len, "field v is \"%.16s\", this engine reads format %d", version ? version : "", STREAM_FORMAT);
		return NULL;
	}
	if (!blob) {
		snprintf(why, why_len, "field b (the jobs) is missing");
		return NULL;
	}
	uint64_t slot;
	if (!entry_slot_ms(e, &slot, why, why_len))
		return NULL;
	int count = job_batch_decode(blob, len, slot, jobs, why, why_len);
	must_say(count != -ENOMEM, "no memory to read a batch of %zu bytes", len);
	if (count < 0)
		return NULL;
	for (int i = 0; i < count; i++) {
		fill_settle(js, &jobs[i]);
		remember_longest(js, &jobs[i]);
	}
	struct batch *b = batch_new(jobs, (unsigned)count, blob, len);
	must_say(b, "no memory for a batch of %d jobs", count);
	b->slot_ms = slot;
	return b;
}

void job_stream_entry(void *arg, const struct stream_entry *e)
{
	struct job_stream *js = arg;
	char why[256];
	unsigned stream = e->key[0] ? stream_index(js, e->key) : js->reading;
	if (!e->fields) {
		counter_add(&js->counters->vanished, 1); /* trimmed while pending; its slots are MISSED */
		return;
	}
	struct batch *b = batch_of_entry(js, e, why, sizeof(why));
	if (!b) {
		js->reading = stream;
		if (job_stream_bury(js, e, why))
			counter_add(&js->counters->bad_entries, 1);
		return;
	}
	b->id_ms = e->id_ms;
	b->id_seq = e->id_seq;
	b->stream = (uint16_t)stream;
	b->hot = js->stream[stream].hot;
	b->taken_ns = b->leased_ns = clock_ns();
	in_flight_add(js, b);
	batch_list_add(js->into, b);
	counter_add(&js->counters->entries, 1);
	counter_add(&js->counters->taken, b->jobs_taken);
}

/* The replies of MULTI; XADD dlq; XACK; EXEC: true when all of it stands. */
static bool buried(struct job_stream *js)
{
	bool ok = true;
	for (int i = 0; i < 4; i++) {
		struct redis_reply *reply = redis_read(js->link, 0);
		bool broken = !reply;
		ok = job_stream_reply_ok(js, reply, "dlq") && ok;
		for (size_t k = 0; k < reply_count(reply); k++)
			ok = job_stream_reply_ok(js, reply_at(reply, k), "dlq") && ok;
		redis_reply_free(reply);
		if (broken)
			return false;
	}
	return ok;
}

static bool may_transact(struct job_stream *js)
{
	struct redis_reply *refusal;
	if (redis_may_transact(js->link, &refusal))
		return true;
	job_stream_reply_ok(js, refusal, "dlq");
	redis_reply_free(refusal);
	return false;
}

/* MULTI; XADD dlq; XACK; EXEC.  If it fails the entry stays pending and will be claimed and judged again. */
bool job_stream_bury(struct job_stream *js, const struct stream_entry *e, const char *why)
{
	struct job_stream_one *stream = &js->stream[js->reading];
	const char *const first[] = { "XADD", stream->dlq, "*", "why", why, "stream", stream->key, "id", e->id_text };
	size_t n = ARRAY_LEN(first), fields = reply_count(e->fields) / 2 * 2; /* pairs */
	unsigned missed;
	if (!may_transact(js))
		return false;
	const char **argv = malloc((n + fields) * sizeof(*argv));
	size_t *len = malloc((n + fields) * sizeof(*len));
	must_say(argv && len, "no memory for an entry of %zu fields", fields / 2);
	for (size_t i = 0; i < n; i++)
		len[i] = strlen(argv[i] = first[i]);
	for (size_t i = 0; i < fields; i++, n++)
		argv[n] = reply_text(reply_at(e->fields, i), &len[n]);
	redis_appendf(js->link, "MULTI");
	redis_append(js->link, (int)n, argv, len);
	free(argv);
	free(len);
	redis_appendf(js->link, "XACK %s %s %s", stream->key, STREAM_GROUP_ENGINE, e->id_text);
	redis_appendf(js->link, "EXEC");
	if (!buried(js))
		return false;
	if (log_allowed(&js->limit, 2, &missed))
		log_warnx("entry to dlq", LOG_S("stream", stream->key), LOG_S("id", e->id_text), LOG_S("why", why),
			  LOG_UNSAID(missed));
	return true;
}
