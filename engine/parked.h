/* parked.h - jobs of a lane that have a time before which they must not start, the earliest first.
 * Bounded by the jobs a lane has; grows as far as that and stays there. */
#ifndef ENGINE_PARKED_H
#define ENGINE_PARKED_H

#include "engine/batch.h"

struct parked_job {
	uint64_t due_ns;
	struct batch *batch;
	uint32_t job; /* index in the batch */
};

struct parked {
	struct parked_job *heap;
	uint32_t count, room;
};

bool parked_add(struct parked *p, uint64_t due_ns, struct batch *b, unsigned job); /* false: no memory */
/* The earliest, NULL: none; valid until the next add or drop. */
const struct parked_job *parked_first(const struct parked *p);
void parked_drop_first(struct parked *p);
void parked_free(struct parked *p);

#endif
