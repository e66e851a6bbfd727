/* daemon.c - see daemon.h. */
#include "base/daemon.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

const char *const daemon_log_formats[] = { "logfmt", "json", NULL };
const char *const daemon_log_levels[] = { "error", "warn", "info", "debug", NULL };

_Noreturn void daemon_usage(const struct option_table *table, const char *why)
{
	fprintf(stderr, "%s: %s\n(see %s --help)\n", table->program, why, table->program);
	exit(EXIT_USAGE);
}

_Noreturn void daemon_internal(const char *what, const char *why)
{
	log_errorx(what, LOG_S("why", why));
	exit(EXIT_INTERNAL);
}

void daemon_begin(const struct option_table *table, int argc, char **argv, void *values, struct daemon_values *common)
{
	char why[OPTIONS_WHY_MAX];
	int operand;
	enum option_outcome outcome = options_read(table, argc, argv, values, &operand, why, sizeof(why));

	if (outcome == OPTIONS_HELP) {
		options_help(table, stdout);
		exit(EXIT_SUCCESS);
	}
	if (outcome == OPTIONS_BAD)
		daemon_usage(table, why);
	if (common->version) {
		printf("%s %s\n", table->program, PACKAGE_VERSION);
		exit(EXIT_SUCCESS);
	}
	if (common->metrics && !http_listen_is_fine(common->metrics, why, sizeof(why))) {
		char bad[sizeof(why) + 16];
		snprintf(bad, sizeof(bad), "--metrics: %s", why);
		daemon_usage(table, bad);
	}
	log_setup((enum log_format)common->log_format, (enum log_level)common->log_level);
}

void daemon_block_signals(sigset_t *ends)
{
	sigemptyset(ends);
	sigaddset(ends, SIGTERM);
	sigaddset(ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, ends, NULL);
	signal(SIGPIPE, SIG_IGN);
}

struct http_server *daemon_metrics(const struct daemon_values *common, const struct http_page *pages)
{
	char why[512];
	struct http_server *http = common->metrics ? http_server_start(common->metrics, pages, why, sizeof(why)) : NULL;

	if (common->metrics && !http)
		daemon_internal("cannot serve metrics", why);
	return http;
}
