/* target.c - takes HOST:PORT apart, and says what is wrong in words that lead to the right form.
 * In: bytes that somebody typed or a file holds.  Out: a target, or a sentence.
 * Owns: nothing.  Why so: what looks like an address but is none (10.0.0, 0x7f.1, 256.1.1.1) is refused here and not
 * handed to a resolver, which would read some of them as quite another address (inet_aton(3)). */
#include "wire/target.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
	LABEL_MAX_LEN = 63, /* RFC 1035 */
	PORT_MAX = 65535,
};

const char *quoted(char into[QUOTED_MAX], const char *text, size_t len)
{
	static const char more[] = "...\"";
	size_t used = 0, at = 0;
	into[used++] = '"';
	while (at < len && used + TEXT_ESCAPE_MAX + sizeof more <= QUOTED_MAX) {
		size_t wrote;
		char one[TEXT_ESCAPE_MAX];
		at += text_escape(text + at, len - at, one, &wrote);
		memcpy(into + used, one, wrote);
		used += wrote;
	}
	strcpy(into + used, at < len ? more : "\"");
	return into;
}

/* Whether this is written as an IPv6 address; ::ffff:192.0.2.1 is too, though IPv4 will leave for it. */
static bool is_v6(const char *text, size_t len)
{
	struct job job = { 0 };
	return memchr(text, ':', len) && job_set_literal(&job, text, len);
}

/* One label of a name: letters, digits, hyphens inside, and the underscore that real zones use. */
static bool label_is_fine(const char *label, size_t len)
{
	if (!len || len > LABEL_MAX_LEN || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	return true;
}

/* Whether the last label is a number (decimal or 0x...): then the whole was meant as an IPv4 address. */
static bool ends_in_number(const char *label, size_t len)
{
	if (len > 2 && label[0] == '0' && (label[1] | 0x20) == 'x')
		return strspn(label + 2, "0123456789abcdefABCDEF") >= len - 2;
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)label[i]))
			return false;
	return len > 0;
}

enum host_fault host_name_fault(const char *host, size_t len)
{
	if (len > HOST_MAX_LEN)
		return HOST_TOO_LONG;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)host[i] >= 0x80)
			return HOST_NOT_ASCII;
	for (size_t from = 0, end; from <= len; from = end + 1) {
		const char *dot = memchr(host + from, '.', len - from);
		end = dot ? (size_t)(dot - host) : len;
		if (!label_is_fine(host + from, end - from))
			return HOST_NOT_A_NAME;
		if (end == len && ends_in_number(host + from, end - from))
			return HOST_NOT_V4;
	}
	return HOST_FINE;
}

static bool name_is_fine(const char *host, size_t len, char *why, size_t why_len)
{
	char shown[QUOTED_MAX];
	quoted(shown, host, len);
	switch (host_name_fault(host, len)) {
	case HOST_FINE:
		return true;
	case HOST_TOO_LONG:
		snprintf(why, why_len, "the name %s is longer than %d characters", shown, HOST_MAX_LEN);
		break;
	case HOST_NOT_ASCII:
		snprintf(why, why_len, "%s is not ASCII: write the name's xn-- form", shown);
		break;
	case HOST_NOT_A_NAME:
		snprintf(why, why_len, "%s is neither a name nor an address", shown);
		break;
	case HOST_NOT_V4:
		snprintf(why, why_len, "%s is not an IPv4 address (four numbers of 0 to 255 with dots)", shown);
		break;
	}
	return false;
}

/* A host without brackets: a literal address or a name. */
static bool set_host(struct target *into, const char *host, size_t len, char *why, size_t why_len)
{
	struct job job = { 0 };
	if (!job_set_literal(&job, host, len) && !name_is_fine(host, len, why, why_len))
		return false;
	into->family = job.family;
	memcpy(into->address, job.address, sizeof into->address);
	into->host_len = (uint16_t)len;
	return true;
}

static bool set_bracketed(struct target *into, const char *host, size_t len, char *why, size_t why_len)
{
	char shown[QUOTED_MAX];
	if (is_v6(host, len))
		return set_host(into, host, len, why, why_len);
	if (memchr(host, '%', len))
		snprintf(why, why_len, "%s has a zone, which cannot be probed: write the address alone", quoted(shown, host, len));
	else
		snprintf(why, why_len, "%s is not an IPv6 address; brackets are for those only", quoted(shown, host, len));
	return false;
}

static bool set_port(struct target *into, const char *port, size_t len, char *why, size_t why_len)
{
	char shown[QUOTED_MAX];
	unsigned number = 0;
	for (size_t i = 0; i < len && number <= PORT_MAX; i++)
		number = isdigit((unsigned char)port[i]) ? number * 10 + (unsigned)(port[i] - '0') : PORT_MAX + 1;
	if (len && number && number <= PORT_MAX) {
		into->port = (uint16_t)number;
		return true;
	}
	if (!len)
		snprintf(why, why_len, "there is no port behind the colon");
	else
		snprintf(why, why_len, "the port %s is not a number of 1 to %d", quoted(shown, port, len), PORT_MAX);
	return false;
}

/* Several colons and no bracket.  Which of them would begin the port nobody can tell: 2001:db8::1:443 is an address too. */
static bool refuse_bare_v6(const char *text, size_t len, char *why, size_t why_len)
{
	char shown[QUOTED_MAX];
	const char *last = memrchr(text, ':', len);
	const size_t head = (size_t)(last - text);
	if (is_v6(text, head) && head + 1 < len)
		snprintf(why, why_len, "%s: an IPv6 address stands in brackets, as in [%.*s]:%.*s", quoted(shown, text, len),
			 (int)head, text, (int)(len - head - 1), last + 1);
	else if (is_v6(text, len))
		snprintf(why, why_len, "%s: an IPv6 address stands in brackets, as in [%.*s]:443", quoted(shown, text, len),
			 (int)len, text);
	else
		snprintf(why, why_len, "%s has more than one colon; write HOST:PORT, or [ADDRESS]:PORT for IPv6",
			 quoted(shown, text, len));
	return false;
}

/* What can be said before looking closer: false, with the sentence, if this is no target at all. */
static bool looks_like_target(const char *text, size_t len, char *why, size_t why_len)
{
	char shown[QUOTED_MAX];
	const char *scheme = memmem(text, len, "://", 3);
	if (scheme)
		snprintf(why, why_len, "%s is a URL; write HOST:PORT", quoted(shown, text, len));
	else if (len > TARGET_MAX_LEN)
		snprintf(why, why_len, "%s is longer than any HOST:PORT", quoted(shown, text, len));
	else if (!len)
		snprintf(why, why_len, "this is empty; write HOST:PORT");
	else if (!memchr(text, ':', len))
		snprintf(why, why_len, "%s has no port; write HOST:PORT", quoted(shown, text, len));
	else
		return true;
	return false;
}

bool target_parse(const char *text, size_t len, struct target *into, char *why, size_t why_len)
{
	char shown[QUOTED_MAX];
	*into = (struct target){ .len = (uint16_t)len };
	if (!looks_like_target(text, len, why, why_len))
		return false;
	if (text[0] == '[') {
		const char *close = memchr(text, ']', len);
		const size_t inside = close ? (size_t)(close - text) - 1 : 0;
		if (!close || inside + 3 > len || close[1] != ':') {
			snprintf(why, why_len, "%s: behind a bracket belongs ]:PORT, as in [2001:db8::1]:443",
				 quoted(shown, text, len));
			return false;
		}
		into->host_from = 1;
		return set_bracketed(into, text + 1, inside, why, why_len) &&
		       set_port(into, close + 2, len - inside - 3, why, why_len);
	}
	const char *colon = memchr(text, ':', len);
	const size_t host_len = (size_t)(colon - text);
	if (memchr(colon + 1, ':', len - host_len - 1))
		return refuse_bare_v6(text, len, why, why_len);
	if (!host_len) {
		snprintf(why, why_len, "%s has no host before the colon", quoted(shown, text, len));
		return false;
	}
	return set_host(into, text, host_len, why, why_len) && set_port(into, colon + 1, len - host_len - 1, why, why_len);
}

bool target_parse_host(const char *host, size_t len, struct target *into, char *why, size_t why_len)
{
	*into = (struct target){ 0 };
	if (!len || len > HOST_MAX_LEN) {
		snprintf(why, why_len, "a host has 1 to %d characters", HOST_MAX_LEN);
		return false;
	}
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		into->host_from = 1;
		return set_bracketed(into, host + 1, len - 2, why, why_len);
	}
	return set_host(into, host, len, why, why_len);
}
