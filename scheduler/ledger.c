/* ledger.c - counts what was scheduled and what was answered; see ledger.h.  What is gone through row by row is in
 * ledger_audit.c. */
#include "scheduler/ledger_self.h"

#include <stdlib.h>

const char *const missed_sentence[MISSED_REASONS] = {
	[MISSED_NO_SCHEDULER] = "no scheduler was running",
	[MISSED_REDIS_FULL] = "redis is full",
	[MISSED_REDIS_AWAY] = "redis was away",
	[MISSED_REFUSED] = "redis refused it",
	[MISSED_CLOCK] = "the clock was set",
	[MISSED_MOVED] = "the regions or shards were changed",
	[MISSED_NO_ENGINE] = "no engine in the region",
	[MISSED_NOT_TAKEN] = "no engine took it",
	[MISSED_NOT_ANSWERED] = "the engine did not answer",
	[MISSED_UNKNOWN] = "answered by nobody",
};

void ledger_init(struct ledger *l, struct monitors *m, struct places *p, struct missed_log *log,
		 struct scheduler_counters *c)
{
	*l = (struct ledger){ .monitors = m, .places = p, .log = log, .counters = c };
}

void ledger_free(struct ledger *l)
{
	for (unsigned r = 0; r < REGIONS_MAX; r++)
		free(l->cell[r]);
	memset(l, 0, sizeof(*l));
}

/* ---- room ---- */

static bool make_room(struct ledger *l, uint32_t index)
{
	uint32_t room = l->room ? l->room : 1024;
	while (room <= index)
		room *= 2;
	for (unsigned r = 0; r < l->monitors->regions; r++) {
		if (l->cell[r] && room == l->room)
			continue;
		struct ledger_cell *cell = realloc(l->cell[r], (size_t)room * sizeof(*cell));
		if (!cell)
			return false;
		uint32_t before = l->cell[r] ? l->room : 0;
		memset(cell + before, 0, (size_t)(room - before) * sizeof(*cell));
		l->cell[r] = cell;
	}
	l->room = room;
	return true;
}

bool ledger_fresh(struct ledger *l, uint32_t index)
{
	if (!make_room(l, index))
		return false;
	for (unsigned r = 0; r < l->monitors->regions; r++)
		l->cell[r][index] = (struct ledger_cell){ 0 };
	return true;
}

void ledger_place(struct ledger *l)
{
	must(counter_read(&l->counters->waiting) == 0);
	for (unsigned r = 0; r < REGIONS_MAX; r++) {
		free(l->cell[r]);
		l->cell[r] = NULL;
	}
	l->room = 0;
}

/* ---- counting ---- */

void ledger_scheduled(struct ledger *l, const struct place *at, uint32_t n)
{
	(void)at;
	counter_add(&l->counters->scheduled, n);
	counter_add(&l->counters->waiting, n);
}

void ledger_emitted(struct ledger *l, uint64_t tick_ms)
{
	l->emitted_ms = tick_ms;
}

/* Slots of each place in (after, until], by arithmetic: what is too much to go through one by one. */
static uint64_t *count_slots(const struct ledger *l, uint64_t after_ms, uint64_t until_ms)
{
	const struct monitors *m = l->monitors;
	uint64_t *n = calloc(l->places->count + 1, sizeof(*n));
	must(n);
	for (uint32_t i = 0; i < m->rows; i++) {
		const struct known *k = &m->row[i];
		if (!k->job)
			continue;
		const struct grid *g = wheel_grid(&m->wheel, i);
		uint64_t after = k->born_ms > after_ms ? k->born_ms : after_ms;
		uint64_t until = k->retired_ms < until_ms ? k->retired_ms : until_ms;
		for (unsigned r = 0; r < m->regions; r++)
			if (k->regions >> r & 1)
				n[r * m->shards + k->shard] += grid_count(g, m->wheel.node[i].bucket,
									  grid_shift(g, r, m->regions), after, until);
	}
	return n;
}

void ledger_gap(struct ledger *l, uint64_t after_ms, uint64_t until_ms, enum missed why)
{
	uint64_t *n = count_slots(l, after_ms, until_ms);
	for (unsigned i = 0; i < l->places->count; i++) {
		counter_add(&l->counters->scheduled, n[i]);
		count_missed(l, &l->places->place[i], n[i], why);
		missed_log_sum(l->log, &l->places->place[i], after_ms + TICK_MS, until_ms, n[i], why);
	}
	free(n);
}

void ledger_cleared(struct ledger *l, const struct place *at, uint64_t now_ms, uint64_t n)
{
	counter_add(&l->counters->scheduled, n);
	count_missed(l, at, n, MISSED_CLOCK);
	if (n)
		missed_log_sum(l->log, at, now_ms, at->last_ms, n, MISSED_CLOCK);
}

void ledger_skipped(struct ledger *l, uint64_t until_ms, enum missed why)
{
	if (until_ms <= l->emitted_ms)
		return;
	ledger_gap(l, l->emitted_ms, until_ms, why);
	if (l->holes && l->hole[l->holes - 1].until_ms == l->emitted_ms)
		l->hole[l->holes - 1].until_ms = until_ms;
	else {
		if (l->holes == HOLES_MAX) /* the oldest is over by now: a hole is opened once a minute at most */
			memmove(l->hole, l->hole + 1, --l->holes * sizeof(l->hole[0]));
		l->hole[l->holes++] = (struct ledger_hole){ l->emitted_ms, until_ms };
	}
	l->emitted_ms = until_ms;
}

/* ---- life ---- */

static void clear(struct ledger *l, uint64_t audited_ms, uint64_t emitted_ms)
{
	for (unsigned r = 0; r < REGIONS_MAX; r++)
		if (l->cell[r])
			memset(l->cell[r], 0, (size_t)l->room * sizeof(*l->cell[r]));
	for (unsigned t = 0; t < WHEEL_TABLES_MAX; t++)
		l->audited_ms[t] = audited_ms;
	l->emitted_ms = emitted_ms;
	l->holes = 0;
}

void ledger_open(struct ledger *l, uint64_t audited_ms, uint64_t emitted_ms)
{
	must(!l->open && counter_read(&l->counters->waiting) == 0);
	l->open = true;
	clear(l, audited_ms, emitted_ms);
	uint64_t *n = count_slots(l, audited_ms, emitted_ms);
	for (unsigned i = 0; i < l->places->count; i++)
		ledger_scheduled(l, &l->places->place[i], (uint32_t)n[i]);
	free(n);
}

void ledger_close(struct ledger *l)
{
	if (!l->open)
		return;
	uint64_t waiting = counter_read(&l->counters->waiting);
	counter_add(&l->counters->handed_over, waiting);
	waiting_less(l, waiting);
	l->open = false;
	monitors_reap_all(l->monitors);
}

/* ---- results ---- */

/* The row that had this slot; rows of one name follow each other in time. */
static uint32_t row_at(const struct monitors *m, uint32_t index, uint64_t slot_ms)
{
	while (index != INDEX_NONE && !known_at(&m->row[index], slot_ms))
		index = m->row[index].older;
	return index;
}

void ledger_answer(struct ledger *l, unsigned region, const char *monitor, size_t len, uint64_t slot_ms,
		   unsigned attempt)
{
	const struct monitors *m = l->monitors;
	struct scheduler_counters *c = l->counters;
	uint32_t k;
	if (attempt != 0 || !l->open)
		return;
	uint32_t index = row_at(m, monitors_find(m, monitor, len), slot_ms);
	if (index == INDEX_NONE || !(m->row[index].regions >> region & 1)) {
		counter_add(&c->foreign_rows, 1);
		return;
	}
	const struct wheel_node *node = &m->wheel.node[index];
	const struct grid *g = &m->wheel.table[node->table].grid;
	const struct place *at = place_at(l->places, region, m->row[index].shard);
	if (!grid_number(g, node->bucket, grid_shift(g, region, m->regions), slot_ms, &k) || in_hole(l, slot_ms) ||
	    (slot_ms > l->emitted_ms && slot_ms > at->last_ms)) {
		counter_add(&c->foreign_rows, 1);
		return;
	}
	if (slot_ms <= l->audited_ms[node->table]) {
		counter_add(&c->late_answers, 1);
		return;
	}
	struct ledger_cell *cell = &l->cell[region][index];
	if (bit_is_set(cell, k))
		return; /* at least once: the same again */
	bit_set(cell, k);
	if (slot_ms > l->emitted_ms)
		return; /* scheduled by a clock that was ahead; counted when its tick comes */
	counter_add(&c->answered, 1);
	waiting_less(l, 1);
}
