/* notice_text.h - an event in words, the same in every channel: one line that says what happened, a table of what
 * each region saw, and what belongs to it.
 *
 *	DOWN pg-primary 198.51.100.7:5432: closed, from all 3 regions
 *
 * A body that lacks something, or is no JSON at all, is told with what there is: an event that looks odd is better
 * than none. */
#ifndef ALERTS_NOTICE_TEXT_H
#define ALERTS_NOTICE_TEXT_H

#include "alerts/notify.h"
#include "base/json.h"

/* What a type of event is called. */
struct notice_kind {
	const char *type;	/* "monitor.down" */
	const char *word, *over; /* "DOWN"; of the one that ends it: "UP" */
	const char *plural;	/* "down", as in "7 monitors are down" */
	const char *alertname;	/* "PortDown": the same at the beginning and the end */
	bool moment;		/* it has no end: nothing stands open because of it */
	const char *incident_suffix; /* keeps incidents of several kinds apart: "", "/path" */
};
/* Never NULL: an unknown type has a row of its own. */
const struct notice_kind *notice_kind(const char *type);

/* The event's members; texts live as long as it, "" where one is missing. */
struct notice_facts {
	bool expect_closed; /* of a port that must not answer */
	const struct notice_kind *kind;
	const char *monitor, *target, *verdict, *scope, *since, *timestamp, *summary, *runbook, *component, *problem,
		*detail; /* the sentence about a certificate */
	uint64_t duration_s;
	bool page, resolved;
	const json_t *labels, *regions, *addresses; /* NULL, or an object, an array, an object */
	json_t *root;
};
void notice_read(struct notice_facts *f, const struct notice *n);
void notice_free(struct notice_facts *f);

/* What an incident is called by those who pair its beginning with its end; at most 255 bytes with its 0 to spare. */
#define NOTICE_INCIDENT_MAX 256
void notice_incident(char into[NOTICE_INCIDENT_MAX], const struct notice *n);

void notice_title(const struct notice_facts *f, struct text *into);
/* Lines of equal columns, each ended by a newline; nothing without regions. */
void notice_table(const struct notice_facts *f, struct text *into);
/* All of it for people who read plain text: the summary, the table, labels, runbook. */
void notice_page(const struct notice_facts *f, struct text *into);
/* "7 monitors are down: a, b, c and 4 more"; several kinds are told one after the other. */
void notice_fold(const struct notice *n, unsigned count, struct text *into);
/* "43 s", "12 min 3 s", "2 h 5 min", "3 d 4 h" */
void notice_duration(uint64_t s, struct text *into);

#endif
