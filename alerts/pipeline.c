/* pipeline.c - the product's sentence: results come, watches decide, decisions are stored, rounds are sent, people are
 * told.
 * In: Redis.  Out: Redis; what stands in the outbox is the channels' work.  Owns: all stages, one thread.
 * Why so: one_pass() is that sentence.  One thread: it reads and decides 300,000 results a
 * second, and what one thread decides needs no locks to be right. */
#include "alerts/pipeline.h"

#include "alerts/overview.h"
#include "alerts/shard.h"
#include "alerts/share.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wait.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLY_MS 5000
#define PASS_MS 100	   /* the longest a pass waits for results: leases, monitors and people are looked at in between */
#define TICKS 20000	   /* deadlines a pass and shard: results must not wait for all of them */
#define STORE_AFTER 2000   /* commands put: stored before the next entry is decided */
#define DOWN_MS 200	   /* between two tries of a link that is down */

/* ---- results come ---- */

static void result_came(void *arg, unsigned shard, unsigned region, uint64_t entry_ms, const struct result *r)
{
	struct alerts *a = arg;
	(void)entry_ms;
	a->now_ms = clock_wall_ms();
	shard_result(a, a->shard[shard], region, r);
}

static void entry_came(void *arg, unsigned shard, unsigned region, uint64_t entry_ms)
{
	struct alerts *a = arg;
	struct shard *s = a->shard[shard];
	struct region *from = &a->regions.region[region];
	s->dirty = true;
	if (from->newest_ms < entry_ms)
		from->newest_ms = entry_ms;
	from->delay_ms = a->now_ms > entry_ms ? a->now_ms - entry_ms : 0;
	if (store_size(s->store) >= STORE_AFTER && !s->late)
		shard_commit(a, s);
}

static void question_came(void *arg, unsigned shard, const char *monitor, const char *reply_key)
{
	struct alerts *a = arg;
	a->shard[shard]->dirty = true;
	shard_answer(a, a->shard[shard], monitor, reply_key);
}

static unsigned wait_ms(const struct alerts *a)
{
	uint64_t next_ms = a->now_ms + PASS_MS;
	for (unsigned i = 0; i < a->settings.shards; i++) {
		const struct shard *s = a->shard[i];
		if (s->phase == SHARD_LOADING || s->phase == SHARD_REPLAYING)
			return 1;
		if (shard_may_decide(s) && roster_next_ms(&s->roster) < next_ms)
			next_ms = roster_next_ms(&s->roster);
	}
	return next_ms <= a->now_ms ? 1 : (unsigned)(next_ms - a->now_ms);
}

static void take_results(struct alerts *a)
{
	unsigned wait = wait_ms(a);
	if (!feed_is_open(a->feed))
		usleep(wait * US_PER_MS); /* no shard is ours, or all wait for Redis */
	else
		feed_read(a->feed, wait);
	a->now_ms = clock_wall_ms();
	a->mono_ms = clock_ns() / NS_PER_MS;
}

/* ---- the other stages ---- */

static void begin_pass(struct alerts *a)
{
	a->now_ms = clock_wall_ms();
	a->mono_ms = clock_ns() / NS_PER_MS;
	if (a->connects != redis_link_connects(a->link)) {
		if (a->connects) /* nobody could say that he lives */
			regions_grace(&a->regions, a->mono_ms);
		a->connects = redis_link_connects(a->link);
	}
}

static void let_time_pass(struct alerts *a)
{
	for (unsigned i = 0; i < a->settings.shards; i++)
		if (shard_may_decide(a->shard[i]))
			shard_tick(a, a->shard[i], TICKS);
}

static void store_decisions(struct alerts *a)
{
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		if (a->shard[i])
			shard_commit(a, a->shard[i]);
}

static void send_rounds(struct alerts *a)
{
	rounds_send(&a->rounds, a->link, a->prefix, a->region);
}

static void tell_channels(struct alerts *a)
{
	uint64_t ours = 0;
	if (!a->shards_moved)
		return;
	a->shards_moved = false;
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		if (a->shard[i]->phase > SHARD_LOADING) /* then the channels' groups are there */
			ours |= 1ull << i;
	notifier_shards(a->notifier, ours);
}

static void one_pass(struct alerts *a)
{
	begin_pass(a);
	overview_follow(a);  /* which monitors there are */
	share_step(a);	     /* which of them are ours */
	overview_judge(a);   /* which regions may vote */
	take_results(a);     /* results come, watches decide */
	let_time_pass(a);    /* so do deadlines */
	store_decisions(a);  /* states, events and outbox in one breath; then the results are acknowledged */
	send_rounds(a);	     /* who is suspected is looked at again, from everywhere */
	tell_channels(a);
	overview_count(a);
}

void pipeline_run(struct alerts *a, const atomic_bool *stop)
{
	while (!atomic_load(stop)) {
		unsigned wait = 0;
		atomic_store(&a->counters->redis_up, redis_link_is_up(a->link));
		if (redis_link_up(a->link, &wait) == 0)
			one_pass(a);
		else
			usleep((wait && wait < DOWN_MS ? wait : DOWN_MS) * US_PER_MS);
	}
	if (redis_link_is_up(a->link))
		share_leave(a);
}

/* ---- life ---- */

struct alerts *pipeline_new(const struct pipeline_config *config)
{
	static struct feed_sink sink = { result_came, entry_came, question_came, NULL };
	struct alerts *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->prefix = config->prefix;
	a->name = config->name;
	a->notifier = config->notifier;
	a->dead_man = config->dead_man;
	a->counters = config->counters;
	a->alive = 1;
	settings_init(&a->settings);
	sink.arg = a;
	a->link = redis_link_new(&config->url, "portwatch-alerts", REPLY_MS);
	a->feed = a->link ? feed_new(a->link, a->prefix, &sink, &a->counters->feed) : NULL;
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX && a->feed; i++)
		must_say((a->shard[i] = shard_new(a, i)), "no memory for shard %u", i);
	if (!a->feed || !overview_init(a)) {
		pipeline_free(a);
		return NULL;
	}
	return a;
}

void pipeline_free(struct alerts *a)
{
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		shard_free(a, a->shard[i]);
	feed_free(a->feed);
	rounds_free(&a->rounds);
	parents_free(&a->parents);
	overview_free(a);
	settings_free(&a->settings);
	if (a->link)
		redis_link_free(a->link);
	free(a);
}
