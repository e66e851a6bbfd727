/* notify_pagerduty.c - events of PagerDuty's Events API v2: trigger opens an incident, resolve closes it.
 * In: a notice.  Out: one POST; 202 is taken, 400 never will be, 429 and 5xx are tried again.
 * Why so: dedup_key is the incident, so a repeated trigger opens nothing twice and the UP closes what its DOWN
 * opened. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notice_text.h"
#include "alerts/notify_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_URL "https://events.pagerduty.com/v2/enqueue"
#define SUMMARY_MAX 1024

struct pagerduty {
	const struct channel *channel;
	struct post *post;
};

static void pagerduty_close(void *self)
{
	struct pagerduty *p = self;
	post_free(p->post);
	free(p);
}

static void *pagerduty_open(const struct channel *c, const atomic_bool *stop, char *why, size_t why_len)
{
	struct pagerduty *p = calloc(1, sizeof(*p));
	if (p && c->secret && c->secret[0] && (p->post = post_new(stop))) {
		p->channel = c;
		return p;
	}
	snprintf(why, why_len,
		 c->secret && c->secret[0] ? "no memory"
					   : "PagerDuty needs a secret: the routing key of the integration");
	free(p);
	return NULL;
}

/* Cuts a text to at most `most` characters, each at most four bytes. */
static void cut(struct text *t, size_t most)
{
	size_t characters = 0;
	for (size_t i = 0; i < t->len; i++)
		if (((unsigned char)t->data[i] & 0xc0) != 0x80 && ++characters > most) {
			t->data[i] = 0;
			t->len = i;
		}
}

static const char *severity(const struct notice_facts *f)
{
	return strcmp(f->kind->type, "system.test") == 0 ? "info" : f->page ? "critical" : "warning";
}

static json_t *payload(const struct notice_facts *f)
{
	struct text title = { 0 }, page = { 0 };
	const char *source = f->target[0] ? f->target : f->monitor[0] ? f->monitor : f->component;
	notice_title(f, &title);
	cut(&title, SUMMARY_MAX);
	notice_page(f, &page);
	json_t *details = json_pack("{s:s, s:s, s:s}", "details", page.data ? page.data : "", "verdict", f->verdict,
				    "scope", f->scope);
	if (f->labels)
		json_object_set(details, "labels", (json_t *)f->labels);
	json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:o}", "summary", title.data ? title.data : "", "source",
				source[0] ? source : "portwatch", "severity", severity(f), "class", f->kind->alertname,
				"custom_details", details);
	if (f->monitor[0])
		json_object_set_new(all, "component", json_string(f->monitor));
	if (f->timestamp[0])
		json_object_set_new(all, "timestamp", json_string(f->timestamp));
	text_free(&title);
	text_free(&page);
	return all;
}

char *pagerduty_body(const struct notice *n, const char *routing_key)
{
	struct notice_facts f;
	char incident[NOTICE_INCIDENT_MAX];
	notice_read(&f, n);
	notice_incident(incident, n);
	json_t *event = json_pack("{s:s, s:s, s:s}", "routing_key", routing_key, "event_action",
				  n->resolved ? "resolve" : "trigger", "dedup_key", incident);
	if (!n->resolved) {
		json_object_set_new(event, "client", json_string("portwatch"));
		json_object_set_new(event, "payload", payload(&f));
		if (f.runbook[0])
			json_object_set_new(event, "links", json_pack("[{s:s, s:s}]", "href", f.runbook, "text", "Runbook"));
	}
	char *line = json_line(event);
	json_decref(event);
	notice_free(&f);
	return line;
}

static enum delivery pagerduty_outcome(const struct post_answer *a)
{
	if (a->status / 100 == 2)
		return DELIVERED;
	return a->status == 400 ? DELIVERY_REFUSED : DELIVERY_LATER;
}

static enum delivery pagerduty_deliver(void *self, const struct notice *n, unsigned count, struct post_answer *answer)
{
	struct pagerduty *p = self;
	const struct channel *c = p->channel;
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	(void)count;
	if (notice_kind(n->type)->moment) { /* it would stand open until somebody closed it by hand */
		*answer = (struct post_answer){ .said = "it has no end, so it is no incident: not sent" };
		return DELIVERED;
	}
	char *body = pagerduty_body(n, c->secret);
	*answer = (struct post_answer){ .said = "no memory" };
	if (body)
		post_http(p->post, &(struct post_request){ .url = c->urls ? c->url[0] : DEFAULT_URL, .headers = headers,
							   .body = body, .body_len = strlen(body), .secret = c->secret,
							   .timeout_ms = NOTIFY_TIMEOUT_MS }, answer);
	free(body);
	return pagerduty_outcome(answer);
}

const struct notify_ops notify_pagerduty = {
	.type = "pagerduty", .most = 1, .closes_test = true, .open = pagerduty_open, .deliver = pagerduty_deliver,
	.close = pagerduty_close,
};
