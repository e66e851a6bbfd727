/* config_tls.c - the keys `type` and `tls` of a monitor.
 * In: the map `tls`.  Out: a monitor of the certificate: itself with `type: certificate`, and otherwise a second one,
 * "NAME certificate", beside it.
 * Why so: a certificate is looked at every few hours and the port every minute, and each has its own end: as two monitors
 * they have slots, votes and incidents of their own and cannot disturb one another.  The second has the first for a
 * parent, so that a port that is closed is told once. */
#include "config/config_parts.h"

#include "base/must.h"
#include "wire/monitor_tls.h"

#include <stdlib.h>

enum key { SERVER_NAME, STARTTLS, WARN, DOWN, TIMEOUT, CA, INTERVAL, KEYS };
static const char *const keys[KEYS + 1] = { "server_name", "starttls", "warn", "down", "timeout", "ca", "interval", NULL };

static void read_seconds(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, const char *what,
			 unsigned *seconds)
{
	uint64_t ms;
	if (value_duration(r, t, value, what, 0, TLS_LEFT_MAX_S * 1000ull, &ms))
		*seconds = (unsigned)(ms / 1000);
}

static void read_text(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, const char *what,
		      size_t most, bool (*fine)(const char *), const char *wrong, const char **into)
{
	char *text = value_line(r, t, value, what, most);
	if (text && fine(text)) {
		*into = text;
		return;
	}
	if (text)
		say(r, t, value, "%s: %s", what, wrong);
	free(text);
}

static void read_wish(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, struct tls_wish *w,
		      unsigned *interval_ms)
{
	uint64_t ms;
	int which;
	if (!is_map(r, t, map, "tls: is no mapping such as {} or {server_name: db.example.net, warn: 21d}"))
		return;
	for (const struct yaml_node *key = map->first; key; key = key->next->next) {
		const struct yaml_node *value = key->next;
		switch ((enum key)known_key(r, t, key, "tls", keys)) {
		case SERVER_NAME:
			read_text(r, t, value, "server_name", HOST_MAX_LEN, tls_name_is_fine, "is no host name or address",
				  &w->server_name);
			break;
		case STARTTLS:
			if (value_word(r, t, value, "starttls", starttls_names + 1, &which))
				w->starttls = (enum starttls_kind)(which + 1);
			break;
		case WARN: read_seconds(r, t, value, "warn", &w->warn_s); break;
		case DOWN: read_seconds(r, t, value, "down", &w->down_s); break;
		case TIMEOUT:
			if (value_duration(r, t, value, "timeout", 1, JOB_TIMEOUT_MAX_MS, &ms))
				w->timeout_ms = (unsigned)ms;
			break;
		case CA:
			read_text(r, t, value, "ca", TLS_CA_MAX_LEN, tls_ca_is_fine,
				  "is no absolute path without blanks (of a file on the engines' machines)", &w->ca);
			break;
		case INTERVAL:
			if (value_duration(r, t, value, "interval", MONITOR_INTERVAL_MIN_MS, MONITOR_INTERVAL_MAX_MS, &ms))
				*interval_ms = (unsigned)ms;
			break;
		case KEYS:
		default: break;
		}
	}
}

/* All of a monitor but what belongs to the bare handshake. */
static void copy_monitor(const struct monitor *from, struct monitor *m)
{
	*m = *from;
	m->runbook = from->runbook ? strdup(from->runbook) : NULL;
	m->expect_address = from->expect_address ? strdup(from->expect_address) : NULL;
	must((!from->runbook || m->runbook) && (!from->expect_address || m->expect_address));
	for (unsigned i = 0; i < m->labels; i++)
		must((m->label[i].name = strdup(from->label[i].name)) && (m->label[i].value = strdup(from->label[i].value)));
	for (unsigned i = 0; i < m->regions; i++)
		must((m->region[i] = strdup(from->region[i])));
	m->parents = 1;
	must((m->parent[0] = strdup(from->name)));
	m->canary = CANARY_NONE;
}

static void name_second(struct reader *r, const struct yaml_tree *t, const struct yaml_node *at,
			const struct monitor *first, uint32_t index)
{
	struct monitor *m = &r->config->monitor[index];
	if (strlen(first->name) + strlen(MONITOR_TLS_SUFFIX) > NAME_MAX_LEN) {
		say(r, t, at, "tls: the name \"%s" MONITOR_TLS_SUFFIX "\" is longer than %d bytes", first->name, NAME_MAX_LEN);
		m->name[0] = 0;
		return;
	}
	const int most = (int)(NAME_MAX_LEN - strlen(MONITOR_TLS_SUFFIX));
	snprintf(m->name, sizeof m->name, "%.*s" MONITOR_TLS_SUFFIX, most, first->name);
	if (monitor_note(r, index) < 0)
		return;
	say(r, t, at, "tls: there is a monitor \"%s\" already, and this would be another of that name", m->name);
	m->name[0] = 0;
}

void read_tls(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, bool itself, bool has_interval,
	      uint32_t index)
{
	struct config *c = r->config;
	struct monitor *m = &c->monitor[index];
	struct tls_wish wish = tls_wish_default;
	unsigned interval_ms = 0;
	if (map)
		read_wish(r, t, map, &wish, &interval_ms);
	if (itself && interval_ms && has_interval)
		say(r, t, map, "tls: interval stands here and in the monitor; of type certificate it has only one");
	if (!interval_ms)
		interval_ms = itself && has_interval ? m->interval_ms : MONITOR_TLS_INTERVAL_MS;
	if (!itself) {
		const uint32_t second = c->monitors++;
		must(second <= r->monitors_room);
		copy_monitor(m, &c->monitor[second]);
		r->place[second] = (struct config_place){ .tree = t, .name = map };
		c->says_paused[second] = c->says_paused[index];
		if (m->name[0])
			name_second(r, t, map, m, second);
		m = &c->monitor[second];
	}
	m->slow_ms = 0; /* here it is the certificate that may be degraded */
	m->tls = true;
	m->wish = wish;
	m->interval_ms = interval_ms;
	if (m->timeout_ms > m->interval_ms)
		say(r, t, map ? map : r->place[index].name, "tls: timeout is longer than interval");
}
