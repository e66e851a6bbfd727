/* starttls.c - asks a service to begin TLS, in its own protocol: smtp (RFC 3207), imap and pop3 (RFC 2595), postgres
 * (SSLRequest) and ldap (RFC 4511 4.14).
 * In: bytes of a peer that nobody trusts.  Out: what to say, and whether TLS may begin.  Owns: one line.
 * Why so: each peer is a small machine over lines, or over one short message, with a bound on both; what comes after the
 * go-ahead and before our first TLS byte is an injection (CVE-2011-0411) and refused.
 *
 *	smtp	220 ...	-> EHLO  250 STARTTLS -> STARTTLS  220 -> ready
 *	imap	* OK	-> a STARTTLS  a OK -> ready
 *	pop3	+OK	-> STLS  +OK -> ready
 *	postgres  (SSLRequest)  S -> ready
 *	ldap	(extended request)  result 0 -> ready */
#include "engine/starttls.h"

#include "base/must.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LDAP_MESSAGE_MAX = 1000 };

static const char ssl_request[] = { 0, 0, 0, 8, 4, (char)0xd2, 0x16, 0x2f };
static const char ldap_request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" "1.3.6.1.4.1.1466.20037";

static void will_say(struct starttls *s, const void *bytes, size_t len)
{
	must(len <= sizeof(s->say));
	memcpy(s->say, bytes, len);
	s->say_len = len;
	s->step++;
}

void starttls_begin(struct starttls *s, enum starttls_kind kind)
{
	*s = (struct starttls){ .kind = kind };
	must(kind > STARTTLS_NONE && kind < STARTTLS_KINDS);
	if (kind == STARTTLS_POSTGRES)
		will_say(s, ssl_request, sizeof(ssl_request));
	if (kind == STARTTLS_LDAP)
		will_say(s, ldap_request, sizeof(ldap_request) - 1);
}

/* The peer's line goes into a sentence: only plain ASCII, and not all of it. */
static enum starttls_outcome refuse_line(struct starttls *s, const char *what, char *why, size_t why_len)
{
	char shown[81];
	size_t len = s->line_len < sizeof(shown) - 1 ? s->line_len : sizeof(shown) - 1;
	for (size_t i = 0; i < len; i++)
		shown[i] = s->line[i] >= ' ' && s->line[i] < 0x7f ? s->line[i] : '?';
	shown[len] = 0;
	snprintf(why, why_len, "%s: \"%s\"", what, shown);
	return STARTTLS_REFUSED;
}

static bool starts(const struct starttls *s, const char *word)
{
	size_t len = strlen(word);
	return s->line_len >= len && !strncasecmp(s->line, word, len);
}

/* A code with a blank, or nothing, behind it is an answer's last line; with - behind it more will come. */
static enum starttls_outcome smtp_line(struct starttls *s, char *why, size_t why_len)
{
	const char *const want[] = { "220", "250", "220" };
	const char *const says[] = {
		"EHLO portwatch.invalid\r\n",
		"STARTTLS\r\n",
	};
	static const char *const refusals[] = { "not a greeting of smtp", "EHLO was refused", "STARTTLS was refused" };
	bool more = s->line_len > 3 && s->line[3] == '-';
	if (!starts(s, want[s->step]))
		return refuse_line(s, refusals[s->step], why, why_len);
	if (s->step == 1 && s->line_len == 12 && !strncasecmp(s->line + 4, "STARTTLS", 8))
		s->offered = true;
	if (more)
		return STARTTLS_GO_ON;
	if (s->step == 2)
		return STARTTLS_READY;
	if (s->step == 1 && !s->offered) {
		snprintf(why, why_len, "the server does not offer STARTTLS");
		return STARTTLS_REFUSED;
	}
	will_say(s, says[s->step], strlen(says[s->step]));
	return STARTTLS_GO_ON;
}

static enum starttls_outcome imap_line(struct starttls *s, char *why, size_t why_len)
{
	if (s->step == 0) {
		if (!starts(s, "* OK"))
			return refuse_line(s, "not a greeting of imap that lets us ask", why, why_len);
		will_say(s, "a STARTTLS\r\n", 12);
		return STARTTLS_GO_ON;
	}
	if (starts(s, "a OK"))
		return STARTTLS_READY;
	if (starts(s, "* ") && !starts(s, "* BYE"))
		return STARTTLS_GO_ON;
	return refuse_line(s, "STARTTLS was refused", why, why_len);
}

static enum starttls_outcome pop3_line(struct starttls *s, char *why, size_t why_len)
{
	if (!starts(s, "+OK"))
		return refuse_line(s, s->step == 0 ? "not a greeting of pop3" : "STLS was refused", why, why_len);
	if (s->step == 1)
		return STARTTLS_READY;
	will_say(s, "STLS\r\n", 6);
	return STARTTLS_GO_ON;
}

static enum starttls_outcome postgres_byte(struct starttls *s, char *why, size_t why_len)
{
	if (s->line[0] == 'S')
		return STARTTLS_READY;
	if (s->line[0] == 'N') {
		snprintf(why, why_len, "the server does not offer TLS (ssl is off)");
		return STARTTLS_REFUSED;
	}
	return refuse_line(s, "not an answer of postgres", why, why_len);
}

/* ---- ldap: one BER message ---- */

struct ber {
	const uint8_t *at, *end;
};

/* One tag and length; *value is its content.  1: fine, 0: it is not all here, -1: never. */
static int ber_take(struct ber *from, uint8_t *tag, struct ber *value)
{
	const uint8_t *at = from->at;
	if (from->end - at < 2)
		return 0;
	*tag = *at++;
	size_t len = *at++;
	if (len > 0x80 && len <= 0x84) {
		unsigned bytes = (unsigned)len & 0x7f;
		if ((size_t)(from->end - at) < bytes)
			return 0;
		for (len = 0; bytes; bytes--)
			len = len << 8 | *at++;
	} else if (len >= 0x80) {
		return -1;
	}
	if (len > LDAP_MESSAGE_MAX)
		return -1;
	if ((size_t)(from->end - at) < len)
		return 0;
	*value = (struct ber){ at, at + len };
	from->at = at + len;
	return 1;
}

static bool ber_is_byte(const struct ber *value, uint8_t *byte)
{
	if (value->end - value->at != 1)
		return false;
	*byte = *value->at;
	return true;
}

/* LDAPMessage: SEQUENCE { INTEGER 1, [APPLICATION 24] { ENUMERATED code, ... } } */
static enum starttls_outcome ldap_message(struct starttls *s, char *why, size_t why_len)
{
	struct ber all = { (const uint8_t *)s->line, (const uint8_t *)s->line + s->line_len }, message, part, answer;
	uint8_t tag, id = 0, code = 0;
	int whole = ber_take(&all, &tag, &message);
	if (s->line[0] != 0x30 || whole < 0)
		return refuse_line(s, "not an answer of ldap", why, why_len);
	if (whole == 0)
		return STARTTLS_GO_ON;
	if (ber_take(&message, &tag, &part) != 1 || tag != 0x02 || !ber_is_byte(&part, &id) || id > 1 ||
	    ber_take(&message, &tag, &answer) != 1 || tag != 0x78 ||
	    ber_take(&answer, &tag, &part) != 1 || tag != 0x0a || !ber_is_byte(&part, &code))
		return refuse_line(s, "not an answer of ldap to StartTLS", why, why_len);
	if (id == 1 && code == 0 && all.at == all.end)
		return STARTTLS_READY;
	snprintf(why, why_len, "StartTLS was refused with LDAP result code %u", code);
	return STARTTLS_REFUSED;
}

/* ---- taking bytes ---- */

static enum starttls_outcome take_line(struct starttls *s, char *why, size_t why_len)
{
	if (s->line_len && s->line[s->line_len - 1] == '\r')
		s->line_len--;
	switch (s->kind) {
	case STARTTLS_SMTP: return smtp_line(s, why, why_len);
	case STARTTLS_IMAP: return imap_line(s, why, why_len);
	default: return pop3_line(s, why, why_len);
	}
}

static enum starttls_outcome take_byte(struct starttls *s, char byte, char *why, size_t why_len)
{
	bool lines = s->kind == STARTTLS_SMTP || s->kind == STARTTLS_IMAP || s->kind == STARTTLS_POP3;
	if (lines && byte == '\n') {
		enum starttls_outcome outcome = take_line(s, why, why_len);
		s->line_len = 0;
		return outcome;
	}
	if (s->line_len == sizeof(s->line)) {
		snprintf(why, why_len, "the server sent more than %d bytes without an end", STARTTLS_LINE_MAX);
		return STARTTLS_REFUSED;
	}
	s->line[s->line_len++] = byte;
	if (lines)
		return STARTTLS_GO_ON;
	return s->kind == STARTTLS_POSTGRES ? postgres_byte(s, why, why_len) : ldap_message(s, why, why_len);
}

enum starttls_outcome starttls_take(struct starttls *s, const void *bytes, size_t len, char *why, size_t why_len)
{
	const char *at = bytes;
	for (size_t i = 0; i < len; i++) {
		if (s->total++ == STARTTLS_BYTES_MAX) {
			snprintf(why, why_len, "the server sent more than %d bytes before TLS", STARTTLS_BYTES_MAX);
			return STARTTLS_REFUSED;
		}
		if (s->say_len) {
			snprintf(why, why_len, "the server answered before it was asked");
			return STARTTLS_REFUSED;
		}
		enum starttls_outcome outcome = take_byte(s, at[i], why, why_len);
		if (outcome == STARTTLS_READY && i + 1 < len) {
			snprintf(why, why_len, "the server went on in plain text after it agreed to TLS");
			return STARTTLS_REFUSED;
		}
		if (outcome != STARTTLS_GO_ON)
			return outcome;
	}
	return STARTTLS_GO_ON;
}
