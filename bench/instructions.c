/* instructions.c - the hot pieces of a probe's way, one at a time, so that their instructions can be counted.
 * In: which piece, and how often.  Out: a line "PIECE UNITS": how many jobs, rows, decisions or probes it did.
 * Owns: nothing that outlives it.  Why so: scripts/check-instructions runs it under callgrind, which counts only inside of
 * the functions called measured_...; everything here is the same in every run, so a slower machine counts the same. */
#include "alerts/decide.h"
#include "base/clock.h"
#include "base/must.h"
#include "engine/handshake.h"
#include "engine/probe.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0_MS 1764000000000ull
#define JOBS 64
#define REGIONS 9
#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone)) /* a clone would have another name, and callgrind look for this one */
#endif

/* ---- codecs ---- */

struct codec {
	char name[JOBS][24], host[JOBS][16];
	struct job_text text[JOBS];
	struct job job[JOBS];
	void *blob;
	size_t len;
	struct result_rows *rows;
	uint64_t seen;
};

static void codec_begin(struct codec *c)
{
	char why[200];

	for (int i = 0; i < JOBS; i++) {
		snprintf(c->name[i], sizeof(c->name[i]), "monitor-%07d", i);
		snprintf(c->host[i], sizeof(c->host[i]), "198.18.%d.%d", i, 255 - i);
		c->text[i] = (struct job_text){.monitor = c->name[i], .host = c->host[i], .port = 5432};
	}
	c->blob = job_batch_encode(&job_options_default, c->text, JOBS, &c->len);
	c->rows = result_rows_new();
	must(c->blob && c->rows && job_batch_decode(c->blob, c->len, T0_MS, c->job, why, sizeof(why)) == JOBS);
}

static void codec_end(struct codec *c)
{
	result_rows_free(c->rows);
	free(c->blob);
}

static NOINLINE void measured_job_decode(struct codec *c)
{
	char why[200];

	must(job_batch_decode(c->blob, c->len, T0_MS, c->job, why, sizeof(why)) == JOBS);
}

static NOINLINE void measured_result_write(struct codec *c)
{
	struct outcome o = {.verdict = VERDICT_OPEN, .wall_us = 21000, .rtt_us = 20000, .late_us = 300};
	size_t len;

	result_rows_reset(c->rows);
	for (unsigned i = 0; i < JOBS; i++)
		must(result_rows_add(c->rows, &c->job[i], c->blob, i, &o) == 0);
	c->seen += result_rows_bytes(c->rows, &len) != NULL;
}

static int each_row(void *arg, const struct result *r)
{
	((struct codec *)arg)->seen += r->outcome.rtt_us;
	return 0;
}

static NOINLINE void measured_result_read(struct codec *c)
{
	char why[200];
	size_t len;
	const void *bytes = result_rows_bytes(c->rows, &len);

	must(result_rows_read(bytes, len, each_row, c, why, sizeof(why)) == 0);
}

/* ---- decide ---- */

struct opinions {
	struct region_history region[REGIONS];
	struct decide_in in;
	struct decision decision;
};

/* Nine regions that have looked eight times; of those with a bit in down the newest two say closed. */
static void opinions_begin(struct opinions *o, unsigned down)
{
	static const uint8_t address[16] = {[10] = 255, 255, 198, 18, 0, 1};

	for (unsigned r = 0; r < REGIONS; r++)
		for (unsigned i = 0; i < HISTORY_LOOKS; i++) {
			const bool closed = (down >> r & 1) && i + 2 >= HISTORY_LOOKS;
			struct look l = {.key = look_key(T0_MS + 60000ull * i + 6000ull * r, 0), .rtt_us = closed ? 0 : 20000,
					 .verdict = closed ? VERDICT_CLOSED : VERDICT_OPEN};
			history_add(&o->region[r], &l, address);
		}
	o->in = (struct decide_in){.interval_ms = 60000, .slow_ms = 500, .regions = REGIONS, .region = o->region,
				   .now_ms = T0_MS + 60000ull * HISTORY_LOOKS};
}

static NOINLINE void measured_decide(struct opinions *o)
{
	decide(&o->in, &o->decision);
}

/* ---- slots: a real socket behind a connector that only does what it is told ---- */

struct slots {
	struct connector connector;
	struct local_addresses from;
	struct socket_pool pool;
	struct lane_counters counters;
	struct probes probes;
	struct batch *batch;
	int listener, fd;
	uint32_t slot;
};

static int told_adopt(struct connector *c, int fd)
{
	(void)c;
	(void)fd;
	return 0;
}

static void told_connect(struct connector *c, uint32_t slot, int fd, const struct sockaddr *to, socklen_t to_len, uint64_t timeout_ns)
{
	struct slots *s = (struct slots *)c;

	(void)timeout_ns;
	s->fd = fd;
	s->slot = slot;
	(void)!connect(fd, to, to_len);
}

static void told_watch(struct connector *c, uint32_t slot, int fd, bool connecting, uint64_t timeout_ns)
{
	(void)c, (void)slot, (void)fd, (void)connecting, (void)timeout_ns;
	must(!"an open port with nothing to settle is not watched");
}

static const struct connector_ops told = {.name = "told", .socket_flags = SOCK_NONBLOCK, .adopt = told_adopt, .connect = told_connect, .watch = told_watch};

static void told_done(void *arg, struct batch *b)
{
	(void)arg;
	b->open--;
}

static void slots_begin(struct slots *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	char text[] = "monitor127.0.0.1";
	struct job job = {.slot_ms = T0_MS, .monitor_len = 7, .host_at = 7, .host_len = 9, .timeout_ms = 3200, .expires_ms = UINT32_MAX};

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(s->listener >= 0 && bind(s->listener, (struct sockaddr *)&at, len) == 0 && listen(s->listener, 64) == 0);
	must(getsockname(s->listener, (struct sockaddr *)&at, &len) == 0 && job_set_literal(&job, "127.0.0.1", 9));
	job.port = ntohs(at.sin_port);
	s->connector = (struct connector){.ops = &told, .slots = JOBS};
	socket_pool_init(&s->pool, &s->connector, &s->from, JOBS);
	s->batch = batch_new(&job, 1, text, sizeof(text) - 1);
	must(s->batch && probes_init(&s->probes, JOBS) == 0);
	s->probes.connector = &s->connector;
	s->probes.pool = &s->pool;
	s->probes.counters = &s->counters;
	s->probes.job_done = told_done;
	s->probes.coalesce = true;
}

static void slots_end(struct slots *s)
{
	socket_pool_free(&s->pool);
	probes_free(&s->probes);
	batch_free(s->batch);
	close(s->listener);
}

static NOINLINE void measured_slot_start(struct slots *s)
{
	probe_start(&s->probes, s->batch, 0);
}

static NOINLINE void measured_slot_answered(struct slots *s)
{
	probe_answered(&s->probes, s->slot, 0);
}

static void slot_once(struct slots *s)
{
	struct pollfd end = {.events = POLLOUT};

	s->batch->started = s->batch->open = 0;
	s->batch->outcomes[0] = (struct outcome){0};
	measured_slot_start(s);
	end.fd = s->fd;
	must(poll(&end, 1, 10000) == 1);
	close(accept(s->listener, NULL, NULL));
	measured_slot_answered(s);
	must_say(s->batch->outcomes[0].verdict == VERDICT_OPEN, "verdict %d", s->batch->outcomes[0].verdict);
}

/* ---- which ---- */

int main(int argc, char **argv)
{
	static struct codec codec;
	static struct opinions opinions;
	static struct slots slots;
	const char *piece = argc == 3 ? argv[1] : "";
	const unsigned long times = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long units = times;

	codec_begin(&codec);
	slots_begin(&slots);
	opinions_begin(&opinions, strcmp(piece, "decide-down") == 0 ? 0x1f : 0);
	measured_result_write(&codec); /* what result-read reads; and memory grows once, before it is counted */
	slot_once(&slots);
	printf("begin\n");
	for (unsigned long i = 0; i < times; i++) {
		if (strcmp(piece, "job-decode") == 0)
			measured_job_decode(&codec);
		else if (strcmp(piece, "result-write") == 0)
			measured_result_write(&codec);
		else if (strcmp(piece, "result-read") == 0)
			measured_result_read(&codec);
		else if (strncmp(piece, "decide", 6) == 0)
			measured_decide(&opinions);
		else if (strcmp(piece, "slot") == 0)
			slot_once(&slots);
		else
			units = 0;
	}
	if (strstr("job-decode result-write result-read", piece))
		units *= JOBS;
	slots_end(&slots);
	codec_end(&codec);
	if (!units) {
		fprintf(stderr, "usage: instructions job-decode|result-write|result-read|decide-up|decide-down|slot TIMES\n");
		return 3;
	}
	printf("%s %lu\n", piece, units);
	return opinions.decision.down != (strcmp(piece, "decide-down") == 0);
}
