/* pace.c - see pace.h.  Kept as the time of the next token rather than as a count: nothing to refill, nothing to round. */
#include "engine/pace.h"

#include "base/clock.h"

#define PACE_BURST_NS (10 * NS_PER_MS)

void pace_init(struct pace *p, double per_second)
{
	*p = (struct pace){ 0 };
	if (per_second <= 0)
		return;
	p->interval_ns = (uint64_t)((double)NS_PER_S / per_second);
	if (p->interval_ns == 0)
		p->interval_ns = 1;
	p->burst_ns = PACE_BURST_NS;
}

unsigned pace_take(struct pace *p, uint64_t now_ns, unsigned wanted)
{
	if (!p->interval_ns)
		return wanted;
	uint64_t earliest = now_ns > p->burst_ns ? now_ns - p->burst_ns : 0;
	if (p->next_ns < earliest)
		p->next_ns = earliest;
	if (p->next_ns > now_ns)
		return 0;
	uint64_t there = (now_ns - p->next_ns) / p->interval_ns + 1;
	unsigned taken = there < wanted ? (unsigned)there : wanted;
	p->next_ns += taken * p->interval_ns;
	return taken;
}

uint64_t pace_wait_ns(const struct pace *p, uint64_t now_ns)
{
	return p->interval_ns && p->next_ns > now_ns ? p->next_ns - now_ns : 0;
}
