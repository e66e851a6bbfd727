/* record.c - see record.h.
 * In: values as people write them, and as an answer was read.  Out: whether they are the same.  Owns: nothing.
 * Why so: one comparison for the configuration, which refuses what could never match, and for the engine, which matches. */
#include "wire/record.h"

#include "wire/target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *const job_record_names[JOB_RECORDS + 1] = { "A", "AAAA", "CNAME", "MX", "NS", "TXT", NULL };

struct value {
	const char *at;
	size_t len;
};

/* The next value of a list, or false. */
static bool next_value(const char **at, const char *end, struct value *v)
{
	if (*at >= end)
		return false;
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));
	*v = (struct value){ *at, (size_t)((stop ? stop : end) - *at) };
	*at = stop ? stop + 1 : end;
	return true;
}

static bool read_address(enum job_record record, const struct value *v, unsigned char into[16])
{
	char text[INET6_ADDRSTRLEN];
	if (v->len >= sizeof(text))
		return false;
	memcpy(text, v->at, v->len);
	text[v->len] = 0;
	return inet_pton(record == RECORD_A ? AF_INET : AF_INET6, text, into) == 1;
}

/* "10 mail.example.net" without its number. */
static struct value host_of(struct value v)
{
	const char *blank = memchr(v.at, ' ', v.len);
	if (!blank)
		return v;
	return (struct value){ blank + 1, v.len - (size_t)(blank + 1 - v.at) };
}

static struct value without_dot(struct value v)
{
	v.len -= v.len > 1 && v.at[v.len - 1] == '.';
	return v;
}

static bool same_name(struct value a, struct value b)
{
	a = without_dot(a);
	b = without_dot(b);
	return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

static bool has_number(const struct value *v)
{
	return memchr(v->at, ' ', v->len) != NULL;
}

static bool same_mx(const struct value *a, const struct value *b)
{
	struct value x = host_of(*a), y = host_of(*b);
	if (has_number(a) && has_number(b) && (x.at - a->at != y.at - b->at || memcmp(a->at, b->at, (size_t)(x.at - a->at)) != 0))
		return false;
	return same_name(x, y);
}

static bool same(enum job_record record, const struct value *a, const struct value *b)
{
	unsigned char x[16], y[16];
	switch (record) {
	case RECORD_A:
	case RECORD_AAAA:
		return read_address(record, a, x) && read_address(record, b, y) && memcmp(x, y, record == RECORD_A ? 4 : 16) == 0;
	case RECORD_MX: return same_mx(a, b);
	case RECORD_TXT: return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
	default: return same_name(*a, *b);
	}
}

static bool is_among(enum job_record record, const struct value *one, const char *list, size_t len)
{
	struct value v;
	for (const char *at = list; next_value(&at, list + len, &v);)
		if (same(record, one, &v))
			return true;
	return false;
}

static bool all_among(enum job_record record, const char *some, size_t some_len, const char *list, size_t len)
{
	struct value v;
	for (const char *at = some; next_value(&at, some + some_len, &v);)
		if (!is_among(record, &v, list, len))
			return false;
	return true;
}

bool record_is_expected(enum job_record record, const char *answered, size_t answered_len, const char *expected,
			size_t expected_len)
{
	return all_among(record, expected, expected_len, answered, answered_len) &&
	       (record == RECORD_TXT || all_among(record, answered, answered_len, expected, expected_len));
}

static bool number_is_fine(const struct value *v)
{
	const char *blank = memchr(v->at, ' ', v->len);
	size_t digits = blank ? (size_t)(blank - v->at) : 0;
	unsigned long n = 0;
	for (size_t i = 0; i < digits; i++) {
		if (v->at[i] < '0' || v->at[i] > '9' || i > 4)
			return false;
		n = n * 10 + (unsigned long)(v->at[i] - '0');
	}
	return !blank || (digits && n <= 65535 && (digits == 1 || v->at[0] != '0'));
}

static bool is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

bool record_value_is_fine(enum job_record record, const char *value, size_t len, char *why, size_t why_len)
{
	unsigned char address[16];
	char shown[QUOTED_MAX];
	struct value v = { value, len };
	const char *wanted = NULL;
	if (!len || !is_ascii(value, len))
		wanted = "printable ASCII (other bytes are \\DDD)";
	else if (record == RECORD_A || record == RECORD_AAAA)
		wanted = read_address(record, &v, address) ? NULL : record == RECORD_A ? "an IPv4 address" : "an IPv6 address";
	else if (record == RECORD_MX && (!number_is_fine(&v) || host_of(v).len == 0 || memchr(host_of(v).at, ' ', host_of(v).len)))
		wanted = "a name, or a number of 0 to 65535 and a name, such as \"10 mail.example.net\"";
	else if (record != RECORD_TXT && record != RECORD_MX && memchr(value, ' ', len))
		wanted = "a name";
	if (!wanted)
		return true;
	snprintf(why, why_len, "%s is not %s", quoted(shown, value, len), wanted);
	return false;
}

bool record_values_are_fine(enum job_record record, const char *values, size_t len, char *why, size_t why_len)
{
	unsigned count = 0;
	struct value v;
	if (!len || len > ANSWER_TEXT_MAX || values[len - 1] == '\n') {
		snprintf(why, why_len, "it has not 1 to %d bytes, or an empty value at its end", ANSWER_TEXT_MAX);
		return false;
	}
	for (const char *at = values; next_value(&at, values + len, &v);)
		if (++count > ANSWER_VALUES_MAX || !record_value_is_fine(record, v.at, v.len, why, why_len)) {
			if (count > ANSWER_VALUES_MAX)
				snprintf(why, why_len, "more than %d values", ANSWER_VALUES_MAX);
			return false;
		}
	return true;
}

bool resolver_is_fine(const char *text, size_t len, char *why, size_t why_len)
{
	struct target target;
	char reason[256], shown[QUOTED_MAX];
	bool fine = len > 0 && len < RESOLVER_TEXT_MAX &&
		    (target_parse_host(text, len, &target, reason, sizeof(reason)) || target_parse(text, len, &target, reason, sizeof(reason))) &&
		    target.family != FAMILY_NONE;
	if (!fine)
		snprintf(why, why_len, "%s is not ADDRESS or ADDRESS:PORT ([ADDRESS]:PORT for IPv6)", quoted(shown, text, len));
	return fine;
}
