/* msgpack_read.h - what both codecs need to read msgpack from outside: a tree that was guarded before it was unpacked,
 * and looks at its objects that cannot be fooled by their type.  For wire/ only. */
#ifndef WIRE_MSGPACK_READ_H
#define WIRE_MSGPACK_READ_H

#include <errno.h>
#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TIME_MAX_MS 253402300799999ll /* the last ms of the year 9999: a slot beyond it is not a time */

/* Unpacks bytes that guard_walk() has accepted; texts in the tree point into them.  Free with msgpack_unpacked_destroy(),
 * also after an error.  0, -ENOMEM or -EBADMSG. */
static inline int tree_unpack(msgpack_unpacked *tree, const void *bytes, size_t len, char *why, size_t why_len)
{
	msgpack_unpacked_init(tree);
	switch (msgpack_unpack_next(tree, bytes, len, NULL)) {
	case MSGPACK_UNPACK_SUCCESS:
		return 0;
	case MSGPACK_UNPACK_NOMEM_ERROR:
		snprintf(why, why_len, "no memory to unpack %zu bytes", len);
		return -ENOMEM;
	default:
		snprintf(why, why_len, "byte 0: msgpack-c cannot read it");
		return -EBADMSG;
	}
}

static inline bool object_integer(const msgpack_object *o, int64_t low, int64_t high, int64_t *n)
{
	if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX)
		*n = (int64_t)o->via.u64;
	else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		*n = o->via.i64;
	else
		return false;
	return *n >= low && *n <= high;
}

static inline bool object_is_text(const msgpack_object *o, const char *text)
{
	return o->type == MSGPACK_OBJECT_STR && o->via.str.size == strlen(text) &&
	       memcmp(o->via.str.ptr, text, o->via.str.size) == 0;
}

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
