/* test_msgpack_write.c - what is written by hand is what msgpack-c writes, to the byte, at every border of its forms. */
#include "wire/msgpack_write.h"

#include <msgpack.h>

#include "blob.h"

static uint8_t bytes[70000];
static msgpack_sbuffer theirs;
static msgpack_packer packer;

static void start(void)
{
	msgpack_sbuffer_clear(&theirs);
	msgpack_packer_init(&packer, &theirs, msgpack_sbuffer_write);
}

static void agrees(const uint8_t *end, const char *what, int64_t value)
{
	const size_t len = (size_t)(end - bytes);
	if (len != theirs.size || memcmp(bytes, theirs.data, len) != 0)
		fail_msg("%s %lld: %zu bytes, and %zu of msgpack-c", what, (long long)value, len, theirs.size);
}

static void numbers_are_written_as_msgpack_c_would(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit <= 64; bit++)
		for (int64_t near = -40; near <= 40; near++) {
			const uint64_t n = (bit < 64 ? 1ull << bit : 0) + (uint64_t)near;
			start();
			msgpack_pack_uint64(&packer, n);
			const uint8_t *end = put_uint(bytes, n);
			agrees(end, "number", (int64_t)n);
			assert_true(end - bytes <= PUT_NUMBER_MOST);
			start();
			msgpack_pack_int32(&packer, (int32_t)n);
			agrees(put_int32(bytes, (int32_t)n), "signed", (int32_t)n);
			start();
			msgpack_pack_int32(&packer, -(int32_t)(n & INT32_MAX));
			agrees(put_int32(bytes, -(int32_t)(n & INT32_MAX)), "signed", -(int32_t)(n & INT32_MAX));
		}
}

static void headers_and_texts_are_written_as_msgpack_c_would(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 15, 16, 31, 32, 127, 128, 255, 256, 65535, 65536 };
	static char text[65536];
	(void)state;
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		start();
		msgpack_pack_array(&packer, lengths[i]);
		const uint8_t *end = put_array(bytes, lengths[i]);
		agrees(end, "array", lengths[i]);
		assert_true(end - bytes <= PUT_HEADER_MOST);
		start();
		msgpack_pack_str(&packer, lengths[i]);
		msgpack_pack_str_body(&packer, text, lengths[i]);
		end = put_text(bytes, text, lengths[i]);
		agrees(end, "text", lengths[i]);
		assert_true((size_t)(end - bytes) <= PUT_HEADER_MOST + lengths[i]);
	}
}

static void nil_true_and_false_are_one_byte_each(void **state)
{
	(void)state;
	start();
	msgpack_pack_nil(&packer);
	agrees(put_nil(bytes), "nil", 0);
	start();
	msgpack_pack_true(&packer);
	agrees(put_true(bytes), "true", 1);
	start();
	msgpack_pack_false(&packer);
	agrees(put_false(bytes), "false", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written_as_msgpack_c_would),
		cmocka_unit_test(headers_and_texts_are_written_as_msgpack_c_would),
		cmocka_unit_test(nil_true_and_false_are_one_byte_each),
	};
	msgpack_sbuffer_init(&theirs);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	msgpack_sbuffer_destroy(&theirs);
	return failed;
}
