/* round.h - rounds that are to be probed now: gathered over one pass, batched over monitors, sent on the hot streams. */
#ifndef ALERTS_ROUND_H
#define ALERTS_ROUND_H

#include "alerts/watch.h"
#include "wire/redis_link.h"

#define ROUND_EXPIRES_MS 10000 /* probed later it would confirm nothing */

struct round_job {
	unsigned shard, region;	 /* index */
	uint64_t slot_ms;
	unsigned attempt, timeout_ms, settle_ms, port;
	enum close_mode close;
	enum job_ip ip;
	enum job_addresses addresses;
	enum job_type type;
	enum job_record record;
	bool tls;
	struct tls_wish wish; /* its texts stand in text */
	char *text; /* malloc'd: monitor, host, expect_address, expect_answer and resolver, each ended by 0; then those of wish */
};

struct rounds {
	struct round_job *job; /* malloc'd array */
	size_t count, room;
	uint64_t sent;	       /* jobs, ever */
};

void rounds_free(struct rounds *r);
/* One job for each region of the mask. */
void rounds_add(struct rounds *r, unsigned shard, const struct monitor *m, uint16_t regions, uint64_t slot_ms, unsigned attempt);
/* Sends what was gathered and forgets it, also what Redis refused: who still wants to know asks again.  region: names by
 * index.  0, or negative: it was not all sent. */
int rounds_send(struct rounds *r, struct redis_link *link, const char *prefix, const char *const *region);

#endif
