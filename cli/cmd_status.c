/* cmd_status.c - portwatch status: what is watched and how it is, the worst first; once, or again every second.
 * In: Redis, only looked at.  Out: a table, JSON, or a line for each change.
 * Owns: the link, the reader; with --watch the terminal.
 * Why so: reading a million monitors takes seconds, so a view is painted every second or every ten times as long as
 * the last reading took, whichever is longer. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/redis_choice.h"
#include "cli/screen.h"
#include "cli/status_print.h"
#include "cli/status_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REACH_MS = 3000, STEP_MS = 100, TENFOLD = 10 };

struct status_values {
	const char *redis, *prefix, *state, *monitor;
	int output, colour;
	bool watch;
};

static const char *const status_formats[] = { "table", "json", "ndjson", NULL };
enum { STATUS_TABLE, STATUS_JSON, STATUS_NDJSON };

static const struct option status_options[] = {
	REDIS_OPTION(struct status_values, false),
	STATE_OPTION(struct status_values),
	PREFIX_OPTION(struct status_values),
	{ "watch", 'w', OPTION_FLAG, .at = offsetof(struct status_values, watch), .only_flag = true,
	  .sentence = "paint it every second until Ctrl-C; where the output is no terminal, a line for each change" },
	{ "monitor", 0, OPTION_TEXT, .value = "NAME", .at = offsetof(struct status_values, monitor), .only_flag = true,
	  .sentence = "only this one" },
	{ "output", 'o', OPTION_CHOICE, .preset = "table", .choices = status_formats,
	  .at = offsetof(struct status_values, output), .sentence = "the form; ndjson: a line for each monitor",
	  .only_flag = true },
	{ "color", 0, OPTION_CHOICE, .preset = "auto", .choices = colour_choices,
	  .at = offsetof(struct status_values, colour), .sentence = "auto: on a terminal, unless NO_COLOR is set",
	  .only_flag = true },
	{ 0 },
};

static const struct option_table status_table_of_options = {
	.program = "portwatch status",
	.synopsis = "[--redis URL] [--watch] [OPTION...]",
	.about = "Shows every monitor with its state, the worst first, and what each region last saw of it. It only "
		 "looks.",
	.examples = "portwatch status                      beside portwatch up\n"
		    "portwatch status --redis redis://127.0.0.1 --watch\n"
		    "portwatch status -o json | jq '.monitors[] | select(.state != \"up\")'",
	.footer = "Exit status: 0 it was shown, whatever it is; 3 the command line is wrong, or there is no such "
		  "monitor; 4 Redis was not reached or refused, or the output cannot be written.",
	.env_prefix = "PORTWATCH",
	.options = status_options,
};

static void print_rows(struct text *to, const struct status_reader *r, const char *monitor)
{
	for (size_t i = 0; i < r->now.rows; i++) {
		if (monitor && strcmp(monitor, r->now.row[i].name) != 0)
			continue;
		status_row_json(to, &r->now, &r->now.row[i]);
		text_add(to, "\n");
	}
}

static int print_once(const struct status_values *set, const struct status_reader *r)
{
	struct text out = { 0 };
	struct status_look_how how = { .coloured = colour_wanted((enum colour_choice)set->colour, 1),
				       .monitor = set->monitor };
	unsigned lines;
	if (isatty(STDOUT_FILENO))
		screen_size(STDOUT_FILENO, &how.columns, &lines);
	if (set->output == STATUS_JSON)
		status_json(&out, &r->now, set->monitor);
	else if (set->output == STATUS_NDJSON)
		print_rows(&out, r, set->monitor);
	else
		status_table(&out, &r->now, &how);
	const int error = output_write(&out);
	text_free(&out);
	return error ? output_failed(status_table_of_options.program, error) : CLI_UP;
}

/* ---- again and again ---- */

static int paint(const struct status_values *set, const struct status_reader *r, const char *trouble)
{
	struct text out = { 0 };
	struct status_look_how how = { .coloured = colour_wanted((enum colour_choice)set->colour, 1),
				       .monitor = set->monitor };
	screen_size(STDOUT_FILENO, &how.columns, &how.lines);
	const unsigned lines = how.lines;
	how.lines = *trouble && lines > 2 ? lines - 2 : lines - 1;
	status_table(&out, &r->now, &how);
	if (*trouble)
		text_printf(&out, "%.*s\n", (int)how.columns, trouble);
	const int error = screen_paint(&out, lines);
	text_free(&out);
	return error;
}

/* A line for each monitor that changed; the first time, for all. */
static int tell(const struct status_values *set, struct status_reader *r, bool first)
{
	struct text out = { 0 };
	if (set->output == STATUS_NDJSON) {
		for (size_t i = 0; i < r->now.rows; i++) {
			const struct status_row *was = first ? NULL : status_find(&r->before, r->now.row[i].name);
			if (was && was->state == r->now.row[i].state)
				continue;
			status_row_json(&out, &r->now, &r->now.row[i]);
			text_add(&out, "\n");
		}
	} else {
		if (first) {
			status_count_line(&out, &r->now, true);
			text_add(&out, "\n");
		}
		status_changes(&out, &r->before, &r->now, NULL);
	}
	const int error = out.len ? output_write(&out) : 0;
	text_free(&out);
	return error;
}

static void wait_ms(uint64_t ms)
{
	for (uint64_t until_ns = clock_ns() + ms * NS_PER_MS; !interrupted() && clock_ns() < until_ns;) {
		const struct timespec step = { .tv_nsec = (long)(STEP_MS * NS_PER_MS) };
		nanosleep(&step, NULL);
	}
}

static int watch(const struct status_values *set, struct status_reader *r)
{
	const bool screen = isatty(STDOUT_FILENO) && set->output == STATUS_TABLE;
	bool first = true;
	int error = 0, failed = 0;
	if (screen) {
		interrupt_last_deed(screen_end);
		screen_begin();
	}
	while (!interrupted() && !error) {
		const uint64_t began_ns = clock_ns();
		unsigned later_ms = 0;
		if (redis_link_up(r->link, &later_ms) == 0) {
			failed = first ? 0 : status_read(r);
			error = screen ? paint(set, r, failed ? r->why : "") : failed ? 0 : tell(set, r, first);
			first = false;
		} else if (screen) {
			error = paint(set, r, redis_link_error(r->link));
		}
		const uint64_t took_ms = (clock_ns() - began_ns) / NS_PER_MS;
		wait_ms(took_ms * TENFOLD > MS_PER_S ? took_ms * TENFOLD : MS_PER_S);
	}
	if (screen)
		screen_end();
	return error ? output_failed(status_table_of_options.program, error) : CLI_UP;
}

static int show(const struct status_values *set, struct status_reader *r)
{
	if (status_read(r) < 0) {
		const char *advice = redis_reach_advice_on(r->link, r->why);
		return cli_refuse(&status_table_of_options, CLI_INTERNAL, "%s%s%s", r->why, advice ? "\n" : "",
				  advice ? advice : "");
	}
	if (set->monitor && !status_find(&r->now, set->monitor))
		return cli_refuse(&status_table_of_options, CLI_USAGE, "there is no monitor \"%s\"%s", set->monitor,
				  r->now.cut ? " among the rows that are shown" : "");
	return set->watch ? watch(set, r) : print_once(set, r);
}

int cmd_status(int argc, char **argv)
{
	struct status_values set;
	struct redis_url url;
	char why[1024];
	int operand, status;

	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_ERROR);
	if (!cli_options(&status_table_of_options, argc, argv, &set, &operand, &status))
		return status;
	if (set.watch && set.output == STATUS_JSON)
		return cli_refuse(&status_table_of_options, CLI_USAGE,
				  "--watch never ends, so -o json would never close; -o ndjson does");
	if (!redis_reach_prefix_is_fine(set.prefix, why, sizeof why) ||
	    !redis_choice(set.redis, set.state, &url, why, sizeof why))
		return cli_refuse(&status_table_of_options, CLI_USAGE, "%s", why);
	interrupt_watch();
	struct status_reader *reader = calloc(1, sizeof *reader);
	if (!reader)
		return cli_refuse(&status_table_of_options, CLI_INTERNAL, "no memory");
	reader->prefix = set.prefix;
	reader->link = redis_reach(&url, "portwatch-status", REACH_MS, why, sizeof why);
	status = reader->link ? show(&set, reader) : cli_refuse(&status_table_of_options, CLI_INTERNAL, "%s", why);
	redis_link_free(reader->link);
	status_reader_free(reader);
	free(reader);
	return status;
}
