/* notifier.c - all channels of one process: starts and ends their threads, makes their groups, trims the outboxes,
 * and says how they fare.
 * In: the channels of the configuration, the shards that this process holds.  Out: a teller for each channel.
 * Owns: the tellers, and one thread with a link of its own that trims, because a channel that hangs must not let the
 * outboxes of the others grow. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/outbox.h"
#include "alerts/teller.h"
#include "base/wait.h"
#include "wire/stream_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MS 5000
#define TRIM_MS 10000
#define KEEP_WITHOUT_CHANNELS_MS 3600000 /* nobody reads; somebody may look */
#define REFRESH_MS 30000

struct notifier {
	struct notifier_config config;
	struct retry_schedule schedule;
	struct teller **teller;
	unsigned tellers;
	struct redis_link *link; /* of the trimming thread */
	pthread_t trimmer;
	bool trims;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ending; /* under lock */
	_Atomic uint64_t shards;
};

/* ---- groups ---- */

static const struct channel *channel_of_group(const struct notifier *n, const char *group)
{
	char mine[STREAM_KEY_MAX];
	for (unsigned i = 0; i < n->config.channels; i++) {
		outbox_group(mine, n->config.channel[i].name);
		if (strcmp(mine, group) == 0)
			return &n->config.channel[i];
	}
	return NULL;
}

/* A channel that is not configured any more would keep the outbox from ever being trimmed. */
static void drop_old_groups(const struct notifier *n, struct redis_link *link, const char *key)
{
	struct redis_reply *groups = redis_ask(link, "XINFO GROUPS %s", key);
	for (size_t i = 0; i < reply_count(groups); i++) {
		const struct redis_reply *group = reply_at(groups, i);
		const char *name = reply_text(reply_pair(group, "name"), NULL);
		if (strncmp(name, "notify:", 7) != 0 || channel_of_group(n, name))
			continue;
		redis_reply_free(redis_ask(link, "XGROUP DESTROY %s %s", key, name));
		log_warnx("a channel is not configured any more; what it had not told is dropped", LOG_S("group", name),
			  LOG_U("pending", reply_integer(reply_pair(group, "pending"))),
			  LOG_U("unread", reply_integer(reply_pair(group, "lag"))));
	}
	redis_reply_free(groups);
}

int notifier_claim(const struct notifier *n, struct redis_link *link, unsigned shard)
{
	char key[STREAM_KEY_MAX], group[STREAM_KEY_MAX];
	alerts_key(key, n->config.prefix, shard, ALERTS_OUTBOX);
	for (unsigned i = 0; i < n->config.channels; i++) {
		outbox_group(group, n->config.channel[i].name);
		int made = stream_group_make(link, key, group, "$");
		if (made < 0)
			return made;
	}
	drop_old_groups(n, link, key);
	return redis_link_is_up(link) ? 0 : -EIO;
}

/* ---- trimming ---- */

static void trim(struct notifier *n)
{
	unsigned wait_ms;
	uint64_t shards = atomic_load(&n->shards);
	for (unsigned s = 0; s < SETTINGS_SHARDS_MAX; s++) {
		char key[STREAM_KEY_MAX];
		if (!(shards >> s & 1) || redis_link_up(n->link, &wait_ms) != 0)
			continue;
		alerts_key(key, n->config.prefix, s, ALERTS_OUTBOX);
		stream_trim(n->link, key, n->config.channels ? 0 : KEEP_WITHOUT_CHANNELS_MS);
	}
}

static void *trim_run(void *arg)
{
	struct notifier *n = arg;
	uint64_t every_ns = (n->config.trim_ms ? n->config.trim_ms : TRIM_MS) * NS_PER_MS;
	pthread_mutex_lock(&n->lock);
	for (uint64_t due_ns = clock_ns() + every_ns; !n->ending;) {
		wait_until_ns(&n->wake, &n->lock, due_ns);
		if (n->ending || clock_ns() < due_ns)
			continue;
		pthread_mutex_unlock(&n->lock);
		trim(n);
		pthread_mutex_lock(&n->lock);
		due_ns = clock_ns() + every_ns;
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

/* ---- life ---- */

static bool start_tellers(struct notifier *n, char *why, size_t why_len)
{
	n->teller = calloc(n->config.channels + 1, sizeof(*n->teller));
	for (unsigned i = 0; i < n->config.channels && n->teller; i++) {
		struct teller_config config = {
			.url = &n->config.url, .prefix = n->config.prefix, .channel = &n->config.channel[i],
			.schedule = &n->schedule, .refresh_ms = n->config.refresh_ms ? n->config.refresh_ms : REFRESH_MS,
		};
		n->teller[i] = teller_start(&config, why, why_len);
		if (!n->teller[i])
			return false;
		n->tellers++;
	}
	return n->teller;
}

struct notifier *notifier_start(const struct notifier_config *config, char *why, size_t why_len)
{
	struct notifier *n = calloc(1, sizeof(*n));
	snprintf(why, why_len, "no memory");
	if (!n)
		return NULL;
	n->config = *config;
	pthread_mutex_init(&n->lock, NULL);
	wait_init(&n->wake);
	if (retry_schedule_parse(&n->schedule, config->schedule ? config->schedule : RETRY_SCHEDULE, why, why_len) &&
	    (n->link = redis_link_new(&config->url, "portwatch-alerts:trim", REPLY_MS)) && start_tellers(n, why, why_len)) {
		n->trims = pthread_create(&n->trimmer, NULL, trim_run, n) == 0;
		if (n->trims)
			return n;
	}
	notifier_stop(n, 0);
	return NULL;
}

void notifier_shards(struct notifier *n, uint64_t shards)
{
	atomic_store(&n->shards, shards);
	for (unsigned i = 0; i < n->tellers; i++)
		teller_shards(n->teller[i], shards);
}

void notifier_stop(struct notifier *n, unsigned wait_ms)
{
	uint64_t end_ns = clock_ns() + wait_ms * NS_PER_MS;
	pthread_mutex_lock(&n->lock);
	n->ending = true;
	pthread_cond_broadcast(&n->wake);
	pthread_mutex_unlock(&n->lock);
	for (unsigned i = 0; i < n->tellers; i++)
		teller_ask_to_end(n->teller[i]);
	for (unsigned i = 0; i < n->tellers; i++)
		teller_end(n->teller[i], end_ns);
	if (n->trims) {
		redis_link_interrupt(n->link);
		pthread_join(n->trimmer, NULL);
	}
	if (n->link)
		redis_link_free(n->link);
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->lock);
	free(n->teller);
	free(n);
}

/* ---- metrics ---- */

static void family(struct text *t, const char *name, const char *type, const char *help)
{
	text_printf(t, "# HELP portwatch_alerts_%s %s\n# TYPE portwatch_alerts_%s %s\n", name, help, name, type);
}

static void sample(struct text *t, const struct teller *teller, const char *name, const char *outcome)
{
	text_printf(t, "portwatch_alerts_%s{channel=\"", name);
	for (const char *c = teller_channel(teller)->name; *c; c++) {
		if (*c == '\\' || *c == '"')
			text_add(t, "\\");
		text_add_bytes(t, *c == '\n' ? " " : c, 1);
	}
	text_printf(t, outcome ? "\",outcome=\"%s\"} " : "\"} ", outcome);
}

static double age_s(const struct teller_counters *c)
{
	uint64_t oldest_ms = atomic_load(&c->oldest_ms), now_ms = clock_wall_ms();
	return oldest_ms && oldest_ms < now_ms ? (double)(now_ms - oldest_ms) / MS_PER_S : 0;
}

void notifier_metrics(const struct notifier *n, struct text *into)
{
	if (n->tellers == 0)
		return;
	family(into, "deliveries_total", "counter", "Events that a channel is done with, by how.");
	for (unsigned i = 0; i < n->tellers; i++)
		for (unsigned o = 0; o < OUTCOMES; o++) {
			sample(into, n->teller[i], "deliveries_total", outcome_names[o]);
			text_printf(into, "%" PRIu64 "\n", atomic_load(&teller_counters(n->teller[i])->outcome[o]));
		}
	family(into, "retries_total", "counter", "Deliveries that failed and are to be tried again.");
	for (unsigned i = 0; i < n->tellers; i++) {
		sample(into, n->teller[i], "retries_total", NULL);
		text_printf(into, "%" PRIu64 "\n", atomic_load(&teller_counters(n->teller[i])->retries));
	}
	family(into, "outbox_waiting", "gauge", "Events that wait to be told over a channel.");
	for (unsigned i = 0; i < n->tellers; i++) {
		sample(into, n->teller[i], "outbox_waiting", NULL);
		text_printf(into, "%" PRIu64 "\n", atomic_load(&teller_counters(n->teller[i])->waiting));
	}
	family(into, "outbox_age_seconds", "gauge", "Age of the oldest event that waits to be told over a channel.");
	for (unsigned i = 0; i < n->tellers; i++) {
		sample(into, n->teller[i], "outbox_age_seconds", NULL);
		text_printf(into, "%.3f\n", age_s(teller_counters(n->teller[i])));
	}
	family(into, "channel_up", "gauge", "1: the last delivery over the channel was taken, or none was tried yet.");
	for (unsigned i = 0; i < n->tellers; i++) {
		sample(into, n->teller[i], "channel_up", NULL);
		text_printf(into, "%d\n", atomic_load(&teller_counters(n->teller[i])->up));
	}
}
