/* event_line.c - an event as one line.
 * In: the fields of an entry.  Out: text.  Owns: nothing.
 * Why so: the event carries a summary sentence of its own, for messages; a line in a list wants its parts in the
 * same order every time, so that the eye finds them. */
#include "cli/event_line.h"

#include "base/json.h"
#include "base/must.h"
#include "cli/colour.h"
#include "cli/row_format.h"
#include "cli/status_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *type, *begins, *ends, *colour;
} words[] = {
	{ "monitor.down", "DOWN", "UP", COLOUR_RED },
	{ "monitor.up", "UP", "UP", COLOUR_GREEN },
	{ "monitor.path", "PATH ISSUE", "PATH OK", COLOUR_YELLOW },
	{ "monitor.degraded", "DEGRADED", "RECOVERED", COLOUR_YELLOW },
	{ "monitor.unknown", "UNKNOWN", "KNOWN", COLOUR_YELLOW },
	{ "monitor.flapping", "FLAPPING", "STEADY", COLOUR_RED },
	{ "monitor.address", "ADDRESS", "ADDRESS", COLOUR_YELLOW },
	{ "system.problem", "PROBLEM", "WELL AGAIN", COLOUR_YELLOW },
};

const char *event_word(const char *type, bool resolved)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].type, type) == 0)
			return resolved ? words[i].ends : words[i].begins;
	return "EVENT";
}

static const char *colour_of(const struct event *e)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].type, e->type) == 0)
			return e->resolved ? COLOUR_GREEN : words[i].colour;
	return COLOUR_DIM;
}

static const char *field(const struct stream_entry *entry, const char *name)
{
	const char *text = stream_entry_field(entry, name, NULL);
	return text ? text : "";
}

static bool is_set(const struct stream_entry *entry, const char *name)
{
	return strcmp(field(entry, name), "1") == 0;
}

void event_of_entry(struct event *e, const struct stream_entry *entry)
{
	*e = (struct event){
		.id = field(entry, "id"), .type = field(entry, "type"), .monitor = field(entry, "monitor"),
		.incident = field(entry, "incident"), .why_not = field(entry, "why_not"), .page = is_set(entry, "page"),
		.resolved = is_set(entry, "resolved"), .told = is_set(entry, "told"), .at_ms = entry->id_ms,
	};
	e->body = stream_entry_field(entry, "b", &e->body_len);
	if (!e->body)
		e->body = "";
}

/* ---- times ---- */

uint64_t time_of_text(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	char *end;
	uint64_t ms = 0;
	if (!rest)
		return 0;
	if (*rest == '.') {
		const double part = strtod(rest, &end);
		ms = (uint64_t)(part * 1000 + 0.5);
		rest = end;
	}
	const time_t seconds = timegm(&tm);
	return strcmp(rest, "Z") == 0 && seconds > 0 ? (uint64_t)seconds * 1000 + ms : 0;
}

void text_add_clock(struct text *to, uint64_t ms, uint64_t now_ms)
{
	const time_t then = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
	struct tm a, b;
	char text[32];
	localtime_r(&then, &a);
	localtime_r(&now, &b);
	const bool today = a.tm_year == b.tm_year && a.tm_yday == b.tm_yday;
	strftime(text, sizeof text, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &a);
	text_add(to, text);
}

/* ---- the parts of a line ---- */

static void add_region(struct text *to, const json_t *r)
{
	const uint64_t rtt_us = json_number(r, "rtt_us");
	text_add_safe(to, json_text(r, "region"));
	if (strcmp(json_text(r, "class"), "up") == 0 && rtt_us)
		text_printf(to, " %.2f ms", (double)rtt_us / 1000.0);
	else
		text_printf(to, " %s", *json_text(r, "verdict") ? json_text(r, "verdict") : "-");
}

static void add_regions(struct text *to, const json_t *data)
{
	const json_t *regions = json_object_get(data, "regions");
	for (size_t i = 0; i < json_array_size(regions); i++) {
		text_add(to, i ? ", " : "; ");
		add_region(to, json_array_get(regions, i));
	}
}

static void add_list(struct text *to, const char *before, const json_t *list)
{
	text_add(to, before);
	for (size_t i = 0; i < json_array_size(list); i++) {
		text_add(to, i ? ", " : "");
		text_add_safe(to, json_string_value(json_array_get(list, i)) ? json_string_value(json_array_get(list, i)) : "?");
	}
}

/* Each part begins with "; ". */
static void add_what(struct text *to, const struct event *e, const json_t *data)
{
	const json_t *addresses = json_object_get(data, "addresses");
	const char *verdict = json_text(data, "verdict"), *scope = json_text(data, "scope");
	if (*json_text(data, "problem")) {
		text_add(to, "; ");
		text_add_safe(to, json_text(data, "problem"));
	} else if (addresses) {
		add_list(to, "; now ", json_object_get(addresses, "new"));
		add_list(to, ", before ", json_object_get(addresses, "old"));
	} else if (!e->resolved && (*verdict || *scope)) {
		text_printf(to, "; %s%s%s", verdict, *verdict && *scope ? ", " : "", scope);
	}
	if (e->resolved && json_number(data, "duration_s")) {
		text_add(to, "; it lasted ");
		text_add_duration(to, json_number(data, "duration_s") * 1000);
	}
}

static void add_since(struct text *to, const struct event *e, const json_t *data, uint64_t now_ms)
{
	const uint64_t since_ms = time_of_text(json_text(data, "since"));
	if (!since_ms)
		return;
	text_add(to, "; since ");
	text_add_clock(to, since_ms, now_ms);
	if (!e->resolved && json_number(data, "confirmed_after_ms")) {
		text_add(to, ", confirmed in ");
		text_add_duration(to, json_number(data, "confirmed_after_ms"));
	}
}

static void add_told(struct text *to, const struct event *e)
{
	if (e->told) {
		text_add(to, e->page ? "; told" : "; told as a notice");
		return;
	}
	text_add(to, *e->why_not ? "; not told: " : "; not told");
	text_add_safe(to, e->why_not);
}

void event_line(struct text *to, const struct event *e, uint64_t now_ms, bool coloured)
{
	char why[160];
	struct text parts = { 0 };
	json_t *body = json_read_object(e->body, e->body_len, why, sizeof why);
	const json_t *data = json_object_get(body, "data");
	text_add_clock(to, e->at_ms, now_ms);
	text_printf(to, "  %s%-10s%s  ", coloured ? colour_of(e) : "", event_word(e->type, e->resolved),
		    coloured ? COLOUR_END : "");
	text_add_safe(to, *e->monitor ? e->monitor : json_text(data, "component"));
	if (*json_text(data, "target")) {
		text_add(to, "  ");
		text_add_safe(to, json_text(data, "target"));
	}
	add_what(&parts, e, data);
	add_regions(&parts, data);
	add_since(&parts, e, data, now_ms);
	add_told(&parts, e);
	text_printf(to, "  %s\n", parts.data ? parts.data + strlen("; ") : "");
	to->failed |= parts.failed;
	text_free(&parts);
	json_decref(body);
}

static void set_text(json_t *o, const char *name, const char *value)
{
	json_object_set_new(o, name, *value ? json_string(value) : json_null());
}

void event_json(struct text *to, const struct event *e)
{
	char why[160];
	json_t *all = json_object(), *body = json_read_object(e->body, e->body_len, why, sizeof why);
	set_text(all, "schema", "portwatch.event/1");
	set_text(all, "id", e->id);
	json_object_set_new(all, "told", json_boolean(e->told));
	set_text(all, "why_not", e->why_not);
	set_text(all, "type", e->type);
	if (body)
		json_object_update(all, body);
	char *line = json_line(all);
	text_add(to, line ? line : "{}");
	text_add(to, "\n");
	to->failed |= !line;
	free(line);
	json_decref(body);
	json_decref(all);
}
