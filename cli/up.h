/* up.h - what portwatch up consists of, for its own files: cmd_up.c (options, first and last things), up_programs.c
 * (which processes a configuration wants), up_run.c (the loop) and up_view.c (what is seen of it). */
#ifndef CLI_UP_H
#define CLI_UP_H

#include "cli/children.h"
#include "cli/event_feed.h"
#include "cli/private_redis.h"
#include "cli/status_read.h"
#include "config/config.h"

struct up_values {
	const char *file, *redis, *state, *prefix;
	int colour;
	bool metrics, verbose;
};

/* ---- what is seen (up_view.c) ---- */

#define UP_LINES 64
struct up_view {
	bool screen, coloured;	/* a terminal that is painted; else lines */
	char *line[UP_LINES];	/* the newest events and notes: a ring; malloc'd */
	unsigned lines;		/* that there ever were */
	struct text counts;	/* the count line that was printed last */
	int error;		/* of writing, 0 or negative */
};
void up_view_begin(struct up_view *v, int colour);
/* Gives the terminal back and leaves the story on it. */
void up_view_end(struct up_view *v);
/* A line of the story (event: on stdout; a note: on stderr), without a newline. */
void up_view_event(struct up_view *v, const char *line);
void up_view_note(struct up_view *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
void up_view_errors(struct up_view *v, const char *lines); /* several lines as notes */
/* Paints, or prints what changed since the last reading.  trouble: why there was none, or "". */
void up_view_show(struct up_view *v, const char *title, struct status_reader *r, const char *trouble);

/* ---- which processes (up_programs.c) ---- */

struct up {
	const struct up_values *set;
	struct private_redis own;
	bool is_private;
	struct redis_url url;
	char title[384];

	struct config config;	/* in force */
	uint64_t print, seen;	/* fingerprint of the file that is in force, and of the last look */
	struct children children;
	struct child *redis, *scheduler, *alerts,
		*engine[REGIONS_MAX]; /* engine: by the region's place in config; NULL: none */

	struct redis_link *link;
	struct status_reader reader;
	struct event_feed feed;
	struct up_view view;
	int signals;		/* signalfd */
	bool ending, at_once;	/* a first signal came, and a second */
	uint64_t ended_ns;	/* when the first came */
};

/* Environment for all: the URL, which may hold a password, is not to be read in ps. */
void up_programs_environment(const char *url, const char *prefix);
/* Starts what config wants and is not there yet, ends what it does not want any more.  False: no memory, or no
 * process. */
bool up_programs_match(struct up *up, const struct config *was, const struct config *is);
/* Forgets those that are gone and are nobody's any more. */
void up_programs_sweep(struct up *up);
/* Whether the two would tell people in the same way. */
bool up_same_channels(const struct config *a, const struct config *b);
/* A number that changes when the file, or a file of the folder, changes. */
uint64_t up_fingerprint(const char *path);

/* ---- the loop (up_run.c) ---- */

/* From a checked configuration to the end; the exit status. */
int up_run(struct up *up);

#endif
