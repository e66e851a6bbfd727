/* notify.c - the table of the kinds of channels, and the test of one: `portwatch-alerts --test NAME`.
 * In: a channel.  Out: what the other side said to an event that is marked as a test. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notify.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/must.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct notify_ops *const table[CHANNEL_TYPES] = {
	[CHANNEL_WEBHOOK] = &notify_webhook, [CHANNEL_ALERTMANAGER] = &notify_alertmanager, [CHANNEL_SLACK] = &notify_slack,
	[CHANNEL_PAGERDUTY] = &notify_pagerduty, [CHANNEL_SMTP] = &notify_smtp, [CHANNEL_EXEC] = &notify_exec,
};

const struct notify_ops *notify_ops_of(enum channel_type type)
{
	must((unsigned)type < CHANNEL_TYPES && table[type]);
	return table[type];
}

static void write_time(char into[32], uint64_t wall_ms)
{
	time_t at = (time_t)(wall_ms / MS_PER_S);
	struct tm tm;
	char whole[24];
	gmtime_r(&at, &tm);
	strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(into, 32, "%s.%03uZ", whole, (unsigned)(wall_ms % MS_PER_S));
}

static char *test_body(const char *incident, bool resolved, uint64_t now_ms)
{
	char now[32];
	write_time(now, now_ms);
	json_t *event = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:b, s:s}}", "type", "system.test", "timestamp", now,
				  "data", "component", "portwatch", "problem", "this is a test of the channel, nothing is wrong",
				  "since", now, "status", resolved ? "resolved" : "firing", "incident", incident, "page", 1,
				  "summary", resolved ? "The test of the channel is over." :
				  "This is a test of the channel: who reads it would have been told of an outage.");
	char *line = json_line(event);
	json_decref(event);
	return line;
}

static enum delivery send_test(const struct notify_ops *ops, void *self, uint64_t now_ms, bool resolved,
			       struct post_answer *said)
{
	char id[64], incident[64];
	snprintf(incident, sizeof(incident), "test/%llu", (unsigned long long)now_ms);
	snprintf(id, sizeof(id), "evt_test%llu%s", (unsigned long long)now_ms, resolved ? "r" : "");
	char *body = test_body(incident, resolved, now_ms);
	struct notice n = { .id = id, .type = "system.test", .monitor = "", .incident = incident, .page = true,
			    .resolved = resolved, .body = body, .body_len = body ? strlen(body) : 0 };
	enum delivery outcome = DELIVERY_LATER;
	snprintf(said->said, sizeof(said->said), "no memory");
	if (body)
		outcome = ops->deliver(self, &n, 1, said);
	free(body);
	return outcome;
}

enum delivery notify_test(const struct channel *c, char *answer, size_t answer_len)
{
	const struct notify_ops *ops = notify_ops_of(c->type);
	struct post_answer said = { 0 }, end;
	uint64_t now_ms = clock_wall_ms();
	signal(SIGPIPE, SIG_IGN); /* a program need not read what it is given */
	void *self = ops->open(c, NULL, said.said, sizeof(said.said));
	enum delivery outcome = DELIVERY_REFUSED;
	if (self) {
		outcome = send_test(ops, self, now_ms, false, &said);
		if (outcome == DELIVERED && ops->closes_test)
			send_test(ops, self, now_ms, true, &end);
		ops->close(self);
	}
	snprintf(answer, answer_len, "%s", said.said);
	return outcome;
}
