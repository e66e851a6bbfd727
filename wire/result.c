/* result.c - writes what became of jobs as rows, reads rows back, and says each as a sentence.
 * In: a job and its outcome, or the blob of a result entry.  Out: the blob, or one struct result a row.
 * Owns: the growing blob.  Why so: one table of columns says what a reader believes, so a row from another engine is
 * refused with the name of its column and never half believed.  Rows are written by hand, into room for the longest. */
#include "wire/result.h"
#include "base/must.h"
#include "base/printable.h"
#include "wire/guard.h"
#include "wire/msgpack_read.h"
#include "wire/msgpack_write.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define HEADER_ROOM PUT_HEADER_MOST /* the real one is written right before the rows, once they are counted */

enum column {
	COL_MONITOR, COL_SLOT, COL_ATTEMPT, COL_VERDICT, COL_HOST, COL_ADDRESS, COL_PORT,
	COL_RTT, COL_WALL, COL_LATE, COL_SYN, COL_ERRNO, COL_ICMP, COL_DETAIL, COL_DNS, COL_TLS, COL_ADDRESSES, COLUMNS
};
#define COLUMNS_LEAST COL_DNS /* what rows had from the beginning; those behind came later */

struct result_rows {
	uint8_t *bytes; /* HEADER_ROOM, then the rows */
	size_t size, room;
	unsigned count;
};

/* The longest row, but for its detail and what stands behind it: a header, three texts, numbers, the ICMP with its own text. */
enum {
	TEXT_MOST = UINT8_MAX + PUT_HEADER_MOST,
	ROW_MOST = PUT_HEADER_MOST + 4 * TEXT_MOST + (COLUMNS + 3) * PUT_NUMBER_MOST,
	ROOM_FIRST = 16384,
	SENTENCE_MOST = 800, /* the longest of a certificate, and the longest note about its name */
};

struct result_rows *result_rows_new(void)
{
	struct result_rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return NULL;
	rows->size = HEADER_ROOM;
	rows->room = ROOM_FIRST;
	rows->bytes = malloc(rows->room);
	if (!rows->bytes) {
		free(rows);
		return NULL;
	}
	return rows;
}

void result_rows_free(struct result_rows *rows)
{
	if (!rows)
		return;
	free(rows->bytes);
	free(rows);
}

/* Where the next row may be written, with so many bytes of texts beyond ROW_MOST; NULL: no memory. */
static uint8_t *row_room(struct result_rows *rows, size_t texts_len)
{
	const size_t wanted = rows->size + ROW_MOST + texts_len;

	if (wanted > rows->room) {
		uint8_t *grown = realloc(rows->bytes, 2 * wanted);
		if (!grown)
			return NULL;
		rows->bytes = grown;
		rows->room = 2 * wanted;
	}
	return rows->bytes + rows->size;
}

/* 203.0.113.7 by hand: inet_ntop() spends more on its sprintf than the rest of the row takes.  Returns its length. */
static size_t v4_text(const uint8_t address[4], char *into)
{
	const char *start = into;
	for (unsigned i = 0; i < 4; i++) {
		uint8_t n = address[i];
		if (n >= 100)
			*into++ = (char)('0' + n / 100);
		if (n >= 10)
			*into++ = (char)('0' + n / 10 % 10);
		*into++ = (char)('0' + n % 10);
		*into++ = i < 3 ? '.' : 0;
	}
	return (size_t)(into - start - 1);
}

/* Returns the length of the text. */
static size_t address_text(uint8_t family, const uint8_t *address, char into[INET6_ADDRSTRLEN])
{
	if (family == FAMILY_V4)
		return v4_text(address, into);
	into[0] = 0;
	if (family == FAMILY_V6)
		inet_ntop(AF_INET6, address, into, INET6_ADDRSTRLEN);
	return strlen(into);
}

static size_t text_len(const char *text)
{
	return text ? strlen(text) : 0;
}

static uint8_t *put_text_or_nil(uint8_t *at, const char *text, size_t len)
{
	return len ? put_text(at, text, (uint32_t)len) : put_nil(at);
}

static uint8_t *put_unless_zero(uint8_t *at, uint32_t n)
{
	return n ? put_uint(at, n) : put_nil(at);
}

/* Host and address; a host that is the address, to the letter, is not said twice. */
static uint8_t *put_host(uint8_t *at, const struct job *job, const char *host)
{
	char text[INET6_ADDRSTRLEN];

	const size_t len = address_text(job->family, job->address, text);
	const bool same = len == job->host_len && !memcmp(text, host, len);
	return put_text_or_nil(put_text_or_nil(at, host, same ? 0 : job->host_len), text, len);
}

static uint8_t *put_icmp(uint8_t *at, const struct icmp_answer *icmp)
{
	char text[INET6_ADDRSTRLEN];

	if (icmp->family == FAMILY_NONE)
		return put_nil(at);
	at = put_array(at, icmp->ours ? 4 : 3);
	at = put_uint(put_uint(at, icmp->type), icmp->code);
	at = put_text_or_nil(at, text, address_text(icmp->family, icmp->offender, text));
	return icmp->ours ? put_true(at) : at;
}

/* The detail of a row, in text where it has to be made; NULL: none. */
static const char *detail_of(const struct job *job, unsigned index, const struct outcome *o, char text[SENTENCE_MOST])
{
	if (job->bad)
		snprintf(text, SENTENCE_MOST, "bad job: %s (index %u in its batch)", job->bad, index);
	else if (o->note)
		result_sentence(o, o->detail, text, SENTENCE_MOST);
	else
		return o->detail;
	return text;
}

/* [not_after_s, soon, issuer]: there at all says that the job asked for a certificate. */
static uint8_t *put_tls(uint8_t *at, const struct tls_seen *tls)
{
	at = put_array(at, 3);
	at = tls->not_after_s > 0 ? put_uint(at, (uint64_t)tls->not_after_s) : put_nil(at);
	at = tls->soon ? put_true(at) : put_false(at);
	return put_text_or_nil(at, tls->issuer, text_len(tls->issuer));
}

int result_rows_add(struct result_rows *rows, const struct job *job, const void *blob, unsigned index,
		    const struct outcome *o)
{
	static const struct tls_seen nothing_seen;
	const struct tls_seen *tls = o->tls ? o->tls : job->tls.wanted ? &nothing_seen : NULL;
	char made[SENTENCE_MOST];
	const char *texts = blob, *detail = detail_of(job, index, o, made);
	const size_t detail_len = text_len(detail);
	/* Those at the end are left out where they say nothing. */
	const unsigned columns = o->addresses ? COLUMNS : tls ? COL_TLS + 1 : o->dns_us ? COL_DNS + 1 : COLUMNS_LEAST;
	const size_t addresses_len = text_len(o->addresses);
	uint8_t *at = row_room(rows, detail_len + addresses_len + (tls ? text_len(tls->issuer) : 0));

	must_say(o->verdict > VERDICT_NONE && o->verdict < VERDICTS, "verdict %d", o->verdict);
	if (!at)
		return -ENOMEM;
	at = put_array(at, columns);
	at = put_text_or_nil(at, texts + job->monitor_at, job->monitor_len);
	at = put_uint(at, job->slot_ms);
	at = put_uint(at, job->attempt);
	at = put_uint(at, o->verdict);
	at = put_host(at, job, texts + job->host_at);
	at = put_unless_zero(at, job->port);
	at = put_unless_zero(at, o->rtt_us);
	at = put_unless_zero(at, o->wall_us);
	at = put_int32(at, o->late_us);
	at = put_uint(at, o->syn_retrans);
	at = put_unless_zero(at, o->error);
	at = put_icmp(at, &o->icmp);
	at = put_text_or_nil(at, detail, detail_len);
	if (columns > COL_DNS)
		at = put_unless_zero(at, o->dns_us);
	if (columns > COL_TLS)
		at = tls ? put_tls(at, tls) : put_nil(at);
	if (columns > COL_ADDRESSES)
		at = put_text_or_nil(at, o->addresses, addresses_len);
	rows->size = (size_t)(at - rows->bytes);
	rows->count++;
	must(rows->size <= rows->room);
	return 0;
}

size_t result_rows_size(const struct result_rows *rows)
{
	uint8_t header[HEADER_ROOM];
	return (size_t)(put_array(header, rows->count) - header) + rows->size - HEADER_ROOM;
}

unsigned result_rows_count(const struct result_rows *rows) { return rows->count; }

const void *result_rows_bytes(struct result_rows *rows, size_t *len)
{
	uint8_t header[HEADER_ROOM];
	const size_t header_len = (size_t)(put_array(header, rows->count) - header);
	uint8_t *start = rows->bytes + HEADER_ROOM - header_len;

	memcpy(start, header, header_len);
	*len = header_len + rows->size - HEADER_ROOM;
	return start;
}

void result_rows_reset(struct result_rows *rows)
{
	rows->size = HEADER_ROOM;
	rows->count = 0;
}

/* What a column may hold beside nil: a number from low to high or, where high is 0, a text. */
static const struct column_row {
	const char *name;
	int64_t low, high;
} columns[COLUMNS] = {
	[COL_MONITOR] = { "monitor", 0, 0 },
	[COL_SLOT] = { "slot_ms", 0, TIME_MAX_MS },
	[COL_ATTEMPT] = { "attempt", 0, UINT16_MAX },
	[COL_VERDICT] = { "verdict", VERDICT_NONE + 1, UINT8_MAX },
	[COL_HOST] = { "host", 0, 0 },
	[COL_ADDRESS] = { "address", 0, 0 },
	[COL_PORT] = { "port", 0, UINT16_MAX },
	[COL_RTT] = { "rtt_us", 0, UINT32_MAX },
	[COL_WALL] = { "wall_us", 0, UINT32_MAX },
	[COL_LATE] = { "late_us", INT32_MIN, INT32_MAX },
	[COL_SYN] = { "syn_retrans", 0, UINT8_MAX },
	[COL_ERRNO] = { "errno", 0, UINT16_MAX },
	[COL_ICMP] = { "icmp", 0, 0 },
	[COL_DETAIL] = { "detail", 0, 0 },
	[COL_DNS] = { "dns_us", 0, UINT32_MAX },
	[COL_TLS] = { "tls", 0, 0 },
	[COL_ADDRESSES] = { "addresses", 0, 0 },
};

struct values {
	int64_t number[COLUMNS];
	const char *text[COLUMNS];
};

/* A text ended by 0: the byte behind it is the header of the next value, which the tree no longer needs. */
static bool text_read(const msgpack_object *o, const char **text)
{
	if (o->type != MSGPACK_OBJECT_STR || !text_is_printable(o->via.str.ptr, o->via.str.size))
		return false;
	if (o->via.str.size > 0) {
		*text = o->via.str.ptr;
		((char *)o->via.str.ptr)[o->via.str.size] = 0;
	}
	return true;
}

/* The family of a literal address, and its bytes. */
static uint8_t address_read(const char *text, uint8_t into[16])
{
	if (inet_pton(AF_INET, text, into) == 1)
		return FAMILY_V4;
	return inet_pton(AF_INET6, text, into) == 1 ? FAMILY_V6 : FAMILY_NONE;
}

static bool icmp_read(const msgpack_object *o, struct icmp_answer *icmp)
{
	const msgpack_object *part = o->via.array.ptr;
	const char *offender = "";
	int64_t type, code;

	if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < 3 ||
	    !object_integer(&part[0], 0, UINT8_MAX, &type) || !object_integer(&part[1], 0, UINT8_MAX, &code) ||
	    !text_read(&part[2], &offender))
		return false;
	icmp->family = address_read(offender, icmp->offender);
	icmp->type = (uint8_t)type;
	icmp->code = (uint8_t)code;
	icmp->ours = o->via.array.size > 3 && part[3].type == MSGPACK_OBJECT_BOOLEAN && part[3].via.boolean;
	return icmp->family != FAMILY_NONE;
}

static bool tls_read(const msgpack_object *o, struct result *r)
{
	const msgpack_object *part = o->via.array.ptr;
	const char *issuer = "";

	if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < 3 || part[1].type != MSGPACK_OBJECT_BOOLEAN ||
	    (part[0].type != MSGPACK_OBJECT_NIL && !object_integer(&part[0], 0, TIME_MAX_MS / 1000, &r->tls.not_after_s)) ||
	    (part[2].type != MSGPACK_OBJECT_NIL && !text_read(&part[2], &issuer)))
		return false;
	r->tls.soon = part[1].via.boolean;
	r->tls.issuer = *issuer ? issuer : NULL;
	r->outcome.tls = &r->tls;
	return true;
}

static bool column_read(enum column c, const msgpack_object *o, struct values *v, struct result *r)
{
	uint8_t address[16];

	v->number[c] = 0;
	v->text[c] = "";
	if (o->type == MSGPACK_OBJECT_NIL)
		return columns[c].low <= 0;
	if (c == COL_ICMP)
		return icmp_read(o, &r->outcome.icmp);
	if (c == COL_TLS)
		return tls_read(o, r);
	if (columns[c].high != 0)
		return object_integer(o, columns[c].low, columns[c].high, &v->number[c]);
	if (!text_read(o, &v->text[c]))
		return false;
	return c != COL_ADDRESS || !*v->text[c] || address_read(v->text[c], address) != FAMILY_NONE;
}

static void result_fill(struct result *r, const struct values *v)
{
	r->monitor = v->text[COL_MONITOR];
	r->detail = v->text[COL_DETAIL];
	r->addresses = v->text[COL_ADDRESSES] ? v->text[COL_ADDRESSES] : "";
	snprintf(r->address, sizeof(r->address), "%s", v->text[COL_ADDRESS]);
	r->host = *v->text[COL_HOST] ? v->text[COL_HOST] : r->address;
	r->slot_ms = (uint64_t)v->number[COL_SLOT];
	r->attempt = (unsigned)v->number[COL_ATTEMPT];
	r->port = (unsigned)v->number[COL_PORT];
	/* A newer engine may know more words; its other rows are still worth reading. */
	r->outcome.verdict = v->number[COL_VERDICT] < VERDICTS ? (uint8_t)v->number[COL_VERDICT] : VERDICT_NONE;
	r->outcome.rtt_us = (uint32_t)v->number[COL_RTT];
	r->outcome.wall_us = (uint32_t)v->number[COL_WALL];
	r->outcome.late_us = (int32_t)v->number[COL_LATE];
	r->outcome.syn_retrans = (uint8_t)v->number[COL_SYN];
	r->outcome.error = (uint16_t)v->number[COL_ERRNO];
	r->outcome.detail = *r->detail ? r->detail : NULL;
	r->outcome.dns_us = (uint32_t)v->number[COL_DNS];
}

static int row_read(const msgpack_object *o, uint32_t index, struct result *r, char *why, size_t why_len)
{
	struct values v = { 0 };

	if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < COLUMNS_LEAST) {
		snprintf(why, why_len, "row %u: not an array of at least %d values", index, COLUMNS_LEAST);
		return -EBADMSG;
	}
	static const msgpack_object nothing = { .type = MSGPACK_OBJECT_NIL };
	memset(r, 0, sizeof(*r));
	for (enum column c = 0; c < COLUMNS; c++)
		if (!column_read(c, c < o->via.array.size ? &o->via.array.ptr[c] : &nothing, &v, r)) {
			if (columns[c].high != 0)
				snprintf(why, why_len, "row %u: %s is not a whole number from %lld to %lld", index,
					 columns[c].name, (long long)columns[c].low, (long long)columns[c].high);
			else
				snprintf(why, why_len, "row %u: %s is not %s", index, columns[c].name,
					 c == COL_ICMP	      ? "[type, code, address]"
					 : c == COL_TLS       ? "[not_after_s, soon, issuer]"
					 : c == COL_ADDRESS ? "an IPv4 or IPv6 address"
							      : "UTF-8 text without control characters");
			return -EBADMSG;
		}
	result_fill(r, &v);
	return 0;
}

static int rows_read(const msgpack_object *rows, int (*each)(void *arg, const struct result *result), void *arg,
		     char *why, size_t why_len)
{
	struct result result;

	if (rows->type != MSGPACK_OBJECT_ARRAY) {
		snprintf(why, why_len, "byte 0: not an array of rows");
		return -EBADMSG;
	}
	for (uint32_t i = 0; i < rows->via.array.size; i++) {
		int rc = row_read(&rows->via.array.ptr[i], i, &result, why, why_len);
		if (rc == 0)
			rc = each(arg, &result);
		if (rc)
			return rc;
	}
	return 0;
}

int result_rows_read(const void *blob, size_t len, int (*each)(void *arg, const struct result *result), void *arg,
		     char *why, size_t why_len)
{
	msgpack_unpacked tree;
	int rc = guard_walk(blob, len, why, why_len);

	if (rc)
		return rc;
	char *copy = malloc(len + 1); /* ours to write ends of texts into; one more for the last */
	if (!copy) {
		snprintf(why, why_len, "no memory to unpack %zu bytes", len);
		return -ENOMEM;
	}
	memcpy(copy, blob, len);
	rc = tree_unpack(&tree, copy, len, why, why_len);
	if (rc == 0)
		rc = rows_read(&tree.data, each, arg, why, why_len);
	msgpack_unpacked_destroy(&tree);
	free(copy);
	return rc;
}
