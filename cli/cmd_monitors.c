/* cmd_monitors.c - portwatch monitors: the monitors in Redis, as people write and read them.
 * In: argv.  Out: the exit status of what is done with them.
 * Owns: nothing.  Why so: each verb has its own table of options and its own file; here is what they have in common. */
#include "cli/monitors.h"

#include "base/log.h"
#include "base/must.h"
#include "cli/interrupt.h"
#include "wire/target.h"

#include <stdio.h>
#include <stdlib.h>

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis, *sentence;
} verbs[] = {
	{ "apply", cmd_monitors_apply, "-f PATH", "make Redis hold what a file or a directory says" },
	{ "diff", cmd_monitors_diff, "-f PATH", "say what apply would change" },
	{ "list", cmd_monitors_list, "", "print all monitors" },
	{ "show", cmd_monitors_show, "NAME", "print one with everything that is known of it" },
	{ "pause", cmd_monitors_pause, "NAME...", "stop probing them until they are resumed" },
	{ "resume", cmd_monitors_resume, "NAME...", "probe them again" },
	{ "remove", cmd_monitors_remove, "NAME...", "forget them" },
	{ 0 },
};

struct redis_link *monitors_reach(const struct option_table *table, const char *redis, const char *state,
				  const char *prefix, int *status)
{
	struct redis_url url;
	char why[1024];
	*status = CLI_USAGE;
	struct redis_link *link = NULL;
	if (redis_reach_prefix_is_fine(prefix, why, sizeof why) && redis_choice(redis, state, &url, why, sizeof why)) {
		*status = CLI_INTERNAL;
		interrupt_watch();
		link = redis_reach(&url, "portwatch-monitors", MONITORS_REACH_MS, why, sizeof why);
	}
	if (!link)
		cli_refuse(table, *status, "%s", why);
	return link;
}

int monitors_failed(const struct option_table *table, const struct redis_link *link, const char *why)
{
	const char *advice = redis_reach_advice_on(link, why);
	return cli_refuse(table, CLI_INTERNAL, "%s%s%s", why, advice ? "\n" : "", advice ? advice : "");
}

void monitors_unknown(const struct option_table *table, struct redis_link *link, const char *prefix, const char *name)
{
	char why[STORE_WHY_MAX], shown[QUOTED_MAX];
	struct snapshot all;
	const char *near = NULL;
	quoted(shown, name, strlen(name));
	if (snapshot_all(&all, link, prefix, why, sizeof why) == 0) {
		const char **names = calloc(all.count + 1, sizeof *names);
		must(names);
		for (size_t i = 0; i < all.count; i++)
			names[i] = all.monitor[i].name;
		near = nearest_name(name, names);
		free(names);
	}
	if (near) {
		char meant[QUOTED_MAX];
		cli_refuse(table, 0, "there is no monitor %s, did you mean %s?", shown,
			   quoted(meant, near, strlen(near)));
	} else
		cli_refuse(table, 0, "there is no monitor %s; 'portwatch monitors list' tells which there are", shown);
	snapshot_free(&all);
}

static void print_help(FILE *to)
{
	fputs("Usage: portwatch monitors VERB [--redis URL] [OPTION...]\n\nVerbs:\n", to);
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(to, "  %-7s %-8s %s\n", v->name, v->synopsis, v->sentence);
	fputs("\n'portwatch monitors VERB --help' tells the options and exit codes of each.\n", to);
}

static int refuse_unknown(const char *verb)
{
	const char *names[sizeof verbs / sizeof verbs[0]] = { 0 };
	for (size_t i = 0; verbs[i].name; i++)
		names[i] = verbs[i].name;
	const char *near = nearest_name(verb, names);
	fprintf(stderr, "portwatch monitors: \"%s\" is nothing that can be done with monitors%s%s%s\n", verb,
		near ? ", did you mean \"" : "; see portwatch monitors --help", near ? near : "", near ? "\"?" : "");
	return CLI_USAGE;
}

int cmd_monitors(int argc, char **argv)
{
	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_ERROR);
	const char *what = argc > 1 ? argv[1] : "";
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, what) == 0)
			return v->run(argc - 1, argv + 1);
	const bool help = strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0;
	if (*what && !help)
		return refuse_unknown(what);
	print_help(help ? stdout : stderr);
	return help ? CLI_UP : CLI_USAGE;
}
