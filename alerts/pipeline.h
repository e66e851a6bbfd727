/* pipeline.h - the process portwatch-alerts between its signals: results come, watches decide, people are told. */
#ifndef ALERTS_PIPELINE_H
#define ALERTS_PIPELINE_H

#include "alerts/alerts.h"
#include "wire/redis_url.h"

struct pipeline_config {
	struct redis_url url;
	const char *prefix, *name;
	struct notifier *notifier; /* borrowed, as all here */
	struct dead_man *dead_man; /* or NULL */
	struct alerts_counters *counters;
};

struct alerts *pipeline_new(const struct pipeline_config *config); /* NULL: no memory or no descriptor */
/* Runs until *stop is true; gives the shards back. */
void pipeline_run(struct alerts *a, const atomic_bool *stop);
void pipeline_free(struct alerts *a);

#endif
