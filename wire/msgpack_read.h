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

#endif
