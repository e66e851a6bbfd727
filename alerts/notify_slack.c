/* notify_slack.c - events as messages of a Slack incoming webhook (also Mattermost, Rocket.Chat: they take the same).
 * In: one notice, or all that waited for the second to be over.  Out: one message with a line for the phone (text)
 * and blocks for the screen; several events become "7 monitors are down: ...".
 * Why so: Slack takes one message a second for a channel and drops what comes faster; an outage is when it matters. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notice_text.h"
#include "alerts/notify_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION_MAX 2900 /* Slack refuses a text of more than 3,000 characters */

struct slack {
	const struct channel *channel;
	struct post *post;
};

static void slack_close(void *self)
{
	struct slack *s = self;
	post_free(s->post);
	free(s);
}

static void *slack_open(const struct channel *c, const atomic_bool *stop, char *why, size_t why_len)
{
	struct slack *s = calloc(1, sizeof(*s));
	if (s && c->urls == 1 && (s->post = post_new(stop))) {
		s->channel = c;
		return s;
	}
	snprintf(why, why_len, c->urls == 1 ? "no memory" : "Slack needs one url, that of its incoming webhook");
	free(s);
	return NULL;
}

/* Adds text with what Slack reads as markup escaped: & < >, at most `most` bytes and no half character. */
static void add_escaped(struct text *into, const char *s, size_t most)
{
	size_t end = into->len + most;
	for (; *s; s++) {
		bool begins = ((unsigned char)*s & 0xc0) != 0x80;
		if (begins && into->len + 8 > end) {
			text_add(into, "...");
			return;
		}
		if (*s == '&')
			text_add(into, "&amp;");
		else if (*s == '<')
			text_add(into, "&lt;");
		else if (*s == '>')
			text_add(into, "&gt;");
		else
			text_add_bytes(into, s, 1);
	}
}

static void add_section(json_t *blocks, const struct text *text)
{
	json_array_append_new(blocks, json_pack("{s:s, s:{s:s, s:s}}", "type", "section", "text", "type", "mrkdwn", "text",
						text->data ? text->data : ""));
}

/* The bold title and, behind it, the summary; then the table; then the runbook. */
static json_t *blocks_of_one(const struct notice *n, struct text *title)
{
	struct notice_facts f;
	struct text table = { 0 }, section = { 0 };
	json_t *blocks = json_array();
	notice_read(&f, n);
	notice_title(&f, title);
	text_add(&section, f.resolved ? ":large_green_circle: *" : f.page ? ":red_circle: *" : ":large_yellow_circle: *");
	add_escaped(&section, title->data ? title->data : "", 1000);
	text_add(&section, "*");
	if (f.summary[0]) {
		text_add(&section, "\n");
		add_escaped(&section, f.summary, SECTION_MAX - 1100);
	}
	add_section(blocks, &section);
	text_reset(&section);
	notice_table(&f, &table);
	if (table.len) {
		text_add(&section, "```\n");
		add_escaped(&section, table.data, SECTION_MAX - 20);
		text_add(&section, "```");
		add_section(blocks, &section);
		text_reset(&section);
	}
	if (f.runbook[0]) {
		text_add(&section, "Runbook: ");
		add_escaped(&section, f.runbook, SECTION_MAX - 20);
		add_section(blocks, &section);
	}
	text_free(&table);
	text_free(&section);
	notice_free(&f);
	return blocks;
}

static json_t *blocks_of_many(const struct notice *n, unsigned count, struct text *title)
{
	struct text section = { 0 };
	json_t *blocks = json_array();
	notice_fold(n, count, title);
	text_add(&section, "*");
	add_escaped(&section, title->data ? title->data : "", SECTION_MAX - 20);
	text_add(&section, "*");
	add_section(blocks, &section);
	text_reset(&section);
	for (unsigned i = 0; i < count && section.len < SECTION_MAX - 400; i++) {
		struct notice_facts f;
		struct text line = { 0 };
		notice_read(&f, &n[i]);
		notice_title(&f, &line);
		add_escaped(&section, line.data ? line.data : "", 300);
		text_add(&section, "\n");
		text_free(&line);
		notice_free(&f);
	}
	add_section(blocks, &section);
	text_free(&section);
	return blocks;
}

char *slack_body(const struct notice *n, unsigned count)
{
	struct text title = { 0 }, safe = { 0 };
	json_t *blocks = count == 1 ? blocks_of_one(n, &title) : blocks_of_many(n, count, &title);
	add_escaped(&safe, title.data ? title.data : "", SECTION_MAX);
	json_t *message = json_pack("{s:s, s:o}", "text", safe.data ? safe.data : "", "blocks", blocks);
	char *line = json_line(message);
	json_decref(message);
	text_free(&title);
	text_free(&safe);
	return line;
}

/* 400 invalid_payload: this message never; 410 channel_is_archived; 403 and 404 may be mended where the webhook is
 * kept. */
static enum delivery slack_outcome(const struct post_answer *a)
{
	if (a->status / 100 == 2)
		return DELIVERED;
	return a->status == 400 ? DELIVERY_REFUSED : a->status == 410 ? DELIVERY_DISABLED : DELIVERY_LATER;
}

static enum delivery slack_deliver(void *self, const struct notice *n, unsigned count, struct post_answer *answer)
{
	struct slack *s = self;
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	char *body = slack_body(n, count);
	*answer = (struct post_answer){ .said = "no memory" };
	if (body)
		post_http(s->post, &(struct post_request){ .url = s->channel->url[0], .headers = headers, .body = body,
							   .body_len = strlen(body), .timeout_ms = NOTIFY_TIMEOUT_MS }, answer);
	free(body);
	return slack_outcome(answer);
}

const struct notify_ops notify_slack = {
	.type = "slack",
	.most = NOTIFY_FOLD_MAX,
	.gap_ms = 1000,
	.open = slack_open,
	.deliver = slack_deliver,
	.close = slack_close,
};
