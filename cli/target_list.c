/* target_list.c - gathers targets from arguments and files, line by line, and complains about all bad ones at once.
 * In: arguments, paths, standard input.  Out: a list, or complaints with file and line.
 * Owns: the texts, in one buffer, so that 100,000 targets are two allocations that grow and not 100,000.
 * Why so: nothing is probed before everything was read; a typing error in line 9,000 is found in the first second. */
#include "cli/target_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_LEN = 1024 }; /* a name, a host and a comment; whoever sends more has sent another kind of file */

void target_list_free(struct target_list *list)
{
	free(list->items);
	text_free(&list->bytes);
	text_free(&list->complaints);
	text_free(&list->unread_files);
	*list = (struct target_list){ 0 };
}

static void complain(struct target_list *list, const char *where, const char *why)
{
	if (list->bad++ < COMPLAINTS_MAX)
		text_printf(&list->complaints, "  %s: %s\n", where, why);
}

static void miss_file(struct target_list *list, const char *name, int error)
{
	list->unread++;
	text_printf(&list->unread_files, "%s: %s\n", name, strerror(error));
}

/* Puts a text and its 0 into the list's bytes; returns where. */
static size_t keep(struct target_list *list, const char *prefix, const char *text, size_t len)
{
	const size_t at = list->bytes.len;
	if (prefix)
		text_add(&list->bytes, prefix);
	text_add_bytes(&list->bytes, text, len);
	text_add_bytes(&list->bytes, "", 1);
	return at;
}

/* Monitor names are for people and keys: UTF-8, no blanks, no control characters (a terminal would obey them). */
static bool is_clean(const char *name, size_t len)
{
	for (size_t at = 0, took; at < len; at += took) {
		char one[TEXT_ESCAPE_MAX];
		size_t wrote;
		took = text_escape(name + at, len - at, one, &wrote);
		const bool plain = took == wrote && memcmp(name + at, one, took) == 0;
		if (name[at] == ' ' || (!plain && name[at] != '"' && name[at] != '\\'))
			return false;
	}
	return true;
}

static bool monitor_is_fine(const char *name, size_t len, char *why, size_t why_len)
{
	char shown[QUOTED_MAX];
	if (len > NAME_MAX_LEN)
		snprintf(why, why_len, "the monitor name %s is longer than %d bytes; write MONITOR TARGET with a shorter one",
			 quoted(shown, name, len), NAME_MAX_LEN);
	else if (!is_clean(name, len))
		snprintf(why, why_len, "the monitor name %s is not UTF-8 text without blanks and control characters",
			 quoted(shown, name, len));
	else
		return true;
	return false;
}

static bool has_room(struct target_list *list)
{
	if (list->count < list->room)
		return true;
	const size_t room = list->room ? list->room * 2 : 64;
	struct target *items = reallocarray(list->items, room, sizeof *items);
	if (!items) {
		list->failed = true;
		return false;
	}
	list->items = items;
	list->room = room;
	return true;
}

/* monitor_len 0: the target is its own monitor. */
static void add(struct target_list *list, const char *monitor, size_t monitor_len, const char *text, size_t len,
		const char *where)
{
	char why[512];
	struct target target;
	if (!target_parse(text, len, &target, why, sizeof why)) {
		complain(list, where, why);
		return;
	}
	target.at = keep(list, NULL, text, len);
	if (!monitor_len) {
		monitor = text;
		monitor_len = len;
	}
	target.monitor_at = list->monitored ? keep(list, list->monitor_prefix, monitor, monitor_len) : target.at;
	target.monitor_len = (uint16_t)(list->monitored ? list->bytes.len - 1 - target.monitor_at : len);
	list->failed |= list->bytes.failed;
	if (list->failed)
		return;
	if (list->monitored && !monitor_is_fine(target_monitor(list, &target), target.monitor_len, why, sizeof why)) {
		complain(list, where, why);
		return;
	}
	if (has_room(list))
		list->items[list->count++] = target;
}

void target_list_add(struct target_list *list, const char *text, const char *where)
{
	add(list, NULL, 0, text, strlen(text), where);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The word at *at and its length; moves *at behind it.  0 at the end of the line or where a comment begins. */
static size_t next_word(const char *line, size_t len, size_t *at, const char **word)
{
	while (*at < len && is_blank(line[*at]))
		++*at;
	*word = line + *at;
	if (*at < len && line[*at] == '#')
		*at = len;
	const size_t from = *at;
	while (*at < len && !is_blank(line[*at]))
		++*at;
	return *at - from;
}

static void take_line(struct target_list *list, const char *line, size_t len, const char *where)
{
	const char *word[3];
	size_t word_len[3], at = 0;
	for (unsigned i = 0; i < 3; i++)
		word_len[i] = next_word(line, len, &at, &word[i]);
	if (!word_len[0])
		return;
	if (word[0][0] == '{')
		complain(list, where, "JSON is not read here; write TARGET a line, or MONITOR TARGET");
	else if (list->monitored && word_len[1] && !word_len[2])
		add(list, word[0], word_len[0], word[1], word_len[1], where);
	else if (word_len[1])
		complain(list, where, list->monitored ? "more than MONITOR TARGET stands in this line"
						      : "more than one TARGET stands in this line");
	else
		add(list, NULL, 0, word[0], word_len[0], where);
}

/* Reads one line without its end into line; false at the end of the file or when it is too long (*too_long). */
static bool read_line(FILE *file, char line[LINE_MAX_LEN], size_t *len, bool *too_long)
{
	int c;
	*len = 0;
	*too_long = false;
	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		if (*len == LINE_MAX_LEN) {
			*too_long = true;
			return false;
		}
		line[(*len)++] = (char)c;
	}
	return c != EOF || *len > 0;
}

static void read_lines(struct target_list *list, FILE *file, const char *name)
{
	char line[LINE_MAX_LEN], where[512];
	size_t len;
	bool too_long = false;
	for (unsigned number = 1; !list->failed && read_line(file, line, &len, &too_long); number++) {
		const size_t mark = number == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
		snprintf(where, sizeof where, "%s:%u", name, number);
		take_line(list, line + mark, len - mark, where);
	}
	if (too_long) {
		snprintf(where, sizeof where, "%s", name);
		complain(list, where, "there is a line of more than 1024 bytes: this is not a list of targets");
	} else if (ferror(file))
		miss_file(list, name, errno);
}

void target_list_read(struct target_list *list, const char *path)
{
	const bool is_stdin = strcmp(path, "-") == 0;
	errno = 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	if (!file) {
		miss_file(list, path, errno);
		return;
	}
	read_lines(list, file, is_stdin ? "standard input" : path);
	if (!is_stdin)
		fclose(file);
}

static void say_unread(const struct target_list *list, const char *program)
{
	const char *line = list->unread_files.data;
	for (size_t len; line && *line; line += len) {
		len = strcspn(line, "\n") + 1;
		fprintf(stderr, "%s: cannot read %.*s", program, (int)len, line);
	}
}

static void say_bad(const struct target_list *list, const char *program)
{
	fprintf(stderr, "%s: nothing was done, %u of the targets cannot be read:\n%s%s", program, list->bad,
		list->complaints.data ? list->complaints.data : "",
		list->bad > COMPLAINTS_MAX ? "  ... and more of them\n" : "");
}

bool target_list_fill(struct target_list *list, int argc, char **argv, int operand, const struct option_list *files,
		      const char *program)
{
	for (int i = operand; i < argc; i++) {
		char where[32];
		snprintf(where, sizeof where, "argument %d", i - operand + 1);
		target_list_add(list, argv[i], where);
	}
	for (unsigned i = 0; i < files->count; i++)
		target_list_read(list, files->item[i]);
	if (list->failed || list->unread_files.failed)
		fprintf(stderr, "%s: no memory for so many targets\n", program);
	say_unread(list, program);
	if (list->bad)
		say_bad(list, program);
	else if (!list->count && !list->unread && !list->failed)
		fprintf(stderr, "%s: there is no target; write HOST:PORT, or -f FILE with one a line\n", program);
	return list->count && !list->bad && !list->unread && !list->failed;
}
