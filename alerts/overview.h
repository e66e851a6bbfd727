/* overview.h - what concerns all shards at once: which monitors and settings there are, which regions may vote, what is
 * wrong with ourselves, and the numbers of it all. */
#ifndef ALERTS_OVERVIEW_H
#define ALERTS_OVERVIEW_H

#include "alerts/alerts.h"

bool overview_init(struct alerts *a); /* false: no memory */
void overview_free(struct alerts *a);

/* Takes what changed in monitors and settings. */
void overview_follow(struct alerts *a);
/* Listens for heartbeats, counts votes, judges; tells what is wrong, if shard 0 is ours. */
void overview_judge(struct alerts *a);
/* Numbers for the metrics; trims what is done. */
void overview_count(struct alerts *a);

#endif
