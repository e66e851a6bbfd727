/* grid.c - see grid.h. */
#include "scheduler/grid.h"

struct grid grid_of(uint32_t interval_ms)
{
	uint32_t ticks = (interval_ms + TICK_MS - 1) / TICK_MS;
	uint32_t quantum = (ticks + GRID_BUCKETS_MAX - 1) / GRID_BUCKETS_MAX * TICK_MS;
	return (struct grid){ interval_ms, quantum, (interval_ms + quantum - 1) / quantum };
}

uint32_t grid_bucket(const struct grid *g, uint64_t hash)
{
	return (uint32_t)(hash % g->interval_ms) / g->quantum_ms;
}

uint32_t grid_shift(const struct grid *g, unsigned region, unsigned regions)
{
	return (uint32_t)tick_of((uint64_t)g->interval_ms * region / regions);
}

static uint64_t offset_of(const struct grid *g, uint32_t bucket, uint32_t shift)
{
	return (uint64_t)bucket * g->quantum_ms + shift;
}

uint64_t grid_slot_ms(const struct grid *g, uint32_t bucket, uint32_t shift, uint64_t k)
{
	return tick_of(k * g->interval_ms + offset_of(g, bucket, shift));
}

bool grid_number(const struct grid *g, uint32_t bucket, uint32_t shift, uint64_t slot_ms, uint32_t *k)
{
	uint64_t offset = offset_of(g, bucket, shift);
	uint64_t n = slot_ms <= offset ? 0 : (slot_ms - offset + g->interval_ms - 1) / g->interval_ms;
	*k = (uint32_t)n;
	return n <= UINT32_MAX && grid_slot_ms(g, bucket, shift, n) == slot_ms;
}

unsigned grid_due(const struct grid *g, uint32_t shift, uint64_t tick_ms, uint32_t bucket[2], uint32_t k[2])
{
	uint64_t from = tick_ms > shift ? tick_ms - shift : 0, until = tick_ms + TICK_MS - shift;
	uint64_t number = from / g->interval_ms, in = from % g->interval_ms;
	uint64_t b = (in + g->quantum_ms - 1) / g->quantum_ms;
	unsigned due = 0;
	if (tick_ms + TICK_MS <= shift)
		return 0;
	if (b < g->buckets && number * g->interval_ms + b * g->quantum_ms < until) {
		bucket[due] = (uint32_t)b;
		k[due++] = (uint32_t)number;
	}
	if ((number + 1) * g->interval_ms < until) {
		bucket[due] = 0;
		k[due++] = (uint32_t)number + 1;
	}
	return due;
}

/* Slots up to and with a tick. */
static uint64_t slots_until(const struct grid *g, uint64_t offset, uint64_t tick_ms)
{
	uint64_t end = tick_of(tick_ms) + TICK_MS;
	return end <= offset ? 0 : (end - offset + g->interval_ms - 1) / g->interval_ms;
}

uint64_t grid_count(const struct grid *g, uint32_t bucket, uint32_t shift, uint64_t after_ms, uint64_t until_ms)
{
	uint64_t offset = offset_of(g, bucket, shift);
	return until_ms <= after_ms ? 0 : slots_until(g, offset, until_ms) - slots_until(g, offset, after_ms);
}
