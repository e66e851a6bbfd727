/* histogram.c - log-linear counts of microseconds.
 * In: values, from one thread.  Out: totals, shares and quantiles, for any thread.
 * Why so: 16 steps per power of two (the idea of HdrHistogram) give every value within a sixteenth, from 1 us to half an
 * hour, in 3.5 KB that never grow.  With one writer a plain load and store is enough: no locked instruction is paid for
 * on the hot path.  A reader that sums while the writer writes may miss the last few values; no count is torn. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/histogram.h"

enum { STEP_BITS = 4 };
_Static_assert(HISTOGRAM_STEPS == 1u << STEP_BITS, "the steps are the bits below the highest one");

/* Values below 16 have a bucket each; above, the bucket is the position of the highest bit and the four below it. */
static unsigned bucket_of(uint64_t us)
{
	if (us < HISTOGRAM_STEPS)
		return (unsigned)us;
	const unsigned shift = 63u - (unsigned)__builtin_clzll(us) - STEP_BITS;
	const unsigned bucket = shift * HISTOGRAM_STEPS + (unsigned)(us >> shift);
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that bucket_of() puts there (the last bucket takes all that is larger, too). */
static uint64_t upper_edge(unsigned bucket)
{
	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	const unsigned shift = bucket / HISTOGRAM_STEPS - 1;
	const uint64_t next = HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS + 1;
	return (next << shift) - 1;
}

static uint64_t read_count(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

static void raise_count(_Atomic uint64_t *count, uint64_t by)
{
	atomic_store_explicit(count, read_count(count) + by, memory_order_relaxed);
}

void histogram_add(struct histogram *h, uint64_t us)
{
	raise_count(&h->count[bucket_of(us)], 1);
	raise_count(&h->sum_us, us);
}

void histogram_merge(struct histogram *dst, const struct histogram *src)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		raise_count(&dst->count[i], read_count(&src->count[i]));
	raise_count(&dst->sum_us, read_count(&src->sum_us));
}

uint64_t histogram_total(const struct histogram *h)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += read_count(&h->count[i]);
	return total;
}

/* A bucket that us cuts in two is left out, so that no larger value is ever counted as below. */
uint64_t histogram_below(const struct histogram *h, uint64_t us)
{
	uint64_t below = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1 && upper_edge(i) <= us; i++)
		below += read_count(&h->count[i]);
	if (us == UINT64_MAX)
		below += read_count(&h->count[HISTOGRAM_BUCKETS - 1]);
	return below;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	const uint64_t total = histogram_total(h);
	if (total == 0)
		return 0;
	const double share = q > 0 ? (q < 1 ? q : 1) : 0; /* not a number counts as 0 */
	/* The first value at which at least that share is reached; a hair less, because 0.07 times 100 is 7.000000000000001. */
	const double wanted = share * (double)total * (1 - 1e-12);
	uint64_t rank = (uint64_t)wanted;
	if ((double)rank < wanted || rank == 0)
		rank++;
	uint64_t seen = 0;
	unsigned bucket = 0;
	while (bucket < HISTOGRAM_BUCKETS - 1 && (seen += read_count(&h->count[bucket])) < rank)
		bucket++;
	return upper_edge(bucket);
}
