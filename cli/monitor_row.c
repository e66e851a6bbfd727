/* monitor_row.c - writes one monitor as JSON, and as the cells of a table.
 * Why so: a broken one has a row like any other, with the reason where the others have their target: what is silently
 * left out of a list is never mended. */
#include "cli/monitor_row.h"

#include "base/json.h"
#include "base/must.h"
#include "wire/monitor_tls.h"

#include <stdlib.h>

const char *const monitor_headings[MONITOR_COLUMNS] = { "name", "target", "interval", "regions", "labels", "state" };

void monitor_row_make(struct monitor_row *row, const struct snapshot_monitor *there)
{
	char why[STORE_WHY_MAX], prefix[NAME_MAX_LEN + 16];
	row->there = there;
	row->broken[0] = 0;
	if (snapshot_decode(there, &row->m, why, sizeof why))
		return;
	snprintf(prefix, sizeof prefix, "monitor %.64s: ", there->name); /* the row says the name itself */
	const size_t len = strlen(prefix);
	snprintf(row->broken, sizeof row->broken, "%s", strncmp(why, prefix, len) == 0 ? why + len : why);
	monitor_init(&row->m);
}

void monitor_row_free(struct monitor_row *row)
{
	monitor_free(&row->m);
}

/* ---- cells ---- */

static void add_duration(struct text *to, unsigned ms)
{
	if (ms % 1000)
		text_printf(to, "%ums", ms);
	else
		text_printf(to, "%us", ms / 1000);
}

static void add_labels(struct text *to, const struct monitor *m)
{
	for (unsigned i = 0; i < m->labels; i++)
		text_printf(to, "%s%s=%s", i ? "," : "", m->label[i].name, m->label[i].value);
}

static void add_regions(struct text *to, const struct monitor *m)
{
	text_add(to, m->regions ? "" : "all");
	for (unsigned i = 0; i < m->regions; i++)
		text_printf(to, "%s%s", i ? "," : "", m->region[i]);
}

void monitor_row_cell(struct text *to, const struct monitor_row *row, unsigned column)
{
	char target[HOST_MAX_LEN + 9];
	if (column == 0)
		text_add_bytes(to, row->there->name, row->there->name_len);
	else if (row->broken[0])
		text_printf(to, column == 5 ? "broken: %s" : "%s", column == 5 ? row->broken : "");
	else
		switch (column) {
		case 1:
			monitor_target_write(&row->m, target, sizeof target);
			text_add(to, target);
			break;
		case 2: add_duration(to, row->m.interval_ms); break;
		case 3: add_regions(to, &row->m); break;
		case 4: add_labels(to, &row->m); break;
		case 5: text_add(to, row->m.paused ? "paused" : "active"); break;
		}
}

/* ---- JSON ---- */

static json_t *list_of(const char *joined, const char *between)
{
	json_t *list = json_array();
	for (const char *at = joined; at && *at; at += *at == *between) {
		const size_t len = strcspn(at, between);
		json_array_append_new(list, json_stringn(at, len));
		at += len;
	}
	return list;
}

static json_t *names(char *const *name, unsigned count)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list, json_string(name[i]));
	return list;
}

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static void set_members(json_t *o, const struct monitor *m)
{
	char target[HOST_MAX_LEN + 9];
	json_t *labels = json_object();
	monitor_target_write(m, target, sizeof target);
	for (unsigned i = 0; i < m->labels; i++)
		json_object_set_new(labels, m->label[i].name, json_string(m->label[i].value));
	json_object_set_new(o, "target", json_string(target));
	json_object_set_new(o, "type", json_string(job_type_names[m->type]));
	if (m->type == JOB_DNS) {
		json_object_set_new(o, "record", json_string(job_record_names[m->record]));
		json_object_set_new(o, "expect_answer", list_of(m->expect_answer, "\n"));
		json_object_set_new(o, "resolver", text_or_null(m->resolver));
	}
	json_object_set_new(o, "interval_ms", json_integer(m->interval_ms));
	json_object_set_new(o, "timeout_ms", json_integer(m->timeout_ms));
	json_object_set_new(o, "slow_ms", json_integer(m->slow_ms));
	json_object_set_new(o, "close", json_string(close_mode_names[m->close]));
	json_object_set_new(o, "settle_ms", m->settle_ms == JOB_SETTLE_AUTO  ? json_string("auto") :
					    m->settle_ms == JOB_SETTLE_UNSET ? json_null() :
									       json_integer(m->settle_ms));
	json_object_set_new(o, "ip", json_string(job_ip_names[m->ip]));
	json_object_set_new(o, "addresses", json_string(job_addresses_names[m->addresses]));
	json_object_set_new(o, "expect_address", list_of(m->expect_address, ","));
	json_object_set_new(o, "regions", names(m->region, m->regions));
	json_object_set_new(o, "labels", labels);
	json_object_set_new(o, "runbook", text_or_null(m->runbook));
	json_object_set_new(o, "parents", names(m->parent, m->parents));
	json_object_set_new(o, "canary", text_or_null(canary_names[m->canary]));
	json_object_set_new(o, "expect", json_string(expect_names[m->expect]));
	json_object_set_new(o, "paused", json_boolean(m->paused));
	json_object_set_new(o, "tls", m->tls ? monitor_tls_json(m) : json_null());
}

void monitor_row_json(struct text *to, const struct monitor_row *row)
{
	struct text name = { 0 };
	json_t *o = json_object();
	if (!row->broken[0])
		set_members(o, &row->m);
	char *rest = json_line(o);
	must(rest);
	/* a name may be any bytes, which jansson would refuse; text_json_string() makes the best of them */
	text_json_string(&name, row->there->name, row->there->name_len);
	text_printf(to, "{\"name\":%s,\"broken\":", name.data);
	if (row->broken[0])
		text_json_string(to, row->broken, strlen(row->broken));
	else
		text_add(to, "null");
	rest[strlen(rest) - 1] = 0; /* its closing brace */
	text_printf(to, "%s%s,\"schema\":\"portwatch.monitor/1\"}", rest[1] ? "," : "", rest + 1);
	free(rest);
	text_free(&name);
	json_decref(o);
}
