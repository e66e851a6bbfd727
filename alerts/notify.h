/* notify.h - tells people over their channels what stands in the outbox.
 *
 * The outbox of a shard, pw:{alerts.S}:outbox, is a stream of events: fields id (the event's, the idempotency key), type
 * ("monitor.down"), monitor ("" for the system's own), incident (the dedupe key), page (1: somebody is woken, 0: a notice),
 * resolved (0|1) and b: the JSON that a webhook carries.  Each channel reads it as consumer group "notify:NAME", with a thread of its
 * own, so that one that hangs delays nobody else; an event is acknowledged when it was delivered or given up, so what a
 * dead process did not deliver is delivered by the next.  Order is kept within a monitor: no UP before its DOWN. */
#ifndef ALERTS_NOTIFY_H
#define ALERTS_NOTIFY_H

#include "base/text.h"
#include "config/channel.h"
#include "wire/redis_url.h"

#include <stdatomic.h>

/* One event as it came from the outbox; texts live as long as the call they are handed to. */
struct notice {
	const char *id, *type, *monitor, *incident;
	bool page, resolved;
	const char *body; /* JSON, ended by 0 */
	size_t body_len;
};

enum delivery {
	DELIVERED,
	DELIVERY_LATER,	  /* try again: no answer, 429, 5xx */
	DELIVERY_REFUSED, /* this event will never be taken (400): given up, said in log and metrics */
	DELIVERY_DISABLED /* 410: the channel is not used any more until a restart; its events are given up */
};

/* What a kind of channel can do; one table row each, notify_*.c.  All calls come from the channel's own thread and may
 * block for at most NOTIFY_TIMEOUT_MS. */
#define NOTIFY_TIMEOUT_MS 15000
struct notify_ops {
	const char *type; /* "webhook", "alertmanager", "slack", "pagerduty", "smtp", "exec" */
	/* NULL: why says what the configuration lacks. */
	void *(*open)(const struct channel *c, char *why, size_t why_len);
	/* answer: what the other side said, for the log ("HTTP 503", "550 no such user"). *retry_after_s: 0 unless it said so. */
	enum delivery (*deliver)(void *self, const struct notice *n, char *answer, size_t answer_len, unsigned *retry_after_s);
	/* Every 30 s, or NULL: what must be said again while it holds (Alertmanager). */
	void (*refresh)(void *self);
	void (*close)(void *self);
};

/* All channels of one process. */
struct notifier;
struct notifier_config {
	struct redis_url url;
	const char *prefix;
	const struct channel *channel; /* borrowed */
	unsigned channels;
};
struct notifier *notifier_start(const struct notifier_config *config, char *why, size_t why_len);
/* The shards whose outboxes this process serves, a bit each; from any thread, at once in force. */
void notifier_shards(struct notifier *n, uint64_t shards);
/* Ends the threads: what is being delivered gets up to wait_ms to finish, the rest stays in the outbox. */
void notifier_stop(struct notifier *n, unsigned wait_ms);
/* portwatch_alerts_deliveries_total{channel,outcome}, ..._retries_total, ..._outbox_age_seconds, ..._channel_up. */
void notifier_metrics(const struct notifier *n, struct text *into);

/* Sends a test event over one channel now, without Redis.  answer holds what the other side said. */
enum delivery notify_test(const struct channel *c, char *answer, size_t answer_len);

#endif
