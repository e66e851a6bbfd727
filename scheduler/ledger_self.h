/* ledger_self.h - what ledger.c and ledger_audit.c share: bits of a cell, and counting. */
#ifndef SCHEDULER_LEDGER_SELF_H
#define SCHEDULER_LEDGER_SELF_H

#include "base/must.h"
#include "scheduler/ledger.h"

static inline uint64_t bits_of(const struct ledger_cell *c)
{
	return (uint64_t)c->bits[1] << 32 | c->bits[0];
}

static inline bool bit_is_set(const struct ledger_cell *c, uint32_t k)
{
	return k <= c->newest && c->newest - k < 64 && bits_of(c) >> (c->newest - k) & 1;
}

static inline void bit_set(struct ledger_cell *c, uint32_t k)
{
	uint64_t bits = bits_of(c);
	if (k > c->newest) {
		bits = k - c->newest < 64 ? bits << (k - c->newest) | 1 : 1;
		c->newest = k;
	} else if (c->newest - k < 64)
		bits |= 1ull << (c->newest - k);
	c->bits[0] = (uint32_t)bits;
	c->bits[1] = (uint32_t)(bits >> 32);
}

static inline void waiting_less(struct ledger *l, uint64_t n)
{
	must_say(counter_read(&l->counters->waiting) >= n, "%llu of %llu", (unsigned long long)n,
		 (unsigned long long)counter_read(&l->counters->waiting));
	counter_set(&l->counters->waiting, counter_read(&l->counters->waiting) - n);
}

static inline void count_missed(struct ledger *l, const struct place *at, uint64_t n, enum missed why)
{
	counter_add(&l->counters->missed, n);
	counter_add(&l->counters->missed_by[at->seen_as][why], n);
}

static inline bool in_hole(const struct ledger *l, uint64_t tick_ms)
{
	for (unsigned i = 0; i < l->holes; i++)
		if (tick_ms > l->hole[i].after_ms && tick_ms <= l->hole[i].until_ms)
			return true;
	return false;
}

#endif
