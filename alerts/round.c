/* round.c - see round.h.
 * In: who is to be looked at, from where.  Out: entries of up to 64 jobs.  Owns: what was gathered.
 * Why so: when a data centre goes, thousands of monitors ask for the same round within one pass; sorted by what an entry
 * holds in common they leave as a few entries a region and one round trip. */
#include "alerts/round.h"

#include "base/log.h"
#include "base/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JOB_BYTES 48 /* of msgpack around monitor, host and an expected address */
#define JOB_TEXTS 5
#define OTHER_BYTES 17 /* around each of the others */

void rounds_free(struct rounds *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->job[i].text);
	free(r->job);
	*r = (struct rounds){ 0 };
}

static struct round_job *next_job(struct rounds *r)
{
	if (r->count == r->room) {
		size_t room = r->room ? r->room * 2 : 64;
		struct round_job *more = realloc(r->job, room * sizeof(*more));
		must_say(more, "no memory for %zu probes", room);
		r->job = more;
		r->room = room;
	}
	return &r->job[r->count++];
}

/* Fills text, and the texts of wish that lie in it. */
static void copy_texts(const struct monitor *m, struct round_job *job)
{
	const char *const part[JOB_TEXTS] = { m->name, m->host, m->expect_address, m->expect_answer, m->resolver };
	const char *const given[] = { m->wish.server_name, m->wish.ca };
	const char **const into[] = { &job->wish.server_name, &job->wish.ca };
	size_t len = 0;
	for (unsigned i = 0; i < JOB_TEXTS; i++)
		len += (part[i] ? strlen(part[i]) : 0) + 1;
	for (unsigned i = 0; i < ARRAY_LEN(given); i++)
		len += given[i] ? strlen(given[i]) + 1 : 0;
	char *at = job->text = malloc(len);
	must(at);
	for (unsigned i = 0; i < JOB_TEXTS; i++)
		at = stpcpy(at, part[i] ? part[i] : "") + 1;
	for (unsigned i = 0; i < ARRAY_LEN(given); i++)
		if (given[i]) {
			*into[i] = at;
			at = stpcpy(at, given[i]) + 1;
		}
}

void rounds_add(struct rounds *r, unsigned shard, const struct monitor *m, uint16_t regions, uint64_t slot_ms, unsigned attempt)
{
	for (unsigned i = 0; i < REGIONS_MAX; i++)
		if (regions >> i & 1) {
			struct round_job *job = next_job(r);
			*job = (struct round_job){ .shard = shard, .region = i, .slot_ms = slot_ms, .attempt = attempt,
							   .timeout_ms = m->timeout_ms, .settle_ms = m->settle_ms, .port = m->port,
							   .close = m->close, .ip = m->ip, .addresses = m->addresses, .type = m->type, .record = m->record,
							   .tls = m->tls, .wish = m->wish };
			copy_texts(m, job);
		}
}

/* By what all jobs of an entry must share. */
static int compare(const void *left, const void *right)
{
	const struct round_job *a = left, *b = right;
#define DIFFER(field) \
	if (a->field != b->field) \
		return a->field < b->field ? -1 : 1
	DIFFER(shard);
	DIFFER(region);
	DIFFER(slot_ms);
	DIFFER(attempt);
	DIFFER(timeout_ms);
	DIFFER(settle_ms);
	DIFFER(close);
	DIFFER(tls); /* an entry is answered when its slowest job is */
	DIFFER(ip);
	DIFFER(addresses);
	DIFFER(type);
	DIFFER(record);
#undef DIFFER
	return 0;
}

static const char *text_behind(const char *text)
{
	return text + strlen(text) + 1;
}

/* How many jobs from `from` on make one entry. */
static unsigned fit(const struct rounds *r, size_t from)
{
	unsigned n = 0;
	size_t bytes = 64;
	while (from + n < r->count && n < ENTRY_JOBS_MAX && compare(&r->job[from], &r->job[from + n]) == 0) {
		const struct round_job *job = &r->job[from + n];
		const char *text = job->text;
		bytes += JOB_BYTES + tls_wish_bytes(job->tls ? &job->wish : NULL);
		for (unsigned part = 0; part < JOB_TEXTS; part++, text = text_behind(text))
			bytes += strlen(text) + (part > 2 && *text ? OTHER_BYTES : 0);
		if (n && bytes > ENTRY_BYTES_BEST)
			break;
		n++;
	}
	return n;
}

static void append_entry(const struct round_job *job, unsigned n, struct redis_link *link, const char *prefix, const char *region)
{
	struct job_text text[ENTRY_JOBS_MAX];
	struct job_options options = job_options_default;
	char key[STREAM_KEY_MAX];
	size_t len;
	options.timeout_ms = job->timeout_ms;
	options.expires_ms = ROUND_EXPIRES_MS;
	options.attempt = job->attempt;
	options.close = job->close;
	options.settle_ms = job->settle_ms;
	options.ip = job->ip;
	options.addresses = job->addresses;
	options.type = job->type;
	options.record = job->record;
	for (unsigned i = 0; i < n; i++) {
		const char *host = text_behind(job[i].text), *expected = text_behind(host), *answer = text_behind(expected);
		text[i] = (struct job_text){ .monitor = job[i].text, .host = host, .port = job[i].port, .expect_address = expected,
					     .expect_answer = answer, .resolver = text_behind(answer),
					     .tls = job[i].tls ? &job[i].wish : NULL };
	}
	void *blob = job_batch_encode(&options, text, n, &len);
	must_say(blob, "no memory for %u jobs", n);
	stream_key(key, prefix, region, job->shard, STREAM_HOT);
	redis_appendf(link, "XADD %s * v %u n %u slot %llu b %b", key, STREAM_FORMAT, n, (unsigned long long)job->slot_ms, blob, len);
	free(blob);
}

int rounds_send(struct rounds *r, struct redis_link *link, const char *prefix, const char *const *region)
{
	unsigned entries = 0;
	int bad = 0;
	if (r->count == 0)
		return 0;
	qsort(r->job, r->count, sizeof(*r->job), compare);
	for (size_t from = 0, n; from < r->count; from += n, entries++) {
		n = fit(r, from);
		append_entry(&r->job[from], (unsigned)n, link, prefix, region[r->job[from].region]);
	}
	for (unsigned i = 0; i < entries; i++) {
		struct redis_reply *reply = redis_read(link, 0);
		if (!reply || reply_is_error(reply))
			bad = reply ? -EREMOTEIO : -EIO;
		redis_reply_free(reply);
	}
	if (bad)
		log_warnx("a confirm round was not sent", LOG_S("why", redis_link_error(link)), LOG_U("jobs", r->count));
	else
		r->sent += r->count;
	for (size_t i = 0; i < r->count; i++)
		free(r->job[i].text);
	r->count = 0;
	return bad;
}
