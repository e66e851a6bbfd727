/* cmd_doctor.c - portwatch doctor: what would hinder probing here, and the command that mends it.
 * In: this machine, and the Redis that --redis names.  Out: a table of findings; status 1 if one is bad.
 * Owns: nothing.  It changes nothing: each command it shows is for its reader to run. */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/doctor.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/redis_reach.h"
#include "wire/job.h"

#include <stdio.h>

struct doctor_values {
	const char *redis, *prefix;
	int output, colour;
	uint64_t timeout_ms, inflight;
};

static const char *const formats[] = { "table", "json", NULL };

static const struct option doctor_rows[] = {
	REDIS_OPTION(struct doctor_values, false),
	PREFIX_OPTION(struct doctor_values),
	{ "output", 'o', OPTION_CHOICE, .preset = "table", .choices = formats, .at = offsetof(struct doctor_values, output),
	  .sentence = "the form of the report", .only_flag = true },
	{ "timeout", 't', OPTION_DURATION, .preset = "3200ms", .min = 1, .max = JOB_TIMEOUT_MAX_MS,
	  .at = offsetof(struct doctor_values, timeout_ms), .sentence = "how long probes shall wait", .only_flag = true },
	{ "inflight", 0, OPTION_COUNT, .preset = "16384", .min = 1, .max = 1048576,
	  .at = offsetof(struct doctor_values, inflight), .sentence = "how many probes shall wait at the same time",
	  .only_flag = true },
	{ "color", 0, OPTION_CHOICE, .preset = "auto", .choices = colour_choices,
	  .at = offsetof(struct doctor_values, colour), .sentence = "auto: on a terminal, unless NO_COLOR is set",
	  .only_flag = true },
	{ 0 },
};

static const struct option_table doctor_table_of_options = {
	.program = "portwatch doctor",
	.synopsis = "[--redis URL] [OPTION...]",
	.about = "Looks for what would hinder probing on this machine and says how to mend it. It changes nothing.",
	.examples = "portwatch doctor\n"
		    "portwatch doctor --redis redis://127.0.0.1:6379 -o json | jq '.checks[] | select(.verdict != \"ok\")'",
	.footer = "Exit status: 0 nothing is bad, perhaps there are warnings; 1 something is bad; 3 the command line is wrong; "
		  "4 the report cannot be written.",
	.env_prefix = "PORTWATCH",
	.options = doctor_rows,
};

static int print(const struct doctor_values *set, const struct doctor_report *report)
{
	struct text out = { 0 };
	int status = CLI_UP;
	if (set->output)
		doctor_json(&out, report);
	else
		doctor_table(&out, report, colour_wanted((enum colour_choice)set->colour, 1));
	for (unsigned i = 0; i < report->count; i++)
		if (report->finding[i].verdict == DOCTOR_BAD)
			status = CLI_DOWN;
	const int error = output_write(&out);
	text_free(&out);
	return error ? output_failed(doctor_table_of_options.program, error) : status;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_values set;
	struct doctor_report report = { 0 };
	struct redis_url url;
	char why[600];
	int operand, status;

	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_ERROR);
	if (!cli_options(&doctor_table_of_options, argc, argv, &set, &operand, &status))
		return status;
	if (!redis_reach_prefix_is_fine(set.prefix, why, sizeof why) ||
	    (set.redis && !redis_reach_parse(set.redis, &url, why, sizeof why)))
		return cli_refuse(&doctor_table_of_options, CLI_USAGE, "%s", why);
	interrupt_watch();
	struct doctor_host host = { .proc = "/proc", .timeout_ms = set.timeout_ms, .inflight = set.inflight,
				    .redis_here = set.redis && doctor_redis_is_here(&url) };
	getrlimit(RLIMIT_NOFILE, &host.nofile);
	doctor_host(&host, &report);
	if (set.redis)
		doctor_redis(&url, set.prefix, &report);
	return print(&set, &report);
}
