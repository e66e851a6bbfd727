/* deadlines.h - who is due next: a binary heap of (time, index) that knows where each index stands, so that one can be
 * taken out again in O(log n).  One thread's own; no allocation after deadlines_init(). */
#ifndef BASE_DEADLINES_H
#define BASE_DEADLINES_H

#include <stdint.h>

#define DEADLINE_NONE UINT64_MAX

struct deadlines {
	uint32_t count, capacity;
	uint32_t *heap; /* indexes, earliest first */
	uint32_t *at;	/* index -> its place in heap, UINT32_MAX: not in it */
	uint64_t *due_ns;
};

/* capacity: indexes run from 0 to capacity - 1.  0 or -ENOMEM. */
int deadlines_init(struct deadlines *d, uint32_t capacity);
void deadlines_free(struct deadlines *d);

/* Sets or moves the deadline of an index; DEADLINE_NONE takes it out. */
void deadlines_set(struct deadlines *d, uint32_t index, uint64_t due_ns);
/* Takes an index out; nothing happens if it has no deadline. */
void deadlines_drop(struct deadlines *d, uint32_t index);
/* The earliest time, or DEADLINE_NONE. */
uint64_t deadlines_next_ns(const struct deadlines *d);
/* Takes out one index that is due at now_ns and returns it, or -1. */
int64_t deadlines_pop(struct deadlines *d, uint64_t now_ns);

#endif
