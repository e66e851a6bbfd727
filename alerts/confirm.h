/* confirm.h - when a monitor is looked at between its scheduled looks: a round after a failure, re-checks while it
 * is down.
 *
 * A round is two probes in all regions, at once and 2 s later (from one place only: four, over 30 s).  It covers
 * every failure that was probed before its last probe; a later one begins another round if the region was fine
 * before, or if the last round left it undecided, but then only once per max(10 s, a sixth of the interval).  So a
 * path issue is not confirmed over and over, and a region that joins it is confirmed at once. */
#ifndef ALERTS_CONFIRM_H
#define ALERTS_CONFIRM_H

#include "alerts/watch.h"

#define CONFIRM_RECHECK_MS 15000
#define CONFIRM_STEPS_MAX 4

struct confirm {
	uint64_t started_ms; /* the last round; 0: none yet */
	uint64_t last_ms;    /* slot of the last probe asked for */
	uint16_t attempt;    /* of that one */
	uint8_t step;	     /* how many probes of the round were asked for */
	uint8_t steps;	     /* of how many; equal: no round goes on */
};

/* A down result whose slot is failed_ms has come, the monitor not being down.  turned: the region was fine before;
 * undecided: it does not vote down yet.  True: a round begins. */
bool confirm_failure(struct confirm *c, const struct watch_rule *rule, uint64_t failed_ms, bool turned, bool undecided,
		     uint64_t now_ms);
/* A round for another reason; false if one goes on or began less than max(10 s, a sixth of the interval) ago. */
bool confirm_ask(struct confirm *c, const struct watch_rule *rule, uint64_t now_ms);
/* Nothing of the round is wanted any more (from one place: it was seen open). */
void confirm_stop(struct confirm *c);
/* When the next probe is due; UINT64_MAX: none is.  recheck: the monitor is down and waits to be seen open. */
uint64_t confirm_due_ms(const struct confirm *c, bool recheck);
/* Fills round if a probe is due at now. */
void confirm_take(struct confirm *c, bool recheck, uint64_t now_ms, struct watch_round *round);

#endif
