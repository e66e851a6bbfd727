/* test_job_bytes.c - pieces put together are the bytes that job_batch_encode() makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/job_bytes.h"

static void same_as_encoded(const struct job_options *o, const struct job_text *jobs, unsigned count)
{
	static uint8_t mine[JOB_HEAD_MAX + ENTRY_JOBS_MAX * JOB_BYTES_MAX];
	size_t len = job_batch_head(o, count, mine), theirs_len;
	assert_true(len <= JOB_HEAD_MAX);
	for (unsigned i = 0; i < count; i++) {
		size_t one = job_bytes(&jobs[i], mine + len), name_len;
		const char *name = job_bytes_name(mine + len, &name_len);
		assert_int_equal(name_len, strlen(jobs[i].monitor));
		assert_memory_equal(name, jobs[i].monitor, name_len);
		assert_true(one <= JOB_BYTES_MAX);
		len += one;
	}
	void *theirs = job_batch_encode(o, jobs, count, &theirs_len);
	assert_int_equal(len, theirs_len);
	assert_memory_equal(mine, theirs, len);
	free(theirs);
}

static void any_batch_is_the_same_bytes(void **state)
{
	static char name[65], host[254], text[1001];
	static const struct tls_wish wish[] = {
		{ .timeout_ms = TLS_TIMEOUT_DEFAULT_MS, .warn_s = TLS_WARN_DEFAULT_S, .down_s = TLS_DOWN_DEFAULT_S },
		{ .starttls = STARTTLS_SMTP, .server_name = "a.example", .ca = "/etc/ssl/certs/a-path-that-needs-more-than-31-bytes.pem",
		  .timeout_ms = 60000, .warn_s = TLS_LEFT_MAX_S, .down_s = 0 },
		{ .server_name = "b.example", .timeout_ms = 1, .warn_s = 60, .down_s = 100000 },
	};
	struct job_text jobs[ENTRY_JOBS_MAX];
	(void)state;
	memset(name, 'm', 64);
	memset(host, 'h', 253);
	memset(text, 't', 1000);
	for (unsigned i = 0; i < ENTRY_JOBS_MAX; i++)
		jobs[i] = (struct job_text){ .monitor = name + (i * 7) % 64, .host = host + (i * 31) % 253, .port = 1 + i * 1023,
					     .expect_address = i % 3 ? NULL : i % 2 ? "192.0.2.0/24" : "2001:db8::/32,192.0.2.1",
					     .expect_answer = i % 5 ? NULL : text + (i * 15) % 1000,
					     .resolver = i % 7 ? "" : "192.0.2.53:5353", .tls = i % 5 ? NULL : &wish[i % 3] };
	for (unsigned count = 1; count <= ENTRY_JOBS_MAX; count++)
		same_as_encoded(&job_options_default, jobs, count);
}

static void any_options_are_the_same_bytes(void **state)
{
	static const unsigned some[] = { 0, 1, 127, 128, 255, 256, 3200, 60000, 65535 };
	struct job_text job = { .monitor = "pg-primary", .host = "198.51.100.7", .port = 5432 };
	(void)state;
	for (unsigned i = 0; i < 9 * 9 * 9; i++) {
		struct job_options o = { .timeout_ms = some[i % 9] | 1, .expires_ms = some[i / 9 % 9] * 1000 + 1, .attempt = some[i / 81],
					 .close = (enum close_mode)(i % 3), .settle_ms = i % 4 ? some[i % 7] : i % 8 ? JOB_SETTLE_AUTO : JOB_SETTLE_UNSET,
					 .ip = (enum job_ip)(i % 5 % 4), .addresses = (enum job_addresses)(i % 2),
					 .type = (enum job_type)(i / 2 % 2), .record = (enum job_record)(i % 6) };
		same_as_encoded(&o, &job, 1);
	}
}

static void a_plain_job_is_these_bytes(void **state)
{
	static const uint8_t golden[] = { 0x92, 0x80, 0x91, 0x93, 0xa1, 'a', 0xa9, '1', '9', '2', '.', '0', '.', '2', '.', '1', 0x16 };
	uint8_t bytes[JOB_HEAD_MAX + JOB_BYTES_MAX];
	size_t len = job_batch_head(&job_options_default, 1, bytes);
	(void)state;
	len += job_bytes(&(struct job_text){ .monitor = "a", .host = "192.0.2.1", .port = 22 }, bytes + len);
	assert_int_equal(len, sizeof(golden));
	assert_memory_equal(bytes, golden, sizeof(golden));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_batch_is_the_same_bytes),
		cmocka_unit_test(any_options_are_the_same_bytes),
		cmocka_unit_test(a_plain_job_is_these_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
