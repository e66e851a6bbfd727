/* pipeline.h - one scheduler, from its links to its loop.  (Its functions are called schedule_...: the engine has a
 * pipeline, too, and the unit tests link both.) */
#ifndef SCHEDULER_PIPELINE_H
#define SCHEDULER_PIPELINE_H

#include "scheduler/scheduler.h"

/* counters outlive it.  NULL: no memory or no descriptors. */
struct scheduler *schedule_new(const struct scheduler_config *config, struct scheduler_counters *counters);
/* Everything that is due now, once; returns how many us to wait until the next step. */
unsigned schedule_step(struct scheduler *s);
/* Ticks and nothing else, for who is busy with something long. */
void schedule_breathe(struct scheduler *s);
/* Gives the lease up, so that the next one takes over at once.  Nothing is scheduled after it. */
void schedule_stop(struct scheduler *s);
void schedule_free(struct scheduler *s);

#endif
