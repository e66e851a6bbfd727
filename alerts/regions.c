/* regions.c - see regions.h.
 * In: heartbeats and votes.  Out: two masks for the deciding, and why.  Owns nothing but its struct.
 * Why so: a region is judged over all monitors at once, because no single one can tell a broken prober from a broken
 * path.  It comes back only after it was well for a while: one that comes and goes would turn votes on and off under the
 * deciding. */
#include "alerts/regions.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void regions_init(struct regions *r, const struct settings *s, uint64_t mono_ms)
{
	*r = (struct regions){ .count = s->regions, .shards = s->shards };
	for (unsigned i = 0; i < s->regions; i++)
		snprintf(r->region[i].name, sizeof(r->region[i].name), "%s", s->region[i]);
	/* A heartbeat outlives its engine by 10 to 15 s, so one that is not there when we start has been away for long;
	 * half of the usual patience is for engines that start together with us. */
	regions_grace(r, mono_ms > REGION_SILENT_MS / 2 ? mono_ms - REGION_SILENT_MS / 2 : 0);
}

static struct region *find(struct regions *r, const char *name)
{
	for (unsigned i = 0; i < r->count; i++)
		if (strcmp(r->region[i].name, name) == 0)
			return &r->region[i];
	return NULL;
}

/* ---- living ---- */

void regions_grace(struct regions *r, uint64_t mono_ms)
{
	r->scheduler_beat_ms = r->grace_ms = mono_ms;
	for (unsigned i = 0; i < r->count; i++)
		for (unsigned k = 0; k < SETTINGS_SHARDS_MAX; k++)
			r->region[i].beat_ms[k] = mono_ms;
}

void regions_heard(struct regions *r, const char *name, unsigned shard, uint64_t beat_ms)
{
	struct region *region = find(r, name);
	if (region && shard < SETTINGS_SHARDS_MAX && region->beat_ms[shard] < beat_ms)
		region->beat_ms[shard] = beat_ms;
}

static bool is_silent(const struct region *region, unsigned shard, uint64_t mono_ms)
{
	return mono_ms >= region->beat_ms[shard] + REGION_SILENT_MS;
}

void regions_judge_silence(struct regions *r, uint64_t mono_ms)
{
	for (unsigned i = 0; i < r->count; i++) {
		struct region *region = &r->region[i];
		region->silent = false;
		region->mute = true;
		region->heard = true;
		for (unsigned k = 0; k < r->shards; k++) {
			bool silent = is_silent(region, k, mono_ms);
			region->silent |= silent;
			region->mute &= silent;
			region->heard &= region->beat_ms[k] > r->grace_ms;
		}
	}
}

/* "pw:{eu.3}:hb:host-12" into region and shard; the prefix was already matched. */
static bool parse_engine_key(const char *key, char region[NAME_MAX_LEN + 1], unsigned *shard)
{
	const char *open = strchr(key, '{'), *close = open ? strchr(open, '}') : NULL, *dot = close;
	while (dot && dot > open && *dot != '.')
		dot--;
	if (!close || dot <= open + 1 || dot - open - 1 > NAME_MAX_LEN || strncmp(close, "}:hb:", 5) != 0)
		return false;
	snprintf(region, NAME_MAX_LEN + 1, "%.*s", (int)(dot - open - 1), open + 1);
	*shard = (unsigned)strtoul(dot + 1, NULL, 10);
	return true;
}

/* An entry's key goes when nobody renews it; what it still has to live says when it was last renewed. */
static uint64_t beat_of(const struct redis_reply *pttl, uint64_t mono_ms)
{
	long long left = reply_integer(pttl);
	uint64_t age = left > 0 && left < HEARTBEAT_PX_MS ? (uint64_t)(HEARTBEAT_PX_MS - left) : 0;
	return left == -2 ? 0 : mono_ms > age ? mono_ms - age : 0;
}

static int hear_keys(struct regions *r, struct redis_link *link, const struct redis_reply *keys, bool engines, uint64_t mono_ms)
{
	for (size_t i = 0; i < reply_count(keys); i++)
		redis_appendf(link, "PTTL %s", reply_text(reply_at(keys, i), NULL));
	for (size_t i = 0; i < reply_count(keys); i++) {
		char region[NAME_MAX_LEN + 1];
		unsigned shard;
		struct redis_reply *pttl = redis_read(link, 0);
		if (!pttl)
			return -EIO;
		uint64_t beat_ms = beat_of(pttl, mono_ms);
		redis_reply_free(pttl);
		if (!engines && beat_ms) {
			r->schedulers++;
			if (r->scheduler_beat_ms < beat_ms)
				r->scheduler_beat_ms = beat_ms;
		} else if (beat_ms && parse_engine_key(reply_text(reply_at(keys, i), NULL), region, &shard)) {
			r->engines++;
			regions_heard(r, region, shard, beat_ms);
		}
	}
	return 0;
}

static int scan(struct regions *r, struct redis_link *link, const char *pattern, bool engines, uint64_t mono_ms)
{
	char cursor[32] = "0";
	do {
		struct redis_reply *reply = redis_ask(link, "SCAN %s MATCH %s COUNT 1000", cursor, pattern);
		int bad = !reply ? -EIO : reply_is_error(reply) ? -EREMOTEIO : hear_keys(r, link, reply_at(reply, 1), engines, mono_ms);
		snprintf(cursor, sizeof(cursor), "%s", reply_text(reply_at(reply, 0), NULL));
		redis_reply_free(reply);
		if (bad)
			return bad;
	} while (cursor[0] && strcmp(cursor, "0") != 0);
	return 0;
}

int regions_listen(struct regions *r, struct redis_link *link, const char *prefix, uint64_t mono_ms)
{
	char pattern[STREAM_KEY_MAX];
	r->engines = r->schedulers = 0;
	snprintf(pattern, sizeof(pattern), "%.32s:{*}:hb:*", prefix);
	int bad = scan(r, link, pattern, true, mono_ms);
	component_key(pattern, prefix, "scheduler", "*");
	if (!bad)
		bad = scan(r, link, pattern, false, mono_ms);
	return bad;
}

/* ---- voting ---- */

static enum vote majority_of(const struct regions *r, const enum vote *vote, unsigned *voters)
{
	unsigned count[3] = { 0 };
	for (unsigned i = 0; i < r->count; i++)
		if (!r->region[i].quarantined)
			count[vote[i]]++;
	*voters = count[VOTE_UP] + count[VOTE_DOWN];
	if (*voters < 2)
		return VOTE_ABSTAIN;
	return count[VOTE_UP] * 2 > *voters ? VOTE_UP : count[VOTE_DOWN] * 2 > *voters ? VOTE_DOWN : VOTE_ABSTAIN;
}

void regions_tally(struct regions *r, const enum vote *vote, enum canary canary)
{
	unsigned voters;
	enum vote majority = majority_of(r, vote, &voters);
	for (unsigned i = 0; i < r->count; i++) {
		struct region_tally *t = &r->region[i].tally;
		if (vote[i] == VOTE_ABSTAIN)
			continue;
		if (canary == CANARY_DOWN) {
			t->canaries_open += vote[i] == VOTE_UP;
		} else if (majority != VOTE_ABSTAIN) {
			t->voting++;
			t->disagreeing += vote[i] != majority;
			t->canaries += canary == CANARY_UP;
			t->canaries_failed += canary == CANARY_UP && vote[i] == VOTE_DOWN && majority == VOTE_UP;
		}
	}
}

void regions_tally_name(struct regions *r, unsigned region, enum name_look look)
{
	struct region_tally *t = &r->region[region].tally;
	t->named++;
	t->looked += look != NAME_UNSEEN;
	t->unresolved += look == NAME_UNRESOLVED;
}

static bool canaries_are_bad(const struct region_tally *t)
{
	return t->canaries_open || (t->canaries_failed && t->canaries_failed * 2 >= t->canaries);
}

static bool disagrees(const struct region_tally *t, double percent)
{
	return t->voting >= QUARANTINE_TARGETS_MIN && t->disagreeing >= QUARANTINE_DISAGREE_MIN &&
	       t->disagreeing * 100.0 >= t->voting * percent;
}

/* Two that vote must be left, and by disagreement alone no more than a minority may go: were everybody quarantined for
 * disagreeing with everybody, nothing would be watched at all. */
static bool may_enter(const struct regions *r, bool canaries)
{
	unsigned out = 1;
	for (unsigned i = 0; i < r->count; i++)
		out += r->region[i].quarantined;
	return canaries || (out * 2 < r->count && r->count - out >= 2);
}

static void enter(struct region *region)
{
	const struct region_tally *t = &region->last;
	if (t->canaries_open)
		snprintf(region->why, sizeof(region->why), "a canary that is always down answers there");
	else if (canaries_are_bad(t))
		snprintf(region->why, sizeof(region->why), "%u of its %u canaries fail only from there", t->canaries_failed, t->canaries);
	else
		snprintf(region->why, sizeof(region->why), "it disagrees with the majority on %u of %u targets", t->disagreeing, t->voting);
	region->quarantined = true;
	log_warnx("region is quarantined", LOG_S("region", region->name), LOG_S("why", region->why));
}

static void leave(struct region *region)
{
	region->quarantined = false;
	region->why[0] = 0;
	log_info("region votes again", LOG_S("region", region->name));
}

static void conclude(struct regions *r, struct region *region, uint64_t mono_ms)
{
	const struct region_tally *t = &region->last;
	bool canaries = canaries_are_bad(t);
	bool bad = canaries || disagrees(t, region->quarantined ? QUARANTINE_LEAVE_PERCENT : QUARANTINE_ENTER_PERCENT);
	uint64_t *since = bad ? &region->bad_since_ms : &region->calm_since_ms;
	*(bad ? &region->calm_since_ms : &region->bad_since_ms) = 0;
	if (!*since)
		*since = mono_ms;
	uint64_t lasts = mono_ms - *since;
	if (bad && !region->quarantined && lasts >= (canaries ? QUARANTINE_CANARY_AFTER_MS : QUARANTINE_AFTER_MS) &&
	    may_enter(r, canaries))
		enter(region);
	else if (!bad && region->quarantined && lasts >= QUARANTINE_CALM_MS)
		leave(region);
}

/* Begins with more than half of the names and ends with less than a quarter, so that it is not told again and again while
 * a resolver struggles. */
static void conclude_resolver(struct region *region, uint64_t mono_ms)
{
	const struct region_tally *t = &region->last;
	if (t->named && !t->looked)
		return; /* nobody looks: that is another trouble, and says nothing about this one */
	bool bad = t->unresolved >= RESOLVER_NAMES_MIN && t->unresolved * 2 > t->looked;
	bool well = t->unresolved * 4 <= t->looked;
	region->failing_since_ms = !bad ? 0 : region->failing_since_ms ? region->failing_since_ms : mono_ms;
	region->resolving_since_ms = !well ? 0 : region->resolving_since_ms ? region->resolving_since_ms : mono_ms;
	if (bad && !region->resolver_fails && mono_ms - region->failing_since_ms >= RESOLVER_AFTER_MS)
		region->resolver_fails = true;
	else if (well && region->resolver_fails && mono_ms - region->resolving_since_ms >= RESOLVER_CALM_MS)
		region->resolver_fails = false;
}

void regions_conclude(struct regions *r, uint64_t mono_ms)
{
	for (unsigned i = 0; i < r->count; i++) {
		r->region[i].last = r->region[i].tally;
		r->region[i].tally = (struct region_tally){ 0 };
		conclude(r, &r->region[i], mono_ms);
		conclude_resolver(&r->region[i], mono_ms);
	}
}

void regions_remember_quarantine(struct regions *r, const char *name, const char *why)
{
	struct region *region = find(r, name);
	if (!region || region->quarantined)
		return;
	region->quarantined = true;
	snprintf(region->why, sizeof(region->why), "%s", why);
}

void regions_remember_resolver(struct regions *r, const char *name)
{
	struct region *region = find(r, name);
	if (region)
		region->resolver_fails = true;
}

void regions_remember_silence(struct regions *r, const char *name)
{
	struct region *region = find(r, name);
	for (unsigned k = 0; region && k < SETTINGS_SHARDS_MAX; k++)
		if (region->beat_ms[k] <= r->grace_ms)
			region->beat_ms[k] = 0;
}

/* ---- what the deciding sees ---- */

uint16_t regions_quarantined(const struct regions *r)
{
	uint16_t mask = 0;
	for (unsigned i = 0; i < r->count; i++)
		mask |= (uint16_t)(r->region[i].quarantined << i);
	return mask;
}

uint16_t regions_resolver_fails(const struct regions *r)
{
	uint16_t mask = 0;
	for (unsigned i = 0; i < r->count; i++)
		mask |= (uint16_t)(r->region[i].resolver_fails << i);
	return mask;
}

uint16_t regions_silent(const struct regions *r, unsigned shard, uint64_t mono_ms)
{
	uint16_t mask = 0;
	for (unsigned i = 0; i < r->count; i++)
		mask |= (uint16_t)(is_silent(&r->region[i], shard, mono_ms) << i);
	return mask;
}
