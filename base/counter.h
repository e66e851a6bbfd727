/* counter.h - a number that one thread writes and any may read: slightly old, never torn. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

static inline void counter_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}
static inline void counter_set(counter *c, uint64_t n) { atomic_store_explicit(c, n, memory_order_relaxed); }
static inline uint64_t counter_read(const counter *c) { return atomic_load_explicit(c, memory_order_relaxed); }

#endif
