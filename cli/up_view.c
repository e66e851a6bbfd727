/* up_view.c - what a person sees of portwatch up: on a terminal everything that is watched and the newest of the
 * story below, painted every second; otherwise the story as lines.
 * In: events, notes, the state of everything.  Out: a screen, or lines on stdout (what is watched) and stderr
 * (ourselves).
 * Owns: the terminal while it is painted, and the last lines of the story. */
#include "cli/up.h"

#include "base/clock.h"
#include "base/glyph.h"
#include "cli/colour.h"
#include "cli/output.h"
#include "cli/row_format.h"
#include "cli/screen.h"
#include "cli/status_print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORY_MIN = 3, FIXED = 3 /* title, blank, blank before the story */ };

void up_view_begin(struct up_view *v, int colour)
{
	v->screen = isatty(STDOUT_FILENO);
	v->coloured = colour_wanted((enum colour_choice)colour, STDOUT_FILENO);
	if (v->screen)
		screen_begin();
}

static void keep(struct up_view *v, const char *line)
{
	char **place = &v->line[v->lines++ % UP_LINES];
	free(*place);
	*place = strdup(line);
}

static void write_out(struct up_view *v, struct text *out)
{
	const int error = output_write(out);
	if (error && !v->error)
		v->error = error;
}

void up_view_event(struct up_view *v, const char *line)
{
	struct text out = { 0 };
	if (v->screen) {
		keep(v, line);
		return;
	}
	text_printf(&out, "%s\n", line);
	write_out(v, &out);
	text_free(&out);
}

void up_view_note(struct up_view *v, const char *format, ...)
{
	struct text line = { 0 };
	char words[3000];
	va_list args;
	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	text_add_clock(&line, clock_wall_ms(), clock_wall_ms());
	text_add(&line, "  ");
	text_add_safe(&line, words);
	if (v->screen)
		keep(v, line.data ? line.data : "");
	else
		fprintf(stderr, "%s\n", line.data ? line.data : "");
	text_free(&line);
}

void up_view_errors(struct up_view *v, const char *lines)
{
	char line[512];
	for (size_t len; *lines; lines += len + (lines[len] == '\n')) {
		len = strcspn(lines, "\n");
		snprintf(line, sizeof line, "%.*s", (int)len, lines);
		if (v->screen)
			keep(v, line);
		else
			fprintf(stderr, "%s\n", line);
	}
}

/* ---- a terminal ---- */

enum { INDENT = 10 }; /* of what does not fit on the first line of an entry */

/* The bytes of one character or escape sequence; *columns: what it takes on the terminal. */
static size_t one_glyph(const char *at, unsigned *columns)
{
	if (*at != '\033')
		return glyph_len(at, columns);
	*columns = 0;
	return strcspn(at, "m") + 1;
}

/* As many lines as it takes, none wider than the terminal; broken at blanks where there are any. */
static void add_wrapped(struct text *to, const char *line, unsigned columns)
{
	for (unsigned room = columns; *line; room = columns > 2 * INDENT ? columns - INDENT : columns) {
		const char *end = line, *blank = NULL;
		unsigned used = 0, wide;
		for (size_t len; *end && (len = one_glyph(end, &wide)) && used + wide <= room; used += wide, end += len)
			blank = *end == ' ' && used > room / 2 ? end : blank;
		if (end == line) /* a terminal of one column, and a character of two */
			end += one_glyph(end, &wide);
		if (*end && *end != ' ' && blank)
			end = blank;
		text_add_bytes(to, line, (size_t)(end - line));
		text_add(to, "\n");
		line = end + strspn(end, " ");
		if (*line && columns > 2 * INDENT)
			text_printf(to, "%*s", INDENT, "");
	}
}

static unsigned lines_of(const struct text *t)
{
	unsigned lines = 0;
	for (size_t i = 0; i < t->len; i++)
		lines += t->data[i] == '\n';
	return lines;
}

/* The newest entries that fit as a whole, the oldest of them first. */
static void add_story(struct text *to, const struct up_view *v, unsigned columns, unsigned room)
{
	struct text one = { 0 };
	unsigned first = v->lines, used = 0;
	while (first > 0 && v->lines - first < UP_LINES) {
		text_reset(&one);
		add_wrapped(&one, v->line[(first - 1) % UP_LINES] ? v->line[(first - 1) % UP_LINES] : "", columns);
		used += lines_of(&one);
		if (used > room)
			break;
		first--;
	}
	for (unsigned i = first; i < v->lines; i++)
		add_wrapped(to, v->line[i % UP_LINES] ? v->line[i % UP_LINES] : "", columns);
	text_free(&one);
}

static void paint(struct up_view *v, const char *title, struct status_reader *r, const char *trouble)
{
	struct text out = { 0 };
	struct status_look_how how = { .coloured = v->coloured };
	unsigned lines;
	screen_size(STDOUT_FILENO, &how.columns, &lines);
	how.lines = lines > FIXED + 3 * STORY_MIN ? lines - FIXED - lines / 3 : lines / 2 + 1;
	add_wrapped(&out, title, how.columns);
	text_add(&out, "\n");
	status_table(&out, &r->now, &how);
	if (*trouble)
		add_wrapped(&out, trouble, how.columns);
	text_add(&out, "\n");
	const unsigned used = lines_of(&out);
	add_story(&out, v, how.columns, lines > used ? lines - used : 0);
	const int error = screen_paint(&out, lines);
	if (error && !v->error)
		v->error = error;
	text_free(&out);
}

void up_view_end(struct up_view *v)
{
	if (v->screen) {
		struct text out = { 0 };
		screen_end();
		add_story(&out, v, 10000, UP_LINES);
		write_out(v, &out);
		text_free(&out);
	}
	v->screen = false;
	for (unsigned i = 0; i < UP_LINES; i++) {
		free(v->line[i]);
		v->line[i] = NULL;
	}
	v->lines = 0;
	text_free(&v->counts);
}

/* ---- lines ---- */

/* What no event tells at once: DOWN and the UP after it are events, the rest is seen here first. */
static bool is_news(const struct status_row *was, const struct status_row *is)
{
	const bool first = was->state == STATUS_NEW && is->state == STATUS_UP;
	return !first && is->state != STATUS_DOWN && !(was->state == STATUS_DOWN && is->state == STATUS_UP);
}

static void add_stamped(struct text *to, const struct text *lines)
{
	for (const char *at = lines->data ? lines->data : ""; *at;) {
		const size_t len = strcspn(at, "\n");
		text_add_clock(to, clock_wall_ms(), clock_wall_ms());
		text_add(to, "  ");
		text_add_bytes(to, at, len);
		text_add(to, "\n");
		at += len + (at[len] == '\n');
	}
}

static void print_changes(struct up_view *v, struct status_reader *r)
{
	struct text lines = { 0 }, counts = { 0 }, out = { 0 };
	status_changes(&lines, &r->before, &r->now, is_news);
	status_count_line(&counts, &r->now, false);
	const bool same = v->counts.data && counts.data && strcmp(v->counts.data, counts.data) == 0;
	if (!same) {
		text_add(&lines, counts.data ? counts.data : "");
		text_reset(&v->counts);
		text_add(&v->counts, counts.data ? counts.data : "");
	}
	add_stamped(&out, &lines);
	if (out.len)
		write_out(v, &out);
	text_free(&lines);
	text_free(&counts);
	text_free(&out);
}

/* On the screen a path issue shows in the table, but leaves it again: it belongs into the story too. */
static void keep_changes(struct up_view *v, struct status_reader *r)
{
	struct text lines = { 0 }, out = { 0 };
	status_changes(&lines, &r->before, &r->now, is_news);
	add_stamped(&out, &lines);
	for (char *at = out.data, *end; at && *at; at = end + 1) {
		end = strchr(at, '\n');
		*end = 0;
		keep(v, at);
	}
	text_free(&lines);
	text_free(&out);
}

void up_view_show(struct up_view *v, const char *title, struct status_reader *r, const char *trouble)
{
	if (!v->screen) {
		if (!*trouble)
			print_changes(v, r);
		return;
	}
	if (!*trouble)
		keep_changes(v, r);
	paint(v, title, r, trouble);
}
