/* verdict.h - the words a probe can end with; the numbers are on the wire and never change their meaning. */
#ifndef WIRE_VERDICT_H
#define WIRE_VERDICT_H

#include <stdbool.h>

enum verdict_class { CLASS_UP, CLASS_DOWN, CLASS_UNKNOWN };

enum verdict {
	VERDICT_NONE = 0, /* not yet known, or a newer engine's; never published */
	VERDICT_OPEN = 1,
	VERDICT_CLOSED = 2,
	VERDICT_FILTERED = 3,
	VERDICT_RESET = 4,
	VERDICT_REJECTED = 5,
	VERDICT_UNREACHABLE = 6,
	VERDICT_NO_NAME = 7,
	VERDICT_WRONG_ADDRESS = 8,
	VERDICT_CERTIFICATE = 9,
	VERDICT_RESOLVER = 10,
	VERDICT_DENIED = 11,
	VERDICT_LOCAL = 12,
	VERDICT_EXPIRED = 13,
	VERDICT_SHUTDOWN = 14,
	VERDICTS
};

struct verdict_row {
	const char *name; /* "closed", "no-name": what people and JSON read */
	enum verdict_class class;
	const char *sentence; /* "nothing listens: the host answered with a reset" */
};

/* The row of a verdict; must be one of the enum above, VERDICT_NONE included. */
const struct verdict_row *verdict_row(enum verdict v);
/* Whether the port has not answered, and somebody looked: what a monitor that expects it closed wants to see. */
bool verdict_is_silent(enum verdict v);
/* The class for a monitor: the row's own, or the other way round where the port must not answer. */
enum verdict_class verdict_class_for(enum verdict v, bool expect_closed);
const char *verdict_class_name(enum verdict_class c); /* "up", "down", "unknown" */

#endif
