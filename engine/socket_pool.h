/* socket_pool.h - ordinary sockets, used again and again: making one costs more than half a probe.
 * Four stacks, by family and by whether the handshake's last ACK is withheld (close: half); last in, first out.
 * One lane's own. */
#ifndef ENGINE_SOCKET_POOL_H
#define ENGINE_SOCKET_POOL_H

#include "engine/connector.h"
#include "wire/job.h"
#include <netinet/in.h>

#define LOCAL_ADDRESSES_MAX 64

/* --source: which addresses probes leave from; a family without any leaves from where the routes say. */
struct local_addresses {
	unsigned v4_count, v6_count;
	struct in_addr v4[LOCAL_ADDRESSES_MAX];
	struct in6_addr v6[LOCAL_ADDRESSES_MAX];
};

/* Adds a literal address that this host has.  0, or -EINVAL: why says what is wrong. */
int local_addresses_add(struct local_addresses *l, const char *text, char *why, size_t why_len);

enum { POOL_V4, POOL_V6, POOL_V4_HALF, POOL_V6_HALF, POOL_KINDS };

struct socket_pool {
	struct connector *connector;
	const struct local_addresses *from;
	uint32_t capacity;	/* sockets at most: the lane's slots */
	uint32_t made;
	uint32_t port_range;	/* for IP_LOCAL_PORT_RANGE: last << 16 | first; 0: not known, or not to this kernel */
	uint32_t next_source[2]; /* round robin over the local addresses, v4 and v6 */
	uint32_t idle[POOL_KINDS];
	int *stack[POOL_KINDS]; /* NULL until a socket of that kind was first wanted */
};

void socket_pool_init(struct socket_pool *p, struct connector *c, const struct local_addresses *from, uint32_t capacity);
void socket_pool_free(struct socket_pool *p);

static inline unsigned socket_kind(uint8_t family, uint8_t close)
{
	return (family == FAMILY_V6 ? POOL_V6 : POOL_V4) + (close == CLOSE_HALF ? 2u : 0u);
}

/* A socket of that kind, as good as new; a descriptor shortage is met by closing an idle one of another kind.
 * Negative: -errno of socket(2), bind(2) or setsockopt(2). */
int socket_pool_take(struct socket_pool *p, unsigned kind);
/* Whether a socket of this pool may leave from that port: no source is drawn beyond the range that was set on it (unless
 * the host's own is later moved to where they have no port in common, which the kernel then prefers). */
static inline bool socket_pool_may_draw(const struct socket_pool *p, uint16_t port)
{
	return !p->port_range || (port >= (p->port_range & UINT16_MAX) && port <= p->port_range >> 16);
}
/* Gives one back after handshake_forget(). */
void socket_pool_return(struct socket_pool *p, unsigned kind, int fd);
/* Closes one that shall not be used again. */
void socket_pool_discard(struct socket_pool *p, int fd);

#endif
