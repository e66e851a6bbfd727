/* ledger_audit.c - goes through the monitors of a tick, one by one: what was there before us, what was refused, and,
 * when its grace is over, what has no answer.  See ledger.h. */
#include "scheduler/ledger_self.h"

#define AUDIT_TICKS_MAX 64 /* of one table in one call; a call comes every tick */
#define GIVE_UP_MAX_MS 300000 /* a clock that had jumped for a year would be gone through for hours */

/* ---- going through a tick ---- */

struct walk {
	struct ledger *l;
	unsigned region;
	int shard; /* -1: all */
	uint64_t tick_ms;
	void (*each)(struct walk *w, uint32_t index, uint32_t k);
	enum missed why;
};

static void walk_row(void *arg, uint32_t index, uint32_t k)
{
	struct walk *w = arg;
	const struct known *row = monitors_row(w->l->monitors, index);
	if ((row->regions >> w->region & 1) && known_at(row, w->tick_ms) && (w->shard < 0 || row->shard == w->shard))
		w->each(w, index, k);
}

static void walk_tick(struct walk *w)
{
	const struct monitors *m = w->l->monitors;
	for (unsigned t = 0; t < m->wheel.tables; t++)
		wheel_each_due(&m->wheel, t, w->region, m->regions, w->tick_ms, walk_row, w);
}

static void miss(struct walk *w, uint32_t index, enum missed why)
{
	const struct known *row = monitors_row(w->l->monitors, index);
	const struct place *at = place_at(w->l->places, w->region, row->shard);
	size_t len;
	const char *name = job_bytes_name(row->job, &len);
	count_missed(w->l, at, 1, why);
	missed_log_add(w->l->log, at, w->tick_ms, why, name, len);
}

static void each_was_there(struct walk *w, uint32_t index, uint32_t k)
{
	counter_add(&w->l->counters->scheduled, 1);
	if (bit_is_set(&w->l->cell[w->region][index], k))
		counter_add(&w->l->counters->answered, 1);
	else
		counter_add(&w->l->counters->waiting, 1);
}

void ledger_was_there(struct ledger *l, const struct place *at, uint64_t tick_ms)
{
	struct walk w = {
		.l = l, .region = at->region, .shard = (int)at->shard, .tick_ms = tick_ms, .each = each_was_there
	};
	walk_tick(&w);
}

static void each_refused(struct walk *w, uint32_t index, uint32_t k)
{
	counter_add(&w->l->counters->scheduled, 1);
	bit_set(&w->l->cell[w->region][index], k); /* so that the audit passes over it */
	miss(w, index, w->why);
}

void ledger_refused(struct ledger *l, const struct place *at, uint64_t tick_ms, enum missed why)
{
	struct walk w = { .l = l,
			  .region = at->region,
			  .shard = (int)at->shard,
			  .tick_ms = tick_ms,
			  .each = each_refused,
			  .why = why };
	walk_tick(&w);
}

/* ---- audit ---- */

uint64_t ledger_grace_ms(const struct ledger *l, uint32_t interval_ms)
{
	uint64_t expires = 30ull * interval_ms, most = 60ull * interval_ms;
	expires = expires < l->monitors->expires_ms ? expires : l->monitors->expires_ms;
	uint64_t grace = expires + 2ull * l->monitors->timeout_most_ms + GRACE_MARGIN_MS;
	return grace < most ? grace : most; /* 64 slots can be counted */
}

static enum missed reason(const struct place *at, uint64_t slot_ms)
{
	if (!at->looked_ms)
		return MISSED_UNKNOWN;
	if (at->engine_ms < slot_ms)
		return MISSED_NO_ENGINE;
	return at->delivered_ms >= slot_ms ? MISSED_NOT_ANSWERED : MISSED_NOT_TAKEN;
}

static void each_audited(struct walk *w, uint32_t index, uint32_t k)
{
	if (bit_is_set(&w->l->cell[w->region][index], k))
		return;
	waiting_less(w->l, 1);
	miss(w, index,
	     reason(place_at(w->l->places, w->region, monitors_row(w->l->monitors, index)->shard), w->tick_ms));
}

/* Retired rows whose last slots are behind us are met here and freed. */
static void audit_row(void *arg, uint32_t index, uint32_t k)
{
	struct walk *w = arg;
	if (monitors_row(w->l->monitors, index)->retired_ms < w->tick_ms)
		monitors_reap(w->l->monitors, index);
	else if (!in_hole(w->l, w->tick_ms))
		walk_row(w, index, k);
}

/* how: what is done with each slot, and why. */
static void audit_table(struct ledger *l, unsigned table, uint64_t until_ms, uint64_t ticks_max, const struct walk *how)
{
	const struct wheel *wheel = &l->monitors->wheel;
	uint64_t *at = &l->audited_ms[table];
	for (uint64_t n = 0; n < ticks_max && *at + TICK_MS <= until_ms && wheel->table[table].head; n++) {
		*at += TICK_MS;
		for (unsigned r = 0; r < l->monitors->regions; r++) {
			struct walk w = *how;
			w.region = r;
			w.tick_ms = *at;
			wheel_each_due(wheel, table, r, l->monitors->regions, *at, audit_row, &w);
		}
	}
	if (!wheel->table[table].head)
		*at = l->emitted_ms; /* who comes into it is born later */
}

void ledger_audit(struct ledger *l, uint64_t now_ms, uint64_t read_ms)
{
	uint64_t sure_ms = now_ms < read_ms ? now_ms : read_ms;
	const struct walk how = { .l = l, .shard = -1, .each = each_audited };
	if (!l->open)
		return;
	for (unsigned t = 0; t < WHEEL_TABLES_MAX; t++) {
		uint64_t grace = ledger_grace_ms(l, l->monitors->wheel.table[t].grid.interval_ms);
		uint64_t until = sure_ms > grace ? sure_ms - grace : 0;
		audit_table(l, t, until < l->emitted_ms ? until : l->emitted_ms, AUDIT_TICKS_MAX, &how);
	}
	while (l->holes && l->hole[0].until_ms < ledger_audited_ms(l))
		memmove(l->hole, l->hole + 1, --l->holes * sizeof(l->hole[0]));
}

static void each_given_up(struct walk *w, uint32_t index, uint32_t k)
{
	if (bit_is_set(&w->l->cell[w->region][index], k))
		return;
	waiting_less(w->l, 1);
	miss(w, index, w->why);
}

void ledger_give_up(struct ledger *l, enum missed why)
{
	const struct walk how = { .l = l, .shard = -1, .each = each_given_up, .why = why };
	if (!l->open)
		return;
	for (unsigned t = 0; t < WHEEL_TABLES_MAX; t++)
		if (l->emitted_ms - l->audited_ms[t] <= GIVE_UP_MAX_MS)
			audit_table(l, t, l->emitted_ms, UINT64_MAX, &how);
	const uint64_t waiting = counter_read(&l->counters->waiting); /* of which it is not known where they belong */
	counter_add(&l->counters->missed, waiting);
	counter_add(&l->counters->missed_by[0][why], waiting);
	counter_add(&l->counters->missed_unwritten, waiting);
	waiting_less(l, waiting);
	l->open = false;
	monitors_reap_all(l->monitors);
}

uint64_t ledger_audited_ms(const struct ledger *l)
{
	uint64_t least = l->emitted_ms;
	for (unsigned t = 0; t < l->monitors->wheel.tables; t++)
		if (l->monitors->wheel.table[t].head && l->audited_ms[t] < least)
			least = l->audited_ms[t];
	return least;
}
