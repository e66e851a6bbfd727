/* twins.c - a hash table whose entries are the lane's slots.
 * In: keys and slot numbers.  Out: slot numbers.  Owns: two arrays.
 * Why so: in each bucket the newest stands first, and who looks for a twin can use none but the newest, so a thousand
 * attempts at one silent port cost no more than one. */
#include "engine/twins.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct twin_key) == 24, "compared and hashed as bytes: no padding");

int twins_init(struct twins *t, uint32_t slots)
{
	uint32_t buckets = 16;
	while (buckets < slots)
		buckets *= 2;
	t->mask = buckets - 1;
	t->of = malloc(slots * sizeof(*t->of));
	t->head = malloc(buckets * sizeof(*t->head));
	if (!t->of || !t->head)
		return -ENOMEM;
	for (uint32_t i = 0; i < slots; i++)
		t->of[i].bucket = TWINS_NONE;
	memset(t->head, 0xff, buckets * sizeof(*t->head)); /* TWINS_NONE each */
	return 0;
}

void twins_free(struct twins *t)
{
	free(t->of);
	free(t->head);
}

void twin_key_of(const struct job *job, struct twin_key *key)
{
	*key = (struct twin_key){ .port = job->port, .settle_ms = job->settle_ms, .timeout_ms = job->timeout_ms,
				  .family = job->family, .close = job->close };
	memcpy(key->address, job->address, job->family == FAMILY_V6 ? 16 : 4);
}

static uint32_t bucket_of(const struct twins *t, const struct twin_key *key)
{
	uint64_t word[3], h = 0;
	memcpy(word, key, sizeof(word));
	for (unsigned i = 0; i < 3; i++) {
		h = (h ^ word[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	return (uint32_t)h & t->mask;
}

uint32_t twins_find(const struct twins *t, const struct twin_key *key)
{
	uint32_t slot = t->head[bucket_of(t, key)];
	while (slot != TWINS_NONE && memcmp(&t->of[slot].key, key, sizeof(*key)) != 0)
		slot = t->of[slot].older;
	return slot;
}

void twins_add(struct twins *t, uint32_t slot, const struct twin_key *key)
{
	struct twin *twin = &t->of[slot];
	must(twin->bucket == TWINS_NONE);
	const uint32_t bucket = bucket_of(t, key), older = t->head[bucket];
	*twin = (struct twin){ .key = *key, .newer = TWINS_NONE, .older = older, .bucket = bucket };
	if (older != TWINS_NONE)
		t->of[older].newer = slot;
	t->head[bucket] = slot;
}

void twins_remove(struct twins *t, uint32_t slot)
{
	struct twin *twin = &t->of[slot];
	if (twin->bucket == TWINS_NONE)
		return;
	if (twin->newer != TWINS_NONE)
		t->of[twin->newer].older = twin->older;
	else
		t->head[twin->bucket] = twin->older;
	if (twin->older != TWINS_NONE)
		t->of[twin->older].newer = twin->newer;
	twin->bucket = TWINS_NONE;
}
