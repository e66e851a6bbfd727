/* lane.h - a thread with a connector, a pool of sockets and slots for probes; never touches Redis. */
#ifndef ENGINE_LANE_H
#define ENGINE_LANE_H

#include "engine/address_policy.h"
#include "engine/batch.h"
#include "engine/connector.h"
#include "engine/counters.h"
#include "engine/destination_cap.h"
#include "engine/socket_pool.h"

#define LANE_SLOTS_MAX 16384 /* the kernel's cancel hash has 256 buckets a ring; beyond this a timeout costs twice */

struct tls_stage;

struct lane_config {
	unsigned number;	       /* 0.., for the thread's name */
	uint32_t slots;
	enum connector_choice connector;
	double rate;		       /* new connections a second in this lane; 0: no limit */
	const struct local_addresses *from;
	const struct address_policy *policy;   /* NULL: any */
	struct destination_cap *cap;	       /* shared by all lanes; NULL: none */
	bool coalesce;
	bool early;		       /* what is down is given out before its batch is finished (early.h) */
	struct batch_queue *finished;  /* where batches go when each job has an outcome */
	struct tls_stage *tls;	       /* who does the jobs that ask for a certificate; NULL only where there are none */
};

struct lane;

/* Starts the thread and waits until its connector stands.  NULL: why says what is missing. */
struct lane *lane_start(const struct lane_config *config, char *why, size_t why_len);
/* Hands batches over, from the reader thread; empties the list. */
void lane_give(struct lane *lane, struct batch_list *batches);
/* From now on jobs that have not begun end as `shutdown`; those in flight end as they do. */
void lane_drain(struct lane *lane);
/* Ends the thread.  Batches that have not come out are freed, attempts under way are reset. */
void lane_stop(struct lane *lane);

const char *lane_connector(const struct lane *lane);
const char *lane_connector_why(const struct lane *lane); /* why it is not the first choice; "" if it is */
const struct lane_counters *lane_counters(const struct lane *lane);

#endif
