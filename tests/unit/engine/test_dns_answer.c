/* test_dns_answer.c - messages written byte for byte, and what they say. */
#include "engine/dns_answer.h"

#include "base/must.h"

#include "loopback.h"

/* Header with flags and counts of one question, so many answers and authorities; question a.test A. */
static size_t begin(uint8_t *at, uint16_t flags, unsigned answers, unsigned authorities)
{
	const uint8_t bytes[] = { 0x12, 0x34, (uint8_t)(flags >> 8), (uint8_t)flags, 0, 1, 0, (uint8_t)answers, 0, (uint8_t)authorities, 0, 0,
				  1, 'a', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1 };
	memcpy(at, bytes, sizeof(bytes));
	return sizeof(bytes);
}

/* A record at the question's name. */
static size_t record(uint8_t *at, unsigned type, uint32_t ttl, const void *data, size_t len)
{
	const uint8_t head[] = { 0xc0, 12, 0, (uint8_t)type, 0, 1, (uint8_t)(ttl >> 24), (uint8_t)(ttl >> 16), (uint8_t)(ttl >> 8), (uint8_t)ttl,
				 (uint8_t)(len >> 8), (uint8_t)len };
	memcpy(at, head, sizeof(head));
	memcpy(at + sizeof(head), data, len);
	return sizeof(head) + len;
}

static const uint8_t soa_300[] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 1, 0x2c };
static struct dns_answer said;

static void addresses_are_sorted_and_the_least_ttl_counts(void **state)
{
	uint8_t m[512];
	size_t len = begin(m, 0x8180, 4, 0);
	(void)state;
	len += record(m + len, 5, 30, "\xc0\x0c", 2); /* CNAME */
	len += record(m + len, 1, 60, "\xc0\0\2\x09", 4);
	len += record(m + len, 1, 90, "\xc0\0\2\x07", 4);
	len += record(m + len, 1, 90, "\xc0\0\2\x09", 4);
	dns_answer_read(m, len, DNS_A, &said);
	assert_int_equal(said.outcome, DNS_ADDRESSES);
	assert_int_equal(said.count, 2);
	assert_memory_equal(said.address[0], "\xc0\0\2\x07", 4);
	assert_memory_equal(said.address[1], "\xc0\0\2\x09", 4);
	assert_int_equal(said.ttl_s, 30);
	dns_answer_read(m, len, DNS_AAAA, &said); /* a chain that ends without an address of the kind */
	assert_int_equal(said.outcome, DNS_NO_DATA);
	assert_int_equal(said.ttl_s, UINT32_MAX);
}

static void of_too_many_addresses_the_lowest_stay(void **state)
{
	uint8_t m[4096];
	size_t len = begin(m, 0x8180, 200, 0);
	(void)state;
	for (unsigned i = 200; i > 0; i--)
		len += record(m + len, 1, 60, (uint8_t[]){ 10, 0, 0, (uint8_t)i }, 4);
	dns_answer_read(m, len, DNS_A, &said);
	assert_int_equal(said.count, NAME_ADDRESSES_MAX);
	for (unsigned i = 0; i < NAME_ADDRESSES_MAX; i++)
		assert_int_equal(said.address[i][3], i + 1);
}

static void a_negative_answer_holds_as_long_as_the_lesser_of_its_soa(void **state)
{
	uint8_t m[512];
	size_t head = begin(m, 0x8183, 0, 1), len;
	(void)state;
	len = head + record(m + head, 6, 3600, soa_300, sizeof(soa_300));
	dns_answer_read(m, len, DNS_A, &said);
	assert_int_equal(said.outcome, DNS_NO_NAME);
	assert_int_equal(said.ttl_s, 300);
	len = head + record(m + head, 6, 7, soa_300, sizeof(soa_300));
	m[3] = 0x80;
	dns_answer_read(m, len, DNS_A, &said);
	assert_int_equal(said.outcome, DNS_NO_DATA);
	assert_int_equal(said.ttl_s, 7);
	m[9] = 0;
	dns_answer_read(m, head, DNS_A, &said);
	assert_int_equal(said.ttl_s, UINT32_MAX);
}

static void error_codes_are_told_apart(void **state)
{
	static const struct {
		unsigned rcode;
		enum dns_outcome outcome;
	} codes[] = { { 1, DNS_GARBLED }, { 2, DNS_SERVFAIL }, { 3, DNS_NO_NAME }, { 4, DNS_GARBLED }, { 5, DNS_REFUSED }, { 9, DNS_GARBLED } };
	uint8_t m[64];
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
		size_t len = begin(m, (uint16_t)(0x8180 | codes[i].rcode), 0, 0);
		dns_answer_read(m, len, DNS_A, &said);
		assert_int_equal(said.outcome, codes[i].outcome);
	}
	size_t len = begin(m, 0x0100, 0, 0); /* a question is no answer */
	dns_answer_read(m, len, DNS_A, &said);
	assert_int_equal(said.outcome, DNS_GARBLED);
}

/* Every prefix of a good message is either read to the end of its last record or is garbled; nothing beyond is touched. */
static void what_is_cut_short_is_garbled(void **state)
{
	uint8_t m[512];
	size_t len = begin(m, 0x8180, 1, 0);
	(void)state;
	len += record(m + len, 1, 60, "\xc0\0\2\x09", 4);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);
		memcpy(exact, m, cut);
		dns_answer_read(exact, cut, DNS_A, &said);
		assert_int_equal(said.outcome, DNS_GARBLED);
		free(exact);
	}
}

static void a_ttl_beyond_31_bits_is_none(void **state)
{
	uint8_t m[512];
	size_t len = begin(m, 0x8180, 1, 0);
	(void)state;
	len += record(m + len, 1, 0x80000000, "\xc0\0\2\x09", 4);
	dns_answer_read(m, len, DNS_A, &said);
	assert_int_equal(said.ttl_s, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_sorted_and_the_least_ttl_counts),
		cmocka_unit_test(of_too_many_addresses_the_lowest_stay),
		cmocka_unit_test(a_negative_answer_holds_as_long_as_the_lesser_of_its_soa),
		cmocka_unit_test(error_codes_are_told_apart),
		cmocka_unit_test(what_is_cut_short_is_garbled),
		cmocka_unit_test(a_ttl_beyond_31_bits_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
