/* backoff.h - how long to wait before the next try: doubles from 50 ms to 5 s, with jitter, so that a fleet that lost
 * its server does not come back as a herd. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000

struct backoff {
	uint32_t seed;	/* any value; 0 is taken as 1 */
	unsigned tries; /* since the last success */
};

/* The wait before the next try in ms, uniformly within [half, whole] of the doubled step; counts the try. */
unsigned backoff_next_ms(struct backoff *b);
static inline void backoff_reset(struct backoff *b) { b->tries = 0; }

#endif
