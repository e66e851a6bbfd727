/* delays.h - packets that are to be sent later, ordered by when. */
#ifndef PEER_DELAYS_H
#define PEER_DELAYS_H

#include "packet.h"

enum { DELAYS_MAX = 1 << 17 }; /* 100,000 SYNs a second, each answered after a second */

struct delayed {
	uint64_t due_ns;
	void *owner; /* whose counter grows when it is sent */
	struct packet packet;
};

/* A binary heap of indices into a pool; nothing is allocated after start. */
struct delays {
	unsigned count;
	uint64_t lost; /* refused because the pool was full */
	uint32_t heap[DELAYS_MAX], unused[DELAYS_MAX];
	struct delayed pool[DELAYS_MAX];
};

void delays_init(struct delays *delays);

/* Keeps a copy until due_ns; when there is no room the packet is lost and counted, as on a network. */
void delays_put(struct delays *delays, uint64_t due_ns, const struct packet *packet, void *owner);

/* The earliest one, or NULL; it stays where it is until delays_drop_first(). */
const struct delayed *delays_first(const struct delays *delays);
void delays_drop_first(struct delays *delays);

#endif
