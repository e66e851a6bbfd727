/* twins.h - which attempt in flight asks the very same thing as a job that is about to be tried.
 * A table of one lane, keyed by address, port, close, settle and timeout; bounded by its slots, allocated once. */
#ifndef ENGINE_TWINS_H
#define ENGINE_TWINS_H

#include "wire/job.h"

#define TWINS_NONE UINT32_MAX

/* The address, and the rest in one number: compared, hashed and stored as three words. */
struct twin_key {
	uint64_t word[3];
};

struct twin {
	struct twin_key key;
	uint32_t newer, older; /* of the same bucket */
	uint32_t bucket;       /* TWINS_NONE: this slot is not in the table */
};

struct twins {
	struct twin *of; /* one for each slot */
	uint32_t *head;	 /* a bucket's newest slot */
	uint32_t mask;
};

int twins_init(struct twins *t, uint32_t slots); /* 0 or -ENOMEM */
void twins_free(struct twins *t);

void twin_key_of(const struct job *job, struct twin_key *key);
/* The newest attempt with this key, TWINS_NONE: there is none. */
uint32_t twins_find(const struct twins *t, const struct twin_key *key);
void twins_add(struct twins *t, uint32_t slot, const struct twin_key *key);
void twins_remove(struct twins *t, uint32_t slot); /* fine for one that is not in it */

#endif
