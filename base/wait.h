/* wait.h - condition variables on the monotonic clock: a step of the wall clock must not stretch a wait. */
#ifndef BASE_WAIT_H
#define BASE_WAIT_H

#include "base/clock.h"
#include <pthread.h>
#include <stdbool.h>

static inline void wait_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

/* Waits once, until the clock reads at_ns (clock_ns) at the latest; may wake for no reason.  cond is from wait_init(). */
static inline void wait_until_ns(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t at_ns)
{
	struct timespec until = { .tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S) };
	pthread_cond_timedwait(cond, lock, &until);
}

/* Whether something that is done every so often is due; if so the next time is set. */
static inline bool is_due(uint64_t *next_ns, uint64_t every_ns)
{
	uint64_t now = clock_ns();
	if (now < *next_ns)
		return false;
	*next_ns = now + every_ns;
	return true;
}

#endif
