/* regions.h - which regions may vote: those with a living engine that are not quarantined.
 *
 * Silent: no engine's heartbeat for 20 s (per shard, because engines may share the shards out).  Quarantined: its
 * canaries fail only from there, an always-down canary answers there, or it disagrees with the majority on 5 % of its
 * targets and more.  Failing resolver: of more than half of its names the newest look says that no resolver answered; it
 * votes on, but who is UNKNOWN because of that is told once and not for each monitor.  The judging is pure: heartbeats,
 * votes and the time go in; only regions_listen() speaks to Redis.
 */
#ifndef ALERTS_REGIONS_H
#define ALERTS_REGIONS_H

#include "alerts/watch.h"
#include "wire/redis_link.h"
#include "wire/settings.h"

#define REGION_SILENT_MS 20000	       /* engines say that they live every 5 s */
#define QUARANTINE_TARGETS_MIN 20      /* below, 5 % of the targets is one or two, and chance */
#define QUARANTINE_DISAGREE_MIN 5
#define QUARANTINE_ENTER_PERCENT 5.0
#define QUARANTINE_LEAVE_PERCENT 2.5
#define QUARANTINE_AFTER_MS 15000      /* an outage that one region saw first looks the same until the confirm rounds are back */
#define QUARANTINE_CANARY_AFTER_MS 5000
#define QUARANTINE_CALM_MS 30000       /* well for so long before it votes again */
#define RESOLVER_NAMES_MIN 5	       /* so many must fail: a few are somebody's own broken zone */
#define RESOLVER_AFTER_MS 5000	       /* more than half of them for so long */
#define RESOLVER_CALM_MS 10000	       /* and less than a quarter for so long when it is over */

struct region_tally {
	unsigned voting, disagreeing; /* targets on which it votes and a majority of the others stands */
	unsigned canaries, canaries_failed, canaries_open;
	unsigned named;		      /* monitors of a name that the region's resolver is asked for */
	unsigned looked, unresolved;  /* of them: with a look that is not too old; whose newest says `resolver` */
};

struct region {
	char name[NAME_MAX_LEN + 1];
	uint64_t beat_ms[SETTINGS_SHARDS_MAX]; /* monotonic: when an engine of the shard was last known to live */
	bool silent;			       /* no engine serves at least one shard */
	bool mute;			       /* no engine serves any */
	bool heard;			       /* an engine of every shard was, since we began to listen: it is known not to be silent */
	bool quarantined;
	uint64_t bad_since_ms, calm_since_ms;  /* monotonic; 0: is not */
	char why[160];			       /* of quarantine */
	bool resolver_fails;
	uint64_t failing_since_ms, resolving_since_ms; /* monotonic; 0: is not */
	struct region_tally tally, last;       /* being counted; as last concluded */
	uint64_t newest_ms;		       /* wall clock of the newest entry of results */
	uint64_t delay_ms;		       /* how old that entry was when it was read */
};

struct regions {
	unsigned count, shards;
	struct region region[REGIONS_MAX];
	uint64_t scheduler_beat_ms; /* monotonic */
	uint64_t grace_ms;	    /* monotonic: beats up to here were given, not heard */
	unsigned schedulers, engines; /* alive when last listened */
};

void regions_init(struct regions *r, const struct settings *s, uint64_t mono_ms);

/* ---- living ---- */

/* Looks for heartbeats of engines and schedulers.  Returns 0, or negative: the link broke or refused. */
int regions_listen(struct regions *r, struct redis_link *link, const char *prefix, uint64_t mono_ms);
void regions_heard(struct regions *r, const char *region, unsigned shard, uint64_t beat_ms);
/* Nobody could be heard until now (we start, Redis was away): silence is counted from here on. */
void regions_grace(struct regions *r, uint64_t mono_ms);
void regions_judge_silence(struct regions *r, uint64_t mono_ms);

/* ---- voting ---- */

/* The votes of one monitor as they would stand if nobody were quarantined; vote has an element for each region. */
void regions_tally(struct regions *r, const enum vote *vote, enum canary canary);
/* One monitor of a name, in one region: what its newest look knows of the name. */
void regions_tally_name(struct regions *r, unsigned region, enum name_look look);
/* Every monitor was tallied once: who is quarantined from now on; begins a new count. */
void regions_conclude(struct regions *r, uint64_t mono_ms);
/* As it stood before a restart; it is judged anew from here. */
void regions_remember_quarantine(struct regions *r, const char *region, const char *why);
void regions_remember_silence(struct regions *r, const char *region);
void regions_remember_resolver(struct regions *r, const char *region);

/* For struct watch_env. */
uint16_t regions_quarantined(const struct regions *r);
uint16_t regions_resolver_fails(const struct regions *r);
uint16_t regions_silent(const struct regions *r, unsigned shard, uint64_t mono_ms);

#endif
