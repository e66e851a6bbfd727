/* monitors.h - what is known of each monitor: its job as bytes ready to be sent, when it is due, and since when.
 * In: monitors as they are set and removed.  Out: indexes, for wheel and ledger.
 * Owns: the rows, the table from names to rows, the bytes.  About 130 B a monitor with a name of 12 bytes, and 12 B a
 * region in the ledger.
 *
 * A change that moves slots (interval, regions, paused, removed) does not touch the row: the row is retired and stays
 * in its bucket until the ledger has seen what became of its last slots; the new one is born at the same moment.  So a
 * change disturbs no slot that was already scheduled.  older leads from the new row to the retired ones of that name.
 */
#ifndef SCHEDULER_MONITORS_H
#define SCHEDULER_MONITORS_H

#include "scheduler/wheel.h"
#include "wire/job_bytes.h"
#include "wire/settings.h"

#define CLASSES_MAX 1024 /* distinct sets of options: a batch has one for all its jobs */
#define LIVE UINT64_MAX

struct known {
	uint8_t *job;	     /* job_bytes(); NULL: the row is free */
	uint64_t born_ms;    /* its slots are those after this tick ... */
	uint64_t retired_ms; /* ... up to and with this one; LIVE */
	uint32_t older;	     /* the row before this one of that name; of a free row: the next free one */
	uint16_t class;	     /* index of its options */
	uint16_t regions;    /* a bit for each region of the settings */
	uint16_t job_len;
	uint8_t shard;
	uint8_t told;	     /* in which loading it was last seen */
};

struct monitors {
	struct wheel wheel;
	struct known *row;
	uint32_t rows, room, free; /* rows ever used; the first free one */
	uint32_t *slot;	   /* open addressing: the newest row of each name */
	uint32_t slots, names;
	uint32_t live;	   /* rows that are not retired */
	struct job_options class[CLASSES_MAX];
	bool class_tls[CLASSES_MAX]; /* an entry is answered when its slowest job is: certificates share none with bare handshakes */
	unsigned classes, regions, shards;
	char region[REGIONS_MAX][NAME_MAX_LEN + 1];
	unsigned expires_ms;	/* of a job, at most */
	unsigned timeout_most_ms; /* of all classes */
	uint8_t telling;	/* number of the loading that goes on or was the last */
};

void monitors_init(struct monitors *m, unsigned expires_ms);
void monitors_free(struct monitors *m);

/* Regions and shards.  True: they changed, and all monitors are forgotten: who knows them has to tell them again. */
bool monitors_place(struct monitors *m, const struct settings *s);

/* Sets a monitor.  at_ms: slots up to and with this tick are the old row's, later ones the new row's.  keep: the ledger
 * is interested in what was before.  *index is its row if a new one was made, else INDEX_NONE.  False: why holds a
 * sentence, nothing changed. */
bool monitors_set(struct monitors *m, const struct monitor *def, uint64_t at_ms, bool keep, uint32_t *index, char *why,
		  size_t why_len);
void monitors_remove(struct monitors *m, const char *name, size_t len, uint64_t at_ms, bool keep);
/* Between the two, everything that is there is set; what was not is removed. */
void monitors_begin(struct monitors *m);
void monitors_end(struct monitors *m, uint64_t at_ms, bool keep);

/* The newest row of a name, or INDEX_NONE. */
uint32_t monitors_find(const struct monitors *m, const char *name, size_t len);
/* Frees a retired row. */
void monitors_reap(struct monitors *m, uint32_t index);
/* Frees all of them. */
void monitors_reap_all(struct monitors *m);

static inline const struct known *monitors_row(const struct monitors *m, uint32_t index) { return &m->row[index]; }
static inline bool known_at(const struct known *k, uint64_t slot_ms)
{
	return slot_ms > k->born_ms && slot_ms <= k->retired_ms;
}

#endif
