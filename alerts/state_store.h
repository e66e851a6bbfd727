/* state_store.h - what a shard has decided, made to last: states, events and outbox in one transaction.
 *
 * The EXEC is the point of truth.  It is guarded by the lease (WATCH, and the lease's value must be our name), so a
 * process that was held up and lost its shard writes nothing.  Each transaction leaves its mark in the state hash,
 * "@commit"; when a link broke before EXEC was answered, the mark tells whether it stood, and it is neither lost nor
 * written twice. */
#ifndef ALERTS_STATE_STORE_H
#define ALERTS_STATE_STORE_H

#include "alerts/event.h"
#include "wire/redis_link.h"

#include <stdatomic.h>

#define EVENTS_MAX 10000 /* about as many are kept in the log of events */
#define STATE_COMMIT "@commit"

struct store;

struct store_counters {
	_Atomic uint64_t commits, states, events, told, retries, lost;
	_Atomic uint64_t full; /* 1 while Redis refuses because it is full */
};

/* holder: the lease's value that is ours.  All texts are copied; NULL: no memory. */
struct store *store_new(struct redis_link *link, const char *prefix, unsigned shard, const char *holder,
			struct store_counters *counters);
void store_free(struct store *s);

/* Put into what the next commit writes, in order; the events of a decision before its state, so that one transaction
 * carries both. */
void store_state(struct store *s, const char *field, const char *json);
void store_forget(struct store *s, const char *field);
void store_event(struct store *s, const struct event_text *event);
bool store_is_empty(const struct store *s);
size_t store_size(const struct store *s); /* commands put and not committed */

enum store_outcome {
	STORE_STOOD, /* it lasts (or there was nothing) */
	STORE_LATER, /* Redis is away, full or refuses: call again; nothing is lost meanwhile */
	STORE_LOST   /* the lease is another's: what was put is void */
};
enum store_outcome store_commit(struct store *s);
/* True while Redis refuses for want of memory. */
bool store_is_full(const struct store *s);

/* Gives every field of the shard's state hash, those that begin with @ too; some twice, maybe.  0, or -EIO or
 * -EREMOTEIO. */
typedef void store_take(void *arg, const char *field, const char *json, size_t len);
int store_load(struct redis_link *link, const char *prefix, unsigned shard, store_take *take, void *arg);

#endif
