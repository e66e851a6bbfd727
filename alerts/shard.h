/* shard.h - a share of the monitors, decided by one process at a time.
 *
 *	FREE --lease--> LOADING --monitors, states--> REPLAYING --last results--> LIVE
 *	  ^________________________lease lost, settings changed____________________|
 *
 * Loading takes the states that were stored, replaying puts the results of the last 2.5 intervals into the watches
 * without deciding; then everything is decided once, and from then on with every result and every deadline. */
#ifndef ALERTS_SHARD_H
#define ALERTS_SHARD_H

#include "alerts/alerts.h"
#include "alerts/roster.h"
#include "wire/lease.h"

enum shard_phase { SHARD_FREE, SHARD_LOADING, SHARD_REPLAYING, SHARD_LIVE };

struct shard {
	unsigned number;
	enum shard_phase phase;
	uint64_t live_since_ms;	 /* wall clock */
	struct lease *lease;
	struct store *store;
	struct roster roster;
	bool lost;		 /* the lease was, while something else was done */
	bool dirty;		 /* results were given out that are not acknowledged */
	bool late;		 /* the last commit did not stand */
	uint32_t load;		 /* the load of monitors that must have ended */
	unsigned replay_region;
	uint64_t replay_ms, replay_seq;
	uint32_t tallied;	 /* index of the next watch to be counted for the regions */
	uint16_t silent, quarantined, unresolved; /* regions, as of this pass */
};

struct shard *shard_new(struct alerts *a, unsigned number); /* NULL: no memory */
void shard_free(struct alerts *a, struct shard *s);

/* Keeps or takes the lease and goes on with whatever comes before LIVE.  wanted: it may be taken if nobody has it. */
void shard_step(struct alerts *a, struct shard *s, bool wanted);
/* Renews the lease and no more. */
void shard_keep(struct shard *s);
/* Gives it up: what is decided is stored, the lease is free. */
void shard_release(struct alerts *a, struct shard *s);
/* Forgets everything but the lease and begins anew. */
void shard_restart(struct alerts *a, struct shard *s);
static inline bool shard_is_ours(const struct shard *s) { return s->phase != SHARD_FREE; }
/* Deciding goes on only while what was decided before is stored. */
static inline bool shard_may_decide(const struct shard *s) { return s->phase == SHARD_LIVE && !s->late; }

/* Stores what was decided; acknowledges the results it was decided from. */
void shard_commit(struct alerts *a, struct shard *s);

/* ---- shard_watch.c: the monitors in it ---- */

/* A monitor as it stands now. */
void shard_set(struct alerts *a, struct shard *s, const struct monitor *m);
void shard_del(struct alerts *a, struct shard *s, const char *name, size_t len);
/* All that the last load did not tell are gone. */
void shard_sweep(struct alerts *a, struct shard *s);

void shard_result(struct alerts *a, struct shard *s, unsigned region, const struct result *r);
void shard_recall(struct alerts *a, struct shard *s, unsigned region, const struct result *r); /* of a replay: without deciding */
/* Decides for those whose time has come, so many at most.  True: all of them. */
bool shard_tick(struct alerts *a, struct shard *s, unsigned most);
/* Everybody is due now: after a replay, or because other regions may vote.  but_up: all but those that are simply up. */
void shard_all_due(struct alerts *a, struct shard *s, bool but_up);
/* A field of the state hash, when the shard is loaded. */
void shard_load_state(struct alerts *a, struct shard *s, const char *field, const char *json, size_t len);
/* ---- shard_tally.c: all of them, counted ---- */

/* What is counted while everybody is looked at once. */
struct tally {
	uint64_t watched[WATCH_STATES], monitors;
	char canary[NAME_MAX_LEN + 1]; /* an always-down canary that does not come back; "" if there is none */
	unsigned canaries_awaited;     /* that have not come back yet since they are watched here */
};
/* Counts so many watches at most, their votes for a->regions.  True: the last one was among them. */
bool shard_tally(struct alerts *a, struct shard *s, unsigned most, struct tally *t);

/* ---- ask.c: what people ask ---- */

void shard_answer(struct alerts *a, struct shard *s, const char *monitor, const char *reply_key);

/* What is around a monitor, for watch_*(). */
void shard_env(struct alerts *a, const struct shard *s, struct watched *w, struct watch_env *env);
/* For those whose JSON was put there by us: cannot fail.  monitor_free() is due. */
void watched_monitor(const struct watched *w, struct monitor *m);
/* The regions that probe it, a bit each. */
uint16_t monitor_region_mask(const struct settings *s, const struct monitor *m);

#endif
