/* wheel.h - which monitors are due at a tick: for each distinct interval a table of buckets, in each bucket a list.
 * In: indexes with an interval and a hash.  Out: the indexes of the buckets that grid.h says are due.
 * Owns: the tables and the links between indexes (16 B an index).  Why so: what is due every minute in the same order
 * needs no heap; a tick costs a division for each distinct interval and region, and nothing for who is not due. */
#ifndef SCHEDULER_WHEEL_H
#define SCHEDULER_WHEEL_H

#include "scheduler/grid.h"

#define INDEX_NONE UINT32_MAX
#define WHEEL_TABLES_MAX 1024 /* distinct intervals: 24 MB at the most */

struct wheel_node {
	uint32_t next, prev; /* in its bucket */
	uint32_t bucket;
	uint32_t table; /* INDEX_NONE: not in the wheel */
};

struct wheel_table {
	struct grid grid;
	uint32_t *head; /* NULL: the table is free */
	uint32_t members;
};

struct wheel {
	struct wheel_table table[WHEEL_TABLES_MAX];
	unsigned tables; /* those ever used are below */
	struct wheel_node *node;
	uint32_t room;
};

/* Zeroed is ready. */
void wheel_free(struct wheel *w);
/* 0, -ENOMEM, or -ENOSPC: too many distinct intervals. */
int wheel_add(struct wheel *w, uint32_t index, uint32_t interval_ms, uint64_t hash);
void wheel_remove(struct wheel *w, uint32_t index);

static inline const struct grid *wheel_grid(const struct wheel *w, uint32_t index)
{
	return &w->table[w->node[index].table].grid;
}

/* Calls each() for every index in a bucket of that table that is due at the tick in that region, with the number of its
 * slot.  each() may remove the index it was called with. */
void wheel_each_due(const struct wheel *w, unsigned table, unsigned region, unsigned regions, uint64_t tick_ms,
		    void (*each)(void *arg, uint32_t index, uint32_t k), void *arg);

#endif
