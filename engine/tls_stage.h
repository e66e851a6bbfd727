/* tls_stage.h - the slow path: jobs that ask for a certificate, a bounded number at a time, on a thread of its own. */
#ifndef ENGINE_TLS_STAGE_H
#define ENGINE_TLS_STAGE_H

#include "base/counter.h"
#include "engine/address_policy.h"
#include "engine/batch.h"
#include "engine/destination_cap.h"
#include "engine/socket_pool.h"

#define TLS_SESSIONS_MAX 256 /* each takes some 60 KB while it lasts, and 1 ms of a core in all */

/* Written by the stage's thread. */
struct tls_counters {
	counter verdict[VERDICTS]; /* jobs that ended so */
	counter connects;	   /* attempts handed to the kernel */
	counter sessions;	   /* gauge: under way */
	counter waiting;	   /* gauge: jobs that wait for a session, or for their turn at an address */
	counter capped;		   /* jobs that had to wait for that turn, or missed it */
};

struct tls_stage_config {
	unsigned sessions;		    /* at a time, TLS_SESSIONS_MAX at most */
	const struct local_addresses *from; /* borrowed, as the next three */
	const struct address_policy *policy; /* NULL: any */
	struct destination_cap *cap;	     /* shared with the lanes; NULL: none */
	struct batch_queue *finished;	    /* where batches go when all jobs that were passed on have an outcome */
};

struct tls_stage;

/* Starts the thread.  NULL: why says what is missing. */
struct tls_stage *tls_stage_start(const struct tls_stage_config *config, char *why, size_t why_len);
/* Hands over batches of which a lane has finished all but those it passed on (batch.passed of them); from any thread. */
void tls_stage_give(struct tls_stage *t, struct batch_list *batches);
/* From now on jobs that have not begun end as `shutdown`. */
void tls_stage_drain(struct tls_stage *t);
/* Ends the thread; batches that have not come out are freed. */
void tls_stage_stop(struct tls_stage *t);

const struct tls_counters *tls_stage_counters(const struct tls_stage *t);

#endif
