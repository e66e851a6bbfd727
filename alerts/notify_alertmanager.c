/* notify_alertmanager.c - events as alerts of Prometheus Alertmanager, API v2.
 * In: notices, and every 30 s all that hold or ended a short while ago.  Out: a POST to each of the URLs.
 * Why so: an alert is its labels, so they are the same at the end as at the beginning, whatever was changed
 * meanwhile: the ones of the notice that began it.  What differs (verdict, scope, what each region saw) is
 * annotation.  Alertmanagers that form a cluster do not exchange alerts, so all of them get all; that one took it is
 * enough, the others hear it with the next refresh.  endsAt is left out while it holds: the operator's
 * resolve_timeout says how long we may be silent. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notice_text.h"
#include "alerts/notify_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOMENT_S 300
#define BATCH 200 /* alerts in one POST, some 400 KB */

struct alertmanager {
	const struct channel *channel;
	struct post *post;
	char *url[CHANNEL_LIST_MAX];
};

static void alertmanager_close(void *self)
{
	struct alertmanager *a = self;
	for (unsigned i = 0; i < CHANNEL_LIST_MAX; i++)
		free(a->url[i]);
	post_free(a->post);
	free(a);
}

/* "http://am:9093/" -> "http://am:9093/api/v2/alerts" */
static char *whole_url(const char *base)
{
	char *url = NULL;
	size_t len = strlen(base);
	while (len > 0 && base[len - 1] == '/')
		len--;
	return asprintf(&url, "%.*s/api/v2/alerts", (int)len, base) < 0 ? NULL : url;
}

static void *alertmanager_open(const struct channel *c, const atomic_bool *stop, char *why, size_t why_len)
{
	struct alertmanager *a = calloc(1, sizeof(*a));
	bool fine = a && (a->post = post_new(stop));
	for (unsigned i = 0; i < c->urls && fine; i++)
		fine = (a->url[i] = whole_url(c->url[i]));
	if (fine && c->urls > 0) {
		a->channel = c;
		return a;
	}
	snprintf(why, why_len, fine ? "Alertmanager needs a url" : "no memory");
	if (a)
		alertmanager_close(a);
	return NULL;
}

/* ---- the body ---- */

/* A label's name as Alertmanager takes it, [a-zA-Z_][a-zA-Z0-9_]*: one bad name would have the whole batch refused. */
static void label_name(char *into, size_t len, const char *name)
{
	static const char *const ours[] = { "alertname", "monitor", "target", "severity", "component" };
	const char *prefix = name[0] >= '0' && name[0] <= '9' ? "_" : "";
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(ours[i], name) == 0)
			prefix = "label_";
	snprintf(into, len, "%s%s", prefix, name);
	for (char *c = into; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
			*c = '_';
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text[0])
		json_object_set_new(object, name, json_string(text));
}

static json_t *labels_of(const struct notice *n)
{
	const char *name;
	json_t *value, *labels = json_object();
	struct notice_facts f;
	notice_read(&f, n);
	set_text(labels, "alertname", f.kind->alertname);
	set_text(labels, "severity", n->page ? "page" : "notice");
	set_text(labels, "monitor", f.monitor);
	set_text(labels, "target", f.target);
	set_text(labels, "component", f.component);
	json_object_foreach((json_t *)f.labels, name, value)
		if (json_is_string(value) && name[0]) {
			char plain[128];
			label_name(plain, sizeof(plain), name);
			set_text(labels, plain, json_string_value(value));
		}
	notice_free(&f);
	return labels;
}

static json_t *annotations_of(const struct notice_facts *f)
{
	json_t *annotations = json_object();
	struct text title = { 0 }, page = { 0 };
	notice_title(f, &title);
	notice_page(f, &page);
	set_text(annotations, "summary", title.data ? title.data : "");
	set_text(annotations, "description", page.data ? page.data : "");
	set_text(annotations, "verdict", f->verdict);
	set_text(annotations, "scope", f->scope);
	set_text(annotations, "runbook", f->runbook);
	text_free(&title);
	text_free(&page);
	return annotations;
}

/* What has no end fires for a while, so that it is routed and told, and goes. */
static void add_end(json_t *alert, const char *timestamp)
{
	struct tm tm = { 0 };
	char text[40];
	if (!strptime(timestamp, "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	const time_t end = timegm(&tm) + MOMENT_S;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
	set_text(alert, "endsAt", text);
}

static json_t *alert_of(const struct notice *n)
{
	struct notice_facts f;
	json_t *alert = json_object();
	notice_read(&f, n);
	json_object_set_new(alert, "labels", labels_of(n->resolved && n->began ? n->began : n));
	json_object_set_new(alert, "annotations", annotations_of(&f));
	set_text(alert, "startsAt", f.since);
	if (n->resolved)
		set_text(alert, "endsAt", f.timestamp);
	else if (f.kind->moment)
		add_end(alert, f.timestamp);
	notice_free(&f);
	return alert;
}

char *alertmanager_body(const struct notice *n, unsigned count)
{
	json_t *alerts = json_array();
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(alerts, alert_of(&n[i]));
	char *line = json_line(alerts);
	json_decref(alerts);
	return line;
}

/* ---- sending ---- */

/* The best of what the URLs said; *answer is that of the worst, which is what an operator must see. */
static enum delivery send_to_all(struct alertmanager *a, const struct notice *n, unsigned count,
				 struct post_answer *answer)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	unsigned taken = 0, refused = 0, all = a->channel->urls;
	char *body = alertmanager_body(n, count);
	*answer = (struct post_answer){ .said = "no memory" };
	for (unsigned i = 0; i < all && body; i++) {
		struct post_answer said;
		post_http(a->post, &(struct post_request){ .url = a->url[i], .headers = headers, .body = body,
							   .body_len = strlen(body), .timeout_ms = NOTIFY_TIMEOUT_MS / all }, &said);
		bool took = said.status / 100 == 2;
		if (i == 0 || !took)
			*answer = said;
		taken += took;
		refused += said.status == 400 || said.status == 422;
	}
	free(body);
	return taken ? DELIVERED : refused == all ? DELIVERY_REFUSED : DELIVERY_LATER;
}

static enum delivery alertmanager_deliver(void *self, const struct notice *n, unsigned count,
					  struct post_answer *answer)
{
	return send_to_all(self, n, count, answer);
}

static bool alertmanager_refresh(void *self, const struct notice *standing, unsigned count, struct post_answer *answer)
{
	bool heard = true;
	for (unsigned at = 0; at < count && heard; at += BATCH)
		heard = send_to_all(self, standing + at, count - at < BATCH ? count - at : BATCH, answer) == DELIVERED;
	return heard;
}

const struct notify_ops notify_alertmanager = {
	.type = "alertmanager", .most = NOTIFY_FOLD_MAX, .open = alertmanager_open, .deliver = alertmanager_deliver,
	.refresh = alertmanager_refresh, .close = alertmanager_close,
};
