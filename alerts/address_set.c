/* address_set.c - see address_set.h.
 * In: the addresses of each look.  Out: a change, with both sets.  Owns: an array that grows with the set.
 * Why so: whether an answer is a move or a turn cannot be known when it comes; whether the old address came back can be
 * known a while later, and nobody is woken by it, so it is told then. */
#include "alerts/address_set.h"

#include "alerts/history.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_INTERVALS 5
#define HOLD_LEAST_MS 15000  /* the least time that an engine keeps an answer is 5 s */
#define HOLD_MOST_MS 600000
#define SEEN_MAX (2 * NAME_SET_MAX)

struct seen {
	uint8_t address[16]; /* IPv4 mapped */
	uint64_t first_ms, last_ms;
	bool known; /* in the set that people know */
};

struct address_set {
	uint64_t begun_ms; /* 0: it was known before we began */
	uint64_t newest_ms;
	unsigned count;
	struct seen seen[]; /* by address */
};

uint64_t address_hold_ms(unsigned interval_ms)
{
	uint64_t hold = (uint64_t)interval_ms * HOLD_INTERVALS, least = 2ull * interval_ms;

	hold = hold < HOLD_LEAST_MS ? HOLD_LEAST_MS : hold > HOLD_MOST_MS ? HOLD_MOST_MS : hold;
	return hold < least ? least : hold;
}

/* ---- the array ---- */

static void resize(struct address_set **set, unsigned count)
{
	struct address_set *s = realloc(*set, sizeof(*s) + count * sizeof(s->seen[0]));

	must_say(s, "no memory for %u addresses", count);
	if (!*set)
		memset(s, 0, sizeof(*s));
	*set = s;
	s->count = count;
}

static void insert(struct address_set **set, const uint8_t address[16], uint64_t at_ms)
{
	const unsigned count = (*set)->count;
	unsigned at = 0;

	while (at < count && memcmp((*set)->seen[at].address, address, 16) < 0)
		at++;
	if (at < count && !memcmp((*set)->seen[at].address, address, 16)) {
		(*set)->seen[at].last_ms = at_ms;
		return;
	}
	if (count == SEEN_MAX)
		return; /* so many differ that it is never settled */
	resize(set, count + 1);
	memmove(&(*set)->seen[at + 1], &(*set)->seen[at], (count - at) * sizeof((*set)->seen[0]));
	(*set)->seen[at] = (struct seen){ .first_ms = at_ms, .last_ms = at_ms };
	memcpy((*set)->seen[at].address, address, 16);
}

static bool is_there(const struct seen *e, uint64_t at_ms, uint64_t hold_ms)
{
	return e->last_ms + hold_ms >= at_ms;
}

/* Forgets what was never told and has gone. */
static void drop_gone(struct address_set *s, uint64_t at_ms, uint64_t hold_ms)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->count; i++)
		if (s->seen[i].known || is_there(&s->seen[i], at_ms, hold_ms))
			s->seen[kept++] = s->seen[i];
	s->count = kept;
}

/* ---- reading ---- */

static bool read_address(const char *text, size_t len, uint8_t into[16])
{
	char one[INET6_ADDRSTRLEN];

	memset(into, 0, 16);
	if (!len || len >= sizeof(one))
		return false;
	memcpy(one, text, len);
	one[len] = '\0';
	if (inet_pton(AF_INET, one, into + 12) == 1) {
		into[10] = into[11] = 0xff;
		return true;
	}
	return inet_pton(AF_INET6, one, into) == 1;
}

/* How many; 0: it is no list of addresses, or too long a one. */
static unsigned read_list(const char *text, uint8_t into[NAME_SET_MAX][16])
{
	unsigned count = 0;

	for (const char *at = text; *at; at += *at == ',') {
		const size_t len = strcspn(at, ",");
		if (count == NAME_SET_MAX || !read_address(at, len, into[count++]))
			return 0;
		at += len;
	}
	return count;
}

/* ---- deciding ---- */

/* After a time without looks nobody can say who was away: all that is known counts as just seen. */
static void bridge(struct address_set *s, uint64_t at_ms, uint64_t hold_ms)
{
	if (at_ms <= s->newest_ms + hold_ms)
		return;
	for (unsigned i = 0; i < s->count; i++)
		if (s->seen[i].known)
			s->seen[i].last_ms = at_ms;
}

static enum address_news learn(struct address_set *s, uint64_t at_ms, uint64_t hold_ms)
{
	enum address_news news = ADDRESSES_SAME;

	for (unsigned i = 0; i < s->count; i++)
		if (!s->seen[i].known && is_there(&s->seen[i], at_ms, hold_ms)) {
			s->seen[i].known = true;
			news = ADDRESSES_LEARNED;
		}
	return news;
}

static bool is_another(const struct address_set *s, uint64_t at_ms, uint64_t hold_ms)
{
	bool differs = false;

	for (unsigned i = 0; i < s->count; i++) {
		const struct seen *e = &s->seen[i];
		const bool there = is_there(e, at_ms, hold_ms);
		if (there && !e->known && e->last_ms < e->first_ms + hold_ms)
			return false; /* it may be gone again soon, or is already */
		differs |= there != e->known;
	}
	return differs;
}

static void add(char *into, const uint8_t address[16])
{
	char text[INET6_ADDRSTRLEN];
	const size_t used = strlen(into);

	look_address_text(address, text);
	if (used + strlen(text) + 2 < ADDRESS_SET_TEXT_MAX)
		sprintf(into + used, "%s%s", used ? "," : "", text);
}

static void change_over(struct address_set *s, uint64_t at_ms, uint64_t hold_ms, struct address_change *change)
{
	change->old[0] = change->new[0] = '\0';
	change->since_ms = UINT64_MAX;
	for (unsigned i = 0; i < s->count; i++) {
		struct seen *e = &s->seen[i];
		const bool there = is_there(e, at_ms, hold_ms);
		const uint64_t ms = there ? e->first_ms : e->last_ms;
		if (e->known)
			add(change->old, e->address);
		if (there)
			add(change->new, e->address);
		if (there != e->known && ms < change->since_ms)
			change->since_ms = ms;
		e->known = there;
	}
}

enum address_news address_set_take(struct address_set **set, const char *addresses, uint64_t at_ms, uint64_t hold_ms,
				   struct address_change *change)
{
	uint8_t list[NAME_SET_MAX][16];
	const unsigned count = read_list(addresses, list);

	if (!count || (*set && at_ms < (*set)->newest_ms))
		return ADDRESSES_SAME;
	if (!*set) {
		resize(set, 0);
		(*set)->begun_ms = at_ms;
	}
	bridge(*set, at_ms, hold_ms);
	(*set)->newest_ms = at_ms;
	for (unsigned i = 0; i < count; i++)
		insert(set, list[i], at_ms);
	drop_gone(*set, at_ms, hold_ms);
	if ((*set)->begun_ms && at_ms < (*set)->begun_ms + hold_ms)
		return learn(*set, at_ms, hold_ms);
	(*set)->begun_ms = 0;
	if (!is_another(*set, at_ms, hold_ms))
		return ADDRESSES_SAME;
	change_over(*set, at_ms, hold_ms, change);
	drop_gone(*set, at_ms, hold_ms);
	return ADDRESSES_CHANGED;
}

/* ---- over restarts ---- */

json_t *address_set_save(const struct address_set *set)
{
	json_t *list = json_array();

	for (unsigned i = 0; set && i < set->count; i++) {
		char text[INET6_ADDRSTRLEN];
		if (!set->seen[i].known)
			continue;
		look_address_text(set->seen[i].address, text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

void address_set_load(struct address_set **set, const json_t *saved)
{
	for (size_t i = 0; i < json_array_size(saved) && i < NAME_SET_MAX; i++) {
		const char *text = json_string_value(json_array_get(saved, i));
		uint8_t address[16];
		if (!text || !read_address(text, strlen(text), address))
			continue;
		if (!*set)
			resize(set, 0);
		insert(set, address, 0);
	}
	for (unsigned i = 0; *set && i < (*set)->count; i++)
		(*set)->seen[i].known = true;
}
