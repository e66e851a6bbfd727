/* false_alarms.c - how often would somebody be woken for nothing, and how soon for something?
 * In: a model of lossy paths; the monitors are never down.  Out: false DOWN per monitor and year, of the very code that decides
 * (alerts/watch.c) and of the usual "three strikes in one region"; then the time from an outage to its DOWN, and from its end to its UP.
 * Owns: virtual time.  Why so: the paths of a monitor lose everything in episodes (Poisson, exponential length, independent of one
 * another) and single SYNs otherwise.  A DOWN takes failures in two regions (tests hold that), so only stretches in which
 * episodes of two regions meet are played through; `all` plays every episode, and must find the same. */
#include "alerts/watch.h"
#include "base/must.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MS 60000
#define TIMEOUT_MS 3200
#define SYNS 4		   /* at 0, 1, 2 and 3 s within the timeout */
#define SYN_LOSS 0.005
#define RTT_MS 20
#define EPISODES_A_DAY 0.5
#define DAY_MS 86400000.0
#define YEAR_MS (365 * DAY_MS)
#define GUARD_MS 90000	   /* a region votes down at most until its next look after the episode */
#define WARM_MS 130000	   /* every region has looked twice before the first episode */
#define PENDING_MAX 512

struct episode {
	uint64_t from_ms, until_ms;
	unsigned region;
};

static uint64_t chance_state;

static double chance(void) /* (0, 1); xorshift64* */
{
	chance_state ^= chance_state >> 12;
	chance_state ^= chance_state << 25;
	chance_state ^= chance_state >> 27;
	return ((double)((chance_state * 2685821657736338717ull) >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(double mean)
{
	return -mean * log(chance());
}

/* ---- paths and probes */
struct world {
	unsigned regions;
	const struct episode *episode;
	unsigned episodes;
	uint64_t outage_ms, back_ms; /* in between the target is gone; UINT64_MAX: never */
	enum verdict outage;
};

static bool is_lost(const struct world *w, unsigned region, uint64_t at_ms)
{
	for (unsigned i = 0; i < w->episodes; i++)
		if (w->episode[i].region == region && at_ms >= w->episode[i].from_ms && at_ms < w->episode[i].until_ms)
			return true;
	return chance() < SYN_LOSS;
}

struct pending {
	uint64_t arrives_ms;
	unsigned region;
	struct result result;
};

/* One probe: what it will find, and when that is known. */
static void probe(const struct world *w, unsigned region, uint64_t slot_ms, unsigned attempt, struct pending *p)
{
	memset(p, 0, sizeof(*p));
	p->region = region;
	p->result.monitor = p->result.host = p->result.detail = "";
	p->result.slot_ms = slot_ms;
	p->result.attempt = attempt;
	for (unsigned syn = 0; syn < SYNS; syn++) {
		const uint64_t sent_ms = slot_ms + syn * 1000;
		const bool gone = sent_ms >= w->outage_ms && sent_ms < w->back_ms;
		if (is_lost(w, region, sent_ms) || (gone && w->outage == VERDICT_FILTERED))
			continue;
		p->result.outcome.verdict = gone ? w->outage : VERDICT_OPEN;
		p->result.outcome.rtt_us = syn ? 0 : RTT_MS * 1000;
		p->result.outcome.syn_retrans = (uint8_t)syn;
		p->arrives_ms = sent_ms + RTT_MS;
		return;
	}
	p->result.outcome.verdict = VERDICT_FILTERED;
	p->arrives_ms = slot_ms + TIMEOUT_MS;
}

/* ---- one monitor for a while */
struct play {
	const struct world *world;
	struct watch *watch;
	struct watch_env env;
	uint64_t next_ms[REGIONS_MAX]; /* scheduled looks */
	struct pending pending[PENDING_MAX];
	unsigned pendings;
	unsigned downs;
	uint64_t first_down_ms, last_up_ms;
	uint64_t results;
};

static void act(struct play *p, const struct watch_actions *a)
{
	for (unsigned i = 0; i < a->events; i++)
		if (a->event[i].kind == EVENT_DOWN && a->event[i].told && !p->downs++)
			p->first_down_ms = p->env.now_ms;
		else if (a->event[i].kind == EVENT_UP && a->event[i].told)
			p->last_up_ms = p->env.now_ms;
	for (unsigned i = 0; a->round.wanted && i < p->world->regions; i++) {
		must(p->pendings < PENDING_MAX);
		probe(p->world, i, a->round.slot_ms, a->round.attempt, &p->pending[p->pendings++]);
	}
}

static void look(struct play *p, unsigned region)
{
	must(p->pendings < PENDING_MAX);
	probe(p->world, region, p->next_ms[region], 0, &p->pending[p->pendings++]);
	p->next_ms[region] += INTERVAL_MS;
}

static unsigned soonest(const struct play *p)
{
	unsigned first = 0;

	for (unsigned i = 1; i < p->pendings; i++)
		if (p->pending[i].arrives_ms < p->pending[first].arrives_ms)
			first = i;
	return first;
}

/* What happens next, if it happens before until_ms. */
static bool play_one(struct play *p, uint64_t until_ms)
{
	struct watch_actions a;
	uint64_t at_ms = watch_due_ms(p->watch);
	int region = -1;
	const unsigned first = soonest(p);

	for (unsigned i = 0; i < p->world->regions; i++)
		if (p->next_ms[i] < at_ms) {
			at_ms = p->next_ms[i];
			region = (int)i;
		}
	if (p->pendings && p->pending[first].arrives_ms <= at_ms) {
		const struct pending arrived = p->pending[first];
		if (arrived.arrives_ms > until_ms)
			return false;
		p->pending[first] = p->pending[--p->pendings];
		p->env.now_ms = arrived.arrives_ms;
		p->results++;
		watch_result(p->watch, arrived.region, &arrived.result, &p->env, &a);
		act(p, &a);
		return true;
	}
	if (at_ms > until_ms)
		return false;
	if (at_ms > p->env.now_ms)
		p->env.now_ms = at_ms;
	if (region >= 0) {
		look(p, (unsigned)region);
	} else {
		watch_tick(p->watch, &p->env, &a);
		act(p, &a);
	}
	return true;
}

static void play(struct play *p, const struct world *w, uint64_t from_ms, uint64_t until_ms, uint64_t phase_ms)
{
	const struct watch_rule rule = {.interval_ms = INTERVAL_MS, .timeout_ms = TIMEOUT_MS, .slow_ms = 500, .regions = w->regions,
					.region_mask = (uint16_t)((1u << w->regions) - 1)};
	struct watch_actions a;

	p->world = w;
	p->watch = watch_new(&rule);
	must(p->watch);
	p->env = (struct watch_env){.now_ms = from_ms};
	p->pendings = p->downs = 0;
	p->first_down_ms = p->last_up_ms = 0;
	for (unsigned i = 0; i < w->regions; i++) {
		const uint64_t offset = (phase_ms + i * INTERVAL_MS / w->regions) % INTERVAL_MS;
		p->next_ms[i] = from_ms - from_ms % INTERVAL_MS + INTERVAL_MS + offset;
	}
	watch_tick(p->watch, &p->env, &a);
	while (play_one(p, until_ms))
		;
	watch_free(p->watch);
}

/* ---- a year of a monitor */
static int earlier(const void *a, const void *b)
{
	const struct episode *x = a, *y = b;

	return (x->from_ms > y->from_ms) - (x->from_ms < y->from_ms);
}

static unsigned draw_episodes(struct episode **list, unsigned *room, unsigned regions, double mean_ms)
{
	unsigned n = 0;

	for (unsigned region = 0; region < regions; region++)
		for (double at = WARM_MS * 2; (at += exponential(DAY_MS / EPISODES_A_DAY)) < YEAR_MS;) {
			if (n == *room) {
				*room = *room ? 2 * *room : 4096;
				*list = realloc(*list, *room * sizeof(**list));
				must(*list);
			}
			const double length = exponential(mean_ms);
			(*list)[n++] = (struct episode){(uint64_t)at, (uint64_t)(at + length) + 1, region};
			at += length;
		}
	qsort(*list, n, sizeof(**list), earlier);
	return n;
}

struct count {
	double years;
	uint64_t stretches, downs, results;
};

static void play_stretch(struct play *p, const struct episode *e, unsigned n, uint64_t until_ms, unsigned regions,
			 uint64_t phase_ms, struct count *count)
{
	const struct world w = {.regions = regions, .episode = e, .episodes = n, .outage_ms = UINT64_MAX, .back_ms = UINT64_MAX};

	p->results = 0;
	play(p, &w, e->from_ms - WARM_MS, until_ms + WARM_MS, phase_ms);
	count->stretches++;
	count->downs += p->downs;
	count->results += p->results;
}

static void play_year(struct play *p, unsigned regions, double mean_ms, bool all, struct count *count)
{
	static struct episode *list;
	static unsigned room;
	const unsigned n = draw_episodes(&list, &room, regions, mean_ms);
	const uint64_t phase_ms = (uint64_t)(chance() * INTERVAL_MS), after = chance_state;

	for (unsigned i = 0, end; i < n; i = end) {
		uint64_t until_ms = list[i].until_ms + GUARD_MS;
		unsigned places = 1u << list[i].region;
		for (end = i + 1; end < n && list[end].from_ms < until_ms; end++) {
			places |= 1u << list[end].region;
			if (list[end].until_ms + GUARD_MS > until_ms)
				until_ms = list[end].until_ms + GUARD_MS;
		}
		chance_state = after ^ (list[i].from_ms * 0x9e3779b97f4a7c15ull); /* the same whether or not others are played */
		if (all || __builtin_popcount(places) > 1)
			play_stretch(p, &list[i], end - i, until_ms, regions, phase_ms, count);
	}
	chance_state = after;
	count->years++;
}

/* "Three strikes": one region, DOWN after three failed looks in a row, gap_ms apart after the first failure. */
static double three_strikes(double mean_ms, unsigned gap_ms, unsigned years)
{
	static struct episode *list;
	static unsigned room;
	struct world w = {.regions = 1, .outage_ms = UINT64_MAX, .back_ms = UINT64_MAX};
	uint64_t downs = 0;
	struct pending p;

	for (unsigned year = 0; year < years; year++) {
		const unsigned n = draw_episodes(&list, &room, 1, mean_ms);
		const uint64_t phase_ms = (uint64_t)(chance() * INTERVAL_MS);
		for (unsigned i = 0; i < n; i++) {
			uint64_t at_ms = list[i].from_ms - list[i].from_ms % INTERVAL_MS + phase_ms;
			w.episode = &list[i];
			w.episodes = 1;
			for (unsigned strikes = 0; at_ms < list[i].until_ms || strikes;) {
				probe(&w, 0, at_ms, 0, &p);
				strikes = p.result.outcome.verdict == VERDICT_OPEN ? 0 : strikes + 1;
				if (strikes == 3) {
					downs++;
					break;
				}
				at_ms += strikes ? gap_ms : INTERVAL_MS;
			}
		}
	}
	return (double)downs / years;
}

/* ---- the other side: how soon is a real outage told */
static int sooner(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_detection(struct play *p, unsigned regions, enum verdict verdict)
{
	enum { OUTAGES = 2000 };
	static double down_s[OUTAGES], up_s[OUTAGES];
	unsigned missed = 0;

	for (unsigned i = 0; i < OUTAGES; i++) {
		const uint64_t from_ms = 1000000000ull;
		struct world w = {.regions = regions, .outage = verdict,
				  .outage_ms = from_ms + 2 * WARM_MS + (uint64_t)(chance() * INTERVAL_MS)};
		w.back_ms = w.outage_ms + 300000 + (uint64_t)(chance() * INTERVAL_MS);
		play(p, &w, from_ms, w.back_ms + 300000, (uint64_t)(chance() * INTERVAL_MS));
		missed += p->downs != 1 || p->last_up_ms < w.back_ms;
		down_s[i] = ((double)p->first_down_ms - (double)w.outage_ms) / 1000;
		up_s[i] = ((double)p->last_up_ms - (double)w.back_ms) / 1000;
	}
	qsort(down_s, OUTAGES, sizeof(down_s[0]), sooner);
	qsort(up_s, OUTAGES, sizeof(up_s[0]), sooner);
	printf("%7u  %-9s %8.1f %8.1f %8.1f %12.1f %8.1f %8.1f %8u\n", regions, verdict_row(verdict)->name, down_s[OUTAGES / 2],
	       down_s[OUTAGES * 99 / 100], down_s[OUTAGES - 1], up_s[OUTAGES / 2], up_s[OUTAGES * 99 / 100], up_s[OUTAGES - 1], missed);
}

int main(int argc, char **argv)
{
	static const unsigned regions[] = {3, 5, 9};
	static const double means_s[] = {15, 30, 60, 120, 300};
	static struct play p;
	const unsigned years = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
	const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	const bool all = argc > 3 && !strcmp(argv[3], "all");

	if (!years) {
		fprintf(stderr, "usage: false_alarms [MONITOR-YEARS [SEED [all]]]\n");
		return 1;
	}
	printf("%u monitor-years each, seed %" PRIu64 "%s; interval %d s, timeout %.1f s, %d SYNs, each lost with %.1f %%;\n"
	       "%.1f episodes of total loss a day and path, independent, exponential length\n\n",
	       years, seed, all ? ", every episode played" : "", INTERVAL_MS / 1000, TIMEOUT_MS / 1e3, SYNS, SYN_LOSS * 100, EPISODES_A_DAY);
	printf("false DOWN per monitor and year\nregions  mean s     rule   +-95%%  stretches played      results\n");
	for (unsigned r = 0; r < ARRAY_LEN(regions); r++)
		for (unsigned m = 0; m < ARRAY_LEN(means_s); m++) {
			struct count count = {0};
			chance_state = seed * 0x9e3779b97f4a7c15ull + regions[r];
			for (unsigned year = 0; year < years; year++)
				play_year(&p, regions[r], means_s[m] * 1000, all, &count);
			printf("%7u %7.0f %8.4f %7.4f %17" PRIu64 " %12" PRIu64 "%s\n", regions[r], means_s[m], (double)count.downs / count.years,
			       1.96 * sqrt((double)(count.downs ? count.downs : 1)) / count.years, count.stretches, count.results,
			       (double)count.downs / count.years < 0.1 ? "" : "   0.1 or more");
			fflush(stdout);
		}
	chance_state = seed * 0x9e3779b97f4a7c15ull;
	printf("\nthree strikes in one region, per monitor and year\n mean s   60 s apart   5 s apart\n");
	for (unsigned m = 0; m < ARRAY_LEN(means_s); m++) {
		const double slow = three_strikes(means_s[m] * 1000, INTERVAL_MS, years / 10 + 1);
		printf("%7.0f %12.2f %11.2f\n", means_s[m], slow, three_strikes(means_s[m] * 1000, 5000, years / 10 + 1));
	}
	printf("\nseconds from an outage everywhere to its DOWN, and from its end (5 min later) to its UP; 2000 at random phase, SYN "
	       "loss as above\nregions  verdict   median      p99      max    UP median      p99      max    wrong\n");
	for (unsigned r = 0; r < ARRAY_LEN(regions); r++) {
		print_detection(&p, regions[r], VERDICT_CLOSED);
		print_detection(&p, regions[r], VERDICT_FILTERED);
	}
	return 0;
}
