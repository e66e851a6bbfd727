/* backoff.c - how long to wait before the next try.
 * In: the number of tries so far and a seed.  Out: milliseconds.
 * Why so: half of the step is certain and half is chance ("equal jitter"): full jitter would at times retry at once,
 * which a server that has just come back least needs.  The clock and the sleep are the caller's. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/backoff.h"

#include <limits.h>

/* xorshift32 (Marsaglia 2003): spreads a fleet well enough and needs no state beyond the seed. */
static uint32_t next_random(uint32_t *seed)
{
	uint32_t x = *seed ? *seed : 1;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *seed = x;
}

unsigned backoff_next_ms(struct backoff *b)
{
	unsigned whole_ms = BACKOFF_MIN_MS;
	for (unsigned i = 0; i < b->tries && whole_ms < BACKOFF_MAX_MS; i++)
		whole_ms *= 2;
	if (whole_ms > BACKOFF_MAX_MS)
		whole_ms = BACKOFF_MAX_MS;
	if (b->tries < UINT_MAX) /* or it would wrap back to the shortest wait */
		b->tries++;
	const unsigned half_ms = whole_ms / 2;
	return half_ms + next_random(&b->seed) % (whole_ms - half_ms + 1);
}
