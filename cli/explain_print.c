/* explain_print.c - puts what the deciding process knows of a monitor into lines.
 * In: JSON from another process, perhaps of another version.  Out: text.
 * Owns: nothing.  Why so: sentences come ready from who decided; here they only get their order: what is so, who
 * says so, how it adds up, who is told.  Members that are not known are shown as they are, so that a newer process
 * loses nothing. */
#include "cli/explain_print.h"

#include "base/must.h"
#include "cli/colour.h"
#include "cli/event_line.h"
#include "cli/row_format.h"
#include "cli/status.h"
#include "cli/status_print.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is so ---- */

static const char *colour_of(const char *state)
{
	return strcmp(state, "down") == 0 ? COLOUR_RED : strcmp(state, "up") == 0 ? COLOUR_GREEN : COLOUR_YELLOW;
}

static void add_state(struct text *to, const char *monitor, const json_t *answer, uint64_t now_ms, bool coloured)
{
	const char *state = json_text(answer, "state"), *word = state;
	for (int i = 0; i < STATUS_STATES; i++)
		if (strcmp(status_words[i].name, state) == 0)
			word = status_words[i].word;
	text_add_safe(to, monitor);
	if (*json_text(answer, "target")) {
		text_add(to, " (");
		text_add_safe(to, json_text(answer, "target"));
		text_add(to, ")");
	}
	text_printf(to, ": %s", coloured ? colour_of(state) : "");
	text_add_safe(to, word);
	text_add(to, coloured ? COLOUR_END : "");
	if (*json_text(answer, "verdict") && strcmp(state, "up") != 0) {
		text_add(to, ", ");
		text_add_safe(to, json_text(answer, "verdict"));
	}
	if (*json_text(answer, "scope")) {
		text_add(to, ", scope ");
		text_add_safe(to, json_text(answer, "scope"));
	}
	const uint64_t since_ms = json_number(answer, "since_ms");
	if (since_ms) {
		text_add(to, "; since ");
		text_add_clock(to, since_ms, now_ms);
		text_add(to, ", for ");
		text_add_duration(to, now_ms > since_ms ? now_ms - since_ms : 0);
	}
	text_add(to, "\n");
}

/* ---- who says so ---- */

static void add_look(struct text *to, const json_t *look, uint64_t now_ms)
{
	const uint64_t rtt_us = json_number(look, "rtt_us"), lost = json_number(look, "syn_retrans");
	text_add_clock(to, json_number(look, "at_ms"), now_ms);
	text_add(to, " ");
	text_add_safe(to, json_text(look, "verdict"));
	if (rtt_us)
		text_printf(to, " %.2f ms", (double)rtt_us / 1000.0);
	if (lost)
		text_printf(to, " (%u SYN%s again)", (unsigned)lost, lost == 1 ? "" : "s");
	if (json_number(look, "attempt"))
		text_add(to, " confirming");
}

static void add_looks(struct text *to, const json_t *region, uint64_t now_ms, int indent)
{
	const json_t *looks = json_object_get(region, "looks"), *unknown = json_object_get(region, "unknown");
	for (size_t i = 0; i < json_array_size(looks); i++) {
		if (i == 0)
			text_printf(to, "%*s", indent, "");
		text_add(to, i ? ", " : "");
		add_look(to, json_array_get(looks, i), now_ms);
	}
	if (json_array_size(looks))
		text_add(to, "\n");
	if (json_is_object(unknown)) {
		text_printf(to, "%*sof no use: ", indent, "");
		add_look(to, unknown, now_ms);
		text_add(to, "\n");
	}
}

static void add_regions(struct text *to, const json_t *regions, uint64_t now_ms, bool coloured)
{
	int width = 0;
	for (size_t i = 0; i < json_array_size(regions); i++) {
		const int len = (int)text_columns(json_text(json_array_get(regions, i), "region"));
		width = len > width ? len : width;
	}
	if (json_array_size(regions))
		text_add(to, "votes\n");
	for (size_t i = 0; i < json_array_size(regions); i++) {
		const json_t *r = json_array_get(regions, i);
		const char *name = json_text(r, "region"), *vote = json_text(r, "vote");
		text_add(to, "  ");
		text_add_safe(to, name);
		text_printf(to, "%*s  %s", width - (int)text_columns(name), "", coloured ? colour_of(vote) : "");
		text_add_safe(to, vote);
		text_printf(to, "%s%*s  ", coloured ? COLOUR_END : "",
			    8 - (int)strlen(vote) > 0 ? 8 - (int)strlen(vote) : 0, "");
		text_add_safe(to, json_text(r, "why"));
		if (json_is_true(json_object_get(r, "slow")))
			text_add(to, ", slow");
		if (json_is_true(json_object_get(r, "lossy")))
			text_add(to, ", SYNs are lost");
		if (json_is_true(json_object_get(r, "soon")))
			text_add(to, ", its certificate ends soon");
		if (*json_text(r, "addresses")) {
			text_add(to, ", ");
			text_add_safe(to, json_text(r, "addresses"));
		}
		text_add(to, "\n");
		add_looks(to, r, now_ms, width + 4);
	}
}

/* ---- the rest ---- */

/* "a, b" of an array, "team=core, tier=1" of an object. */
static void add_value(struct text *to, const json_t *value)
{
	const char *name, *comma = "";
	json_t *part;
	if (json_is_string(value)) {
		text_add_safe(to, json_string_value(value));
	} else if (json_is_integer(value)) {
		text_printf(to, "%lld", (long long)json_integer_value(value));
	} else if (json_is_boolean(value)) {
		text_add(to, json_is_true(value) ? "yes" : "no");
	} else if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			text_add(to, i ? ", " : "");
			add_value(to, json_array_get(value, i));
		}
	} else if (*json_text(value, "name") && *json_text(value, "state")) { /* a parent */
		text_add_safe(to, json_text(value, "name"));
		text_add(to, " (");
		text_add_safe(to, json_text(value, "state"));
		text_add(to, ")");
	} else {
		json_object_foreach((json_t *)value, name, part) {
			text_add(to, comma);
			text_add_safe(to, name);
			text_add(to, "=");
			add_value(to, part);
			comma = ", ";
		}
	}
}

static bool is_empty(const json_t *value)
{
	return json_is_null(value) || json_is_false(value) || (json_is_string(value) && !*json_string_value(value)) ||
	       (json_is_array(value) && !json_array_size(value)) || (json_is_object(value) && !json_object_size(value));
}

/* "next_look_ms" reads as a time, if it is one. */
static void add_member(struct text *to, const char *name, const json_t *value, uint64_t now_ms)
{
	const size_t len = strlen(name);
	const bool is_time = len > 3 && strcmp(name + len - 3, "_ms") == 0 && json_integer_value(value) > 1000000000000;
	const size_t shown = is_time ? len - 3 : len;
	for (size_t i = 0; i < shown; i++) {
		const char one[2] = { name[i] == '_' ? ' ' : name[i] };
		text_add_safe(to, one);
	}
	text_printf(to, "%*s", shown < 10 ? (int)(10 - shown) : 0, "");
	text_add(to, "  ");
	if (is_time)
		text_add_clock(to, (uint64_t)json_integer_value(value), now_ms);
	else
		add_value(to, value);
	text_add(to, "\n");
}

/* Each region looks an interval after its last look that was not asked for to confirm something. */
static void add_next(struct text *to, const json_t *regions, uint64_t now_ms, unsigned interval_ms)
{
	uint64_t next_ms = UINT64_MAX;
	const char *where = "";
	for (size_t i = 0; interval_ms && i < json_array_size(regions); i++) {
		const json_t *r = json_array_get(regions, i), *looks = json_object_get(r, "looks");
		uint64_t last_ms = 0;
		for (size_t k = 0; k < json_array_size(looks); k++) {
			const json_t *look = json_array_get(looks, k);
			if (!json_number(look, "attempt") && json_number(look, "at_ms") > last_ms)
				last_ms = json_number(look, "at_ms");
		}
		if (last_ms && last_ms + interval_ms > now_ms && last_ms + interval_ms < next_ms) {
			next_ms = last_ms + interval_ms;
			where = json_text(r, "region");
		}
	}
	if (next_ms == UINT64_MAX)
		return;
	text_add(to, "next look   from ");
	text_add_safe(to, where);
	text_add(to, " in ");
	text_add_duration(to, next_ms - now_ms);
	text_add(to, "\n");
}

void explain_print(struct text *to, const char *monitor, const json_t *answer, uint64_t now_ms, unsigned interval_ms,
		   bool coloured)
{
	static const char *const said[] = { "monitor", "target",   "state",   "verdict",
					    "scope",   "since_ms", "regions", "incident" };
	/* Of the stored state only: what its owner needs to go on. */
	static const char *const inner[] = { "round", "changes", "heard", "heard_since_ms", "blind_since_ms" };
	const char *name;
	json_t *value;
	add_state(to, monitor, answer, now_ms, coloured);
	if (json_is_array(json_object_get(answer, "regions")))
		add_regions(to, json_object_get(answer, "regions"), now_ms, coloured);
	json_object_foreach((json_t *)answer, name, value) {
		bool skip = is_empty(value) || (strcmp(name, "telling") == 0 && !json_is_string(value));
		for (size_t i = 0; i < ARRAY_LEN(said); i++)
			skip |= strcmp(name, said[i]) == 0;
		for (size_t i = 0; i < ARRAY_LEN(inner); i++)
			skip |= strcmp(name, inner[i]) == 0;
		if (!skip)
			add_member(to, name, value, now_ms);
	}
	add_next(to, json_object_get(answer, "regions"), now_ms, interval_ms);
}
