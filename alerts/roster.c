/* roster.c - see roster.h.
 * In: names and times.  Out: the watched monitor.  Owns: everything in it, the watches too.
 * Why so: a deadline is only ever moved forward to an earlier time; one that moved back is found out when it comes up.
 * Most results just say "still up" and would otherwise each shift the heap. */
#include "alerts/roster.h"

#include "base/must.h"
#include "wire/settings.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_FIRST 1024

int roster_init(struct roster *r)
{
	*r = (struct roster){ .buckets = ROOM_FIRST, .room = ROOM_FIRST };
	r->bucket = calloc(r->buckets, sizeof(*r->bucket));
	r->at = calloc(r->room, sizeof(*r->at));
	if (!r->bucket || !r->at || deadlines_init(&r->due, r->room) != 0) {
		free(r->bucket);
		free(r->at);
		return -ENOMEM;
	}
	return 0;
}

static void watched_free(struct watched *w)
{
	for (char **p = w->parent; p && *p; p++)
		free(*p);
	free(w->parent);
	free(w->json);
	address_book_free(w->book);
	watch_free(w->watch);
	free(w);
}

void roster_free(struct roster *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		watched_free(r->at[i]);
	free(r->bucket);
	free(r->at);
	deadlines_free(&r->due);
}

static struct watched **bucket_of(const struct roster *r, const char *name, size_t len)
{
	uint64_t hash = monitor_hash(name, len);
	return &r->bucket[(hash ^ hash >> 32) & (r->buckets - 1)];
}

struct watched *roster_find(const struct roster *r, const char *name, size_t len)
{
	struct watched *w = *bucket_of(r, name, len);
	while (w && (strncmp(w->name, name, len) != 0 || w->name[len]))
		w = w->next;
	return w;
}

/* Twice the room, everywhere.  A process without memory for its monitors cannot do its work. */
static void grow(struct roster *r)
{
	struct deadlines due;
	uint32_t room = r->room * 2;
	r->at = realloc(r->at, room * sizeof(*r->at));
	free(r->bucket);
	r->bucket = calloc(room, sizeof(*r->bucket));
	must_say(r->at && r->bucket && deadlines_init(&due, room) == 0, "no memory for %u monitors", room);
	r->room = r->buckets = room;
	for (uint32_t i = 0; i < r->count; i++) {
		struct watched **bucket = bucket_of(r, r->at[i]->name, strlen(r->at[i]->name));
		r->at[i]->next = *bucket;
		*bucket = r->at[i];
		if (r->due.at[i] != UINT32_MAX)
			deadlines_set(&due, i, r->due.due_ns[i]);
	}
	deadlines_free(&r->due);
	r->due = due;
}

struct watched *roster_add(struct roster *r, const char *name)
{
	size_t len = strlen(name);
	struct watched *w = calloc(1, sizeof(*w) + len + 1);
	must_say(w, "no memory for monitor %s", name);
	if (r->count == r->room)
		grow(r);
	memcpy(w->name, name, len + 1);
	w->index = r->count;
	r->at[r->count++] = w;
	struct watched **bucket = bucket_of(r, name, len);
	w->next = *bucket;
	*bucket = w;
	return w;
}

void roster_remove(struct roster *r, struct watched *w)
{
	struct watched **from = bucket_of(r, w->name, strlen(w->name)), *last = r->at[r->count - 1];
	while (*from != w)
		from = &(*from)->next;
	*from = w->next;
	uint64_t last_due = r->due.at[last->index] == UINT32_MAX ? DEADLINE_NONE : r->due.due_ns[last->index];
	deadlines_drop(&r->due, w->index);
	deadlines_drop(&r->due, last->index);
	r->at[w->index] = last;
	last->index = w->index;
	r->count--;
	if (last != w)
		deadlines_set(&r->due, last->index, last_due);
	watched_free(w);
}

void roster_due(struct roster *r, const struct watched *w, uint64_t due_ms)
{
	if (due_ms == UINT64_MAX || (r->due.at[w->index] != UINT32_MAX && r->due.due_ns[w->index] <= due_ms))
		return;
	deadlines_set(&r->due, w->index, due_ms);
}

struct watched *roster_pop(struct roster *r, uint64_t now_ms)
{
	int64_t index = deadlines_pop(&r->due, now_ms);
	return index < 0 ? NULL : r->at[index];
}

uint64_t roster_next_ms(const struct roster *r)
{
	return deadlines_next_ns(&r->due);
}
