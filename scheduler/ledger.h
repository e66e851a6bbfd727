/* ledger.h - what became of every (monitor, region, slot): answered, or MISSED with a reason.
 * In: what was scheduled, results as they come, time.  Out: counters, and lines in missed_log.
 * Owns: 12 B a monitor and region: the number of the newest slot that was answered and a bit for each of the 64 up to
 * it.
 *
 * A slot counts as waiting when it is scheduled; as answered when its first result comes (attempt 0); when its grace is
 * over (expiry of the job, the engine's time and its lease) its bucket is gone through once and what has no bit is
 * MISSED.
 *	scheduled = answered + missed + handed over + waiting, always
 * handed over: waiting when the lease was lost; whoever has it now counts them as scheduled again.
 *
 * Why so: results are read by XREAD from a position of our own, not as a consumer group: a group costs an XACK an
 * entry and holds back the trimming of results while no scheduler runs, and its only gift, what was read by the one
 * before, is worth nothing here, since a new holder has to build the bits of the last 75 s anyway.  So the position is
 * a time, the last slot that was audited; it stands in pw:scheduler:ledger. */
#ifndef SCHEDULER_LEDGER_H
#define SCHEDULER_LEDGER_H

#include "scheduler/missed_log.h"
#include "scheduler/monitors.h"

#define HOLES_MAX 32
#define GRACE_MARGIN_MS 8000 /* an engine's lease is its longest timeout + 3 s; then it has to publish */

struct ledger_cell {
	uint32_t newest;
	uint32_t bits[2]; /* bit i: slot newest - i was answered, or is accounted for otherwise */
};

struct ledger {
	struct monitors *monitors;
	struct places *places;
	struct missed_log *log;
	struct scheduler_counters *counters;
	struct ledger_cell *cell[REGIONS_MAX];
	uint32_t room;
	bool open;
	uint64_t emitted_ms; /* slots up to and with this tick are scheduled */
	uint64_t audited_ms[WHEEL_TABLES_MAX];
	struct ledger_hole { /* ticks (after, until] were not scheduled at all, and are accounted for */
		uint64_t after_ms, until_ms;
	} hole[HOLES_MAX];
	unsigned holes;
};

void ledger_init(struct ledger *l, struct monitors *m, struct places *p, struct missed_log *log,
		 struct scheduler_counters *c);
void ledger_free(struct ledger *l);

/* Begins: slots after the one tick and up to the other were scheduled by somebody before us and wait for their results.
 */
void ledger_open(struct ledger *l, uint64_t audited_ms, uint64_t emitted_ms);
/* Ends: what waits is handed over. */
void ledger_close(struct ledger *l);
/* What waits is MISSED, all of it; without names and regions where more than five minutes wait. */
void ledger_give_up(struct ledger *l, enum missed why);
/* Regions or shards are others; nothing may wait. */
void ledger_place(struct ledger *l);
/* A new row stands at an index.  False: no memory. */
bool ledger_fresh(struct ledger *l, uint32_t index);

/* n jobs of a place were accepted; the tick itself ends with ledger_emitted(). */
void ledger_scheduled(struct ledger *l, const struct place *at, uint32_t n);
/* The tick's jobs were in the stream before us; some may have been answered. */
void ledger_was_there(struct ledger *l, const struct place *at, uint64_t tick_ms);
/* The tick's jobs will not be in the stream. */
void ledger_refused(struct ledger *l, const struct place *at, uint64_t tick_ms, enum missed why);
void ledger_emitted(struct ledger *l, uint64_t tick_ms);
/* Ticks after emitted_ms and up to until_ms were never scheduled. */
void ledger_skipped(struct ledger *l, uint64_t until_ms, enum missed why);
/* The same for ticks before ledger_open(). */
void ledger_gap(struct ledger *l, uint64_t after_ms, uint64_t until_ms, enum missed why);

/* n jobs that a clock ahead of time had scheduled were taken out again, unread. */
void ledger_cleared(struct ledger *l, const struct place *at, uint64_t now_ms, uint64_t n);

/* A result.  monitor need not be known. */
void ledger_answer(struct ledger *l, unsigned region, const char *monitor, size_t len, uint64_t slot_ms,
		   unsigned attempt);
/* Goes through what is over at now_ms, given that all results up to read_ms were seen; a bounded piece of it. */
void ledger_audit(struct ledger *l, uint64_t now_ms, uint64_t read_ms);
/* The least tick that all buckets are audited up to: where a new holder begins. */
uint64_t ledger_audited_ms(const struct ledger *l);
/* How long after a slot it is looked at, for an interval. */
uint64_t ledger_grace_ms(const struct ledger *l, uint32_t interval_ms);

#endif
