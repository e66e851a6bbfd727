/* twins.c - a hash table whose entries are the lane's slots.
 * In: keys and slot numbers.  Out: slot numbers.  Owns: two arrays.
 * Why so: in each bucket the newest stands first, and who looks for a twin can use none but the newest, so a thousand
 * attempts at one silent port cost no more than one. */
#include "engine/twins.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	uint32_t v4;
	if (job->family == FAMILY_V6) {
		memcpy(key->word, job->address, 16);
	} else {
		memcpy(&v4, job->address, 4);
		key->word[0] = v4;
		key->word[1] = 0;
	}
	key->word[2] = job->port | (uint64_t)job->settle_ms << 16 | (uint64_t)job->timeout_ms << 32 |
		       (uint64_t)job->family << 48 | (uint64_t)job->close << 56;
}

static uint32_t bucket_of(const struct twins *t, const struct twin_key *key)
{
	uint64_t h = 0;
	for (unsigned i = 0; i < 3; i++) {
		h = (h ^ key->word[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	return (uint32_t)h & t->mask;
}

static bool same_key(const struct twin_key *a, const struct twin_key *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2];
}

uint32_t twins_find(const struct twins *t, const struct twin_key *key)
{
	uint32_t slot = t->head[bucket_of(t, key)];
	while (slot != TWINS_NONE && !same_key(&t->of[slot].key, key))
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
