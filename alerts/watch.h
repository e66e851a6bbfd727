/* watch.h - one monitor as alerts sees it: results and time go in; jobs to send and events to tell come out. It owns
 * the monitor's history and its incident, decides by decide.c, and touches neither Redis nor a clock: `now` is
 * handed in, so a simulation and a replay run the very code that pages people.
 *
 * UNKNOWN is ours and ends nothing: a DOWN whose regions all stop becomes UNKNOWN with its incident open (and
 * nothing told but a notice); when enough of them vote again it is DOWN in the same incident, without another page,
 * or its UP is told.
 *
 * What it promises: the same set of results gives the same decision in whatever order and however often they come;
 * an event is made once per incident; no event ends an incident that was not begun; what is told is paired. */
#ifndef ALERTS_WATCH_H
#define ALERTS_WATCH_H

#include "base/json.h"
#include "wire/monitor.h"
#include "wire/result.h"

/* What the monitor asks for; copied from struct monitor and settings, so that a watch can outlive both. */
struct watch_rule {
	unsigned interval_ms, timeout_ms, slow_ms;
	unsigned regions;	      /* how many probe it; indexes 0 .. regions - 1 of the caller's list */
	uint16_t region_mask;	      /* which ones, a bit for each index of the settings' regions */
	enum canary canary;
	bool expect_closed;	      /* it must not answer */
	bool many;		      /* a look may have several addresses: which are down is remembered */
};

/* What is going on around it; handed in whenever it decides. */
enum parent_state { PARENT_NONE, PARENT_UP, PARENT_SUSPECT, PARENT_DOWN };
struct watch_env {
	uint64_t now_ms;	      /* wall clock */
	uint64_t looking_since_ms;    /* from when on results are seen again, after a restart; 0: as long as anybody remembers */
	uint16_t quarantined;	      /* regions that may not vote, a bit each: their canaries fail, or they disagree too often */
	uint16_t silent;	      /* regions without a living engine */
	uint16_t unresolved;	      /* regions whose resolver fails for most names, and for this one too */
	const char *maintenance;      /* why it is not told ("" without a reason), or NULL: no window covers it */
	enum parent_state parent;     /* the worst of its parents */
	const char *parent_name;      /* of that one */
};

enum watch_state { WATCH_NEW, WATCH_UP, WATCH_DEGRADED, WATCH_PATH, WATCH_DOWN, WATCH_UNKNOWN, WATCH_STATES };
extern const char *const watch_state_names[WATCH_STATES + 1]; /* "new", "up", "degraded", "path", "down", "unknown", NULL */

enum watch_scope { SCOPE_NONE, SCOPE_SERVICE, SCOPE_PARTIAL, SCOPE_PATH, SCOPES };
extern const char *const watch_scope_names[SCOPES + 1]; /* "", "service", "partial", "path", NULL */

enum event_kind { EVENT_DOWN, EVENT_UP, EVENT_PATH, EVENT_DEGRADED, EVENT_UNKNOWN, EVENT_FLAPPING,
		  EVENT_ADDRESS, /* not of a watch: what a name leads to changed; it has no end */
		  EVENT_KINDS };
extern const char *const event_kind_names[EVENT_KINDS + 1]; /* "monitor.down", "monitor.up", "monitor.path", ... */

/* How a target that is open fares. */
struct quality {
	bool slow, lossy;
	bool partial;		/* some of its addresses answer, others are down */
	bool soon;		/* its certificate holds, but not for long */
};

static inline bool quality_is_poor(struct quality q)
{
	return q.slow || q.lossy || q.partial || q.soon;
}

/* One thing that happened.  UP ends DOWN; the other kinds come again with resolved true when they end. */
struct watch_event {
	enum event_kind kind;
	bool resolved;
	bool page;		      /* somebody is woken: DOWN, its UP, and FLAPPING; false is a notice */
	bool told;		      /* goes to the channels; false: only to the log of events */
	bool late;		      /* told now, "still ...": it began while something kept it back */
	struct quality is;	      /* of DEGRADED: what is poor */
	char why_not[160];	      /* of told false: "maintenance: minor upgrade", "its parent core-switch is down" */
	uint64_t incident;	      /* number within the monitor, the same for begin and end: the dedupe key */
	uint64_t since_ms;	      /* first failure; of UP: of the incident it ends */
	uint64_t confirmed_after_ms;  /* first failure until decided */
	uint64_t duration_ms;	      /* of what ends; 0 otherwise */
	enum verdict verdict;	      /* the one most regions that vote down saw */
	enum watch_scope scope;
};

/* A round of probes in all regions of the monitor, to be sent at once on the hot streams. */
struct watch_round {
	bool wanted;
	uint64_t slot_ms;	      /* for the jobs, with attempt the key of their results */
	unsigned attempt;	      /* 1 and up; scheduled jobs have 0 */
};

#define WATCH_EVENTS_MAX 8	      /* all kinds at once, and the pairing UP at the end of flapping */
struct watch_actions {
	struct watch_round round;
	unsigned events;
	struct watch_event event[WATCH_EVENTS_MAX];
	bool changed;		      /* watch_save() would give other bytes than before, not counting results kept */
};

struct watch; /* 90 B and 160 B a region (eight results), 650 B more a region with rule.many; 250 B while something is going on */

struct watch *watch_new(const struct watch_rule *rule); /* NULL: no memory */
void watch_free(struct watch *w);
/* The monitor was changed.  History stays for the regions that stay, unless reset says that the target is another;
 * what was told stays told, so that it is paired.  Returns the watch, which may have moved; NULL: no memory, w is as
 * it was. */
struct watch *watch_change(struct watch *w, const struct watch_rule *rule, bool reset);
/* The monitor was removed or paused: ends what was told, so that no alert burns for ever.  The watch then is as new. */
void watch_end(struct watch *w, const struct watch_env *env, struct watch_actions *actions);

/* A result has come.  region: index.  Constant time; most are "still up" and change nothing. */
void watch_result(struct watch *w, unsigned region, const struct result *r, const struct watch_env *env,
		  struct watch_actions *actions);
/* A result read again after a restart: kept, but nothing is decided until watch_tick(), because a part of what was
 * known would be decided upon as if it were all. */
void watch_remember(struct watch *w, unsigned region, const struct result *r);
/* Asks for a round although nothing failed here: a child of it did, and waits to hear whether it is this one's
 * fault.  No round if one is under way or was a moment ago, or if it is down. */
void watch_look_now(struct watch *w, const struct watch_env *env, struct watch_actions *actions);
/* A number for something told of the monitor that is no state of it. */
uint64_t watch_take_incident(struct watch *w);
/* Slot of the newest result that knows something; 0: none. */
uint64_t watch_looked_ms(const struct watch *w);
/* When watch_tick() must be called at the latest, wall clock ms; UINT64_MAX: never. */
uint64_t watch_due_ms(const struct watch *w);
void watch_tick(struct watch *w, const struct watch_env *env, struct watch_actions *actions);

enum watch_state watch_state(const struct watch *w);
/* What the newest look at the certificate said, a sentence; "": none was looked at. */
const char *watch_said(const struct watch *w);
/* What the newest look said that found fault with it: another region's may be newer, and have seen a good one. */
const char *watch_fault(const struct watch *w);
enum watch_scope watch_scope(const struct watch *w);
uint64_t watch_since_ms(const struct watch *w);
/* DOWN, or unknown by now and nobody has seen it end: what excuses its children. */
bool watch_is_down(const struct watch *w);
/* True while some region votes down and nothing is decided: PARENT_SUSPECT for its children. */
bool watch_is_suspect(const struct watch *w);
/* The vote of a region at env->now_ms as it stands: for quarantine's count of those who disagree with the majority. */
enum vote { VOTE_ABSTAIN, VOTE_UP, VOTE_DOWN };
enum vote watch_vote(const struct watch *w, unsigned region, const struct watch_env *env);

/* What the region's newest look knows of the monitor's name: nothing recent, something (also that it is not there), or
 * that no resolver answered. */
enum name_look { NAME_UNSEEN, NAME_KNOWN, NAME_UNRESOLVED };
enum name_look watch_name_look(const struct watch *w, unsigned region, uint64_t now_ms);

/* What must survive a restart: state, incident, what was told, flapping, and the newest results; a JSON object that
 * the caller owns, and that people may read in redis-cli.  Names: the settings' regions by index. */
json_t *watch_save(const struct watch *w, const char *const *names);
/* Into a new watch.  False: why says what is wrong; the watch then is as new. */
bool watch_load(struct watch *w, const json_t *saved, const char *const *names, unsigned count, char *why, size_t why_len);

/* The newest look of each region, for messages: an array of
 * {"region","class","verdict","rtt_us","syn_retrans","address","errno","at_ms"}; "abstains", why, of those whose last word
 * does not count any more; of several addresses of which some are down "addresses", how many there are, "down_addresses"
 * and "partial", which says it. */
json_t *watch_regions(const struct watch *w, const char *const *names, const struct watch_env *env);
/* All that `portwatch explain` shows: state, since, each region's last results with their weights and its vote or
 * why it abstains, the arithmetic as a sentence, and why somebody is or is not paged. */
json_t *watch_explain(const struct watch *w, const char *const *names, const struct watch_env *env);

#endif
