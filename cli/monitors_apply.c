/* monitors_apply.c - portwatch monitors apply|diff: from a file to Redis.
 * In: a configuration.  Out: what differs is written, and a line for each.
 * Why so: how it is written stands in monitor_apply.c; here is what a person must be asked before. */
#include "cli/config_load.h"
#include "cli/monitor_apply.h"
#include "cli/monitors.h"
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>

struct apply_values {
	const char *redis, *state, *prefix, *file;
	bool dry_run, quiet, remove_all, reshard;
};

#define FILE_OPTION                                                                                                       \
	{ "file", 'f', OPTION_TEXT, .value = "PATH", .required = true, .only_flag = true, .at = offsetof(struct apply_values, file), \
	  .sentence = "the YAML file, or a directory of them" }
#define QUIET_OPTION                                                                                                      \
	{ "quiet", 'q', OPTION_FLAG, .only_flag = true, .at = offsetof(struct apply_values, quiet),                      \
	  .sentence = "only say how many there are, not which" }

static const struct option apply_rows[] = {
	FILE_OPTION,
	REDIS_OPTION(struct apply_values, false),
	STATE_OPTION(struct apply_values),
	{ "dry-run", 'n', OPTION_FLAG, .only_flag = true, .at = offsetof(struct apply_values, dry_run),
	  .sentence = "say what would change and write nothing" },
	{ "remove-all", 0, OPTION_FLAG, .only_flag = true, .at = offsetof(struct apply_values, remove_all),
	  .sentence = "take a file without monitors at its word" },
	{ "reshard", 0, OPTION_FLAG, .only_flag = true, .at = offsetof(struct apply_values, reshard),
	  .sentence = "change shards: although monitors were decided about, which begin anew in another shard" },
	QUIET_OPTION,
	PREFIX_OPTION(struct apply_values),
	{ 0 },
};

static const struct option_table apply_table = {
	.program = "portwatch monitors apply",
	.synopsis = "-f PATH [--redis URL] [--dry-run]",
	.about = "Writes settings and monitors to Redis; those that are there and not in the file are removed. Only "
		 "what differs is written. A monitor that was paused by hand stays paused, unless the file says paused: "
		 "true or false.",
	.examples = "portwatch monitors apply -f portwatch.yaml --redis redis://127.0.0.1 --dry-run\n"
		    "portwatch monitors apply -f /etc/portwatch/monitors.d --redis redis://127.0.0.1",
	.footer = "Lines: + added, ~ changed, - removed. Exit status: 0 Redis holds what the file says; 3 the command "
		  "line or the file "
		  "is wrong, nothing was written; 4 Redis was not reached or refused, what was written is said.",
	.env_prefix = "PORTWATCH",
	.options = apply_rows,
};

static const struct option diff_rows[] = {
	FILE_OPTION,
	REDIS_OPTION(struct apply_values, false),
	STATE_OPTION(struct apply_values),
	QUIET_OPTION,
	PREFIX_OPTION(struct apply_values),
	{ 0 },
};

static const struct option_table diff_table = {
	.program = "portwatch monitors diff",
	.synopsis = "-f PATH [--redis URL]",
	.about = "Says what portwatch monitors apply would change, and writes nothing.",
	.examples = "portwatch monitors diff -f portwatch.yaml --redis redis://127.0.0.1",
	.footer = "Lines: + would be added, ~ changed, - removed. Exit status: 0 nothing; 1 something; 3 the command "
		  "line or the file "
		  "is wrong; 4 Redis was not reached or refuses.",
	.env_prefix = "PORTWATCH",
	.options = diff_rows,
};

/* What was asked for, and with what. */
struct task {
	const struct option_table *table;
	const struct apply_values *set;
	const struct config *config;
	bool dry;
	int status; /* when something differs, then the one to end with */
};

static bool refuse(struct task *task, const char *what, const char *flag)
{
	task->status = cli_refuse(task->table, CLI_USAGE, "%s; if that is meant, say %s", what, flag);
	return false;
}

/* A file that lost its monitors, or another file by mistake, must not silence everything; nor must another number of
 * shards, which costs what was decided. */
static bool agree(void *arg, const struct monitor_plan *plan)
{
	struct task *task = arg;
	char moves[400], what[600];
	monitor_apply_moves(moves, sizeof moves, plan);
	if (task->dry) {
		if (*moves)
			fprintf(stderr, "%s\n", moves);
		return false;
	}
	if (!task->config->monitors && plan->removed && !task->set->remove_all) {
		snprintf(what, sizeof what, "%.300s has no monitors, and %zu would be removed", task->set->file,
			 plan->removed);
		return refuse(task, what, "--remove-all");
	}
	if (*moves && !task->set->reshard) {
		snprintf(what, sizeof what, "%s. Engines must be started with --shards 0-%u", moves, plan->shards - 1);
		return refuse(task, what, "--reshard, best while nothing is down");
	}
	return true;
}

static int print_plan(const struct task *task, struct monitor_plan *plan)
{
	char count[160];
	if (!task->set->quiet) {
		const int error = output_write(&plan->lines);
		if (error)
			return output_failed(task->table->program, error);
	}
	monitor_apply_count(count, sizeof count, plan);
	fprintf(stderr, "%s%s\n", task->dry ? "would be: " : "", count);
	return monitor_plan_is_empty(plan) ? CLI_UP : task->status;
}

static int print_trouble(const struct task *task, const struct monitor_apply *a)
{
	const int status = monitors_failed(task->table, a->link, a->why);
	if (a->written)
		fprintf(stderr, "%zu of %zu changes were written; the same command again writes the others\n",
			a->written, a->plan.changes);
	return status;
}

static int run_task(struct task *task)
{
	int status;
	struct monitor_apply a = {
		.link = monitors_reach(task->table, task->set->redis, task->set->state, task->set->prefix, &status),
		.prefix = task->set->prefix,
		.config = task->config,
		.agree = agree,
		.arg = task,
	};
	if (!a.link)
		return status;
	const int error = monitor_apply(&a);
	if (!error || (error == -ECANCELED && task->dry))
		status = print_plan(task, &a.plan);
	else
		status = error == -ECANCELED ? task->status : print_trouble(task, &a);
	monitor_apply_free(&a);
	redis_link_free(a.link);
	return status;
}

static int with_file(struct task *task, int argc, char **argv, struct apply_values *set)
{
	struct config config;
	int operand, status;
	if (!cli_options(task->table, argc, argv, set, &operand, &status))
		return status;
	if (!config_load(task->table, set->file, &config))
		return CLI_USAGE;
	task->set = set;
	task->config = &config;
	task->dry |= set->dry_run;
	status = run_task(task);
	task->config = NULL;
	config_free(&config);
	return status;
}

int cmd_monitors_apply(int argc, char **argv)
{
	struct apply_values set = { 0 };
	struct task task = { .table = &apply_table, .status = CLI_UP };
	return with_file(&task, argc, argv, &set);
}

int cmd_monitors_diff(int argc, char **argv)
{
	struct apply_values set = { 0 };
	struct task task = { .table = &diff_table, .status = CLI_DOWN, .dry = true };
	return with_file(&task, argc, argv, &set);
}
