/* msgpack_write.h - writes msgpack values into memory that is known to be long enough, each in its shortest form.
 * In: a pointer and a value.  Out: the pointer behind what was written.  Owns nothing.
 * Why so: msgpack-c calls its buffer back for the header and for the body of every value, which was half of what a row
 * of results cost; here a row's longest form is reserved once and then only stored to.  tests/unit/wire/test_msgpack_write.c
 * holds it to msgpack-c's own bytes.  For wire/ only. */
#ifndef WIRE_MSGPACK_WRITE_H
#define WIRE_MSGPACK_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PUT_NUMBER_MOST 9 /* bytes */
#define PUT_HEADER_MOST 5 /* of a text or an array */

static inline uint8_t *put_big_endian(uint8_t *at, uint8_t type, uint64_t n, unsigned bytes)
{
	*at++ = type;
	while (bytes--)
		*at++ = (uint8_t)(n >> 8 * bytes);
	return at;
}

static inline uint8_t *put_nil(uint8_t *at)
{
	*at = 0xc0;
	return at + 1;
}

static inline uint8_t *put_false(uint8_t *at)
{
	*at = 0xc2;
	return at + 1;
}

static inline uint8_t *put_true(uint8_t *at)
{
	*at = 0xc3;
	return at + 1;
}

static inline uint8_t *put_uint(uint8_t *at, uint64_t n)
{
	if (n < 0x80) {
		*at = (uint8_t)n;
		return at + 1;
	}
	if (n <= UINT8_MAX)
		return put_big_endian(at, 0xcc, n, 1);
	if (n <= UINT16_MAX)
		return put_big_endian(at, 0xcd, n, 2);
	return n <= UINT32_MAX ? put_big_endian(at, 0xce, n, 4) : put_big_endian(at, 0xcf, n, 8);
}

static inline uint8_t *put_int32(uint8_t *at, int32_t n)
{
	if (n >= 0)
		return put_uint(at, (uint64_t)n);
	if (n >= -32) {
		*at = (uint8_t)n;
		return at + 1;
	}
	if (n >= INT8_MIN)
		return put_big_endian(at, 0xd0, (uint64_t)n, 1);
	return n >= INT16_MIN ? put_big_endian(at, 0xd1, (uint64_t)n, 2) : put_big_endian(at, 0xd2, (uint64_t)n, 4);
}

static inline uint8_t *put_array(uint8_t *at, uint32_t count)
{
	if (count < 16) {
		*at = (uint8_t)(0x90 | count);
		return at + 1;
	}
	return count <= UINT16_MAX ? put_big_endian(at, 0xdc, count, 2) : put_big_endian(at, 0xdd, count, 4);
}

static inline uint8_t *put_text(uint8_t *at, const char *text, uint32_t len)
{
	if (len < 32)
		*at++ = (uint8_t)(0xa0 | len);
	else if (len <= UINT8_MAX)
		at = put_big_endian(at, 0xd9, len, 1);
	else
		at = len <= UINT16_MAX ? put_big_endian(at, 0xda, len, 2) : put_big_endian(at, 0xdb, len, 4);
	memcpy(at, text, len);
	return at + len;
}

#endif
