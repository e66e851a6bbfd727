/* tail_printer.h - entries of result streams as rows on standard output. */
#ifndef CLI_TAIL_PRINTER_H
#define CLI_TAIL_PRINTER_H

#include "cli/row_format.h"
#include "wire/stream_reader.h"

struct tail_printer {
	/* Set by the caller. */
	enum output_format format; /* not JSON: there is no end at which to close the object */
	struct row_columns columns;
	bool coloured;
	const char *monitor;	   /* only this one's results; NULL: all */
	uint64_t most;		   /* stop after so many; 0: never */

	uint64_t printed;
	struct row_table table;
	struct text out;
};

void tail_printer_init(struct tail_printer *p);
void tail_printer_free(struct tail_printer *p);

/* Adds the results of one entry to the output.  An entry that cannot be read is said on stderr and left out. */
void tail_printer_take(struct tail_printer *p, const struct stream_entry *entry);
/* Writes what was added; 0 or a negative errno. */
int tail_printer_flush(struct tail_printer *p);

static inline bool tail_printer_has_enough(const struct tail_printer *p)
{
	return p->most && p->printed >= p->most;
}

#endif
