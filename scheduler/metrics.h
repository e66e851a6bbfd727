/* metrics.h - the scheduler's counters as Prometheus text. */
#ifndef SCHEDULER_METRICS_H
#define SCHEDULER_METRICS_H

#include "base/text.h"
#include "scheduler/counters.h"

struct scheduler_metrics {
	const struct scheduler_counters *counters;
	const char *name, *version;
};

/* For http_page.h; arg is a struct scheduler_metrics. */
void scheduler_metrics_write(void *arg, struct text *into);

#endif
