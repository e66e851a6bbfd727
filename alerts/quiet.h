/* quiet.h - what is decided but not told, and why: flapping, maintenance, parents, canaries. */
#ifndef ALERTS_QUIET_H
#define ALERTS_QUIET_H

#include "alerts/watch.h"

/* Changes between up and down, each worth 1 when it happens and half of that a window later.  Flapping begins at
 * 4.5: the third DOWN of quick cycles, the end of the third cycle if they take the whole window; it ends when one
 * state has held for a while. */
struct flap {
	uint64_t at_ms;	     /* to when the penalty has been reduced */
	uint64_t changed_ms; /* the last change */
	uint32_t penalty;    /* in 1/65536 */
	bool on;
};
uint64_t flap_window_ms(unsigned interval_ms); /* 30 min, or ten intervals if that is longer */
uint64_t flap_calm_ms(unsigned interval_ms);   /* 10 min, or five intervals */
/* A change happened.  True: flapping begins with it. */
bool flap_change(struct flap *f, unsigned interval_ms, uint64_t now_ms);
/* True: flapping has just ended. */
bool flap_settle(struct flap *f, unsigned interval_ms, uint64_t now_ms);
/* Nothing will be left of it at now. */
bool flap_is_over(const struct flap *f, unsigned interval_ms, uint64_t now_ms);

enum quiet { QUIET_TELL, QUIET_WAIT, QUIET_SILENT };
#define QUIET_WHY_MAX 160
/* Whether an event of that kind may be told.  WAIT: a parent may turn out to be down, until hold_until_ms.  SILENT:
 * why says why. */
enum quiet quiet_judge(enum event_kind kind, enum canary canary, bool flapping, const struct watch_env *env,
		       uint64_t hold_until_ms, char why[QUIET_WHY_MAX]);

#endif
