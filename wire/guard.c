/* guard.c - walks msgpack bytes from outside and believes no header before it was checked.
 * In: bytes.  Out: 0, or -EBADMSG with a sentence that names the byte.
 * Owns: nothing; one small array of counts instead of recursion, so no input can cost stack or memory.
 * Why so: a count is never larger than the bytes behind it, hence the whole tree never has more nodes than the blob has
 * bytes, and what an unpacker allocates afterwards is bounded by the frame limit. */
#include "wire/guard.h"
#include "wire/streams.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum kind { KIND_SCALAR, KIND_TEXT, KIND_ARRAY, KIND_MAP, KIND_EXTENSION, KIND_NEVER };

/* What follows a first byte: for a scalar its payload, otherwise a big-endian count; width is the bytes of either. */
struct head {
	uint8_t kind, width;
};

/* First bytes 0xc0 to 0xdf; the others carry their value or count in themselves. */
static const struct head wide_heads[32] = {
	[0x00] = { KIND_SCALAR, 0 },	/* nil */
	[0x01] = { KIND_NEVER, 0 },	/* 0xc1 is never used */
	[0x02] = { KIND_SCALAR, 0 },	/* false */
	[0x03] = { KIND_SCALAR, 0 },	/* true */
	[0x04] = { KIND_TEXT, 1 },	/* bin */
	[0x05] = { KIND_TEXT, 2 },
	[0x06] = { KIND_TEXT, 4 },
	[0x07 ... 0x09] = { KIND_EXTENSION, 0 },
	[0x0a] = { KIND_SCALAR, 4 },	/* float */
	[0x0b] = { KIND_SCALAR, 8 },
	[0x0c] = { KIND_SCALAR, 1 },	/* uint */
	[0x0d] = { KIND_SCALAR, 2 },
	[0x0e] = { KIND_SCALAR, 4 },
	[0x0f] = { KIND_SCALAR, 8 },
	[0x10] = { KIND_SCALAR, 1 },	/* int */
	[0x11] = { KIND_SCALAR, 2 },
	[0x12] = { KIND_SCALAR, 4 },
	[0x13] = { KIND_SCALAR, 8 },
	[0x14 ... 0x18] = { KIND_EXTENSION, 0 },
	[0x19] = { KIND_TEXT, 1 },	/* str */
	[0x1a] = { KIND_TEXT, 2 },
	[0x1b] = { KIND_TEXT, 4 },
	[0x1c] = { KIND_ARRAY, 2 },
	[0x1d] = { KIND_ARRAY, 4 },
	[0x1e] = { KIND_MAP, 2 },
	[0x1f] = { KIND_MAP, 4 },
};

struct walk {
	const uint8_t *bytes;
	size_t len, at;			 /* at: the next byte to look at */
	uint64_t open[GUARD_DEPTH + 1];	 /* values still to come at each depth; 0 is outside of any container */
	unsigned depth;			 /* containers we are inside of */
	char *why;
	size_t why_len;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct walk *w, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(w->why, w->why_len, format, args);
	va_end(args);
	return -EBADMSG;
}

static int enter(struct walk *w, size_t head_at, const char *what, uint64_t values, uint64_t count)
{
	if (values > w->len - w->at)
		return refuse(w, "byte %zu: %s of %llu elements, bytes left: %zu", head_at, what,
			      (unsigned long long)count, w->len - w->at);
	if (w->depth == GUARD_DEPTH)
		return refuse(w, "byte %zu: %s is nested deeper than %d", head_at, what, GUARD_DEPTH);
	w->open[++w->depth] = values;
	return 0;
}

static int skip(struct walk *w, size_t head_at, const char *what, uint64_t bytes)
{
	if (bytes > w->len - w->at)
		return refuse(w, "byte %zu: %s of %llu bytes, bytes left: %zu", head_at, what,
			      (unsigned long long)bytes, w->len - w->at);
	w->at += bytes;
	return 0;
}

/* A value whose first byte is 0xc0 to 0xdf. */
static int walk_wide(struct walk *w, size_t head_at, struct head head)
{
	uint64_t count = 0;

	if (head.kind == KIND_NEVER)
		return refuse(w, "byte %zu: 0xc1 does not exist in msgpack", head_at);
	if (head.kind == KIND_EXTENSION)
		return refuse(w, "byte %zu: extension types are not used here", head_at);
	if (head.kind == KIND_SCALAR)
		return skip(w, head_at, "number", head.width);
	if (head.width > w->len - w->at)
		return refuse(w, "byte %zu: cut off inside a header", head_at);
	for (unsigned i = 0; i < head.width; i++)
		count = count << 8 | w->bytes[w->at++];
	if (head.kind == KIND_TEXT)
		return skip(w, head_at, "text", count);
	if (head.kind == KIND_ARRAY)
		return enter(w, head_at, "array", count, count);
	return enter(w, head_at, "map", 2 * count, count);
}

static int walk_value(struct walk *w)
{
	if (w->at == w->len)
		return refuse(w, "byte %zu: cut off, a value is missing", w->at);
	size_t head_at = w->at;
	uint8_t first = w->bytes[w->at++];

	if (first < 0x80 || first >= 0xe0) /* small integers */
		return 0;
	if (first < 0x90)
		return enter(w, head_at, "map", 2 * (first & 0x0f), first & 0x0f);
	if (first < 0xa0)
		return enter(w, head_at, "array", first & 0x0f, first & 0x0f);
	if (first < 0xc0)
		return skip(w, head_at, "text", first & 0x1f);
	return walk_wide(w, head_at, wide_heads[first - 0xc0]);
}

int guard_walk(const void *bytes, size_t len, char *why, size_t why_len)
{
	struct walk w = { .bytes = bytes, .len = len, .open = { 1 }, .why = why, .why_len = why_len };

	if (len > ENTRY_BYTES_MAX)
		return refuse(&w, "byte %d: %zu bytes are more than the limit of %d", ENTRY_BYTES_MAX, len,
			      ENTRY_BYTES_MAX);
	for (;;) {
		while (w.depth > 0 && w.open[w.depth] == 0)
			w.depth--;
		if (w.open[w.depth] == 0)
			break;
		w.open[w.depth]--;
		int rc = walk_value(&w);
		if (rc)
			return rc;
	}
	if (w.at < len)
		return refuse(&w, "byte %zu: the value ends here, bytes left: %zu", w.at, len - w.at);
	return 0;
}
