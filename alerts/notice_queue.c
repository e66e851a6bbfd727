/* notice_queue.c - what one channel has before it, see notice_queue.h.
 * In: events in the order of the outbox.  Out: which are to be told now.
 * Owns: copies of the events until they are acknowledged.
 * Why so: plain lists and a walk over at most 2,000 of them at each step, some 10 us, where telling one takes
 * milliseconds; a heap and a table of monitors would be three times the code. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notice_queue.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

const char *const outcome_names[OUTCOMES + 1] = { "delivered", "refused", "disabled", "given_up", "left_out", NULL };

/* Whose order must be kept: the monitor's; the system's own events by incident. */
static const char *order_key(const struct queued *e)
{
	return e->notice.monitor[0] ? e->notice.monitor : e->notice.incident;
}

static bool same_order(const struct queued *a, const struct queued *b)
{
	return strcmp(order_key(a), order_key(b)) == 0;
}

static bool is_in(const struct queued *e, unsigned shard, uint64_t id_ms, uint64_t id_seq)
{
	for (; e; e = e->next)
		if (e->id_ms == id_ms && e->id_seq == id_seq && e->shard == shard)
			return true;
	return false;
}

static const char *copy_text(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memcpy(*at, text, size);
	*at += size;
	return copy;
}

static struct queued *copy_notice(const struct notice *n)
{
	size_t texts = strlen(n->id) + strlen(n->type) + strlen(n->monitor) + strlen(n->incident) + 4;
	struct queued *e = calloc(1, sizeof(*e) + texts + n->body_len + 1);
	char *at = (char *)(e + 1);
	if (!e)
		return NULL;
	e->notice = (struct notice){ .page = n->page, .resolved = n->resolved, .body_len = n->body_len };
	e->notice.id = copy_text(&at, n->id);
	e->notice.type = copy_text(&at, n->type);
	e->notice.monitor = copy_text(&at, n->monitor);
	e->notice.incident = copy_text(&at, n->incident);
	e->notice.body = memcpy(at, n->body, n->body_len);
	return e;
}

static bool is_younger(const struct queued *a, const struct queued *b)
{
	return a->shard == b->shard && (a->id_ms > b->id_ms || (a->id_ms == b->id_ms && a->id_seq > b->id_seq));
}

/* Before the first that is younger.  Usually that is the end; only what is read again after the link broke may come
 * late. */
static void insert(struct notice_queue *q, struct queued *e)
{
	struct queued *after = q->first;
	while (after && !is_younger(after, e))
		after = after->next;
	e->next = after;
	e->prev = after ? after->prev : q->last;
	*(e->next ? &e->next->prev : &q->last) = e;
	*(e->prev ? &e->prev->next : &q->first) = e;
	q->count++;
}

static void take_out(struct notice_queue *q, struct queued *e)
{
	*(e->prev ? &e->prev->next : &q->first) = e->next;
	*(e->next ? &e->next->prev : &q->last) = e->prev;
	e->next = e->prev = NULL;
}

/* Sets who is blocked among the events of e's monitor: all but the oldest. */
static void mark_blocked(struct notice_queue *q, const struct queued *like)
{
	bool blocked = false;
	for (struct queued *e = q->first; e; e = e->next)
		if (same_order(e, like)) {
			e->blocked = blocked;
			blocked = true;
		}
}

struct queued *notice_queue_add(struct notice_queue *q, unsigned shard, uint64_t id_ms, uint64_t id_seq,
				const struct notice *n, uint64_t now_ms, bool *known)
{
	*known = is_in(q->first, shard, id_ms, id_seq) || is_in(q->settled, shard, id_ms, id_seq);
	struct queued *e = *known ? NULL : copy_notice(n);
	if (!e)
		return NULL;
	e->shard = shard;
	e->id_ms = id_ms;
	e->id_seq = id_seq;
	e->due_ms = now_ms;
	insert(q, e);
	mark_blocked(q, e);
	return e;
}

static bool goes_before(const struct queued *a, const struct queued *b)
{
	if (a->notice.page != b->notice.page)
		return a->notice.page;
	return a->due_ms < b->due_ms;
}

unsigned notice_queue_due(struct notice_queue *q, uint64_t now_ms, struct queued **into, unsigned most)
{
	unsigned count = 0;
	if (now_ms < q->hold_ms)
		return 0;
	for (struct queued *e = q->first; e; e = e->next) {
		unsigned at = count;
		if (e->blocked || e->due_ms > now_ms)
			continue;
		while (at > 0 && goes_before(e, into[at - 1]))
			at--;
		if (at == most)
			continue;
		if (count < most)
			count++;
		memmove(&into[at + 1], &into[at], (count - at - 1) * sizeof(into[0]));
		into[at] = e;
	}
	for (unsigned i = 0; i < count; i++)
		if (into[i]->alone) {
			into[0] = into[i];
			return 1;
		}
	return count;
}

uint64_t notice_queue_next_ms(const struct notice_queue *q)
{
	uint64_t next_ms = UINT64_MAX;
	for (const struct queued *e = q->first; e; e = e->next)
		if (!e->blocked && e->due_ms < next_ms)
			next_ms = e->due_ms;
	return next_ms < q->hold_ms ? q->hold_ms : next_ms;
}

void notice_queue_later(struct queued *e, uint64_t due_ms)
{
	e->due_ms = e->planned_ms = due_ms;
	e->woken = false;
}

void notice_queue_settle(struct notice_queue *q, struct queued *e, enum outcome outcome, const char *why)
{
	take_out(q, e);
	mark_blocked(q, e);
	e->outcome = outcome;
	strncpy(e->why, why, sizeof(e->why) - 1);
	*(q->settled ? &q->settled_last->next : &q->settled) = e;
	q->settled_last = e;
}

void notice_queue_wake(struct notice_queue *q, uint64_t now_ms)
{
	for (struct queued *e = q->first; e; e = e->next)
		if (e->unheard && e->due_ms > now_ms) {
			e->planned_ms = e->due_ms;
			e->due_ms = now_ms;
			e->woken = true;
		}
}

void notice_queue_drop_settled(struct notice_queue *q)
{
	struct queued *e = q->settled;
	must(e);
	q->settled = e->next;
	q->count--;
	free(e);
}

void notice_queue_keep_shards(struct notice_queue *q, uint64_t shards)
{
	struct queued *next, *settled = q->settled;
	q->settled = NULL;
	for (; settled; settled = next) {
		next = settled->next;
		settled->next = NULL;
		if (shards >> settled->shard & 1) {
			*(q->settled ? &q->settled_last->next : &q->settled) = settled;
			q->settled_last = settled;
			continue;
		}
		q->count--;
		free(settled);
	}
	for (struct queued *e = q->first; e; e = next) {
		next = e->next;
		if (shards >> e->shard & 1)
			continue;
		take_out(q, e);
		mark_blocked(q, e);
		q->count--;
		free(e);
	}
}

uint64_t notice_queue_oldest_ms(const struct notice_queue *q)
{
	uint64_t oldest_ms = 0;
	for (const struct queued *e = q->first; e; e = e->next)
		if (oldest_ms == 0 || e->id_ms < oldest_ms)
			oldest_ms = e->id_ms;
	return oldest_ms;
}
