/* shard.c - see shard.h; the life of a shard: taken, loaded, replayed, live, lost.
 * In: the lease, the monitors that were told, states and results from Redis.  Out: a roster that decides.
 * Owns: lease, store and roster.  Why so: every step is short, so that a shard that is being taken over does not keep
 * the others from deciding, or from renewing their leases. */
#include "alerts/shard.h"

#include "alerts/share.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

#include <stdlib.h>

#define REPLAY_MAX_MS 3600000 /* engines keep results for so long */
#define REPLAY_TAIL_MS 5000   /* on top: slots are older than the entries that carry them */

struct shard *shard_new(struct alerts *a, unsigned number)
{
	char key[STREAM_KEY_MAX], what[32];
	struct shard *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->number = number;
	snprintf(what, sizeof(what), "alerts:%u", number);
	lease_key(key, a->prefix, what);
	s->lease = lease_new(a->link, key, a->name, LEASE_TTL_MS);
	s->store = store_new(a->link, a->prefix, number, a->name, &a->counters->store);
	if (!s->lease || !s->store || roster_init(&s->roster) != 0) {
		if (s->lease)
			lease_free(s->lease);
		store_free(s->store);
		free(s);
		return NULL;
	}
	return s;
}

void shard_free(struct alerts *a, struct shard *s)
{
	if (!s)
		return;
	feed_drop(a->feed, s->number);
	lease_free(s->lease);
	store_free(s->store);
	roster_free(&s->roster);
	free(s);
}

/* Nothing is known any more; what was decided and not stored is void. */
static void forget(struct alerts *a, struct shard *s)
{
	feed_drop(a->feed, s->number);
	roster_free(&s->roster);
	must_say(roster_init(&s->roster) == 0, "no memory for shard %u", s->number);
	store_free(s->store);
	must((s->store = store_new(a->link, a->prefix, s->number, a->name, &a->counters->store)));
	if (s->number == 0)
		self_forget(&a->self);
	s->dirty = s->late = s->lost = false;
	s->tallied = 0;
}

/* ---- taking ---- */

static void begin_loading(struct alerts *a, struct shard *s)
{
	s->phase = SHARD_LOADING;
	s->load = a->load;
	a->follow.loaded = false; /* its monitors were told before it was ours */
	a->shards_moved = true;
}

static void lost(struct alerts *a, struct shard *s)
{
	log_warnx("shard is not ours any more", LOG_U("shard", s->number));
	forget(a, s);
	s->phase = SHARD_FREE;
	a->shards_moved = true;
}

static unsigned longest_interval_ms(const struct shard *s)
{
	unsigned longest = 0;
	for (uint32_t i = 0; i < s->roster.count; i++)
		if (longest < s->roster.at[i]->interval_ms)
			longest = s->roster.at[i]->interval_ms;
	return longest;
}

static void begin_replay_of_region(struct alerts *a, struct shard *s, unsigned region)
{
	uint64_t back_ms = longest_interval_ms(s) * 5ull / 2 + REPLAY_TAIL_MS;
	s->replay_region = region;
	s->replay_ms = a->now_ms - (back_ms < REPLAY_MAX_MS ? back_ms : REPLAY_MAX_MS);
	s->replay_seq = 0;
}

struct loading {
	struct alerts *a;
	struct shard *s;
};

static void take_field(void *arg, const char *field, const char *json, size_t len)
{
	struct loading *l = arg;
	share_keep(l->a);
	if (field[0] == '@') {
		if (l->s->number == 0)
			self_load(&l->a->self, &l->a->regions, field, json, len);
	} else
		shard_load_state(l->a, l->s, field, json, len);
}

/* The monitors are there: their states, and the group of their results.  What is told of monitors that are gone is
 * stored with the first commit. */
static void load(struct alerts *a, struct shard *s)
{
	struct loading l = { a, s };
	if (!a->load_ended || a->load == s->load)
		return;
	if (feed_take(a->feed, s->number, a->region, a->settings.regions) != 0 ||
	    notifier_claim(a->notifier, a->link, s->number) != 0)
		return;
	feed_hold_back(a->feed, s->number, true);
	if (store_load(a->link, a->prefix, s->number, take_field, &l) != 0) {
		forget(a, s);
		begin_loading(a, s);
		return;
	}
	s->phase = SHARD_REPLAYING;
	a->shards_moved = true;
	begin_replay_of_region(a, s, 0);
}

static void recall(void *arg, unsigned shard, unsigned region, uint64_t entry_ms, const struct result *r)
{
	struct alerts *a = arg;
	(void)entry_ms;
	shard_recall(a, a->shard[shard], region, r);
}

static void go_live(struct alerts *a, struct shard *s)
{
	s->phase = SHARD_LIVE;
	s->live_since_ms = a->now_ms;
	feed_hold_back(a->feed, s->number, s->late);
	shard_all_due(a, s, false);
	log_info("shard is live", LOG_U("shard", s->number), LOG_U("monitors", s->roster.count));
}

static void replay(struct alerts *a, struct shard *s)
{
	if (s->replay_region >= a->settings.regions) {
		go_live(a, s);
		return;
	}
	int more = feed_replay(a->feed, s->number, s->replay_region, a->region[s->replay_region], &s->replay_ms, &s->replay_seq,
			       recall);
	if (more == 0)
		begin_replay_of_region(a, s, s->replay_region + 1);
}

void shard_step(struct alerts *a, struct shard *s, bool wanted)
{
	if (!shard_is_ours(s) && !wanted)
		return;
	bool held = !s->lost && lease_hold(s->lease);
	s->lost = false;
	if (shard_is_ours(s) && !held)
		lost(a, s);
	else if (!shard_is_ours(s) && held)
		begin_loading(a, s);
	if (s->phase == SHARD_LOADING)
		load(a, s);
	else if (s->phase == SHARD_REPLAYING)
		replay(a, s);
}

void shard_keep(struct shard *s)
{
	s->lost |= !lease_hold(s->lease);
}

void shard_release(struct alerts *a, struct shard *s)
{
	shard_commit(a, s);
	if (shard_is_ours(s)) {
		forget(a, s);
		s->phase = SHARD_FREE;
		a->shards_moved = true;
	}
	lease_release(s->lease);
}

void shard_restart(struct alerts *a, struct shard *s)
{
	if (!shard_is_ours(s))
		return;
	forget(a, s);
	begin_loading(a, s);
}

/* ---- what was decided ---- */

void shard_commit(struct alerts *a, struct shard *s)
{
	if (!shard_is_ours(s))
		return;
	switch (store_commit(s->store)) {
	case STORE_LOST:
		lost(a, s);
		return;
	case STORE_LATER:
		if (!s->late)
			feed_hold_back(a->feed, s->number, true);
		s->late = true;
		return;
	case STORE_STOOD:
		if (s->late && s->phase == SHARD_LIVE)
			feed_hold_back(a->feed, s->number, false);
		s->late = false;
	}
	if (s->dirty)
		feed_acknowledge(a->feed, s->number);
	s->dirty = false;
}
