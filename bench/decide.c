/* decide.c - how many results a second one core decides on.
 * In: blobs of result rows as engines publish them, 64 rows each, from nine regions; 1 % of the monitors (or so many) are down, every
 * ten minutes others.  Out: results a second for reading the rows, for finding the monitor, and for all of it with rounds and due ticks.
 * Owns: virtual time, a second at a time.  Why so: blobs are made outside the measured time, which is this thread's CPU time, so a
 * busy machine says the same as an idle one.  The answers to rounds are made and counted like any other result. */
#include "alerts/watch.h"
#include "base/clock.h"
#include "base/deadlines.h"
#include "base/must.h"
#include "wire/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGIONS 9
#define INTERVAL_MS 60000u
#define ROWS 64
#define T0_MS 1764000000000ull
#define TURN_MS 600000ull /* how long the same ones are down */

struct blob {
	unsigned region;
	size_t len;
	char *bytes;
};

struct asked {
	uint32_t monitor;
	uint32_t attempt;
	uint64_t slot_ms;
};

struct bench {
	unsigned monitors, down_percent;
	char (*name)[24];
	struct watch **watch;
	uint32_t *table, mask; /* hash -> monitor + 1 */
	struct deadlines due;
	struct watch_env env;
	struct blob *blob;
	unsigned blobs, blob_room;
	struct asked *asked;
	unsigned asks, ask_room;
	struct result_rows *rows;
	unsigned region; /* of the blob being read */
	uint64_t results, ticks, rounds, events, found;
};

static void *more(void *list, unsigned *room, size_t size)
{
	*room = *room ? 2 * *room : 1024;
	list = realloc(list, *room * size);
	must(list);
	return list;
}

static unsigned slot_in_table(const struct bench *b, const char *name)
{
	unsigned at = (unsigned)monitor_hash(name, strlen(name)) & b->mask;

	while (b->table[at] && strcmp(b->name[b->table[at] - 1], name) != 0)
		at = (at + 1) & b->mask;
	return at;
}

static void set_up(struct bench *b)
{
	const struct watch_rule rule = {.interval_ms = INTERVAL_MS, .timeout_ms = 3200, .slow_ms = 500, .regions = REGIONS,
					.region_mask = (1u << REGIONS) - 1};

	for (b->mask = 1; b->mask < 2 * b->monitors; b->mask *= 2)
		;
	b->table = calloc(b->mask--, sizeof(*b->table));
	b->name = calloc(b->monitors, sizeof(*b->name));
	b->watch = calloc(b->monitors, sizeof(struct watch *));
	b->rows = result_rows_new();
	must(b->table && b->name && b->watch && b->rows && !deadlines_init(&b->due, b->monitors));
	b->env.now_ms = T0_MS;
	for (unsigned m = 0; m < b->monitors; m++) {
		struct watch_actions a;
		snprintf(b->name[m], sizeof(b->name[m]), "monitor-%06u", m);
		b->table[slot_in_table(b, b->name[m])] = m + 1;
		b->watch[m] = watch_new(&rule);
		must(b->watch[m]);
		watch_tick(b->watch[m], &b->env, &a);
		deadlines_set(&b->due, m, watch_due_ms(b->watch[m]));
	}
}

/* ---- making what engines would have sent */
static void flush(struct bench *b, unsigned region)
{
	size_t len;

	if (!result_rows_count(b->rows))
		return;
	if (b->blobs == b->blob_room)
		b->blob = more(b->blob, &b->blob_room, sizeof(*b->blob));
	const void *bytes = result_rows_bytes(b->rows, &len);
	b->blob[b->blobs] = (struct blob){region, len, malloc(len)};
	must(b->blob[b->blobs].bytes);
	memcpy(b->blob[b->blobs++].bytes, bytes, len);
	result_rows_reset(b->rows);
}

static void make_row(struct bench *b, unsigned m, unsigned region, uint64_t slot_ms, unsigned attempt)
{
	struct job job = {.slot_ms = slot_ms, .attempt = (uint16_t)attempt, .port = 5432, .family = FAMILY_V4};
	const bool down = (m + 37 * (unsigned)((slot_ms - T0_MS) / TURN_MS)) % 100 < b->down_percent;
	struct outcome o = {.verdict = !down ? VERDICT_OPEN : m & 1 ? VERDICT_CLOSED : VERDICT_FILTERED, .wall_us = 21000, .late_us = 300};
	char text[64];

	o.rtt_us = down ? 0 : 20000 + m % 1000;
	job.monitor_len = (uint8_t)snprintf(text, sizeof(text), "%s198.18.%u.%u", b->name[m], m >> 8 & 255, m & 255);
	job.host_at = (uint16_t)strlen(b->name[m]);
	job.host_len = (uint8_t)(job.monitor_len - job.host_at);
	job.monitor_len = (uint8_t)job.host_at;
	must(job_set_literal(&job, text + job.host_at, job.host_len));
	must(result_rows_add(b->rows, &job, text, 0, &o) == 0);
	if (result_rows_count(b->rows) == ROWS)
		flush(b, region);
}

/* The results of one second: every region's share of the schedule, and what rounds asked for in the second before. */
static void make_second(struct bench *b, unsigned second)
{
	for (unsigned region = 0; region < REGIONS; region++) {
		const uint64_t behind = (uint64_t)region * INTERVAL_MS / REGIONS; /* the stagger */
		for (unsigned i = 0; i < b->monitors / 60; i++) {
			const unsigned in_minute = (second * 1000u + INTERVAL_MS - (unsigned)behind % INTERVAL_MS) % INTERVAL_MS;
			const unsigned m = (unsigned)(((uint64_t)in_minute * b->monitors / INTERVAL_MS + i) % b->monitors);
			make_row(b, m, region, T0_MS + second * 1000ull + i * 1000ull / (b->monitors / 60), 0);
		}
		for (unsigned i = 0; i < b->asks; i++)
			make_row(b, b->asked[i].monitor, region, b->asked[i].slot_ms, b->asked[i].attempt);
		flush(b, region);
	}
	b->asks = 0;
}

/* ---- what is measured */
static int read_only(void *arg, const struct result *r)
{
	((struct bench *)arg)->found += r->attempt;
	return 0;
}

static int read_and_find(void *arg, const struct result *r)
{
	struct bench *b = arg;

	b->found += b->table[slot_in_table(b, r->monitor)];
	return 0;
}

static void act(struct bench *b, unsigned m, const struct watch_actions *a)
{
	b->events += a->events;
	if (!a->round.wanted)
		return;
	if (b->asks == b->ask_room)
		b->asked = more(b->asked, &b->ask_room, sizeof(*b->asked));
	b->asked[b->asks++] = (struct asked){m, a->round.attempt, a->round.slot_ms};
	b->rounds++;
}

static int read_find_decide(void *arg, const struct result *r)
{
	struct bench *b = arg;
	const unsigned m = b->table[slot_in_table(b, r->monitor)] - 1;
	struct watch *w = b->watch[m];
	const uint64_t due_ms = watch_due_ms(w);
	struct watch_actions a;

	watch_result(w, b->region, r, &b->env, &a);
	b->results++;
	act(b, m, &a);
	if (watch_due_ms(w) != due_ms)
		deadlines_set(&b->due, m, watch_due_ms(w));
	return 0;
}

static void tick_all_due(struct bench *b)
{
	struct watch_actions a;
	int64_t m;

	while ((m = deadlines_pop(&b->due, b->env.now_ms)) >= 0) {
		watch_tick(b->watch[m], &b->env, &a);
		b->ticks++;
		act(b, (unsigned)m, &a);
		deadlines_set(&b->due, (uint32_t)m, watch_due_ms(b->watch[m]));
	}
}

static uint64_t read_all(struct bench *b, int (*each)(void *, const struct result *), bool tick)
{
	const uint64_t began_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	char why[200];

	for (unsigned i = 0; i < b->blobs; i++) {
		b->region = b->blob[i].region;
		must_say(result_rows_read(b->blob[i].bytes, b->blob[i].len, each, b, why, sizeof(why)) == 0, "%s", why);
	}
	if (tick)
		tick_all_due(b);
	return clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - began_ns;
}

static void print_rate(const char *what, uint64_t results, uint64_t ns)
{
	printf("%-44s %10.0f results/s %8.0f ns each\n", what, (double)results * 1e9 / (double)ns, (double)ns / (double)results);
}

static void count_states(const struct bench *b)
{
	unsigned count[WATCH_STATES] = {0};

	for (unsigned m = 0; m < b->monitors; m++)
		count[watch_state(b->watch[m])]++;
	printf("at the end:");
	for (unsigned s = 0; s < WATCH_STATES; s++)
		if (count[s])
			printf(" %u %s", count[s], watch_state_names[s]);
	printf("\n");
}

int main(int argc, char **argv)
{
	static struct bench b;
	uint64_t read_ns = 0, find_ns = 0, decide_ns = 0, worst_ns = 0;
	const unsigned warm_s = 120;

	b.monitors = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) / 60 * 60 : 60000;
	const unsigned seconds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 660;
	b.down_percent = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
	if (!b.monitors || !seconds) {
		fprintf(stderr, "usage: decide [MONITORS [SECONDS [PERCENT-DOWN]]]\n");
		return 1;
	}
	set_up(&b);
	for (unsigned second = 0; second < warm_s + seconds; second++) {
		make_second(&b, second);
		b.env.now_ms = T0_MS + (second + 1) * 1000ull;
		if (second >= warm_s) {
			read_ns += read_all(&b, read_only, false);
			find_ns += read_all(&b, read_and_find, false);
		}
		const uint64_t took_ns = read_all(&b, read_find_decide, true);
		decide_ns += took_ns;
		worst_ns = second >= warm_s && took_ns > worst_ns ? took_ns : worst_ns;
		for (unsigned i = 0; i < b.blobs; i++)
			free(b.blob[i].bytes);
		b.blobs = 0;
		if (second + 1 == warm_s)
			b.results = b.ticks = b.rounds = b.events = decide_ns = 0;
	}
	printf("%u monitors, %d regions, %u s of virtual time after %u s to warm up, %u %% down\n"
	       "%llu results, %llu ticks, %llu rounds, %llu events; the busiest second took %.1f ms\n\n",
	       b.monitors, REGIONS, seconds, warm_s, b.down_percent, (unsigned long long)b.results, (unsigned long long)b.ticks,
	       (unsigned long long)b.rounds, (unsigned long long)b.events, (double)worst_ns / 1e6);
	print_rate("reading rows", b.results, read_ns);
	print_rate("reading rows, finding the monitor", b.results, find_ns);
	print_rate("reading, finding, deciding, ticks", b.results, decide_ns);
	count_states(&b);
	return 0;
}
