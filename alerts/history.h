/* history.h - what is kept of one region's results: the newest few that know something, and the newest that does
 * not.
 *
 * A set, not a log: whatever order results come in and however often, the same ones are kept.  Results of class
 * unknown stand apart, so that a prober in trouble can never push out what was known about the target. */
#ifndef ALERTS_HISTORY_H
#define ALERTS_HISTORY_H

#include "wire/result.h"
#include <errno.h>

#define LOOK_SOON EKEYEXPIRED /* the port is open and the certificate holds, but not for long */

#define HISTORY_LOOKS 8 /* so many must hold the longest proof of a DOWN (from one place) and of its end, for any interval */

/* One result; 16 bytes, because a million monitors keep eight a region. */
struct look {
	uint64_t key;	/* slot_ms << 16 | attempt: newer is greater; 0: none */
	uint32_t rtt_us;
	uint16_t error : 15; /* errno; of an open one LOOK_SOON, or 0 */
	uint16_t partial : 1; /* open, but another address of the monitor was down in the same look */
	uint8_t verdict, syn_retrans;
};

struct region_history {
	struct look known[HISTORY_LOOKS]; /* class up or down, newest first, the rest empty */
	struct look unknown;		  /* the newest of class unknown */
	uint8_t address[16];		  /* what the newest look of all probed (IPv4 mapped); zeros: none */
};

static inline uint64_t look_key(uint64_t slot_ms, unsigned attempt)
{
	return slot_ms << 16 | (attempt > UINT16_MAX ? UINT16_MAX : attempt);
}

static inline uint64_t look_slot_ms(const struct look *l)
{
	return l->key >> 16;
}

static inline unsigned look_attempt(const struct look *l)
{
	return l->key & UINT16_MAX;
}

static inline bool look_is_open(const struct look *l)
{
	return l->verdict == VERDICT_OPEN;
}

/* Whether it is what the monitor wants: open, or of one that must not answer: not open, and no SYN-ACK either. */
static inline bool look_is_good(const struct look *l, bool expect_closed)
{
	return expect_closed ? verdict_is_silent(l->verdict) : look_is_open(l);
}

static inline bool look_is_soon(const struct look *l)
{
	return l->verdict == VERDICT_OPEN && l->error == LOOK_SOON;
}

/* The look of a result that came over the wire; its address into 16 bytes. */
void look_of_result(struct look *l, uint8_t address[16], const struct result *r);
/* An address of struct region_history as text, INET6_ADDRSTRLEN bytes; "" for none. */
void look_address_text(const uint8_t address[16], char *into);

/* Adds a look.  False: nothing changed (known already, or older than what is kept).  Two results of one key that
 * differ (a job probed twice because an engine died, or a job with several addresses) count once: the better one, so that
 * order does not matter.  Several addresses of which one is open and another down make the look partial. */
/* What is kept of the same key in the class that knows something; NULL: nothing. */
const struct look *history_kept(const struct region_history *h, const struct look *l);
bool history_add(struct region_history *h, const struct look *l, const uint8_t address[16]);

#endif
