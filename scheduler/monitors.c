/* monitors.c - see monitors.h. */
#include "scheduler/monitors.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>

void monitors_init(struct monitors *m, unsigned expires_ms)
{
	memset(m, 0, sizeof(*m));
	m->free = INDEX_NONE;
	m->expires_ms = expires_ms;
	m->shards = 1;
}

static void forget_all(struct monitors *m)
{
	for (uint32_t i = 0; i < m->rows; i++)
		free(m->row[i].job);
	free(m->row);
	free(m->slot);
	wheel_free(&m->wheel);
	m->row = NULL;
	m->slot = NULL;
	m->rows = m->room = m->slots = m->names = m->live = 0;
	m->free = INDEX_NONE;
}

void monitors_free(struct monitors *m)
{
	forget_all(m);
}

bool monitors_place(struct monitors *m, const struct settings *s)
{
	bool same = m->regions == s->regions && m->shards == s->shards;
	for (unsigned i = 0; same && i < s->regions; i++)
		same = strcmp(m->region[i], s->region[i]) == 0;
	if (same)
		return false;
	forget_all(m);
	m->regions = s->regions;
	m->shards = s->shards;
	memcpy(m->region, s->region, sizeof(m->region));
	return true;
}

/* ---- names ---- */

static const char *name_of(const struct known *k, size_t *len)
{
	return job_bytes_name(k->job, len);
}

static uint32_t home(const struct monitors *m, const char *name, size_t len)
{
	return (uint32_t)((monitor_hash(name, len) * 0x9e3779b97f4a7c15ull) >> 20) & (m->slots - 1);
}

/* The place of a name in the table: where it stands, or the empty place where it would. */
static uint32_t place_of(const struct monitors *m, const char *name, size_t len)
{
	uint32_t at = home(m, name, len);
	for (; m->slot[at] != INDEX_NONE; at = (at + 1) & (m->slots - 1)) {
		size_t have_len;
		const char *have = name_of(&m->row[m->slot[at]], &have_len);
		if (have_len == len && memcmp(have, name, len) == 0)
			break;
	}
	return at;
}

uint32_t monitors_find(const struct monitors *m, const char *name, size_t len)
{
	return m->slots ? m->slot[place_of(m, name, len)] : INDEX_NONE;
}

/* At most three quarters full, so that a search ends soon. */
static bool make_names_room(struct monitors *m)
{
	uint32_t *old = m->slot, before = m->slots;
	if (m->slots && m->names < m->slots / 4 * 3)
		return true;
	uint32_t slots = before ? before * 2 : 1024;
	uint32_t *slot = malloc(slots * sizeof(*slot));
	if (!slot)
		return false;
	memset(slot, 0xff, slots * sizeof(*slot)); /* INDEX_NONE */
	m->slot = slot;
	m->slots = slots;
	for (uint32_t i = 0; i < before; i++)
		if (old[i] != INDEX_NONE) {
			size_t len;
			const char *name = name_of(&m->row[old[i]], &len);
			slot[place_of(m, name, len)] = old[i];
		}
	free(old);
	return true;
}

/* Takes a name out; those behind it that had to give way move up. */
static void drop_name(struct monitors *m, uint32_t at)
{
	uint32_t mask = m->slots - 1;
	m->names--;
	m->slot[at] = INDEX_NONE;
	for (uint32_t i = (at + 1) & mask; m->slot[i] != INDEX_NONE; i = (i + 1) & mask) {
		size_t len;
		const char *name = name_of(&m->row[m->slot[i]], &len);
		if (((i - home(m, name, len)) & mask) >= ((i - at) & mask)) {
			m->slot[at] = m->slot[i];
			m->slot[i] = INDEX_NONE;
			at = i;
		}
	}
}

/* ---- rows ---- */

static uint32_t row_take(struct monitors *m)
{
	uint32_t index = m->free;
	if (index != INDEX_NONE) {
		m->free = m->row[index].older;
		return index;
	}
	if (m->rows == m->room) {
		uint32_t room = m->room ? m->room * 2 : 1024;
		struct known *row = realloc(m->row, (size_t)room * sizeof(*row));
		if (!row)
			return INDEX_NONE;
		m->row = row;
		m->room = room;
	}
	m->row[m->rows].job = NULL;
	return m->rows++;
}

static void row_free(struct monitors *m, uint32_t index)
{
	free(m->row[index].job);
	m->row[index] = (struct known){ .older = m->free };
	m->free = index;
}

void monitors_reap(struct monitors *m, uint32_t index)
{
	size_t len;
	const char *name = name_of(&m->row[index], &len);
	uint32_t at = place_of(m, name, len), before = m->slot[at];
	must(m->row[index].retired_ms != LIVE && before != INDEX_NONE);
	wheel_remove(&m->wheel, index);
	if (before == index) {
		m->slot[at] = m->row[index].older;
		if (m->slot[at] == INDEX_NONE)
			drop_name(m, at);
	} else {
		while (m->row[before].older != index)
			before = m->row[before].older;
		m->row[before].older = m->row[index].older;
	}
	row_free(m, index);
}

void monitors_reap_all(struct monitors *m)
{
	for (uint32_t i = 0; i < m->rows; i++)
		if (m->row[i].job && m->row[i].retired_ms != LIVE)
			monitors_reap(m, i);
}

static void retire(struct monitors *m, uint32_t index, uint64_t at_ms, bool keep)
{
	m->row[index].retired_ms = at_ms;
	m->live--;
	if (!keep)
		monitors_reap(m, index);
}

/* ---- options ---- */

static bool same_options(const struct job_options *a, const struct job_options *b)
{
	return a->timeout_ms == b->timeout_ms && a->expires_ms == b->expires_ms && a->close == b->close &&
	       a->settle_ms == b->settle_ms && a->ip == b->ip && a->addresses == b->addresses && a->type == b->type &&
	       a->record == b->record;
}

/* A job of a short interval expires sooner: what is 30 intervals old is of no use, and the ledger can count 64. */
static int class_of(struct monitors *m, const struct monitor *def)
{
	uint64_t soon = 30ull * def->interval_ms;
	struct job_options o = { .timeout_ms = def->timeout_ms, .close = def->close, .settle_ms = def->settle_ms,
				 .ip = def->ip, .addresses = def->addresses, .type = def->type, .record = def->record,
				 .expires_ms = soon < m->expires_ms ? (unsigned)soon : m->expires_ms };
	unsigned takes_ms = def->timeout_ms + (def->tls ? def->wish.timeout_ms : 0); /* the ledger waits for the slowest */
	if (takes_ms > m->timeout_most_ms)
		m->timeout_most_ms = takes_ms;
	for (unsigned i = 0; i < m->classes; i++)
		if (same_options(&m->class[i], &o) && m->class_tls[i] == def->tls)
			return (int)i;
	if (m->classes == CLASSES_MAX)
		return -ENOSPC;
	m->class[m->classes] = o;
	m->class_tls[m->classes] = def->tls;
	return (int)m->classes++;
}

static uint16_t regions_of(const struct monitors *m, const struct monitor *def)
{
	uint16_t mask = 0;
	for (unsigned i = 0; i < m->regions; i++) {
		bool in = def->regions == 0;
		for (unsigned k = 0; k < def->regions && !in; k++)
			in = strcmp(def->region[k], m->region[i]) == 0;
		if (in)
			mask |= (uint16_t)(1u << i);
	}
	return mask;
}

/* ---- changes ---- */

static uint8_t *encode(const struct monitor *def, uint16_t *len)
{
	uint8_t bytes[JOB_BYTES_MAX];
	struct job_text job = { .monitor = def->name, .host = def->host, .port = def->port,
				.expect_address = def->expect_address, .expect_answer = def->expect_answer,
				.resolver = def->resolver, .tls = def->tls ? &def->wish : NULL };
	*len = (uint16_t)job_bytes(&job, bytes);
	uint8_t *copy = malloc(*len);
	if (copy)
		memcpy(copy, bytes, *len);
	return copy;
}

/* Same slots as before: only what is sent changes. */
static void replace(struct known *k, uint8_t *job, uint16_t len, int class)
{
	free(k->job);
	k->job = job;
	k->job_len = len;
	k->class = (uint16_t)class;
}

static uint32_t add_row(struct monitors *m, const struct monitor *def, uint8_t *job, uint16_t len, int class,
			uint16_t regions, uint64_t at_ms, char *why, size_t why_len)
{
	size_t name_len = strlen(def->name);
	uint32_t index = make_names_room(m) ? row_take(m) : INDEX_NONE;
	int bad = index == INDEX_NONE
			  ? -ENOMEM
			  : wheel_add(&m->wheel, index, def->interval_ms, monitor_hash(def->name, name_len));
	if (bad) {
		if (index != INDEX_NONE)
			row_free(m, index);
		snprintf(why, why_len,
			 bad == -ENOSPC ? "monitor %s: more than %d different intervals" : "monitor %s: no memory",
			 def->name, WHEEL_TABLES_MAX);
		return INDEX_NONE;
	}
	m->row[index] = (struct known){ .job = job, .job_len = len, .class = (uint16_t)class, .regions = regions,
					.born_ms = at_ms, .retired_ms = LIVE, .older = INDEX_NONE, .told = m->telling,
					.shard = (uint8_t)monitor_shard(def->name, name_len, m->shards) };
	uint32_t at = place_of(m, def->name, name_len);
	m->names += m->slot[at] == INDEX_NONE;
	m->row[index].older = m->slot[at];
	m->slot[at] = index;
	m->live++;
	return index;
}

bool monitors_set(struct monitors *m, const struct monitor *def, uint64_t at_ms, bool keep, uint32_t *index, char *why,
		  size_t why_len)
{
	uint32_t have = monitors_find(m, def->name, strlen(def->name));
	uint16_t regions = def->paused ? 0 : regions_of(m, def), len;
	*index = INDEX_NONE;
	if (have != INDEX_NONE && m->row[have].retired_ms != LIVE)
		have = INDEX_NONE;
	if (regions == 0) {
		if (have != INDEX_NONE)
			retire(m, have, at_ms, keep);
		return true;
	}
	int class = class_of(m, def);
	uint8_t *job = class < 0 ? NULL : encode(def, &len);
	if (!job) {
		snprintf(why, why_len,
			 class < 0 ? "monitor %s: more than %d different sets of timeout, close, settle and the like"
				   : "monitor %s: no memory",
			 def->name, CLASSES_MAX);
		return false;
	}
	if (have != INDEX_NONE && m->row[have].regions == regions &&
	    wheel_grid(&m->wheel, have)->interval_ms == def->interval_ms) {
		replace(&m->row[have], job, len, class);
		m->row[have].told = m->telling;
		return true;
	}
	*index = add_row(m, def, job, len, class, regions, at_ms, why, why_len);
	if (*index == INDEX_NONE) {
		free(job);
		return false;
	}
	if (have != INDEX_NONE)
		retire(m, have, at_ms, keep);
	return true;
}

void monitors_remove(struct monitors *m, const char *name, size_t len, uint64_t at_ms, bool keep)
{
	uint32_t have = monitors_find(m, name, len);
	if (have != INDEX_NONE && m->row[have].retired_ms == LIVE)
		retire(m, have, at_ms, keep);
}

void monitors_begin(struct monitors *m)
{
	m->telling++;
}

void monitors_end(struct monitors *m, uint64_t at_ms, bool keep)
{
	for (uint32_t i = 0; i < m->rows; i++)
		if (m->row[i].job && m->row[i].retired_ms == LIVE && m->row[i].told != m->telling)
			retire(m, i, at_ms, keep);
}
