/* event_feed.h - the events of all shards as they come, without a consumer group: looking holds nothing back. */
#ifndef CLI_EVENT_FEED_H
#define CLI_EVENT_FEED_H

#include "cli/event_line.h"
#include "wire/settings.h"

struct event_feed {
	struct redis_link *link; /* borrowed */
	const char *prefix;
	const char *from;	 /* "start", "now" or an id: where each shard's stream begins */
	void (*take)(void *arg, const struct event *e);
	void *arg;

	unsigned shards;	 /* 0: not known yet */
	char last_id[SETTINGS_SHARDS_MAX][STREAM_ID_MAX];
	uint64_t looked_ns;	 /* when the settings were read */
	char why[600];
};

/* Gives take() what has come, waiting up to block_ms for the first.  How many, or negative with why: as
 * status_read(). */
int event_feed_poll(struct event_feed *f, unsigned block_ms);

#endif
