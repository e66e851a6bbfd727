/* result_feed.h - results as the engines publish them, for the ledger.
 * In: pw:{r.s}:res of every place, by XREAD from the place's own position.  Out: ledger_answer() for each row.
 * Owns: nothing; positions stand in the places. */
#ifndef SCHEDULER_RESULT_FEED_H
#define SCHEDULER_RESULT_FEED_H

#include "scheduler/ledger.h"

/* Reads once.  1: all there was has been seen; 0: there is more; negative: -EIO the link broke, -EBADMSG with a line in
 * the log. */
int result_feed_read(struct ledger *l, struct redis_link *link);

#endif
