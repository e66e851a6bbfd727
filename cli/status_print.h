/* status_print.h - the state of everything, for people and for programs. */
#ifndef CLI_STATUS_PRINT_H
#define CLI_STATUS_PRINT_H

#include "base/text.h"
#include "cli/status.h"

struct status_look_how {
	bool coloured;
	unsigned columns, lines; /* of the terminal; 0: as much as it takes */
	const char *monitor;	 /* only this one; NULL: all */
};

/* Count line, table, what is wrong with regions, components. */
void status_table(struct text *to, const struct status *s, const struct status_look_how *how);
/* "12 monitors: 10 up, 1 down, 1 path issue; 3 regions"; with the age of the data behind it if that is wanted. */
void status_count_line(struct text *to, const struct status *s, bool age);

/* One object, portwatch.status/1, with a newline. */
void status_json(struct text *to, const struct status *s, const char *monitor);
/* The object of one monitor, without a newline. */
void status_row_json(struct text *to, const struct status *s, const struct status_row *row);

/* A line for each row whose state is another than in old: "PATH ISSUE  pg  198.51.100.7:5432  filtered from ap; was
 * up". */
void status_changes(struct text *to, struct status *old, const struct status *s,
		    bool (*wanted)(const struct status_row *was, const struct status_row *is));

/* "40 ms", "0.3 s", "12 s", "5 min", "2 h", "3 d": rounded down. */
void text_add_duration(struct text *to, uint64_t ms);
/* "2026-11-25T14:00:00.123Z", in quotes. */
void text_add_json_time(struct text *to, uint64_t ms);

#endif
