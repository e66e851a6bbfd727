/* test_result.c - result rows: golden bytes, there and back, rows from strangers, and the sentences people read. */
#include "wire/result.h"

#include <arpa/inet.h>

#include "blob.h"

static char why[200];

static const char texts[] = "m1192.0.2.10"; /* what a batch's blob is to a row: monitor at 0, host at 2 */

static struct job job_v4(void)
{
	struct job job = { .slot_ms = 1700000000000, .monitor_len = 2, .host_at = 2, .host_len = 10, .port = 22 };
	assert_true(job_set_literal(&job, texts + 2, 10));
	return job;
}

/* The last row that was read, with its texts copied: they do not outlive each(). */
static struct kept {
	unsigned rows;
	struct result result;
	char monitor[80], host[300], detail[300], issuer[300], addresses[100];
} kept;

static int keep(void *arg, const struct result *r)
{
	(void)arg;
	kept.rows++;
	kept.result = *r;
	assert_true(strlen(r->monitor) < sizeof(kept.monitor) && strlen(r->host) < sizeof(kept.host));
	strcpy(kept.monitor, r->monitor);
	strcpy(kept.host, r->host);
	snprintf(kept.detail, sizeof(kept.detail), "%s", r->detail);
	snprintf(kept.issuer, sizeof(kept.issuer), "%s", r->outcome.tls && r->outcome.tls->issuer ? r->outcome.tls->issuer : "");
	snprintf(kept.addresses, sizeof(kept.addresses), "%s", r->addresses);
	return 0;
}

static int parse(const void *bytes, size_t len, char *sentence, size_t sentence_len)
{
	memset(&kept, 0, sizeof(kept));
	return result_rows_read(bytes, len, keep, NULL, sentence, sentence_len);
}

static int read_blob(const struct blob *b) { return blob_parse(parse, b->bytes, b->len, why, sizeof(why)); }

static int read_hex(const char *hex)
{
	static struct blob blob;
	blob.len = 0;
	blob_hex(&blob, hex);
	return read_blob(&blob);
}

/* [ [m1, 1700000000000, 0, 1, nil, 192.0.2.10, 22, 412, 530, 1500, 0, nil, nil, nil],
 *   [m1, 1700000000000, 1, 5, nil, 192.0.2.10, 22, nil, 65536, -3, 2, 113, [3, 13, 198.51.100.1], nil, 2048] ] */
static const char golden[] = "92"
			     "9e a2 6d31 cf 0000018bcfe56800 00 01 c0 aa 3139322e302e322e3130 16"
			     "cd 019c cd 0212 cd 05dc 00 c0 c0 c0"
			     "9f a2 6d31 cf 0000018bcfe56800 01 05 c0 aa 3139322e302e322e3130 16"
			     "c0 ce 00010000 fd 02 71 93 03 0d ac 3139382e35312e3130302e31 c0 cd 0800";

static struct result_rows *golden_rows(void)
{
	struct result_rows *rows = result_rows_new();
	struct job job = job_v4();
	struct outcome open = { .verdict = VERDICT_OPEN, .rtt_us = 412, .wall_us = 530, .late_us = 1500 };
	struct outcome rejected = {
		.verdict = VERDICT_REJECTED, .syn_retrans = 2, .error = 113, .wall_us = 65536, .late_us = -3,
		.icmp = { FAMILY_V4, 3, 13, false, { 198, 51, 100, 1 } }, .dns_us = 2048,
	};
	assert_non_null(rows);
	assert_int_equal(result_rows_add(rows, &job, texts, 0, &open), 0);
	job.attempt = 1;
	assert_int_equal(result_rows_add(rows, &job, texts, 1, &rejected), 0);
	return rows;
}

static void rows_are_written_as_the_golden_bytes(void **state)
{
	struct result_rows *rows = golden_rows();
	size_t len;
	const void *bytes = result_rows_bytes(rows, &len);
	(void)state;
	assert_blob_is_hex(bytes, len, golden);
	assert_int_equal(result_rows_size(rows), len);
	result_rows_free(rows);
}

static void the_golden_rows_read_as_what_was_measured(void **state)
{
	(void)state;
	assert_int_equal(read_hex(golden), 0);
	assert_int_equal(kept.rows, 2);
	const struct result *r = &kept.result;
	assert_string_equal(kept.monitor, "m1");
	assert_string_equal(kept.host, "192.0.2.10");
	assert_string_equal(r->address, "192.0.2.10");
	assert_string_equal(kept.detail, "");
	assert_true(r->slot_ms == 1700000000000);
	assert_int_equal(r->attempt, 1);
	assert_int_equal(r->port, 22);
	assert_int_equal(r->outcome.verdict, VERDICT_REJECTED);
	assert_int_equal(r->outcome.rtt_us, 0);
	assert_int_equal(r->outcome.wall_us, 65536);
	assert_int_equal(r->outcome.late_us, -3);
	assert_int_equal(r->outcome.syn_retrans, 2);
	assert_int_equal(r->outcome.error, 113);
	assert_int_equal(r->outcome.icmp.family, FAMILY_V4);
	assert_int_equal(r->outcome.icmp.type, 3);
	assert_int_equal(r->outcome.icmp.code, 13);
	assert_false(r->outcome.icmp.ours);
	assert_memory_equal(r->outcome.icmp.offender, "\xc6\x33\x64\x01", 4);
	assert_null(r->outcome.detail);
	assert_int_equal(r->outcome.dns_us, 2048);
}

static void the_extremes_come_back_as_they_went(void **state)
{
	char blob[NAME_MAX_LEN + HOST_MAX_LEN];
	struct job job = { .slot_ms = 253402300799999, .monitor_len = NAME_MAX_LEN, .host_at = NAME_MAX_LEN,
			   .host_len = HOST_MAX_LEN, .port = 65535, .attempt = 65535 };
	struct outcome o = { .verdict = VERDICT_SHUTDOWN, .syn_retrans = 255, .error = 65535, .rtt_us = UINT32_MAX,
			     .wall_us = UINT32_MAX, .late_us = INT32_MIN, .detail = "s\xc3\xa9ntence" };
	struct result_rows *rows = result_rows_new();
	size_t len;
	(void)state;
	memset(blob, 'x', sizeof(blob));
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::ffff:255.255.255.255", o.icmp.offender), 1);
	o.icmp.family = FAMILY_V6;
	o.icmp.type = o.icmp.code = 255;
	o.icmp.ours = true;
	memcpy(job.address, o.icmp.offender, 16);
	job.family = FAMILY_V6;
	assert_int_equal(result_rows_add(rows, &job, blob, 63, &o), 0);
	const void *bytes = result_rows_bytes(rows, &len);
	assert_int_equal(blob_parse(parse, bytes, len, why, sizeof(why)), 0);
	result_rows_free(rows);

	const struct result *r = &kept.result;
	assert_int_equal(strlen(kept.monitor), NAME_MAX_LEN);
	assert_int_equal(strlen(kept.host), HOST_MAX_LEN);
	assert_string_equal(kept.detail, "s\xc3\xa9ntence");
	assert_string_equal(r->address, "2001:db8::ffff:ffff:ffff");
	assert_true(r->slot_ms == job.slot_ms);
	assert_int_equal(r->attempt, 65535);
	assert_int_equal(r->port, 65535);
	assert_int_equal(r->outcome.syn_retrans, 255);
	assert_int_equal(r->outcome.error, 65535);
	assert_true(r->outcome.rtt_us == UINT32_MAX && r->outcome.wall_us == UINT32_MAX);
	assert_int_equal(r->outcome.late_us, INT32_MIN);
	assert_memory_equal(&r->outcome.icmp, &o.icmp, sizeof(o.icmp));
}

static void every_v4_address_is_written_as_inet_ntop_would(void **state)
{
	static const uint8_t seldom[] = { 0, 1, 9, 10, 11, 99, 100, 101, 109, 110, 199, 200, 249, 255 };
	struct result_rows *rows = result_rows_new();
	struct job job = job_v4();
	struct outcome open = { .verdict = VERDICT_OPEN };
	char want[INET_ADDRSTRLEN];
	size_t len;
	(void)state;
	for (unsigned i = 0; i < sizeof(seldom); i++) {
		for (unsigned at = 0; at < 4; at++)
			job.address[at] = seldom[(i + 3 * at) % sizeof(seldom)];
		result_rows_reset(rows);
		assert_int_equal(result_rows_add(rows, &job, texts, 0, &open), 0);
		const void *bytes = result_rows_bytes(rows, &len);
		assert_int_equal(parse(bytes, len, why, sizeof(why)), 0);
		inet_ntop(AF_INET, job.address, want, sizeof(want));
		assert_string_equal(kept.result.address, want);
	}
	result_rows_free(rows);
}

static void a_bad_job_says_why_and_where(void **state)
{
	struct job job = { .bad = "port is not a number from 1 to 65535", .monitor_len = 2 };
	struct outcome local = { .verdict = VERDICT_LOCAL, .detail = "not used" };
	struct result_rows *rows = result_rows_new();
	size_t len;
	(void)state;
	assert_int_equal(result_rows_add(rows, &job, texts, 17, &local), 0);
	const void *bytes = result_rows_bytes(rows, &len);
	assert_int_equal(blob_parse(parse, bytes, len, why, sizeof(why)), 0);
	result_rows_free(rows);
	assert_string_equal(kept.detail, "bad job: port is not a number from 1 to 65535 (index 17 in its batch)");
	assert_string_equal(kept.monitor, "m1");
	assert_string_equal(kept.host, "");
	assert_string_equal(kept.result.address, "");
	assert_int_equal(kept.result.port, 0);
}

static void the_size_is_that_of_the_bytes_for_every_header(void **state)
{
	static const unsigned steps[] = { 0, 1, 15, 16, 17, 65535, 65536 };
	struct result_rows *rows = result_rows_new();
	struct job job = { 0 };
	struct outcome open = { .verdict = VERDICT_OPEN };
	unsigned count = 0;
	size_t len;
	(void)state;
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		for (; count < steps[i]; count++)
			assert_int_equal(result_rows_add(rows, &job, texts, 0, &open), 0);
		const uint8_t *bytes = result_rows_bytes(rows, &len);
		assert_int_equal(result_rows_count(rows), count);
		assert_int_equal(result_rows_size(rows), len);
		assert_int_equal(bytes[0], count < 16 ? 0x90 | count : count < 65536 ? 0xdc : 0xdd);
		if (count <= 17) {
			assert_int_equal(blob_parse(parse, bytes, len, why, sizeof(why)), 0);
			assert_int_equal(kept.rows, count);
		}
	}
	result_rows_reset(rows);
	assert_int_equal(result_rows_count(rows), 0);
	assert_int_equal(result_rows_size(rows), 1);
	assert_memory_equal(result_rows_bytes(rows, &len), "\x90", 1);
	result_rows_free(rows);
	result_rows_free(NULL);
}

static void nil_stands_for_nothing_to_say(void **state)
{
	(void)state;
	assert_int_equal(read_hex("91 9e c0 c0 c0 0e c0 c0 c0 c0 c0 c0 c0 c0 c0 c0"), 0);
	assert_int_equal(kept.rows, 1);
	assert_string_equal(kept.monitor, "");
	assert_string_equal(kept.host, "");
	assert_string_equal(kept.detail, "");
	assert_string_equal(kept.result.address, "");
	assert_int_equal(kept.result.outcome.verdict, VERDICT_SHUTDOWN);
	assert_int_equal(kept.result.outcome.icmp.family, FAMILY_NONE);
	assert_null(kept.result.outcome.detail);
}

static void a_longer_row_is_read_as_far_as_it_is_known(void **state)
{
	(void)state;
	assert_int_equal(read_hex("91 dc 0012 a1 6d c0 c0 02 c0 c0 07 c0 c0 c0 c0 c0 c0 a1 78 c0 c0 a1 79 81 01 02"), 0);
	assert_string_equal(kept.monitor, "m");
	assert_string_equal(kept.detail, "x");
	assert_int_equal(kept.result.port, 7);
	assert_string_equal(kept.addresses, "y");
}

static void what_a_name_leads_to_stands_at_the_end_of_the_rows_that_say_it(void **state)
{
	struct result_rows *rows = result_rows_new();
	struct job job = job_v4();
	struct outcome open = { .verdict = VERDICT_OPEN, .addresses = "192.0.2.10,2001:db8::1" };
	size_t len;
	(void)state;
	assert_int_equal(result_rows_add(rows, &job, texts, 0, &open), 0);
	const uint8_t *bytes = result_rows_bytes(rows, &len);
	assert_memory_equal(bytes, "\x91\xdc\x00\x11", 4);
	assert_int_equal(parse(bytes, len, why, sizeof(why)), 0);
	assert_string_equal(kept.addresses, "192.0.2.10,2001:db8::1");
	result_rows_reset(rows);
	open.addresses = NULL;
	assert_int_equal(result_rows_add(rows, &job, texts, 0, &open), 0);
	bytes = result_rows_bytes(rows, &len);
	assert_memory_equal(bytes, "\x91\x9e", 2);
	assert_int_equal(parse(bytes, len, why, sizeof(why)), 0);
	assert_string_equal(kept.addresses, "");
	result_rows_free(rows);
}

static void a_row_of_an_older_engine_has_no_word_about_certificates(void **state)
{
	(void)state;
	assert_int_equal(read_hex("91 9e a1 6d c0 c0 01 c0 c0 07 c0 c0 c0 c0 c0 c0 c0"), 0);
	assert_null(kept.result.outcome.tls);
}

static void what_is_known_of_a_certificate_comes_back_as_it_went(void **state)
{
	const struct tls_seen all = { .not_after_s = 4102444800, .soon = true, .issuer = "R\xc3\xb3t CA" }, none = { 0 };
	const struct tls_seen *const seen[] = { &all, &none };
	struct job job = job_v4();
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct result_rows *rows = result_rows_new();
		struct outcome o = { .verdict = VERDICT_CERTIFICATE, .tls = seen[i] };
		size_t len;
		assert_int_equal(result_rows_add(rows, &job, texts, 0, &o), 0);
		const void *bytes = result_rows_bytes(rows, &len);
		assert_int_equal(parse(bytes, len, why, sizeof(why)), 0);
		assert_non_null(kept.result.outcome.tls);
		assert_true(kept.result.tls.not_after_s == seen[i]->not_after_s);
		assert_int_equal(kept.result.tls.soon, seen[i]->soon);
		assert_string_equal(kept.issuer, seen[i]->issuer ? seen[i]->issuer : "");
		result_rows_free(rows);
	}
}

/* The last header of a row among the bytes of a single one. */
static unsigned columns_of(const struct job *job, const struct outcome *o)
{
	struct result_rows *rows = result_rows_new();
	size_t len;
	assert_int_equal(result_rows_add(rows, job, texts, 0, o), 0);
	const uint8_t *bytes = result_rows_bytes(rows, &len);
	assert_int_equal(bytes[0], 0x91);
	unsigned columns = bytes[1] == 0xdc ? (unsigned)(bytes[2] << 8 | bytes[3]) : bytes[1] & 0xfu;
	assert_int_equal(parse(bytes, len, why, sizeof(why)), 0);
	result_rows_free(rows);
	return columns;
}

static void a_row_is_as_long_as_it_has_something_to_say(void **state)
{
	const struct tls_seen seen = { .not_after_s = 4102444800 };
	struct job job = job_v4();
	(void)state;
	assert_int_equal(columns_of(&job, &(struct outcome){ .verdict = VERDICT_OPEN }), 14);
	assert_int_equal(columns_of(&job, &(struct outcome){ .verdict = VERDICT_OPEN, .dns_us = 70000 }), 15);
	assert_int_equal(columns_of(&job, &(struct outcome){ .verdict = VERDICT_OPEN, .tls = &seen }), 16);
	assert_int_equal(kept.result.outcome.dns_us, 0);
	assert_int_equal(columns_of(&job, &(struct outcome){ .verdict = VERDICT_OPEN, .tls = &seen, .dns_us = 70000 }), 16);
	assert_int_equal(kept.result.outcome.dns_us, 70000);
	assert_true(kept.result.tls.not_after_s == 4102444800);
	job.tls.wanted = true; /* and ended before anybody looked */
	assert_int_equal(columns_of(&job, &(struct outcome){ .verdict = VERDICT_NO_NAME, .dns_us = 1 }), 16);
	assert_non_null(kept.result.outcome.tls);
	assert_true(kept.result.tls.not_after_s == 0 && !kept.result.tls.soon);
}

/* Every text as long as it can be; the sanitizer watches the room. */
static void the_longest_row_has_room(void **state)
{
	static char blob[700], detail[400], note[361], issuer[256];
	struct job job = { .slot_ms = 253402300799999, .attempt = 65535, .monitor_len = 64, .host_at = 64, .host_len = 253, .port = 65535,
			   .family = FAMILY_V6 };
	const struct tls_seen seen = { .not_after_s = 253402300799, .issuer = issuer };
	const struct outcome o = { .verdict = VERDICT_CERTIFICATE, .syn_retrans = 255, .error = 65535, .rtt_us = UINT32_MAX,
				   .wall_us = UINT32_MAX, .late_us = INT32_MIN, .icmp = { FAMILY_V6, 255, 255, true, { 0 } },
				   .detail = detail, .note = note, .dns_us = UINT32_MAX, .tls = &seen };
	struct result_rows *rows = result_rows_new();
	size_t len;
	(void)state;
	memset(blob, 'b', sizeof(blob));
	memset(detail, 'd', sizeof(detail) - 1);
	memset(note, 'n', sizeof(note) - 1);
	memset(issuer, 'i', sizeof(issuer) - 1);
	memset(job.address, 0xff, 16);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(result_rows_add(rows, &job, blob, 63, &o), 0);
	struct result_rows *one = result_rows_new(); /* the keeper below has room for one's texts only */
	assert_int_equal(result_rows_add(one, &job, blob, 63, &o), 0);
	const void *bytes = result_rows_bytes(one, &len);
	assert_int_equal(parse(bytes, len, why, sizeof(why)), 0);
	assert_int_equal(kept.result.outcome.dns_us, UINT32_MAX);
	result_rows_free(rows);
	result_rows_free(one);
}

static void what_is_no_row_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *hex, *sentence;
	} rows[] = {
		{ "c0", "byte 0: not an array of rows" },
		{ "80", "byte 0: not an array of rows" },
		{ "91 c0", "row 0: not an array of at least 14 values" },
		{ "91 dc 0010 a1 6d c0 c0 02 c0 c0 07 c0 c0 c0 c0 c0 c0 c0 c0 92 c0 c2", "row 0: tls is not [not_after_s, soon, issuer]" },
		{ "91 dc 0010 a1 6d c0 c0 02 c0 c0 07 c0 c0 c0 c0 c0 c0 c0 c0 93 01 01 c0", "row 0: tls is not [not_after_s, soon, issuer]" },
		{ "91 90", "row 0: not an array of at least 14 values" },
		{ "91 9d c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 c0", "row 0: not an array of at least 14 values" },
		{ "91 9e 07 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: monitor is not UTF-8 text without control characters" },
		{ "91 9e a1 1b c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: monitor is not UTF-8 text without control characters" },
		{ "91 9e c0 ff c0 01 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: slot_ms is not a whole number from 0 to 253402300799999" },
		{ "91 9e c0 c0 ce 00010000 01 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: attempt is not a whole number from 0 to 65535" },
		{ "91 9e c0 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: verdict is not a whole number from 1 to 255" },
		{ "91 9e c0 c0 c0 00 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: verdict is not a whole number from 1 to 255" },
		{ "91 9e c0 c0 c0 cd 0100 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: verdict is not a whole number from 1 to 255" },
		{ "91 9e c0 c0 c0 01 a1 00 c0 c0 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: host is not UTF-8 text without control characters" },
		{ "91 9e c0 c0 c0 01 c0 a1 78 c0 c0 c0 c0 c0 c0 c0 c0", "row 0: address is not an IPv4 or IPv6 address" },
		{ "91 9e c0 c0 c0 01 c0 c0 ce 00010000 c0 c0 c0 c0 c0 c0 c0",
		  "row 0: port is not a whole number from 0 to 65535" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 cf 0000000100000000 c0 c0 c0 c0 c0 c0",
		  "row 0: rtt_us is not a whole number from 0 to 4294967295" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 ca 00000000 c0 c0 c0 c0 c0",
		  "row 0: wall_us is not a whole number from 0 to 4294967295" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 c0 ce 80000000 c0 c0 c0 c0",
		  "row 0: late_us is not a whole number from -2147483648 to 2147483647" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 cd 0100 c0 c0 c0",
		  "row 0: syn_retrans is not a whole number from 0 to 255" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c2 c0 c0",
		  "row 0: errno is not a whole number from 0 to 65535" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 03 c0", "row 0: icmp is not [type, code, address]" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 92 03 01 c0", "row 0: icmp is not [type, code, address]" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 93 03 01 c0 c0",
		  "row 0: icmp is not [type, code, address]" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 93 03 cd 0100 a2 3a3a c0",
		  "row 0: icmp is not [type, code, address]" },
		{ "91 9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 c0 a2 410a",
		  "row 0: detail is not UTF-8 text without control characters" },
		{ "dd 0fffffff", "byte 0: array of 268435455 elements, bytes left: 0" },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_hex(rows[i].hex), -EBADMSG);
		assert_string_equal(why, rows[i].sentence);
		assert_int_equal(kept.rows, 0);
	}
}

static void rows_before_the_fault_were_given(void **state)
{
	(void)state;
	assert_int_equal(read_hex("92 9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0 90"), -EBADMSG);
	assert_string_equal(why, "row 1: not an array of at least 14 values");
	assert_int_equal(kept.rows, 1);
}

static int stop_at_second(void *arg, const struct result *r)
{
	(void)r;
	return ++*(int *)arg == 2 ? 77 : 0;
}

static void a_reader_can_stop(void **state)
{
	static struct blob b;
	int calls = 0;
	(void)state;
	b.len = 0;
	blob_byte(&b, 0x93);
	for (unsigned i = 0; i < 3; i++)
		blob_hex(&b, "9e c0 c0 c0 01 c0 c0 c0 c0 c0 c0 c0 c0 c0 c0");
	assert_int_equal(result_rows_read(b.bytes, b.len, stop_at_second, &calls, why, sizeof(why)), 77);
	assert_int_equal(calls, 2);
}

static void rows_that_are_cut_anywhere_are_refused(void **state)
{
	static struct blob b;
	(void)state;
	b.len = 0;
	blob_hex(&b, golden);
	assert_every_cut_is_refused(parse, b.bytes, b.len);
}

static void rows_with_any_byte_changed_are_read_or_refused(void **state)
{
	static struct blob b;
	(void)state;
	b.len = 0;
	blob_hex(&b, golden);
	assert_true(blob_mutate(parse, b.bytes, b.len) > 1000);
}

static void says(struct outcome o, const char *sentence)
{
	char text[256];
	result_sentence(&o, o.detail, text, sizeof(text));
	assert_string_equal(text, sentence);
}

static struct icmp_answer icmp(const char *offender, unsigned type, unsigned code)
{
	struct icmp_answer a = { .type = (uint8_t)type, .code = (uint8_t)code };
	a.family = strchr(offender, ':') ? FAMILY_V6 : FAMILY_V4;
	assert_int_equal(inet_pton(a.family == FAMILY_V6 ? AF_INET6 : AF_INET, offender, a.offender), 1);
	return a;
}

static void each_verdict_is_a_sentence_with_its_facts(void **state)
{
	(void)state;
	says((struct outcome){ .verdict = VERDICT_OPEN }, "the handshake completed");
	says((struct outcome){ .verdict = VERDICT_OPEN, .rtt_us = 412, .wall_us = 700 },
	     "the handshake completed in 0.412 ms");
	says((struct outcome){ .verdict = VERDICT_OPEN, .wall_us = 1003500, .syn_retrans = 1 },
	     "the handshake completed after 2 SYNs, in 1003 ms");
	says((struct outcome){ .verdict = VERDICT_CLOSED, .error = ECONNREFUSED },
	     "nothing listens: reset in answer to the SYN");
	says((struct outcome){ .verdict = VERDICT_FILTERED }, "silence after 1 SYN");
	says((struct outcome){ .verdict = VERDICT_FILTERED, .syn_retrans = 3 }, "silence after 4 SYNs");
	says((struct outcome){ .verdict = VERDICT_FILTERED, .syn_retrans = 255 }, "silence after 256 or more SYNs");
	says((struct outcome){ .verdict = VERDICT_RESET }, "SYN-ACK, then a reset");
	says((struct outcome){ .verdict = VERDICT_REJECTED, .icmp = icmp("198.51.100.1", 3, 13) },
	     "198.51.100.1 answered ICMP 3/13 (communication administratively prohibited)");
	says((struct outcome){ .verdict = VERDICT_REJECTED, .icmp = icmp("2001:db8::1", 1, 4) },
	     "2001:db8::1 answered ICMPv6 1/4 (port unreachable)");
	says((struct outcome){ .verdict = VERDICT_REJECTED }, "a firewall refused the connection");
	says((struct outcome){ .verdict = VERDICT_UNREACHABLE, .icmp = icmp("198.51.100.1", 11, 0) },
	     "198.51.100.1 answered ICMP 11/0 (time to live exceeded: a routing loop?)");
	says((struct outcome){ .verdict = VERDICT_UNREACHABLE, .error = EHOSTUNREACH },
	     "the network cannot reach the host: No route to host (EHOSTUNREACH)");
	says((struct outcome){ .verdict = VERDICT_UNREACHABLE }, "the network cannot reach the host");
	says((struct outcome){ .verdict = VERDICT_RESOLVER }, "the resolver gave no answer about the name");
	says((struct outcome){ .verdict = VERDICT_EXPIRED, .late_us = 61250000 },
	     "its turn came 61.2 s after its slot: too old, not probed");
	says((struct outcome){ .verdict = VERDICT_EXPIRED, .late_us = INT32_MAX },
	     "its turn came more than 2147.4 s after its slot: too old, not probed");
	says((struct outcome){ .verdict = VERDICT_EXPIRED }, "the job was too old when its turn came: not probed");
	says((struct outcome){ .verdict = VERDICT_SHUTDOWN }, "the engine was shutting down: not probed");
}

static void our_own_trouble_comes_with_what_to_try(void **state)
{
	struct outcome o = { .verdict = VERDICT_LOCAL, .icmp = icmp("10.0.0.1", 3, 3) };
	(void)state;
	says(o, "this machine's own firewall: 10.0.0.1 answered ICMP 3/3 (port unreachable); "
		"look for the rule with nft list ruleset");
	says((struct outcome){ .verdict = VERDICT_LOCAL, .error = EMFILE },
	     "the prober itself could not try: Too many open files (EMFILE); "
	     "raise LimitNOFILE (ulimit -n) or lower --slots");
	says((struct outcome){ .verdict = VERDICT_LOCAL, .error = ENOTDIR },
	     "the prober itself could not try: Not a directory (ENOTDIR)");
	says((struct outcome){ .verdict = VERDICT_LOCAL, .error = 60000 },
	     "the prober itself could not try: errno 60000");
	says((struct outcome){ .verdict = VERDICT_LOCAL }, "the prober itself could not try");
	o = (struct outcome){ .verdict = VERDICT_UNREACHABLE, .icmp = icmp("fe80::1", 1, 3) };
	o.icmp.ours = true;
	says(o, "no answer to neighbour discovery: nothing on the local network has this address");
	o.icmp = icmp("10.0.0.1", 3, 1);
	o.icmp.ours = true;
	says(o, "no answer to ARP: nothing on the local network has this address");
}

static void a_detail_goes_before_everything(void **state)
{
	(void)state;
	says((struct outcome){ .verdict = VERDICT_LOCAL, .error = EMFILE, .detail = "bad job: so" }, "bad job: so");
	says((struct outcome){ .verdict = VERDICT_SHUTDOWN, .detail = "" }, "the engine was shutting down: not probed");
}

static void every_icmp_that_can_end_a_probe_has_a_name(void **state)
{
	char text[256];
	(void)state;
	for (unsigned v6 = 0; v6 <= 1; v6++)
		for (unsigned type = 0; type < 256; type++)
			for (unsigned code = 0; code < 256; code++) {
				struct outcome o = { .verdict = VERDICT_UNREACHABLE,
						     .icmp = icmp(v6 ? "2001:db8::1" : "192.0.2.1", type, code) };
				bool known = v6 ? (type == 1 && code <= 8) || type == 2 || (type == 3 && code <= 1) ||
							  type == 4
						: (type == 3 && code <= 15) || type == 4 ||
							  (type == 11 && code <= 1) || type == 12;
				result_sentence(&o, NULL, text, sizeof(text));
				assert_int_equal(strstr(text, "(unassigned)") == NULL, known);
			}
}

static void a_small_buffer_is_not_overrun(void **state)
{
	(void)state;
	for (unsigned v = VERDICT_NONE; v < VERDICTS; v++) {
		struct outcome o = { .verdict = (uint8_t)v, .error = EMFILE, .late_us = 5, .icmp = icmp("::1", 1, 1) };
		char *text = malloc(5);
		result_sentence(&o, NULL, text, 5);
		assert_int_equal(strlen(text), 4);
		free(text);
	}
}

static void a_verdict_of_a_newer_engine_is_unknown_and_spoils_no_other_row(void **state)
{
	(void)state;
	assert_int_equal(read_hex("92 9e c0 c0 c0 0f c0 c0 c0 c0 c0 c0 c0 c0 c0 c0"
				  "   9e c0 c0 c0 cc ff c0 c0 c0 c0 c0 c0 c0 c0 c0 c0"), 0);
	assert_int_equal(kept.rows, 2);
	assert_int_equal(kept.result.outcome.verdict, VERDICT_NONE);
	assert_int_equal(verdict_row(VERDICT_NONE)->class, CLASS_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_written_as_the_golden_bytes),
		cmocka_unit_test(the_golden_rows_read_as_what_was_measured),
		cmocka_unit_test(a_verdict_of_a_newer_engine_is_unknown_and_spoils_no_other_row),
		cmocka_unit_test(the_extremes_come_back_as_they_went),
		cmocka_unit_test(every_v4_address_is_written_as_inet_ntop_would),
		cmocka_unit_test(a_bad_job_says_why_and_where),
		cmocka_unit_test(the_size_is_that_of_the_bytes_for_every_header),
		cmocka_unit_test(nil_stands_for_nothing_to_say),
		cmocka_unit_test(what_a_name_leads_to_stands_at_the_end_of_the_rows_that_say_it),
		cmocka_unit_test(a_longer_row_is_read_as_far_as_it_is_known),
		cmocka_unit_test(a_row_of_an_older_engine_has_no_word_about_certificates),
		cmocka_unit_test(what_is_known_of_a_certificate_comes_back_as_it_went),
		cmocka_unit_test(a_row_is_as_long_as_it_has_something_to_say),
		cmocka_unit_test(the_longest_row_has_room),
		cmocka_unit_test(what_is_no_row_is_refused_with_its_place),
		cmocka_unit_test(rows_before_the_fault_were_given),
		cmocka_unit_test(a_reader_can_stop),
		cmocka_unit_test(rows_that_are_cut_anywhere_are_refused),
		cmocka_unit_test(rows_with_any_byte_changed_are_read_or_refused),
		cmocka_unit_test(each_verdict_is_a_sentence_with_its_facts),
		cmocka_unit_test(our_own_trouble_comes_with_what_to_try),
		cmocka_unit_test(a_detail_goes_before_everything),
		cmocka_unit_test(every_icmp_that_can_end_a_probe_has_a_name),
		cmocka_unit_test(a_small_buffer_is_not_overrun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
