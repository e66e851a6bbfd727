/* target_source.c - hands a list of targets to the pipeline, one by one.
 * In: the list, and how much room the pipeline has.  Out: batches of a single job, then SOURCE_ENDED.
 * Owns: the place it has reached.  Why so: the command line is just another user of the engine's stages; what it finds
 * out is found out by the code that runs in production.  A batch is published when its last job has an outcome, and a
 * person wants each result the moment it is known, not when the slowest of 64 has timed out; the price is a small
 * allocation per target. */
#include "cli/target_source.h"

#include "base/clock.h"

#include <string.h>

static void fill_job(struct job *job, const struct target_source *s, const struct target *t)
{
	*job = (struct job){
		.slot_ms = clock_wall_ms(),
		.monitor_at = 0, /* the blob is the host and what is wished of it; nobody reads the monitor here */
		.monitor_len = (uint8_t)t->host_len,
		.host_at = 0,
		.host_len = (uint8_t)t->host_len,
		.family = t->family,
		.close = (uint8_t)s->options.close,
		.port = t->port,
		.settle_ms = (uint16_t)s->options.settle_ms,
		.timeout_ms = (uint16_t)s->options.timeout_ms,
		.expires_ms = JOB_EXPIRES_MAX_MS, /* somebody is waiting for it: late is better than never */
		.ip = (uint8_t)s->options.ip,
		.addresses = (uint8_t)s->options.addresses,
	};
	memcpy(job->address, t->address, sizeof job->address);
}

/* Puts a text behind what is in the blob. */
static void add_text(char *blob, size_t *len, const char *text, uint16_t *at, uint8_t *text_len)
{
	*at = (uint16_t)*len;
	*text_len = text ? (uint8_t)strlen(text) : 0;
	memcpy(blob + *len, text ? text : "", *text_len);
	*len += *text_len;
}

static void fill_tls(struct job *job, const struct tls_wish *wish, char *blob, size_t *len)
{
	job->tls = (struct tls_job){ .wanted = true, .starttls = (uint8_t)wish->starttls, .timeout_ms = (uint16_t)wish->timeout_ms,
				     .warn_s = wish->warn_s, .down_s = wish->down_s };
	add_text(blob, len, wish->server_name, &job->tls.name_at, &job->tls.name_len);
	add_text(blob, len, wish->ca, &job->tls.ca_at, &job->tls.ca_len);
}

/* A batch of the next target; NULL: no memory. */
static struct batch *make_batch(const struct target_source *s)
{
	const struct target *t = &s->targets->items[s->next];
	struct job job;
	char blob[HOST_MAX_LEN + EXPECT_TEXT_MAX + HOST_MAX_LEN + TLS_CA_MAX_LEN];
	size_t len = t->host_len;
	fill_job(&job, s, t);
	memcpy(blob, target_text(s->targets, t) + t->host_from, len);
	if (s->expect_address)
		add_text(blob, &len, s->expect_address, &job.expect_at, &job.expect_len);
	if (s->tls)
		fill_tls(&job, s->tls, blob, &len);
	struct batch *batch = batch_new(&job, 1, blob, len);
	if (batch) {
		batch->id_seq = s->next;
		batch->slot_ms = job.slot_ms;
		batch->taken_ns = clock_ns();
	}
	return batch;
}

static int take(struct source *source, unsigned room, unsigned wait_ms, struct batch_list *into)
{
	struct target_source *s = (struct target_source *)source;
	if (s->next == s->targets->count)
		return SOURCE_ENDED;
	for (; room && s->next < s->targets->count; room--, s->next++) {
		struct batch *batch = make_batch(s);
		if (!batch) {
			const struct timespec pause = { .tv_nsec = (long)((wait_ms < 100 ? wait_ms : 100) * NS_PER_MS) };
			nanosleep(&pause, NULL); /* memory comes back when batches in flight end */
			return 0;
		}
		batch_list_add(into, batch);
	}
	return 0;
}

static void published(struct source *source, struct batch *batch)
{
	(void)source;
	(void)batch;
}

static void interrupt(struct source *source)
{
	(void)source; /* take() never waits for more than a tenth of a second */
}

void target_source_init(struct target_source *s, const struct target_list *targets, const struct job_options *options,
			const char *expect_address)
{
	*s = (struct target_source){
		.source = { .take = take, .published = published, .interrupt = interrupt },
		.targets = targets,
		.options = *options,
		.expect_address = expect_address,
	};
}
