/* destination_cap.h - at most so many new connections a second to one address, over all ports, monitors and lanes: so
 * that many monitors of one host, or one tenant's mistake, are no flood to whoever owns it. */
#ifndef ENGINE_DESTINATION_CAP_H
#define ENGINE_DESTINATION_CAP_H

#include "wire/job.h"

struct destination_cap;

struct destination_cap *destination_cap_new(unsigned per_second); /* NULL: no memory */
void destination_cap_free(struct destination_cap *cap);		  /* NULL is fine */

#define CAP_NOT_IN_TIME UINT64_MAX

/* When the job may connect: 0: now, else a clock_ns() to come, which is then kept for it alone.  CAP_NOT_IN_TIME: not
 * until latest_ns, and nothing is kept.  From any lane. */
uint64_t destination_cap_take(struct destination_cap *cap, const struct job *job, uint64_t now_ns, uint64_t latest_ns);

#endif
