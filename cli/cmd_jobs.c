/* cmd_jobs.c - portwatch jobs push: puts ad hoc jobs on an engine's queue.
 * In: targets, each perhaps with the name of its monitor.  Out: stream entries; a line on stderr that says how many.
 * Owns: the list and the link, until it returns. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/job_push.h"
#include "cli/probe_options.h"
#include "cli/redis_reach.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { REACH_MS = 3000 };

struct jobs_values {
	const char *region, *redis, *prefix, *monitor_prefix;
	struct option_list files;
	uint64_t shard, expires_ms;
	bool hot;
	struct probe_options probe;
	struct tls_options tls;
};

static const struct option jobs_rows[] = {
	{ "region", 0, OPTION_TEXT, .value = "NAME", .required = true, .at = offsetof(struct jobs_values, region),
	  .sentence = "whose engines shall probe" },
	REDIS_OPTION(struct jobs_values, true),
	{ "file", 'f', OPTION_LIST, .value = "FILE", .at = offsetof(struct jobs_values, files),
	  .sentence = "read TARGET or MONITOR TARGET from FILE, one a line, # begins a comment; - is standard input",
	  .only_flag = true },
	{ "shard", 0, OPTION_COUNT, .preset = "0", .max = 65535, .at = offsetof(struct jobs_values, shard),
	  .sentence = "which of the region's streams", .only_flag = true },
	{ "hot", 0, OPTION_FLAG, .at = offsetof(struct jobs_values, hot),
	  .sentence = "use the stream that is read before the scheduled jobs", .only_flag = true },
	{ "monitor-prefix", 0, OPTION_TEXT, .value = "TEXT", .at = offsetof(struct jobs_values, monitor_prefix),
	  .sentence = "put TEXT before each monitor's name, which is the target where none is given", .only_flag = true },
	PROBE_OPTION_TIMEOUT(struct jobs_values, 't'),
	PROBE_OPTION_CLOSE(struct jobs_values),
	PROBE_OPTION_SETTLE(struct jobs_values),
	PROBE_OPTION_IP(struct jobs_values),
	PROBE_OPTION_ADDRESSES(struct jobs_values),
	PROBE_OPTION_EXPECT(struct jobs_values),
	TLS_OPTIONS(struct jobs_values),
	TLS_OPTIONS_LEFT(struct jobs_values),
	{ "expires", 0, OPTION_DURATION, .preset = "60s", .min = 1, .max = JOB_EXPIRES_MAX_MS,
	  .at = offsetof(struct jobs_values, expires_ms), .sentence = "a job this old is not probed any more",
	  .only_flag = true },
	PREFIX_OPTION(struct jobs_values),
	{ 0 },
};

static const struct option_table jobs_table = {
	.program = "portwatch jobs push",
	.synopsis = "--region NAME --redis URL [-f FILE] [TARGET...]",
	.about = "Puts jobs on the queue of a region's engines; portwatch tail shows what became of them.",
	.examples = "portwatch jobs push --region eu --redis redis://127.0.0.1 192.0.2.10:5432\n"
		    "portwatch jobs push --region eu --redis unix:///run/redis.sock --hot -f monitors.txt\n"
		    "portwatch jobs push --region eu --redis redis://127.0.0.1 --starttls smtp --expires 1h mx.example.net:25",
	.footer = "Exit status: 0 all jobs are queued; 3 the command line or a file is wrong, nothing was queued; 4 Redis was not "
		  "reached or refused, what was queued is said.",
	.env_prefix = "PORTWATCH",
	.options = jobs_rows,
	.operands_max = UINT_MAX,
};

static int push_all(const struct jobs_values *set, const struct redis_url *url, struct job_push *push)
{
	char why[1024], key[STREAM_KEY_MAX];
	stream_key(key, set->prefix, set->region, (unsigned)set->shard, set->hot ? STREAM_HOT : STREAM_JOBS);
	interrupt_watch();
	push->link = redis_reach(url, "portwatch-jobs", REACH_MS, why, sizeof why);
	if (!push->link)
		return cli_refuse(&jobs_table, CLI_INTERNAL, "%s", why);
	push->key = key;
	push->slot_ms = clock_wall_ms();
	const int error = job_push(push, why, sizeof why);
	redis_link_free(push->link);
	if (error)
		cli_refuse(&jobs_table, CLI_INTERNAL, "%s", why);
	if (!error || push->jobs)
		fprintf(stderr, "%zu job%s in %zu entr%s went to %s\n", push->jobs, push->jobs == 1 ? "" : "s", push->entries,
			push->entries == 1 ? "y" : "ies", key);
	return error ? CLI_INTERNAL : CLI_UP;
}

static bool is_fine(const struct jobs_values *set, struct redis_url *url, struct job_options *options, struct tls_wish *wish,
		    bool *tls, char *why, size_t why_len)
{
	return tls_options_apply(&set->tls, wish, NULL, tls, why, why_len) &&
	       redis_reach_region_is_fine(set->region, why, why_len) &&
	       redis_reach_prefix_is_fine(set->prefix, why, why_len) && redis_reach_parse(set->redis, url, why, why_len) &&
	       probe_options_apply(&set->probe, options, why, why_len);
}

static int jobs_push(int argc, char **argv)
{
	struct jobs_values set = { 0 }; /* probe has members that are no options here */
	struct target_list targets = { .monitored = true };
	struct job_push push = { .targets = &targets };
	struct redis_url url;
	char why[1024];
	struct tls_wish wish;
	bool tls;
	int operand, status = CLI_USAGE;

	if (!cli_options(&jobs_table, argc, argv, &set, &operand, &status))
		return status;
	if (!is_fine(&set, &url, &push.options, &wish, &tls, why, sizeof why))
		return cli_refuse(&jobs_table, CLI_USAGE, "%s", why);
	push.tls = tls ? &wish : NULL;
	push.options.expires_ms = (unsigned)set.expires_ms;
	push.expect_address = set.probe.expect_address;
	targets.monitor_prefix = set.monitor_prefix;
	if (target_list_fill(&targets, argc, argv, operand, &set.files, jobs_table.program))
		status = push_all(&set, &url, &push);
	target_list_free(&targets);
	return status;
}

int cmd_jobs(int argc, char **argv)
{
	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_ERROR);
	if (argc > 1 && strcmp(argv[1], "push") == 0)
		return jobs_push(argc - 1, argv + 1);
	const bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
	if (help) {
		options_help(&jobs_table, stdout);
		return CLI_UP;
	}
	fputs("portwatch jobs: what shall be done with jobs? There is: portwatch jobs push; see portwatch jobs --help\n", stderr);
	return CLI_USAGE;
}
