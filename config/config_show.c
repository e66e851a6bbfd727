/* config_show.c - a configuration as it is in force, as YAML.
 * In: struct config.  Out: text that config_read() takes again (but for what is redacted).
 * Why so: one line a monitor, every key written out: what a person wants to see is what the defaults became, and to
 * grep it.  Texts stand in double quotes, in which JSON's escapes are YAML's. */
#include "config/config_parts.h"

#include <stdlib.h>

static void add_text(struct text *to, const char *text)
{
	struct text quoted = { 0 };
	text_json_string(&quoted, text, strlen(text));
	/* ${ must not be taken for a variable when this is read again */
	for (size_t i = 0; i < quoted.len; i++) {
		if (quoted.data[i] == '$' && quoted.data[i + 1] == '{')
			text_add(to, "$");
		text_add_bytes(to, quoted.data + i, 1);
	}
	to->failed |= quoted.failed;
	text_free(&quoted);
}

static void add_pair(struct text *to, const char *name, const char *text)
{
	text_printf(to, ", %s: ", name);
	add_text(to, text);
}

static void add_time(struct text *to, const char *name, uint64_t ms)
{
	char shown[CONFIG_TIME_MAX];
	config_duration_write(ms, shown);
	text_printf(to, ", %s: %s", name, shown);
}

static void add_list(struct text *to, char *const *item, unsigned count)
{
	text_add(to, "[");
	for (unsigned i = 0; i < count; i++) {
		text_add(to, i ? ", " : "");
		add_text(to, item[i]);
	}
	text_add(to, "]");
}

static void add_labels(struct text *to, const struct monitor_label *label, unsigned count)
{
	text_add(to, "{");
	for (unsigned i = 0; i < count; i++) {
		text_printf(to, "%s%s: ", i ? ", " : "", label[i].name);
		add_text(to, label[i].value);
	}
	text_add(to, "}");
}

/* Each item as a text of its own: a colon may stand in it. */
static void add_expected(struct text *to, const char *joined, char between)
{
	const char stop[2] = { between };
	for (const char *at = joined; *at; at += *at == between) {
		const size_t len = strcspn(at, stop);
		char *item = strndup(at, len);
		text_add(to, at == joined ? "" : ", ");
		if (item)
			add_text(to, item);
		to->failed |= !item;
		free(item);
		at += len;
	}
	text_add(to, "]");
}

static void add_tls(struct text *to, const struct tls_wish *w)
{
	text_add(to, ", type: certificate, tls: {warn: ");
	text_printf(to, "%us, down: %us", w->warn_s, w->down_s);
	add_time(to, "timeout", w->timeout_ms);
	if (w->starttls)
		text_printf(to, ", starttls: %s", starttls_names[w->starttls]);
	if (w->server_name)
		add_pair(to, "server_name", w->server_name);
	if (w->ca)
		add_pair(to, "ca", w->ca);
	text_add(to, "}");
}

static void add_dns(struct text *to, const struct monitor *m)
{
	text_add(to, ", type: dns");
	add_pair(to, "target", m->host);
	text_printf(to, ", record: %s", job_record_names[m->record]);
	if (m->expect_answer)
		add_expected((text_add(to, ", expect_answer: ["), to), m->expect_answer, '\n');
	if (m->resolver)
		add_pair(to, "resolver", m->resolver);
}

static void add_monitor(struct text *to, const struct monitor *m)
{
	char target[HOST_MAX_LEN + 9];
	monitor_target_write(m, target, sizeof target);
	text_add(to, "  - {name: ");
	add_text(to, m->name);
	if (m->type == JOB_DNS)
		add_dns(to, m);
	else
		add_pair(to, "target", target);
	add_time(to, "interval", m->interval_ms);
	add_time(to, "timeout", m->timeout_ms);
	if (m->type == JOB_TCP) {
		add_time(to, "slow", m->slow_ms);
		text_printf(to, ", close: %s", close_mode_names[m->close]);
	}
	if (m->settle_ms == JOB_SETTLE_AUTO)
		text_add(to, ", settle: auto");
	else if (m->settle_ms != JOB_SETTLE_UNSET)
		add_time(to, "settle", m->settle_ms);
	if (m->ip != IP_ANY)
		text_printf(to, ", ip: %s", job_ip_names[m->ip]);
	if (m->addresses != ADDRESSES_FIRST)
		text_printf(to, ", addresses: %s", job_addresses_names[m->addresses]);
	if (m->expect_address)
		add_expected((text_add(to, ", expect_address: ["), to), m->expect_address, ',');
	if (m->regions)
		add_list((text_add(to, ", regions: "), to), m->region, m->regions);
	if (m->labels)
		add_labels((text_add(to, ", labels: "), to), m->label, m->labels);
	if (m->runbook)
		add_pair(to, "runbook", m->runbook);
	if (m->parents)
		add_list((text_add(to, ", parents: "), to), m->parent, m->parents);
	if (m->canary)
		text_printf(to, ", canary: \"%s\"", canary_names[m->canary]);
	if (m->expect)
		text_printf(to, ", expect: \"%s\"", expect_names[m->expect]);
	if (m->tls)
		add_tls(to, &m->wish);
	if (m->paused)
		text_add(to, ", paused: true");
	text_add(to, "}\n");
}

/* A URL as it may be seen: without user and password; its path may be what makes it a secret. */
static void add_url(struct text *to, const char *url, bool secret)
{
	const char *host = strstr(url, "://");
	host = host ? host + 3 : url;
	const size_t authority = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', authority);
	struct text shown = { 0 };
	text_add_bytes(&shown, url, (size_t)(host - url));
	if (at)
		text_add(&shown, "(redacted)@");
	const char *from = at ? at + 1 : host;
	text_add_bytes(&shown, from, secret ? (size_t)(host + authority - from) : strlen(from));
	if (secret && host[authority])
		text_add(&shown, "/(redacted)");
	add_text(to, shown.data ? shown.data : "");
	text_free(&shown);
}

static void add_channel(struct text *to, const struct channel *c)
{
	const bool secret_url = c->type == CHANNEL_SLACK || c->type == CHANNEL_WEBHOOK;
	unsigned words = 0;
	text_add(to, "  - {name: ");
	add_text(to, c->name);
	text_printf(to, ", type: %s", channel_type_names[c->type]);
	if (c->pages_only)
		text_add(to, ", only: page");
	for (unsigned i = 0; i < c->urls; i++) {
		text_add(to, i ? ", " : c->urls > 1 ? ", url: [" : ", url: ");
		add_url(to, c->url[i], secret_url);
	}
	text_add(to, c->urls > 1 ? "]" : "");
	if (c->secret)
		text_printf(to, ", %s: \"(redacted)\"", c->type == CHANNEL_PAGERDUTY ? "routing_key" : "secret");
	if (c->from)
		add_pair(to, "from", c->from);
	if (c->tos)
		add_list((text_add(to, ", to: "), to), c->to, c->tos);
	if (c->user)
		add_pair(to, "user", c->user);
	if (c->password)
		text_add(to, ", password: \"(redacted)\"");
	while (words < CHANNEL_LIST_MAX && c->command[words])
		words++;
	if (words)
		add_list((text_add(to, ", command: "), to), c->command, words);
	text_add(to, "}\n");
}

static void add_window(struct text *to, const struct maintenance *w)
{
	char from[CONFIG_TIME_MAX], until[CONFIG_TIME_MAX];
	config_time_write(w->from_ms, from);
	config_time_write(w->until_ms, until);
	text_add(to, "  - {monitors: ");
	if (w->labels)
		add_labels(to, w->label, w->labels);
	else if (w->monitors)
		add_list(to, w->monitor, w->monitors);
	else
		text_add(to, "all");
	text_printf(to, ", from: \"%s\", until: \"%s\"", from, until);
	if (w->why)
		add_pair(to, "why", w->why);
	text_add(to, "}\n");
}

void config_show(const struct config *c, struct text *to)
{
	text_add(to, "regions:\n");
	for (unsigned i = 0; i < c->regions; i++) {
		text_printf(to, "  - {name: \"%s\"", c->region[i].name);
		if (c->region[i].sources)
			add_list((text_add(to, ", source: "), to), c->region[i].source, c->region[i].sources);
		text_add(to, "}\n");
	}
	text_printf(to, "shards: %u\nmonitors:\n", c->settings.shards);
	for (unsigned i = 0; i < c->monitors; i++)
		add_monitor(to, &c->monitor[i]);
	text_add(to, c->channels ? "notify:\n" : "");
	for (unsigned i = 0; i < c->channels; i++)
		add_channel(to, &c->channel[i]);
	text_add(to, c->settings.maintenances ? "maintenance:\n" : "");
	for (unsigned i = 0; i < c->settings.maintenances; i++)
		add_window(to, &c->settings.maintenance[i]);
	if (c->dead_man_url) {
		text_add(to, "dead_man: {url: ");
		add_url(to, c->dead_man_url, true);
		add_time(to, "every", c->dead_man_every_ms);
		text_add(to, "}\n");
	}
}
