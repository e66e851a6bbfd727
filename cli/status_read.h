/* status_read.h - the state of everything, read from Redis, once or again and again. */
#ifndef CLI_STATUS_READ_H
#define CLI_STATUS_READ_H

#include "cli/status.h"
#include "wire/redis_link.h"
#include "wire/streams.h"

struct status_reader {
	struct redis_link *link;  /* borrowed */
	const char *prefix;
	struct status now, before; /* before: what the last successful reading found */
	char (*last_id)
		[24]; /* of each region's and shard's result stream, [region * shards + shard]; "" not read yet */
	unsigned last_regions, last_shards;
	uint64_t components_ns;	  /* when heartbeats were last looked for */
	unsigned keys;
	char (*key)[STREAM_KEY_MAX]; /* of heartbeats */
	bool untold;		  /* the last reading failed half-way: `before` still stands */
	char why[600];
};

/* Reads everything into r->now; the looks of before stay.  0, or negative with why: -EIO the link broke, -EREMOTEIO
 * Redis refused, -EBADMSG an answer of another shape, -EINVAL the settings cannot be read, -ENOMEM. */
int status_read(struct status_reader *r);
void status_reader_free(struct status_reader *r);

#endif
