/* dns_answer.c - reads the addresses, or the reason for none, out of a DNS message.
 * In: bytes from a resolver.  Out: a struct dns_answer.  Owns: nothing, allocates nothing.
 * Why so: the library's own readers give the addresses but neither the TTL of a negative answer nor a TTL that minds the
 * CNAMEs before it; walking records is short, and has a fuzz target. */
#include "engine/dns_answer.h"

#include <stdlib.h>

enum {
	HEADER_LEN = 12,
	TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_AAAA = 28,
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

void dns_answer_read(const void *message, size_t len, enum dns_type type, struct dns_answer *a)
{
	struct reader r = { .bytes = message, .len = len };
	struct record record;
	a->outcome = DNS_GARBLED;
	a->count = 0;
	a->ttl_s = UINT32_MAX;
	if (len < HEADER_LEN)
		return;
	r.at = 2;
	uint16_t flags = read_u16(&r), questions = read_u16(&r), answers = read_u16(&r), authorities = read_u16(&r);
	unsigned rcode = flags & 0xf;
	r.at = HEADER_LEN;
	if (!(flags & 0x8000))
		return;
	if (rcode == RCODE_SERVFAIL || rcode == RCODE_REFUSED) {
		a->outcome = rcode == RCODE_SERVFAIL ? DNS_SERVFAIL : DNS_REFUSED;
		return;
	}
	if (rcode != 0 && rcode != RCODE_NXDOMAIN)
		return;
	for (; questions && !r.bad; questions--) {
		skip_name(&r);
		read_u32(&r);
	}
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
