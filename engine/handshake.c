/* handshake.c - asks the kernel what really became of a connection attempt.
 * In: a socket and what the connector said.  Out: evidence for verdict.c, and later a socket fit for the next attempt.
 * Why so: a connect completion of 0 does not mean connected (an ICMP error that arrives while connect(2) holds the
 * socket's lock completes it with 0, still in SYN_SENT), and kernels from February to July 2025 report every failure
 * as ECONNRESET.  TCP_INFO, SO_ERROR and the error queue together do not lie. */
#include "engine/handshake.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Up to tcpi_total_retrans is all we read; the kernel copies no more than it is asked for. */
#define TCP_INFO_LEN (offsetof(struct tcp_info, tcpi_total_retrans) + sizeof(uint32_t))

static bool read_tcp_info(int fd, struct evidence *seen)
{
	struct tcp_info info;
	socklen_t len = TCP_INFO_LEN;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || len < TCP_INFO_LEN)
		return false;
	seen->tcp_state = info.tcpi_state;
	seen->rtt_us = info.tcpi_rtt;
	seen->syn_retrans = info.tcpi_total_retrans < UINT8_MAX ? (uint8_t)info.tcpi_total_retrans : UINT8_MAX;
	return true;
}

int handshake_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

/* Whether an address is one of this host: the kernel, asked which address it would send from to reach it, names the
 * address itself (or it is loopback, which names 127.0.0.1).  A connected datagram socket asks without a packet; bind(2)
 * would not tell, for net.ipv4.ip_nonlocal_bind lets it succeed for any address.  Asked only when an ICMP error came, some
 * 3 us.  Without a descriptor to ask with the answer is yes: the trouble then counts as ours, never as the target's. */
static bool address_is_ours(uint8_t family, const uint8_t *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(9) }, from4 = { 0 };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(9) }, from6 = { 0 };
	bool is_v6 = family == FAMILY_V6;
	socklen_t len = is_v6 ? sizeof(from6) : sizeof(from4);
	if (!is_v6 && address[0] == IN_LOOPBACKNET)
		return true;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true;
	memcpy(&v6.sin6_addr, address, sizeof(v6.sin6_addr));
	memcpy(&v4.sin_addr, address, sizeof(v4.sin_addr));
	bool same = false;
	if (is_v6)
		same = connect(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0 &&
		       getsockname(fd, (struct sockaddr *)&from6, &len) == 0 &&
		       !memcmp(&from6.sin6_addr, &v6.sin6_addr, sizeof(v6.sin6_addr));
	else
		same = connect(fd, (struct sockaddr *)&v4, sizeof(v4)) == 0 &&
		       getsockname(fd, (struct sockaddr *)&from4, &len) == 0 && from4.sin_addr.s_addr == v4.sin_addr.s_addr;
	close(fd);
	return same;
}

static void icmp_from(const struct sock_extended_err *e, struct evidence *seen)
{
	const struct sockaddr *offender = SO_EE_OFFENDER(e);
	bool v6 = e->ee_origin == SO_EE_ORIGIN_ICMP6;
	seen->queue_error = (int)e->ee_errno;
	seen->icmp_count++;
	seen->icmp = (struct icmp_answer){ .family = v6 ? FAMILY_V6 : FAMILY_V4, .type = e->ee_type, .code = e->ee_code };
	if (v6 && offender->sa_family == AF_INET6)
		memcpy(seen->icmp.offender, &((const struct sockaddr_in6 *)offender)->sin6_addr, 16);
	else if (!v6 && offender->sa_family == AF_INET)
		memcpy(seen->icmp.offender, &((const struct sockaddr_in *)offender)->sin_addr, 4);
	seen->icmp.ours = address_is_ours(seen->icmp.family, seen->icmp.offender);
}

/* Whether the packet that an ICMP error quotes went where this attempt went: nothing older may speak for it. */
static bool same_target(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET) {
		const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
		return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
	}
	const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
	return x->sin6_port == y->sin6_port && !memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr));
}

/* Empties the error queue; the newest ICMP that answers this attempt is kept.  to NULL: none is. */
static void drain_error_queue(int fd, const struct sockaddr *to, struct evidence *seen)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6)) + 128];
		struct cmsghdr align;
	} control;
	for (;;) {
		struct sockaddr_in6 quoted = { 0 };
		struct msghdr msg = { .msg_name = &quoted, .msg_namelen = sizeof(quoted),
				      .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c && to; c = CMSG_NXTHDR(&msg, c)) {
			bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
			bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
			if (!v4 && !v6)
				continue;
			const struct sock_extended_err *e = (const void *)CMSG_DATA(c);
			bool icmp = e->ee_origin == SO_EE_ORIGIN_ICMP || e->ee_origin == SO_EE_ORIGIN_ICMP6;
			if (icmp && same_target((const struct sockaddr *)&quoted, to))
				icmp_from(e, seen);
		}
	}
}

/* On a port of this host where nobody listens, and that the kernel may draw as a source port, one probe in some 28,000
 * meets itself: a simultaneous open with both ends the same socket (RFC 9293 3.5).  Its round trip takes microseconds,
 * so of the ports that may be drawn only the nearest are asked, for 0.2 us. */
#define SELF_RTT_MOST_US 1000

static bool met_itself(int fd, const struct sockaddr *to, uint32_t rtt_us)
{
	struct sockaddr_in6 mine = { 0 };
	socklen_t len = sizeof(mine);
	return rtt_us < SELF_RTT_MOST_US && getsockname(fd, (struct sockaddr *)&mine, &len) == 0 &&
	       same_target((const struct sockaddr *)&mine, to);
}

void handshake_look(int fd, int res, const struct sockaddr *to, bool own_port, struct evidence *seen)
{
	*seen = (struct evidence){ .res = res };
	if (!read_tcp_info(fd, seen)) {
		seen->res = seen->res ? seen->res : -errno;
		return;
	}
	if (seen->tcp_state == TCP_ESTABLISHED || seen->tcp_state == TCP_CLOSE_WAIT) {
		if (own_port && met_itself(fd, to, seen->rtt_us)) /* nobody else was there */
			*seen = (struct evidence){ .res = -ECONNREFUSED, .tcp_state = TCP_CLOSE };
		return;
	}
	seen->so_error = handshake_error(fd);
	drain_error_queue(fd, to, seen);
}

int handshake_forget(int fd, bool was_open, uint8_t family)
{
	static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	/* The system call itself: libc's connect(2) is a point of cancellation, which in a process with threads costs two
	 * atomic operations, and nobody cancels a lane. */
	if (syscall(SYS_connect, fd, &nowhere, sizeof(nowhere)) < 0)
		return -errno;
	/* An IPv4 socket queues ICMP only while in SYN_SENT; one that was open has nothing to drain.  IPv6 sockets ask
	 * for all of it (IPV6_RECVERR).  The pending error that the reset itself leaves behind is cleared by the next
	 * connect(2), unless that one fails before a packet: verdict.c knows. */
	if (!was_open || family == FAMILY_V6)
		drain_error_queue(fd, NULL, NULL);
	return 0;
}
