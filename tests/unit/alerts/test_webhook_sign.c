/* test_webhook_sign.c - signatures against vectors made by Python's hmac and base64. */
#include "notice.h"

#include "alerts/webhook_sign.h"

#define KEY "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
/* base64 of the bytes 0, 1, 2, ...: so many of them */
#define BYTES_23 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY="
#define BYTES_25 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA=="
#define BYTES_64 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
#define BYTES_65 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A="

static struct webhook_keys keys;
static char why[200];

static void assert_signed(const char *secrets, const char *id, uint64_t timestamp_s, const char *body,
			  const char *expected)
{
	struct text got = { 0 };
	assert_true(webhook_keys_parse(&keys, secrets, why, sizeof(why)));
	webhook_sign(&keys, id, timestamp_s, body, strlen(body), &got);
	assert_false(got.failed);
	assert_string_equal(got.data, expected);
	text_free(&got);
}

static void the_signature_is_that_of_the_specification(void **state)
{
	(void)state;
	assert_signed(KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
		      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	assert_signed(BYTES_64, "evt_1", 1700000000, "{}", "v1,EHqybUpkRJtMeISQbotWEGd/fvMWKodrapCWNhIR790=");
}

static void while_a_secret_is_changed_both_sign(void **state)
{
	(void)state;
	assert_signed(BYTES_64 "  " BYTES_64 "\n", "evt_1", 1700000000, "{}",
		      "v1,EHqybUpkRJtMeISQbotWEGd/fvMWKodrapCWNhIR790= v1,EHqybUpkRJtMeISQbotWEGd/fvMWKodrapCWNhIR790=");
}

static void assert_refused(const char *secrets, const char *sentence)
{
	assert_false(webhook_keys_parse(&keys, secrets, why, sizeof(why)));
	assert_string_equal(why, sentence);
}

static void a_secret_has_24_to_64_bytes(void **state)
{
	(void)state;
	assert_true(webhook_keys_parse(&keys, KEY " " BYTES_25 " " BYTES_64, why, sizeof(why)));
	assert_int_equal(keys.key[0].len, 24);
	assert_int_equal(keys.key[1].len, 25);
	assert_int_equal(keys.key[2].len, 64);
	assert_refused(BYTES_23, "secret 1 is not the base64 of 24 to 64 bytes (openssl rand -base64 32)");
	assert_refused(BYTES_65, "secret 1 is not the base64 of 24 to 64 bytes (openssl rand -base64 32)");
}

static void what_is_no_secret_is_refused_without_being_repeated(void **state)
{
	(void)state;
	assert_refused("", "the secret is empty");
	assert_refused(KEY " hidden", "secret 2 does not begin with whsec_");
	assert_refused("whsec_", "secret 1 does not begin with whsec_");
	assert_refused("whsec_hidden!hidden!hidden!hidden!hidde",
		       "secret 1 is not the base64 of 24 to 64 bytes (openssl rand -base64 32)");
	assert_refused("whsec_====================================",
		       "secret 1 is not the base64 of 24 to 64 bytes (openssl rand -base64 32)");
	assert_refused(KEY " " KEY " " KEY " " KEY " " KEY, "more than 4 secrets");
}

static void base64_of_any_length_is_right_and_wrapped_when_asked(void **state)
{
	struct text t = { 0 };
	char bytes[120];
	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	base64_add(&t, bytes, 58, true);
	assert_string_equal(t.data,
			    "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\r\nYQ==\r\n");
	text_reset(&t);
	base64_add(&t, bytes, 115, false);
	assert_int_equal(t.len, 156);
	assert_null(strchr(t.data, '\n'));
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_signature_is_that_of_the_specification),
		cmocka_unit_test(while_a_secret_is_changed_both_sign),
		cmocka_unit_test(a_secret_has_24_to_64_bytes),
		cmocka_unit_test(what_is_no_secret_is_refused_without_being_repeated),
		cmocka_unit_test(base64_of_any_length_is_right_and_wrapped_when_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
