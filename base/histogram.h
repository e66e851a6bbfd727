/* histogram.h - log-linear counts of microseconds: 16 steps per power of two, so any value is known within 1/16.
 * One writer, many readers: counts are relaxed atomics and a reader sees a slightly old picture, never a torn one. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_STEPS 16u
#define HISTOGRAM_BUCKETS (28u * HISTOGRAM_STEPS) /* up to 2^31 us, about 36 minutes; beyond counts in the last */

struct histogram {
	_Atomic uint64_t count[HISTOGRAM_BUCKETS];
	_Atomic uint64_t sum_us;
};

void histogram_add(struct histogram *h, uint64_t us);
/* Adds src to dst (dst is the caller's own copy). */
void histogram_merge(struct histogram *dst, const struct histogram *src);
uint64_t histogram_total(const struct histogram *h);
/* How many values were <= us; a bucket that us cuts in two is left out, so it may be too few by 1/16, never too many. */
uint64_t histogram_below(const struct histogram *h, uint64_t us);
/* The value in us at or below which the share q (0..1) lies: the upper edge of its bucket; 0 if empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);

#endif
