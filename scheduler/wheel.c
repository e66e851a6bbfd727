/* wheel.c - see wheel.h. */
#include "scheduler/wheel.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void wheel_free(struct wheel *w)
{
	for (unsigned i = 0; i < w->tables; i++)
		free(w->table[i].head);
	free(w->node);
	memset(w, 0, sizeof(*w));
}

static int make_room(struct wheel *w, uint32_t index)
{
	uint32_t room = w->room ? w->room : 1024;
	while (room <= index)
		room *= 2;
	if (room == w->room)
		return 0;
	struct wheel_node *node = realloc(w->node, (size_t)room * sizeof(*node));
	if (!node)
		return -ENOMEM;
	for (uint32_t i = w->room; i < room; i++)
		node[i].table = INDEX_NONE;
	w->node = node;
	w->room = room;
	return 0;
}

/* The table of an interval, made if there is none; or negative. */
static int table_of(struct wheel *w, uint32_t interval_ms)
{
	unsigned unused = w->tables;
	for (unsigned i = 0; i < w->tables; i++) {
		if (w->table[i].head && w->table[i].grid.interval_ms == interval_ms)
			return (int)i;
		if (!w->table[i].head)
			unused = i;
	}
	if (unused == WHEEL_TABLES_MAX)
		return -ENOSPC;
	struct wheel_table *t = &w->table[unused];
	*t = (struct wheel_table){ .grid = grid_of(interval_ms) };
	t->head = malloc(t->grid.buckets * sizeof(*t->head));
	if (!t->head)
		return -ENOMEM;
	memset(t->head, 0xff, t->grid.buckets * sizeof(*t->head)); /* INDEX_NONE */
	if (unused == w->tables)
		w->tables++;
	return (int)unused;
}

int wheel_add(struct wheel *w, uint32_t index, uint32_t interval_ms, uint64_t hash)
{
	int bad = make_room(w, index);
	int which = bad ? bad : table_of(w, interval_ms);
	if (which < 0)
		return which;
	struct wheel_table *t = &w->table[which];
	struct wheel_node *n = &w->node[index];
	must(n->table == INDEX_NONE);
	n->table = (uint32_t)which;
	n->bucket = grid_bucket(&t->grid, hash);
	n->prev = INDEX_NONE;
	n->next = t->head[n->bucket];
	if (n->next != INDEX_NONE)
		w->node[n->next].prev = index;
	t->head[n->bucket] = index;
	t->members++;
	return 0;
}

void wheel_remove(struct wheel *w, uint32_t index)
{
	struct wheel_node *n = &w->node[index];
	must(n->table != INDEX_NONE);
	struct wheel_table *t = &w->table[n->table];
	if (n->prev == INDEX_NONE)
		t->head[n->bucket] = n->next;
	else
		w->node[n->prev].next = n->next;
	if (n->next != INDEX_NONE)
		w->node[n->next].prev = n->prev;
	n->table = INDEX_NONE;
	if (--t->members == 0) {
		free(t->head);
		t->head = NULL;
	}
}

void wheel_each_due(const struct wheel *w, unsigned table, unsigned region, unsigned regions, uint64_t tick_ms,
		    void (*each)(void *arg, uint32_t index, uint32_t k), void *arg)
{
	const struct wheel_table *t = &w->table[table];
	uint32_t bucket[2], k[2];
	if (!t->head)
		return;
	unsigned due = grid_due(&t->grid, grid_shift(&t->grid, region, regions), tick_ms, bucket, k);
	for (unsigned i = 0; i < due && t->head; i++)
		for (uint32_t index = t->head[bucket[i]], next; index != INDEX_NONE; index = next) {
			next = w->node[index].next;
			if (next != INDEX_NONE)
				__builtin_prefetch(&w->node[next]);
			each(arg, index, k[i]);
		}
}
