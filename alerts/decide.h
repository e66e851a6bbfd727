/* decide.h - what a set of results says about a monitor at a moment.  Pure: no clock, no memory of its own.
 *
 * A region's evidence is its trailing run of down results (newest first, up to an open one).  closed, rejected,
 * no-name, wrong-address and certificate weigh 2, filtered, reset and unreachable 1; a run of 2 or more votes down,
 * a newest result of open votes up.  Who knows nothing, has not looked for 2.5 intervals, is quarantined, silent, or
 * has one weak failure, abstains.  Of a monitor that expects its port closed, open is a failure that weighs 2 and reset (a
 * SYN-ACK came) one of 1; wherever "open" stands here, read closed, rejected, filtered, unreachable or no-name.
 *
 * DOWN begins when at least two regions and more than half of the voters say so; if they are no more than two, have
 * weak evidence only, and somebody has seen it open since, then when they have said so for 30 s (without that, three
 * regions with paths that fail for a minute now and then page falsely once in six years: docs/notes, false alarms).
 * It ends when most voters have seen it open twice, 15 s or more apart.  Whether it has begun and not ended is found
 * by going through the kept results in the order of their slots, so it depends on the set alone and not on the order
 * in which it came.  The one exception is told from outside: a DOWN that ended without the votes of silent or quarantined
 * regions is over (decide_in.over_ms), though with their old failures the set could be read otherwise. */
#ifndef ALERTS_DECIDE_H
#define ALERTS_DECIDE_H

#include "alerts/history.h"
#include "alerts/watch.h"

#define DECIDE_RECOVERY_MS 15000    /* two opens so far apart end a DOWN: one may be a restart loop's good second */
#define DECIDE_ONE_REGION_MS 30000  /* from one place only, failures must span this: a path's hiccup is shorter */
#define DECIDE_TWO_REGIONS_MS 30000 /* so must two with weak evidence that a third contradicts: two paths may fail at once */
#define DECIDE_ONE_REGION_RUN 3	    /* and be at least so many */
/* All three are two intervals where those are shorter: the results kept of a quick monitor must span the proof of
 * its DOWN and that of its end, and its owner wants it quick. */
#define DECIDE_SPAN_INTERVALS 2
#define DECIDE_STRONG 2
#define DECIDE_ENOUGH 2		    /* weight from which a region votes down */

enum abstain {
	ABSTAIN_NOT,
	ABSTAIN_NO_RESULT,
	ABSTAIN_EXPIRED,
	ABSTAIN_QUARANTINED,
	ABSTAIN_SILENT,
	ABSTAIN_UNCONFIRMED, /* one weak failure */
	ABSTAINS
};
extern const char *const abstain_sentence[ABSTAINS];

/* One region's say. */
struct ballot {
	enum vote vote;
	enum abstain why;
	unsigned weight, run;	/* of the trailing down results */
	uint64_t newest_ms;	/* slot of the newest known result; 0: none */
	uint64_t first_ms;	/* slot of the first of the run; 0: no run */
	enum verdict verdict;	/* of the newest known result */
	struct quality quality;
};

struct decision {
	bool down;
	bool path;		/* a minority votes down, and others have seen it open since */
	struct quality is;
	bool lasting;		/* two against one, with weak evidence: it is down if it lasts */
	bool suspect;		/* not down, but the newest result of some region is */
	bool blind;		/* too few may vote: what stands above is from their last words */
	bool expired;		/* of blind: those last words are too old as well */
	bool failed;		/* there is a failure among the results kept */
	bool unheard;		/* of down: a voter has not looked since the first failure */
	bool opened;		/* somebody has seen it open, as far back as results are kept */
	unsigned need;		/* voters without which nothing is decided: two, or one if there is one region only */
	unsigned heard;		/* regions with any known result */
	unsigned voters, downs, ups;
	unsigned against;	/* silent regions whose last word, said after the first failure, was open */
	unsigned recovered;	/* voters with two opens far enough apart */
	enum watch_scope scope;
	enum watch_scope quality;	/* of slow, lossy or soon: service if nobody's newest look is fine, else partial; partial is partial */
	enum verdict verdict;	/* the one most regions that vote down saw */
	uint64_t since_ms;	/* first failure of those who vote down */
	uint64_t next_ms;	/* when a vote expires next; UINT64_MAX: never */
};

/* What is looked at: region[i] belongs to bit i of the masks. */
struct decide_in {
	unsigned interval_ms, slow_ms, regions;
	const struct region_history *region;
	uint16_t quarantined, silent;
	bool expect_closed;	/* of a port that must not answer */
	uint64_t over_ms;	/* failures until then are of a DOWN that ended without the votes of all regions: they count no more */
	uint64_t now_ms;
};

void decide(const struct decide_in *in, struct decision *out);
void decide_ballot(const struct decide_in *in, unsigned region, struct ballot *b);
/* Weight of one result as evidence: 0 for those that are no failure. */
unsigned decide_weight(enum verdict v, bool expect_closed);
static inline uint64_t decide_span_ms(uint64_t span_ms, unsigned interval_ms)
{
	const uint64_t short_ms = (uint64_t)interval_ms * DECIDE_SPAN_INTERVALS;

	return span_ms < short_ms ? span_ms : short_ms;
}

/* How long a vote stands after its slot. */
static inline uint64_t decide_expiry_ms(unsigned interval_ms)
{
	return interval_ms * 5ull / 2;
}

#endif
