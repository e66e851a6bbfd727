/* early.h - batches in which some have failed and others are still waiting: what is down is said before the batch is finished.
 *
 * A batch is published when its last job has an outcome, in one transaction with its acknowledgement.  A silent target
 * would so hold back, for its whole timeout, that the port beside it in the same entry is closed.  So a batch that is still open
 * EARLY_NS after its first outcome gives a copy of what is down and not yet said: the copy is published and not
 * acknowledged, and what was said is left out when the batch follows (result_stream.c).  Only what is down: who looks
 * on as things go well loses nothing by waiting, and Redis pays for each entry. */
#ifndef ENGINE_EARLY_H
#define ENGINE_EARLY_H

#include "base/clock.h"
#include "engine/batch.h"

#define EARLY_NS (200 * NS_PER_MS) /* far below a timeout, far above the spread of answers to jobs begun together */

/* In the order in which they ripen; the batches are their lane's. */
struct early {
	struct batch *first, *last;
};

/* A job of the batch has an outcome and others have none.  Nothing happens if it is here already, nor with a part of an
 * entry (batch_split()): its bits are not those of the rows of the whole, which is what follows. */
void early_wait(struct early *e, struct batch *b, uint64_t now_ns);
/* The batch is finished; nothing happens if it is not here. */
void early_drop(struct early *e, struct batch *b);
/* When there is something to look at; UINT64_MAX: never. */
uint64_t early_next_ns(const struct early *e);
/* A copy of what is down and unsaid in a batch, into the list, with .early set.  None of a part, as above. */
void early_say(struct batch *b, struct batch_list *into);
/* The same of all batches that are ripe at now_ns. */
void early_take(struct early *e, uint64_t now_ns, struct batch_list *into);

#endif
