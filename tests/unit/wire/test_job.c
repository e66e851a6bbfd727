/* test_job.c - batches of jobs: golden bytes, what producers may leave out, and what happens to each kind of mistake. */
#include "wire/job.h"

#include <arpa/inet.h>

#include "blob.h"

#define SLOT 1700000000000ull

static char why[200];
static struct blob blob;
static struct job jobs[ENTRY_JOBS_MAX];

static int parse(const void *bytes, size_t len, char *sentence, size_t sentence_len)
{
	return job_batch_decode(bytes, len, SLOT, jobs, sentence, sentence_len);
}

static int decode(void) { return blob_parse(parse, blob.bytes, blob.len, why, sizeof(why)); }

static int decode_hex(const char *hex)
{
	blob.len = 0;
	blob_hex(&blob, hex);
	return decode();
}

static void text_is(unsigned at, unsigned len, const char *text)
{
	assert_int_equal(len, strlen(text));
	assert_memory_equal(blob.bytes + at, text, len);
}

/* [ {}, [ [m1, 192.0.2.10, 22], [db, 2001:db8::1, 5432, {timeout_ms: 500, close: fin}] ] ] */
static const char golden_plain[] = "92 80 92"
				   "93 a2 6d31 aa 3139322e302e322e3130 16"
				   "94 a2 6462 ab 323030313a6462383a3a31 cd1538"
				   "82 aa 74696d656f75745f6d73 cd01f4 a5 636c6f7365 a3 66696e";
/* [ {timeout_ms: 1000, close: half, settle_ms: auto, expires_ms: 5000, attempt: 2}, [ [m, h.example, 80] ] ] */
static const char golden_defaults[] = "92 85"
				      "aa 74696d656f75745f6d73 cd03e8 a5 636c6f7365 a4 68616c66"
				      "a9 736574746c655f6d73 a4 6175746f aa 657870697265735f6d73 cd1388"
				      "a7 617474656d7074 02"
				      "91 93 a1 6d a9 682e6578616d706c65 50";

static void the_golden_batch_reads_as_its_two_jobs(void **state)
{
	struct in6_addr v6;
	(void)state;
	assert_int_equal(decode_hex(golden_plain), 2);
	assert_null(jobs[0].bad);
	text_is(jobs[0].monitor_at, jobs[0].monitor_len, "m1");
	text_is(jobs[0].host_at, jobs[0].host_len, "192.0.2.10");
	assert_int_equal(jobs[0].family, FAMILY_V4);
	assert_memory_equal(jobs[0].address, "\xc0\x00\x02\x0a", 4);
	assert_int_equal(jobs[0].port, 22);
	assert_int_equal(jobs[0].timeout_ms, 3200);
	assert_int_equal(jobs[0].close, CLOSE_RST);
	assert_int_equal(jobs[0].settle_ms, JOB_SETTLE_UNSET);
	assert_int_equal(jobs[0].expires_ms, 60000);
	assert_int_equal(jobs[0].attempt, 0);
	assert_true(jobs[0].slot_ms == SLOT);

	assert_null(jobs[1].bad);
	text_is(jobs[1].monitor_at, jobs[1].monitor_len, "db");
	assert_int_equal(jobs[1].family, FAMILY_V6);
	inet_pton(AF_INET6, "2001:db8::1", &v6);
	assert_memory_equal(jobs[1].address, &v6, 16);
	assert_int_equal(jobs[1].port, 5432);
	assert_int_equal(jobs[1].timeout_ms, 500);
	assert_int_equal(jobs[1].close, CLOSE_FIN);
	assert_int_equal(jobs[1].expires_ms, 60000);
}

static void defaults_of_the_batch_hold_for_its_jobs(void **state)
{
	(void)state;
	assert_int_equal(decode_hex(golden_defaults), 1);
	assert_null(jobs[0].bad);
	assert_int_equal(jobs[0].timeout_ms, 1000);
	assert_int_equal(jobs[0].close, CLOSE_HALF);
	assert_int_equal(jobs[0].settle_ms, JOB_SETTLE_AUTO);
	assert_int_equal(jobs[0].expires_ms, 5000);
	assert_int_equal(jobs[0].attempt, 2);
	assert_int_equal(jobs[0].family, FAMILY_NONE);
}

static void the_encoder_writes_the_golden_bytes(void **state)
{
	const struct job_options options = { .timeout_ms = 1000, .expires_ms = 5000, .attempt = 2, .close = CLOSE_HALF, .settle_ms = JOB_SETTLE_AUTO };
	const struct job_text job = { .monitor = "m", .host = "h.example", .port = 80 };
	const struct job_text pair[] = { { .monitor = "m1", .host = "192.0.2.10", .port = 22 },
					 { .monitor = "db", .host = "2001:db8::1", .port = 5432 } };
	size_t len;
	void *bytes = job_batch_encode(&options, &job, 1, &len);
	(void)state;
	assert_non_null(bytes);
	assert_blob_is_hex(bytes, len, golden_defaults);
	free(bytes);
	bytes = job_batch_encode(&job_options_default, pair, 2, &len);
	assert_non_null(bytes);
	assert_blob_is_hex(bytes, len,
			   "92 80 92 93 a2 6d31 aa 3139322e302e322e3130 16 93 a2 6462 ab 323030313a6462383a3a31 cd1538");
	free(bytes);
}

static void what_was_encoded_decodes_to_the_same(void **state)
{
	const struct job_options options = { .timeout_ms = 60000, .expires_ms = 86400000, .attempt = 65535, .close = CLOSE_FIN,
					      .settle_ms = 5000, .ip = IP_BOTH, .addresses = ADDRESSES_ALL, .type = JOB_DNS, .record = RECORD_TXT };
	struct job_text texts[ENTRY_JOBS_MAX];
	char names[ENTRY_JOBS_MAX][NAME_MAX_LEN + 1], hosts[ENTRY_JOBS_MAX][HOST_MAX_LEN + 1];
	(void)state;
	for (unsigned i = 0; i < ENTRY_JOBS_MAX; i++) { /* lengths 1 to 64 and 1 to 253 */
		unsigned host_len = i == 63 ? HOST_MAX_LEN : 1 + 4 * i;
		memset(names[i], 'a' + (int)i % 26, i + 1);
		names[i][i + 1] = 0;
		memset(hosts[i], 'h', host_len);
		hosts[i][host_len] = 0;
		texts[i] = (struct job_text){ .monitor = names[i], .host = hosts[i], .port = i == 0 ? 1 : i == 1 ? 65535 : 1000 * i,
					     .expect_answer = i == 2 ? "x" : "", .resolver = i == 3 ? "192.0.2.53" : NULL };
	}
	size_t len;
	void *bytes = job_batch_encode(&options, texts, ENTRY_JOBS_MAX, &len);
	assert_non_null(bytes);
	assert_true(len < sizeof(blob.bytes));
	memcpy(blob.bytes, bytes, blob.len = len);
	free(bytes);
	assert_int_equal(decode(), ENTRY_JOBS_MAX);
	for (unsigned i = 0; i < ENTRY_JOBS_MAX; i++) {
		assert_null(jobs[i].bad);
		text_is(jobs[i].monitor_at, jobs[i].monitor_len, names[i]);
		text_is(jobs[i].host_at, jobs[i].host_len, hosts[i]);
		assert_int_equal(jobs[i].port, texts[i].port);
		assert_int_equal(jobs[i].timeout_ms, 60000);
		assert_int_equal(jobs[i].expires_ms, 86400000);
		assert_int_equal(jobs[i].attempt, 65535);
		assert_int_equal(jobs[i].settle_ms, 5000);
		assert_int_equal(jobs[i].close, CLOSE_FIN);
		assert_int_equal(jobs[i].type, JOB_DNS);
		assert_int_equal(jobs[i].record, RECORD_TXT);
		text_is(jobs[i].answer_at, jobs[i].answer_len, texts[i].expect_answer);
		text_is(jobs[i].resolver_at, jobs[i].resolver_len, texts[i].resolver ? texts[i].resolver : "");
	}
}

/* One batch with one job, in parts that a test replaces. */
enum part { NUMBER, TEXT };
static void batch_start(unsigned count)
{
	blob.len = 0;
	blob_array(&blob, 2);
	blob_map(&blob, 0);
	blob_array(&blob, count);
}

static const char *bad_of(const char *monitor, const char *host, int64_t port)
{
	batch_start(1);
	blob_array(&blob, 3);
	blob_text(&blob, monitor);
	blob_text(&blob, host);
	blob_number(&blob, port);
	assert_int_equal(decode(), 1);
	return jobs[0].bad;
}

static const char *bad_of_option(const char *key, enum part kind, int64_t number, const char *text)
{
	batch_start(1);
	blob_array(&blob, 4);
	blob_text(&blob, "m");
	blob_text(&blob, "h");
	blob_number(&blob, 1);
	blob_map(&blob, 1);
	blob_text(&blob, key);
	if (kind == NUMBER)
		blob_number(&blob, number);
	else
		blob_text(&blob, text);
	assert_int_equal(decode(), 1);
	return jobs[0].bad;
}

static void each_option_has_the_bounds_that_are_promised(void **state)
{
	static const struct {
		const char *key;
		int64_t low, high;
		const char *wrong;
	} rows[] = {
		{ "timeout_ms", 1, 60000, "timeout_ms is not a whole number from 1 to 60000" },
		{ "settle_ms", 0, 5000, "settle_ms is not a whole number from 0 to 5000 or \"auto\"" },
		{ "expires_ms", 1, 86400000, "expires_ms is not a whole number from 1 to 86400000" },
		{ "attempt", 0, 65535, "attempt is not a whole number from 0 to 65535" },
		{ "slot", 0, 253402300799999, "slot is not a time in ms since 1970 before the year 10000" },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(bad_of_option(rows[i].key, NUMBER, rows[i].low, NULL));
		assert_null(bad_of_option(rows[i].key, NUMBER, rows[i].high, NULL));
		assert_string_equal(bad_of_option(rows[i].key, NUMBER, rows[i].low - 1, NULL), rows[i].wrong);
		assert_string_equal(bad_of_option(rows[i].key, NUMBER, rows[i].high + 1, NULL), rows[i].wrong);
		assert_string_equal(bad_of_option(rows[i].key, NUMBER, INT64_MIN, NULL), rows[i].wrong);
		assert_string_equal(bad_of_option(rows[i].key, TEXT, 0, "1"), rows[i].wrong);
		assert_string_equal(bad_of_option(rows[i].key, TEXT, 0, "automatic"), rows[i].wrong);
	}
}

static void options_arrive_in_their_fields(void **state)
{
	(void)state;
	bad_of_option("timeout_ms", NUMBER, 60000, NULL);
	assert_int_equal(jobs[0].timeout_ms, 60000);
	bad_of_option("settle_ms", NUMBER, 5000, NULL);
	assert_int_equal(jobs[0].settle_ms, 5000);
	assert_null(bad_of_option("settle_ms", TEXT, 0, "auto"));
	assert_int_equal(jobs[0].settle_ms, JOB_SETTLE_AUTO);
	bad_of_option("expires_ms", NUMBER, 86400000, NULL);
	assert_int_equal(jobs[0].expires_ms, 86400000);
	bad_of_option("attempt", NUMBER, 65535, NULL);
	assert_int_equal(jobs[0].attempt, 65535);
	bad_of_option("slot", NUMBER, 1234567890123, NULL);
	assert_true(jobs[0].slot_ms == 1234567890123);
	for (enum close_mode mode = 0; mode < CLOSE_MODES; mode++) {
		assert_null(bad_of_option("close", TEXT, 0, close_mode_names[mode]));
		assert_int_equal(jobs[0].close, mode);
	}
}

static void close_takes_its_three_words_only(void **state)
{
	static const char wrong[] = "close is not \"rst\", \"fin\" or \"half\"";
	(void)state;
	assert_string_equal(bad_of_option("close", TEXT, 0, "RST"), wrong);
	assert_string_equal(bad_of_option("close", TEXT, 0, ""), wrong);
	assert_string_equal(bad_of_option("close", TEXT, 0, "halfway"), wrong);
	assert_string_equal(bad_of_option("close", NUMBER, 0, NULL), wrong);
	assert_string_equal(bad_of_option("close", NUMBER, 1, NULL), wrong);
}

static void unknown_keys_are_passed_over(void **state)
{
	(void)state;
	assert_null(bad_of_option("tsl", TEXT, 0, "yes"));
	assert_null(bad_of_option("timeout", NUMBER, -1, NULL));
	assert_null(bad_of_option("", NUMBER, 0, NULL));
	/* a key that is no text, a value that is a container */
	assert_int_equal(decode_hex("92 81 05 06 91 93 a1 6d a1 68 01"), 1);
	assert_null(jobs[0].bad);
	assert_int_equal(decode_hex("92 81 a1 78 92 01 02 91 93 a1 6d a1 68 01"), 1);
	assert_null(jobs[0].bad);
}

/* [ {}, [ [m, h, 1, {tls: {KEY: value}}] ] ]; key NULL: an empty map */
static const char *bad_of_tls(const char *key, enum part kind, int64_t number, const char *text)
{
	batch_start(1);
	blob_array(&blob, 4);
	blob_text(&blob, "m");
	blob_text(&blob, "h");
	blob_number(&blob, 1);
	blob_map(&blob, 1);
	blob_text(&blob, "tls");
	blob_map(&blob, key != NULL);
	if (key)
		blob_text(&blob, key);
	if (key && kind == NUMBER)
		blob_number(&blob, number);
	else if (key)
		blob_text(&blob, text);
	assert_int_equal(decode(), 1);
	return jobs[0].bad;
}

static void a_job_without_tls_wants_no_certificate_and_an_empty_map_is_enough(void **state)
{
	(void)state;
	assert_null(bad_of("m", "h", 1));
	assert_false(jobs[0].tls.wanted);
	assert_null(bad_of_tls(NULL, NUMBER, 0, NULL));
	assert_true(jobs[0].tls.wanted);
	assert_int_equal(jobs[0].tls.starttls, STARTTLS_NONE);
	assert_int_equal(jobs[0].tls.timeout_ms, 10000);
	assert_int_equal(jobs[0].tls.warn_s, 21 * 86400);
	assert_int_equal(jobs[0].tls.down_s, 3 * 86400);
	assert_int_equal(jobs[0].tls.name_len + jobs[0].tls.ca_len, 0);
}

static void each_wish_of_tls_has_its_bounds(void **state)
{
	char longest[300];
	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[253] = 0;
	assert_null(bad_of_tls("server_name", TEXT, 0, longest));
	text_is(jobs[0].tls.name_at, jobs[0].tls.name_len, longest);
	longest[253] = 'a', longest[254] = 0;
	assert_non_null(bad_of_tls("server_name", TEXT, 0, longest));
	assert_non_null(bad_of_tls("server_name", TEXT, 0, ""));
	assert_non_null(bad_of_tls("server_name", TEXT, 0, "two words"));
	assert_non_null(bad_of_tls("server_name", NUMBER, 1, NULL));
	assert_null(bad_of_tls("ca", TEXT, 0, "/etc/ssl/own.pem"));
	text_is(jobs[0].tls.ca_at, jobs[0].tls.ca_len, "/etc/ssl/own.pem");
	assert_non_null(bad_of_tls("ca", TEXT, 0, "own.pem"));
	assert_non_null(bad_of_tls("ca", TEXT, 0, ""));
	for (unsigned i = STARTTLS_NONE + 1; i < STARTTLS_KINDS; i++) {
		assert_null(bad_of_tls("starttls", TEXT, 0, starttls_names[i]));
		assert_int_equal(jobs[0].tls.starttls, i);
	}
	assert_non_null(bad_of_tls("starttls", TEXT, 0, ""));
	assert_non_null(bad_of_tls("starttls", TEXT, 0, "ftp"));
	assert_null(bad_of_tls("warn_ms", NUMBER, 315360000000, NULL));
	assert_int_equal(jobs[0].tls.warn_s, 315360000);
	assert_non_null(bad_of_tls("warn_ms", NUMBER, 315360000001, NULL));
	assert_non_null(bad_of_tls("down_ms", NUMBER, -1, NULL));
	assert_null(bad_of_tls("down_ms", NUMBER, 0, NULL));
	assert_non_null(bad_of_tls("timeout_ms", NUMBER, 0, NULL));
	assert_non_null(bad_of_tls("timeout_ms", NUMBER, 60001, NULL));
	assert_null(bad_of_tls("alpn", TEXT, 0, "h2"));
	assert_string_equal(bad_of_option("tls", TEXT, 0, "yes"), "tls is not a map");
}

static void wishes_of_tls_are_read_as_they_were_written(void **state)
{
	const struct tls_wish wish = { .starttls = STARTTLS_LDAP, .server_name = "a.example", .ca = "/ca.pem",
				       .timeout_ms = 1234, .warn_s = 4000000, .down_s = 0 };
	const struct job_text texts[] = { { .monitor = "m", .host = "192.0.2.1", .port = 636, .tls = &wish },
					  { .monitor = "n", .host = "192.0.2.2", .port = 1 } };
	size_t len;
	void *bytes = job_batch_encode(&job_options_default, texts, 2, &len);
	(void)state;
	memcpy(blob.bytes, bytes, blob.len = len);
	free(bytes);
	assert_int_equal(decode(), 2);
	assert_null(jobs[0].bad);
	assert_true(jobs[0].tls.wanted && !jobs[1].tls.wanted);
	assert_int_equal(jobs[0].tls.starttls, STARTTLS_LDAP);
	text_is(jobs[0].tls.name_at, jobs[0].tls.name_len, "a.example");
	text_is(jobs[0].tls.ca_at, jobs[0].tls.ca_len, "/ca.pem");
	assert_int_equal(jobs[0].tls.timeout_ms, 1234);
	assert_int_equal(jobs[0].tls.warn_s, 4000000);
	assert_int_equal(jobs[0].tls.down_s, 0);
}

static void a_number_is_not_a_float_a_bool_or_nil(void **state)
{
	(void)state;
	/* [ {}, [ [m, h, <value>] ] ] */
	assert_int_equal(decode_hex("92 80 91 93 a1 6d a1 68 cb 4054000000000000"), 1); /* 80.0 */
	assert_string_equal(jobs[0].bad, "port is not a number from 1 to 65535");
	assert_int_equal(decode_hex("92 80 91 93 a1 6d a1 68 c3"), 1);
	assert_non_null(jobs[0].bad);
	assert_int_equal(decode_hex("92 80 91 93 a1 6d a1 68 c0"), 1);
	assert_non_null(jobs[0].bad);
	assert_int_equal(decode_hex("92 80 91 93 a1 6d a1 68 cf ffffffffffffffff"), 1);
	assert_non_null(jobs[0].bad);
	assert_int_equal(decode_hex("92 80 91 93 a1 6d a1 68 a2 3830"), 1);
	assert_non_null(jobs[0].bad);
}

static void monitor_host_and_port_have_their_bounds(void **state)
{
	char name[NAME_MAX_LEN + 2], host[HOST_MAX_LEN + 2];
	(void)state;
	memset(name, 'n', sizeof(name));
	memset(host, 'h', sizeof(host));
	name[NAME_MAX_LEN + 1] = host[HOST_MAX_LEN + 1] = 0;
	assert_string_equal(bad_of(name, "h", 1), "monitor is longer than 64 bytes");
	assert_string_equal(bad_of("m", host, 1), "host is longer than 253 bytes");
	name[NAME_MAX_LEN] = host[HOST_MAX_LEN] = 0;
	assert_null(bad_of(name, host, 65535));
	assert_string_equal(bad_of("", "h", 1), "monitor is empty");
	assert_string_equal(bad_of("m", "", 1), "host is empty");
	assert_string_equal(bad_of("m", "h", 0), "port is not a number from 1 to 65535");
	assert_string_equal(bad_of("m", "h", 65536), "port is not a number from 1 to 65535");
	assert_string_equal(bad_of("m", "h", -1), "port is not a number from 1 to 65535");
}

static void a_monitor_is_utf8_that_a_terminal_may_show(void **state)
{
	static const char *const fine[] = { "m", "a b", "m\xc3\xbcnchen", "\xe2\x82\xac", "\xf0\x9f\x90\x9f", "\xc2\xa0",
					    "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", NULL };
	static const char *const wrong[] = {
		"\x1b[2J", "a\nb", "\x7f", "\xc2\x9b", /* control characters: C0, DEL, C1 */
		"\x80", "\xc3", "a\xc3", "\xc3(", "\xff", "\xe2\x82", "\xe2\x28\xa1", "\xf0\x9f\x90",
		"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xf0\x80\x80\x80",   /* overlong */
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", NULL, /* surrogate, beyond U+10FFFF */
	};
	(void)state;
	for (unsigned i = 0; fine[i]; i++)
		assert_null(bad_of(fine[i], "h", 1));
	for (unsigned i = 0; wrong[i]; i++) {
		assert_string_equal(bad_of(wrong[i], "h", 1), "monitor is not UTF-8 without control characters");
		assert_int_equal(jobs[0].monitor_len, 0);
	}
}

static void a_host_is_printable_ascii(void **state)
{
	static const char *const wrong[] = { " ", "a b", "h\t", "h\x7f", "m\xc3\xbcnchen.de", "\xff", NULL };
	(void)state;
	assert_null(bad_of("m", "_srv.ex-ample.com!~", 1));
	for (unsigned i = 0; wrong[i]; i++) {
		assert_string_equal(bad_of("m", wrong[i], 1), "host is not printable ASCII without spaces");
		assert_int_equal(jobs[0].host_len, 0);
	}
}

/* What is wrong with a job of type dns, NULL: nothing. */
static const char *bad_dns(const char *host, enum job_record record, const char *answer)
{
	const struct job_options options = { .timeout_ms = 1, .expires_ms = 1, .type = JOB_DNS, .record = record };
	const struct job_text job = { .monitor = "m", .host = host, .port = 53, .expect_answer = answer };
	size_t len;
	void *bytes = job_batch_encode(&options, &job, 1, &len);
	memcpy(blob.bytes, bytes, blob.len = len);
	free(bytes);
	assert_int_equal(decode(), 1);
	return jobs[0].bad;
}

static void a_job_of_type_dns_asks_for_a_name_and_expects_what_its_record_can_have(void **state)
{
	(void)state;
	assert_null(bad_dns("example.net", RECORD_A, NULL));
	assert_null(bad_dns("example.net", RECORD_MX, "10 mail.example.net\nmx2"));
	assert_string_equal(bad_dns("192.0.2.1", RECORD_A, NULL), "host is an address: type dns asks for names");
	assert_string_equal(bad_dns("example.net", RECORD_A, "mail"), "expect_answer has a value that its record cannot have");
	assert_string_equal(bad_dns("example.net", RECORD_MX, "mail\n"), "expect_answer has a value that its record cannot have");
	assert_string_equal(bad_of_option("type", TEXT, 0, "udp"), "type is not \"tcp\" or \"dns\"");
	assert_string_equal(bad_of_option("record", TEXT, 0, "SOA"),
			    "record is not \"A\", \"AAAA\", \"CNAME\", \"MX\", \"NS\" or \"TXT\"");
	assert_string_equal(bad_of_option("resolver", TEXT, 0, "ns1"), "resolver is not ADDRESS or ADDRESS:PORT");
	assert_string_equal(bad_of_option("expect_answer", NUMBER, 5, NULL), "expect_answer is not a text of 1 to 1000 bytes");
	assert_null(bad_of_option("expect_answer", TEXT, 0, "x")); /* of type tcp it means nothing */
}

static void what_looks_like_an_address_and_is_none_is_a_bad_job(void **state)
{
	static const char *const v4[] = { "010.0.0.1", "1.2.3", "256.1.1.1", "0x7f.1", "127.1", "1", NULL };
	static const char *const v6[] = { "fe80::1%lo", "[::1]", "1:2", NULL };
	(void)state;
	for (unsigned i = 0; v4[i]; i++)
		assert_string_equal(bad_of("m", v4[i], 1), "host is not an IPv4 address, and the last part of a name is not a number");
	for (unsigned i = 0; v6[i]; i++)
		assert_string_equal(bad_of("m", v6[i], 1), "host is not an IPv6 address (no brackets, no zone)");
	assert_null(bad_of("m", "10.example", 1));
}

static void a_bad_job_spoils_only_itself(void **state)
{
	(void)state;
	/* [ {}, [ nil, [m, h], [m, h, 1, {}, 5], [1, h, 2], [m, 2, 3], [m, h, 4, 5], [ok, h, 6] ] ] */
	assert_int_equal(decode_hex("92 80 97 c0 92 a1 6d a1 68 95 a1 6d a1 68 01 80 05 93 01 a1 68 02"
				    "93 a1 6d 02 03 94 a1 6d a1 68 04 05 93 a2 6f6b a1 68 06"),
			 7);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(jobs[i].bad, "job is not [monitor, host, port] or [monitor, host, port, {options}]");
	assert_string_equal(jobs[3].bad, "monitor is not a text");
	text_is(jobs[3].host_at, jobs[3].host_len, "h");
	assert_int_equal(jobs[3].port, 2);
	assert_string_equal(jobs[4].bad, "host is not a text");
	text_is(jobs[4].monitor_at, jobs[4].monitor_len, "m");
	assert_int_equal(jobs[4].port, 3);
	assert_string_equal(jobs[5].bad, "options are not a map");
	text_is(jobs[5].monitor_at, jobs[5].monitor_len, "m");
	assert_null(jobs[6].bad);
	text_is(jobs[6].monitor_at, jobs[6].monitor_len, "ok");
}

static void the_first_fault_of_a_job_is_the_one_that_is_told(void **state)
{
	(void)state;
	assert_string_equal(bad_of("", "", 0), "monitor is empty");
	assert_string_equal(bad_of("m", "", 0), "host is empty");
}

static void what_is_no_batch_is_refused_whole(void **state)
{
	static const struct {
		const char *hex, *sentence;
	} rows[] = {
		{ "c0", "byte 0: batch is not [ {defaults}, [job, ...] ]" },
		{ "a0", "byte 0: batch is not [ {defaults}, [job, ...] ]" },
		{ "90", "byte 0: batch is not [ {defaults}, [job, ...] ]" },
		{ "91 80", "byte 0: batch is not [ {defaults}, [job, ...] ]" },
		{ "92 90 90", "byte 0: batch is not [ {defaults}, [job, ...] ]" },
		{ "92 80 80", "byte 0: batch is not [ {defaults}, [job, ...] ]" },
		{ "93 80 91 93 a1 6d a1 68 01 c0", "byte 0: batch is not [ {defaults}, [job, ...] ]" },
		{ "92 80 90", "batch has 0 jobs, it must have 1 to 64" },
		{ "92 81 a7 617474656d7074 ff 91 93 a1 6d a1 68 01",
		  "defaults of the batch: attempt is not a whole number from 0 to 65535" },
		{ "92 81 a5 636c6f7365 c0 91 93 a1 6d a1 68 01",
		  "defaults of the batch: close is not \"rst\", \"fin\" or \"half\"" },
		{ "92 80 dd 0fffffff", "byte 2: array of 268435455 elements, bytes left: 0" },
		{ "dd 0fffffff", "byte 0: array of 268435455 elements, bytes left: 0" },
		{ "92 80 91 93 a1 6d a1 68 01 00", "byte 9: the value ends here, bytes left: 1" },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(decode_hex(rows[i].hex), -EBADMSG);
		assert_string_equal(why, rows[i].sentence);
	}
}

static void sixty_four_jobs_pass_and_sixty_five_do_not(void **state)
{
	(void)state;
	for (unsigned count = 64; count <= 65; count++) {
		batch_start(count);
		for (unsigned i = 0; i < count; i++)
			blob_hex(&blob, "93 a1 6d a1 68 01");
		assert_int_equal(decode(), count == 64 ? 64 : -EBADMSG);
	}
	assert_string_equal(why, "batch has 65 jobs, it must have 1 to 64");
}

static void a_blob_over_64_kb_is_refused(void **state)
{
	static char long_text[ENTRY_BYTES_MAX];
	(void)state;
	for (unsigned over = 0; over <= 1; over++) { /* fills up to the limit, then one byte more */
		blob.len = 0;
		blob_hex(&blob, "92 81 a1 78");
		blob_text_len(&blob, long_text, ENTRY_BYTES_MAX - 14 + over);
		blob_hex(&blob, "91 93 a1 6d a1 68 01");
		assert_int_equal(blob.len, ENTRY_BYTES_MAX + over);
		assert_int_equal(decode(), over ? -EBADMSG : 1);
	}
	assert_string_equal(why, "byte 65536: 65537 bytes are more than the limit of 65536");
}

static void texts_at_the_very_end_of_the_largest_blob_are_found(void **state)
{
	static char long_text[ENTRY_BYTES_MAX];
	(void)state;
	blob.len = 0;
	blob_hex(&blob, "92 81 a1 78");
	blob_text_len(&blob, long_text, ENTRY_BYTES_MAX - 15);
	blob_hex(&blob, "91 93 a1 6d a2 6869 01");
	assert_int_equal(decode(), 1);
	assert_int_equal(jobs[0].host_at, ENTRY_BYTES_MAX - 3);
	text_is(jobs[0].host_at, jobs[0].host_len, "hi");
}

static void a_batch_that_is_cut_anywhere_is_refused(void **state)
{
	(void)state;
	decode_hex(golden_plain);
	assert_every_cut_is_refused(parse, blob.bytes, blob.len);
	decode_hex(golden_defaults);
	assert_every_cut_is_refused(parse, blob.bytes, blob.len);
}

static void a_batch_with_any_byte_changed_is_read_or_refused(void **state)
{
	(void)state;
	decode_hex(golden_plain);
	assert_true(blob_mutate(parse, blob.bytes, blob.len) > 1000);
	decode_hex(golden_defaults);
	assert_true(blob_mutate(parse, blob.bytes, blob.len) > 1000);
}

static void a_literal_is_what_inet_pton_takes_and_no_more(void **state)
{
	static const struct {
		const char *host;
		uint8_t family;
	} rows[] = {
		{ "192.0.2.1", FAMILY_V4 },	  { "0.0.0.0", FAMILY_V4 },	    { "255.255.255.255", FAMILY_V4 },
		{ "::", FAMILY_V6 },		  { "2001:DB8::1", FAMILY_V6 },	    { "fe80::1", FAMILY_V6 },
		{ "2001:db8:1111:2222:3333:4444:198.51.100.100", FAMILY_V6 },	    { "::ffff:192.0.2.1", FAMILY_V4 },
		{ "", FAMILY_NONE },		  { "localhost", FAMILY_NONE },	    { "1.2.3", FAMILY_NONE },
		{ "1.2.3.256", FAMILY_NONE },	  { "01.2.3.4", FAMILY_NONE },	    { "0x7f.1", FAMILY_NONE },
		{ "2130706433", FAMILY_NONE },	  { "[::1]", FAMILY_NONE },	    { "fe80::1%eth0", FAMILY_NONE },
		{ "1.2.3.4:80", FAMILY_NONE },	  { ":::", FAMILY_NONE },	    { "1.2.3.4 ", FAMILY_NONE },
		{ "1111:2222:3333:4444:5555:6666:777.777.777.7777", FAMILY_NONE },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = { 0 };
		bool literal = job_set_literal(&job, rows[i].host, strlen(rows[i].host));
		if (literal != (rows[i].family != FAMILY_NONE) || job.family != rows[i].family)
			fail_msg("%s is of family %d", rows[i].host, job.family);
	}
	struct job job = { 0 };
	assert_false(job_set_literal(&job, "1.2.3.4\0x", 9));
	assert_true(job_set_literal(&job, "192.0.2.17garbage", 9)); /* the length counts */
	assert_memory_equal(job.address, "\xc0\x00\x02\x01", 4);
	assert_true(job_set_literal(&job, "::ffff:192.0.2.1", 16));
	assert_memory_equal(job.address, "\xc0\x00\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_golden_batch_reads_as_its_two_jobs),
		cmocka_unit_test(defaults_of_the_batch_hold_for_its_jobs),
		cmocka_unit_test(the_encoder_writes_the_golden_bytes),
		cmocka_unit_test(what_was_encoded_decodes_to_the_same),
		cmocka_unit_test(each_option_has_the_bounds_that_are_promised),
		cmocka_unit_test(options_arrive_in_their_fields),
		cmocka_unit_test(close_takes_its_three_words_only),
		cmocka_unit_test(unknown_keys_are_passed_over),
		cmocka_unit_test(a_job_without_tls_wants_no_certificate_and_an_empty_map_is_enough),
		cmocka_unit_test(each_wish_of_tls_has_its_bounds),
		cmocka_unit_test(wishes_of_tls_are_read_as_they_were_written),
		cmocka_unit_test(a_number_is_not_a_float_a_bool_or_nil),
		cmocka_unit_test(monitor_host_and_port_have_their_bounds),
		cmocka_unit_test(a_monitor_is_utf8_that_a_terminal_may_show),
		cmocka_unit_test(a_host_is_printable_ascii),
		cmocka_unit_test(a_job_of_type_dns_asks_for_a_name_and_expects_what_its_record_can_have),
		cmocka_unit_test(what_looks_like_an_address_and_is_none_is_a_bad_job),
		cmocka_unit_test(a_bad_job_spoils_only_itself),
		cmocka_unit_test(the_first_fault_of_a_job_is_the_one_that_is_told),
		cmocka_unit_test(what_is_no_batch_is_refused_whole),
		cmocka_unit_test(sixty_four_jobs_pass_and_sixty_five_do_not),
		cmocka_unit_test(a_blob_over_64_kb_is_refused),
		cmocka_unit_test(texts_at_the_very_end_of_the_largest_blob_are_found),
		cmocka_unit_test(a_batch_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(a_batch_with_any_byte_changed_is_read_or_refused),
		cmocka_unit_test(a_literal_is_what_inet_pton_takes_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
