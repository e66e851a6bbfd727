/* metrics.h - what the process says of itself at /metrics, in the text format of Prometheus. */
#ifndef ALERTS_METRICS_H
#define ALERTS_METRICS_H

#include "alerts/alerts.h"

struct metrics {
	struct alerts_counters *counters;
	const struct notifier *notifier;
	const struct dead_man *dead_man;
	const char *name, *version;
};

/* For struct http_page: arg is a struct metrics. */
void metrics_write(void *arg, struct text *into);

#endif
