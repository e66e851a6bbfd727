/* redis_socket.h - a connected socket to Redis, and waiting for it: never longer than a deadline, and never past the
 * moment at which another thread says stop. */
#ifndef WIRE_REDIS_SOCKET_H
#define WIRE_REDIS_SOCKET_H

#include "wire/redis_url.h"
#include <stdint.h>

/* Waits until fd is ready for events (POLLIN, POLLOUT).  wake_fd: an eventfd that ends the wait when it is not zero; it
 * is left as it is.  Returns revents, -ECANCELED when woken, -ETIMEDOUT at deadline_ns (clock_ns()), or -errno. */
int redis_socket_wait(int fd, short events, int wake_fd, uint64_t deadline_ns);

/* Returns a connected, non-blocking, close-on-exec descriptor, or as above; why then holds a sentence.  All addresses of a
 * name are tried, each with its share of the time left.  Looking up a name is the one wait that knows no deadline of
 * ours and cannot be woken: resolv.conf bounds it, by default at 10 s a name server. */
int redis_socket_connect(const struct redis_url *url, int wake_fd, uint64_t deadline_ns, char *why, size_t why_len);

#endif
