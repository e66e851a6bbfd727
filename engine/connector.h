/* connector.h - starts connections and says when there is something to look at.  Two exist with the same contract,
 * io_uring and epoll; neither judges, handshake.c does.
 *
 * One connector belongs to one lane thread; only wake() may come from another.  A slot has at most one request
 * under way; every connect() or watch() is answered by exactly one call of done(), always from within turn(). */
#ifndef ENGINE_CONNECTOR_H
#define ENGINE_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct connector;

/* res: 0, a negative errno as the connect reported it, or -ECANCELED for our own deadline.  None of them is a
 * verdict.  The socket is the lane's again. */
typedef void connector_done(void *arg, uint32_t slot, int res);

struct connector_ops {
	const char *name;  /* "io_uring", "epoll" */
	int socket_flags;  /* for socket(2): SOCK_NONBLOCK or 0 */

	/* How many connects can be started before the next turn(). */
	unsigned (*room)(struct connector *c);
	/* A pooled socket that was just made; 0 or a negative errno.  Closing one needs no notice. */
	int (*adopt)(struct connector *c, int fd);
	void (*connect)(struct connector *c, uint32_t slot, int fd, const struct sockaddr *to, socklen_t to_len,
			uint64_t timeout_ns);
	/* Waits for an error or the peer's end (also an orderly one: io_uring always reports it), and if connecting also
	 * for the handshake's end; -ECANCELED when time is up. */
	void (*watch)(struct connector *c, uint32_t slot, int fd, bool connecting, uint64_t timeout_ns);
	/* Submits what was started, waits at most wait_ns for the first completion, delivers all there are. */
	void (*turn)(struct connector *c, uint64_t wait_ns);
	/* Makes a turn() that waits return soon; from any thread. */
	void (*wake)(struct connector *c);
	void (*close)(struct connector *c);
};

struct connector {
	const struct connector_ops *ops;
	const char *lacks; /* what this kernel does not let it do, though it works; NULL: nothing */
	connector_done *done;
	void *arg;
	uint64_t turned_ns;   /* clock_ns() when the answers that turn() delivers had come */
	uint32_t slots;
};

/* Each opens in the calling thread, which must be the one that turns it.  NULL: why says what was tried, what the
 * kernel answered and who forbids it. */
struct connector *connector_uring_open(uint32_t slots, connector_done *done, void *arg, char *why, size_t why_len);
struct connector *connector_epoll_open(uint32_t slots, connector_done *done, void *arg, char *why, size_t why_len);

enum connector_choice { CONNECTOR_AUTO, CONNECTOR_URING, CONNECTOR_EPOLL };
extern const char *const connector_choices[]; /* "auto", "io_uring", "epoll", NULL */

/* Opens the chosen one; AUTO takes epoll where io_uring is refused, and *why then says the reason (it is "" when the
 * first choice worked).  NULL: neither, why holds a sentence. */
struct connector *connector_open(enum connector_choice choice, uint32_t slots, connector_done *done, void *arg,
				 char *why, size_t why_len);

#endif
