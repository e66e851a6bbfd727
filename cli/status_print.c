/* status_print.c - the table of everything that is watched, fitted to the terminal.
 * In: struct status.  Out: lines.
 * Owns: nothing that outlives a call.
 * Why so: what a person needs first stands first: how many are in which state, then the worst.  Where columns are
 * few, those go first that can be read from others: the verdict (each region's cell has it), then the scope, then
 * the cells themselves, which become a count. */
#include "cli/status_print.h"

#include "base/glyph.h"
#include "base/must.h"
#include "cli/colour.h"
#include "cli/row_format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { COL_STATE, COL_MONITOR, COL_TARGET, COL_FOR, COL_VERDICT, COL_SCOPE, COL_SUMMARY, COL_REGIONS };
enum { COLS_MAX = COL_REGIONS + REGIONS_MAX, CELL_MAX = HOST_MAX_LEN + 9, GAP = 2, NAME_LEAST = 12 };

struct cell {
	char text[CELL_MAX];
	const char *colour;
};

struct grid {
	const struct status *s;
	const struct status_look_how *how;
	unsigned cols, width[COLS_MAX];
	bool shown[COLS_MAX];
};

void text_add_duration(struct text *to, uint64_t ms)
{
	if (ms < 100)
		text_printf(to, "%" PRIu64 " ms", ms);
	else if (ms < 10000)
		text_printf(to, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms % 1000 / 100);
	else if (ms < 120000)
		text_printf(to, "%" PRIu64 " s", ms / 1000);
	else if (ms < 2 * 3600000ull)
		text_printf(to, "%" PRIu64 " min", ms / 60000);
	else if (ms < 2 * 86400000ull)
		text_printf(to, "%" PRIu64 " h", ms / 3600000);
	else
		text_printf(to, "%" PRIu64 " d", ms / 86400000);
}

static void duration(char *into, size_t len, uint64_t from_ms, uint64_t now_ms)
{
	struct text t = { 0 };
	text_add_duration(&t, now_ms > from_ms ? now_ms - from_ms : 0);
	snprintf(into, len, "%s", t.data ? t.data : "");
	text_free(&t);
}

void status_count_line(struct text *to, const struct status *s, bool age)
{
	const char *comma = ": ";
	text_printf(to, "%zu monitor%s", s->monitors, s->monitors == 1 ? "" : "s");
	for (int i = -1; i < STATUS_STATES; i++) { /* what is well stands first */
		const int state = i < 0 ? STATUS_UP : i;
		if (!s->count[state] || (i >= 0 && state == STATUS_UP))
			continue;
		text_printf(to, "%s%zu %s%s", comma, s->count[state], status_words[state].count,
			    state == STATUS_PATH && s->count[state] > 1 ? "s" : "");
		comma = ", ";
	}
	text_printf(to, "; %u region%s", s->regions, s->regions == 1 ? "" : "s");
	if (age && s->newest_ms) {
		text_add(to, "; data ");
		text_add_duration(to, s->at_ms > s->newest_ms ? s->at_ms - s->newest_ms : 0);
		text_add(to, " old");
	} else if (age) {
		text_add(to, "; no results yet");
	}
}

/* ---- cells ---- */

static const char *colour_of_state(enum status_state state)
{
	switch (state) {
	case STATUS_DOWN: return COLOUR_RED;
	case STATUS_UP: return COLOUR_GREEN;
	case STATUS_NEW:
	case STATUS_PAUSED: return COLOUR_DIM;
	default: return COLOUR_YELLOW;
	}
}

/* A lost SYN is no measure of a time, but it is worth a word. */
static void look_text(const struct status_row *row, const struct status_look *look, char *into, size_t len)
{
	if (!look->slot_ms)
		snprintf(into, len, "-");
	else if (row->expect_closed && look->verdict == VERDICT_OPEN)
		snprintf(into, len, "open"); /* how fast is not what is asked of it */
	else if (look->verdict == VERDICT_OPEN && look->syn_retrans)
		snprintf(into, len, "lossy");
	else if (look->verdict == VERDICT_OPEN && look->rtt_us)
		snprintf(into, len, look->rtt_us < 100000 ? "%.2f ms" : "%.0f ms", look->rtt_us / 1000.0);
	else
		snprintf(into, len, "%s", look->verdict ? verdict_row((enum verdict)look->verdict)->name : "unknown");
}

static enum verdict_class class_of(const struct status_row *row, const struct status_look *look)
{
	return verdict_class_for((enum verdict)look->verdict, row->expect_closed);
}

static void summary_text(const struct grid *g, const struct status_row *row, char *into, size_t len)
{
	unsigned of[3] = { 0 }, none = 0;
	size_t used = 0;
	*into = 0;
	for (unsigned r = 0; r < g->s->regions; r++)
		if (!row->look[r].slot_ms || status_look_is_old(row, &row->look[r], g->s->at_ms))
			none++;
		else
			of[class_of(row, &row->look[r])]++;
	for (int class = 0; class < 3; class++)
		if (of[class] && used < len)
			used += (size_t)snprintf(into + used, len - used, "%s%u %s", used ? ", " : "", of[class],
						 verdict_class_name((enum verdict_class)class));
	if (none && used < len)
		snprintf(into + used, len - used, "%s%u -", used ? ", " : "", none);
}

static void fill_cell(const struct grid *g, const struct status_row *row, unsigned col, struct cell *c)
{
	static const struct status_look none;
	const struct status_look *look = col >= COL_REGIONS ? &row->look[col - COL_REGIONS] : &none;
	c->colour = NULL;
	switch (col) {
	case COL_STATE:
		snprintf(c->text, sizeof c->text, "%s",
			 row->state == STATUS_PATH ? "PATH" : status_words[row->state].word);
		c->colour = colour_of_state(row->state);
		return;
	case COL_MONITOR: snprintf(c->text, sizeof c->text, "%s", row->name); return;
	case COL_TARGET: snprintf(c->text, sizeof c->text, "%s", row->target); return;
	case COL_FOR:
		*c->text = 0;
		if (row->since_ms)
			duration(c->text, sizeof c->text, row->since_ms, g->s->at_ms);
		return;
	case COL_VERDICT: snprintf(c->text, sizeof c->text, "%s", row->state == STATUS_UP ? "" : *row->partial ? row->partial : row->verdict); return;
	case COL_SCOPE: snprintf(c->text, sizeof c->text, "%s", row->scope); return;
	case COL_SUMMARY: summary_text(g, row, c->text, sizeof c->text); return;
	default: break;
	}
	look_text(row, look, c->text, sizeof c->text);
	if (!look->slot_ms || status_look_is_old(row, look, g->s->at_ms))
		c->colour = COLOUR_DIM;
	else if (class_of(row, look) != CLASS_UP)
		c->colour = colour_of_class(class_of(row, look));
}

static const char *heading(const struct grid *g, unsigned col)
{
	static const char *const fixed[] = {
		"STATE", "MONITOR", "TARGET", "FOR", "VERDICT", "SCOPE", "REGIONS"
	};
	return col < COL_REGIONS ? fixed[col] : g->s->region[col - COL_REGIONS].name;
}

/* ---- which columns, how wide ---- */

static bool is_wanted(const struct grid *g, const struct status_row *row)
{
	return !g->how->monitor || strcmp(g->how->monitor, row->name) == 0;
}

static void measure(struct grid *g, const struct status_row **order, size_t rows)
{
	struct cell c;
	for (unsigned col = 0; col < g->cols; col++)
		g->width[col] = text_columns(heading(g, col));
	for (size_t i = 0; i < rows; i++)
		for (unsigned col = 0; col < g->cols; col++) {
			fill_cell(g, order[i], col, &c);
			const unsigned columns = text_columns(c.text);
			g->width[col] = columns > g->width[col] ? columns : g->width[col];
		}
}

static unsigned whole_width(const struct grid *g)
{
	unsigned width = 0;
	for (unsigned col = 0; col < g->cols; col++)
		width += g->shown[col] ? g->width[col] + GAP : 0;
	return width ? width - GAP : 0;
}

static void show_columns(struct grid *g, bool verdict, bool scope, bool each_region)
{
	for (unsigned col = 0; col < g->cols; col++)
		g->shown[col] = col >= COL_REGIONS ? each_region : true;
	g->shown[COL_VERDICT] = verdict;
	g->shown[COL_SCOPE] = scope;
	g->shown[COL_SUMMARY] = !each_region;
}

static void shrink(struct grid *g, unsigned col)
{
	const unsigned width = whole_width(g), most = g->how->columns;
	const unsigned over = width > most ? width - most : 0;
	if (over && g->width[col] > NAME_LEAST)
		g->width[col] =
			g->width[col] - over > NAME_LEAST && g->width[col] > over ? g->width[col] - over : NAME_LEAST;
}

static void fit(struct grid *g)
{
	static const bool steps[][3] = {
		{ true, true, true }, { false, true, true }, { false, false, true }, { true, true, false }
	};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		show_columns(g, steps[i][0], steps[i][1], steps[i][2]);
		if (!g->how->columns || whole_width(g) <= g->how->columns)
			return;
	}
	shrink(g, COL_TARGET);
	shrink(g, COL_MONITOR);
}

/* ---- lines ---- */

/* At most width columns of it, the last one an ellipsis if something was cut; how many it took. */
static unsigned add_cut(struct text *to, const char *cell, unsigned width)
{
	unsigned columns = text_columns(cell), wide;
	if (columns <= width) {
		text_add_safe(to, cell);
		return columns;
	}
	const char *end = cell;
	columns = 1; /* the ellipsis */
	for (size_t len; (len = glyph_len(end, &wide)) && columns + wide <= width; end += len)
		columns += wide;
	struct text part = { 0 };
	text_add_bytes(&part, cell, (size_t)(end - cell));
	text_add_safe(to, part.data ? part.data : "");
	text_add(to, "\u2026");
	text_free(&part);
	return columns;
}

static void add_cell(struct text *to, const struct grid *g, unsigned col, const struct cell *c, bool last)
{
	const bool coloured = g->how->coloured && c->colour;
	text_add(to, coloured ? c->colour : "");
	const unsigned used = add_cut(to, c->text, g->width[col]);
	text_add(to, coloured ? COLOUR_END : "");
	if (!last)
		text_printf(to, "%*s", (int)(g->width[col] - used + GAP), "");
}

static unsigned last_shown(const struct grid *g)
{
	unsigned last = 0;
	for (unsigned col = 0; col < g->cols; col++)
		last = g->shown[col] ? col : last;
	return last;
}

static void add_line(struct text *to, const struct grid *g, const struct status_row *row)
{
	struct cell c;
	for (unsigned col = 0; col < g->cols; col++) {
		if (!g->shown[col])
			continue;
		if (row)
			fill_cell(g, row, col, &c);
		else
			snprintf(c.text, sizeof c.text, "%s", heading(g, col));
		c.colour = row ? c.colour : NULL;
		add_cell(to, g, col, &c, col == last_shown(g));
	}
	while (to->len && to->data[to->len - 1] == ' ')
		to->data[--to->len] = 0;
	text_add(to, "\n");
}

/* ---- below the table ---- */

static unsigned add_troubles(struct text *to, const struct status *s, bool coloured)
{
	unsigned lines = 0;
	for (unsigned i = 0; i < s->regions; i++) {
		const struct status_region *r = &s->region[i];
		if (!*r->state || strcmp(r->state, "ok") == 0)
			continue;
		text_printf(to, "%sregion %s is %s%s", coloured ? COLOUR_YELLOW : "", r->name, r->state,
			    coloured ? COLOUR_END : "");
		if (r->since_ms) {
			text_add(to, " for ");
			text_add_duration(to, s->at_ms > r->since_ms ? s->at_ms - r->since_ms : 0);
		}
		text_add(to, *r->why ? ": " : "");
		text_add_safe(to, r->why);
		text_add(to, "\n");
		lines++;
	}
	for (unsigned i = 0; i < s->problems; i++, lines++) {
		const struct status_problem *p = &s->problem[i];
		text_add(to, coloured ? COLOUR_YELLOW : "");
		text_add_safe(to, p->component);
		text_add(to, coloured ? COLOUR_END ": " : ": ");
		text_add_safe(to, p->sentence);
		text_add(to, "\n");
	}
	return lines;
}

static const struct status_component *freshest(const struct status *s, const char *kind, const char *region,
					       unsigned *count)
{
	const struct status_component *best = NULL;
	*count = 0;
	for (unsigned i = 0; i < s->components; i++) {
		const struct status_component *c = &s->component[i];
		if (strcmp(c->kind, kind) != 0 || (region && strcmp(c->region, region) != 0))
			continue;
		++*count;
		best = !best || c->at_ms > best->at_ms ? c : best;
	}
	return best;
}

/* "scheduler 1 s" or "no scheduler"; with two of them "2 alerts 1 s". */
static void add_component(struct text *to, const struct status *s, const char *kind, const char *region, bool coloured)
{
	unsigned count;
	const struct status_component *c = freshest(s, kind, region, &count);
	const char *name = region ? region : kind;
	if (!c) {
		text_printf(to, "%sno %s%s%s%s", coloured ? COLOUR_RED : "", region ? "engine in " : "", name,
			    strcmp(kind, "alerts") == 0 ? " process" : "", coloured ? COLOUR_END : "");
		return;
	}
	if (count > 1)
		text_printf(to, "%u ", count);
	text_printf(to, "%s ", name);
	if (c->at_ms)
		text_add_duration(to, s->at_ms > c->at_ms ? s->at_ms - c->at_ms : 0);
	else
		text_add(to, "unreadable");
}

static void add_components(struct text *to, const struct status *s, bool coloured)
{
	text_add(to, "heartbeats: ");
	add_component(to, s, "scheduler", NULL, coloured);
	text_add(to, ", ");
	add_component(to, s, "alerts", NULL, coloured);
	for (unsigned i = 0; i < s->regions; i++) {
		text_add(to, i ? ", " : ", engines: ");
		add_component(to, s, "engine", s->region[i].name, coloured);
	}
	text_add(to, "\n");
}

void status_table(struct text *to, const struct status *s, const struct status_look_how *how)
{
	struct grid g = { .s = s, .how = how, .cols = COL_REGIONS + s->regions };
	const struct status_row **order = status_order(s);
	struct text below = { 0 };
	size_t rows = 0, shown;
	for (size_t i = 0; order && i < s->rows; i++)
		if (is_wanted(&g, order[i]))
			order[rows++] = order[i];
	const unsigned others =
		5 + add_troubles(&below, s, how->coloured); /* count, blank, heading, blank, components */
	const size_t room = how->lines > others ? how->lines - others : 1;
	shown = how->lines && rows > room ? room - 1 : rows;
	measure(&g, order, shown);
	fit(&g);

	status_count_line(to, s, true);
	text_add(to, "\n\n");
	if (rows)
		add_line(to, &g, NULL);
	for (size_t i = 0; i < shown; i++)
		add_line(to, &g, order[i]);
	const size_t more = how->monitor ? rows - shown : s->monitors - shown;
	if (more)
		text_printf(to, "... and %zu more, none of them worse\n", more);
	text_add(to, rows ? "\n" : "");
	text_add(to, below.data ? below.data : "");
	add_components(to, s, how->coloured);
	to->failed |= below.failed;
	text_free(&below);
	free(order);
}
