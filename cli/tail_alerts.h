/* tail_alerts.h - portwatch tail --alerts: events instead of results. */
#ifndef CLI_TAIL_ALERTS_H
#define CLI_TAIL_ALERTS_H

#include "base/option.h"
#include "wire/redis_url.h"

struct tail_alerts {
	const struct option_table *table; /* whose name stands before complaints */
	struct redis_url url;
	const char *prefix, *from, *monitor;
	uint64_t most, timeout_ms;
	bool json, coloured;
};

/* Prints until Ctrl-C, or as many as are wanted, or nothing came for the time; returns the exit status. */
int tail_alerts(const struct tail_alerts *t);

#endif
