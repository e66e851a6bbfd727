/* main.c - portwatch-scheduler: options in, one scheduler, signals. */
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/must.h"
#include "base/own_name.h"
#include "scheduler/metrics.h"
#include "scheduler/pipeline.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


struct values {
	const char *redis, *prefix, *name;
	uint64_t expires_ms;
	struct daemon_values common;
};

#define AT(field) .at = offsetof(struct values, field)
static const struct option options[] = {
	{ .name = "redis", .type = OPTION_TEXT, .value = "URL", .required = true, AT(redis),
	  .sentence = "where monitors, jobs and results are: redis://host:port/db, rediss://, unix:///path" },
	{ .name = "prefix", .type = OPTION_TEXT, .preset = STREAM_PREFIX, .value = "TEXT", AT(prefix),
	  .sentence = "first part of every key in Redis" },
	{ .name = "name", .type = OPTION_TEXT, .value = "NAME", AT(name),
	  .sentence = "name in the lease and the heartbeat, this process's alone (default: host name and process id)" },
	{ .name = "expires", .type = OPTION_DURATION, .preset = "60s", .min = 1000, .max = JOB_EXPIRES_DEFAULT_MS,
	  .value = "TIME", AT(expires_ms),
	  .sentence = "how old a slot may be when an engine gets to it; older ones are not probed" },
	DAEMON_OPTIONS(struct values),
};

static const struct option_table table = {
	.program = "portwatch-scheduler",
	.synopsis = "--redis URL [OPTION]...",
	.about = "Turns the monitors in Redis into jobs, each at its time, and keeps the ledger of what became of them.",
	.examples = "  portwatch-scheduler --redis redis://127.0.0.1:6379\n"
		    "  portwatch-scheduler --redis unix:///run/redis/redis.sock --metrics :9465\n",
	.footer = "Any number may run; one of them schedules, the others know everything and wait.\n"
		  "SIGTERM: hands over and leaves.  Exit status: 0 ended by a signal, 3 usage, 4 internal.\n",
	.env_prefix = "PORTWATCH_SCHEDULER",
	.options = options,
};

static void fill_config(const struct values *v, struct scheduler_config *config)
{
	char why[512];
	*config = (struct scheduler_config){ .prefix = v->prefix, .name = v->name ? v->name : own_name(),
					     .version = PACKAGE_VERSION, .expires_ms = (unsigned)v->expires_ms };
	if (!stream_name_is_plain(config->name, NAME_MAX_LEN))
		daemon_usage(&table, "--name: 1 to 64 of letters, digits, dot, dash and underscore");
	if (!stream_name_is_plain(v->prefix, PREFIX_MAX_LEN))
		daemon_usage(&table, "--prefix: 1 to 32 of letters, digits, dot, dash and underscore");
	if (redis_url_parse(v->redis, &config->url, why, sizeof(why)) < 0 ||
	    redis_link_possible(&config->url, why, sizeof(why)) < 0)
		daemon_usage(&table, why);
}

/* Steps until a signal comes; the wait for the next tick is the wait for a signal. */
static int run(struct scheduler *s, const sigset_t *ends)
{
	int which = 0;
	while (which <= 0) {
		unsigned us = schedule_step(s);
		struct timespec wait = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };
		which = sigtimedwait(ends, NULL, &wait);
		must(which > 0 || errno == EAGAIN || errno == EINTR);
	}
	return which;
}

int main(int argc, char **argv)
{
	struct values v;
	struct scheduler_config config;
	static struct scheduler_counters counters; /* 18 KB */
	char url[256];
	sigset_t ends;

	daemon_begin(&table, argc, argv, &v, &v.common);
	fill_config(&v, &config);
	daemon_block_signals(&ends);

	struct scheduler_metrics metrics = { &counters, config.name, config.version };
	const struct http_page pages[] = {
		{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", scheduler_metrics_write, &metrics }, { 0 }
	};
	struct http_server *http = daemon_metrics(&v.common, pages);
	struct scheduler *s = schedule_new(&config, &counters);
	if (!s)
		daemon_internal("cannot start", "no memory");
	redis_url_show(&config.url, url, sizeof(url));
	log_info("ready", LOG_S("scheduler", config.name), LOG_S("redis", url),
		 LOG_U("metrics_port", http ? http_server_port(http) : 0));

	int which = run(s, &ends);
	schedule_stop(s);
	log_info("ended", LOG_S("signal", strsignal(which)), LOG_U("jobs", counter_read(&counters.jobs)));
	if (http)
		http_server_stop(http);
	schedule_free(s);
	return EXIT_SUCCESS;
}
