/* verdict.h - from evidence to a verdict: pure, and the only place that decides. */
#ifndef ENGINE_VERDICT_H
#define ENGINE_VERDICT_H

#include "engine/handshake.h"

/* Fills verdict, error, icmp, rtt_us, syn_retrans and detail of the outcome.  VERDICT_NONE: there was nothing to see
 * (the kernel woke us without a reason): go on waiting with the time that is left. */
enum verdict verdict_judge(const struct evidence *seen, struct outcome *into);

/* The same for an errno of our own making, before any packet: no descriptor, no memory. */
void verdict_local(int error, struct outcome *into);

#endif
