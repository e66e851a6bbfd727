/* pace.h - a token bucket: at most so many new connections a second, evenly.
 * Burst: 10 ms worth (at least one), so that a batch of 64 does not leave in one packet train. */
#ifndef ENGINE_PACE_H
#define ENGINE_PACE_H

#include <stdint.h>

struct pace {
	uint64_t interval_ns; /* between two tokens; 0: no limit */
	uint64_t burst_ns;    /* how far behind next_ns may lie */
	uint64_t next_ns;     /* when the next token is there */
};

void pace_init(struct pace *p, double per_second); /* 0: no limit */
/* How many of wanted may start now; takes them. */
unsigned pace_take(struct pace *p, uint64_t now_ns, unsigned wanted);
/* ns until the next token, 0: there is one. */
uint64_t pace_wait_ns(const struct pace *p, uint64_t now_ns);

#endif
