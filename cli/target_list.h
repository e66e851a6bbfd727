/* target_list.h - all targets of one call, from arguments and files, and what is wrong with any of them. */
#ifndef CLI_TARGET_LIST_H
#define CLI_TARGET_LIST_H

#include "base/option.h"
#include "base/text.h"
#include "wire/target.h"

struct target_list {
	struct target *items;
	size_t count, room;
	struct text bytes;	    /* the targets and monitors, each ended by 0 */
	bool monitored;		    /* lines may be MONITOR TARGET; set before reading */
	const char *monitor_prefix; /* stands before each monitor's name, or NULL */
	unsigned bad;		    /* what was refused */
	struct text complaints;	    /* a line for each of the first COMPLAINTS_MAX */
	unsigned unread;	    /* files that could not be read, which says nothing about targets */
	struct text unread_files;   /* "FILE: why", a line for each */
	bool failed;		    /* no memory */
};
#define COMPLAINTS_MAX 20 /* a screenful; with the wrong file named every line is one */

void target_list_free(struct target_list *list);

/* One argument: a TARGET and nothing else. */
void target_list_add(struct target_list *list, const char *text, const char *where);
/* All lines of a file ("-": standard input): a target each, # begins a comment, blank lines count for nothing. */
void target_list_read(struct target_list *list, const char *path);

/* The operands argv[operand..argc-1], then the files.  True: there is at least one target, none is bad and every file
 * was read; otherwise all was said on stderr, in the name of program. */
bool target_list_fill(struct target_list *list, int argc, char **argv, int operand, const struct option_list *files,
		      const char *program);

static inline const char *target_text(const struct target_list *list, const struct target *t)
{
	return list->bytes.data + t->at;
}
static inline const char *target_monitor(const struct target_list *list, const struct target *t)
{
	return list->bytes.data + t->monitor_at;
}

#endif
