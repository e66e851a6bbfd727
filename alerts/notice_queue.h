/* notice_queue.h - the events that one channel has before it: in which order they are told, which of them wait. Of
 * one monitor only the oldest may be told (no UP before its DOWN); of those that may, pages go before notices and
 * then who is due first.  It touches neither Redis nor a clock; now_ms is handed in (monotonic). */
#ifndef ALERTS_NOTICE_QUEUE_H
#define ALERTS_NOTICE_QUEUE_H

#include "alerts/notify.h"
#include "alerts/retry.h"

/* Beyond it nothing is read from the outbox; 2,000 events of some 2 KB each. */
#define NOTICE_QUEUE_MAX 2000

enum outcome { OUTCOME_DELIVERED, OUTCOME_REFUSED, OUTCOME_DISABLED, OUTCOME_GIVEN_UP, OUTCOME_LEFT_OUT, OUTCOMES };
extern const char
	*const outcome_names[OUTCOMES + 1]; /* "delivered", "refused", "disabled", "given_up", "left_out", NULL */

struct queued {
	struct queued *next, *prev;
	struct notice notice; /* its texts follow the struct */
	unsigned shard;
	uint64_t id_ms, id_seq; /* of the entry */
	unsigned made;		/* tries so far */
	bool old;		/* it was given to somebody before: another process may have tried */
	uint64_t due_ms;
	bool blocked;		/* an older one of its monitor is still here */
	bool unheard;		/* the last try failed because nobody answered, so that another's success is good news */
	bool woken;		/* due_ms was moved forward by such news; planned_ms is when it had been due */
	bool alone;		/* not to be folded with others: such a message was refused */
	uint64_t planned_ms;
	enum outcome outcome;	/* of one that is settled */
	char why[POST_SAID_MAX];
};

struct notice_queue {
	struct queued *first, *last;	     /* to be told, oldest first */
	struct queued *settled, *settled_last; /* told or given up, to be acknowledged */
	unsigned count;			     /* of both */
	uint64_t hold_ms;		     /* nothing is told before: the other side asked for it, or the channel is slow */
};

/* Copies an event.  NULL: it is here already (*known true) or there is no memory. */
struct queued *notice_queue_add(struct notice_queue *q, unsigned shard, uint64_t id_ms, uint64_t id_seq,
				const struct notice *n, uint64_t now_ms, bool *known);
/* Up to `most` events to be told now, no two of one monitor; they stay in the queue. */
unsigned notice_queue_due(struct notice_queue *q, uint64_t now_ms, struct queued **into, unsigned most);
/* When notice_queue_due() will give something; UINT64_MAX: not by waiting. */
uint64_t notice_queue_next_ms(const struct notice_queue *q);
/* It is tried again at due_ms. */
void notice_queue_later(struct queued *e, uint64_t due_ms);
/* It is done with: moves to the settled ones, and the next of its monitor may be told. */
void notice_queue_settle(struct notice_queue *q, struct queued *e, enum outcome outcome, const char *why);
/* Somebody answers again: all that waited because nobody did are due now. */
void notice_queue_wake(struct notice_queue *q, uint64_t now_ms);
/* Drops the first settled one: it was acknowledged. */
void notice_queue_drop_settled(struct notice_queue *q);
/* Forgets what belongs to shards that are not in the mask. */
void notice_queue_keep_shards(struct notice_queue *q, uint64_t shards);
/* The time in the oldest entry's id, settled ones apart; 0: none. */
uint64_t notice_queue_oldest_ms(const struct notice_queue *q);

#endif
