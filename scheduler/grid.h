/* grid.h - when a monitor is due: an absolute grid in time that needs no memory of what was before.
 *
 *	slot = k * interval + bucket * quantum + shift(region)		rounded down to a tick of 20 ms
 *
 * k counts intervals since 1970; bucket is the hash of the name modulo the interval, in steps of the quantum; the shift
 * staggers the regions evenly over the interval.  Whoever computes it, whenever, gets the same slots: that is why a
 * restart makes neither a herd nor a gap, and why a slot has a number that the ledger can count by.  Pure. */
#ifndef SCHEDULER_GRID_H
#define SCHEDULER_GRID_H

#include <stdbool.h>
#include <stdint.h>

#define TICK_MS 20u
#define GRID_BUCKETS_MAX 6000u /* 24 KB a distinct interval; up to two minutes every bucket is one tick */

struct grid {
	uint32_t interval_ms, quantum_ms, buckets;
};

struct grid grid_of(uint32_t interval_ms);
uint32_t grid_bucket(const struct grid *g, uint64_t hash);
/* Of region number `region` of `regions`, in ms. */
uint32_t grid_shift(const struct grid *g, unsigned region, unsigned regions);
/* The time of slot number k. */
uint64_t grid_slot_ms(const struct grid *g, uint32_t bucket, uint32_t shift, uint64_t k);
/* The other way; false: there is no slot at that time. */
bool grid_number(const struct grid *g, uint32_t bucket, uint32_t shift, uint64_t slot_ms, uint32_t *k);
/* The buckets that are due at a tick (a multiple of TICK_MS), with their slot numbers; at most two, as the last bucket
 * of an interval may be shorter than a tick.  Returns how many. */
unsigned grid_due(const struct grid *g, uint32_t shift, uint64_t tick_ms, uint32_t bucket[2], uint32_t k[2]);
/* How many slots there are after one tick and up to another. */
uint64_t grid_count(const struct grid *g, uint32_t bucket, uint32_t shift, uint64_t after_ms, uint64_t until_ms);

static inline uint64_t tick_of(uint64_t ms) { return ms - ms % TICK_MS; }

#endif
