/* cmd_probe.c - portwatch probe: tries TCP connections and says how each ended, with neither Redis nor configuration.
 * In: targets from arguments, files and standard input.  Out: results on stdout, all else on stderr, a status that scripts
 * can use.
 * Owns: the list, the printer and the run, until it returns. */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/interrupt.h"
#include "cli/probe_options.h"
#include "cli/probe_run.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

struct probe_values {
	struct option_list files;
	int output, connector, colour;
	struct probe_options probe;
	struct tls_options tls;
	uint64_t inflight, rate;
	struct option_list sources;
	const char *fields;
	bool list_fields;
};

/* 1000 in flight are polite to a router's connection tracking and still end 5,000 silent targets within 20 s. */
#define INFLIGHT_DEFAULT "1000"
#define INFLIGHT_MAX (PIPELINE_LANES_MAX * LANE_SLOTS_MAX)

static const struct option probe_rows[] = {
	{ "file", 'f', OPTION_LIST, .value = "FILE", .at = offsetof(struct probe_values, files),
	  .sentence = "read targets from FILE, one a line, # begins a comment; - is standard input" },
	{ "output", 'o', OPTION_CHOICE, .preset = "table", .choices = output_formats,
	  .at = offsetof(struct probe_values, output), .sentence = "the form of the results" },
	{ "fields", 0, OPTION_TEXT, .value = "A,B,...", .at = offsetof(struct probe_values, fields),
	  .sentence = "which fields, in which order; in any form" },
	{ "list-fields", 0, OPTION_FLAG, .at = offsetof(struct probe_values, list_fields), .only_flag = true,
	  .sentence = "say which fields there are" },
	PROBE_OPTION_TIMEOUT(struct probe_values, 't'),
	PROBE_OPTION_CLOSE(struct probe_values),
	PROBE_OPTION_SETTLE(struct probe_values),
	PROBE_OPTION_POLICY(struct probe_values),
	PROBE_OPTION_IP(struct probe_values),
	PROBE_OPTION_ADDRESSES(struct probe_values),
	PROBE_OPTION_EXPECT(struct probe_values),
	PROBE_OPTION_RESOLVER(struct probe_values),
	TLS_OPTIONS(struct probe_values),
	TLS_OPTIONS_LEFT(struct probe_values),
	{ "connector", 0, OPTION_CHOICE, .preset = "auto", .choices = connector_choices,
	  .at = offsetof(struct probe_values, connector), .sentence = "what starts the connections" },
	{ "inflight", 0, OPTION_COUNT, .preset = INFLIGHT_DEFAULT, .min = 1, .max = INFLIGHT_MAX,
	  .at = offsetof(struct probe_values, inflight), .sentence = "connections tried at the same time, at most" },
	{ "source", 0, OPTION_LIST, .value = "ADDRESS", .at = offsetof(struct probe_values, sources),
	  .sentence = "leave from this address of this machine; several take turns" },
	{ "rate", 0, OPTION_COUNT, .preset = "0", .max = 10000000, .at = offsetof(struct probe_values, rate),
	  .sentence = "new connections a second, at most; 0: no limit" },
	{ "color", 0, OPTION_CHOICE, .preset = "auto", .choices = colour_choices,
	  .at = offsetof(struct probe_values, colour), .sentence = "auto: on a terminal, unless NO_COLOR is set" },
	{ 0 },
};

static const struct option_table probe_table = {
	.program = "portwatch probe",
	.synopsis = "TARGET... [-f FILE] [OPTION...]",
	.about = "Tries a TCP connection to each TARGET (HOST:PORT or [IPV6]:PORT) and says how it ended.",
	.examples = "portwatch probe 192.0.2.10:5432 [2001:db8::1]:443\n"
		    "portwatch probe -f targets.txt -o ndjson | jq -r 'select(.class == \"down\") | .target'\n"
		    "portwatch probe --starttls smtp --server-name mx.example.net 192.0.2.10:25\n"
		    "portwatch probe 192.0.2.10:22 --settle auto --fields target,verdict,rtt_us",
	.footer = "Exit status: 0 all targets are up; 1 at least one is down; 2 none is down but of some nothing is known; "
		  "3 the command line or a file is wrong, nothing was probed; 4 our own trouble.\n"
		  "Ctrl-C begins no further attempts, waits for those under way (at most --timeout and --settle) and prints "
		  "what there is; a second one leaves at once, without what was not printed yet.",
	.options = probe_rows,
	.operands_max = UINT_MAX,
};

static int list_fields(void)
{
	struct text out = { 0 };
	row_list_fields(&out, ROW_PROBE);
	const int error = output_write(&out);
	text_free(&out);
	return error ? output_failed(probe_table.program, error) : CLI_UP;
}

static bool add_sources(const struct option_list *texts, struct local_addresses *from, char *why, size_t why_len)
{
	for (unsigned i = 0; i < texts->count; i++)
		if (local_addresses_add(from, texts->item[i], why, why_len) < 0)
			return false;
	return true;
}

/* From the values to the run and its printer; false: why holds a sentence. */
static bool prepare(const struct probe_values *set, struct probe_run *run, char *why, size_t why_len)
{
	struct probe_printer *printer = run->printer;
	printer->format = (enum output_format)set->output;
	printer->coloured = colour_wanted((enum colour_choice)set->colour, 1);
	row_columns_default(&printer->columns, ROW_PROBE, printer->format);
	run->pipeline.connector = (enum connector_choice)set->connector;
	run->pipeline.rate = (double)set->rate;
	run->pipeline.policy = policy_new(set->probe.policy, why, why_len);
	run->expect_address = set->probe.expect_address;
	return run->pipeline.policy && (!set->fields || row_columns_parse(&printer->columns, ROW_PROBE, set->fields, why, why_len)) &&
	       probe_options_apply(&set->probe, &run->jobs, why, why_len) &&
	       probe_options_resolvers(&set->probe, run->pipeline.resolvers, why, why_len) &&
	       add_sources(&set->sources, &run->pipeline.from, why, why_len);
}

/* The certificate, if it is wanted; false: why holds a sentence. */
static bool prepare_tls(const struct probe_values *set, struct probe_run *run, struct tls_wish *wish, char *path,
			char *why, size_t why_len)
{
	bool wanted;
	if (!tls_options_apply(&set->tls, wish, path, &wanted, why, why_len))
		return false;
	run->tls = wanted ? wish : NULL;
	return true;
}

static void say_summary(const struct probe_run *run, const uint64_t ended[3])
{
	const uint64_t left = run->targets->count - run->taken;
	if (run->targets->count < 2)
		return;
	fprintf(stderr, "%zu targets in %.1f s: %" PRIu64 " up, %" PRIu64 " down, %" PRIu64 " unknown", run->targets->count,
		(double)run->elapsed_ns / 1e9, ended[CLASS_UP], ended[CLASS_DOWN], ended[CLASS_UNKNOWN]);
	if (left)
		fprintf(stderr, "; cut short, %" PRIu64 " were not begun", left);
	fputc('\n', stderr);
}

static int run_probes(const struct probe_values *set, struct probe_run *run)
{
	char why[512];
	struct progress progress;
	const size_t count = run->targets->count;
	run->pipeline.slots = count < set->inflight ? (unsigned)count : (unsigned)set->inflight;
	if (probe_printer_init(run->printer, run->targets) < 0)
		return cli_refuse(&probe_table, CLI_INTERNAL, "no memory for %zu results", count);
	progress_begin(&progress, !run->printer->rows);
	run->progress = count > 1 ? &progress : NULL;
	interrupt_watch();
	if (probe_run(run, why, sizeof why) < 0)
		return cli_refuse(&probe_table, CLI_INTERNAL, "%s", why);

	const int error = probe_printer_finish(run->printer);
	if (error)
		return output_failed(probe_table.program, error);
	uint64_t ended[3];
	probe_run_count(run, ended);
	say_summary(run, ended);
	if (ended[CLASS_DOWN])
		return CLI_DOWN;
	return !ended[CLASS_UNKNOWN] && run->taken == count ? CLI_UP : CLI_UNKNOWN;
}

int cmd_probe(int argc, char **argv)
{
	struct probe_values set;
	struct target_list targets = { 0 };
	struct probe_printer printer = { 0 };
	struct probe_run run = { .targets = &targets, .printer = &printer, .program = probe_table.program };
	char why[POLICY_WHY_MAX];
	int operand, status = CLI_USAGE;

	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN);
	if (!cli_options(&probe_table, argc, argv, &set, &operand, &status))
		return status;
	if (set.list_fields)
		return list_fields();
	struct tls_wish wish;
	char path[TLS_CA_MAX_LEN + 1];
	if (!prepare(&set, &run, why, sizeof why) || !prepare_tls(&set, &run, &wish, path, why, sizeof why))
		cli_refuse(&probe_table, CLI_USAGE, "%s", why);
	else if (target_list_fill(&targets, argc, argv, operand, &set.files, probe_table.program))
		status = run_probes(&set, &run);
	policy_free((struct address_policy *)run.pipeline.policy);
	probe_printer_free(&printer);
	target_list_free(&targets);
	return status;
}
