/* progress.h - one line on a terminal that says how far a long call has come. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "wire/verdict.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool wanted;	     /* standard error is a terminal, and the data does not go to the same one meanwhile */
	bool shown;	     /* there is a line that must be wiped */
	uint64_t started_ns;
};

/* data_flows: results are written on standard output while the line is up. */
void progress_begin(struct progress *p, bool data_flows);
/* Shows the line, or moves it on; it appears after half a second, because what is that quick needs none. */
void progress_show(struct progress *p, uint64_t total, const uint64_t ended[3]);
/* Wipes it. */
void progress_end(struct progress *p);

/* "waiting for 8 attempts under way, at most 4 s; Ctrl-C again leaves at once"; the time is rounded up. */
void progress_waiting_text(char *into, size_t len, uint64_t attempts, uint64_t most_ms);

/* "1200/5000  up 1100  down 60  unknown 40  400/s  10 s left", or with the last missing while nothing ended. */
void progress_text(char *into, size_t len, uint64_t total, const uint64_t ended[3], uint64_t elapsed_ns);

#endif
