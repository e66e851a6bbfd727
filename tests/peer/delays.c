/* delays.c - a binary heap of packets that wait for their time.
 * In: packet and due time.  Out: the earliest one.  Why so: a delay must never block the loop, and rules may
 * have different delays, so one queue in order of arrival would not do. */
#include "delays.h"

void delays_init(struct delays *delays)
{
	delays->count = 0;
	delays->lost = 0;
	for (unsigned i = 0; i < DELAYS_MAX; i++)
		delays->unused[i] = DELAYS_MAX - 1 - i; /* low ones first, so that little memory is touched */
}

static uint64_t due_at(const struct delays *delays, unsigned at)
{
	return delays->pool[delays->heap[at]].due_ns;
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t held = *a;

	*a = *b;
	*b = held;
}

void delays_put(struct delays *delays, uint64_t due_ns, const struct packet *packet, void *owner)
{
	unsigned at = delays->count;
	uint32_t slot;

	if (at == DELAYS_MAX) {
		delays->lost++;
		return;
	}
	slot = delays->unused[DELAYS_MAX - 1 - at];
	delays->pool[slot] = (struct delayed){ .due_ns = due_ns, .owner = owner, .packet = *packet };
	delays->heap[at] = slot;
	delays->count++;
	for (; at && due_at(delays, (at - 1) / 2) > due_ns; at = (at - 1) / 2)
		swap(&delays->heap[at], &delays->heap[(at - 1) / 2]);
}

const struct delayed *delays_first(const struct delays *delays)
{
	return delays->count ? &delays->pool[delays->heap[0]] : NULL;
}

void delays_drop_first(struct delays *delays)
{
	unsigned at = 0, child;

	delays->count--;
	delays->unused[DELAYS_MAX - 1 - delays->count] = delays->heap[0];
	delays->heap[0] = delays->heap[delays->count];
	while ((child = 2 * at + 1) < delays->count) {
		if (child + 1 < delays->count && due_at(delays, child + 1) < due_at(delays, child))
			child++;
		if (due_at(delays, at) <= due_at(delays, child))
			break;
		swap(&delays->heap[at], &delays->heap[child]);
		at = child;
	}
}
