/* monitors_list.c - portwatch monitors list|show: what stands in Redis, broken ones too.
 * In: a snapshot.  Out: a table, JSON, or CSV. */
#include "base/must.h"
#include "cli/monitor_row.h"
#include "cli/monitors.h"
#include "cli/output.h"
#include "cli/row_format.h"

#include <stdio.h>
#include <stdlib.h>

struct list_values {
	const char *redis, *state, *prefix;
	int output;
};

static const struct option list_rows[] = {
	REDIS_OPTION(struct list_values, false),
	STATE_OPTION(struct list_values),
	{ "output", 'o', OPTION_CHOICE, .preset = "table", .choices = output_formats,
	  .at = offsetof(struct list_values, output), .sentence = "the form of the list", .only_flag = true },
	PREFIX_OPTION(struct list_values),
	{ 0 },
};

static const struct option_table list_table = {
	.program = "portwatch monitors list",
	.synopsis = "[--redis URL] [-o FORMAT]",
	.about = "Prints the monitors in Redis, sorted by name. One that cannot be read is printed as broken, with the "
		 "reason.",
	.examples = "portwatch monitors list --redis redis://127.0.0.1\n"
		    "portwatch monitors list --redis redis://127.0.0.1 -o ndjson | jq -r 'select(.paused).name'",
	.footer = "Exit status: 0 printed; 3 the command line is wrong; 4 Redis was not reached or refuses, or the "
		  "output cannot be written.",
	.env_prefix = "PORTWATCH",
	.options = list_rows,
};

static const char *const show_formats[] = { "text", "json", NULL };

static const struct option show_rows[] = {
	REDIS_OPTION(struct list_values, false),
	STATE_OPTION(struct list_values),
	{ "output", 'o', OPTION_CHOICE, .preset = "text", .choices = show_formats,
	  .at = offsetof(struct list_values, output), .sentence = "for people, or for programs", .only_flag = true },
	PREFIX_OPTION(struct list_values),
	{ 0 },
};

static const struct option_table show_table = {
	.program = "portwatch monitors show",
	.synopsis = "[--redis URL] NAME",
	.about = "Prints one monitor with everything that is known of it, and how it stands in Redis.",
	.examples = "portwatch monitors show --redis redis://127.0.0.1 pg-primary",
	.footer = "Exit status: 0 printed; 1 printed, and it is broken; 3 the command line is wrong or there is no "
		  "such monitor; 4 Redis was "
		  "not reached or refuses, or the output cannot be written.",
	.env_prefix = "PORTWATCH",
	.options = show_rows,
	.operands_min = 1,
	.operands_max = 1,
};

/* ---- list ---- */

static void csv_line(struct text *to, const struct monitor_row *row)
{
	struct text cell = { 0 };
	for (unsigned i = 0; i < MONITOR_COLUMNS; i++) {
		text_reset(&cell);
		text_add(&cell, "");
		monitor_row_cell(&cell, row, i);
		text_add(to, i ? "," : "");
		text_csv_field(to, cell.data);
	}
	text_add(to, "\n");
	text_free(&cell);
}

static void safe_cell(struct text *to, const struct monitor_row *row, unsigned column)
{
	struct text cell = { 0 };
	text_reset(to);
	text_add(&cell, "");
	monitor_row_cell(&cell, row, column);
	text_add_safe(to, cell.len ? cell.data : "-");
	text_free(&cell);
}

static void table_line(struct text *to, const struct monitor_row *row, const unsigned *width)
{
	struct text cell = { 0 };
	for (unsigned i = 0; i < MONITOR_COLUMNS; i++) {
		if (row)
			safe_cell(&cell, row, i);
		else {
			text_reset(&cell);
			for (const char *c = monitor_headings[i]; *c; c++)
				text_add_bytes(&cell, (char[]){ (char)(*c - 'a' + 'A') }, 1);
		}
		text_add(to, cell.data);
		if (i + 1 < MONITOR_COLUMNS)
			text_printf(to, "%*s", (int)(width[i] - text_columns(cell.data) + 2), "");
	}
	text_add(to, "\n");
	text_free(&cell);
}

static void fit(unsigned *width, const struct monitor_row *row)
{
	struct text cell = { 0 };
	for (unsigned i = 0; i < MONITOR_COLUMNS; i++) {
		safe_cell(&cell, row, i);
		const unsigned columns = text_columns(cell.data);
		if (columns > width[i])
			width[i] = columns;
	}
	text_free(&cell);
}

static void print_table(struct text *to, const struct snapshot *s)
{
	unsigned width[MONITOR_COLUMNS];
	struct monitor_row row;
	for (unsigned i = 0; i < MONITOR_COLUMNS; i++)
		width[i] = (unsigned)strlen(monitor_headings[i]);
	for (size_t i = 0; i < s->count; i++) {
		monitor_row_make(&row, &s->monitor[i]);
		fit(width, &row);
		monitor_row_free(&row);
	}
	table_line(to, NULL, width);
	for (size_t i = 0; i < s->count; i++) {
		monitor_row_make(&row, &s->monitor[i]);
		table_line(to, &row, width);
		monitor_row_free(&row);
	}
}

static void print_rows(struct text *to, const struct snapshot *s, enum output_format format)
{
	const bool whole = format == OUTPUT_JSON;
	struct monitor_row row;
	if (format == OUTPUT_CSV)
		for (unsigned i = 0; i < MONITOR_COLUMNS; i++)
			text_printf(to, "%s%s", monitor_headings[i], i + 1 < MONITOR_COLUMNS ? "," : "\n");
	text_add(to, whole ? "[" : "");
	for (size_t i = 0; i < s->count; i++) {
		monitor_row_make(&row, &s->monitor[i]);
		text_add(to, whole && i ? ",\n " : "");
		if (format == OUTPUT_CSV)
			csv_line(to, &row);
		else
			monitor_row_json(to, &row);
		text_add(to, format == OUTPUT_NDJSON ? "\n" : "");
		monitor_row_free(&row);
	}
	text_add(to, whole ? "]\n" : "");
}

static int finish(const struct option_table *table, struct text *out, int status)
{
	const int error = output_write(out);
	text_free(out);
	return error ? output_failed(table->program, error) : status;
}

int cmd_monitors_list(int argc, char **argv)
{
	struct list_values set;
	struct snapshot all;
	struct text out = { 0 };
	char why[STORE_WHY_MAX];
	int operand, status;
	if (!cli_options(&list_table, argc, argv, &set, &operand, &status))
		return status;
	struct redis_link *link = monitors_reach(&list_table, set.redis, set.state, set.prefix, &status);
	if (!link)
		return status;
	if (snapshot_all(&all, link, set.prefix, why, sizeof why))
		status = monitors_failed(&list_table, link, why);
	else {
		if (set.output == OUTPUT_TABLE)
			print_table(&out, &all);
		else
			print_rows(&out, &all, (enum output_format)set.output);
		status = finish(&list_table, &out, CLI_UP);
	}
	snapshot_free(&all);
	redis_link_free(link);
	return status;
}

/* ---- show ---- */

static void add_line(struct text *to, const char *name, const char *value)
{
	text_printf(to, "%-9s ", name);
	text_add_safe(to, value);
	text_add(to, "\n");
}

static void add_ms(struct text *to, const char *name, unsigned ms)
{
	text_printf(to, "%-9s %u ms\n", name, ms);
}

static void add_each(struct text *to, const char *name, char *const *item, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		add_line(to, i ? "" : name, item[i]);
}

static void add_dns(struct text *to, const struct monitor *m)
{
	add_line(to, "type", job_type_names[m->type]);
	for (const char *at = m->expect_answer, *name = "expect_answer"; at && *at; name = "") {
		const size_t len = strcspn(at, "\n");
		char value[ANSWER_TEXT_MAX + 1];
		snprintf(value, sizeof value, "%.*s", (int)len, at);
		add_line(to, name, value);
		at += len + (at[len] == '\n');
	}
	add_line(to, "resolver", m->resolver ? m->resolver : "the engine's own");
}

static void add_members(struct text *to, const struct monitor *m, const struct settings *s)
{
	char target[HOST_MAX_LEN + 9];
	monitor_target_write(m, target, sizeof target);
	add_line(to, "target", target);
	if (m->type == JOB_DNS)
		add_dns(to, m);
	add_line(to, "state", m->paused ? "paused" : "active");
	add_ms(to, "interval", m->interval_ms);
	add_ms(to, "timeout", m->timeout_ms);
	if (m->slow_ms)
		add_ms(to, "slow", m->slow_ms);
	if (m->type == JOB_TCP)
		add_line(to, "close", close_mode_names[m->close]);
	if (m->settle_ms == JOB_SETTLE_AUTO)
		add_line(to, "settle", "auto");
	else if (m->settle_ms != JOB_SETTLE_UNSET)
		add_ms(to, "settle", m->settle_ms);
	if (m->ip != IP_ANY)
		add_line(to, "ip", job_ip_names[m->ip]);
	if (m->addresses != ADDRESSES_FIRST)
		add_line(to, "addresses", job_addresses_names[m->addresses]);
	if (m->expect_address)
		add_line(to, "expect_address", m->expect_address);
	add_each(to, "regions", m->region, m->regions);
	for (unsigned i = 0; i < s->regions && !m->regions; i++)
		add_line(to, i ? "" : "regions", s->region[i]);
	for (unsigned i = 0; i < m->labels; i++) {
		struct text pair = { 0 };
		text_printf(&pair, "%s=%s", m->label[i].name, m->label[i].value);
		add_line(to, i ? "" : "labels", pair.data);
		text_free(&pair);
	}
	if (m->runbook)
		add_line(to, "runbook", m->runbook);
	add_each(to, "parents", m->parent, m->parents);
	if (m->canary)
		add_line(to, "canary", canary_names[m->canary]);
	if (m->expect)
		add_line(to, "expect", expect_names[m->expect]);
	text_printf(to, "%-9s %u of %u\n", "shard", monitor_shard(m->name, strlen(m->name), s->shards), s->shards);
}

static void print_one(struct text *to, const struct monitor_row *row, const struct settings *s)
{
	struct text raw = { 0 };
	add_line(to, "name", row->there->name);
	if (row->broken[0])
		add_line(to, "broken", row->broken);
	else
		add_members(to, &row->m, s);
	text_add_bytes(&raw, row->there->json, row->there->json_len);
	add_line(to, "in Redis", raw.data);
	text_free(&raw);
}

static int show(const struct list_values *set, struct redis_link *link, char *name)
{
	char why[STORE_WHY_MAX];
	struct snapshot one;
	struct settings settings;
	struct text out = { 0 };
	struct monitor_row row;
	int status = CLI_USAGE;
	int bad = snapshot_some(&one, link, set->prefix, &name, 1, why, sizeof why);
	if (!bad && one.monitor[0].json) {
		const int settings_bad = monitor_store_settings(link, set->prefix, &settings, why, sizeof why);
		monitor_row_make(&row, &one.monitor[0]);
		if (set->output)
			monitor_row_json(&out, &row);
		else
			print_one(&out, &row, &settings);
		text_add(&out, set->output ? "\n" : "");
		if (settings_bad)
			cli_refuse(&show_table, 0, "%s", why); /* the monitor itself is shown nevertheless */
		else
			settings_free(&settings);
		status = finish(&show_table, &out, row.broken[0] ? CLI_DOWN : CLI_UP);
		monitor_row_free(&row);
	} else if (bad)
		status = monitors_failed(&show_table, link, why);
	else
		monitors_unknown(&show_table, link, set->prefix, name);
	snapshot_free(&one);
	return status;
}

int cmd_monitors_show(int argc, char **argv)
{
	struct list_values set;
	int operand, status;
	if (!cli_options(&show_table, argc, argv, &set, &operand, &status))
		return status;
	struct redis_link *link = monitors_reach(&show_table, set.redis, set.state, set.prefix, &status);
	if (!link)
		return status;
	status = show(&set, link, argv[operand]);
	redis_link_free(link);
	return status;
}
