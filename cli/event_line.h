/* event_line.h - one event of the log pw:{alerts.S}:events as a line for people, or as JSON for programs. */
#ifndef CLI_EVENT_LINE_H
#define CLI_EVENT_LINE_H

#include "base/text.h"
#include "wire/stream_reader.h"

/* An entry's fields; texts are borrowed and never NULL. */
struct event {
	const char *id, *type, *monitor, *incident, *why_not;
	bool page, resolved, told;
	const char *body; /* JSON */
	size_t body_len;
	uint64_t at_ms;	  /* of the entry */
};

void event_of_entry(struct event *e, const struct stream_entry *entry);

/* "14:00:03  DOWN        pg  198.51.100.7:5432  closed, service; eu closed, us closed; since 14:00:00, confirmed in
 * 0.3 s; told" with a newline; local time, with the date unless it is today's (of now_ms).  A body that cannot be
 * read shows what stands in the other fields. */
void event_line(struct text *to, const struct event *e, uint64_t now_ms, bool coloured);
/* The body with id, told and why_not before its members, on one line with a newline; portwatch.event/1. */
void event_json(struct text *to, const struct event *e);

/* "DOWN", "PATH ISSUE", "RECOVERED": never NULL. */
const char *event_word(const char *type, bool resolved);

/* "14:00:03" or "2026-11-24 14:00:03", local time. */
void text_add_clock(struct text *to, uint64_t ms, uint64_t now_ms);
/* "2026-11-25T14:00:00.123Z" in ms since 1970; 0 if it is none. */
uint64_t time_of_text(const char *text);

#endif
