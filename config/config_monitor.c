/* config_monitor.c - the sections `defaults` and `monitors`.
 * In: nodes.  Out: struct monitor, with what it does not say itself taken from the defaults.
 * Why so: one table of keys and one switch for both, so that a default cannot mean anything else than the key in a
 * monitor.  A monitor with an error stays in the list until the end: its name is what others call their parent. */
#include "config/config_parts.h"

#include "base/must.h"
#include "wire/target.h"

#include <stdlib.h>

enum key {
	NAME, TYPE, RECORD, TARGET, CANARY, EXPECT, EXPECT_ANSWER, RESOLVER, PARENTS, PAUSED, TLS, INTERVAL, TIMEOUT, SLOW, CLOSE, SETTLE,
	IP, ADDRESSES, EXPECT_ADDRESS, REGIONS, LABELS, RUNBOOK, KEYS
};
static const char *const keys[KEYS + 1] = {
	"name", "type", "record", "target", "canary", "expect", "expect_answer", "resolver", "parents", "paused", "tls", "interval", "timeout",
	"slow", "close", "settle", "ip", "addresses", "expect_address", "regions", "labels",
	"runbook", NULL
};
#define DEFAULTS_FROM INTERVAL /* what stands behind it can be a default */

/* What a monitor can be; of a certificate it is a job of type tcp that looks at that alone. */
enum type { TYPE_TCP, TYPE_DNS, TYPE_CERTIFICATE, TYPES };
static const char *const types[TYPES + 1] = { "tcp", "dns", "certificate", NULL };

/* Keys that mean nothing to a type; a default that does is not in force there. */
#define KEY(key) (1u << (key))
static const uint32_t foreign_keys[TYPES] = {
	[TYPE_TCP] = KEY(RECORD) | KEY(EXPECT_ANSWER) | KEY(RESOLVER),
	[TYPE_DNS] = KEY(EXPECT) | KEY(TLS) | KEY(SLOW) | KEY(CLOSE) | KEY(SETTLE) | KEY(IP) | KEY(ADDRESSES),
	[TYPE_CERTIFICATE] = KEY(RECORD) | KEY(EXPECT_ANSWER) | KEY(RESOLVER),
};

static void free_list(char **item, unsigned *count)
{
	while (*count)
		free(item[--*count]);
}

/* ---- single keys ---- */

static void take_region_name(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct monitor *m = arg;
	char shown[QUOTED_MAX], near[128];
	const char *names[REGIONS_MAX + 1] = { 0 };
	char *name = value_line(r, t, item, "regions", MONITOR_TEXT_MAX);
	if (!name)
		return;
	quoted(shown, name, strlen(name));
	for (unsigned i = 0; i < r->config->regions; i++)
		names[i] = r->config->region[i].name;
	for (unsigned i = 0; i < m->regions; i++)
		if (strcmp(m->region[i], name) == 0) {
			say(r, t, item, "regions: %s stands here a second time", shown);
			free(name);
			return;
		}
	if (region_known(r->config, name) && m->regions < REGIONS_MAX) {
		m->region[m->regions++] = name;
		return;
	}
	say(r, t, item, "regions: %s is not among the regions of this configuration%s", shown,
	    did_you_mean(near, sizeof near, name, names));
	free(name);
}

static void take_parent(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct monitor *m = arg;
	char *name = value_line(r, t, item, "parents", NAME_MAX_LEN);
	if (!name)
		return;
	for (unsigned i = 0; i < m->parents; i++)
		if (strcmp(m->parent[i], name) == 0) {
			say(r, t, item, "parents: \"%s\" stands here a second time", name);
			free(name);
			return;
		}
	if (m->parents < MONITOR_PARENTS_MAX)
		m->parent[m->parents++] = name;
	else
		free(name); /* value_list() has refused the list */
}

static void take_expected(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	char why[300];
	char *range = value_line(r, t, item, "expect_address", EXPECT_TEXT_MAX);
	if (range && !monitor_expect_add(arg, range, why, sizeof why))
		say(r, t, item, "%s", why);
	free(range);
}

static void take_answer(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	char why[400];
	char *value = value_line(r, t, item, "expect_answer", ANSWER_TEXT_MAX);
	if (value && !monitor_answer_add(arg, value, why, sizeof why))
		say(r, t, item, "%s", why);
	free(value);
}

static void read_resolver(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, struct monitor *m)
{
	char why[300];
	char *text = value_line(r, t, value, "resolver", RESOLVER_TEXT_MAX);
	if (text && !resolver_is_fine(text, strlen(text), why, sizeof why))
		say(r, t, value, "resolver: %s", why);
	free(m->resolver);
	m->resolver = text;
}

static void read_target(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, struct monitor *m)
{
	char why[300];
	char *text = value_line(r, t, value, "target", TARGET_MAX_LEN);
	if (text && !monitor_target_read(text, m, why, sizeof why))
		say(r, t, value, "target: %s", why);
	free(text);
}

static void read_settle(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, struct monitor *m)
{
	uint64_t ms;
	if (value->kind == YAML_TEXT && !value->tagged && strcmp(value->text, "auto") == 0)
		m->settle_ms = JOB_SETTLE_AUTO;
	else if (value_duration(r, t, value, "settle", 0, JOB_SETTLE_MAX_MS, &ms))
		m->settle_ms = (unsigned)ms;
}

static void read_time(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, const char *what,
		      uint64_t low, uint64_t high, unsigned *into)
{
	uint64_t ms;
	if (value_duration(r, t, value, what, low, high, &ms))
		*into = (unsigned)ms;
}

static void read_word(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, const char *what,
		      const char *const *words, int add, int *into)
{
	int which;
	if (value_word(r, t, value, what, words, &which))
		*into = which + add;
}

static void read_key(struct reader *r, const struct yaml_tree *t, enum key key, const struct yaml_node *value,
		     struct monitor *m)
{
	int close = (int)m->close, canary = (int)m->canary, expect = (int)m->expect;
	int ip = (int)m->ip, addresses = (int)m->addresses, record = (int)m->record;
	switch (key) {
	case RECORD: read_word(r, t, value, "record", job_record_names, 0, &record); break;
	case EXPECT_ANSWER: value_list(r, t, value, "expect_answer", ANSWER_VALUES_MAX, take_answer, m); break;
	case RESOLVER: read_resolver(r, t, value, m); break;
	case TARGET: read_target(r, t, value, m); break;
	case CANARY: read_word(r, t, value, "canary", canary_names + 1, 1, &canary); break;
	case EXPECT: read_word(r, t, value, "expect", expect_names, 0, &expect); break;
	case PARENTS: value_list(r, t, value, "parents", MONITOR_PARENTS_MAX, take_parent, m); break;
	case PAUSED: value_bool(r, t, value, "paused", &m->paused); break;
	case INTERVAL:
		read_time(r, t, value, "interval", MONITOR_INTERVAL_MIN_MS, MONITOR_INTERVAL_MAX_MS, &m->interval_ms);
		break;
	case TIMEOUT: read_time(r, t, value, "timeout", 1, JOB_TIMEOUT_MAX_MS, &m->timeout_ms); break;
	case SLOW: read_time(r, t, value, "slow", 0, JOB_TIMEOUT_MAX_MS, &m->slow_ms); break;
	case CLOSE: read_word(r, t, value, "close", close_mode_names, 0, &close); break;
	case SETTLE: read_settle(r, t, value, m); break;
	case IP: read_word(r, t, value, "ip", job_ip_names, 0, &ip); break;
	case ADDRESSES: read_word(r, t, value, "addresses", job_addresses_names, 0, &addresses); break;
	case EXPECT_ADDRESS:
		free(m->expect_address);
		m->expect_address = NULL;
		value_list(r, t, value, "expect_address", EXPECT_TEXT_MAX, take_expected, m);
		break;
	case REGIONS:
		free_list(m->region, &m->regions);
		value_list(r, t, value, "regions", REGIONS_MAX, take_region_name, m);
		break;
	case LABELS: value_labels(r, t, value, m->label, &m->labels); break;
	case RUNBOOK:
		free(m->runbook);
		m->runbook = value_line(r, t, value, "runbook", MONITOR_TEXT_MAX);
		break;
	case NAME:
	case TYPE:
	case TLS:
	case KEYS: break;
	}
	m->close = (enum close_mode)close;
	m->canary = (enum canary)canary;
	m->expect = (enum expect)expect;
	m->ip = (enum job_ip)ip;
	m->addresses = (enum job_addresses)addresses;
	m->record = (enum job_record)record;
}

static void say_timeout(struct reader *r, const struct yaml_tree *t, const struct yaml_node *at,
			const struct monitor *m)
{
	char timeout[CONFIG_TIME_MAX], interval[CONFIG_TIME_MAX];
	config_duration_write(m->timeout_ms, timeout);
	config_duration_write(m->interval_ms, interval);
	say(r, t, at, "timeout (%s) is longer than interval (%s): the next look would begin before this one has ended",
	    timeout, interval);
}

/* ---- defaults ---- */

void read_defaults(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map)
{
	if (map->kind == YAML_NOTHING ||
	    !is_map(r, t, map, "defaults: is no mapping such as {interval: 60s, timeout: 3200ms}"))
		return;
	for (const struct yaml_node *key = map->first; key; key = key->next->next) {
		const int which = known_key(r, t, key, "defaults", keys + DEFAULTS_FROM);
		if (which < 0)
			continue;
		if (r->default_in[which] && which + DEFAULTS_FROM != LABELS)
			say(r, t, key, "defaults: %s is set in %s already", key->text, r->default_in[which]);
		r->default_in[which] = t->path;
		read_key(r, t, (enum key)(which + DEFAULTS_FROM), key->next, &r->defaults);
	}
}

void check_defaults(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map)
{
	r->defaults_bad = r->defaults.timeout_ms > r->defaults.interval_ms;
	if (r->defaults_bad)
		say_timeout(r, t, map, &r->defaults);
}

static void copy_defaults(const struct monitor *from, struct monitor *m)
{
	*m = *from;
	for (unsigned i = 0; i < m->labels; i++)
		must((m->label[i].name = strdup(from->label[i].name)) &&
		     (m->label[i].value = strdup(from->label[i].value)));
	for (unsigned i = 0; i < m->regions; i++)
		must((m->region[i] = strdup(from->region[i])));
	must(!from->expect_address || (m->expect_address = strdup(from->expect_address)));
	must(!from->runbook || (m->runbook = strdup(from->runbook)));
}

/* ---- monitors ---- */

static void read_name(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, uint32_t index)
{
	struct monitor *m = &r->config->monitor[index];
	char shown[QUOTED_MAX];
	char *name = value_line(r, t, value, "name", NAME_MAX_LEN);
	r->place[index].name = value;
	if (!name)
		return;
	snprintf(m->name, sizeof m->name, "%s", name);
	free(name);
	const int64_t before = monitor_note(r, index);
	if (before < 0)
		return;
	const struct config_place *first = &r->place[before];
	say(r, t, value, "name: there is a monitor %s already, at %s:%u", quoted(shown, m->name, strlen(m->name)),
	    first->tree->path, first->name->line + 1);
	m->name[0] = 0; /* so that whoever means it means the first */
}

/* Texts are bounded one by one; together they may still be more than a reader takes. */
static void check_size(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map,
		       const struct monitor *m)
{
	size_t sum = m->runbook ? strlen(m->runbook) : 0;
	for (unsigned i = 0; i < m->labels; i++)
		sum += strlen(m->label[i].name) + strlen(m->label[i].value);
	if (sum < MONITOR_JSON_MAX / 4)
		return;
	char *json = monitor_encode(m);
	if (json && strlen(json) > MONITOR_JSON_MAX)
		say(r, t, map, "this monitor takes %zu bytes, %d are possible: its labels are too long", strlen(json),
		    MONITOR_JSON_MAX);
	free(json);
}

/* What the other keys mean depends on these two, wherever they stand. */
static enum type read_type(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, struct monitor *m)
{
	int type = TYPE_TCP;
	for (const struct yaml_node *key = map->first; key; key = key->next->next) {
		if (key->kind == YAML_TEXT && strcmp(key->text, keys[TYPE]) == 0)
			read_word(r, t, key->next, "type", types, 0, &type);
		if (key->kind == YAML_TEXT && strcmp(key->text, keys[RECORD]) == 0)
			read_key(r, t, RECORD, key->next, m);
	}
	m->type = type == TYPE_DNS ? JOB_DNS : JOB_TCP;
	return (enum type)type;
}

/* Defaults are for monitors they fit. */
static void drop_foreign_defaults(struct monitor *m)
{
	if (m->type != JOB_DNS)
		return;
	m->slow_ms = 0;
	m->close = CLOSE_RST;
	m->settle_ms = JOB_SETTLE_UNSET;
	m->ip = IP_ANY;
	m->addresses = ADDRESSES_FIRST;
	if (m->record > RECORD_AAAA) {
		free(m->expect_address);
		m->expect_address = NULL;
	}
}

static void read_monitor(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, uint32_t index)
{
	struct config_place *place = &r->place[index];
	struct monitor *m = &r->config->monitor[index];
	const struct yaml_node *timed = NULL, *tls = NULL;
	bool has[KEYS] = { 0 };
	place->tree = t;
	const enum type type = read_type(r, t, map, m);
	drop_foreign_defaults(m);
	for (const struct yaml_node *key = map->first; key; key = key->next->next) {
		const int which = known_key(r, t, key, "a monitor", keys);
		if (which < 0)
			continue;
		has[which] = true;
		if (which == NAME)
			read_name(r, t, key->next, index);
		else if (foreign_keys[type] & KEY(which))
			say(r, t, key, "%s means nothing to a monitor of type %s", keys[which], types[type]);
		else if (which == EXPECT_ADDRESS && m->type == JOB_DNS && m->record > RECORD_AAAA)
			say(r, t, key, "expect_address is for record A or AAAA; what a %s must say is expect_answer",
			    job_record_names[m->record]);
		else if (which != TYPE && which != RECORD)
			read_key(r, t, (enum key)which, key->next, m);
		if (which == TLS && type != TYPE_DNS)
			tls = key->next;
		if (which == PARENTS)
			place->parents = key->next;
		if (which == TIMEOUT || (which == INTERVAL && !timed))
			timed = key->next;
	}
	r->config->says_paused[index] = has[PAUSED];
	if (!has[NAME])
		say(r, t, map, "a monitor has no name");
	if (!has[TARGET])
		say(r, t, map, "monitor%s%s has no target such as \"%s\"", m->name[0] ? " " : "", m->name,
		    m->type == JOB_DNS ? "example.net" : "198.51.100.7:5432");
	if (m->timeout_ms > m->interval_ms && (timed || !r->defaults_bad))
		say_timeout(r, t, timed ? timed : map, m);
	check_size(r, t, map, m);
	if ((tls || type == TYPE_CERTIFICATE) && m->expect == EXPECT_CLOSED)
		say(r, t, tls ? tls : map, "tls: a port that must not answer (expect: closed) has no certificate to look at");
	if (tls || type == TYPE_CERTIFICATE)
		read_tls(r, t, tls, type == TYPE_CERTIFICATE, has[INTERVAL], index);
}

static void take_monitor(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct config *c = r->config;
	(void)arg;
	if (!is_map(r, t, item, "monitors: this is no mapping such as {name: db, target: \"198.51.100.7:5432\"}"))
		return;
	must(c->monitors < r->monitors_room);
	copy_defaults(&r->defaults, &c->monitor[c->monitors]);
	read_monitor(r, t, item, c->monitors++);
}

void read_monitors(struct reader *r, const struct yaml_tree *t, const struct yaml_node *list)
{
	if (list->kind == YAML_NOTHING)
		return;
	if (list->kind != YAML_LIST || list->tagged) {
		say(r, t, list, "monitors: is no list; each monitor begins with a dash");
		return;
	}
	if (list->count && !r->config->regions && !r->regions_said) {
		r->regions_said = true;
		say(r, t, list,
		    "there are monitors but no regions: say where they are probed from, as in regions: [eu]");
	}
	value_list(r, t, list, "monitors", UINT32_MAX, take_monitor, NULL);
}
