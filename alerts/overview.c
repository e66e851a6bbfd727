/* overview.c - see overview.h.
 * In: the log of changes, heartbeats, all watches a slice at a time.  Out: calls into the shards, masks, problems,
 * numbers.
 * Owns: the settings in force.
 * Why so: settings that name other regions or shards change what every index means, so then every shard begins anew from
 * what is stored; a window of maintenance changes nothing but whether people are told. */
#include "alerts/overview.h"

#include "alerts/shard.h"
#include "alerts/share.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wait.h"

#include <stdlib.h>
#include <string.h>

#define LISTEN_MS 5000
#define TALLY_MS 2500	   /* between two rounds over all watches */
#define TALLY_SLICE 20000  /* watches a pass: results must not wait for the whole round */
#define SELF_MS 1000
#define COUNT_MS 1000

struct tally_sums {
	struct tally now;
	bool going;
	char canary[NAME_MAX_LEN + 1]; /* of the last round; "" : none stays away */
	bool canary_back;
	struct log_limit limit;
};

/* ---- monitors and settings ---- */

static void load_begins(void *arg)
{
	struct alerts *a = arg;
	a->load++;
	a->load_ended = false;
}

static void load_ends(void *arg)
{
	struct alerts *a = arg;
	a->load_ended = true;
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		if (shard_is_ours(a->shard[i]))
			shard_sweep(a, a->shard[i]);
}

static bool same_places(const struct settings *x, const struct settings *y)
{
	bool same = x->regions == y->regions && x->shards == y->shards;
	for (unsigned i = 0; same && i < x->regions; i++)
		same = strcmp(x->region[i], y->region[i]) == 0;
	return same;
}

static uint64_t next_edge_ms(const struct settings *s, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;
	for (unsigned i = 0; i < s->maintenances; i++) {
		const struct maintenance *w = &s->maintenance[i];
		uint64_t edge = now_ms < w->from_ms ? w->from_ms : now_ms < w->until_ms ? w->until_ms : UINT64_MAX;
		next = edge < next ? edge : next;
	}
	return next;
}

/* A window opened, closed or was written. */
static void windows_changed(struct alerts *a)
{
	a->maintenance_epoch++;
	a->maintenance_edge_ms = next_edge_ms(&a->settings, a->now_ms);
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		if (a->shard[i]->phase == SHARD_LIVE)
			shard_all_due(a, a->shard[i], true);
}

static void take_settings(struct alerts *a, struct settings *s)
{
	settings_free(&a->settings);
	a->settings = *s;
	settings_init(s);
	for (unsigned i = 0; i < a->settings.regions; i++)
		a->region[i] = a->settings.region[i];
	windows_changed(a);
}

static void settings_came(void *arg, struct settings *s)
{
	struct alerts *a = arg;
	if (same_places(s, &a->settings) && !a->settings_changed) {
		take_settings(a, s);
		return;
	}
	settings_free(&a->next_settings);
	a->next_settings = *s;
	settings_init(s);
	a->settings_changed = true;
}

static struct shard *shard_of(struct alerts *a, const char *name, size_t len)
{
	struct shard *s = a->shard[monitor_shard(name, len, a->settings.shards)];
	return shard_is_ours(s) ? s : NULL;
}

static void monitor_came(void *arg, struct monitor *m)
{
	struct alerts *a = arg;
	struct shard *s = shard_of(a, m->name, strlen(m->name));
	share_keep(a);
	if (s)
		shard_set(a, s, m);
}

static void monitor_went(void *arg, const char *name, size_t len)
{
	struct alerts *a = arg;
	struct shard *s = shard_of(a, name, len);
	if (s)
		shard_del(a, s, name, len);
}

/* What was known of it goes on. */
static void broken_came(void *arg, const char *name, size_t len, const char *why)
{
	struct alerts *a = arg;
	unsigned missed;
	atomic_fetch_add(&a->counters->broken, 1);
	if (log_allowed(&a->tally->limit, 1, &missed))
		log_warnx("cannot be read, what was known of it goes on", LOG_S("what", name ? "monitor" : "settings"), LOG_S("why", why),
			  LOG_UNSAID(missed));
	struct shard *s = name ? shard_of(a, name, len) : NULL;
	struct watched *w = s ? roster_find(&s->roster, name, len) : NULL;
	if (w)
		w->seen = a->load;
}

static void forget_regions(struct alerts *a)
{
	regions_init(&a->regions, &a->settings, a->mono_ms);
	atomic_store(&a->counters->regions, 0);
	for (unsigned i = 0; i < a->settings.regions; i++)
		snprintf(a->counters->region_name[i], sizeof(a->counters->region_name[i]), "%s", a->settings.region[i]);
	atomic_store(&a->counters->regions, a->settings.regions);
	a->next_listen_ns = 0;
}

/* Once everything that was decided under the old ones is stored.  The monitors are read after the shards were taken:
 * once. */
static bool apply_settings(struct alerts *a)
{
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		if (shard_is_ours(a->shard[i]) && !store_is_empty(a->shard[i]->store))
			return false;
	a->settings_changed = false;
	log_info("settings", LOG_U("regions", a->next_settings.regions), LOG_U("shards", a->next_settings.shards));
	take_settings(a, &a->next_settings);
	forget_regions(a);
	a->follow.loaded = false;
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		shard_restart(a, a->shard[i]);
	return true;
}

void overview_follow(struct alerts *a)
{
	if (a->settings_changed && apply_settings(a))
		return;
	if (a->now_ms >= a->maintenance_edge_ms)
		windows_changed(a);
	int bad = monitor_follow_poll(&a->follow, a->link, 0);
	unsigned missed;
	if (bad < 0 && redis_link_is_up(a->link) && log_allowed(&a->tally->limit, 1, &missed))
		log_warnx("monitors cannot be followed", LOG_S("why", a->follow.why), LOG_UNSAID(missed));
}

/* ---- regions ---- */

static void refresh_masks(struct alerts *a)
{
	uint16_t quarantined = regions_quarantined(&a->regions), unresolved = regions_resolver_fails(&a->regions);
	for (unsigned i = 0; i < a->settings.shards; i++) {
		struct shard *s = a->shard[i];
		uint16_t silent = regions_silent(&a->regions, i, a->mono_ms);
		if (s->phase == SHARD_LIVE && (s->silent != silent || s->quarantined != quarantined))
			shard_all_due(a, s, false);
		s->silent = silent;
		s->quarantined = quarantined;
		s->unresolved = unresolved;
	}
}

static void begin_tally(struct alerts *a)
{
	struct tally_sums *t = a->tally;
	t->now = (struct tally){ 0 };
	t->going = true;
	a->tally_shard = 0;
	for (unsigned i = 0; i < a->settings.shards; i++)
		a->shard[i]->tallied = 0;
}

static void end_tally(struct alerts *a)
{
	struct tally_sums *t = a->tally;
	t->going = false;
	snprintf(t->canary, sizeof(t->canary), "%s", t->now.canary);
	t->canary_back = !t->canary[0] && !t->now.canaries_awaited;
	regions_conclude(&a->regions, a->mono_ms);
	for (unsigned i = 0; i < WATCH_STATES; i++)
		atomic_store(&a->counters->watched[i], t->now.watched[i]);
	atomic_store(&a->counters->monitors, t->now.monitors);
}

static void go_on_tallying(struct alerts *a)
{
	struct tally_sums *t = a->tally;
	if (!t->going && is_due(&a->next_tally_ns, TALLY_MS * NS_PER_MS))
		begin_tally(a);
	while (t->going && a->tally_shard < a->settings.shards) {
		struct shard *s = a->shard[a->tally_shard];
		if (s->phase == SHARD_LIVE && !shard_tally(a, s, TALLY_SLICE, &t->now))
			return;
		a->tally_shard++;
	}
	if (t->going)
		end_tally(a);
}

static void check_self(struct alerts *a)
{
	struct shard *first = a->shard[0];
	if (first->phase != SHARD_LIVE || !is_due(&a->next_self_ns, SELF_MS * NS_PER_MS))
		return;
	const struct self_facts facts = { .regions = &a->regions, .now_ms = a->now_ms, .mono_ms = a->mono_ms,
					  .watches = atomic_load(&a->counters->monitors) > 0,
					  .full = atomic_load(&a->counters->store.full),
					  .stored = atomic_load(&a->counters->store.commits) > 0,
					  .canary_back = a->tally->canary_back,
					  .canary = a->tally->canary[0] ? a->tally->canary : NULL };
	self_check(&a->self, &facts, first->store);
	atomic_store(&a->counters->problems, self_problems(&a->self));
}

void overview_judge(struct alerts *a)
{
	if (is_due(&a->next_listen_ns, LISTEN_MS * NS_PER_MS))
		regions_listen(&a->regions, a->link, a->prefix, a->mono_ms);
	regions_judge_silence(&a->regions, a->mono_ms);
	go_on_tallying(a);
	refresh_masks(a);
	check_self(a);
}

/* ---- numbers ---- */

static void trim(struct alerts *a)
{
	char key[STREAM_KEY_MAX];
	for (unsigned i = 0; i < a->settings.shards && redis_link_is_up(a->link); i++)
		if (shard_is_ours(a->shard[i])) {
			alerts_key(key, a->prefix, i, ALERTS_ASK);
			stream_trim(a->link, key, 0);
		}
}

void overview_count(struct alerts *a)
{
	struct alerts_counters *c = a->counters;
	atomic_fetch_add(&c->passes, 1);
	if (is_due(&a->next_trim_ns, 10 * NS_PER_S))
		trim(a);
	if (!is_due(&a->next_count_ns, COUNT_MS * NS_PER_MS))
		return;
	unsigned ours = 0;
	for (unsigned i = 0; i < SETTINGS_SHARDS_MAX; i++)
		ours += shard_is_ours(a->shard[i]);
	atomic_store(&c->shards, ours);
	atomic_store(&c->shards_all, a->settings.shards);
	atomic_store(&c->alive, a->alive);
	atomic_store(&c->probes, a->rounds.sent);
	atomic_store(&c->redis_connects, redis_link_connects(a->link));
	for (unsigned i = 0; i < a->regions.count; i++) {
		const struct region *r = &a->regions.region[i];
		atomic_store(&c->region_newest_ms[i], r->newest_ms);
		atomic_store(&c->region_delay_ms[i], r->delay_ms);
		atomic_store(&c->region_silent[i], r->silent);
		atomic_store(&c->region_quarantined[i], r->quarantined);
		atomic_store(&c->region_resolver_fails[i], r->resolver_fails);
	}
}

/* ---- life ---- */

bool overview_init(struct alerts *a)
{
	a->tally = calloc(1, sizeof(*a->tally));
	settings_init(&a->next_settings);
	a->maintenance_edge_ms = UINT64_MAX;
	a->sink = (struct monitor_sink){ load_begins, load_ends, settings_came, monitor_came, monitor_went, broken_came, a };
	monitor_follow_init(&a->follow, a->prefix, &a->sink);
	regions_init(&a->regions, &a->settings, clock_ns() / NS_PER_MS);
	return a->tally;
}

void overview_free(struct alerts *a)
{
	settings_free(&a->next_settings);
	free(a->tally);
}
