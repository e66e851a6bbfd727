/* destination_cap.c - one token bucket an address, in a table that never grows.
 * In: jobs with an address.  Out: the time at which each may connect.  Owns: the table, shared by all lanes.
 * Why so: a bucket is the time of its address's next token, and whoever comes is given that time and moves it on; so
 * nobody polls, the order is that of coming, and a bucket whose time has passed is as good as none and can be
 * another's.  Two addresses share one only if more than four of the same row have to wait at once: then they are slower
 * than they must, never faster.  Tokens come evenly (no burst), so no second sees more than asked for. */
#include "engine/destination_cap.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* x 4 buckets x 16 bytes = 1 MB.  10,000 probes a second to as many addresses, 1 a second each, fill 15 % of it. */
#define ROWS 16384
#define WAYS 4
#define LOCKS 64

struct bucket {
	uint64_t tag, next_ns;
};

struct destination_cap {
	uint64_t interval_ns, seed;
	pthread_mutex_t lock[LOCKS]; /* of every LOCKS-th row */
	struct bucket row[ROWS][WAYS];
};

struct destination_cap *destination_cap_new(unsigned per_second)
{
	struct destination_cap *cap = calloc(1, sizeof(*cap));
	if (!cap)
		return NULL;
	cap->interval_ns = NS_PER_S / per_second;
	cap->seed = clock_ns() ^ clock_wall_us() << 20;
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_init(&cap->lock[i], NULL);
	return cap;
}

void destination_cap_free(struct destination_cap *cap)
{
	for (unsigned i = 0; cap && i < LOCKS; i++)
		pthread_mutex_destroy(&cap->lock[i]);
	free(cap);
}

static uint64_t tag_of(const struct destination_cap *cap, const struct job *job)
{
	uint64_t word[2] = { 0 }, h = cap->seed ^ job->family;
	memcpy(word, job->address, job->family == FAMILY_V6 ? 16 : 4);
	for (unsigned i = 0; i < 2; i++) {
		h = (h ^ word[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h * 0xbf58476d1ce4e5b9ull;
}

/* Its own bucket, else one whose time has passed, else the one that is free first. */
static struct bucket *bucket_for(struct bucket row[WAYS], uint64_t tag, uint64_t now_ns)
{
	struct bucket *best = row;
	for (unsigned i = 0; i < WAYS; i++) {
		if (row[i].tag == tag)
			return &row[i];
		if (row[i].next_ns < best->next_ns)
			best = &row[i];
	}
	if (best->next_ns <= now_ns)
		best->tag = tag;
	return best;
}

uint64_t destination_cap_take(struct destination_cap *cap, const struct job *job, uint64_t now_ns, uint64_t latest_ns)
{
	const uint64_t tag = tag_of(cap, job);
	const unsigned row = (unsigned)(tag >> 40) % ROWS;
	uint64_t when = 0;
	pthread_mutex_lock(&cap->lock[row % LOCKS]);
	struct bucket *b = bucket_for(cap->row[row], tag, now_ns);
	if (b->next_ns <= now_ns)
		b->next_ns = now_ns + cap->interval_ns;
	else if (b->next_ns > latest_ns)
		when = CAP_NOT_IN_TIME;
	else {
		when = b->next_ns;
		b->next_ns += cap->interval_ns;
	}
	pthread_mutex_unlock(&cap->lock[row % LOCKS]);
	return when;
}
