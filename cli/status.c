/* status.c - puts together what is known of every monitor, region and component.
 * In: bytes from Redis, one piece at a time.  Out: rows and counts.
 * Owns: the rows.
 * Why so: a million monitors can be counted but not looked at, so rows are kept only for the worst; and what a person
 * asks for is decided by others already: nothing is judged here a second time. */
#include "cli/status.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct status_word status_words[STATUS_STATES] = {
	[STATUS_DOWN] = { "down", "DOWN", "down" },
	[STATUS_PATH] = { "path", "PATH ISSUE", "path issue" },
	[STATUS_DEGRADED] = { "degraded", "DEGRADED", "degraded" },
	[STATUS_UNKNOWN] = { "unknown", "UNKNOWN", "unknown" },
	[STATUS_NEW] = { "new", "NEW", "new" },
	[STATUS_UP] = { "up", "UP", "up" },
	[STATUS_PAUSED] = { "paused", "PAUSED", "paused" },
};

static enum status_state state_of(const char *name)
{
	for (int i = 0; i < STATUS_STATES; i++)
		if (strcmp(status_words[i].name, name) == 0)
			return (enum status_state)i;
	return STATUS_UNKNOWN; /* a newer version's word */
}

static void copy(char *into, size_t len, const char *text)
{
	snprintf(into, len, "%s", text ? text : "");
}

/* ---- monitors ---- */

static void read_state(struct status_row *row, const char *json, size_t len)
{
	char why[160];
	const char *state = "unknown", *verdict = NULL, *scope = NULL, *partial = NULL;
	json_t *o = len ? json_read_object(json, len, why, sizeof why) : NULL;
	row->state = len ? STATUS_UNKNOWN : STATUS_NEW;
	if (!o)
		return;
	json_take_text(o, "state", 32, &state, why, sizeof why);
	json_take_text(o, "verdict", 64, &verdict, why, sizeof why);
	json_take_text(o, "scope", 64, &scope, why, sizeof why);
	json_take_text(o, "partial", 512, &partial, why, sizeof why);
	json_take_number(o, "since_ms", 0, SLOT_LAST_MS, &row->since_ms, why, sizeof why);
	row->state = state_of(state);
	copy(row->verdict, sizeof row->verdict, verdict);
	copy(row->scope, sizeof row->scope, scope);
	copy(row->partial, sizeof row->partial, partial);
	json_decref(o);
}

/* False: nothing can be said of it but its name. */
static void read_monitor(struct status_row *row, const char *json, size_t len)
{
	struct monitor m;
	char why[400];
	if (!monitor_decode(&m, row->name, json, len, why, sizeof why)) {
		row->state = STATUS_UNKNOWN;
		copy(row->verdict, sizeof row->verdict, "unreadable");
		return;
	}
	monitor_target_write(&m, row->target, sizeof row->target);
	row->interval_ms = m.interval_ms;
	row->expect_closed = m.expect == EXPECT_CLOSED;
	if (m.paused)
		row->state = STATUS_PAUSED;
	monitor_free(&m);
}

static bool make_room(struct status *s)
{
	if (s->rows < s->room)
		return true;
	const size_t room = s->room ? s->room * 2 : 64;
	struct status_row *more = realloc(s->row, room * sizeof *more);
	s->failed |= !more;
	if (!more)
		return false;
	s->row = more;
	s->room = room;
	return true;
}

/* The row that gives way when all places are taken: the first of those in the best state there is. */
static struct status_row *least(struct status *s)
{
	struct status_row *best = &s->row[0];
	for (size_t i = 1; i < s->rows; i++)
		if (s->row[i].state > best->state)
			best = &s->row[i];
	return best;
}

static void keep(struct status *s, const struct status_row *row)
{
	if (s->rows < STATUS_ROWS_MAX) {
		if (make_room(s))
			s->row[s->rows++] = *row;
		return;
	}
	s->cut = true;
	if (row->state >= STATUS_UP) /* most are: they are not looked at twice */
		return;
	struct status_row *other = least(s);
	if (other->state > row->state)
		*other = *row;
}

void status_take(struct status *s, const char *name, size_t name_len, const char *json, size_t json_len,
		 const char *state, size_t state_len)
{
	struct status_row row = { 0 };
	if (!monitor_name_is_fine(name, name_len))
		return;
	memcpy(row.name, name, name_len);
	row.shard = monitor_shard(name, name_len, s->shards ? s->shards : 1);
	read_state(&row, state, state_len);
	read_monitor(&row, json, json_len);
	s->monitors++;
	s->count[row.state]++;
	keep(s, &row);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct status_row *)a)->name, ((const struct status_row *)b)->name);
}

struct status_row *status_find(struct status *s, const char *name)
{
	struct status_row key = { 0 };
	if (!s->rows || strlen(name) > NAME_MAX_LEN)
		return NULL;
	copy(key.name, sizeof key.name, name);
	return bsearch(&key, s->row, s->rows, sizeof *s->row, by_name);
}

/* Where a region stood in the old list. */
static int old_region(const struct status *old, const char *name)
{
	for (unsigned i = 0; i < old->regions; i++)
		if (strcmp(old->region[i].name, name) == 0)
			return (int)i;
	return -1;
}

void status_settle(struct status *s, const struct status *old)
{
	size_t kept = 0;
	if (s->rows)
		qsort(s->row, s->rows, sizeof *s->row, by_name);
	for (size_t i = 0; i < s->rows; i++) /* a hash that is written meanwhile may give one twice */
		if (!kept || strcmp(s->row[kept - 1].name, s->row[i].name) != 0)
			s->row[kept++] = s->row[i];
	for (; s->rows > kept; s->rows--)
		s->monitors--;
	for (size_t i = 0; old && i < s->rows; i++) {
		const struct status_row *was = status_find((struct status *)old, s->row[i].name);
		for (unsigned r = 0; was && r < s->regions; r++) {
			const int at = old_region(old, s->region[r].name);
			if (at >= 0 && strcmp(was->target, s->row[i].target) == 0)
				s->row[i].look[r] = was->look[at];
		}
	}
	if (old && old->newest_ms > s->newest_ms)
		s->newest_ms = old->newest_ms;
}

void status_take_result(struct status *s, unsigned region, const struct result *r)
{
	struct status_row *row = status_find(s, r->monitor);
	if (!row || region >= REGIONS_MAX)
		return;
	struct status_look *look = &row->look[region];
	if (r->slot_ms < look->slot_ms || (r->slot_ms == look->slot_ms && r->attempt < look->attempt))
		return;
	if (r->slot_ms == look->slot_ms && r->attempt == look->attempt && look->verdict == VERDICT_OPEN)
		return; /* another address of the same look */
	*look = (struct status_look){ .slot_ms = r->slot_ms,
				      .rtt_us = r->outcome.rtt_us,
				      .attempt = (uint16_t)r->attempt,
				      .verdict = r->outcome.verdict,
				      .syn_retrans = r->outcome.syn_retrans };
}

size_t status_missing(const struct status *s, unsigned region, unsigned shard)
{
	size_t missing = 0;
	for (size_t i = 0; i < s->rows; i++)
		missing +=
			s->row[i].shard == shard && !s->row[i].look[region].slot_ms && s->row[i].state != STATUS_PAUSED;
	return missing;
}

bool status_look_is_old(const struct status_row *row, const struct status_look *look, uint64_t now_ms)
{
	const unsigned interval_ms = row->interval_ms ? row->interval_ms : MONITOR_INTERVAL_DEFAULT_MS;
	return now_ms > look->slot_ms &&
	       (now_ms - look->slot_ms) * 2 > (uint64_t)interval_ms * 5 + 2 * JOB_TIMEOUT_DEFAULT_MS;
}

static int by_badness(const void *a, const void *b)
{
	const struct status_row *x = *(const struct status_row *const *)a, *y = *(const struct status_row *const *)b;
	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	if (x->since_ms != y->since_ms && x->state < STATUS_NEW)
		return x->since_ms < y->since_ms ? -1 : 1;
	return strcmp(x->name, y->name);
}

const struct status_row **status_order(const struct status *s)
{
	const struct status_row **order = s->rows ? malloc(s->rows * sizeof *order) : NULL;
	for (size_t i = 0; order && i < s->rows; i++)
		order[i] = &s->row[i];
	if (order)
		qsort(order, s->rows, sizeof *order, by_badness);
	return order;
}

void status_free(struct status *s)
{
	free(s->row);
	*s = (struct status){ 0 };
}

/* ---- regions and components ---- */

void status_take_region(struct status *s, unsigned region, const char *json, size_t len)
{
	char why[160];
	const char *state = "", *reason = "";
	uint64_t since_ms = 0;
	struct status_region *r = &s->region[region];
	json_t *o = json_read_object(json, len, why, sizeof why);
	if (!o)
		return;
	json_take_text(o, "state", 32, &state, why, sizeof why);
	json_take_text(o, "why", 1024, &reason, why, sizeof why);
	json_take_number(o, "since_ms", 0, SLOT_LAST_MS, &since_ms, why, sizeof why);
	copy(r->state, sizeof r->state, state);
	copy(r->why, sizeof r->why, reason);
	r->since_ms = since_ms;
	json_decref(o);
}

void status_take_problem(struct status *s, const char *json, size_t len)
{
	char why[160];
	const char *component = "", *sentence = "";
	json_t *o = s->problems < STATUS_PROBLEMS_MAX ? json_read_object(json, len, why, sizeof why) : NULL;
	if (!o)
		return;
	struct status_problem *p = &s->problem[s->problems++];
	json_take_text(o, "component", 1024, &component, why, sizeof why);
	json_take_text(o, "problem", 1024, &sentence, why, sizeof why);
	json_take_number(o, "since_ms", 0, SLOT_LAST_MS, &p->since_ms, why, sizeof why);
	copy(p->component, sizeof p->component, component);
	copy(p->sentence, sizeof p->sentence, sentence);
	json_decref(o);
}

/* "pw:hb:scheduler:NAME" and "pw:{eu.0}:hb:NAME" taken apart. */
static bool name_component(struct status_component *c, const char *prefix, const char *key)
{
	const size_t len = strlen(prefix);
	if (strncmp(key, prefix, len) != 0 || key[len] != ':')
		return false;
	key += len + 1;
	if (strncmp(key, "hb:", 3) == 0) {
		const char *colon = strchr(key + 3, ':');
		if (!colon)
			return false;
		snprintf(c->kind, sizeof c->kind, "%.*s", (int)(colon - key - 3), key + 3);
		copy(c->name, sizeof c->name, colon + 1);
		return true;
	}
	const char *end = *key == '{' ? strstr(key, "}:hb:") : NULL;
	const char *dot = end ? memrchr(key, '.', (size_t)(end - key)) : NULL;
	if (!dot)
		return false;
	copy(c->kind, sizeof c->kind, "engine");
	snprintf(c->region, sizeof c->region, "%.*s", (int)(dot - key - 1), key + 1);
	copy(c->name, sizeof c->name, end + strlen("}:hb:"));
	return true;
}

void status_take_heartbeat(struct status *s, const char *prefix, const char *key, const char *line)
{
	struct status_component c = { 0 };
	const char *at = strncmp(line, "at=", 3) == 0 ? line + 3
			 : strstr(line, " at=")	      ? strstr(line, " at=") + 4
						      : "0";
	if (s->components == STATUS_COMPONENTS_MAX || !name_component(&c, prefix, key))
		return;
	copy(c.key, sizeof c.key, key);
	c.at_ms = strtoull(at, NULL, 10);
	for (unsigned i = 0; i < s->components; i++) { /* an engine that serves several shards is one engine */
		struct status_component *other = &s->component[i];
		if (strcmp(other->kind, c.kind) == 0 && strcmp(other->name, c.name) == 0 &&
		    strcmp(other->region, c.region) == 0) {
			other->at_ms = c.at_ms > other->at_ms ? c.at_ms : other->at_ms;
			return;
		}
	}
	s->component[s->components++] = c;
}
