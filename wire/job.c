/* job.c - reads a batch of jobs as a stranger may have written it, and writes one.
 * In: the blob of a stream entry.  Out: up to 64 struct job whose texts stay in the blob.
 * Owns: nothing after it returns.  Why so: a job that is wrong in itself is marked with a sentence and goes on as a job,
 * so that its monitor gets an answer; only a blob that is no batch is refused as a whole. */
#include "wire/job.h"
#include "base/must.h"
#include "base/printable.h"
#include "base/option.h"
#include "wire/guard.h"
#include "wire/msgpack_read.h"
#include "wire/prefix.h"
#include "wire/target.h"

#include <arpa/inet.h>

const char *const close_mode_names[CLOSE_MODES + 1] = { "rst", "fin", "half", NULL };

const char *const job_ip_names[IP_CHOICES + 1] = { "any", "v4", "v6", "both", NULL };
const char *const job_addresses_names[ADDRESSES_CHOICES + 1] = { "first", "all", NULL };
const char *const job_type_names[JOB_TYPES + 1] = { "tcp", "dns", NULL };

const struct job_options job_options_default = {
	.timeout_ms = JOB_TIMEOUT_DEFAULT_MS,
	.expires_ms = JOB_EXPIRES_DEFAULT_MS,
	.close = CLOSE_RST,
	.settle_ms = JOB_SETTLE_UNSET,
};

bool settle_parse(const char *text, unsigned *settle_ms, char *why, size_t why_len)
{
	const size_t digits = strspn(text, "0123456789");
	uint64_t ms = 0;
	bool fine;
	if (strcmp(text, "auto") == 0) {
		*settle_ms = JOB_SETTLE_AUTO;
		return true;
	}
	if (digits && !text[digits]) {
		fine = digits < 10;
		ms = fine ? strtoul(text, NULL, 10) : 0;
	} else
		fine = duration_parse(text, &ms);
	if (fine && ms <= JOB_SETTLE_MAX_MS) {
		*settle_ms = (unsigned)ms;
		return true;
	}
	snprintf(why, why_len, "--settle: \"%.40s\" is neither auto nor a time of 0 to %d ms", text, JOB_SETTLE_MAX_MS);
	return false;
}

enum setting { SET_TIMEOUT, SET_CLOSE, SET_SETTLE, SET_EXPIRES, SET_SLOT, SET_ATTEMPT, SET_IP, SET_ADDRESSES,
	       SET_TYPE, SET_RECORD, SETTINGS };

/* What a key of an options map may say: a number from low to high or, where words stand, one of the words (whose value is
 * first_word and up). */
static const struct setting_row {
	const char *key;
	int64_t low, high;
	const char *const *words;
	int64_t first_word;
	const char *wrong; /* the sentence for any other value */
} settings[SETTINGS] = {
	[SET_TIMEOUT] = { "timeout_ms", 1, JOB_TIMEOUT_MAX_MS, NULL, 0,
			  "timeout_ms is not a whole number from 1 to 60000" },
	[SET_CLOSE] = { "close", 1, 0, close_mode_names, CLOSE_RST, "close is not \"rst\", \"fin\" or \"half\"" },
	[SET_SETTLE] = { "settle_ms", 0, JOB_SETTLE_MAX_MS, (const char *const[]){ "auto", NULL }, JOB_SETTLE_AUTO,
			 "settle_ms is not a whole number from 0 to 5000 or \"auto\"" },
	[SET_EXPIRES] = { "expires_ms", 1, JOB_EXPIRES_MAX_MS, NULL, 0,
			  "expires_ms is not a whole number from 1 to 86400000" },
	[SET_SLOT] = { "slot", 0, TIME_MAX_MS, NULL, 0, "slot is not a time in ms since 1970 before the year 10000" },
	[SET_ATTEMPT] = { "attempt", 0, UINT16_MAX, NULL, 0, "attempt is not a whole number from 0 to 65535" },
	[SET_IP] = { "ip", 1, 0, job_ip_names, IP_ANY, "ip is not \"any\", \"v4\", \"v6\" or \"both\"" },
	[SET_TYPE] = { "type", 1, 0, job_type_names, JOB_TCP, "type is not \"tcp\" or \"dns\"" },
	[SET_RECORD] = { "record", 1, 0, job_record_names, RECORD_A, "record is not \"A\", \"AAAA\", \"CNAME\", \"MX\", \"NS\" or \"TXT\"" },
	[SET_ADDRESSES] = { "addresses", 1, 0, job_addresses_names, ADDRESSES_FIRST, "addresses is not \"first\" or \"all\"" },
};

static void setting_apply(struct job *job, enum setting which, int64_t value)
{
	switch (which) {
	case SET_TIMEOUT:
		job->timeout_ms = (uint16_t)value;
		break;
	case SET_CLOSE:
		job->close = (uint8_t)value;
		break;
	case SET_SETTLE:
		job->settle_ms = (uint16_t)value;
		break;
	case SET_EXPIRES:
		job->expires_ms = (uint32_t)value;
		break;
	case SET_SLOT:
		job->slot_ms = (uint64_t)value;
		break;
	case SET_ATTEMPT:
		job->attempt = (uint16_t)value;
		break;
	case SET_IP:
		job->ip = (uint8_t)value;
		break;
	case SET_ADDRESSES:
		job->addresses = (uint8_t)value;
		break;
	case SET_TYPE:
		job->type = (uint8_t)value;
		break;
	case SET_RECORD:
		job->record = (uint8_t)value;
		break;
	case SETTINGS:
		break;
	}
}

static bool setting_value(const struct setting_row *row, const msgpack_object *o, int64_t *value)
{
	for (unsigned i = 0; row->words && row->words[i]; i++)
		if (object_is_text(o, row->words[i])) {
			*value = row->first_word + i;
			return true;
		}
	return object_integer(o, row->low, row->high, value);
}

/* ---- options that are texts; they stay in the blob ---- */

static const char *expect_read(const msgpack_object *o, const char *blob, struct job *job)
{
	struct prefix prefix[PREFIXES_MAX];
	char why[256];
	if (o->type != MSGPACK_OBJECT_STR || o->via.str.size > EXPECT_TEXT_MAX ||
	    prefixes_parse(o->via.str.ptr, o->via.str.size, prefix, why, sizeof(why)) < 0)
		return "expect_address is not a list of addresses or ADDRESS/BITS with commas, of at most 255 bytes";
	job->expect_at = (uint16_t)(o->via.str.ptr - blob);
	job->expect_len = (uint8_t)o->via.str.size;
	return NULL;
}

/* ---- the map `tls` ---- */

static const char *wish_text(const msgpack_object *o, const char *blob, size_t most, const char *wrong, uint16_t *at,
			     uint8_t *len)
{
	if (o->type != MSGPACK_OBJECT_STR || o->via.str.size == 0 || o->via.str.size > most ||
	    !text_is_host(o->via.str.ptr, o->via.str.size))
		return wrong;
	*at = (uint16_t)(o->via.str.ptr - blob);
	*len = (uint8_t)o->via.str.size;
	return NULL;
}

static const char *wish_server_name(const msgpack_object *o, const char *blob, struct tls_job *tls)
{
	return wish_text(o, blob, HOST_MAX_LEN, "tls: server_name is not a host name or an address", &tls->name_at, &tls->name_len);
}

static const char *wish_ca(const msgpack_object *o, const char *blob, struct tls_job *tls)
{
	static const char wrong[] = "tls: ca is not an absolute path of at most 255 bytes without spaces";
	if (o->type == MSGPACK_OBJECT_STR && o->via.str.size && o->via.str.ptr[0] != '/')
		return wrong;
	return wish_text(o, blob, TLS_CA_MAX_LEN, wrong, &tls->ca_at, &tls->ca_len);
}

static const char *wish_starttls(const msgpack_object *o, const char *blob, struct tls_job *tls)
{
	(void)blob;
	for (unsigned i = STARTTLS_NONE + 1; i < STARTTLS_KINDS; i++)
		if (object_is_text(o, starttls_names[i])) {
			tls->starttls = (uint8_t)i;
			return NULL;
		}
	return "tls: starttls is not \"smtp\", \"imap\", \"pop3\", \"postgres\" or \"ldap\"";
}

static const char *wish_left(const msgpack_object *o, uint32_t *seconds)
{
	int64_t ms;
	if (!object_integer(o, 0, TLS_LEFT_MAX_S * 1000ll, &ms))
		return "tls: warn_ms or down_ms is not a whole number from 0 to 315360000000";
	*seconds = (uint32_t)(ms / 1000);
	return NULL;
}

static const char *wish_warn(const msgpack_object *o, const char *blob, struct tls_job *tls)
{
	(void)blob;
	return wish_left(o, &tls->warn_s);
}

static const char *wish_down(const msgpack_object *o, const char *blob, struct tls_job *tls)
{
	(void)blob;
	return wish_left(o, &tls->down_s);
}

static const char *wish_timeout(const msgpack_object *o, const char *blob, struct tls_job *tls)
{
	int64_t ms;
	(void)blob;
	if (!object_integer(o, 1, JOB_TIMEOUT_MAX_MS, &ms))
		return "tls: timeout_ms is not a whole number from 1 to 60000";
	tls->timeout_ms = (uint16_t)ms;
	return NULL;
}

static const struct wish_row {
	const char *key;
	const char *(*read)(const msgpack_object *o, const char *blob, struct tls_job *tls);
} wishes[] = {
	{ "server_name", wish_server_name }, { "ca", wish_ca },	       { "starttls", wish_starttls },
	{ "warn_ms", wish_warn },	     { "down_ms", wish_down }, { "timeout_ms", wish_timeout },
};

/* The whole of it: what a job says replaces what the defaults said. */
static const char *tls_read(const msgpack_object *o, const char *blob, struct job *job)
{
	struct tls_job *tls = &job->tls;
	*tls = (struct tls_job){ .wanted = true, .timeout_ms = TLS_TIMEOUT_DEFAULT_MS, .warn_s = TLS_WARN_DEFAULT_S,
				 .down_s = TLS_DOWN_DEFAULT_S };
	if (o->type != MSGPACK_OBJECT_MAP)
		return "tls is not a map";
	for (uint32_t i = 0; i < o->via.map.size; i++)
		for (size_t w = 0; w < ARRAY_LEN(wishes); w++) {
			const char *fault = object_is_text(&o->via.map.ptr[i].key, wishes[w].key)
						    ? wishes[w].read(&o->via.map.ptr[i].val, blob, tls) : NULL;
			if (fault)
				return fault;
		}
	return NULL;
}

/* ---- what a job has of its own ---- */

/* Whether the values fit the record is looked at when all options are read. */
static const char *answer_read(const msgpack_object *o, const char *blob, struct job *job)
{
	if (o->type != MSGPACK_OBJECT_STR || !o->via.str.size || o->via.str.size > ANSWER_TEXT_MAX)
		return "expect_answer is not a text of 1 to 1000 bytes";
	job->answer_at = (uint16_t)(o->via.str.ptr - blob);
	job->answer_len = (uint16_t)o->via.str.size;
	return NULL;
}

static const char *resolver_read(const msgpack_object *o, const char *blob, struct job *job)
{
	char why[300];
	if (o->type != MSGPACK_OBJECT_STR || !resolver_is_fine(o->via.str.ptr, o->via.str.size, why, sizeof(why)))
		return "resolver is not ADDRESS or ADDRESS:PORT";
	job->resolver_at = (uint16_t)(o->via.str.ptr - blob);
	job->resolver_len = (uint8_t)o->via.str.size;
	return NULL;
}

static const struct text_row {
	const char *key;
	const char *(*read)(const msgpack_object *o, const char *blob, struct job *job);
} text_rows[] = { { "expect_address", expect_read }, { "expect_answer", answer_read }, { "resolver", resolver_read },
		{ "tls", tls_read } };

static const struct text_row *text_row_of(const msgpack_object *key)
{
	for (unsigned i = 0; i < ARRAY_LEN(text_rows); i++)
		if (object_is_text(key, text_rows[i].key))
			return &text_rows[i];
	return NULL;
}

/* What a job of type dns must be beside what every job must. */
static const char *dns_fault(const struct job *job, const char *blob)
{
	char why[300];
	if (job->type != JOB_DNS)
		return NULL;
	if (job->tls.wanted)
		return "tls means nothing to type dns";
	if (job->family != FAMILY_NONE)
		return "host is an address: type dns asks for names";
	if (job->answer_len &&
	    !record_values_are_fine((enum job_record)job->record, blob + job->answer_at, job->answer_len, why, sizeof(why)))
		return "expect_answer has a value that its record cannot have";
	return NULL;
}

/* Applies a map of options to a job.  NULL, or the sentence for the first value that is wrong. */
static const char *job_options_read(const msgpack_object *o, const char *blob, struct job *job)
{
	if (o->type != MSGPACK_OBJECT_MAP)
		return "options are not a map";
	for (uint32_t i = 0; i < o->via.map.size; i++) {
		const msgpack_object_kv *pair = &o->via.map.ptr[i];
		const struct text_row *text = text_row_of(&pair->key);
		if (text) {
			const char *fault = text->read(&pair->val, blob, job);
			if (fault)
				return fault;
			continue;
		}
		for (enum setting s = 0; s < SETTINGS; s++) {
			int64_t value = 0;
			if (!object_is_text(&pair->key, settings[s].key))
				continue;
			if (!setting_value(&settings[s], &pair->val, &value))
				return settings[s].wrong;
			setting_apply(job, s, value);
			break;
		}
	}
	return NULL;
}

static const char *monitor_read(const msgpack_object *o, const char *blob, struct job *job)
{
	if (o->type != MSGPACK_OBJECT_STR)
		return "monitor is not a text";
	if (o->via.str.size == 0)
		return "monitor is empty";
	if (o->via.str.size > NAME_MAX_LEN)
		return "monitor is longer than 64 bytes";
	if (!text_is_printable(o->via.str.ptr, o->via.str.size))
		return "monitor is not UTF-8 without control characters";
	job->monitor_at = (uint16_t)(o->via.str.ptr - blob);
	job->monitor_len = (uint8_t)o->via.str.size;
	return NULL;
}

static const char *host_read(const msgpack_object *o, const char *blob, struct job *job)
{
	if (o->type != MSGPACK_OBJECT_STR)
		return "host is not a text";
	if (o->via.str.size == 0)
		return "host is empty";
	if (o->via.str.size > HOST_MAX_LEN)
		return "host is longer than 253 bytes";
	if (!text_is_host(o->via.str.ptr, o->via.str.size))
		return "host is not printable ASCII without spaces";
	job->host_at = (uint16_t)(o->via.str.ptr - blob);
	job->host_len = (uint8_t)o->via.str.size;
	if (job_set_literal(job, o->via.str.ptr, o->via.str.size))
		return NULL;
	/* What looks like an address and is none must not come to a resolver, which may read quite another one there. */
	if (memchr(o->via.str.ptr, ':', o->via.str.size) || memchr(o->via.str.ptr, '%', o->via.str.size))
		return "host is not an IPv6 address (no brackets, no zone)";
	if (host_name_fault(o->via.str.ptr, o->via.str.size) == HOST_NOT_V4)
		return "host is not an IPv4 address, and the last part of a name is not a number";
	return NULL;
}

static const char *port_read(const msgpack_object *o, struct job *job)
{
	int64_t port;
	if (!object_integer(o, 1, UINT16_MAX, &port))
		return "port is not a number from 1 to 65535";
	job->port = (uint16_t)port;
	return NULL;
}

/* The first fault is kept: it is the one nearest to the front of the job. */
static void blame(struct job *job, const char *fault)
{
	if (fault && !job->bad)
		job->bad = fault;
}

static void job_read(const msgpack_object *o, const char *blob, struct job *job)
{
	if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < 3 || o->via.array.size > 4) {
		job->bad = "job is not [monitor, host, port] or [monitor, host, port, {options}]";
		return;
	}
	const msgpack_object *part = o->via.array.ptr;
	blame(job, monitor_read(&part[0], blob, job));
	blame(job, host_read(&part[1], blob, job));
	blame(job, port_read(&part[2], job));
	if (o->via.array.size == 4)
		blame(job, job_options_read(&part[3], blob, job));
	if (!job->bad)
		blame(job, dns_fault(job, blob));
}

static int batch_read(const msgpack_object *batch, const char *blob, uint64_t slot_ms, struct job *jobs, char *why,
		      size_t why_len)
{
	const msgpack_object *part = batch->via.array.ptr;
	struct job usual = {
		.slot_ms = slot_ms,
		.timeout_ms = JOB_TIMEOUT_DEFAULT_MS,
		.settle_ms = JOB_SETTLE_UNSET,
		.expires_ms = JOB_EXPIRES_DEFAULT_MS,
	};

	if (batch->type != MSGPACK_OBJECT_ARRAY || batch->via.array.size != 2 ||
	    part[0].type != MSGPACK_OBJECT_MAP || part[1].type != MSGPACK_OBJECT_ARRAY) {
		snprintf(why, why_len, "byte 0: batch is not [ {defaults}, [job, ...] ]");
		return -EBADMSG;
	}
	uint32_t count = part[1].via.array.size;
	if (count == 0 || count > ENTRY_JOBS_MAX) {
		snprintf(why, why_len, "batch has %u jobs, it must have 1 to %d", count, ENTRY_JOBS_MAX);
		return -EBADMSG;
	}
	const char *fault = job_options_read(&part[0], blob, &usual);
	if (fault) {
		snprintf(why, why_len, "defaults of the batch: %s", fault);
		return -EBADMSG;
	}
	for (uint32_t i = 0; i < count; i++) {
		jobs[i] = usual;
		jobs[i].index = (uint8_t)i;
		job_read(&part[1].via.array.ptr[i], blob, &jobs[i]);
	}
	return (int)count;
}

int job_batch_decode(const void *blob, size_t len, uint64_t slot_ms, struct job jobs[ENTRY_JOBS_MAX], char *why,
		     size_t why_len)
{
	msgpack_unpacked tree;
	int rc = guard_walk(blob, len, why, why_len);

	if (rc)
		return rc;
	rc = tree_unpack(&tree, blob, len, why, why_len);
	if (rc == 0)
		rc = batch_read(&tree.data, blob, slot_ms, jobs, why, why_len);
	msgpack_unpacked_destroy(&tree);
	return rc;
}

bool job_set_literal(struct job *job, const char *host, size_t len)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16] = { 0 };

	job->family = FAMILY_NONE;
	if (len >= sizeof(text) || memchr(host, 0, len))
		return false;
	memcpy(text, host, len);
	text[len] = 0;
	if (!memchr(text, ':', len)) {
		if (inet_pton(AF_INET, text, address) != 1)
			return false;
		job->family = FAMILY_V4;
	} else {
		if (inet_pton(AF_INET6, text, address) != 1)
			return false;
		job->family = FAMILY_V6;
	}
	/* ::ffff:192.0.2.1 leaves as an IPv4 packet: policy and evidence must speak of what is on the wire. */
	if (job->family == FAMILY_V6 && memcmp(address, mapped, sizeof(mapped)) == 0) {
		job->family = FAMILY_V4;
		memmove(address, address + 12, 4);
		memset(address + 4, 0, 12);
	}
	memcpy(job->address, address, sizeof(address));
	return true;
}

/* The packers below return true for failure, so that || keeps their order and stops at the first. */
static bool pack_text(msgpack_packer *pk, const char *text)
{
	size_t len = strlen(text);
	return msgpack_pack_str(pk, len) || msgpack_pack_str_body(pk, text, len);
}

static bool pack_number(msgpack_packer *pk, const char *key, unsigned value, unsigned usual)
{
	return value != usual && (pack_text(pk, key) || msgpack_pack_unsigned_int(pk, value));
}

static bool pack_word(msgpack_packer *pk, const char *key, const char *word)
{
	return pack_text(pk, key) || pack_text(pk, word);
}

static bool options_pack(msgpack_packer *pk, const struct job_options *o)
{
	const struct job_options *usual = &job_options_default;
	bool closes = o->close != usual->close, settles = o->settle_ms != usual->settle_ms;
	bool families = o->ip != usual->ip, many = o->addresses != usual->addresses, typed = o->type != usual->type;
	bool recorded = o->record != usual->record;
	unsigned pairs = (o->timeout_ms != usual->timeout_ms) + closes + settles +
			 (o->expires_ms != usual->expires_ms) + (o->attempt != usual->attempt) + families + many + typed + recorded;

	return msgpack_pack_map(pk, pairs) ||
	       pack_number(pk, "timeout_ms", o->timeout_ms, usual->timeout_ms) ||
	       (closes && pack_word(pk, "close", close_mode_names[o->close])) ||
	       (o->settle_ms == JOB_SETTLE_AUTO ? pack_word(pk, "settle_ms", "auto")
						: pack_number(pk, "settle_ms", o->settle_ms, usual->settle_ms)) ||
	       pack_number(pk, "expires_ms", o->expires_ms, usual->expires_ms) ||
	       pack_number(pk, "attempt", o->attempt, usual->attempt) ||
	       (families && pack_word(pk, "ip", job_ip_names[o->ip])) ||
	       (many && pack_word(pk, "addresses", job_addresses_names[o->addresses])) ||
	       (typed && pack_word(pk, "type", job_type_names[o->type])) ||
	       (recorded && pack_word(pk, "record", job_record_names[o->record]));
}

static bool is_said(const char *text)
{
	return text && *text;
}

static bool pack_seconds(msgpack_packer *pk, const char *key, unsigned seconds, unsigned usual)
{
	return seconds != usual && (pack_text(pk, key) || msgpack_pack_uint64(pk, seconds * 1000ull));
}

/* "tls": { what is not usual } */
static bool tls_pack(msgpack_packer *pk, const struct tls_wish *w)
{
	const struct tls_wish *usual = &tls_wish_default;
	unsigned pairs = (w->server_name != NULL) + (w->ca != NULL) + (w->starttls != STARTTLS_NONE) +
			 (w->timeout_ms != usual->timeout_ms) + (w->warn_s != usual->warn_s) + (w->down_s != usual->down_s);
	return pack_text(pk, "tls") || msgpack_pack_map(pk, pairs) ||
	       (w->server_name && pack_word(pk, "server_name", w->server_name)) || (w->ca && pack_word(pk, "ca", w->ca)) ||
	       (w->starttls && pack_word(pk, "starttls", starttls_names[w->starttls])) ||
	       pack_number(pk, "timeout_ms", w->timeout_ms, usual->timeout_ms) ||
	       pack_seconds(pk, "warn_ms", w->warn_s, usual->warn_s) || pack_seconds(pk, "down_ms", w->down_s, usual->down_s);
}

static bool job_pack(msgpack_packer *pk, const struct job_text *job)
{
	unsigned pairs = is_said(job->expect_address) + is_said(job->expect_answer) + is_said(job->resolver) + (job->tls != NULL);
	return msgpack_pack_array(pk, pairs ? 4 : 3) || pack_text(pk, job->monitor) || pack_text(pk, job->host) ||
	       msgpack_pack_unsigned_int(pk, job->port) || (pairs && msgpack_pack_map(pk, pairs)) ||
	       (is_said(job->expect_address) && pack_word(pk, "expect_address", job->expect_address)) ||
	       (is_said(job->expect_answer) && pack_word(pk, "expect_answer", job->expect_answer)) ||
	       (is_said(job->resolver) && pack_word(pk, "resolver", job->resolver)) || (job->tls && tls_pack(pk, job->tls));
}

void *job_batch_encode(const struct job_options *options, const struct job_text *jobs, unsigned count, size_t *len)
{
	msgpack_sbuffer bytes;
	msgpack_packer pk;

	must_say(count >= 1 && count <= ENTRY_JOBS_MAX, "%u jobs", count);
	must_say((unsigned)options->close < CLOSE_MODES, "close mode %d", (int)options->close);
	msgpack_sbuffer_init(&bytes);
	msgpack_packer_init(&pk, &bytes, msgpack_sbuffer_write);
	bool failed = msgpack_pack_array(&pk, 2) || options_pack(&pk, options) || msgpack_pack_array(&pk, count);
	for (unsigned i = 0; i < count && !failed; i++)
		failed = job_pack(&pk, &jobs[i]);
	if (failed) {
		msgpack_sbuffer_destroy(&bytes);
		return NULL;
	}
	*len = bytes.size;
	return msgpack_sbuffer_release(&bytes);
}
