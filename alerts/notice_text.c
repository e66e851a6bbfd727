/* notice_text.c - an event in words, see notice_text.h.
 * In: a notice and its JSON.  Out: lines of text.
 * Why so: what a person reads at three in the morning is written in one place, so that a mail, a Slack message and an
 * Alertmanager annotation say the same. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notice_text.h"
#include "base/json.h"
#include "base/must.h"
#include "base/printable.h"

#include <inttypes.h>
#include <string.h>

static const struct notice_kind kinds[] = {
	{ "monitor.down", "DOWN", "UP", "down", "PortDown", false, "" },
	{ "monitor.up", "DOWN", "UP", "down", "PortDown", false, "" },
	{ "monitor.path", "PATH ISSUE", "PATH ISSUE OVER", "unreachable from some regions", "PortPath", false, "/path" },
	{ "monitor.degraded", "DEGRADED", "DEGRADED OVER", "degraded", "PortDegraded", false, "/degraded" },
	{ "monitor.unknown", "UNKNOWN", "UNKNOWN OVER", "unknown", "PortUnknown", false, "/unknown" },
	{ "monitor.flapping", "FLAPPING", "FLAPPING OVER", "flapping", "PortFlapping", false, "/flapping" },
	{ "monitor.address", "ADDRESS", "ADDRESS OVER", "leading to other addresses", "PortAddress", true, "/address" },
	{ "system.problem", "PROBLEM", "PROBLEM OVER", "in trouble", "PortwatchProblem", false, "/problem" },
	{ "system.test", "TEST", "TEST OVER", "only a test", "PortwatchTest", false, "/test" },
	{ "", "EVENT", "EVENT OVER", "in a state of another kind", "PortwatchEvent", false, "/event" },
};

const struct notice_kind *notice_kind(const char *type)
{
	unsigned i = 0;
	while (kinds[i].type[0] && strcmp(kinds[i].type, type) != 0)
		i++;
	return &kinds[i];
}

/* ---- reading ---- */

static const char *first_text(const char *best, const char *otherwise)
{
	return best[0] ? best : otherwise;
}

void notice_read(struct notice_facts *f, const struct notice *n)
{
	char why[200];
	json_t *root = json_read_object(n->body, n->body_len, why, sizeof(why));
	const json_t *data = json_object_get(root, "data");
	const json_t *labels = json_object_get(data, "labels"), *regions = json_object_get(data, "regions");
	const json_t *addresses = json_object_get(data, "addresses");
	*f = (struct notice_facts){
		.kind = notice_kind(n->type), .root = root,
		.monitor = first_text(n->monitor, json_text(data, "monitor")), .target = json_text(data, "target"),
		.verdict = json_text(data, "verdict"), .scope = json_text(data, "scope"), .since = json_text(data, "since"),
		.timestamp = json_text(root, "timestamp"), .summary = json_text(data, "summary"),
		.runbook = json_text(data, "runbook"), .component = json_text(data, "component"),
		.problem = json_text(data, "problem"), .detail = json_text(data, "detail"), .duration_s = json_number(data, "duration_s"),
		.page = n->page, .resolved = n->resolved, .expect_closed = strcmp(json_text(data, "expect"), "closed") == 0,
		.addresses = json_is_object(addresses) ? addresses : NULL,
		.labels = json_is_object(labels) ? labels : NULL, .regions = json_is_array(regions) ? regions : NULL,
	};
}

void notice_free(struct notice_facts *f)
{
	json_decref(f->root);
	f->root = NULL;
}

void notice_incident(char into[NOTICE_INCIDENT_MAX], const struct notice *n)
{
	const char *suffix = notice_kind(n->type)->incident_suffix;
	int most = NOTICE_INCIDENT_MAX - 1 - (int)strlen(suffix), len = (int)strlen(n->incident);
	if (len > most)
		for (len = most; len > 0 && ((uint8_t)n->incident[len] & 0xc0) == 0x80;)
			len--; /* not within a character */
	snprintf(into, NOTICE_INCIDENT_MAX, "%.*s%s", len, n->incident, suffix);
}

/* ---- one line ---- */

/* Text from the outside as part of a line: control characters become blanks. */
static void add_line(struct text *into, const char *s)
{
	for (unsigned bytes; *s; s += bytes) {
		bytes = utf8_printable((const uint8_t *)s, strlen(s));
		if (bytes)
			text_add_bytes(into, s, bytes);
		else
			text_add(into, " ");
		bytes = bytes ? bytes : 1;
	}
}

static unsigned regions_down(const struct notice_facts *f, const char **one)
{
	unsigned down = 0;
	for (size_t i = 0; i < json_array_size(f->regions); i++) {
		const json_t *region = json_array_get(f->regions, i);
		if (strcmp(json_text(region, "class"), f->expect_closed ? "up" : "down") != 0 || json_object_get(region, "abstains"))
			continue;
		*one = json_text(region, "region");
		down++;
	}
	return down;
}

static void add_from(const struct notice_facts *f, struct text *into)
{
	const char *one = "";
	unsigned down = regions_down(f, &one), all = (unsigned)json_array_size(f->regions);
	if (down == 0)
		return;
	if (down == 1) {
		text_printf(into, ", from region ");
		add_line(into, one);
		text_add(into, all > 1 ? " only" : "");
	} else if (down == all)
		text_printf(into, ", from all %u regions", all);
	else
		text_printf(into, ", from %u of %u regions", down, all);
}

void notice_duration(uint64_t s, struct text *into)
{
	static const struct {
		uint64_t s;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	unsigned i = 0;
	while (i + 1 < ARRAY_LEN(units) && s < units[i].s)
		i++;
	text_printf(into, "%" PRIu64 " %s", s / units[i].s, units[i].unit);
	if (i + 1 < ARRAY_LEN(units) && s % units[i].s >= units[i + 1].s)
		text_printf(into, " %" PRIu64 " %s", s % units[i].s / units[i + 1].s, units[i + 1].unit);
}

static void add_list(const json_t *list, struct text *into)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		text_add(into, i ? ", " : "");
		add_line(into, json_is_string(json_array_get(list, i)) ? json_string_value(json_array_get(list, i)) : "?");
	}
}

/* Of a name that leads elsewhere. */
static void add_addresses(const struct notice_facts *f, struct text *into)
{
	text_add(into, ": now ");
	add_list(json_object_get(f->addresses, "new"), into);
	text_add(into, ", before ");
	add_list(json_object_get(f->addresses, "old"), into);
}

/* Of a target that answers, but not everywhere: what the first region that sees it says. */
static bool add_partial(const struct notice_facts *f, struct text *into)
{
	for (unsigned i = 0; i < json_array_size(f->regions); i++) {
		const char *said = json_text(json_array_get(f->regions, i), "partial");
		if (!*said)
			continue;
		text_add(into, ": ");
		add_line(into, said);
		return true;
	}
	return false;
}

/* Of a target that answers, but badly: the slowest region, and how many had to send a SYN again. */
static void add_degraded(const struct notice_facts *f, struct text *into)
{
	const char *slowest = "";
	uint64_t most_us = 0;
	unsigned lossy = 0, all = (unsigned)json_array_size(f->regions);
	for (unsigned i = 0; i < all; i++) {
		const json_t *region = json_array_get(f->regions, i);
		lossy += json_number(region, "syn_retrans") > 0;
		if (json_number(region, "rtt_us") > most_us) {
			most_us = json_number(region, "rtt_us");
			slowest = json_text(region, "region");
		}
	}
	if (most_us) {
		text_printf(into, ": %.1f ms from region ", (double)most_us / 1000);
		add_line(into, slowest);
	}
	if (lossy)
		text_printf(into, "%s SYN sent again from %u of %u regions", most_us ? "," : ":", lossy, all);
}

void notice_title(const struct notice_facts *f, struct text *into)
{
	const char *said = first_text(f->problem, f->verdict);
	text_add(into, f->resolved ? f->kind->over : f->kind->word);
	const char *const who[] = { first_text(f->monitor, f->component), f->target };
	for (unsigned i = 0; i < ARRAY_LEN(who); i++)
		if (who[i][0]) {
			text_add(into, " ");
			add_line(into, who[i]);
		}
	if (f->resolved) {
		if (f->duration_s) {
			text_add(into, ": after ");
			notice_duration(f->duration_s, into);
		}
		return;
	}
	const bool degraded = strcmp(f->kind->type, "monitor.degraded") == 0, soon = strcmp(f->verdict, "soon") == 0;
	if (degraded && !soon) {
		if (strcmp(f->scope, "partial") != 0 || !add_partial(f, into))
			add_degraded(f, into);
		return;
	}
	if (f->addresses) {
		add_addresses(f, into);
		return;
	}
	if (soon && f->detail[0]) {
		text_add(into, ": ");
		add_line(into, f->detail);
		return;
	}
	if (said[0] && (f->expect_closed || strcmp(said, "open") != 0)) {
		text_add(into, ": ");
		add_line(into, said);
		text_add(into, f->expect_closed && strcmp(said, "open") == 0 ? ", and must not be" : "");
		if (f->detail[0] && strcmp(said, "certificate") == 0) {
			text_add(into, ": ");
			add_line(into, f->detail);
		}
	}
	add_from(f, into);
}

/* ---- the table ---- */

enum { COLUMNS = 5 };
static const char *const column_names[COLUMNS] = { "region", "verdict", "time", "address", "error" };

/* How wide a text is on a screen, near enough: characters. */
static unsigned width_of(const char *s)
{
	unsigned width = 0;
	for (; *s; s++)
		width += ((uint8_t)*s & 0xc0) != 0x80;
	return width;
}

static void write_error(const json_t *region, char *into, size_t len)
{
	const json_t *error = json_object_get(region, "errno");
	int number = (int)json_integer_value(error);
	snprintf(into, len, "%s", json_is_string(error) ? json_string_value(error) : "");
	if (number > 0) {
#ifdef HAVE_STRERRORNAME_NP
		const char *name = strerrorname_np(number);
		if (name)
			snprintf(into, len, "%s", name);
		else
#endif
			snprintf(into, len, "errno %d", number);
	}
	uint64_t again = json_number(region, "syn_retrans");
	if (again)
		snprintf(into + strlen(into), len - strlen(into), "%s%" PRIu64 " SYN sent again", into[0] ? ", " : "", again);
	if (json_is_true(json_object_get(region, "soon")))
		snprintf(into + strlen(into), len - strlen(into), "%sends soon", into[0] ? ", " : "");
	const char *abstains = json_text(region, "abstains");
	if (abstains[0])
		snprintf(into + strlen(into), len - strlen(into), "%s%s", into[0] ? ", " : "", abstains);
}

static void write_cell(const json_t *region, unsigned column, char *into, size_t len)
{
	const char *const name[COLUMNS] = { "region", "verdict", "", "address", "" };
	if (column == 4)
		write_error(region, into, len);
	else if (column != 2)
		snprintf(into, len, "%s", first_text(json_text(region, name[column]), column == 1 ? json_text(region, "class") : ""));
	else if (json_number(region, "rtt_us")) /* 0: not measured, as of all that did not answer */
		snprintf(into, len, "%.1f ms", (double)json_number(region, "rtt_us") / 1000);
	else
		into[0] = 0;
}

static void add_row(const struct notice_facts *f, size_t row, const unsigned *width, struct text *into)
{
	unsigned owed = 0; /* blanks before the next cell: none at the end of a line */
	for (unsigned c = 0; c < COLUMNS; c++) {
		char cell[256];
		if (row == 0)
			snprintf(cell, sizeof(cell), "%s", column_names[c]);
		else
			write_cell(json_array_get(f->regions, row - 1), c, cell, sizeof(cell));
		if (cell[0]) {
			text_printf(into, "%*s", (int)owed, "");
			add_line(into, cell);
			owed = 0;
		}
		owed += width[c] - width_of(cell) + 2;
	}
	text_add(into, "\n");
}

void notice_table(const struct notice_facts *f, struct text *into)
{
	unsigned width[COLUMNS];
	size_t rows = json_array_size(f->regions);
	if (rows == 0)
		return;
	for (unsigned c = 0; c < COLUMNS; c++) {
		char cell[256];
		width[c] = width_of(column_names[c]);
		for (size_t i = 0; i < rows; i++) {
			write_cell(json_array_get(f->regions, i), c, cell, sizeof(cell));
			width[c] = width_of(cell) > width[c] ? width_of(cell) : width[c];
		}
	}
	for (size_t row = 0; row <= rows; row++)
		add_row(f, row, width, into);
}

/* ---- a page ---- */

static void add_member(struct text *into, const char *name, const char *value)
{
	if (!value[0])
		return;
	add_line(into, name);
	text_add(into, ": ");
	add_line(into, value);
	text_add(into, "\n");
}

void notice_page(const struct notice_facts *f, struct text *into)
{
	const char *name;
	json_t *value;
	if (f->summary[0])
		add_line(into, f->summary);
	else
		notice_title(f, into);
	text_add(into, "\n\n");
	if (json_array_size(f->regions)) {
		notice_table(f, into);
		text_add(into, "\n");
	}
	add_member(into, "since", f->since);
	add_member(into, "scope", f->scope);
	json_object_foreach((json_t *)f->labels, name, value)
		if (json_is_string(value))
			add_member(into, name, json_string_value(value));
	add_member(into, "runbook", f->runbook);
}

/* ---- many at once ---- */

#define FOLD_NAMES 10

static void fold_kind(const struct notice *n, unsigned count, const struct notice *like, struct text *into)
{
	const struct notice_kind *kind = notice_kind(like->type);
	unsigned all = 0, named = 0;
	for (unsigned i = 0; i < count; i++)
		all += notice_kind(n[i].type)->alertname == kind->alertname && n[i].resolved == like->resolved;
	bool system = !like->monitor[0];
	text_printf(into, "%s%u %s%s %s %s%s: ", into->len ? "; " : "", all, system ? "component" : "monitor",
		    all == 1 ? "" : "s", all == 1 ? "is" : "are", like->resolved ? "no longer " : "", kind->plural);
	for (unsigned i = 0; i < count && named < FOLD_NAMES; i++)
		if (notice_kind(n[i].type)->alertname == kind->alertname && n[i].resolved == like->resolved) {
			text_add(into, named++ ? ", " : "");
			add_line(into, first_text(n[i].monitor, n[i].incident));
		}
	if (all > named)
		text_printf(into, " and %u more", all - named);
}

void notice_fold(const struct notice *n, unsigned count, struct text *into)
{
	for (unsigned i = 0; i < count; i++) {
		bool told = false;
		for (unsigned j = 0; j < i; j++)
			told |= notice_kind(n[j].type)->alertname == notice_kind(n[i].type)->alertname && n[j].resolved == n[i].resolved;
		if (!told)
			fold_kind(n, count, &n[i], into);
	}
}
