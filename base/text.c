/* text.c - text that cannot overflow, and text made safe for JSON, CSV and the log.
 * In: strings and bytes, from ourselves or from strangers.  Out: one buffer that ends with 0.
 * Owns: the buffer.  Why so: an allocation that failed is remembered and everything after it is left out, so that
 * whoever writes a page of a hundred lines checks once, and never reads a page with a hole in the middle. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 256 }; /* most pages and lines outgrow anything smaller at once */

/* Makes room for more bytes and the 0 behind them; false once an allocation failed. */
static bool text_grow(struct text *t, size_t more)
{
	if (t->failed)
		return false;
	if (more < t->room - t->len)
		return true;
	size_t room = t->room ? t->room : ROOM_MIN;
	while (room && room - t->len <= more)
		room *= 2; /* ends at 0 when it wraps */
	char *data = room ? realloc(t->data, room) : NULL;
	if (!data) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->room = room;
	return true;
}

void text_add_bytes(struct text *t, const void *bytes, size_t len)
{
	if (!text_grow(t, len))
		return;
	if (len)
		memcpy(t->data + t->len, bytes, len);
	t->len += len;
	t->data[t->len] = 0;
}

void text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	const size_t room = t->failed ? 0 : t->room - t->len;
	const int need = vsnprintf(room ? t->data + t->len : NULL, room, format, args);
	if (need < 0)
		t->failed = true; /* a format the C library cannot print, or a line over 2 GB */
	else if (text_grow(t, (size_t)need)) {
		if ((size_t)need >= room)
			vsnprintf(t->data + t->len, t->room - t->len, format, again);
		t->len += (size_t)need;
	} else if (t->data)
		t->data[t->len] = 0; /* the first try left a part of it there */
	va_end(again);
	va_end(args);
}

void text_reset(struct text *t)
{
	t->len = 0;
	t->failed = false;
	if (t->data)
		t->data[0] = 0;
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){ 0 };
}

/* Length of the UTF-8 character at s, 0 if there is none: RFC 3629 section 4, so no overlong forms, no surrogates,
 * nothing above U+10FFFF. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t need;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		need = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		need = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		need = 4;
	else
		return 0;
	switch (s[0]) {
	case 0xe0: low = 0xa0; break;
	case 0xed: high = 0x9f; break;
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break;
	}
	if (len < need || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

/* The letter behind the backslash, 0 if the character has no short escape. */
static char short_escape(unsigned char c)
{
	switch (c) {
	case '"': return '"';
	case '\\': return '\\';
	case '\n': return 'n';
	case '\r': return 'r';
	case '\t': return 't';
	default: return 0;
	}
}

size_t text_escape(const char *s, size_t len, char out[TEXT_ESCAPE_MAX], size_t *out_len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *at = (const unsigned char *)s;
	const size_t took = utf8_len(at, len);
	const unsigned char last = took ? at[took - 1] : 0;
	const char letter = took == 1 ? short_escape(last) : 0;

	if (!took) {
		memcpy(out, "\xef\xbf\xbd", 3); /* U+FFFD, for this byte alone */
		*out_len = 3;
		return 1;
	}
	if (letter) {
		out[0] = '\\';
		out[1] = letter;
		*out_len = 2;
	} else if ((took == 1 && (last < 0x20 || last == 0x7f)) || (at[0] == 0xc2 && last < 0xa0)) {
		memcpy(out, "\\u00", 4); /* U+0080 to U+009F are c2 80 to c2 9f: the last byte is the number */
		out[4] = digits[last >> 4];
		out[5] = digits[last & 15];
		*out_len = 6;
	} else {
		memcpy(out, s, took);
		*out_len = took;
	}
	return took;
}

static bool is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void text_json_string(struct text *t, const char *s, size_t len)
{
	text_add(t, "\"");
	for (size_t i = 0; i < len;) {
		const size_t start = i;
		while (i < len && is_plain(s[i]))
			i++;
		text_add_bytes(t, s + start, i - start);
		if (i == len)
			break;
		char out[TEXT_ESCAPE_MAX];
		size_t out_len;
		i += text_escape(s + i, len - i, out, &out_len);
		text_add_bytes(t, out, out_len);
	}
	text_add(t, "\"");
}

void text_csv_field(struct text *t, const char *s)
{
	if (!s[strcspn(s, ",\"\r\n")]) {
		text_add(t, s);
		return;
	}
	text_add(t, "\"");
	for (const char *quote; (quote = strchr(s, '"')); s = quote + 1) {
		text_add_bytes(t, s, (size_t)(quote - s) + 1);
		text_add(t, "\"");
	}
	text_add(t, s);
	text_add(t, "\"");
}
