/* resolve_rows.h - from what is known of a name to what is probed: the rows of one job.  Pure. */
#ifndef ENGINE_RESOLVE_ROWS_H
#define ENGINE_RESOLVE_ROWS_H

#include "engine/address_policy.h"
#include "engine/batch.h"
#include "engine/name_cache.h"

/* What one half of a name has to say to a job. */
enum half_state {
	HALF_UNASKED, /* this job does not want it */
	HALF_WAIT,
	HALF_KNOWN,
	HALF_STALE,   /* an old answer, because there is no new one */
	HALF_FAILED,
};

struct half_view {
	enum half_state state;
	uint8_t outcome;	  /* KNOWN, STALE: what is known; FAILED: enum dns_outcome of the failure */
	uint8_t failure;	  /* STALE: why there is nothing newer */
	uint8_t count;
	const uint8_t (*address)[16];
	uint64_t old_ms;	  /* STALE: expired so long ago */
};

struct resolved {
	unsigned count;
	struct job job[JOB_ADDRESSES_MAX + 2];
	struct outcome outcome[JOB_ADDRESSES_MAX + 2];
};

/* Which half the job needs next, given those it has seen; DNS_TYPES: no more, resolve_rows() can be called. */
enum dns_type resolve_next(const struct job *job, const struct half_view view[DNS_TYPES]);

/* Fills the rows: one for each address that is to be probed, or whose answer is known without a probe (outcome.verdict is
 * then set).  At least one.  A name of which any known address is denied has no other row than that.  Texts of outcomes are
 * kept by b.  policy: NULL: any.  who: who was asked.  waited_ms: how long, for a sentence. */
void resolve_rows(struct batch *b, const struct job *job, const struct half_view view[DNS_TYPES],
		  const struct address_policy *policy, const char *who, uint64_t waited_ms, const char *changed,
		  struct resolved *into);
/* Why nothing is known of a name, as a sentence. */
void resolve_say_failure(const char *who, const char *host, int host_len, uint64_t waited_ms, enum dns_outcome failure, char *into,
			 size_t len);
/* A literal address with expectations. */
void resolve_literal(struct batch *b, const struct job *job, struct resolved *into);

#endif
