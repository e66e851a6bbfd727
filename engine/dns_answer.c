/* dns_answer.c - reads the addresses, or the reason for none, out of a DNS message; or the records of any type.
 * In: bytes from a resolver.  Out: a struct dns_answer, a struct dns_records.  Owns: nothing, allocates nothing.
 * Why so: the library's own readers give the addresses but neither the TTL of a negative answer nor a TTL that minds the
 * CNAMEs before it; walking records is short, and has a fuzz target. */
#include "engine/dns_answer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER_LEN = 12,
	JUMPS_MAX = 128, /* a name has at most 127 labels */
	TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_MX = 15, TYPE_TXT = 16, TYPE_AAAA = 28,
	CLASS_IN = 1,
	RCODE_NXDOMAIN = 3, RCODE_SERVFAIL = 2, RCODE_REFUSED = 5,
};

struct reader {
	const uint8_t *bytes;
	size_t len, at; /* at <= len, always */
	bool bad;
};

static uint16_t read_u16(struct reader *r)
{
	if (r->bad || r->len - r->at < 2) {
		r->bad = true;
		return 0;
	}
	r->at += 2;
	return (uint16_t)(r->bytes[r->at - 2] << 8 | r->bytes[r->at - 1]);
}

static uint32_t read_u32(struct reader *r)
{
	uint32_t high = read_u16(r);
	return high << 16 | read_u16(r);
}

/* Steps over a name: labels until the empty one, or one pointer, which ends it. */
static void skip_name(struct reader *r)
{
	while (!r->bad && r->at < r->len) {
		uint8_t label = r->bytes[r->at];
		if (label >= 0xc0) {
			if (r->len - r->at < 2)
				break;
			r->at += 2;
			return;
		}
		if (label > 63 || r->len - r->at < label + 1u)
			break;
		r->at += label + 1u;
		if (label == 0)
			return;
	}
	r->bad = true;
}

struct record {
	uint16_t type, class, data_len;
	uint32_t ttl_s;
	size_t data_at;
};

static bool read_record(struct reader *r, struct record *into)
{
	skip_name(r);
	into->type = read_u16(r);
	into->class = read_u16(r);
	into->ttl_s = read_u32(r);
	into->data_len = read_u16(r);
	if (r->bad || r->len - r->at < into->data_len)
		return false;
	into->data_at = r->at;
	r->at += into->data_len;
	if (into->ttl_s > INT32_MAX)
		into->ttl_s = 0; /* RFC 2181, 8 */
	return true;
}

/* Keeps the addresses sorted, each once, the lowest NAME_ADDRESSES_MAX of them. */
static void add_address(struct dns_answer *a, const uint8_t *bytes, size_t len)
{
	uint8_t one[16] = { 0 };
	unsigned at = 0;
	memcpy(one, bytes, len);
	while (at < a->count && memcmp(a->address[at], one, 16) < 0)
		at++;
	if (at == NAME_ADDRESSES_MAX || (at < a->count && !memcmp(a->address[at], one, 16)))
		return;
	unsigned moved = a->count - at - (a->count == NAME_ADDRESSES_MAX);
	memmove(a->address[at + 1], a->address[at], moved * sizeof(one));
	memcpy(a->address[at], one, sizeof(one));
	a->count = (uint8_t)(a->count + (a->count < NAME_ADDRESSES_MAX));
}

static void take_answer(struct dns_answer *a, const struct reader *r, const struct record *record, enum dns_type type)
{
	const size_t size = type == DNS_A ? 4 : 16;
	if (record->class != CLASS_IN)
		return;
	if (record->type == (type == DNS_A ? TYPE_A : TYPE_AAAA) && record->data_len == size)
		add_address(a, r->bytes + record->data_at, size);
	else if (record->type != TYPE_CNAME)
		return;
	if (record->ttl_s < a->ttl_s)
		a->ttl_s = record->ttl_s;
}

/* How long a negative answer holds: the lesser of the SOA's TTL and its last field (RFC 2308, 5). */
static void take_soa(struct dns_answer *a, const struct reader *r, const struct record *record)
{
	struct reader data = { r->bytes, record->data_at + record->data_len, record->data_at, false };
	if (record->type != TYPE_SOA)
		return;
	skip_name(&data);
	skip_name(&data);
	for (unsigned i = 0; i < 4; i++)
		read_u32(&data);
	uint32_t minimum = read_u32(&data);
	if (data.bad)
		return;
	a->ttl_s = minimum < record->ttl_s ? minimum : record->ttl_s;
}

/* What the first words of a message say; false: into holds the outcome, or GARBLED. */
static bool read_head(struct reader *r, uint8_t *outcome, uint16_t *answers, uint16_t *authorities, unsigned *rcode)
{
	*outcome = DNS_GARBLED;
	if (r->len < HEADER_LEN)
		return false;
	r->at = 2;
	uint16_t flags = read_u16(r), questions = read_u16(r);
	*answers = read_u16(r);
	*authorities = read_u16(r);
	*rcode = flags & 0xf;
	r->at = HEADER_LEN;
	if (!(flags & 0x8000))
		return false;
	if (*rcode == RCODE_SERVFAIL || *rcode == RCODE_REFUSED) {
		*outcome = *rcode == RCODE_SERVFAIL ? DNS_SERVFAIL : DNS_REFUSED;
		return false;
	}
	if (*rcode != 0 && *rcode != RCODE_NXDOMAIN)
		return false;
	for (; questions && !r->bad; questions--) {
		skip_name(r);
		read_u32(r);
	}
	return !r->bad;
}

void dns_answer_read(const void *message, size_t len, enum dns_type type, struct dns_answer *a)
{
	struct reader r = { .bytes = message, .len = len };
	struct record record;
	uint16_t answers, authorities;
	unsigned rcode;
	a->count = 0;
	a->ttl_s = UINT32_MAX;
	if (!read_head(&r, &a->outcome, &answers, &authorities, &rcode))
		return;
	for (; answers && read_record(&r, &record); answers--)
		take_answer(a, &r, &record, type);
	if (answers || r.bad)
		return;
	if (a->count) {
		a->outcome = DNS_ADDRESSES;
		return;
	}
	a->ttl_s = UINT32_MAX;
	for (; authorities && read_record(&r, &record); authorities--)
		take_soa(a, &r, &record);
	a->outcome = rcode == RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_NO_DATA;
}

/* ---- records ---- */

static void put(struct dns_records *a, const char *text, size_t len)
{
	if (a->cut || len > sizeof(a->text) - a->len) {
		a->cut = true;
		return;
	}
	memcpy(a->text + a->len, text, len);
	a->len += len;
}

/* A byte of a text, or of a label, where a dot, a blank and a backslash are no ordinary letters. */
static void put_byte(struct dns_records *a, uint8_t byte, bool in_label)
{
	char text[8];
	if (byte < 0x20 || byte > 0x7e || (in_label && byte == ' '))
		put(a, text, (size_t)snprintf(text, sizeof(text), "\\%03u", byte));
	else if (in_label && (byte == '\\' || byte == '.'))
		put(a, (char[]){ '\\', (char)byte }, 2);
	else
		put(a, (char[]){ (char)byte }, 1);
}

/* A name that may point back into the message; each pointer leads further to the front, so it ends. */
static bool put_name(struct dns_records *a, const struct reader *r, size_t at, size_t end)
{
	size_t front = at, labels = 0;
	for (unsigned jumps = 0; at < end && jumps < JUMPS_MAX;) {
		uint8_t label = r->bytes[at];
		if (label >= 0xc0) {
			if (end - at < 2)
				return false;
			at = (size_t)(label & 0x3f) << 8 | r->bytes[at + 1];
			if (at >= front)
				return false;
			front = at;
			end = r->len;
			jumps++;
			continue;
		}
		if (label > 63 || end - at < label + 1u || labels > 255)
			return false;
		if (label == 0) {
			if (!labels)
				put(a, ".", 1);
			return true;
		}
		if (labels)
			put(a, ".", 1);
		for (unsigned i = 1; i <= label; i++)
			put_byte(a, r->bytes[at + i], true);
		labels += label + 1u;
		at += label + 1u;
	}
	return false;
}

static bool put_address(struct dns_records *a, const uint8_t *bytes, size_t len, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	if (len != size)
		return false;
	inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
	put(a, text, strlen(text));
	return true;
}

/* The strings of a TXT are one text that was cut to fit (RFC 7208, 3.3). */
static bool put_strings(struct dns_records *a, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += 1u + bytes[at]) {
		if (len - at < 1u + bytes[at])
			return false;
		for (unsigned i = 1; i <= bytes[at]; i++)
			put_byte(a, bytes[at + i], false);
	}
	return len > 0;
}

static bool put_data(struct dns_records *a, const struct reader *r, const struct record *record, enum job_record type)
{
	const uint8_t *bytes = r->bytes + record->data_at;
	const size_t end = record->data_at + record->data_len;
	char number[8];
	switch (type) {
	case RECORD_A: return put_address(a, bytes, record->data_len, 4);
	case RECORD_AAAA: return put_address(a, bytes, record->data_len, 16);
	case RECORD_TXT: return put_strings(a, bytes, record->data_len);
	case RECORD_MX:
		if (record->data_len < 3)
			return false;
		put(a, number, (size_t)snprintf(number, sizeof(number), "%u ", (unsigned)(bytes[0] << 8 | bytes[1])));
		return put_name(a, r, record->data_at + 2, end);
	default: return put_name(a, r, record->data_at, end);
	}
}

void dns_records_read(const void *message, size_t len, enum job_record type, struct dns_records *a)
{
	static const uint16_t numbers[JOB_RECORDS] = { [RECORD_A] = TYPE_A,   [RECORD_AAAA] = TYPE_AAAA, [RECORD_CNAME] = TYPE_CNAME,
						       [RECORD_MX] = TYPE_MX, [RECORD_NS] = TYPE_NS,	    [RECORD_TXT] = TYPE_TXT };
	struct reader r = { .bytes = message, .len = len };
	struct record record;
	uint16_t answers, authorities;
	unsigned rcode;
	a->count = 0;
	a->len = 0;
	a->cut = false;
	if (!read_head(&r, &a->outcome, &answers, &authorities, &rcode))
		return;
	for (; answers && read_record(&r, &record); answers--) {
		if (record.type != numbers[type] || record.class != CLASS_IN)
			continue;
		if (a->count++)
			put(a, "\n", 1);
		if (!put_data(a, &r, &record, type))
			return;
	}
	if (answers || r.bad)
		return;
	a->outcome = a->count ? DNS_ADDRESSES : rcode == RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_NO_DATA;
}
