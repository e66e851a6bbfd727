/* address_book.c - see address_book.h.
 * In: results.  Out: a change that is to be told, once.  Owns: the sets.
 * Why so: names lead to other addresses in other regions (that is what some are for), so each has a set of its own; but a
 * service that moves is one piece of news, whoever sees it. */
#include "alerts/address_book.h"

#include "base/must.h"
#include "wire/settings.h"

#include <stdlib.h>
#include <string.h>

#define SAME_NEWS_MS 3600000 /* regions see it one after the other: a TTL of an hour, at most, apart */

struct address_book {
	uint64_t told_ms, told_hash; /* the change that was told last */
	struct address_set *set[REGIONS_MAX];
};

static void make(struct address_book **b)
{
	if (!*b)
		must_say((*b = calloc(1, sizeof(**b))), "no memory for addresses");
}

void address_book_free(struct address_book *b)
{
	for (unsigned i = 0; b && i < REGIONS_MAX; i++)
		free(b->set[i]);
	free(b);
}

/* Whether another region's change was the same a while ago. */
static bool is_told(struct address_book *b, const struct address_change *change, uint64_t at_ms)
{
	char both[2 * ADDRESS_SET_TEXT_MAX + 1];
	const int len = snprintf(both, sizeof(both), "%s>%s", change->old, change->new);
	const uint64_t hash = monitor_hash(both, (size_t)len);
	const bool told = hash == b->told_hash && at_ms < b->told_ms + SAME_NEWS_MS;

	b->told_hash = hash;
	b->told_ms = at_ms;
	return told;
}

enum address_news address_book_take(struct address_book **b, unsigned region, const struct result *r, unsigned interval_ms,
				    struct address_change *change)
{
	if (!*r->addresses || region >= REGIONS_MAX)
		return ADDRESSES_SAME;
	make(b);
	const enum address_news news =
		address_set_take(&(*b)->set[region], r->addresses, r->slot_ms, address_hold_ms(interval_ms), change);
	return news == ADDRESSES_CHANGED && is_told(*b, change, r->slot_ms) ? ADDRESSES_LEARNED : news;
}

json_t *address_book_save(const struct address_book *b, const char *const *names)
{
	if (!b)
		return NULL;
	json_t *o = json_object();
	for (unsigned i = 0; i < REGIONS_MAX; i++)
		if (b->set[i])
			json_object_set_new(o, names[i], address_set_save(b->set[i]));
	return o;
}

void address_book_load(struct address_book **b, const json_t *saved, const char *const *names, unsigned count)
{
	for (unsigned i = 0; i < count && i < REGIONS_MAX; i++) {
		const json_t *list = json_object_get(saved, names[i]);
		if (!json_array_size(list))
			continue;
		make(b);
		address_set_load(&(*b)->set[i], list);
	}
}
