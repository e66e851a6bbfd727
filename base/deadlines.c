/* deadlines.c - who is due next: a binary heap that knows where each index stands.
 * In: (index, time) pairs, moved and dropped at will.  Out: the earliest time, and the indexes that are due.
 * Owns: three arrays of the capacity, 16 bytes an index.
 * Why so: most deadlines never come, because the thing they guard ends before; so taking out must be cheap as well.  A
 * timer wheel would make both O(1), at the price of a tick; at 16,000 indexes a heap moves at most 14 places. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/deadlines.h"

#include "base/must.h"

#include <errno.h>
#include <string.h>

#define NOWHERE UINT32_MAX

int deadlines_init(struct deadlines *d, uint32_t capacity)
{
	must(capacity < NOWHERE);
	*d = (struct deadlines){ .capacity = capacity };
	/* One more, so that an empty one is not taken for a failed allocation. */
	d->heap = calloc(capacity + 1u, sizeof *d->heap);
	d->at = calloc(capacity + 1u, sizeof *d->at);
	d->due_ns = calloc(capacity + 1u, sizeof *d->due_ns);
	if (!d->heap || !d->at || !d->due_ns) {
		deadlines_free(d);
		return -ENOMEM;
	}
	memset(d->at, 0xff, capacity * sizeof *d->at); /* NOWHERE */
	return 0;
}

void deadlines_free(struct deadlines *d)
{
	free(d->heap);
	free(d->at);
	free(d->due_ns);
	*d = (struct deadlines){ 0 };
}

/* The only place that writes the heap, so that at[] cannot disagree with it. */
static void put(struct deadlines *d, uint32_t place, uint32_t index)
{
	d->heap[place] = index;
	d->at[index] = place;
}

static uint64_t due_at(const struct deadlines *d, uint32_t place)
{
	return d->due_ns[d->heap[place]];
}

/* Moves the index at place towards the front while it is earlier than its parent. */
static void rise(struct deadlines *d, uint32_t place)
{
	const uint32_t index = d->heap[place];
	while (place > 0) {
		const uint32_t parent = (place - 1) / 2;
		if (due_at(d, parent) <= d->due_ns[index])
			break;
		put(d, place, d->heap[parent]);
		place = parent;
	}
	put(d, place, index);
}

/* Moves the index at place towards the back while a child is earlier. */
static void sink(struct deadlines *d, uint32_t place)
{
	const uint32_t index = d->heap[place];
	for (;;) {
		uint64_t child = 2 * (uint64_t)place + 1;
		if (child >= d->count)
			break;
		if (child + 1 < d->count && due_at(d, (uint32_t)child + 1) < due_at(d, (uint32_t)child))
			child++;
		if (d->due_ns[index] <= due_at(d, (uint32_t)child))
			break;
		put(d, place, d->heap[child]);
		place = (uint32_t)child;
	}
	put(d, place, index);
}

void deadlines_set(struct deadlines *d, uint32_t index, uint64_t due_ns)
{
	must_say(index < d->capacity, "index %u of %u", index, d->capacity);
	if (due_ns == DEADLINE_NONE) {
		deadlines_drop(d, index);
		return;
	}
	if (d->at[index] == NOWHERE)
		put(d, d->count++, index);
	d->due_ns[index] = due_ns;
	rise(d, d->at[index]);
	sink(d, d->at[index]); /* one of the two does nothing */
}

void deadlines_drop(struct deadlines *d, uint32_t index)
{
	must_say(index < d->capacity, "index %u of %u", index, d->capacity);
	const uint32_t place = d->at[index];
	if (place == NOWHERE)
		return;
	d->at[index] = NOWHERE;
	const uint32_t last = d->heap[--d->count];
	if (last == index)
		return;
	put(d, place, last);
	rise(d, place);
	sink(d, d->at[last]);
}

uint64_t deadlines_next_ns(const struct deadlines *d)
{
	return d->count ? due_at(d, 0) : DEADLINE_NONE;
}

int64_t deadlines_pop(struct deadlines *d, uint64_t now_ns)
{
	if (!d->count || due_at(d, 0) > now_ns)
		return -1;
	const uint32_t index = d->heap[0];
	deadlines_drop(d, index);
	return index;
}
