/* event.h - one thing that happened, as people and programs are told: an id, the incident it belongs to, and the JSON
 * that stands in the log of events, in the outbox and in the body of a webhook.
 *
 * The id is a hash over what was decided, not over when: who decides again after a crash makes the same id. */
#ifndef ALERTS_EVENT_H
#define ALERTS_EVENT_H

#include "alerts/address_set.h"
#include "alerts/watch.h"

#define EVENT_ID_LEN 20 /* "evt_" and 16 hex digits */
#define EVENT_INCIDENT_MAX (NAME_MAX_LEN + 32)
#define EVENT_SUMMARY_MAX 1024
#define EVENT_PROBLEM "system.problem"

struct event_text {
	char id[EVENT_ID_LEN + 1];
	char incident[EVENT_INCIDENT_MAX]; /* "pg-primary/17", "region eu/1764000000000" */
	char monitor[NAME_MAX_LEN + 1];	   /* "" of the system's own */
	const char *type;
	bool page, resolved, told;
	char why_not[160];
	char *body; /* malloc'd JSON of one line */
};

/* Whom it happened to. */
struct event_about {
	const struct monitor *monitor;
	unsigned shard;
	uint64_t now_ms;
	const json_t *regions; /* watch_regions(); borrowed */
	const char *said;      /* watch_said(), of what begins watch_fault(); NULL or "": nothing */
	const struct address_change *change; /* of EVENT_ADDRESS, seen from change_region */
	const char *change_region;
	const char *ended;     /* "the monitor was removed": why it is not watched any more, or NULL */
};

/* Fills *into; event_text_free() is due.  False: no memory. */
bool event_write(struct event_text *into, const struct event_about *about, const struct watch_event *event);
void event_text_free(struct event_text *text);

/* Something of our own that does not work (resolved: works again); a notice, never a page. */
struct event_problem {
	const char *component; /* "region eu", "scheduler" */
	const char *problem;   /* a sentence without a full stop */
	uint64_t since_ms;
	bool resolved;
};
bool event_write_problem(struct event_text *into, const struct event_problem *problem, unsigned shard, uint64_t now_ms);

/* The sentence a person reads first, e.g. "pg-primary (198.51.100.7:5432) is DOWN: closed, from all 3 regions since
 * 14:00:00 UTC, confirmed in 0.3 s".  EVENT_SUMMARY_MAX is enough. */
void event_summary(const struct event_about *about, const struct watch_event *event, char *into, size_t len);

/* "20 ms", "0.3 s", "12 s", "5 min 12 s", "2 h 5 min", "3 d 4 h". */
#define DURATION_TEXT_MAX 32
void duration_text(uint64_t ms, char into[DURATION_TEXT_MAX]);
/* "2026-11-25T14:00:00.123Z" */
#define TIME_TEXT_MAX 32
void time_text(uint64_t ms, char into[TIME_TEXT_MAX]);

#endif
