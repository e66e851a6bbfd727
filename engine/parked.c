/* parked.c - a binary heap by due time. */
#include "engine/parked.h"

#include "base/must.h"

#include <stdlib.h>

bool parked_add(struct parked *p, uint64_t due_ns, struct batch *b, unsigned job)
{
	if (p->count == p->room) {
		const uint32_t room = p->room ? 2 * p->room : 256;
		struct parked_job *heap = realloc(p->heap, room * sizeof(*heap));
		if (!heap)
			return false;
		p->heap = heap;
		p->room = room;
	}
	uint32_t at = p->count++;
	for (; at && p->heap[(at - 1) / 2].due_ns > due_ns; at = (at - 1) / 2)
		p->heap[at] = p->heap[(at - 1) / 2];
	p->heap[at] = (struct parked_job){ due_ns, b, job };
	return true;
}

const struct parked_job *parked_first(const struct parked *p)
{
	return p->count ? p->heap : NULL;
}

void parked_drop_first(struct parked *p)
{
	must(p->count);
	const struct parked_job last = p->heap[--p->count];
	uint32_t at = 0;
	for (uint32_t child; (child = 2 * at + 1) < p->count; at = child) {
		child += child + 1 < p->count && p->heap[child + 1].due_ns < p->heap[child].due_ns;
		if (p->heap[child].due_ns >= last.due_ns)
			break;
		p->heap[at] = p->heap[child];
	}
	p->heap[at] = last;
}

void parked_free(struct parked *p)
{
	free(p->heap);
	*p = (struct parked){ 0 };
}
