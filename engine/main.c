/* main.c - portwatch-engine: options in, one pipeline, signals. */
#include "base/daemon.h"
#include "base/log.h"
#include "base/must.h"
#include "base/own_name.h"
#include "engine/job_stream.h"
#include "engine/metrics.h"
#include "engine/pipeline.h"
#include "engine/result_stream.h"
#include "wire/redis_link.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLISH_MS 15000 /* after the last attempt has ended; what Redis has not taken by then stays pending */

struct values {
	const char *region, *redis, *prefix, *shards, *consumer, *settle, *policy;
	uint64_t lanes, slots, rate, per_destination, keep_results_ms;
	int connector, coalesce;
	struct option_list source, resolver;
	struct daemon_values common;
};

static const char *const yes_no[] = { "yes", "no", NULL };
#define AT(field) .at = offsetof(struct values, field)
static const struct option options[] = {
	{ .name = "region", .type = OPTION_TEXT, .value = "NAME", .required = true, AT(region),
	  .sentence = "the region this engine probes from" },
	{ .name = "redis", .type = OPTION_TEXT, .value = "URL", .required = true, AT(redis),
	  .sentence = "where jobs come from: redis://host:port/db, rediss://, unix:///path" },
	{ .name = "prefix", .type = OPTION_TEXT, .preset = STREAM_PREFIX, .value = "TEXT", AT(prefix),
	  .sentence = "first part of every key in Redis" },
	{ .name = "shards", .type = OPTION_TEXT, .preset = "0", .value = "LIST", AT(shards),
	  .sentence = "shards to serve, e.g. 0 or 0,2 or 0-7" },
	{ .name = "consumer", .type = OPTION_TEXT, .value = "NAME", AT(consumer),
	  .sentence = "name in the consumer group (default: host name and process id)" },
	{ .name = "slots", .type = OPTION_COUNT, .preset = "10000", .min = 1, .max = 1000000, .value = "N", AT(slots),
	  .sentence = "connects in flight, over all lanes; clamped to RLIMIT_NOFILE" },
	{ .name = "lanes", .type = OPTION_COUNT, .preset = "0", .min = 0, .max = PIPELINE_LANES_MAX, .value = "N", AT(lanes),
	  .sentence = "threads that probe; 0: one for each 16384 slots" },
	{ .name = "connector", .type = OPTION_CHOICE, .preset = "auto", .choices = connector_choices, .value = "NAME", AT(connector),
	  .sentence = "how connections are made; auto takes epoll where io_uring is refused" },
	{ .name = "rate", .type = OPTION_COUNT, .preset = "0", .min = 0, .max = 10000000, .value = "N", AT(rate),
	  .sentence = "new connections a second at most; 0: no limit" },
	{ .name = "per-destination", .type = OPTION_COUNT, .preset = "0", .min = 0, .max = 1000000, .value = "N", AT(per_destination),
	  .sentence = "new connections a second to one address, over all monitors; what is over waits until it expires; 0: no limit" },
	{ .name = "policy", .type = OPTION_TEXT, .preset = "private", .value = "any|private|public|FILE", AT(policy),
	  .sentence = "which addresses may be probed; private: not this host, its link or cloud metadata; public: nothing special-purpose; "
		      "FILE: lines allow|deny CIDR [PORTS]" },
	{ .name = "coalesce", .type = OPTION_CHOICE, .preset = "yes", .choices = yes_no, .value = "yes|no", AT(coalesce),
	  .sentence = "whether identical jobs that are under way at the same time share one connection" },
	{ .name = "source", .type = OPTION_LIST, .value = "ADDRESS", AT(source),
	  .sentence = "address probes leave from" },
	{ .name = "resolver", .type = OPTION_LIST, .value = "ADDRESS[:PORT]", AT(resolver),
	  .sentence = "resolver for host names, instead of the system's" },
	{ .name = "settle", .type = OPTION_TEXT, .preset = "0", .value = "0|auto|MS", AT(settle),
	  .sentence = "how long to watch for a reset after the handshake, for jobs that do not say; auto: about two round trips" },
	{ .name = "keep-results", .type = OPTION_DURATION, .preset = "1h", .min = 1000, .max = 604800000, .value = "TIME", AT(keep_results_ms),
	  .sentence = "results older than this are trimmed from the stream" },
	DAEMON_OPTIONS(struct values),
};

static const struct option_table table = {
	.program = "portwatch-engine",
	.synopsis = "--region NAME --redis URL [OPTION]...",
	.about = "Takes connection jobs from Redis, tries them, publishes what became of each.",
	.examples = "  portwatch-engine --region eu --redis redis://127.0.0.1:6379\n"
		    "  portwatch-engine --region eu --redis unix:///run/redis/redis.sock --metrics :9464 --slots 16000\n",
	.footer = "SIGTERM: takes no more jobs, finishes and publishes what is in flight, leaves; a second one leaves at once.\n"
		  "Exit status: 0 drained, 1 left with jobs unpublished (they stay pending), 3 usage, 4 internal.\n",
	.env_prefix = "PORTWATCH_ENGINE",
	.options = options,
};

static void fill_place(const struct values *v, struct stream_place *place)
{
	char why[512];
	place->prefix = v->prefix;
	place->region = v->region;
	place->consumer = v->consumer ? v->consumer : own_name();
	if (!stream_name_is_plain(v->region, NAME_MAX_LEN))
		daemon_usage(&table, "--region: 1 to 64 of letters, digits, dot, dash and underscore");
	if (!stream_name_is_plain(place->consumer, NAME_MAX_LEN))
		daemon_usage(&table, "--consumer: 1 to 64 of letters, digits, dot, dash and underscore");
	if (!stream_name_is_plain(v->prefix, PREFIX_MAX_LEN))
		daemon_usage(&table, "--prefix: 1 to 32 of letters, digits, dot, dash and underscore");
	if (redis_url_parse(v->redis, &place->url, why, sizeof(why)) < 0 ||
	    redis_link_possible(&place->url, why, sizeof(why)) < 0 || shards_parse(v->shards, place, why, sizeof(why)) < 0)
		daemon_usage(&table, why);
}

static void fill_config(const struct values *v, struct pipeline_config *config)
{
	char why[POLICY_WHY_MAX], bad[POLICY_WHY_MAX + 16];
	*config = (struct pipeline_config){ .slots = (unsigned)v->slots, .lanes = (unsigned)v->lanes, .rate = (double)v->rate, .early = true,
					    .connector = (enum connector_choice)v->connector,
					    .per_destination = (unsigned)v->per_destination, .coalesce = v->coalesce == 0 };
	config->policy = policy_new(v->policy, why, sizeof(why));
	if (!config->policy) {
		snprintf(bad, sizeof(bad), "--policy: %s", why);
		daemon_usage(&table, bad);
	}
	for (unsigned i = 0; i < v->source.count; i++)
		if (local_addresses_add(&config->from, v->source.item[i], why, sizeof(why)) < 0)
			daemon_usage(&table, why);
	for (unsigned i = 0; i < v->resolver.count; i++)
		if (!resolver_list_add(config->resolvers, v->resolver.item[i], why, sizeof(why)))
			daemon_usage(&table, why);
}

static void say_ready(const struct metrics *m, const struct stream_place *place, const struct pipeline_config *config,
		      const struct http_server *http)
{
	struct pipeline_state state;
	char url[256];
	pipeline_look(m->pipeline, &state);
	redis_url_show(&place->url, url, sizeof(url));
	if (state.connector_why[0])
		log_warnx("io_uring is not available, epoll does its work", LOG_U("lanes", state.second_choice),
			  LOG_S("why", state.connector_why));
	log_info("ready", LOG_S("region", place->region), LOG_S("engine", place->consumer), LOG_S("redis", url),
		 LOG_S("connector", state.connector), LOG_U("slots", state.slots), LOG_U("lanes", state.lanes),
		 LOG_S("policy", policy_name(config->policy)), LOG_U("metrics_port", http ? http_server_port(http) : 0));
}

/* A first signal drains; a second one, back at its default, ends the process at once. */
static int run_until_drained(struct pipeline *p, const sigset_t *ends)
{
	struct pipeline_state state;
	int which;
	sigwait(ends, &which);
	pipeline_look(p, &state);
	log_info("draining", LOG_S("signal", strsignal(which)), LOG_U("in_flight", state.in_flight));
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, ends, NULL);
	pipeline_drain(p);
	bool drained = pipeline_wait(p, PUBLISH_MS);
	for (pipeline_look(p, &state); !drained && state.probing; pipeline_look(p, &state))
		drained = pipeline_wait(p, PUBLISH_MS); /* attempts end by their own timeout, JOB_TIMEOUT_MAX_MS at most */
	if (drained)
		log_info("drained", LOG_U("taken", state.taken), LOG_U("published", state.published));
	else
		log_errorx("left with jobs unpublished; they stay pending and another engine will claim them",
			   LOG_U("jobs", state.in_flight));
	return drained ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct values v;
	struct stream_place place;
	struct pipeline_config config;
	unsigned settle_ms;
	struct source_counters in = { 0 };
	struct sink_counters out = { 0 };
	char why[512];
	sigset_t ends;

	daemon_begin(&table, argc, argv, &v, &v.common);
	fill_place(&v, &place);
	fill_config(&v, &config);
	if (!settle_parse(v.settle, &settle_ms, why, sizeof(why)))
		daemon_usage(&table, why);
	daemon_block_signals(&ends);

	struct metrics metrics = { .source = &in, .sink = &out, .region = place.region, .consumer = place.consumer,
				   .version = PACKAGE_VERSION };
	struct source *source = job_stream_new(&place, settle_ms, &in);
	struct result_stream_config results = { .place = &place, .jobs = source, .keep_ms = v.keep_results_ms,
						.describe = metrics_heartbeat, .arg = &metrics };
	struct sink *sink = source ? result_stream_new(&results, &out) : NULL;
	if (!sink)
		daemon_internal("cannot start", "no memory");
	/* The page first: who cannot start must not have taken jobs. */
	const struct http_page pages[] = { { "/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_write, &metrics }, { 0 } };
	struct http_server *http = daemon_metrics(&v.common, pages);
	struct pipeline *pipeline = pipeline_start(&config, source, sink, why, sizeof(why));
	if (!pipeline)
		daemon_internal("cannot start", why);
	atomic_store(&metrics.pipeline, pipeline); /* page and heartbeat may already be asking */
	say_ready(&metrics, &place, &config, http);

	int status = run_until_drained(pipeline, &ends);
	if (http)
		http_server_stop(http);
	pipeline_free(pipeline);
	result_stream_free(sink);
	job_stream_free(source);
	policy_free((struct address_policy *)config.policy);
	return status;
}
