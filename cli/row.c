/* row.c - the table of fields: what a result has to tell, field by field.
 * In: a row.  Out: one value at a time.
 * Owns: nothing.  Why so: a field exists in one place; the JSON, the CSV header, the table's heading and the help cannot
 * drift apart.  The order of the table is the order of the output; schema comes last, where it does not hide the rest. */
#include "cli/row.h"

#include "base/option.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void set_text(struct row_value *value, const char *text)
{
	value->known = text && *text;
	value->text = text;
}

static void set_number(struct row_value *value, bool known, int64_t number)
{
	value->known = known;
	value->number = number;
}

static void get_target(const struct row *row, struct row_value *value) { set_text(value, row->target); }
static void get_monitor(const struct row *row, struct row_value *value) { set_text(value, row->monitor); }
static void get_region(const struct row *row, struct row_value *value) { set_text(value, row->region); }
static void get_engine(const struct row *row, struct row_value *value) { set_text(value, row->engine); }
static void get_address(const struct row *row, struct row_value *value) { set_text(value, row->address); }
static void get_detail(const struct row *row, struct row_value *value) { set_text(value, row->detail); }
static void get_port(const struct row *row, struct row_value *value) { set_number(value, true, row->port); }
static void get_attempt(const struct row *row, struct row_value *value) { set_number(value, true, row->attempt); }

static void get_slot(const struct row *row, struct row_value *value)
{
	const time_t seconds = (time_t)(row->slot_ms / 1000);
	struct tm utc;
	char date[24] = "";
	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
	if (*date)
		snprintf(value->room, sizeof value->room, "%s.%03uZ", date, (unsigned)(row->slot_ms % 1000));
	set_text(value, value->room);
}

static void get_class(const struct row *row, struct row_value *value)
{
	set_text(value, verdict_class_name(verdict_row(row->outcome->verdict)->class));
}

static void get_verdict(const struct row *row, struct row_value *value)
{
	set_text(value, verdict_row(row->outcome->verdict)->name);
}

static void get_rtt(const struct row *row, struct row_value *value)
{
	set_number(value, row->outcome->rtt_us > 0, row->outcome->rtt_us);
}

static void get_wall(const struct row *row, struct row_value *value)
{
	set_number(value, row->outcome->wall_us > 0, row->outcome->wall_us);
}

static void get_dns(const struct row *row, struct row_value *value)
{
	set_number(value, row->outcome->dns_us > 0, row->outcome->dns_us);
}

static void get_late(const struct row *row, struct row_value *value)
{
	set_number(value, true, row->outcome->late_us);
}

static void get_syn_retrans(const struct row *row, struct row_value *value)
{
	set_number(value, true, row->outcome->syn_retrans);
}

/* "ECONNREFUSED"; a number that the C library does not know stands as "E999". */
static void get_errno(const struct row *row, struct row_value *value)
{
	const char *name = NULL;
	if (!row->outcome->error)
		return;
#ifdef HAVE_STRERRORNAME_NP
	name = strerrorname_np(row->outcome->error);
#endif
	if (!name)
		snprintf(value->room, sizeof value->room, "E%u", row->outcome->error);
	set_text(value, name ? name : value->room);
}

static void get_not_after(const struct row *row, struct row_value *value)
{
	const struct tls_seen *tls = row->outcome->tls;
	const time_t seconds = tls ? (time_t)tls->not_after_s : 0;
	struct tm utc;
	if (seconds > 0 && gmtime_r(&seconds, &utc))
		strftime(value->room, sizeof value->room, "%Y-%m-%dT%H:%M:%SZ", &utc);
	else
		value->room[0] = 0;
	set_text(value, value->room);
}

static void get_issuer(const struct row *row, struct row_value *value)
{
	set_text(value, row->outcome->tls ? row->outcome->tls->issuer : NULL);
}

static void get_schema(const struct row *row, struct row_value *value)
{
	set_text(value, row->kind == ROW_PROBE ? "portwatch.probe/1" : "portwatch.result/1");
}

#define BOTH (ROW_PROBE | ROW_RESULT)

static const struct row_field fields[] = {
	{ "slot", ROW_TEXT, "SLOT", ROW_RESULT, ROW_RESULT, "the scheduled time, UTC", get_slot },
	{ "region", ROW_TEXT, "REGION", ROW_RESULT, ROW_RESULT, "where it was probed from", get_region },
	{ "monitor", ROW_TEXT, "MONITOR", ROW_RESULT, ROW_RESULT, "what the job was for", get_monitor },
	{ "engine", ROW_TEXT, "ENGINE", ROW_RESULT, 0, "the process that probed", get_engine },
	{ "target", ROW_TEXT, "TARGET", BOTH, BOTH, "HOST:PORT as it was asked for", get_target },
	{ "address", ROW_TEXT, "ADDRESS", BOTH, 0, "the address that was tried; null if there is none", get_address },
	{ "port", ROW_NUMBER, "PORT", BOTH, 0, "the TCP port", get_port },
	{ "class", ROW_VERDICT, "CLASS", BOTH, 0, "up, down or unknown; unknown never counts against a target", get_class },
	{ "verdict", ROW_VERDICT, "VERDICT", BOTH, BOTH, "open, closed, filtered, ...: one word for what happened", get_verdict },
	{ "rtt_us", ROW_MICROS, "RTT", BOTH, BOTH,
	  "SYN to SYN-ACK by the kernel's clock, us; null if it was not measured (not open, or a SYN was lost)", get_rtt },
	{ "wall_us", ROW_MICROS, "WALL", BOTH, 0, "start to answer by our clock, us; null if nothing was sent", get_wall },
	{ "dns_us", ROW_MICROS, "DNS", BOTH, 0, "how long the name took, in none of the other times, us; null if there was none to look up",
	  get_dns },
	{ "late_us", ROW_MICROS, "LATE", ROW_RESULT, 0, "start minus the scheduled time, us", get_late },
	{ "attempt", ROW_NUMBER, "ATTEMPT", ROW_RESULT, 0, "0, or the number of the confirming round", get_attempt },
	{ "syn_retrans", ROW_NUMBER, "RETRANS", BOTH, 0, "SYNs that had to be sent again", get_syn_retrans },
	{ "errno", ROW_TEXT, "ERRNO", BOTH, 0, "the kernel's error by its name, null if there was none", get_errno },
	{ "detail", ROW_TEXT, "DETAIL", BOTH, BOTH, "the sentence for people", get_detail },
	{ "not_after", ROW_TEXT, "NOT AFTER", BOTH, 0, "when the certificate, or one above it, ends, UTC; null if none was looked at",
	  get_not_after },
	{ "issuer", ROW_TEXT, "ISSUER", BOTH, 0, "who issued the certificate", get_issuer },
	{ "schema", ROW_TEXT, "SCHEMA", BOTH, 0, "the name of this form; its number grows when a field changes its meaning",
	  get_schema },
};

#define FIELDS (sizeof fields / sizeof fields[0])
_Static_assert(FIELDS <= ROW_FIELDS_MAX, "struct row_columns is too small");

static const char *type_name(enum row_type type)
{
	return type == ROW_NUMBER || type == ROW_MICROS ? "number" : "text";
}

void row_columns_default(struct row_columns *columns, enum row_kind kind, enum output_format format)
{
	columns->count = 0;
	for (size_t i = 0; i < FIELDS; i++)
		if ((format == OUTPUT_TABLE ? fields[i].in_table : fields[i].kinds) & kind)
			columns->field[columns->count++] = &fields[i];
}

static bool refuse_unknown(enum row_kind kind, const char *name, char *why, size_t why_len)
{
	const char *names[FIELDS + 1] = { 0 };
	unsigned count = 0;
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].kinds & kind)
			names[count++] = fields[i].name;
	const char *near = nearest_name(name, names);
	if (near)
		snprintf(why, why_len, "--fields: there is no field \"%s\", did you mean %s?", name, near);
	else
		snprintf(why, why_len, "--fields: there is no field \"%s\"; --list-fields tells which there are", name);
	return false;
}

bool row_columns_parse(struct row_columns *columns, enum row_kind kind, const char *list, char *why, size_t why_len)
{
	columns->count = 0;
	for (const char *at = list;; at++) {
		const size_t len = strcspn(at, ",");
		const struct row_field *found = NULL;
		char name[32];
		snprintf(name, sizeof name, "%.*s", len < sizeof name ? (int)len : (int)sizeof name - 1, at);
		for (size_t i = 0; i < FIELDS; i++)
			if ((fields[i].kinds & kind) && strcmp(fields[i].name, name) == 0)
				found = &fields[i];
		if (!found)
			return refuse_unknown(kind, name, why, why_len);
		if (columns->count == ROW_FIELDS_MAX) {
			snprintf(why, why_len, "--fields: more than %d fields", ROW_FIELDS_MAX);
			return false;
		}
		columns->field[columns->count++] = found;
		at += len;
		if (!*at)
			return true;
	}
}

void row_list_fields(struct text *to, enum row_kind kind)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].kinds & kind)
			text_printf(to, "%-12s %-7s %s\n", fields[i].name, type_name(fields[i].type), fields[i].sentence);
}
