/* monitor.c - a monitor from and to the JSON that stands in Redis.
 * In: bytes that a control plane of whatever make wrote.  Out: a struct monitor, or a sentence that says which member is
 * wrong.  Owns: nothing after it returns.  Why so: whoever reads monitors (scheduler, alerts, people) sees the same bounds,
 * because there is one reader. */
#include "wire/monitor.h"

#include "base/must.h"
#include "base/printable.h"
#include "wire/monitor_labels.h"
#include "wire/monitor_tls.h"
#include "wire/prefix.h"
#include "wire/target.h"

#include <stdlib.h>

const char *const canary_names[CANARIES + 1] = { "", "up", "down", NULL };

const char *const expect_names[EXPECTS + 1] = { "open", "closed", NULL };

bool monitor_name_is_fine(const char *name, size_t len)
{
	return len > 0 && len <= NAME_MAX_LEN && !memchr(name, 0, len) && text_is_printable(name, len);
}

/* Of type dns: a name without a port. */
static bool read_name(const char *text, struct monitor *m, char *why, size_t why_len)
{
	struct target target;
	char shown[QUOTED_MAX], reason[256];
	size_t len = strlen(text);
	if (!target_parse_host(text, len, &target, reason, sizeof(reason)) || target.family != FAMILY_NONE || strchr(text, ':')) {
		snprintf(why, why_len, "%s is not a name without a port, which type dns asks for", quoted(shown, text, len));
		return false;
	}
	memcpy(m->host, text, len + 1);
	m->port = MONITOR_DNS_PORT;
	return true;
}

bool monitor_target_recall(const char *shown, struct monitor *m, char *why, size_t why_len)
{
	char host[HOST_MAX_LEN + 1];
	const char *blank = strchr(shown, ' ');
	if (!blank || blank - shown > HOST_MAX_LEN)
		return monitor_target_read(shown, m, why, why_len);
	for (int i = 0; i < JOB_RECORDS; i++)
		if (strcmp(blank + 1, job_record_names[i]) == 0)
			m->record = (enum job_record)i;
	m->type = JOB_DNS;
	snprintf(host, sizeof(host), "%.*s", (int)(blank - shown), shown);
	return monitor_target_read(host, m, why, why_len);
}

bool monitor_target_read(const char *text, struct monitor *m, char *why, size_t why_len)
{
	struct target target;
	if (m->type == JOB_DNS)
		return read_name(text, m, why, why_len);
	if (!target_parse(text, strlen(text), &target, why, why_len))
		return false;
	memcpy(m->host, text + target.host_from, target.host_len);
	m->host[target.host_len] = 0;
	m->port = target.port;
	return true;
}

void monitor_target_write(const struct monitor *m, char *into, size_t len)
{
	if (m->type == JOB_DNS)
		snprintf(into, len, "%s %s", m->host, job_record_names[m->record]);
	else
		snprintf(into, len, strchr(m->host, ':') ? "[%s]:%u" : "%s:%u", m->host, m->port);
}

void monitor_init(struct monitor *m)
{
	*m = (struct monitor){ .interval_ms = MONITOR_INTERVAL_DEFAULT_MS, .timeout_ms = JOB_TIMEOUT_DEFAULT_MS,
			       .settle_ms = JOB_SETTLE_UNSET };
}

void monitor_free(struct monitor *m)
{
	for (unsigned i = 0; i < m->labels; i++) {
		free(m->label[i].name);
		free(m->label[i].value);
	}
	for (unsigned i = 0; i < m->parents; i++)
		free(m->parent[i]);
	for (unsigned i = 0; i < m->regions; i++)
		free(m->region[i]);
	free(m->runbook);
	free(m->expect_address);
	free(m->expect_answer);
	free(m->resolver);
	m->expect_address = m->expect_answer = m->resolver = NULL;
	monitor_tls_free(m);
	m->labels = m->parents = m->regions = 0;
	m->runbook = NULL;
}

bool monitor_expect_add(struct monitor *m, const char *range, char *why, size_t why_len)
{
	struct prefix prefix, all[PREFIXES_MAX];
	char joined[EXPECT_TEXT_MAX + 1], reason[256];
	if (!prefix_parse(range, strlen(range), &prefix, reason, sizeof(reason))) {
		snprintf(why, why_len, "expect_address: %s", reason);
		return false;
	}
	int len = snprintf(joined, sizeof(joined), "%s%s%s", m->expect_address ? m->expect_address : "", m->expect_address ? "," : "",
			   range);
	if (len > EXPECT_TEXT_MAX || prefixes_parse(joined, (size_t)len, all, reason, sizeof(reason)) < 0) {
		snprintf(why, why_len, "expect_address: more than %d ranges, or than %d characters together", PREFIXES_MAX,
			 EXPECT_TEXT_MAX);
		return false;
	}
	free(m->expect_address);
	must((m->expect_address = strdup(joined)));
	return true;
}

bool monitor_answer_add(struct monitor *m, const char *value, char *why, size_t why_len)
{
	char reason[300], *joined = NULL;
	if (!record_value_is_fine(m->record, value, strlen(value), reason, sizeof(reason))) {
		snprintf(why, why_len, "expect_answer: of record %s %s", job_record_names[m->record], reason);
		return false;
	}
	must(asprintf(&joined, "%s%s%s", m->expect_answer ? m->expect_answer : "", m->expect_answer ? "\n" : "", value) >= 0);
	if (!record_values_are_fine(m->record, joined, strlen(joined), reason, sizeof(reason))) {
		snprintf(why, why_len, "expect_answer: more than %d values, or than %d characters together", ANSWER_VALUES_MAX,
			 ANSWER_TEXT_MAX);
		free(joined);
		return false;
	}
	free(m->expect_answer);
	m->expect_answer = joined;
	return true;
}

bool monitor_is_consistent(const struct monitor *m, char *why, size_t why_len)
{
	if (m->timeout_ms > m->interval_ms)
		snprintf(why, why_len, "timeout_ms (%u) is longer than interval_ms (%u)", m->timeout_ms, m->interval_ms);
	else if (m->type == JOB_DNS && m->expect != EXPECT_OPEN)
		snprintf(why, why_len, "expect is about a port, and type dns looks at none");
	else if (m->tls && m->type == JOB_DNS)
		snprintf(why, why_len, "tls is about what answers on a port, and type dns looks at none");
	else if (m->tls && m->expect == EXPECT_CLOSED)
		snprintf(why, why_len, "tls is wished of a port that must not answer (expect is \"closed\")");
	else if (m->type == JOB_DNS && m->expect_address && m->record > RECORD_AAAA)
		snprintf(why, why_len, "expect_address is for record A or AAAA; what a %s must say is expect_answer",
			 job_record_names[m->record]);
	else
		return true;
	return false;
}

/* ---- reading ---- */

static bool read_answer(const json_t *o, struct monitor *m, char *why, size_t why_len)
{
	const json_t *list = json_object_get(o, "expect_answer");
	if (!list || json_is_null(list))
		return true;
	if (!json_is_array(list)) {
		snprintf(why, why_len, "expect_answer is not a list of texts");
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (!json_is_string(one) || strlen(json_string_value(one)) != json_string_length(one)) {
			snprintf(why, why_len, "expect_answer, item %zu is not a text", i + 1);
			return false;
		}
		if (!monitor_answer_add(m, json_string_value(one), why, why_len))
			return false;
	}
	return true;
}

static bool read_resolver(const json_t *o, struct monitor *m, char *why, size_t why_len)
{
	const char *text = NULL;
	char reason[300];
	if (!json_take_text(o, "resolver", RESOLVER_TEXT_MAX, &text, why, why_len) || !text)
		return !text;
	if (!resolver_is_fine(text, strlen(text), reason, sizeof(reason))) {
		snprintf(why, why_len, "resolver: %s", reason);
		return false;
	}
	must((m->resolver = strdup(text)));
	return true;
}

static bool read_expect(const json_t *o, struct monitor *m, char *why, size_t why_len)
{
	const json_t *list = json_object_get(o, "expect_address");
	if (!list || json_is_null(list))
		return true;
	if (!json_is_array(list)) {
		snprintf(why, why_len, "expect_address is not a list of ADDRESS or ADDRESS/BITS");
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (!json_is_string(one) || strlen(json_string_value(one)) != json_string_length(one)) {
			snprintf(why, why_len, "expect_address, item %zu is not a text", i + 1);
			return false;
		}
		if (!monitor_expect_add(m, json_string_value(one), why, why_len))
			return false;
	}
	return true;
}

static bool read_numbers(const json_t *o, struct monitor *m, char *why, size_t why_len)
{
	uint64_t interval = m->interval_ms, timeout = m->timeout_ms, slow = m->slow_ms;
	if (!json_take_number(o, "interval_ms", MONITOR_INTERVAL_MIN_MS, MONITOR_INTERVAL_MAX_MS, &interval, why, why_len) ||
	    !json_take_number(o, "timeout_ms", 1, JOB_TIMEOUT_MAX_MS, &timeout, why, why_len) ||
	    !json_take_number(o, "slow_ms", 0, JOB_TIMEOUT_MAX_MS, &slow, why, why_len) ||
	    !json_take_bool(o, "paused", &m->paused, why, why_len))
		return false;
	m->interval_ms = (unsigned)interval;
	m->timeout_ms = (unsigned)timeout;
	m->slow_ms = (unsigned)slow;
	return true;
}

/* One of the words of a NULL-ended list; a missing member leaves *which alone. */
static bool read_word(const json_t *o, const char *name, const char *const *words, int *which, const char *choices,
		      char *why, size_t why_len)
{
	const char *text = NULL;
	if (!json_take_text(o, name, 16, &text, why, why_len))
		return false;
	for (int i = 0; text && words[i]; i++)
		if (strcmp(words[i], text) == 0) {
			*which = i;
			return true;
		}
	if (text)
		snprintf(why, why_len, "%s is not %s", name, choices);
	return !text;
}

static bool read_settle(const json_t *o, struct monitor *m, char *why, size_t why_len)
{
	const json_t *value = json_object_get(o, "settle_ms");
	uint64_t ms = m->settle_ms;
	if (json_is_string(value) && strcmp(json_string_value(value), "auto") == 0) {
		m->settle_ms = JOB_SETTLE_AUTO;
		return true;
	}
	if (json_is_string(value) || !json_take_number(o, "settle_ms", 0, JOB_SETTLE_MAX_MS, &ms, why, why_len)) {
		snprintf(why, why_len, "settle_ms is neither \"auto\" nor a whole number from 0 to %d", JOB_SETTLE_MAX_MS);
		return false;
	}
	m->settle_ms = (unsigned)ms;
	return true;
}

/* An array of names that pass fine() into strdup'd texts. */
static bool read_names(const json_t *o, const char *name, unsigned most, bool (*fine)(const char *, size_t), char **into,
		       unsigned *count, char *why, size_t why_len)
{
	const json_t *list = json_object_get(o, name);
	if (!list || json_is_null(list))
		return true;
	if (!json_is_array(list) || json_array_size(list) > most) {
		snprintf(why, why_len, "%s is not a list of at most %u names", name, most);
		return false;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (!json_is_string(one) || !fine(json_string_value(one), json_string_length(one))) {
			snprintf(why, why_len, "%s, item %zu is not a name", name, i + 1);
			return false;
		}
		into[*count] = strdup(json_string_value(one));
		must((into[(*count)++]));
	}
	return true;
}

static bool region_is_fine(const char *name, size_t len)
{
	return strlen(name) == len && stream_name_is_plain(name, NAME_MAX_LEN);
}

bool monitor_labels_read(const json_t *object, struct monitor_label *label, unsigned *count, char *why, size_t why_len)
{
	json_t *labels = json_object_get(object, "labels");
	const char *name;
	json_t *value;
	if (!labels || json_is_null(labels))
		return true;
	if (!json_is_object(labels) || json_object_size(labels) > MONITOR_LABELS_MAX) {
		snprintf(why, why_len, "labels are not an object of at most %d members", MONITOR_LABELS_MAX);
		return false;
	}
	json_object_foreach(labels, name, value) {
		if (!monitor_name_is_fine(name, strlen(name)) || !json_is_string(value) ||
		    json_string_length(value) > MONITOR_TEXT_MAX ||
		    !text_is_printable(json_string_value(value), json_string_length(value))) {
			snprintf(why, why_len, "labels: a member is not a name of 1 to 64 bytes with a text of at most %d",
				 MONITOR_TEXT_MAX);
			return false;
		}
		label[*count] = (struct monitor_label){ strdup(name), strdup(json_string_value(value)) };
		must(label[*count].name && label[*count].value);
		++*count;
	}
	return true;
}

static bool read_texts(const json_t *o, struct monitor *m, char *why, size_t why_len)
{
	const char *target = NULL, *runbook = NULL;
	if (!json_take_text(o, "target", TARGET_MAX_LEN, &target, why, why_len) ||
	    !json_take_text(o, "runbook", MONITOR_TEXT_MAX, &runbook, why, why_len))
		return false;
	if (!target) {
		snprintf(why, why_len, "target is missing");
		return false;
	}
	if (runbook && !text_is_printable(runbook, strlen(runbook))) {
		snprintf(why, why_len, "runbook holds control characters");
		return false;
	}
	if (!monitor_target_read(target, m, why, why_len))
		return false;
	if (runbook && !(m->runbook = strdup(runbook))) {
		snprintf(why, why_len, "no memory");
		return false;
	}
	return true;
}

/* What the other members mean depends on it. */
static bool read_type(const json_t *o, struct monitor *m, char *why, size_t why_len)
{
	int type = (int)m->type, record = (int)m->record;
	bool fine = read_word(o, "type", job_type_names, &type, "\"tcp\" or \"dns\"", why, why_len) &&
		    read_word(o, "record", job_record_names, &record, "\"A\", \"AAAA\", \"CNAME\", \"MX\", \"NS\" or \"TXT\"", why,
			      why_len);
	m->type = (enum job_type)type;
	m->record = m->type == JOB_DNS ? (enum job_record)record : RECORD_A;
	return fine;
}

static bool read_all(const json_t *o, struct monitor *m, char *why, size_t why_len)
{
	int close = (int)m->close, canary = (int)m->canary, expect = (int)m->expect;
	int ip = (int)m->ip, addresses = (int)m->addresses;
	bool fine = read_type(o, m, why, why_len) && read_texts(o, m, why, why_len) && read_numbers(o, m, why, why_len) &&
		    read_word(o, "close", close_mode_names, &close, "\"rst\", \"fin\" or \"half\"", why, why_len) &&
		    read_word(o, "canary", canary_names, &canary, "\"up\" or \"down\"", why, why_len) &&
		    read_word(o, "expect", expect_names, &expect, "\"open\" or \"closed\"", why, why_len) &&
		    read_word(o, "ip", job_ip_names, &ip, "\"any\", \"v4\", \"v6\" or \"both\"", why, why_len) &&
		    read_word(o, "addresses", job_addresses_names, &addresses, "\"first\" or \"all\"", why, why_len) &&
		    read_settle(o, m, why, why_len) && read_expect(o, m, why, why_len) &&
		    (m->type != JOB_DNS || (read_answer(o, m, why, why_len) && read_resolver(o, m, why, why_len))) &&
		    read_names(o, "regions", REGIONS_MAX, region_is_fine, m->region, &m->regions, why, why_len) &&
		    read_names(o, "parents", MONITOR_PARENTS_MAX, monitor_name_is_fine, m->parent, &m->parents, why, why_len) &&
		    monitor_labels_read(o, m->label, &m->labels, why, why_len) && monitor_tls_read(o, m, why, why_len);
	m->close = (enum close_mode)close;
	m->canary = (enum canary)canary;
	m->expect = (enum expect)expect;
	m->ip = (enum job_ip)ip;
	m->addresses = (enum job_addresses)addresses;
	return fine && monitor_is_consistent(m, why, why_len);
}

bool monitor_decode(struct monitor *m, const char *name, const char *json, size_t len, char *why, size_t why_len)
{
	char reason[400];
	monitor_init(m);
	if (!monitor_name_is_fine(name, strlen(name))) {
		snprintf(why, why_len, "a monitor's name is 1 to %d bytes of UTF-8 without control characters", NAME_MAX_LEN);
		return false;
	}
	snprintf(m->name, sizeof(m->name), "%s", name);
	if (len > MONITOR_JSON_MAX) {
		snprintf(why, why_len, "monitor %s: %zu bytes are more than %d", name, len, MONITOR_JSON_MAX);
		return false;
	}
	json_t *o = json_read_object(json, len, reason, sizeof(reason));
	bool fine = o && read_all(o, m, reason, sizeof(reason));
	json_decref(o);
	if (!fine) {
		monitor_free(m);
		snprintf(why, why_len, "monitor %s: %s", name, reason);
	}
	return fine;
}

/* ---- writing ---- */

static json_t *names_json(char *const *name, unsigned count)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list, json_string(name[i]));
	return list;
}

json_t *monitor_labels_json(const struct monitor_label *label, unsigned count)
{
	json_t *labels = json_object();
	for (unsigned i = 0; i < count; i++)
		json_object_set_new(labels, label[i].name, json_string(label[i].value));
	return labels;
}

static json_t *list_json(const char *joined, char between)
{
	const char stop[2] = { between };
	json_t *list = json_array();
	for (const char *at = joined; *at; at += *at == between) {
		size_t len = strcspn(at, stop);
		json_array_append_new(list, json_stringn(at, len));
		at += len;
	}
	return list;
}

static void set_number(json_t *o, const char *name, unsigned value, unsigned usual)
{
	if (value != usual)
		json_object_set_new(o, name, json_integer(value));
}

static void set_dns(json_t *o, const struct monitor *m)
{
	json_object_set_new(o, "type", json_string(job_type_names[m->type]));
	json_object_set_new(o, "record", json_string(job_record_names[m->record]));
	if (m->expect_answer)
		json_object_set_new(o, "expect_answer", list_json(m->expect_answer, '\n'));
	if (m->resolver)
		json_object_set_new(o, "resolver", json_string(m->resolver));
}

char *monitor_encode(const struct monitor *m)
{
	char target[HOST_MAX_LEN + 9];
	json_t *o = json_object();
	monitor_target_write(m, target, sizeof(target));
	json_object_set_new(o, "target", json_string(m->type == JOB_DNS ? m->host : target));
	if (m->type == JOB_DNS)
		set_dns(o, m);
	json_object_set_new(o, "interval_ms", json_integer(m->interval_ms));
	json_object_set_new(o, "timeout_ms", json_integer(m->timeout_ms));
	set_number(o, "slow_ms", m->slow_ms, 0);
	if (m->close != CLOSE_RST)
		json_object_set_new(o, "close", json_string(close_mode_names[m->close]));
	if (m->settle_ms == JOB_SETTLE_AUTO)
		json_object_set_new(o, "settle_ms", json_string("auto"));
	else
		set_number(o, "settle_ms", m->settle_ms, JOB_SETTLE_UNSET);
	if (m->ip != IP_ANY)
		json_object_set_new(o, "ip", json_string(job_ip_names[m->ip]));
	if (m->addresses != ADDRESSES_FIRST)
		json_object_set_new(o, "addresses", json_string(job_addresses_names[m->addresses]));
	if (m->expect_address)
		json_object_set_new(o, "expect_address", list_json(m->expect_address, ','));
	if (m->regions)
		json_object_set_new(o, "regions", names_json(m->region, m->regions));
	if (m->labels)
		json_object_set_new(o, "labels", monitor_labels_json(m->label, m->labels));
	if (m->runbook)
		json_object_set_new(o, "runbook", json_string(m->runbook));
	if (m->parents)
		json_object_set_new(o, "parents", names_json(m->parent, m->parents));
	if (m->canary)
		json_object_set_new(o, "canary", json_string(canary_names[m->canary]));
	if (m->expect)
		json_object_set_new(o, "expect", json_string(expect_names[m->expect]));
	if (m->paused)
		json_object_set_new(o, "paused", json_true());
	if (m->tls)
		json_object_set_new(o, "tls", monitor_tls_json(m));
	char *line = json_line(o);
	json_decref(o);
	return line;
}
