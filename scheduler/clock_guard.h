/* clock_guard.h - Redis' clock, carried by our monotonic one: what the grid runs on.
 * In: once a second what Redis' TIME said, and between which two moments.  Out: the time now, which never goes back.
 * Why so: slots are ids in Redis' streams, so its clock is the one that must be right; engines and schedulers elsewhere
 * may then have clocks as wrong as they like.  Small differences are slewed, because a jump would bunch up or stretch
 * ticks; a large one is a clock that was set, and is followed forwards at once and backwards by standing still. */
#ifndef SCHEDULER_CLOCK_GUARD_H
#define SCHEDULER_CLOCK_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_WRONG_US 2000000 /* a local clock that is off by more is said */

struct clock_guard {
	bool known;
	int64_t offset_us; /* Redis' time less the monotonic clock */
	uint64_t last_us;  /* what was told last */
	unsigned slow;	   /* samples in a row that took too long to be good */
	uint64_t steps;	   /* how often the clock was set */
	int64_t local_us;  /* the local wall clock less Redis' */
};

/* sent_ns, got_ns: the monotonic clock before and after; local_us: the wall clock in between. */
void clock_guard_sample(struct clock_guard *g, uint64_t sent_ns, uint64_t got_ns, uint64_t redis_us, uint64_t local_us);
/* now_ns: the monotonic clock.  Must be known. */
uint64_t clock_guard_us(struct clock_guard *g, uint64_t now_ns);
static inline uint64_t clock_guard_ms(struct clock_guard *g, uint64_t now_ns)
{
	return clock_guard_us(g, now_ns) / 1000;
}
/* How far it stands still, ahead of what Redis says, in ms. */
uint64_t clock_guard_ahead_ms(const struct clock_guard *g, uint64_t now_ns);
/* Goes back to what Redis says, after all. */
void clock_guard_back(struct clock_guard *g);

#endif
