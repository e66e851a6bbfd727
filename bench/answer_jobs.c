/* answer_jobs.c - an engine that probes nothing: reads jobs of several regions and publishes each as open, as cheaply
 * as Redis allows, so that a bench of the scheduler has results to count.
 * Usage: answer-jobs REDIS-URL REGION...; runs until SIGTERM; prints how many jobs it answered. */
#include "base/clock.h"
#include "base/must.h"
#include "base/wait.h"
#include "wire/monitor.h"
#include "wire/result.h"
#include "wire/stream_reader.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

#define KEEP_MS 100000 /* results: what a scheduler that takes over wants to see again */

static struct redis_link *redis;
static struct result_rows *rows;
static char **region;
static unsigned regions, pending;
static uint64_t jobs_total;
static volatile sig_atomic_t ends;

static void on_term(int sig)
{
	(void)sig;
	ends = 1;
}

static void key_of(char *key, unsigned r, enum stream_kind kind)
{
	stream_key(key, STREAM_PREFIX, region[r], 0, kind);
}

/* "pw:{eu.0}:jobs" -> index of eu */
static unsigned region_of(const char *key)
{
	for (unsigned r = 0; r < regions; r++) {
		char mine[STREAM_KEY_MAX];
		key_of(mine, r, STREAM_JOBS);
		if (strcmp(mine, key) == 0)
			return r;
	}
	must(!"a region");
}

static void answer(void *arg, const struct stream_entry *e)
{
	struct job jobs[ENTRY_JOBS_MAX];
	char why[200], res[STREAM_KEY_MAX];
	size_t len, bytes;
	const char *blob = stream_entry_field(e, "b", &len);
	unsigned r = region_of(e->key);
	int count = job_batch_decode(blob, len, e->id_ms, jobs, why, sizeof(why));
	struct outcome open = { .verdict = VERDICT_OPEN, .rtt_us = 12345, .wall_us = 12400, .late_us = 900 };
	(void)arg;
	must_say(count > 0, "%s", why);
	result_rows_reset(rows);
	for (int i = 0; i < count; i++)
		must(result_rows_add(rows, &jobs[i], blob, (unsigned)i, &open) == 0);
	const void *b = result_rows_bytes(rows, &bytes);
	key_of(res, r, STREAM_RES);
	redis_appendf(redis, "MULTI");
	redis_appendf(redis, "XADD %s * v 1 n %u slot %llu region %s engine fake b %b", res, (unsigned)count,
		      (unsigned long long)e->id_ms, region[r], b, bytes);
	redis_appendf(redis, "XACK %s engine %s", e->key, e->id_text);
	redis_appendf(redis, "EXEC");
	pending += 4;
	jobs_total += (uint64_t)count;
}

static void read_pending(void)
{
	for (; pending; pending--)
		redis_reply_free(redis_read(redis, 0));
}

static void keep_house(void)
{
	unsigned long long old = clock_wall_ms() - KEEP_MS;
	for (unsigned r = 0; r < regions; r++) {
		char key[STREAM_KEY_MAX];
		key_of(key, r, STREAM_JOBS);
		stream_trim(redis, key, 0);
		key_of(key, r, STREAM_RES);
		redis_reply_free(redis_ask(redis, "XTRIM %s MINID ~ %llu LIMIT 10000", key, old));
		heartbeat_key(key, STREAM_PREFIX, region[r], 0, "fake");
		redis_reply_free(redis_ask(redis, "SET %s at PX 15000", key));
	}
}

static void read_jobs(void)
{
	const char *word[9 + 2 * REGIONS_MAX] = { "XREADGROUP", "GROUP", "engine", "fake", "COUNT", "50",
						  "BLOCK", "100", "STREAMS" };
	char key[REGIONS_MAX][STREAM_KEY_MAX], why[200];
	size_t len[9 + 2 * REGIONS_MAX];
	for (unsigned r = 0; r < regions; r++) {
		key_of(key[r], r, STREAM_JOBS);
		word[9 + r] = key[r];
		word[9 + regions + r] = ">";
	}
	for (unsigned i = 0; i < 9 + 2 * regions; i++)
		len[i] = strlen(word[i]);
	redis_append(redis, (int)(9 + 2 * regions), word, len);
	struct redis_reply *reply = redis_read(redis, 100);
	must_say(reply && !reply_is_error(reply), "%s", redis_link_error(redis));
	must_say(stream_read_each(reply, answer, NULL, why, sizeof(why)) >= 0, "%s", why);
	redis_reply_free(reply);
	read_pending();
}

int main(int argc, char **argv)
{
	struct redis_url url;
	char why[200], key[STREAM_KEY_MAX];
	unsigned wait_ms;
	uint64_t next = 0;
	must_say(argc > 2 && argc - 2 <= REGIONS_MAX, "usage: %s REDIS-URL REGION...", argv[0]);
	must_say(redis_url_parse(argv[1], &url, why, sizeof(why)) == 0, "%s", why);
	region = argv + 2;
	regions = (unsigned)argc - 2;
	signal(SIGTERM, on_term);
	must((redis = redis_link_new(&url, "answer-jobs", 5000)) && (rows = result_rows_new()));
	must(redis_link_up(redis, &wait_ms) == 0);
	for (unsigned r = 0; r < regions; r++) {
		key_of(key, r, STREAM_JOBS);
		must(stream_group_make(redis, key, STREAM_GROUP_ENGINE, "0") >= 0);
	}
	puts("ready");
	fflush(stdout);
	while (!ends) {
		read_jobs();
		if (is_due(&next, NS_PER_S))
			keep_house();
	}
	printf("answered %" PRIu64 "\n", jobs_total);
	result_rows_free(rows);
	redis_link_free(redis);
	return 0;
}
