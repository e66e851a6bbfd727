/* main.c - portwatch-alerts: options in, one pipeline and its channels, signals. */
#include "alerts/dead_man.h"
#include "alerts/metrics.h"
#include "alerts/pipeline.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/must.h"
#include "base/own_name.h"
#include "config/config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHANNELS_WAIT_MS 5000 /* for what is being delivered when we are told to leave; the rest stays in the outbox */

struct values {
	const char *redis, *prefix, *name, *monitors, *test;
	struct daemon_values common;
};

#define AT(field) .at = offsetof(struct values, field)
static const struct option options[] = {
	{ .name = "redis", .type = OPTION_TEXT, .value = "URL", AT(redis),
	  .sentence = "where results come from: redis://host:port/db, rediss://, unix:///path" },
	{ .name = "prefix", .type = OPTION_TEXT, .preset = STREAM_PREFIX, .value = "TEXT", AT(prefix),
	  .sentence = "first part of every key in Redis" },
	{ .name = "name", .type = OPTION_TEXT, .value = "NAME", AT(name),
	  .sentence = "who we are among the alerts processes (default: host name and process id)" },
	{ .name = "monitors", .type = OPTION_TEXT, .value = "FILE", AT(monitors),
	  .sentence = "YAML file or directory of monitors, of which notify: and dead_man: are used here" },
	{ .name = "test", .type = OPTION_TEXT, .value = "CHANNEL", .only_flag = true, AT(test),
	  .sentence = "send a test event over that channel of --monitors and leave" },
	DAEMON_OPTIONS(struct values),
};

static const struct option_table table = {
	.program = "portwatch-alerts",
	.synopsis = "--redis URL [OPTION]...",
	.about = "Reads results from Redis, decides what is down, has it confirmed from all regions, and tells people.",
	.examples = "  portwatch-alerts --redis redis://127.0.0.1:6379 --monitors /etc/portwatch/monitors.yaml\n"
		    "  portwatch-alerts --monitors monitors.yaml --test hook\n",
	.footer = "SIGTERM: gives its shards back and leaves; what is not delivered stays in the outbox for the next.\n"
		  "Exit status: 0 done, 1 the test event was not delivered, 3 usage or configuration, 4 internal.\n",
	.env_prefix = "PORTWATCH_ALERTS",
	.options = options,
};

static atomic_bool stop;

static void check_values(struct values *v)
{
	if (!v->name)
		v->name = own_name();
	if (!stream_name_is_plain(v->name, NAME_MAX_LEN))
		daemon_usage(&table, "--name: 1 to 64 of letters, digits, dot, dash and underscore");
	if (!stream_name_is_plain(v->prefix, PREFIX_MAX_LEN))
		daemon_usage(&table, "--prefix: 1 to 32 of letters, digits, dot, dash and underscore");
	if (!v->redis && !v->test)
		daemon_usage(&table, "--redis is required");
	if (v->test && !v->monitors)
		daemon_usage(&table, "--test needs --monitors, where the channel is described");
}

/* Without a file nobody is told: events then only stand in the log and the outbox. */
static void read_channels(const struct values *v, struct config *c)
{
	struct text errors = { 0 };
	*c = (struct config){ 0 };
	if (!v->monitors)
		return;
	unsigned count = config_read(c, v->monitors, &errors);
	if (count) {
		fprintf(stderr, "%sportwatch-alerts: %s: errors: %u\n", errors.data ? errors.data : "", v->monitors, count);
		exit(EXIT_USAGE);
	}
	text_free(&errors);
}

static int test_channel(const char *name, const struct config *c)
{
	char answer[512] = "", why[128];
	for (unsigned i = 0; i < c->channels; i++) {
		if (strcmp(c->channel[i].name, name) != 0)
			continue;
		bool delivered = notify_test(&c->channel[i], answer, sizeof(answer)) == DELIVERED;
		fprintf(delivered ? stdout : stderr, "%s: %s: %s\n", name, delivered ? "delivered" : "not delivered", answer);
		return delivered ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	snprintf(why, sizeof(why), "--test: there is no channel %.64s in the file", name);
	daemon_usage(&table, why);
}

static void on_signal(int number)
{
	atomic_store(&stop, true);
	signal(number, SIG_DFL); /* a second one ends the process at once */
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void say_ready(const struct values *v, const struct redis_url *redis, const struct config *c, const struct http_server *http)
{
	char url[256];
	redis_url_show(redis, url, sizeof(url));
	log_info("ready", LOG_S("name", v->name), LOG_S("redis", url), LOG_U("channels", c->channels),
		 LOG_S("dead_man", c->dead_man_url ? "yes" : "no"), LOG_U("metrics_port", http ? http_server_port(http) : 0));
}

int main(int argc, char **argv)
{
	static struct alerts_counters counters;
	struct values v;
	struct config c;
	struct redis_url url;
	char why[512];

	daemon_begin(&table, argc, argv, &v, &v.common);
	check_values(&v);
	read_channels(&v, &c);
	if (v.test) {
		int status = test_channel(v.test, &c);
		config_free(&c);
		return status;
	}
	if (redis_url_parse(v.redis, &url, why, sizeof(why)) < 0 || redis_link_possible(&url, why, sizeof(why)) < 0)
		daemon_usage(&table, why);
	catch_signals();

	const struct notifier_config told = { .url = url, .prefix = v.prefix, .channel = c.channel, .channels = c.channels };
	struct notifier *notifier = notifier_start(&told, why, sizeof(why));
	if (!notifier)
		daemon_internal("cannot start the channels", why);
	why[0] = 0;
	struct dead_man *dead_man = dead_man_start(c.dead_man_url, c.dead_man_every_ms, why, sizeof(why));
	if (why[0])
		daemon_internal("cannot start the dead man's calls", why);
	struct metrics metrics = { &counters, notifier, dead_man, v.name, PACKAGE_VERSION };
	const struct http_page pages[] = { { "/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_write, &metrics }, { 0 } };
	struct http_server *http = daemon_metrics(&v.common, pages);
	const struct pipeline_config config = { url, v.prefix, v.name, notifier, dead_man, &counters };
	struct alerts *a = pipeline_new(&config);
	if (!a)
		daemon_internal("cannot start", "no memory or no descriptor");
	say_ready(&v, &url, &c, http);

	pipeline_run(a, &stop);
	log_info("leaving", LOG_U("results", counters.results));
	if (http)
		http_server_stop(http);
	dead_man_stop(dead_man);
	notifier_stop(notifier, CHANNELS_WAIT_MS);
	pipeline_free(a);
	config_free(&c);
	return EXIT_SUCCESS;
}
