/* probe.h - the slots of a lane: one connection attempt each, from a job to its outcome. */
#ifndef ENGINE_PROBE_H
#define ENGINE_PROBE_H

#include "engine/address_policy.h"
#include "engine/batch.h"
#include "engine/connector.h"
#include "engine/counters.h"
#include "engine/socket_pool.h"
#include "engine/twins.h"

enum probe_state {
	PROBE_IDLE,	  /* the slot is free */
	PROBE_CONNECTING, /* SYN sent or about to be; the connector owes an answer */
	PROBE_WAITING,	  /* was woken without a reason; waits with the time that is left */
	PROBE_SETTLING,	  /* handshake completed; waits for a reset */
	PROBE_JOINED,	  /* has no socket: another slot's attempt answers for it too */
	PROBE_STATES
};

struct probe {
	struct batch *batch;
	uint64_t started_ns;
	uint64_t answered_ns; /* when the handshake completed, while SETTLING */
	int fd;
	uint16_t job;	      /* index in the batch */
	uint8_t state;	      /* enum probe_state; written by one function */
	uint8_t kind;	      /* of its socket */
	uint32_t joined;      /* the first slot that joined this attempt; of one that joined: the next; TWINS_NONE: none */
};

struct probes {
	struct connector *connector;
	struct socket_pool *pool;
	struct lane_counters *counters;
	const struct address_policy *policy; /* NULL: any */
	bool coalesce;			     /* identical jobs share an attempt; see probe_start() */
	struct twins twins;
	void (*job_done)(void *arg, struct batch *b); /* a job of b has its outcome */
	void *arg;
	uint32_t count, free_count;
	struct probe *probe;
	uint32_t *free_slot; /* stack of free ones */
};

/* 0 or -ENOMEM.  Connector and pool may be set later, before the first probe_start(). */
int probes_init(struct probes *ps, uint32_t count);
void probes_free(struct probes *ps);

/* Once the connector is closed: takes back what attempts under way still hold; job_done() follows for each, without a
 * verdict. */
void probes_abandon(struct probes *ps);

/* Starts the attempt for a job with a literal address; there must be a free slot.  job_done() follows exactly once, at
 * once if the job could not even be started.  An address that the policy denies is never connected to.  With coalesce a job
 * joins an attempt under way that asks the same and began no earlier than the job was due; it gets that attempt's
 * outcome. */
void probe_start(struct probes *ps, struct batch *b, unsigned job);

/* Whether probe_start() would make a connection now: not for a job that is denied, nor for one that would join. */
bool probe_would_connect(const struct probes *ps, const struct job *job);

/* The address and port of a job that has one; returns the length. */
socklen_t job_sockaddr(const struct job *job, struct sockaddr_in6 *into);

/* Now minus the job's slot, without the time its name took, in us; within the bounds of int32_t. */
int32_t probe_lateness_us(const struct job *job, const struct outcome *o);

/* For connector_open(): arg is the struct probes. */
void probe_answered(void *arg, uint32_t slot, int res);

#endif
