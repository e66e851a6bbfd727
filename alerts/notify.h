/* notify.h - tells people over their channels what stands in the outbox.
 *
 * The outbox of a shard, pw:{alerts.S}:outbox, is a stream of events: fields id (the event's, the idempotency key),
 * type ("monitor.down"), monitor ("" for the system's own), incident (the dedupe key), page (1: somebody is woken, 0:
 * a notice), resolved (0|1) and b: the JSON that a webhook carries.  Each channel reads it as consumer group
 * "notify:NAME", with a thread of its own, so that one that hangs delays nobody else; an event is acknowledged when
 * it was delivered or given up, so what a dead process did not deliver is delivered by the next.  Order is kept
 * within a monitor: no UP before its DOWN.
 *
 * What is given up (refused, disabled, tried for days) is copied to the stream pw:{alerts.S}:undelivered with the
 * channel and the reason.  What a channel must say again while it holds (Alertmanager) stands in the hash
 * pw:{alerts.S}:firing:NAME, incident -> event, so that the next process goes on saying it. */
#ifndef ALERTS_NOTIFY_H
#define ALERTS_NOTIFY_H

#include "alerts/post.h"
#include "base/text.h"
#include "config/channel.h"
#include "wire/redis_link.h"

#include <stdint.h>

/* One event as it came from the outbox; texts live as long as the call they are handed to. */
struct notice {
	const char *id, *type, *monitor, *incident;
	bool page, resolved;
	const char *body; /* JSON, ended by 0 */
	size_t body_len;
	const struct notice *began; /* of a resolved one, for channels with refresh: what it ends; NULL: not known */
};

enum delivery {
	DELIVERED,
	DELIVERY_LATER,	  /* try again: no answer, 429, 5xx */
	DELIVERY_REFUSED, /* this event will never be taken (400): given up, said in log and metrics */
	DELIVERY_DISABLED /* 410: the channel is not used any more until a restart; its events are given up */
};

/* What a kind of channel can do; one table row each, notify_*.c.  All calls come from the channel's own thread and
 * may block for at most NOTIFY_TIMEOUT_MS.  answer: what the other side said, for the log, and when it wants to be
 * asked again. */
#define NOTIFY_TIMEOUT_MS 15000
#define NOTIFY_FOLD_MAX 50
struct notify_ops {
	const char *type; /* "webhook", "alertmanager", "slack", "pagerduty", "smtp", "exec" */
	unsigned most;	  /* notices that one deliver() takes, 1 .. NOTIFY_FOLD_MAX; no two of one monitor */
	unsigned gap_ms;  /* least time from one deliver() to the next, 0: none */
	bool closes_test; /* a test event is followed by its end, or somebody would have to close it by hand */
	/* NULL: why says what the configuration lacks.  stop: becomes true when the process cannot wait any longer. */
	void *(*open)(const struct channel *c, const atomic_bool *stop, char *why, size_t why_len);
	enum delivery (*deliver)(void *self, const struct notice *n, unsigned count, struct post_answer *answer);
	/* Every 30 s, or NULL: what must be said again while it holds, and for five minutes after it ended.  False: not
	 * heard. */
	bool (*refresh)(void *self, const struct notice *standing, unsigned count, struct post_answer *answer);
	void (*close)(void *self);
};
extern const struct notify_ops notify_webhook, notify_alertmanager, notify_slack, notify_pagerduty, notify_smtp,
	notify_exec;
const struct notify_ops *notify_ops_of(enum channel_type type);

/* All channels of one process. */
struct notifier;
struct notifier_config {
	struct redis_url url;
	const char *prefix;
	const struct channel *channel; /* borrowed */
	unsigned channels;
	const char *schedule;	       /* waits before each try, "0s 5s 5m"; NULL: RETRY_SCHEDULE */
	unsigned refresh_ms;	       /* 0: 30 s */
	unsigned trim_ms;	       /* 0: the outboxes are trimmed every 10 s */
};
struct notifier *notifier_start(const struct notifier_config *config, char *why, size_t why_len);
/* Who takes a shard calls this before it puts the first event into the outbox: makes the group of every channel, so
 * that nothing is missed and a new channel is not told of old events.  0, or -EIO, -EREMOTEIO: see
 * redis_link_error(link). */
int notifier_claim(const struct notifier *n, struct redis_link *link, unsigned shard);
/* The shards whose outboxes this process serves, a bit each; from any thread, at once in force. */
void notifier_shards(struct notifier *n, uint64_t shards);
/* Ends the threads: what is being delivered gets up to wait_ms to finish, the rest stays in the outbox. */
void notifier_stop(struct notifier *n, unsigned wait_ms);
/* portwatch_alerts_deliveries_total{channel,outcome}, ..._retries_total, ..._outbox_age_seconds, ..._channel_up. */
void notifier_metrics(const struct notifier *n, struct text *into);

/* Sends a test event over one channel now, without Redis.  answer holds what the other side said. */
enum delivery notify_test(const struct channel *c, char *answer, size_t answer_len);

#endif
