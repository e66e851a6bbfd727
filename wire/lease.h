/* lease.h - which of several processes does what only one may do: a string in Redis that one of them holds.
 * Its value is the holder's name, which must be that process's alone; it expires by itself when nobody renews it.
 *
 * The holder believes in it from before the command was sent that Redis granted, for a little less than ttl_ms on the
 * monotonic clock: by the time somebody else can have it, the holder has already stopped.  What a process may do after
 * it was held up between lease_hold() and its writes has to be fenced by the writes themselves (explicit ids, WATCH).
 */
#ifndef WIRE_LEASE_H
#define WIRE_LEASE_H

#include "wire/redis_link.h"
#include <stdbool.h>
#include <stdint.h>

#define LEASE_TTL_MS 10000

struct lease;

/* key, holder: copied.  The link is the caller's, who brings it up; whenever the functions below are called, every
 * command on it must have been answered.  NULL: no memory. */
struct lease *lease_new(struct redis_link *link, const char *key, const char *holder, unsigned ttl_ms);
/* Leaves it to expire if it is held. */
void lease_free(struct lease *l);

/* To be called often (every few ms costs nothing).  Renews after three tenths of ttl_ms, asks for it every 200 ms while
 * another has it (less often for a short ttl), one round trip each.  True: held for certain, now.  After a loss it is
 * false at least once, so that nobody goes on as if nothing had happened.  Says in the log when it is taken and lost.
 */
bool lease_hold(struct lease *l);
/* The same without asking Redis. */
bool lease_is_held(const struct lease *l);
/* Gives it up, so that the next one need not wait.  True: it was ours and is free; false: it was not, or Redis does not
 * answer (then it expires).  Either way it is not held from here on. */
bool lease_release(struct lease *l);

/* How often it was taken, which is not how often it was renewed. */
uint64_t lease_taken(const struct lease *l);
/* Who has it as Redis last said; "" if nobody knows. */
const char *lease_holder(const struct lease *l);

#endif
