/* cmd_tail.c - portwatch tail: reads results from Redis and prints them as words, for as long as somebody looks; with
 * --alerts events instead (tail_alerts.c).
 * In: result streams.  Out: rows.
 * Owns: the link, the places in the streams, the printer.
 * Why so: reads of a quarter of a second each, so that Ctrl-C and --timeout are noticed without a second thread; an idle
 * one costs Redis four commands a second.  New streams are found by a walk over all keys of the database (SCAN, 1,000 a
 * step, so a million keys are a thousand commands) every 10 s, or every 2 s while there is no stream to read; with
 * --region and --shard the name is known and nothing is walked. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/interrupt.h"
#include "cli/redis_choice.h"
#include "cli/tail_alerts.h"
#include "cli/tail_printer.h"
#include "cli/tail_streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BLOCK_MS = 250,
	FIND_AGAIN_MS = 10000,
	FIND_FIRST_MS = 2000, /* while there is none: somebody waits for the first result, and reads cost nothing yet */
	REPLY_MS = 5000,
};

struct tail_values {
	const char *redis, *state, *prefix, *from, *monitor, *fields, *shard;
	struct option_list regions;
	uint64_t most, timeout_ms;
	int output, colour;
	bool list_fields, alerts;
};

/* Without json: an object that is never closed would help nobody. */
static const char *const tail_formats[] = { "table", "ndjson", "csv", NULL };
static const enum output_format tail_format[] = { OUTPUT_TABLE, OUTPUT_NDJSON, OUTPUT_CSV };

static const struct option tail_rows[] = {
	REDIS_OPTION(struct tail_values, false),
	STATE_OPTION(struct tail_values),
	{ "alerts", 0, OPTION_FLAG, .at = offsetof(struct tail_values, alerts), .only_flag = true,
	  .sentence = "what was decided instead of results: who is DOWN, UP, has a path issue, and who was told" },
	{ "region", 0, OPTION_LIST, .value = "NAME", .at = offsetof(struct tail_values, regions),
	  .sentence = "only results of this region; without it all are shown" },
	{ "shard", 0, OPTION_TEXT, .value = "N|all", .preset = "all", .at = offsetof(struct tail_values, shard),
	  .sentence = "only this one of a region's streams", .only_flag = true },
	{ "monitor", 0, OPTION_TEXT, .value = "NAME", .at = offsetof(struct tail_values, monitor),
	  .sentence = "only what is about this monitor", .only_flag = true },
	{ "from", 0, OPTION_TEXT, .preset = "now", .value = "start|now|ID", .at = offsetof(struct tail_values, from),
	  .sentence = "where to begin: with the oldest result there is, with the next, or behind an entry's id",
	  .only_flag = true },
	{ "count", 'n', OPTION_COUNT, .preset = "0", .at = offsetof(struct tail_values, most),
	  .sentence = "end after N results; 0: never", .only_flag = true },
	{ "timeout", 't', OPTION_DURATION, .preset = "0", .at = offsetof(struct tail_values, timeout_ms),
	  .sentence = "end when no result came for so long; 0: never", .only_flag = true },
	{ "output", 'o', OPTION_CHOICE, .preset = "table", .choices = tail_formats,
	  .at = offsetof(struct tail_values, output), .sentence = "the form of the results", .only_flag = true },
	{ "fields", 0, OPTION_TEXT, .value = "A,B,...", .at = offsetof(struct tail_values, fields),
	  .sentence = "which fields, in which order; in any form", .only_flag = true },
	{ "list-fields", 0, OPTION_FLAG, .at = offsetof(struct tail_values, list_fields), .only_flag = true,
	  .sentence = "say which fields there are (needs no --redis)" },
	{ "color", 0, OPTION_CHOICE, .preset = "auto", .choices = colour_choices,
	  .at = offsetof(struct tail_values, colour), .sentence = "auto: on a terminal, unless NO_COLOR is set",
	  .only_flag = true },
	PREFIX_OPTION(struct tail_values),
	{ 0 },
};

static const struct option_table tail_table = {
	.program = "portwatch tail",
	.synopsis = "[--redis URL] [--alerts] [--region NAME]... [OPTION...]",
	.about = "Prints results as the engines publish them, or with --alerts what is decided from them. Nothing is "
		 "taken from anybody: it only looks.",
	.examples = "portwatch tail --redis redis://127.0.0.1 --region eu\n"
		    "portwatch tail --redis redis://127.0.0.1 --from start -o ndjson --timeout 5s | jq .verdict\n"
		    "portwatch tail --alerts --from start",
	.footer = "Exit status: 0 Ctrl-C, or --count was reached, or --timeout passed; 1 --timeout passed before --count "
		  "was reached; 3 the command line is wrong; 4 Redis refuses, or the output cannot be written.",
	.env_prefix = "PORTWATCH",
	.options = tail_rows,
};

struct tail {
	struct redis_link *link;
	struct tail_streams streams;
	struct tail_printer printer;
	uint64_t timeout_ms;
	uint64_t news_ns;	   /* when the last result came */
	uint64_t found_ns;	   /* when streams were last looked for */
	bool said_too_many;
	const char *refused;	   /* Redis said no in a way that waiting does not mend */
	int write_error;
};

static void take_entry(void *arg, const struct stream_entry *entry)
{
	struct tail *tail = arg;
	const uint64_t before = tail->printer.printed;
	tail_streams_seen(&tail->streams, entry);
	tail_printer_take(&tail->printer, entry);
	if (tail->printer.printed != before)
		tail->news_ns = clock_ns();
}

static void pause_ms(unsigned ms)
{
	const struct timespec time = { .tv_nsec = (long)((ms < BLOCK_MS ? ms : BLOCK_MS) * NS_PER_MS) };
	nanosleep(&time, NULL); /* ends early with a signal */
}

/* What to do about an error reply or a broken link: go on later, or end. */
static void think_again(struct tail *tail, int error)
{
	const enum redis_trouble trouble = redis_link_trouble(tail->link);
	if (error != -EREMOTEIO)
		return; /* the link is down and comes back by itself */
	if (trouble == TROUBLE_FORBIDDEN || trouble == TROUBLE_MOVED || trouble == TROUBLE_OTHER)
		tail->refused = redis_link_error(tail->link);
	else
		redis_link_drop(tail->link, redis_link_error(tail->link));
}

static int find_streams(struct tail *tail)
{
	const unsigned every_ms = tail->streams.count ? FIND_AGAIN_MS : FIND_FIRST_MS;
	if (tail->streams.looked && clock_ns() - tail->found_ns < every_ms * NS_PER_MS)
		return 0;
	const int error = tail_streams_find(&tail->streams, tail->link);
	tail->found_ns = clock_ns(); /* when the walk has ended: a long one is not begun again at once */
	if (tail->streams.too_many && !tail->said_too_many) {
		tail->said_too_many = true;
		fprintf(stderr, "%s: there are more than %d result streams, the others are not read; choose with --region or "
				"--shard\n", tail_table.program, TAIL_STREAMS_MAX);
	}
	return error;
}

static int read_streams(struct tail *tail)
{
	char why[256];
	if (!tail->streams.count) {
		pause_ms(BLOCK_MS);
		return 0;
	}
	tail_streams_ask(&tail->streams, tail->link, BLOCK_MS);
	struct redis_reply *reply = redis_read(tail->link, BLOCK_MS);
	int error = !reply ? -EIO : reply_is_error(reply) ? -EREMOTEIO : 0;
	if (!error && stream_read_each(reply, take_entry, tail, why, sizeof why) < 0) {
		redis_link_drop(tail->link, why);
		error = -EIO;
	}
	redis_reply_free(reply);
	return error;
}

static bool is_over(const struct tail *tail)
{
	return interrupted() || tail->refused || tail->write_error || tail_printer_has_enough(&tail->printer) ||
	       (tail->timeout_ms && clock_ns() - tail->news_ns >= tail->timeout_ms * NS_PER_MS);
}

static void follow(struct tail *tail)
{
	tail->news_ns = clock_ns();
	while (!is_over(tail)) {
		unsigned wait_ms;
		if (redis_link_up(tail->link, &wait_ms) < 0) {
			if (redis_link_trouble(tail->link) == TROUBLE_FORBIDDEN)
				tail->refused = redis_link_error(tail->link);
			else
				pause_ms(wait_ms);
			continue;
		}
		int error = find_streams(tail);
		if (!error)
			error = read_streams(tail);
		if (error)
			think_again(tail, error);
		tail->write_error = tail_printer_flush(&tail->printer);
	}
}

static int end(const struct tail *tail)
{
	const struct tail_printer *printer = &tail->printer;
	if (tail->write_error)
		return output_failed(tail_table.program, tail->write_error);
	if (tail->refused)
		return cli_refuse(&tail_table, CLI_INTERNAL, "Redis refused: %s\n%s", tail->refused,
				  redis_reach_advice(redis_link_trouble(tail->link)));
	return printer->most && printer->printed < printer->most && !interrupted() ? CLI_DOWN : CLI_UP;
}

static bool prepare(const struct tail_values *set, struct tail *tail, struct redis_url *url, char *why, size_t why_len)
{
	struct tail_printer *printer = &tail->printer;
	printer->format = tail_format[set->output];
	printer->coloured = colour_wanted((enum colour_choice)set->colour, 1);
	printer->monitor = set->monitor;
	printer->most = set->most;
	row_columns_default(&printer->columns, ROW_RESULT, printer->format);
	tail->timeout_ms = set->timeout_ms;
	tail->streams.prefix = set->prefix;
	tail->streams.regions = &set->regions;
	tail->streams.from = set->from;
	for (unsigned i = 0; i < set->regions.count; i++)
		if (!redis_reach_region_is_fine(set->regions.item[i], why, why_len))
			return false;
	return redis_reach_prefix_is_fine(set->prefix, why, why_len) && tail_from_is_fine(set->from, why, why_len) &&
	       tail_shard_parse(set->shard, &tail->streams.shard, why, why_len) &&
	       (!set->fields || row_columns_parse(&printer->columns, ROW_RESULT, set->fields, why, why_len)) &&
	       redis_choice(set->redis, set->state, url, why, why_len);
}

static int list_fields(void)
{
	struct text out = { 0 };
	row_list_fields(&out, ROW_RESULT);
	const int error = output_write(&out);
	text_free(&out);
	return error ? output_failed(tail_table.program, error) : CLI_UP;
}

static int run(const struct tail_values *set, struct tail *tail)
{
	char why[512];
	struct redis_url url;
	if (!prepare(set, tail, &url, why, sizeof why))
		return cli_refuse(&tail_table, CLI_USAGE, "%s", why);
	tail->link = redis_link_new(&url, "portwatch-tail", REPLY_MS);
	if (!tail->link)
		return cli_refuse(&tail_table, CLI_INTERNAL, "no memory");
	tail_printer_init(&tail->printer);
	interrupt_watch();
	follow(tail);
	const int status = end(tail);
	redis_link_free(tail->link);
	tail_printer_free(&tail->printer);
	return status;
}

static int run_alerts(const struct tail_values *set)
{
	char why[1024];
	struct tail_alerts alerts = { .table = &tail_table, .prefix = set->prefix, .from = set->from, .monitor = set->monitor,
				      .most = set->most, .timeout_ms = set->timeout_ms,
				      .json = tail_format[set->output] == OUTPUT_NDJSON,
				      .coloured = colour_wanted((enum colour_choice)set->colour, 1) };
	if (tail_format[set->output] == OUTPUT_CSV || set->fields || set->regions.count ||
	    strcmp(set->shard, "all") != 0)
		return cli_refuse(&tail_table, CLI_USAGE,
				  "--alerts: an event has no region, shard or fields of its own, and no form csv");
	if (!redis_reach_prefix_is_fine(set->prefix, why, sizeof why) ||
	    !tail_from_is_fine(set->from, why, sizeof why) ||
	    !redis_choice(set->redis, set->state, &alerts.url, why, sizeof why))
		return cli_refuse(&tail_table, CLI_USAGE, "%s", why);
	return tail_alerts(&alerts);
}

int cmd_tail(int argc, char **argv)
{
	struct tail_values set;
	int operand, status;

	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN);
	if (!cli_options(&tail_table, argc, argv, &set, &operand, &status))
		return status;
	if (set.list_fields)
		return list_fields();
	if (set.alerts)
		return run_alerts(&set);
	struct tail *tail = calloc(1, sizeof *tail);
	if (!tail)
		return cli_refuse(&tail_table, CLI_INTERNAL, "no memory");
	status = run(&set, tail);
	free(tail);
	return status;
}
