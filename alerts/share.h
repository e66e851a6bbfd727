/* share.h - which shards are ours: as many as there are, divided by the alerts processes that live, rounded up. */
#ifndef ALERTS_SHARE_H
#define ALERTS_SHARE_H

#include "alerts/alerts.h"

#define SHARE_BEAT_MS 2000	/* often, because the others take over what we leave */
#define SHARE_LIVING_MS 7000	/* who has not said so for this long does not live; less than a lease lasts */

/* How many of shards one of alive processes may have. */
static inline unsigned share_fair(unsigned shards, unsigned alive)
{
	return alive ? (shards + alive - 1) / alive : shards;
}

/* Says that we live, counts who else does, takes and gives back. */
void share_step(struct alerts *a);
/* From within what may take long (a million monitors are read): we live, and our leases are renewed.  What is lost by
 * then is found out by the next share_step(). */
void share_keep(struct alerts *a);
/* All of them are given back, and we do not live any more. */
void share_leave(struct alerts *a);

#endif
