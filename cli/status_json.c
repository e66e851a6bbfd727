/* status_json.c - the state of everything for programs, and its changes as lines.
 * In: struct status.  Out: JSON as docs/schema/status-1.json describes it, or text.  Owns: nothing. */
#include "cli/status_print.h"

#include "cli/row_format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void text_add_json_time(struct text *to, uint64_t ms)
{
	const time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char at[32];
	gmtime_r(&seconds, &tm);
	strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%S", &tm);
	text_printf(to, "\"%s.%03uZ\"", at, (unsigned)(ms % 1000));
}

static void add_text(struct text *to, const char *name, const char *value)
{
	text_printf(to, ",\"%s\":", name);
	if (*value)
		text_json_string(to, value, strlen(value));
	else
		text_add(to, "null");
}

static void add_time(struct text *to, const char *name, uint64_t ms)
{
	text_printf(to, ",\"%s\":", name);
	if (ms)
		text_add_json_time(to, ms);
	else
		text_add(to, "null");
}

static void add_age(struct text *to, const char *name, uint64_t from_ms, uint64_t now_ms)
{
	if (from_ms)
		text_printf(to, ",\"%s\":%" PRIu64, name, now_ms > from_ms ? now_ms - from_ms : 0);
	else
		text_printf(to, ",\"%s\":null", name);
}

static void add_look(struct text *to, const struct status *s, const struct status_row *row, unsigned region)
{
	const struct status_look *look = &row->look[region];
	const struct verdict_row *verdict = verdict_row((enum verdict)look->verdict);
	text_add(to, "{\"region\":");
	text_json_string(to, s->region[region].name, strlen(s->region[region].name));
	add_text(to, "class", look->slot_ms ? verdict_class_name(verdict->class) : "");
	add_text(to, "verdict", look->slot_ms && look->verdict ? verdict->name : "");
	if (look->rtt_us)
		text_printf(to, ",\"rtt_us\":%" PRIu32, look->rtt_us);
	else
		text_add(to, ",\"rtt_us\":null");
	text_printf(to, ",\"syn_retrans\":%u", look->syn_retrans);
	add_time(to, "at", look->slot_ms);
	text_printf(to, ",\"old\":%s}", look->slot_ms && status_look_is_old(row, look, s->at_ms) ? "true" : "false");
}

void status_row_json(struct text *to, const struct status *s, const struct status_row *row)
{
	text_add(to, "{\"monitor\":");
	text_json_string(to, row->name, strlen(row->name));
	add_text(to, "target", row->target);
	add_text(to, "state", status_words[row->state].name);
	add_time(to, "since", row->since_ms);
	add_age(to, "duration_ms", row->since_ms, s->at_ms);
	add_text(to, "verdict", row->verdict);
	add_text(to, "scope", row->scope);
	add_text(to, "partial", row->partial);
	text_add(to, ",\"regions\":[");
	for (unsigned r = 0; r < s->regions; r++) {
		text_add(to, r ? "," : "");
		add_look(to, s, row, r);
	}
	text_add(to, "]}");
}

static void add_summary(struct text *to, const struct status *s)
{
	text_printf(to, ",\"summary\":{\"monitors\":%zu", s->monitors);
	for (int state = 0; state < STATUS_STATES; state++)
		text_printf(to, ",\"%s\":%zu", status_words[state].name, s->count[state]);
	text_add(to, "}");
}

static void add_regions(struct text *to, const struct status *s)
{
	text_add(to, ",\"regions\":[");
	for (unsigned i = 0; i < s->regions; i++) {
		const struct status_region *r = &s->region[i];
		text_printf(to, "%s{\"name\":", i ? "," : "");
		text_json_string(to, r->name, strlen(r->name));
		add_text(to, "state", r->state);
		add_time(to, "since", r->since_ms);
		add_text(to, "why", r->why);
		text_add(to, "}");
	}
	text_add(to, "]");
}

static void add_problems(struct text *to, const struct status *s)
{
	text_add(to, ",\"problems\":[");
	for (unsigned i = 0; i < s->problems; i++) {
		text_printf(to, "%s{\"component\":", i ? "," : "");
		text_json_string(to, s->problem[i].component, strlen(s->problem[i].component));
		add_text(to, "problem", s->problem[i].sentence);
		add_time(to, "since", s->problem[i].since_ms);
		text_add(to, "}");
	}
	text_add(to, "]");
}

static void add_components(struct text *to, const struct status *s)
{
	text_add(to, ",\"components\":[");
	for (unsigned i = 0; i < s->components; i++) {
		const struct status_component *c = &s->component[i];
		text_printf(to, "%s{\"component\":", i ? "," : "");
		text_json_string(to, c->kind, strlen(c->kind));
		add_text(to, "name", c->name);
		add_text(to, "region", c->region);
		add_age(to, "age_ms", c->at_ms, s->at_ms);
		text_add(to, "}");
	}
	text_add(to, "]");
}

void status_json(struct text *to, const struct status *s, const char *monitor)
{
	const struct status_row **order = status_order(s);
	const char *comma = "\n";
	text_add(to, "{\"schema\":\"portwatch.status/1\"");
	add_time(to, "at", s->at_ms);
	add_summary(to, s);
	add_age(to, "data_age_ms", s->newest_ms, s->at_ms);
	add_regions(to, s);
	add_components(to, s);
	add_problems(to, s);
	text_add(to, ",\"monitors\":[");
	for (size_t i = 0; order && i < s->rows; i++) {
		if (monitor && strcmp(order[i]->name, monitor) != 0)
			continue;
		text_add(to, comma);
		status_row_json(to, s, order[i]);
		comma = ",\n";
	}
	text_add(to, "]}\n");
	to->failed |= s->rows && !order;
	free(order);
}

/* "filtered from ap", "closed, service", or what else there is to say. */
static void add_what(struct text *to, const struct status *s, const struct status_row *row)
{
	unsigned down = 0;
	const char *verdict = row->verdict;
	for (unsigned r = 0; r < s->regions; r++) {
		const struct status_look *look = &row->look[r];
		if (!look->slot_ms || verdict_class_for((enum verdict)look->verdict, row->expect_closed) != CLASS_DOWN)
			continue;
		text_printf(to, "%s%s from %s", down++ ? ", " : "  ", verdict_row((enum verdict)look->verdict)->name,
			    s->region[r].name);
		verdict = "";
	}
	if (*row->partial)
		verdict = row->partial;
	if (*verdict)
		text_printf(to, "  %s", verdict);
	if (*row->scope)
		text_printf(to, "%s%s", down || *verdict ? ", " : "  ", row->scope);
}

void status_changes(struct text *to, struct status *old, const struct status *s,
		    bool (*wanted)(const struct status_row *was, const struct status_row *is))
{
	const struct status_row **order = status_order(s);
	for (size_t i = 0; order && i < s->rows; i++) {
		const struct status_row *was = status_find(old, order[i]->name);
		if (!was || was->state == order[i]->state || (wanted && !wanted(was, order[i])))
			continue;
		text_printf(to, "%-10s  ", status_words[order[i]->state].word);
		text_add_safe(to, order[i]->name);
		text_add(to, "  ");
		text_add_safe(to, order[i]->target);
		if (order[i]->state != STATUS_UP && order[i]->state != STATUS_PAUSED)
			add_what(to, s, order[i]);
		text_printf(to, "; was %s", status_words[was->state].count);
		if (was->since_ms && was->state != STATUS_NEW) {
			text_add(to, " for ");
			text_add_duration(to, s->at_ms > was->since_ms ? s->at_ms - was->since_ms : 0);
		}
		text_add(to, "\n");
	}
	free(order);
}
