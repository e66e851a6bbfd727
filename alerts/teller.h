/* teller.h - one channel at work: a thread that reads the outboxes, tells, tries again, and remembers.  notifier.c
 * has one of these for each channel; they share nothing, so one that hangs delays nobody else. */
#ifndef ALERTS_TELLER_H
#define ALERTS_TELLER_H

#include "alerts/notice_queue.h"

struct teller_config {
	const struct redis_url *url;
	const char *prefix;
	const struct channel *channel;
	const struct retry_schedule *schedule;
	unsigned refresh_ms;
};

/* Written by the thread, read by anybody. */
struct teller_counters {
	_Atomic uint64_t outcome[OUTCOMES], retries, refreshes;
	_Atomic uint64_t waiting;   /* events in the queue */
	_Atomic uint64_t oldest_ms; /* when the oldest of them was put into the outbox, wall clock; 0: none waits */
	_Atomic bool up;	    /* the last try was heard, or none was made yet */
};

struct teller;
/* NULL: why holds a sentence. */
struct teller *teller_start(const struct teller_config *config, char *why, size_t why_len);
const struct channel *teller_channel(const struct teller *t);
const struct teller_counters *teller_counters(const struct teller *t);
void teller_shards(struct teller *t, uint64_t shards);
/* First all are asked to end, then each is waited for: until end_ns (clock_ns) patiently, then not. */
void teller_ask_to_end(struct teller *t);
void teller_end(struct teller *t, uint64_t end_ns);

#endif
