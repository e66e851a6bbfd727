/* shard_tally.c - everybody is looked at once every few seconds, a slice at a time.
 * In: the watches of a shard.  Out: votes for the judging of regions, numbers for the metrics, a canary that stays away.
 * Owns: nothing.  Why so: what concerns all monitors at once is counted beside the deciding, so a result costs nothing
 * more. */
#include "alerts/shard.h"

#include <stdio.h>

#define CANARY_LATE_MS 20000 /* or three intervals, if that is longer */

static void tally_votes(struct alerts *a, const struct shard *s, const struct watched *w)
{
	const struct watch_env env = { .now_ms = a->now_ms, .silent = s->silent };
	enum vote vote[REGIONS_MAX];
	for (unsigned i = 0; i < a->settings.regions; i++)
		vote[i] = watch_vote(w->watch, i, &env);
	regions_tally(&a->regions, vote, w->canary);
}

static void tally_name(struct alerts *a, const struct watched *w)
{
	for (unsigned i = 0; i < a->settings.regions; i++)
		if (w->region_mask >> i & 1)
			regions_tally_name(&a->regions, i, watch_name_look(w->watch, i, a->now_ms));
}

static bool stays_away(const struct alerts *a, const struct watched *w)
{
	uint64_t patience_ms = 3ull * w->interval_ms;
	return a->mono_ms > w->canary_ms + (patience_ms > CANARY_LATE_MS ? patience_ms : CANARY_LATE_MS);
}

bool shard_tally(struct alerts *a, struct shard *s, unsigned most, struct tally *t)
{
	for (; s->tallied < s->roster.count && most; s->tallied++, most--) {
		const struct watched *w = s->roster.at[s->tallied];
		if (w->asleep)
			continue;
		t->monitors++;
		t->watched[watch_state(w->watch)]++;
		tally_votes(a, s, w);
		if (w->named)
			tally_name(a, w);
		if (w->canary == CANARY_DOWN && stays_away(a, w))
			snprintf(t->canary, sizeof(t->canary), "%s", w->name);
		t->canaries_awaited += w->canary == CANARY_DOWN && !w->canary_came;
	}
	return s->tallied >= s->roster.count;
}
