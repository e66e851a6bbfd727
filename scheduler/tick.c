/* tick.c - one tick after the other: what is due becomes entries, and what became of the entries goes to the ledger.
 * In: the time.  Out: jobs in Redis.  Owns: the tick that is on its way (at most one).
 *
 * One tick is answered before the next is sent: so a stream that ends with tick T says that everything before T is
 * there. When Redis is full, only every second tick is tried, then every fourth, down to one in 16; what is not tried
 * or not taken is MISSED.  When it takes them again, the rate doubles with every five ticks it takes. */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "base/log.h"

#define STRIDE_MAX 16
#define STRIDE_EASE 5 /* accepted ticks in a row that are taken as a good sign */

struct fill {
	struct scheduler *s;
	unsigned region;
};

static void fill_row(void *arg, uint32_t index, uint32_t k)
{
	const struct fill *f = arg;
	const struct monitors *m = &f->s->monitors;
	const struct known *row = monitors_row(m, index);
	(void)k;
	if (!(row->regions >> f->region & 1) || !known_at(row, f->s->pending_ms))
		return;
	unsigned place = f->region * m->shards + row->shard;
	if (f->s->places.place[place].last_ms < f->s->pending_ms)
		job_emit_add(f->s->emit, place, row->class, &m->class[row->class], row->job, row->job_len);
}

static bool fill(struct scheduler *s, uint64_t tick_ms)
{
	s->pending_ms = tick_ms;
	if (!job_emit_begin(s->emit, s->places.count, tick_ms))
		return false;
	for (unsigned r = 0; r < s->monitors.regions; r++) {
		struct fill f = { s, r };
		for (unsigned t = 0; t < s->monitors.wheel.tables; t++)
			wheel_each_due(&s->monitors.wheel, t, r, s->monitors.regions, tick_ms, fill_row, &f);
	}
	return job_emit_end(s->emit);
}

/* ---- what became of it ---- */

static void full(struct scheduler *s)
{
	s->accepted = 0;
	s->stride = s->stride * 2 > STRIDE_MAX ? STRIDE_MAX : s->stride * 2;
	s->next_trim_ns = 0;
	counter_set(&s->counters->redis_full, 1);
	if (!s->full_said)
		log_errorx("redis is full: jobs are left out until it takes them again",
			   LOG_S("try", "more maxmemory, or look who "
					"does not read"),
			   LOG_U("stride", s->stride));
	s->full_said = true;
}

static void eased(struct scheduler *s)
{
	if (s->stride == 1 || ++s->accepted < STRIDE_EASE)
		return;
	s->accepted = 0;
	s->stride /= 2;
	if (s->stride > 1)
		return;
	counter_set(&s->counters->redis_full, 0);
	s->full_said = false;
	log_info("redis takes jobs again");
}

static void accepted(struct scheduler *s, const struct place *at, const struct emit_place *got)
{
	uint64_t now_us = clock_guard_us(&s->clock, clock_ns()), tick_us = s->pending_ms * 1000;
	ledger_scheduled(&s->ledger, at, got->jobs);
	counter_add(&s->counters->jobs, got->jobs);
	counter_add(&s->counters->entries, got->entries);
	for (unsigned i = 0; i < got->entries; i++)
		histogram_add(&s->counters->late, now_us > tick_us ? now_us - tick_us : 0);
}

/* Refused as "equal or smaller": ours, when the answer was lost; or of somebody who must not write there. */
static void was_there(struct scheduler *s, const struct place *at, const struct emit_place *got)
{
	unsigned missed;
	counter_add(&s->counters->already_there, got->entries);
	ledger_was_there(&s->ledger, at, s->pending_ms);
	if (!s->was_away && !s->fresh && log_allowed(&s->there_said, 1, &missed))
		log_warnx("jobs were in the stream already, or something later is; nobody else may add to it",
			  LOG_S("stream", at->jobs), LOG_U("slot", s->pending_ms), LOG_UNSAID(missed));
}

static void conclude_place(struct scheduler *s, struct place *at, const struct emit_place *got)
{
	switch (got->outcome) {
	case EMIT_NONE:
		if (at->last_ms >= s->pending_ms)
			ledger_was_there(&s->ledger, at, s->pending_ms);
		break;
	case EMIT_ACCEPTED:
		accepted(s, at, got);
		at->last_ms = s->pending_ms;
		break;
	case EMIT_THERE:
		was_there(s, at, got);
		break;
	case EMIT_FULL:
		counter_add(&s->counters->refused_entries, got->entries);
		ledger_refused(&s->ledger, at, s->pending_ms, MISSED_REDIS_FULL);
		break;
	case EMIT_LATER: /* then job_emit_send() did not succeed */
	case EMIT_REFUSED:
		counter_add(&s->counters->refused_entries, got->entries);
		ledger_refused(&s->ledger, at, s->pending_ms, MISSED_REFUSED);
		break;
	}
}

static void conclude(struct scheduler *s)
{
	bool any = false, was_full = false;
	for (unsigned i = 0; i < s->places.count; i++) {
		const struct emit_place *got = job_emit_outcome(s->emit, i);
		conclude_place(s, &s->places.place[i], got);
		was_full |= got->outcome == EMIT_FULL;
		any |= got->outcome == EMIT_ACCEPTED;
	}
	if (was_full)
		full(s);
	else if (any)
		eased(s);
	s->was_away = s->fresh = s->pending = false;
	ledger_emitted(&s->ledger, s->pending_ms);
}

/* A tick that is not tried because Redis is full. */
static void leave_out(struct scheduler *s, uint64_t tick_ms)
{
	for (unsigned i = 0; i < s->places.count; i++)
		ledger_refused(&s->ledger, &s->places.place[i], tick_ms, MISSED_REDIS_FULL);
	ledger_emitted(&s->ledger, tick_ms);
}

static enum missed why_skipped(struct scheduler *s)
{
	bool set = s->steps_seen != s->clock.steps;
	s->steps_seen = s->clock.steps;
	return set ? MISSED_CLOCK : s->was_away ? MISSED_REDIS_AWAY : MISSED_NO_SCHEDULER;
}

/* What lies too far back is given up, also a tick whose answer never came. */
static void skip_old(struct scheduler *s, uint64_t now_ms)
{
	uint64_t least = tick_of(now_ms - BACK_MAX_MS);
	if (s->ledger.emitted_ms >= least)
		return;
	enum missed why = why_skipped(s);
	log_warnx("slots are too old to be scheduled and are missed", LOG_S("why", missed_sentence[why]),
		  LOG_U("for_s", (least - s->ledger.emitted_ms) / 1000));
	s->pending = s->pending && s->pending_ms > least;
	ledger_skipped(&s->ledger, least, why);
}

bool tick_emit_due(struct scheduler *s, uint64_t now_ms)
{
	skip_old(s, now_ms);
	for (unsigned n = 0; n < CATCH_UP_TICKS && s->ledger.emitted_ms + TICK_MS <= now_ms; n++) {
		uint64_t tick_ms = s->ledger.emitted_ms + TICK_MS;
		if (!s->pending && tick_ms / TICK_MS % s->stride) {
			leave_out(s, tick_ms);
			continue;
		}
		if (!s->pending && !fill(s, tick_ms))
			return false; /* no memory: again with the next step */
		s->pending = true;
		if (job_emit_send(s->emit, &s->places, s->link)) {
			s->was_away = true;
			return false;
		}
		conclude(s);
	}
	counter_set(&s->counters->lag_ms, now_ms > s->ledger.emitted_ms ? now_ms - s->ledger.emitted_ms : 0);
	return true;
}
