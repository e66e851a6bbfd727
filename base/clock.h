/* clock.h - the two clocks, with their units in their names.
 * clock_ns() is for intervals and deadlines (CLOCK_MONOTONIC); clock_wall_ms() is for what other machines read
 * (CLOCK_REALTIME: scheduled slots, stream ids).  Never subtract one from the other. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull
#define MS_PER_S 1000ull
#define US_PER_MS 1000ull

static inline uint64_t clock_read_ns(clockid_t which)
{
	struct timespec now;
	clock_gettime(which, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_ns(void) { return clock_read_ns(CLOCK_MONOTONIC); }
static inline uint64_t clock_wall_us(void) { return clock_read_ns(CLOCK_REALTIME) / NS_PER_US; }
static inline uint64_t clock_wall_ms(void) { return clock_read_ns(CLOCK_REALTIME) / NS_PER_MS; }

#endif
