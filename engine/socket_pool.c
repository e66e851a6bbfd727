/* socket_pool.c - see socket_pool.h.
 * Linger 0 on every socket: should this process die, what it leaves is a RST and not a TIME_WAIT.  (A RST after each
 * probe comes from connect(AF_UNSPEC) in handshake_forget().) */
#include "engine/socket_pool.h"

#include "base/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51 /* Linux 6.3 */
#endif

/* Binds a socket of no other use; 0 or -errno. */
static int address_bind(bool is_v6, const struct in_addr *v4, const struct in6_addr *v6)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_addr = *v4 };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = is_v6 ? *v6 : in6addr_any };
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int bound = is_v6 ? bind(fd, (struct sockaddr *)&a6, sizeof(a6)) : bind(fd, (struct sockaddr *)&a4, sizeof(a4));
	int error = bound < 0 ? -errno : 0;
	close(fd);
	return error;
}

int local_addresses_add(struct local_addresses *l, const char *text, char *why, size_t why_len)
{
	struct in_addr v4;
	struct in6_addr v6;
	bool is_v4 = inet_pton(AF_INET, text, &v4) == 1;
	bool is_v6 = !is_v4 && inet_pton(AF_INET6, text, &v6) == 1;
	if (!is_v4 && !is_v6) {
		snprintf(why, why_len, "--source: \"%s\" is not an IPv4 or IPv6 address", text);
		return -EINVAL;
	}
	if ((is_v4 ? l->v4_count : l->v6_count) == LOCAL_ADDRESSES_MAX) {
		snprintf(why, why_len, "--source: \"%s\" is one too many, %d a family is the most", text, LOCAL_ADDRESSES_MAX);
		return -EINVAL;
	}
	int missing = address_bind(is_v6, &v4, &v6);
	if (missing) {
		snprintf(why, why_len, "--source: \"%s\" cannot be used on this host: %s", text, strerror(-missing));
		return -EINVAL;
	}
	if (is_v4)
		l->v4[l->v4_count++] = v4;
	else
		l->v6[l->v6_count++] = v6;
	return 0;
}

/* The host's own range, to be set on each socket: the kernel then walks it in steps of one, and 19,000 probes of one
 * address and port cost a tenth (docs/notes/2026-11-22-bare-loop.md). */
static uint32_t read_port_range(void)
{
	unsigned first = 0, last = 0;
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	if (!f)
		return 0;
	bool read = fscanf(f, "%u %u", &first, &last) == 2 && first <= last && last <= UINT16_MAX;
	fclose(f);
	return read ? last << 16 | first : 0;
}

void socket_pool_init(struct socket_pool *p, struct connector *c, const struct local_addresses *from, uint32_t capacity)
{
	*p = (struct socket_pool){ .connector = c, .from = from, .capacity = capacity, .port_range = read_port_range() };
}

void socket_pool_free(struct socket_pool *p)
{
	for (unsigned kind = 0; kind < POOL_KINDS; kind++) {
		while (p->idle[kind])
			close(p->stack[kind][--p->idle[kind]]);
		free(p->stack[kind]);
	}
}

static int bind_source(struct socket_pool *p, int fd, bool v6)
{
	unsigned count = v6 ? p->from->v6_count : p->from->v4_count;
	if (!count)
		return 0;
	int on = 1;
	/* Without it bind(2) would take a port away for good, one a socket, whatever the destination. */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0)
		return -errno;
	unsigned i = p->next_source[v6]++ % count;
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	if (v6)
		a6.sin6_addr = p->from->v6[i];
	else
		a4.sin_addr = p->from->v4[i];
	int bound = v6 ? bind(fd, (struct sockaddr *)&a6, sizeof(a6)) : bind(fd, (struct sockaddr *)&a4, sizeof(a4));
	return bound < 0 ? -errno : 0;
}

static int set_up(struct socket_pool *p, int fd, unsigned kind)
{
	bool v6 = kind == POOL_V6 || kind == POOL_V6_HALF;
	bool half = kind == POOL_V4_HALF || kind == POOL_V6_HALF;
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) < 0)
		return -errno;
	if (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)) < 0)
		return -errno;
	/* On a client the option withholds the ACK that would complete the handshake (tcp(7)); the peer's accept(2)
	 * never sees a connection that is reset within 200 ms. */
	if (half && setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on)) < 0)
		return -errno;
	if (p->port_range && setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &p->port_range, sizeof(p->port_range)) < 0)
		p->port_range = 0; /* a help only: kernels before 6.3 do not know it */
	int bound = bind_source(p, fd, v6);
	return bound < 0 ? bound : p->connector->ops->adopt(p->connector, fd);
}

static bool close_idle(struct socket_pool *p)
{
	for (unsigned kind = 0; kind < POOL_KINDS; kind++)
		if (p->idle[kind]) {
			socket_pool_discard(p, p->stack[kind][--p->idle[kind]]);
			return true;
		}
	return false;
}

static int open_socket(struct socket_pool *p, unsigned kind)
{
	int family = kind == POOL_V6 || kind == POOL_V6_HALF ? AF_INET6 : AF_INET;
	int fd;
	if (p->made >= p->capacity && !close_idle(p))
		return -EMFILE;
	while ((fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | p->connector->ops->socket_flags, IPPROTO_TCP)) < 0) {
		int error = errno;
		if ((error != EMFILE && error != ENFILE) || !close_idle(p))
			return -error;
	}
	p->made++;
	int bad = set_up(p, fd, kind);
	if (bad) {
		socket_pool_discard(p, fd);
		return bad;
	}
	return fd;
}

int socket_pool_take(struct socket_pool *p, unsigned kind)
{
	if (p->idle[kind])
		return p->stack[kind][--p->idle[kind]];
	if (!p->stack[kind]) {
		p->stack[kind] = malloc(p->capacity * sizeof(int));
		if (!p->stack[kind])
			return -ENOMEM;
	}
	return open_socket(p, kind);
}

void socket_pool_return(struct socket_pool *p, unsigned kind, int fd)
{
	must(p->idle[kind] < p->capacity);
	p->stack[kind][p->idle[kind]++] = fd;
}

void socket_pool_discard(struct socket_pool *p, int fd)
{
	must(p->made > 0);
	close(fd);
	p->made--;
}
