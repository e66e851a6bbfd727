/* clock_guard.c - see clock_guard.h. */
#include "scheduler/clock_guard.h"

#include "base/must.h"

#define STEP_US 500000	 /* more than that is not drift and not a slow answer */
#define GOOD_US 50000	 /* an answer within that is taken as it is */
#define SLOW_MAX 10	 /* without a good one for so long, a slow one has to do */
#define SLEW 8		 /* a part of the difference, each second */

void clock_guard_sample(struct clock_guard *g, uint64_t sent_ns, uint64_t got_ns, uint64_t redis_us, uint64_t local_us)
{
	uint64_t took_us = (got_ns - sent_ns) / 1000;
	int64_t offset = (int64_t)(redis_us - (sent_ns / 1000 + took_us / 2)), diff = offset - g->offset_us;
	if (g->known && took_us > GOOD_US && ++g->slow < SLOW_MAX)
		return;
	g->slow = 0;
	g->local_us = (int64_t)(local_us - redis_us);
	if (!g->known || diff > STEP_US || diff < -STEP_US) {
		g->steps += g->known;
		g->offset_us = offset;
	} else
		g->offset_us += diff / SLEW;
	g->known = true;
}

static uint64_t raw_us(const struct clock_guard *g, uint64_t now_ns)
{
	return (uint64_t)((int64_t)(now_ns / 1000) + g->offset_us);
}

uint64_t clock_guard_us(struct clock_guard *g, uint64_t now_ns)
{
	must(g->known);
	uint64_t us = raw_us(g, now_ns);
	if (us > g->last_us)
		g->last_us = us;
	return g->last_us;
}

uint64_t clock_guard_ahead_ms(const struct clock_guard *g, uint64_t now_ns)
{
	uint64_t us = raw_us(g, now_ns);
	return g->known && g->last_us > us ? (g->last_us - us) / 1000 : 0;
}

void clock_guard_back(struct clock_guard *g)
{
	g->last_us = 0;
}
