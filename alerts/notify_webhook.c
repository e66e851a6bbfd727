/* notify_webhook.c - an event as a POST after Standard Webhooks 1.0.0 (standardwebhooks.com), the extension point for
 * everything that portwatch does not know.
 * In: a notice.  Out: its JSON as it is, with the headers webhook-id (the event's, the same at every try: the
 * receiver's idempotency key), webhook-timestamp (of this try) and webhook-signature.
 * Why so: the specification knows success (2xx), gone (410), and everything else, which is tried again; a receiver
 * that answers 400 by mistake today may have been mended tomorrow. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notify.h"
#include "alerts/webhook_sign.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct webhook {
	const struct channel *channel;
	struct webhook_keys keys;
	struct post *post;
};

static void webhook_close(void *self)
{
	struct webhook *w = self;
	post_free(w->post);
	free(w);
}

static void *webhook_open(const struct channel *c, const atomic_bool *stop, char *why, size_t why_len)
{
	struct webhook *w = calloc(1, sizeof(*w));
	if (!w || !(w->post = post_new(stop))) {
		snprintf(why, why_len, "no memory");
		free(w);
		return NULL;
	}
	w->channel = c;
	if (c->urls != 1)
		snprintf(why, why_len, "a webhook needs one url");
	else if (!c->secret || webhook_keys_parse(&w->keys, c->secret, why, why_len))
		return w;
	webhook_close(w);
	return NULL;
}

static enum delivery webhook_outcome(const struct post_answer *a)
{
	if (a->status / 100 == 2)
		return DELIVERED;
	return a->status == 410 ? DELIVERY_DISABLED : DELIVERY_LATER;
}

static enum delivery webhook_deliver(void *self, const struct notice *n, unsigned count, struct post_answer *answer)
{
	struct webhook *w = self;
	uint64_t now_s = clock_wall_ms() / MS_PER_S;
	char id[200], timestamp[64];
	struct text signature = { 0 };
	(void)count;
	snprintf(id, sizeof(id), "webhook-id: %s", n->id);
	snprintf(timestamp, sizeof(timestamp), "webhook-timestamp: %" PRIu64, now_s);
	text_add(&signature, "webhook-signature: ");
	webhook_sign(&w->keys, n->id, now_s, n->body, n->body_len, &signature);
	const char *headers[] = { "Content-Type: application/json", id, timestamp,
				  w->keys.count ? signature.data : NULL, NULL };
	*answer = (struct post_answer){ .said = "no memory" };
	if (!signature.failed)
		post_http(w->post, &(struct post_request){ .url = w->channel->url[0], .headers = headers, .body = n->body,
							   .body_len = n->body_len, .timeout_ms = NOTIFY_TIMEOUT_MS }, answer);
	text_free(&signature);
	return webhook_outcome(answer);
}

const struct notify_ops notify_webhook = {
	.type = "webhook", .most = 1, .open = webhook_open, .deliver = webhook_deliver, .close = webhook_close,
};
