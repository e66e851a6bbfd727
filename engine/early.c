/* early.c - see early.h. */
#include "engine/early.h"

static void append(struct early *e, struct batch *b, uint64_t now_ns)
{
	b->ripe_ns = now_ns + EARLY_NS;
	b->ripe_after = e->last;
	b->ripe_before = NULL;
	if (e->last)
		e->last->ripe_before = b;
	else
		e->first = b;
	e->last = b;
}

void early_wait(struct early *e, struct batch *b, uint64_t now_ns)
{
	if (!b->whole && !b->ripe_ns)
		append(e, b, now_ns);
}

void early_drop(struct early *e, struct batch *b)
{
	if (!b->ripe_ns)
		return;
	*(b->ripe_after ? &b->ripe_after->ripe_before : &e->first) = b->ripe_before;
	*(b->ripe_before ? &b->ripe_before->ripe_after : &e->last) = b->ripe_after;
	b->ripe_ns = 0;
}

uint64_t early_next_ns(const struct early *e)
{
	return e->first ? e->first->ripe_ns : UINT64_MAX;
}

/* Which are down and not yet said, of at most 64: an entry has no more jobs, and only parts have more rows than jobs. */
static uint64_t unsaid(const struct batch *b)
{
	uint64_t mask = 0;
	for (unsigned i = 0; i < b->count && i < 64; i++) {
		const enum verdict v = b->outcomes[i].verdict;
		if (v != VERDICT_NONE && verdict_row(v)->class == CLASS_DOWN && !(b->said >> i & 1))
			mask |= 1ull << i;
	}
	return mask;
}

/* NULL: no memory; then it is said with the others. */
static struct batch *copy_of(const struct batch *b, uint64_t mask)
{
	struct job jobs[64];
	unsigned count = 0;
	for (uint64_t left = mask; left; left &= left - 1)
		jobs[count++] = b->jobs[__builtin_ctzll(left)];
	struct batch *copy = batch_new(jobs, count, b->blob, b->blob_len);
	if (!copy)
		return NULL;
	copy->id_ms = b->id_ms;
	copy->id_seq = b->id_seq;
	copy->slot_ms = b->slot_ms;
	copy->taken_ns = b->taken_ns;
	copy->stream = b->stream;
	copy->open = 0;
	copy->early = true;
	copy->said = mask;
	count = 0;
	for (uint64_t left = mask; left; left &= left - 1)
		copy->outcomes[count++] = b->outcomes[__builtin_ctzll(left)];
	return copy;
}

void early_say(struct batch *b, struct batch_list *into)
{
	const uint64_t mask = b->whole ? 0 : unsaid(b);
	struct batch *copy = mask ? copy_of(b, mask) : NULL;
	if (!copy)
		return;
	b->said |= mask;
	batch_list_add(into, copy);
}

void early_take(struct early *e, uint64_t now_ns, struct batch_list *into)
{
	while (e->first && e->first->ripe_ns <= now_ns) {
		struct batch *b = e->first;
		early_say(b, into);
		early_drop(e, b);
		append(e, b, now_ns);
	}
}
