/* cmd_up.c - portwatch up: the whole pipeline on this machine, as one command.
 * In: the file of monitors.  Out: a private Redis if none is named, a scheduler, an engine for each region, an alerts
 * process, and a live view of what they find.
 * Owns: all of them; when it ends, none is left.
 * Why so: what it starts are the very programs that run as services elsewhere, with the same Redis between them:
 * there is no second way in which portwatch works. */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/config_load.h"
#include "cli/program.h"
#include "cli/redis_reach.h"
#include "cli/up.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option up_options[] = {
	{ "monitors", 'c', OPTION_TEXT, .value = "FILE", .at = offsetof(struct up_values, file), .required = true,
	  .sentence = "the file of monitors, or a folder of such files; a change is in force within seconds" },
	{ "redis", 0, OPTION_TEXT, .value = "URL", .at = offsetof(struct up_values, redis),
	  .sentence = "use this Redis; without it a private one is started, and ended with us" },
	{ "state", 0, OPTION_TEXT, .value = "FOLDER", .at = offsetof(struct up_values, state),
	  .sentence = "where the private Redis keeps its data (default: $XDG_STATE_HOME/portwatch, or "
		      "~/.local/state/portwatch)" },
	PREFIX_OPTION(struct up_values),
	{ "metrics", 0, OPTION_FLAG, .at = offsetof(struct up_values, metrics), .only_flag = true,
	  .sentence = "have each program serve /metrics on a loopback port, and say which" },
	{ "verbose", 'v', OPTION_FLAG, .at = offsetof(struct up_values, verbose), .only_flag = true,
	  .sentence = "show every line the programs log, not only warnings" },
	{ "color", 0, OPTION_CHOICE, .preset = "auto", .choices = colour_choices,
	  .at = offsetof(struct up_values, colour), .sentence = "auto: on a terminal, unless NO_COLOR is set",
	  .only_flag = true },
	{ 0 },
};

static const struct option_table up_table = {
	.program = "portwatch up",
	.synopsis = "-c FILE [--redis URL] [OPTION...]",
	.about = "Runs everything on this machine: scheduler, an engine for each region of the file, alerts, and a "
		 "private Redis between them. Shows what they find; Ctrl-C ends all of it.",
	.examples = "portwatch up -c examples/first.yaml\n"
		    "portwatch up -c /etc/portwatch/ --redis redis://127.0.0.1 | tee events.log",
	.footer = "SIGHUP, or a changed file: reads it again; one with errors is said and changes nothing.\n"
		  "First Ctrl-C or SIGTERM: ends in order, so that nothing is lost; the second: at once.\n"
		  "Exit status: 0 ended as asked; 3 the command line or the file is wrong, nothing was started; 4 "
		  "something could not be started, or the output cannot be written.",
	.env_prefix = "PORTWATCH",
	.options = up_options,
};

static bool read_file(struct up *up)
{
	if (!config_load(&up_table, up->set->file, &up->config))
		return false;
	if (up->config.regions)
		return true;
	cli_refuse(&up_table, 0, "%s names no regions, as in: regions: [here]", up->set->file);
	config_free(&up->config);
	return false;
}

/* unix:///path, in which other than plain characters stand as %XX. */
static void socket_url(char *into, size_t len, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
	size_t used = (size_t)snprintf(into, len, "unix://");
	for (; *path && used + 4 < len; path++)
		used += (size_t)snprintf(into + used, len - used, strchr(plain, *path) ? "%c" : "%%%02X",
					 (unsigned char)*path);
}

/* Which Redis: the URL for the programs goes into the environment. */
static bool choose_redis(struct up *up, char *why, size_t why_len)
{
	char text[3 * sizeof up->own.url.path + 8];
	up->is_private = !up->set->redis;
	up->own.lock = -1;
	if (!up->is_private) {
		up_programs_environment(up->set->redis, up->set->prefix);
		return redis_reach_parse(up->set->redis, &up->url, why, why_len);
	}
	if (!private_redis_find(&up->own, up->set->state, why, why_len) || !private_redis_take(&up->own, why, why_len))
		return false;
	up->url = up->own.url;
	socket_url(text, sizeof text, up->url.path);
	up_programs_environment(text, up->set->prefix);
	return true;
}

/* Said before anything is started: a terminal full of restarts would say the same. */
static bool have_programs(const struct up *up)
{
	static const char *const needed[] = { "portwatch-scheduler", "portwatch-engine", "portwatch-alerts",
					      "redis-server" };
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
		const bool is_redis = strcmp(needed[i], "redis-server") == 0;
		if (program_is_there(needed[i]) || (is_redis && up->set->redis))
			continue;
		cli_refuse(&up_table, 0, "cannot run %s, neither beside portwatch nor in PATH%s", needed[i],
			   is_redis ? "; install it, or name a Redis with --redis" : "");
		return false;
	}
	return true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

static int run(struct up *up)
{
	char why[1024], shown[128];
	if (!redis_reach_prefix_is_fine(up->set->prefix, why, sizeof why))
		return cli_refuse(&up_table, CLI_USAGE, "%s", why);
	if (!read_file(up))
		return CLI_USAGE;
	if (!have_programs(up)) {
		config_free(&up->config);
		return CLI_INTERNAL;
	}
	int status = up->set->redis ? CLI_USAGE : CLI_INTERNAL;
	if (choose_redis(up, why, sizeof why)) {
		redis_url_show(&up->url, shown, sizeof shown);
		snprintf(up->title, sizeof up->title, "portwatch up: %.80s, %s%s; Ctrl-C ends it",
			 base_name(up->set->file), up->is_private ? "with a Redis of its own" : "Redis at ",
			 up->is_private ? "" : shown);
		status = up_run(up);
		private_redis_leave(&up->own);
	} else {
		cli_refuse(&up_table, status, "%s", why);
	}
	config_free(&up->config);
	return status;
}

int cmd_up(int argc, char **argv)
{
	struct up_values set;
	int operand, status;

	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_ERROR);
	if (!cli_options(&up_table, argc, argv, &set, &operand, &status))
		return status;
	struct up *up = calloc(1, sizeof *up);
	if (!up)
		return cli_refuse(&up_table, CLI_INTERNAL, "no memory");
	up->set = &set;
	status = run(up);
	free(up);
	return status;
}
