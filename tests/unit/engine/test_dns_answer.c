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

/* ---- records ---- */

static struct dns_records records;

static const char *read_records(const uint8_t *m, size_t len, enum job_record type)
{
	dns_records_read(m, len, type, &records);
	records.text[records.len < sizeof(records.text) ? records.len : sizeof(records.text) - 1] = 0;
	return records.outcome == DNS_ADDRESSES ? records.text : records.outcome == DNS_GARBLED ? "garbled" : "none";
}

static const char *one_record(unsigned number, enum job_record type, const void *data, size_t data_len)
{
	static uint8_t m[70000];
	size_t len = begin(m, 0x8180, 1, 0);
	len += record(m + len, number, 60, data, data_len);
	return read_records(m, len, type);
}

static void each_kind_of_record_reads_as_in_a_zone_file(void **state)
{
	(void)state;
	assert_string_equal(one_record(1, RECORD_A, "\xc0\0\2\x07", 4), "192.0.2.7");
	assert_string_equal(one_record(28, RECORD_AAAA, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16), "2001:db8::1");
	assert_string_equal(one_record(5, RECORD_CNAME, "\3www\xc0\x0e", 6), "www.test");
	assert_string_equal(one_record(2, RECORD_NS, "\2ns\1b\0", 6), "ns.b");
	assert_string_equal(one_record(15, RECORD_MX, "\0\x0a\4mail\xc0\x0c", 9), "10 mail.a.test");
	assert_string_equal(one_record(15, RECORD_MX, "\0\0\0", 3), "0 .");
	assert_string_equal(one_record(16, RECORD_TXT, "\3v=s\3pf1", 8), "v=spf1");
	assert_string_equal(one_record(16, RECORD_TXT, "\0", 1), "");
	assert_string_equal(one_record(16, RECORD_TXT, "\4a\n\xc3\\", 5), "a\\010\\195\\");
	assert_string_equal(one_record(2, RECORD_NS, "\3a.b\1 \0", 7), "a\\.b.\\032");
	assert_string_equal(one_record(16, RECORD_MX, "\3v=s", 4), "none"); /* of another type */
}

static void data_that_its_type_cannot_have_is_garbled(void **state)
{
	(void)state;
	assert_string_equal(one_record(1, RECORD_A, "\xc0\0\2", 3), "garbled");
	assert_string_equal(one_record(28, RECORD_AAAA, "\xc0\0\2\1", 4), "garbled");
	assert_string_equal(one_record(16, RECORD_TXT, "\4abc", 4), "garbled");
	assert_string_equal(one_record(16, RECORD_TXT, "", 0), "garbled");
	assert_string_equal(one_record(15, RECORD_MX, "\0\1", 2), "garbled");
	assert_string_equal(one_record(15, RECORD_MX, "\0\1\3ab", 5), "garbled");
	assert_string_equal(one_record(2, RECORD_NS, "\2ns", 3), "garbled");     /* no end */
	assert_string_equal(one_record(2, RECORD_NS, "\xc0", 1), "garbled");
	assert_string_equal(one_record(2, RECORD_NS, "\xc0\x24", 2), "garbled"); /* to itself */
	assert_string_equal(one_record(2, RECORD_NS, "\xff\xff", 2), "garbled"); /* beyond the end */
	assert_string_equal(one_record(2, RECORD_NS, "\x40g\0", 3), "garbled");
}

static void several_records_are_all_told_and_error_codes_are_what_they_are_of_addresses(void **state)
{
	uint8_t m[512];
	size_t len = begin(m, 0x8180, 3, 0);
	(void)state;
	len += record(m + len, 5, 30, "\3www\xc0\x0e", 6);
	len += record(m + len, 15, 60, "\0\x14\1b\0", 5);
	len += record(m + len, 15, 60, "\0\x0a\1a\0", 5);
	assert_string_equal(read_records(m, len, RECORD_MX), "20 b\n10 a");
	assert_int_equal(records.count, 2);
	for (size_t cut = 0; cut < len; cut++)
		assert_string_equal(read_records(m, cut, RECORD_MX), "garbled");
	m[3] = 0x83;
	len = begin(m, 0x8183, 0, 0);
	read_records(m, len, RECORD_MX);
	assert_int_equal(records.outcome, DNS_NO_NAME);
	begin(m, 0x8180, 0, 0);
	read_records(m, len, RECORD_MX);
	assert_int_equal(records.outcome, DNS_NO_DATA);
	begin(m, 0x8182, 0, 0);
	read_records(m, len, RECORD_MX);
	assert_int_equal(records.outcome, DNS_SERVFAIL);
}

static void more_text_than_there_is_room_for_is_cut(void **state)
{
	static uint8_t m[40000], data[256] = { 255 };
	size_t len = begin(m, 0x8180, 100, 0);
	(void)state;
	memset(data + 1, 'x', 255);
	for (unsigned i = 0; i < 100; i++)
		len += record(m + len, 16, 60, data, sizeof(data));
	read_records(m, len, RECORD_TXT);
	assert_int_equal(records.outcome, DNS_ADDRESSES);
	assert_true(records.cut && records.len <= DNS_RECORDS_TEXT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_record_reads_as_in_a_zone_file),
		cmocka_unit_test(data_that_its_type_cannot_have_is_garbled),
		cmocka_unit_test(several_records_are_all_told_and_error_codes_are_what_they_are_of_addresses),
		cmocka_unit_test(more_text_than_there_is_room_for_is_cut),
		cmocka_unit_test(addresses_are_sorted_and_the_least_ttl_counts),
		cmocka_unit_test(of_too_many_addresses_the_lowest_stay),
		cmocka_unit_test(a_negative_answer_holds_as_long_as_the_lesser_of_its_soa),
		cmocka_unit_test(error_codes_are_told_apart),
		cmocka_unit_test(what_is_cut_short_is_garbled),
		cmocka_unit_test(a_ttl_beyond_31_bits_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
