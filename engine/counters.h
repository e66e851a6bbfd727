/* counters.h - what the engine counts.  Each block has one writing thread; readers (the metrics page, the heartbeat)
 * see relaxed atomics: slightly old, never torn. */
#ifndef ENGINE_COUNTERS_H
#define ENGINE_COUNTERS_H

#include "base/counter.h"
#include "base/histogram.h"
#include "wire/redis_trouble.h"
#include "engine/dns_answer.h"
#include "wire/verdict.h"

/* Written by a lane's thread. */
struct lane_counters {
	counter verdict[VERDICTS];  /* jobs that ended so */
	counter connects;	    /* attempts handed to the kernel */
	counter joined;		    /* jobs answered by another's attempt, without one of their own */
	counter capped;		    /* jobs that had to wait for, or missed, their turn at an address (--per-destination) */
	counter spurious;	    /* wake-ups with nothing to see; armed again */
	counter in_flight;	    /* gauge: slots in use */
	counter waiting;	    /* gauge: jobs of accepted batches not begun */
	counter sockets;	    /* gauge: made */
	struct histogram rtt;	    /* open, no SYN lost */
	struct histogram late;	    /* scheduled slot to submission */
};

/* Written by the resolver's thread. */
struct resolve_counters {
	counter names;		    /* gauge: known */
	counter oldest_ms;	    /* gauge: age of the oldest answer in use */
	counter open;		    /* gauge: questions under way */
	counter queued;		    /* gauge: questions not yet sent */
	counter questions;	    /* asked of resolvers */
	counter prefetches;	    /* of them: asked before anybody had to wait */
	counter answers[DNS_OUTCOMES];
	counter hits;		    /* jobs whose name was known */
	counter misses;		    /* jobs that waited */
	counter stale;		    /* jobs that got an old answer */
	counter changes;	    /* of a name's addresses */
};

/* Written by the reader thread; oldest_ns also by the writer, both under the source's lock. */
struct source_counters {
	counter taken;		    /* jobs; taken = published + in flight, always */
	counter entries;
	counter bad_entries;	    /* sent to dlq whole */
	counter too_often;	    /* sent to dlq after DELIVERIES_MAX */
	counter claimed;	    /* entries a dead engine left */
	counter vanished;	    /* entries trimmed while pending */
	counter trimmed;
	counter oldest_ns;	    /* gauge: clock_ns() when the oldest batch in flight was taken; 0: none */
	counter unread_ms, unread_hot_ms; /* gauges: age of the oldest entry nobody has read; 0: none */
	counter redis_up, redis_connects;
	counter trouble[TROUBLES];
};

/* Written by the writer thread. */
struct sink_counters {
	counter published;	    /* jobs */
	counter entries;
	counter held;		    /* gauge: batches waiting for Redis */
	counter oldest_held_ns;	    /* gauge: when the oldest of them was taken; 0: none */
	counter redis_up, redis_connects;
	counter trouble[TROUBLES];
};

#endif
