/* missed_log.c - see missed_log.h. */
#include "scheduler/missed_log.h"

#include "base/must.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define NAMES_MAX 500		     /* in one entry */
#define ENTRIES_MAX 2000	     /* held until they are written */
#define STREAM_BYTES (8u << 20)	     /* of one missed stream, about */
#define STREAM_ENTRIES 10000

struct missed_entry {
	char key[STREAM_KEY_MAX];
	uint64_t slot_ms, until_ms, n;
	enum missed why;
	struct text names;
};

struct missed_log {
	struct missed_entry *entry;
	unsigned entries;
	struct scheduler_counters *counters;
};

struct missed_log *missed_log_new(struct scheduler_counters *counters)
{
	struct missed_log *l = calloc(1, sizeof(*l));
	if (l)
		l->entry = calloc(ENTRIES_MAX, sizeof(*l->entry));
	if (l && !l->entry) {
		free(l);
		return NULL;
	}
	if (l)
		l->counters = counters;
	return l;
}

void missed_log_free(struct missed_log *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < ENTRIES_MAX; i++)
		text_free(&l->entry[i].names);
	free(l->entry);
	free(l);
}

static struct missed_entry *entry_new(struct missed_log *l, const struct place *at, uint64_t slot_ms, enum missed why)
{
	if (l->entries == ENTRIES_MAX)
		return NULL;
	struct missed_entry *e = &l->entry[l->entries++];
	snprintf(e->key, sizeof(e->key), "%s", at->missed);
	e->slot_ms = slot_ms;
	e->until_ms = 0;
	e->n = 0;
	e->why = why;
	text_reset(&e->names);
	return e;
}

/* Slots of several shards come mixed, so the entry that fits may not be the last one, but it is one of the last few. */
static struct missed_entry *entry_of(struct missed_log *l, const struct place *at, uint64_t slot_ms, enum missed why)
{
	for (unsigned i = l->entries; i > 0 && l->entries - i < SETTINGS_SHARDS_MAX; i--) {
		struct missed_entry *e = &l->entry[i - 1];
		if (e->slot_ms == slot_ms && e->why == why && !e->until_ms && e->n < NAMES_MAX &&
		    strcmp(e->key, at->missed) == 0)
			return e;
	}
	return entry_new(l, at, slot_ms, why);
}

void missed_log_add(struct missed_log *l, const struct place *at, uint64_t slot_ms, enum missed why, const char *name,
		    size_t len)
{
	struct missed_entry *e = entry_of(l, at, slot_ms, why);
	if (!e) {
		counter_add(&l->counters->missed_unwritten, 1);
		return;
	}
	text_add(&e->names, e->n++ ? "," : "[");
	text_json_string(&e->names, name, len);
}

void missed_log_sum(struct missed_log *l, const struct place *at, uint64_t from_ms, uint64_t until_ms, uint64_t n,
		    enum missed why)
{
	struct missed_entry *e = n ? entry_new(l, at, from_ms, why) : NULL;
	if (!e) {
		counter_add(&l->counters->missed_unwritten, n);
		return;
	}
	e->until_ms = until_ms;
	e->n = n;
	text_add(&e->names, "[");
}

static void append_entry(struct redis_link *link, struct missed_entry *e)
{
	text_add(&e->names, "]");
	unsigned most = (unsigned)(STREAM_BYTES / (e->names.len + 100));
	most = most > STREAM_ENTRIES ? STREAM_ENTRIES : most;
	unsigned long long n = e->n, slot = e->slot_ms, until = e->until_ms;
	const char *names = e->names.failed ? "[]" : e->names.data;
	size_t len = e->names.failed ? 2 : e->names.len;
	if (until)
		redis_appendf(link, "XADD %s MAXLEN ~ %u * slot %llu until %llu n %llu reason %s b %b", e->key, most,
			      slot, until, n, missed_sentence[e->why], names, len);
	else
		redis_appendf(link, "XADD %s MAXLEN ~ %u * slot %llu n %llu reason %s b %b", e->key, most, slot, n,
			      missed_sentence[e->why], names, len);
}

void missed_log_write(struct missed_log *l, struct redis_link *link)
{
	for (unsigned i = 0; i < l->entries; i++)
		append_entry(link, &l->entry[i]);
	for (unsigned i = 0; i < l->entries; i++) {
		struct redis_reply *reply = redis_read(link, 0);
		if (!reply || reply_is_error(reply))
			counter_add(&l->counters->missed_unwritten, l->entry[i].n);
		redis_reply_free(reply);
	}
	l->entries = 0;
}
