/* guard.h - walks msgpack bytes from outside before msgpack-c may see them.
 * msgpack-c allocates what a header asks for (five bytes can ask for gigabytes); this walk allocates nothing and
 * refuses what could not be there: more elements than bytes left, nesting over GUARD_DEPTH, frames over the limit. */
#ifndef WIRE_GUARD_H
#define WIRE_GUARD_H

#include <stddef.h>
#include <stdint.h>

#define GUARD_DEPTH 5 /* batch, jobs, job, options, tls */

/* 0: bytes hold exactly one well-formed msgpack value and nothing after it.  -EBADMSG: why says what is wrong and at
 * which byte.  Extension types are refused: nothing of ours uses them. */
int guard_walk(const void *bytes, size_t len, char *why, size_t why_len);

#endif
