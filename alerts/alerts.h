/* alerts.h - the one struct of the process portwatch-alerts: what all its stages share.  One thread's own, but for the
 * counters. */
#ifndef ALERTS_ALERTS_H
#define ALERTS_ALERTS_H

#include "alerts/notify.h"
#include "alerts/parents.h"
#include "alerts/regions.h"
#include "alerts/result_feed.h"
#include "alerts/round.h"
#include "alerts/self.h"
#include "alerts/state_store.h"
#include "base/log.h"
#include "wire/monitor_store.h"

struct alerts_counters {
	struct store_counters store;
	struct feed_counters feed;
	_Atomic uint64_t results, strangers; /* of monitors that are watched, and of others */
	_Atomic uint64_t decisions[EVENT_KINDS][2]; /* [kind][resolved] */
	_Atomic uint64_t rounds, probes;     /* rounds asked for, and jobs sent for them */
	_Atomic uint64_t questions;
	_Atomic uint64_t watched[WATCH_STATES];
	_Atomic uint64_t monitors, broken, shards, shards_all, alive, problems;
	_Atomic uint64_t redis_up, redis_connects, passes;
	/* By region; the name is written before the count. */
	char region_name[REGIONS_MAX][NAME_MAX_LEN + 1];
	_Atomic uint64_t regions;
	_Atomic uint64_t region_newest_ms[REGIONS_MAX], region_delay_ms[REGIONS_MAX];
	_Atomic uint64_t region_silent[REGIONS_MAX], region_quarantined[REGIONS_MAX], region_resolver_fails[REGIONS_MAX];
};

struct shard;
struct dead_man;

struct alerts {
	const char *prefix, *name; /* name: ours alone, the value of our leases */
	struct redis_link *link;
	struct notifier *notifier;
	struct dead_man *dead_man;
	struct alerts_counters *counters;

	uint64_t now_ms, mono_ms; /* of this pass */
	struct settings settings;
	const char *region[REGIONS_MAX]; /* names, into settings */
	struct monitor_sink sink;
	struct monitor_follow follow;
	uint32_t load;		   /* number of the load of all monitors that is going on, or was the last */
	bool load_ended;
	bool settings_changed;	   /* regions or shards: all shards begin anew */
	bool shards_moved;	   /* which are ours is to be told to the channels */
	uint32_t maintenance_epoch; /* counts up whenever a window opens, closes or is written */
	uint64_t maintenance_edge_ms;

	struct regions regions;
	struct self self;
	struct rounds rounds;
	struct feed *feed;
	struct parents parents;
	struct shard *shard[SETTINGS_SHARDS_MAX];
	unsigned alive;		   /* alerts processes, this one included */

	/* What is done from time to time. */
	uint64_t next_beat_ns, next_keep_ns, next_listen_ns, next_trim_ns, next_tally_ns, next_self_ns, next_count_ns;
	uint64_t connects;	   /* of the link when regions were last given grace */
	struct settings next_settings; /* read, and not in force before everything decided is stored */
	unsigned tally_shard;	   /* where the tally stands */
	struct tally_sums *tally;
	struct log_limit decided;  /* lines about decisions */
};

#endif
