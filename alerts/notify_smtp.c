/* notify_smtp.c - events as mail, plain text that is read on a phone and in a terminal alike.
 * In: a notice.  Out: an RFC 5322 message, handed to a mail server by post_mail().
 * Why so: Message-ID is made of the incident, so that a mail that is sent again is known to be the same, and the UP
 * stands beneath its DOWN in the reader's list (In-Reply-To) without our keeping anything. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notice_text.h"
#include "alerts/notify_body.h"
#include "alerts/webhook_sign.h"
#include "base/clock.h"
#include "wire/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 900  /* RFC 5321: 1,000 with CR LF */
#define WORD_MAX_BYTES 45   /* of an encoded word: 60 of base64, 75 in all (RFC 2047) */

struct smtp {
	const struct channel *channel;
	struct post *post;
	char *from, *to[CHANNEL_LIST_MAX]; /* bare addresses */
};

static void smtp_close(void *self)
{
	struct smtp *s = self;
	for (unsigned i = 0; i < CHANNEL_LIST_MAX; i++)
		free(s->to[i]);
	free(s->from);
	post_free(s->post);
	free(s);
}

/* "Portwatch <pw@example.net>" -> "pw@example.net"; malloc'd.  Control characters end it: no header may be smuggled
 * in. */
static char *bare_address(const char *address)
{
	const char *open = strrchr(address, '<');
	const char *from = open ? open + 1 : address;
	return strndup(from, strcspn(from, ">\r\n \t"));
}

static bool is_one_line(const char *text)
{
	return strcspn(text, "\r\n") == strlen(text);
}

static bool fill(struct smtp *s, const struct channel *c, const atomic_bool *stop)
{
	s->channel = c;
	s->post = post_new(stop);
	s->from = bare_address(c->from);
	for (unsigned i = 0; i < c->tos; i++)
		if (!(s->to[i] = bare_address(c->to[i])))
			return false;
	return s->post && s->from;
}

static void *smtp_open(const struct channel *c, const atomic_bool *stop, char *why, size_t why_len)
{
	bool fine = c->urls == 1 && c->from && c->tos > 0 && is_one_line(c->from);
	for (unsigned i = 0; i < c->tos; i++)
		fine = fine && is_one_line(c->to[i]);
	if (!fine) {
		snprintf(why, why_len, "mail needs one url (smtp://host:port), from and to");
		return NULL;
	}
	struct smtp *s = calloc(1, sizeof(*s));
	if (s && fill(s, c, stop))
		return s;
	snprintf(why, why_len, "no memory");
	if (s)
		smtp_close(s);
	return NULL;
}

/* ---- the message ---- */

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* A header's text: as it is if it is ASCII and short, else as encoded words that break between characters. */
static void add_header_text(struct text *into, const char *s)
{
	if (is_ascii(s) && strlen(s) < LINE_MAX_BYTES) {
		text_add(into, s);
		return;
	}
	for (size_t len; *s; s += len) {
		len = strlen(s) < WORD_MAX_BYTES ? strlen(s) : WORD_MAX_BYTES;
		while (s[len] && len > 1 && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
		text_add(into, "=?UTF-8?B?");
		base64_add(into, s, len, false);
		text_add(into, s[len] ? "?=\r\n " : "?=");
	}
}

/* In English and in UTC, whatever the locale says. */
static void add_date(struct text *into, uint64_t now_s)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t at = (time_t)now_s;
	struct tm tm;
	gmtime_r(&at, &tm);
	text_printf(into, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday, tm.tm_mday,
		    months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* <HASH.began@host-of-the-sender> */
static void add_message_id(struct text *into, const char *header, const struct notice *n, bool resolved,
			   const char *from)
{
	char incident[NOTICE_INCIDENT_MAX];
	const char *at = strrchr(from, '@');
	int host_len = at ? (int)strcspn(at + 1, "> \t") : 0;
	notice_incident(incident, n);
	text_printf(into, "%s: <%016" PRIx64 ".%s@%.*s>\r\n", header, monitor_hash(incident, strlen(incident)),
		    resolved ? "ended" : "began", host_len ? host_len : 9, host_len ? at + 1 : "portwatch");
}

static void add_headers(struct text *into, const struct notice *n, const struct channel *c, const char *subject,
			uint64_t now_s)
{
	text_printf(into, "From: %s\r\nTo: ", c->from);
	for (unsigned i = 0; i < c->tos; i++)
		text_printf(into, "%s%s", i ? ",\r\n " : "", c->to[i]);
	text_add(into, "\r\n");
	add_date(into, now_s);
	add_message_id(into, "Message-ID", n, n->resolved, c->from);
	if (n->resolved) {
		add_message_id(into, "In-Reply-To", n, false, c->from);
		add_message_id(into, "References", n, false, c->from);
	}
	text_add(into, "Subject: ");
	add_header_text(into, subject);
	text_add(into, "\r\nAuto-Submitted: auto-generated\r\n");
	text_printf(into, "X-Portwatch-Event: %s\r\nX-Portwatch-Type: %s\r\n", n->id, n->type);
	text_add(into, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
}

static bool is_plain(const struct text *page)
{
	size_t line = 0;
	for (size_t i = 0; i < page->len; i++) {
		line = page->data[i] == '\n' ? 0 : line + 1;
		if ((unsigned char)page->data[i] >= 0x80 || line > LINE_MAX_BYTES)
			return false;
	}
	return true;
}

static void add_body(struct text *into, const struct text *page)
{
	if (!is_plain(page)) {
		text_add(into, "Content-Transfer-Encoding: base64\r\n\r\n");
		base64_add(into, page->data, page->len, true);
		return;
	}
	text_add(into, "Content-Transfer-Encoding: 7bit\r\n\r\n");
	for (size_t i = 0; i < page->len; i++)
		text_add_bytes(into, page->data[i] == '\n' ? "\r\n" : page->data + i, page->data[i] == '\n' ? 2 : 1);
}

char *smtp_message(const struct notice *n, const struct channel *c, uint64_t now_s, size_t *len)
{
	struct text message = { 0 }, title = { 0 }, page = { 0 };
	struct notice_facts f;
	notice_read(&f, n);
	notice_title(&f, &title);
	notice_page(&f, &page);
	notice_free(&f);
	add_headers(&message, n, c, title.data ? title.data : "", now_s);
	add_body(&message, &page);
	bool failed = message.failed || title.failed || page.failed;
	text_free(&title);
	text_free(&page);
	if (failed)
		text_free(&message);
	*len = failed ? 0 : message.len;
	return failed ? NULL : message.data;
}

/* ---- sending ---- */

/* 55x is about this message or these people; the rest (no answer, greylisting, a login that is refused) can be
 * mended. */
static enum delivery smtp_outcome(bool sent, const struct post_answer *a)
{
	if (sent)
		return DELIVERED;
	return a->status >= 550 && a->status <= 559 ? DELIVERY_REFUSED : DELIVERY_LATER;
}

static enum delivery smtp_deliver(void *self, const struct notice *n, unsigned count, struct post_answer *answer)
{
	struct smtp *s = self;
	size_t len;
	bool sent = false;
	char *message = smtp_message(n, s->channel, clock_wall_ms() / MS_PER_S, &len);
	(void)count;
	*answer = (struct post_answer){ .said = "no memory" };
	if (message)
		sent = post_mail(s->post, &(struct post_mail){
			.url = s->channel->url[0], .from = s->from, .to = (const char *const *)s->to, .tos = s->channel->tos,
			.user = s->channel->user, .password = s->channel->password, .message = message, .message_len = len,
			.timeout_ms = NOTIFY_TIMEOUT_MS }, answer);
	free(message);
	return smtp_outcome(sent, answer);
}

const struct notify_ops notify_smtp = {
	.type = "smtp", .most = 1, .open = smtp_open, .deliver = smtp_deliver, .close = smtp_close,
};
