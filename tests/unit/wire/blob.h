/* blob.h - msgpack written by hand, so that the codecs are tested against the format and not against a library.
 * Also the two treatments every parser of bytes from outside gets: cut it everywhere, change every byte. */
#ifndef TESTS_UNIT_WIRE_BLOB_H
#define TESTS_UNIT_WIRE_BLOB_H

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct blob {
	size_t len;
	uint8_t bytes[70000];
};

static inline void blob_byte(struct blob *b, unsigned byte)
{
	assert_true(b->len < sizeof(b->bytes));
	b->bytes[b->len++] = (uint8_t)byte;
}

static inline void blob_big_endian(struct blob *b, uint64_t n, unsigned bytes)
{
	while (bytes-- > 0)
		blob_byte(b, (unsigned)(n >> (8 * bytes)) & 0xff);
}

/* Hex digits, two a byte; blanks are for the reader. */
static inline void blob_hex(struct blob *b, const char *hex)
{
	for (; *hex; hex++) {
		unsigned byte;
		if (*hex == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		blob_byte(b, byte);
		hex++;
	}
}

static inline void blob_array(struct blob *b, unsigned n)
{
	if (n < 16)
		blob_byte(b, 0x90 | n);
	else
		blob_byte(b, 0xdc), blob_big_endian(b, n, 2);
}

static inline void blob_map(struct blob *b, unsigned n) { blob_byte(b, 0x80 | n); }
static inline void blob_nil(struct blob *b) { blob_byte(b, 0xc0); }

static inline void blob_text_len(struct blob *b, const char *text, size_t len)
{
	if (len < 32)
		blob_byte(b, 0xa0 | (unsigned)len);
	else
		blob_byte(b, 0xda), blob_big_endian(b, len, 2);
	for (size_t i = 0; i < len; i++)
		blob_byte(b, (uint8_t)text[i]);
}

static inline void blob_text(struct blob *b, const char *text) { blob_text_len(b, text, strlen(text)); }

/* Always the widest form: a reader must take any width. */
static inline void blob_number(struct blob *b, int64_t n)
{
	blob_byte(b, n < 0 ? 0xd3 : 0xcf);
	blob_big_endian(b, (uint64_t)n, 8);
}

static inline void assert_blob_is_hex(const void *bytes, size_t len, const char *hex)
{
	static struct blob want;
	want.len = 0;
	blob_hex(&want, hex);
	assert_int_equal(len, want.len);
	assert_memory_equal(bytes, want.bytes, len);
}

/* A parser under test: 0 or more means accepted. */
typedef int blob_parser(const void *bytes, size_t len, char *why, size_t why_len);

/* Parses a copy that ends where the bytes end, so that the address sanitizer sees the first byte read beyond. */
static inline int blob_parse(blob_parser *parse, const void *bytes, size_t len, char *why, size_t why_len)
{
	void *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	why[0] = 0;
	int rc = parse(copy, len, why, why_len);
	free(copy);
	return rc;
}

static inline void assert_every_cut_is_refused(blob_parser *parse, const void *bytes, size_t len)
{
	char why[200];
	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(blob_parse(parse, bytes, cut, why, sizeof(why)), -EBADMSG);
		assert_non_null(strstr(why, "byte "));
	}
	assert_true(blob_parse(parse, bytes, len, why, sizeof(why)) >= 0);
}

/* Every byte to every other value; what is refused has a sentence.  Returns how many were refused. */
static inline unsigned blob_mutate(blob_parser *parse, const void *bytes, size_t len)
{
	uint8_t *changed = malloc(len);
	unsigned refused = 0;
	char why[200];

	assert_non_null(changed);
	memcpy(changed, bytes, len);
	for (size_t at = 0; at < len; at++) {
		for (unsigned flip = 1; flip < 256; flip++) {
			changed[at] ^= (uint8_t)flip;
			int rc = blob_parse(parse, changed, len, why, sizeof(why));
			if (rc < 0) {
				refused++;
				assert_int_equal(rc, -EBADMSG);
				assert_true(why[0] != 0);
			}
			changed[at] ^= (uint8_t)flip;
		}
	}
	free(changed);
	return refused;
}

#endif
