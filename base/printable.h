/* printable.h - whether bytes from outside may stand on a terminal and in a key as they are. */
#ifndef BASE_PRINTABLE_H
#define BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes the UTF-8 character at s takes; 0 if it is none or a control character (C0, DEL, C1).  RFC 3629: no
 * overlong forms, no surrogates, nothing beyond U+10FFFF. */
static inline unsigned utf8_printable(const uint8_t *s, size_t left)
{
	static const uint32_t least[5] = { [2] = 0xa0, [3] = 0x800, [4] = 0x10000 };
	unsigned bytes = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (bytes == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (bytes == 0 || bytes > left)
		return 0;
	uint32_t character = s[0] & (0x7fu >> bytes);
	for (unsigned i = 1; i < bytes; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (s[i] & 0x3f);
	}
	if (character < least[bytes] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
		return 0;
	return bytes;
}

/* Whether it may be printed on a terminal as it is: valid UTF-8 without control characters. */
static inline bool text_is_printable(const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;
	unsigned bytes;

	for (size_t at = 0; at < len; at += bytes) {
		bytes = utf8_printable(s + at, len - at);
		if (bytes == 0)
			return false;
	}
	return true;
}

/* Printable ASCII without spaces, which is all that a host name or a literal address can be. */
static inline bool text_is_host(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

#endif
