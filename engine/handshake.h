/* handshake.h - asks the kernel what really became of a connection attempt. */
#ifndef ENGINE_HANDSHAKE_H
#define ENGINE_HANDSHAKE_H

#include "wire/result.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* All that is known when a connector says that there is something to look at. */
struct evidence {
	uint32_t wall_us;     /* from submission to now; the caller fills it in */
	int res;	      /* the connector's word: 0, -errno, -ECANCELED for our deadline */
	uint8_t tcp_state;    /* TCP_INFO; TCP_ESTABLISHED and so on */
	uint8_t syn_retrans;
	uint32_t rtt_us;      /* TCP_INFO; 0: none measured */
	int so_error;	      /* only read when the state is neither ESTABLISHED nor CLOSE_WAIT */
	int queue_error;      /* errno of the ICMP in the error queue, 0: none */
	unsigned icmp_count;  /* how many there were; icmp is the last */
	struct icmp_answer icmp;
};

/* Reads the evidence from a socket whose attempt went to `to`; empties its error queue if the handshake did not
 * complete.  own_port: the port it went to could be its own.  Asking costs about 0.6 us when it is open, 1.3 us otherwise. */
void handshake_look(int fd, int res, const struct sockaddr *to, bool own_port, struct evidence *seen);

/* The socket's pending error, taken from it; 0: none. */
int handshake_error(int fd);

/* Puts a socket back into the state of a new one: connect(AF_UNSPEC), then the error queue is emptied.  The pending error
 * that this leaves is cleared by the next connect(2).  A handshake that completed ends with a RST on the wire.
 * 0 or -errno. */
int handshake_forget(int fd, bool was_open, uint8_t family);

#endif
