/* name_cache.c - a hash of names with one timer each.
 * In: names, answers, the time.  Out: what may be answered from memory, and what is to be asked again.
 * Owns: the entries.  Why so: an entry is found by one hash and one compare; its timer is the earlier of what its halves
 * want, in a heap that knows where each entry stands. */
#include "engine/name_cache.h"

#include "base/clock.h"
#include "base/deadlines.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define BUCKETS 65536
#define PREFETCH_SHARE 10 /* of the TTL is left when a name in use is asked again */

struct name_cache {
	struct name_entry *bucket[BUCKETS];
	struct name_entry *oldest, *newest;
	struct name_entry **at_slot; /* slot -> entry, for the timers */
	uint32_t *free_slot;
	uint32_t free_slots; /* that came back; others are handed out from 0 up, so that memory nobody needs is never touched */
	uint32_t slots_out, count;
	struct deadlines timers; /* in ms, though its fields say ns */
};

struct name_cache *name_cache_new(void)
{
	struct name_cache *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->at_slot = calloc(NAMES_MAX, sizeof(*c->at_slot));
	c->free_slot = malloc(NAMES_MAX * sizeof(*c->free_slot));
	if (!c->at_slot || !c->free_slot || deadlines_init(&c->timers, NAMES_MAX) < 0) {
		name_cache_free(c);
		return NULL;
	}
	return c;
}

static void entry_free(struct name_entry *e)
{
	for (unsigned t = 0; t < DNS_TYPES; t++)
		free(e->half[t].address);
	free(e->changed);
	free(e);
}

void name_cache_free(struct name_cache *c)
{
	if (!c)
		return;
	for (struct name_entry *e; (e = c->oldest);) {
		c->oldest = e->newer;
		entry_free(e);
	}
	free(c->at_slot);
	free(c->free_slot);
	deadlines_free(&c->timers);
	free(c);
}

/* FNV-1a of the name in lower case, which goes into lower. */
static uint32_t hash_name(const char *name, size_t len, char *lower)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < len; i++) {
		lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
		hash = (hash ^ (uint8_t)lower[i]) * 16777619u;
	}
	lower[len] = 0;
	return hash;
}

static void use_unlink(struct name_cache *c, struct name_entry *e)
{
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
}

static void use_link(struct name_cache *c, struct name_entry *e)
{
	e->older = c->newest;
	e->newer = NULL;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

/* Nobody waits for it and no question is under way. */
static bool is_idle(const struct name_entry *e)
{
	return !e->waiting && !e->half[DNS_A].asked && !e->half[DNS_AAAA].asked;
}

static void forget(struct name_cache *c, struct name_entry *e)
{
	struct name_entry **at = &c->bucket[e->hash % BUCKETS];
	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	use_unlink(c, e);
	deadlines_drop(&c->timers, e->slot);
	c->at_slot[e->slot] = NULL;
	c->free_slot[c->free_slots++] = e->slot;
	c->count--;
	entry_free(e);
}

/* A free slot, if need be that of the name which was not used for longest. */
static bool take_slot(struct name_cache *c, uint32_t *slot)
{
	if (c->count == NAMES_MAX) {
		struct name_entry *e = c->oldest;
		while (e && !is_idle(e))
			e = e->newer;
		if (!e)
			return false;
		forget(c, e);
	}
	*slot = c->free_slots ? c->free_slot[--c->free_slots] : c->slots_out++;
	return true;
}

static struct name_entry *entry_new(struct name_cache *c, const char *lower, size_t len, uint32_t hash)
{
	uint32_t slot;
	struct name_entry *e = calloc(1, sizeof(*e) + len + 1);
	if (!e || !take_slot(c, &slot)) {
		free(e);
		return NULL;
	}
	memcpy(e->name, lower, len + 1);
	e->len = (uint8_t)len;
	e->hash = hash;
	e->slot = slot;
	e->chain = c->bucket[hash % BUCKETS];
	c->bucket[hash % BUCKETS] = e;
	c->at_slot[slot] = e;
	c->count++;
	return e;
}

struct name_entry *name_cache_use(struct name_cache *c, const char *name, size_t len, uint64_t now_ms)
{
	char lower[HOST_MAX_LEN + 1];
	must(len > 0 && len <= HOST_MAX_LEN);
	uint32_t hash = hash_name(name, len, lower);
	struct name_entry *e = c->bucket[hash % BUCKETS];
	while (e && (e->hash != hash || e->len != len || memcmp(e->name, lower, len) != 0))
		e = e->chain;
	if (e)
		use_unlink(c, e);
	else if (!(e = entry_new(c, lower, len, hash)))
		return NULL;
	use_link(c, e);
	e->used_ms = now_ms;
	return e;
}

bool name_half_is_fresh(const struct name_half *h, uint64_t now_ms)
{
	return h->outcome != DNS_NONE && now_ms < h->expires_ms;
}

bool name_half_is_stale(const struct name_half *h, uint64_t now_ms)
{
	return h->outcome == DNS_ADDRESSES && now_ms >= h->expires_ms && now_ms < h->expires_ms + NAME_STALE_MS;
}

bool name_half_has_failed(const struct name_half *h, uint64_t now_ms)
{
	return h->failure != DNS_NONE && now_ms < h->retry_ms;
}

/* ---- answers ---- */

static void add_addresses(char *into, size_t room, enum dns_type type, const uint8_t (*address)[16], unsigned count)
{
	size_t used = strlen(into);
	for (unsigned i = 0; i < count && used + 48 < room; i++) {
		char text[INET6_ADDRSTRLEN];
		inet_ntop(type == DNS_A ? AF_INET : AF_INET6, address[i], text, sizeof(text));
		if (i == 4 && count > 5) {
			snprintf(into + used, room - used, " and %u more", count - i);
			return;
		}
		used += (size_t)snprintf(into + used, room - used, "%s%s", i ? ", " : "", text);
	}
	if (!count)
		snprintf(into + used, room - used, "none");
}

static void say_change(struct name_entry *e, enum dns_type type, const struct dns_answer *a)
{
	const struct name_half *h = &e->half[type];
	char line[600];
	snprintf(line, sizeof(line), "%s address of %.100s changed from ", type == DNS_A ? "the IPv4" : "the IPv6", e->name);
	add_addresses(line, sizeof(line), type, (const uint8_t(*)[16])h->address, h->count);
	strcat(line, " to ");
	add_addresses(line, sizeof(line), type, a->address, a->count);
	free(e->changed);
	e->changed = strdup(line);
}

/* Addresses that go away altogether, or come to a name that had none, change too. */
static bool is_change(const struct name_half *h, const struct dns_answer *a)
{
	if (h->outcome == DNS_NONE)
		return false;
	return h->count != a->count || (a->count && memcmp(h->address, a->address, a->count * sizeof(a->address[0])) != 0);
}

static void keep_addresses(struct name_half *h, const struct dns_answer *a)
{
	if (h->count != a->count) {
		free(h->address);
		h->address = a->count ? malloc(a->count * sizeof(a->address[0])) : NULL;
		must_say(!a->count || h->address, "no memory for %u addresses", a->count);
	}
	h->count = a->count;
	if (a->count)
		memcpy(h->address, a->address, a->count * sizeof(a->address[0]));
}

static uint64_t ttl_ms(const struct dns_answer *a)
{
	uint32_t s = a->ttl_s == UINT32_MAX ? NAME_TTL_NEGATIVE_S : a->ttl_s;
	s = s < NAME_TTL_MIN_S ? NAME_TTL_MIN_S : s > NAME_TTL_MAX_S ? NAME_TTL_MAX_S : s;
	return s * MS_PER_S;
}

/* The next time anything is to be done about an entry: a half to be asked again, or the whole forgotten. */
static void set_timer(struct name_cache *c, struct name_entry *e)
{
	uint64_t at = e->used_ms + NAME_UNUSED_MS;
	for (unsigned t = 0; t < DNS_TYPES; t++)
		if (e->half[t].prefetch_ms && e->half[t].prefetch_ms < at)
			at = e->half[t].prefetch_ms;
	deadlines_set(&c->timers, e->slot, at);
}

bool name_cache_answer(struct name_cache *c, struct name_entry *e, enum dns_type type, const struct dns_answer *a,
		       uint64_t now_ms)
{
	struct name_half *h = &e->half[type];
	bool changed = false;
	h->asked = false;
	if (!dns_outcome_knows(a->outcome)) {
		h->failure = a->outcome;
		h->retry_ms = now_ms + NAME_RETRY_MS;
		h->prefetch_ms = 0; /* whoever needs it next asks */
		set_timer(c, e);
		return false;
	}
	changed = is_change(h, a);
	if (changed) {
		say_change(e, type, a);
		h->changes++;
	}
	keep_addresses(h, a);
	h->outcome = a->outcome;
	h->failure = DNS_NONE;
	h->fetched_ms = now_ms;
	h->expires_ms = now_ms + ttl_ms(a);
	/* Spread over a second share, or names that came together would be asked together for ever. */
	uint64_t share = ttl_ms(a) / PREFETCH_SHARE;
	h->prefetch_ms = h->expires_ms - share - share * (e->hash % 256) / 256;
	h->used = false;
	set_timer(c, e);
	return changed;
}

/* ---- timers ---- */

struct name_entry *name_cache_due(struct name_cache *c, uint64_t now_ms, enum dns_type *type)
{
	for (int64_t slot; (slot = deadlines_pop(&c->timers, now_ms)) >= 0;) {
		struct name_entry *e = c->at_slot[slot];
		if (now_ms >= e->used_ms + NAME_UNUSED_MS && is_idle(e)) {
			forget(c, e);
			continue;
		}
		for (unsigned t = 0; t < DNS_TYPES; t++) {
			struct name_half *h = &e->half[t];
			if (!h->prefetch_ms || now_ms < h->prefetch_ms)
				continue;
			h->prefetch_ms = 0;
			if (h->used && !h->asked) {
				set_timer(c, e);
				*type = (enum dns_type)t;
				return e;
			}
		}
		if (e->used_ms + NAME_UNUSED_MS <= now_ms)
			deadlines_set(&c->timers, e->slot, now_ms + NAME_RETRY_MS); /* somebody still waits for it */
		else
			set_timer(c, e);
	}
	return NULL;
}

uint64_t name_cache_next_ms(const struct name_cache *c)
{
	return deadlines_next_ns(&c->timers);
}

uint32_t name_cache_count(const struct name_cache *c)
{
	return c->count;
}

uint64_t name_cache_oldest_ms(const struct name_cache *c, uint64_t now_ms)
{
	uint64_t oldest = 0;
	for (const struct name_entry *e = c->newest; e; e = e->older)
		for (unsigned t = 0; t < DNS_TYPES; t++)
			if (e->half[t].outcome && e->half[t].used && now_ms - e->half[t].fetched_ms > oldest)
				oldest = now_ms - e->half[t].fetched_ms;
	return oldest;
}
