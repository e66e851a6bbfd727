/* missed_log.h - tells in pw:{r.s}:missed which monitors have no result for a slot, and why.
 * In: names, one by one.  Out: stream entries slot, n, reason, b (a JSON array of names; empty where so many slots were
 * missed at once that only their number is told, and then a field `until` says up to which slot).
 * Owns: what is not written yet, at most some MB; what Redis does not take is counted and dropped, the metrics have it.
 */
#ifndef SCHEDULER_MISSED_LOG_H
#define SCHEDULER_MISSED_LOG_H

#include "scheduler/places.h"

struct missed_log;
struct missed_log *missed_log_new(struct scheduler_counters *counters); /* NULL: no memory */
void missed_log_free(struct missed_log *l);

void missed_log_add(struct missed_log *l, const struct place *at, uint64_t slot_ms, enum missed why, const char *name,
		    size_t len);
/* n slots of a place from one time to another. */
void missed_log_sum(struct missed_log *l, const struct place *at, uint64_t from_ms, uint64_t until_ms, uint64_t n,
		    enum missed why);
/* Writes what there is; what cannot be written is dropped.  The link may be down. */
void missed_log_write(struct missed_log *l, struct redis_link *link);

#endif
