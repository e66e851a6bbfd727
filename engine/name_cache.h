/* name_cache.h - what is known of names: answers, how long they hold, and who is in use.
 * Time is handed in (any monotonic ms).  One thread's own.
 *
 *	fresh	until expires_ms		answers from memory
 *	stale	for STALE_MS more, on error	answers from memory when the resolver does not know better, and says so
 *	failed	until retry_ms			the resolver is not asked again so soon
 *
 * TTLs are kept within 5 s and 1 h: below, a probe a minute would gain nothing; above, a moved service would not be seen. */
#ifndef ENGINE_NAME_CACHE_H
#define ENGINE_NAME_CACHE_H

#include "engine/dns_answer.h"

#define NAME_TTL_MIN_S 5
#define NAME_TTL_MAX_S 3600
#define NAME_TTL_NEGATIVE_S 60	      /* where no SOA says */
#define NAME_STALE_MS (3600 * 1000ull)
#define NAME_RETRY_MS 5000	      /* a failure is believed so long (RFC 2308, 7.1 allows five minutes) */
#define NAME_UNUSED_MS (3600 * 1000ull) /* then a name is forgotten */
#define NAMES_MAX 262144	      /* some 90 MB at most; above, those longest unused go */

/* What is known of one type. */
struct name_half {
	uint8_t outcome;   /* enum dns_outcome of the last answer that knew something; NONE: never one */
	uint8_t failure;   /* enum dns_outcome of the last question if it failed, else NONE */
	uint8_t count;
	bool asked;	   /* a question is under way or queued */
	bool used;	   /* since the last answer: worth being asked again before it expires */
	uint64_t sent_ns;  /* when the question under way was sent; 0: it still stands in the queue; the resolver's */
	uint32_t changes;  /* how often the set of addresses became another */
	uint64_t fetched_ms, expires_ms, prefetch_ms, retry_ms;
	uint8_t (*address)[16]; /* count of them, sorted; owned */
};

struct name_entry {
	struct name_entry *chain;	     /* in its bucket */
	struct name_entry *older, *newer;    /* by last use */
	uint64_t used_ms;
	struct name_half half[DNS_TYPES];
	void *waiting;			     /* the resolver's: jobs that wait for it */
	char *changed;			     /* a sentence for the next probe after a change; owned */
	uint32_t hash;
	uint32_t slot;			     /* the cache's own, for its timers */
	uint8_t len;
	char name[];			     /* lower case, ended by 0 */
};

struct name_cache;
struct name_cache *name_cache_new(void); /* NULL: no memory */
void name_cache_free(struct name_cache *c);

/* The entry of a name (ASCII; case does not matter), made if there is none; used now.  NULL: no memory. */
struct name_entry *name_cache_use(struct name_cache *c, const char *name, size_t len, uint64_t now_ms);

/* Whether the half answers from memory: it is fresh. */
bool name_half_is_fresh(const struct name_half *h, uint64_t now_ms);
/* Whether it may answer although it has expired, because there is nothing better. */
bool name_half_is_stale(const struct name_half *h, uint64_t now_ms);
/* Whether asking again would be too soon after a failure. */
bool name_half_has_failed(const struct name_half *h, uint64_t now_ms);

/* Takes in what became of a question.  Returns true if the addresses are others than before (entry->changed then says it). */
bool name_cache_answer(struct name_cache *c, struct name_entry *e, enum dns_type type, const struct dns_answer *a,
		       uint64_t now_ms);

/* One name in use whose answer expires soon, to be asked again (type says which); NULL: none is due.  Names that nobody
 * used for an hour are forgotten on the way. */
struct name_entry *name_cache_due(struct name_cache *c, uint64_t now_ms, enum dns_type *type);
/* When name_cache_due() wants to be called again, ms; UINT64_MAX: not before something new comes. */
uint64_t name_cache_next_ms(const struct name_cache *c);

uint32_t name_cache_count(const struct name_cache *c);
/* ms since the oldest answer in use was fetched; for the metrics, looks at all (O(names)). */
uint64_t name_cache_oldest_ms(const struct name_cache *c, uint64_t now_ms);

#endif
