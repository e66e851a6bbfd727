/* retry.h - when a delivery that failed is tried again: a list of waits, as Standard Webhooks recommends them. */
#ifndef ALERTS_RETRY_H
#define ALERTS_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each the wait before that try: 10 tries over 75 h 35 min. */
#define RETRY_SCHEDULE "0s 5s 5m 30m 2h 5h 10h 14h 20h 24h"
#define RETRY_TRIES_MAX 32
#define RETRY_NEVER UINT64_MAX

struct retry_schedule {
	unsigned tries; /* in all, at least one */
	uint64_t wait_ms[RETRY_TRIES_MAX];
};

/* "0s 5s 200ms 5m 2h".  False: why holds a sentence. */
bool retry_schedule_parse(struct retry_schedule *s, const char *text, char *why, size_t why_len);
/* When to try again after `made` tries (1 and up) have failed, the last of them at now_ms: the wait of the list and
 * up to a tenth more by chance, but not before retry_after_s are over.  RETRY_NEVER: that was the last one.  Changes
 * *seed. */
uint64_t retry_next_ms(const struct retry_schedule *s, unsigned made, unsigned retry_after_s, uint64_t now_ms,
		       uint32_t *seed);
/* How many tries of an event of this age count as made when another process takes over: as many as the list has room
 * for but one, because whether the last of them was made is not known, and somebody must try at least once. */
unsigned retry_made_by_age(const struct retry_schedule *s, uint64_t age_ms);

#endif
