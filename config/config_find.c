/* config_find.c - monitors by their names while a configuration is read: an open hash table over the array.
 * Why so: a hundred thousand names are looked up twice each; hsearch(3) is one table per process. */
#include "config/config_parts.h"

#include "base/must.h"

#include <stdlib.h>

void find_prepare(struct reader *r)
{
	r->buckets = 16;
	while (r->buckets < 2 * r->monitors_room)
		r->buckets *= 2;
	must((r->bucket = calloc(r->buckets, sizeof *r->bucket)));
}

/* The bucket where a name is, or where it would be. */
static uint32_t *bucket_of(const struct reader *r, const char *name)
{
	const uint32_t mask = r->buckets - 1;
	/* names that are numbered lie side by side in the low bits of FNV */
	uint32_t at = (uint32_t)((monitor_hash(name, strlen(name)) * 0x9e3779b97f4a7c15ull) >> 32) & mask;
	while (r->bucket[at] && strcmp(r->config->monitor[r->bucket[at] - 1].name, name) != 0)
		at = (at + 1) & mask;
	return &r->bucket[at];
}

int64_t monitor_find(const struct reader *r, const char *name)
{
	return (int64_t)*bucket_of(r, name) - 1;
}

int64_t monitor_note(struct reader *r, uint32_t index)
{
	uint32_t *bucket = bucket_of(r, r->config->monitor[index].name);
	if (*bucket)
		return (int64_t)*bucket - 1;
	*bucket = index + 1;
	return -1;
}

const char *monitor_near(struct reader *r, char *into, size_t len, const char *typed)
{
	const struct config *c = r->config;
	into[0] = 0;
	if (r->guesses++ >= GUESSES_MAX)
		return into;
	if (!r->names) {
		must((r->names = calloc(c->monitors + 1, sizeof *r->names)));
		for (unsigned i = 0; i < c->monitors; i++)
			r->names[i] = c->monitor[i].name[0] ? c->monitor[i].name : " ";
	}
	return did_you_mean(into, len, typed, r->names);
}
