/* monitors_apply.c - portwatch monitors apply|diff: from a file to Redis.
 * In: a configuration.  Out: transactions that hold nothing but what differs, and a line for each.
 * Why so: what is to be written is judged from a snapshot, and every chunk is written only if its monitors still are
 * what the snapshot says; when somebody was faster all is read and judged again. */
#include "cli/config_load.h"
#include "cli/monitor_plan.h"
#include "cli/monitors.h"
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>

struct apply_values {
	const char *redis, *prefix, *file;
	bool dry_run, quiet, remove_all;
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
	{ "dry-run", 'n', OPTION_FLAG, .only_flag = true, .at = offsetof(struct apply_values, dry_run),
	  .sentence = "say what would change and write nothing" },
	{ "remove-all", 0, OPTION_FLAG, .only_flag = true, .at = offsetof(struct apply_values, remove_all),
	  .sentence = "take a file without monitors at its word" },
	QUIET_OPTION,
	PREFIX_OPTION(struct apply_values),
	{ 0 },
};

static const struct option_table apply_table = {
	.program = "portwatch monitors apply",
	.synopsis = "-f PATH --redis URL [--dry-run]",
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
	QUIET_OPTION,
	PREFIX_OPTION(struct apply_values),
	{ 0 },
};

static const struct option_table diff_table = {
	.program = "portwatch monitors diff",
	.synopsis = "-f PATH --redis URL",
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
	struct redis_link *link;
	bool dry;
	int status; /* when something differs */
};

static int print_plan(const struct task *task, struct monitor_plan *plan)
{
	if (!task->set->quiet) {
		const int error = output_write(&plan->lines);
		if (error)
			return output_failed(task->table->program, error);
	}
	fprintf(stderr, "%s%zu added, %zu changed, %zu removed, %zu as they were\n", task->dry ? "would be: " : "",
		plan->added, plan->changed, plan->removed, plan->same);
	return monitor_plan_is_empty(plan) ? CLI_UP : task->status;
}

/* A file that lost its monitors, or another file by mistake, must not silence everything. */
static bool would_empty(const struct task *task, const struct monitor_plan *plan)
{
	return !task->config->monitors && plan->removed && !task->set->remove_all && !task->dry;
}

/* -EAGAIN: somebody was faster; else *status says how it ended. */
static int try_once(const struct task *task, int *status)
{
	char why[STORE_WHY_MAX];
	struct snapshot there;
	struct monitor_plan plan = { 0 };
	size_t written = 0;
	int bad = snapshot_all(&there, task->link, task->set->prefix, why, sizeof why);
	if (!bad)
		monitor_plan_make(&plan, task->config, &there);
	if (!bad && would_empty(task, &plan))
		*status = cli_refuse(task->table, CLI_USAGE,
				     "%s has no monitors, and %zu would be removed; if that is meant, say --remove-all",
				     task->set->file, plan.removed);
	else {
		if (!bad && !task->dry)
			bad = monitor_store_write(task->link, task->set->prefix, plan.settings, plan.change,
						  plan.changes, &written, why, sizeof why);
		if (!bad)
			*status = print_plan(task, &plan);
		else if (bad != -EAGAIN) {
			*status = monitors_failed(task->table, task->link, why);
			if (written)
				fprintf(stderr,
					"%zu of %zu changes were written; the same command again writes the others\n",
					written, plan.changes);
		}
	}
	monitor_plan_free(&plan);
	snapshot_free(&there);
	return bad;
}

static int run_task(struct task *task)
{
	int status;
	task->link = monitors_reach(task->table, task->set->redis, task->set->prefix, &status);
	if (!task->link)
		return status;
	int bad = -EAGAIN;
	for (int i = 0; bad == -EAGAIN && i < MONITORS_TRIES_MAX; i++)
		bad = try_once(task, &status);
	if (bad == -EAGAIN)
		status = cli_refuse(task->table, CLI_INTERNAL,
				    "others write the same monitors all the time; try again later");
	redis_link_free(task->link);
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
