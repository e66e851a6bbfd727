/* test_monitor.c - monitors there and back, and every sentence with which one is refused. */
#include "tests/unit/base/seed.h"
#include "wire/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char why[600];
static struct monitor m;

static bool decode(const char *json)
{
	why[0] = 0;
	return monitor_decode(&m, "db", json, strlen(json), why, sizeof why);
}

static void refused(const char *json, const char *sentence)
{
	char whole[700];
	if (decode(json)) {
		monitor_free(&m);
		fail_msg("%s was taken", json);
	}
	snprintf(whole, sizeof whole, "monitor db: %s", sentence);
	assert_string_equal(why, whole);
	assert_int_equal(m.labels + m.parents + m.regions, 0);
	assert_null(m.runbook);
}

static void there_and_back(const char *json)
{
	if (!decode(json))
		fail_msg("%s: %s", json, why);
	char *again = monitor_encode(&m);
	assert_string_equal(again, json);
	free(again);
	monitor_free(&m);
}

static void a_target_is_all_that_is_needed(void **state)
{
	(void)state;
	assert_true(decode("{\"target\":\"198.51.100.7:5432\"}"));
	assert_string_equal(m.name, "db");
	assert_string_equal(m.host, "198.51.100.7");
	assert_int_equal(m.port, 5432);
	assert_int_equal(m.interval_ms, 60000);
	assert_int_equal(m.timeout_ms, 3200);
	assert_int_equal(m.slow_ms, 0);
	assert_int_equal(m.settle_ms, JOB_SETTLE_UNSET);
	assert_int_equal(m.close, CLOSE_RST);
	assert_int_equal(m.canary, CANARY_NONE);
	assert_false(m.paused);
	monitor_free(&m);
}

static void a_certificate_is_watched_where_there_is_tls(void **state)
{
	(void)state;
	assert_true(decode("{\"target\":\"a:1\"}"));
	assert_false(m.tls);
	monitor_free(&m);
	assert_true(decode("{\"target\":\"a:1\",\"tls\":null}"));
	assert_false(m.tls);
	monitor_free(&m);
	assert_true(decode("{\"target\":\"a:1\",\"tls\":{\"alpn\":\"h2\"}}"));
	assert_true(m.tls);
	assert_int_equal(m.wish.warn_s, 21 * 86400);
	assert_int_equal(m.wish.timeout_ms, 10000);
	assert_null(m.wish.server_name);
	monitor_free(&m);
	there_and_back("{\"target\":\"a:1\",\"interval_ms\":60000,\"timeout_ms\":1,\"tls\":{}}");
	there_and_back("{\"target\":\"a:1\",\"interval_ms\":60000,\"timeout_ms\":1,\"tls\":{\"server_name\":\"b.example\",\"starttls\":\"imap\","
		       "\"warn_ms\":86400000,\"down_ms\":0,\"timeout_ms\":60000,\"ca\":\"/ca.pem\"}}");
	refused("{\"target\":\"a:1\",\"tls\":true}", "tls is not an object");
	refused("{\"target\":\"a:1\",\"expect\":\"closed\",\"tls\":{}}",
		"tls is wished of a port that must not answer (expect is \"closed\")");
	refused("{\"target\":\"a:1\",\"tls\":{\"starttls\":\"ftp\"}}",
		"tls.starttls is not \"smtp\", \"imap\", \"pop3\", \"postgres\" or \"ldap\"");
	refused("{\"target\":\"a:1\",\"tls\":{\"server_name\":\"a b\"}}", "tls.server_name is not a host name or an address");
	refused("{\"target\":\"a:1\",\"tls\":{\"ca\":\"ca.pem\"}}", "tls.ca is not an absolute path");
}

static void what_is_written_reads_as_the_same(void **state)
{
	(void)state;
	there_and_back("{\"target\":\"198.51.100.7:5432\",\"interval_ms\":60000,\"timeout_ms\":3200}");
	there_and_back("{\"target\":\"[2001:db8::1]:53\",\"interval_ms\":1000,\"timeout_ms\":1000}");
	there_and_back("{\"target\":\"db.example.net:1\",\"interval_ms\":86400000,\"timeout_ms\":60000,\"slow_ms\":500,\"close\":\"half\","
		       "\"settle_ms\":\"auto\",\"regions\":[\"eu\",\"us\"],\"labels\":{\"team\":\"core\",\"x\":\"\"},\"runbook\":\"https://w\","
		       "\"parents\":[\"core switch\"],\"canary\":\"down\",\"paused\":true}");
	there_and_back("{\"target\":\"a:1\",\"interval_ms\":60000,\"timeout_ms\":3200,\"expect\":\"closed\"}");
	there_and_back("{\"target\":\"a:65535\",\"interval_ms\":60000,\"timeout_ms\":1,\"close\":\"fin\",\"settle_ms\":0,\"canary\":\"up\"}");
	there_and_back("{\"target\":\"db.example.net:1\",\"interval_ms\":60000,\"timeout_ms\":3200,\"ip\":\"both\",\"addresses\":\"all\","
		       "\"expect_address\":[\"192.0.2.0/24\",\"2001:db8::1\"]}");
	there_and_back("{\"target\":\"example.net\",\"type\":\"dns\",\"record\":\"MX\",\"expect_answer\":[\"10 mail.example.net\",\"mx2\"],"
		       "\"resolver\":\"192.0.2.53:5353\",\"interval_ms\":60000,\"timeout_ms\":3200}");
	there_and_back("{\"target\":\"example.net\",\"type\":\"dns\",\"record\":\"A\",\"interval_ms\":60000,\"timeout_ms\":3200,"
		       "\"expect_address\":[\"192.0.2.0/24\"]}");
}

static void unknown_members_and_null_are_ignored(void **state)
{
	(void)state;
	assert_true(decode("{\"target\":\"a:1\",\"owner\":{\"a\":[1]},\"interval_ms\":null,\"timeout_ms\":null,\"slow_ms\":null,\"close\":null,"
			   "\"settle_ms\":null,\"regions\":null,\"labels\":null,\"runbook\":null,\"parents\":null,\"canary\":null,\"expect\":null,\"paused\":null}"));
	assert_int_equal(m.interval_ms, 60000);
	monitor_free(&m);
}

static void every_wrong_member_is_named(void **state)
{
	(void)state;
	refused("{\"target\":\"a:1\",\"expect_address\":\"192.0.2.1\"}", "expect_address is not a list of ADDRESS or ADDRESS/BITS");
	refused("{\"target\":\"a:1\",\"expect_address\":[7]}", "expect_address, item 1 is not a text");
	refused("{\"target\":\"a:1\",\"expect_address\":[\"192.0.2.1/33\"]}",
		"expect_address: \"192.0.2.1/33\": behind the slash belongs a number of 0 to 32");
	refused("{\"target\":\"a:1\",\"type\":\"udp\"}", "type is not \"tcp\" or \"dns\"");
	refused("{\"target\":\"a\",\"type\":\"dns\",\"record\":\"SOA\"}",
		"record is not \"A\", \"AAAA\", \"CNAME\", \"MX\", \"NS\" or \"TXT\"");
	refused("{\"target\":\"a:1\",\"type\":\"dns\"}", "\"a:1\" is not a name without a port, which type dns asks for");
	refused("{\"target\":\"192.0.2.1\",\"type\":\"dns\"}", "\"192.0.2.1\" is not a name without a port, which type dns asks for");
	refused("{\"target\":\"a\",\"type\":\"dns\",\"expect_answer\":[\"x\"]}", "expect_answer: of record A \"x\" is not an IPv4 address");
	refused("{\"target\":\"a\",\"type\":\"dns\",\"expect_answer\":\"192.0.2.1\"}", "expect_answer is not a list of texts");
	refused("{\"target\":\"a\",\"type\":\"dns\",\"resolver\":\"ns\"}",
		"resolver: \"ns\" is not ADDRESS or ADDRESS:PORT ([ADDRESS]:PORT for IPv6)");
	refused("{\"target\":\"a\",\"type\":\"dns\",\"record\":\"MX\",\"expect_address\":[\"192.0.2.1\"]}",
		"expect_address is for record A or AAAA; what a MX must say is expect_answer");
	refused("{\"target\":\"a\",\"type\":\"dns\",\"expect\":\"closed\"}", "expect is about a port, and type dns looks at none");
	refused("{}", "target is missing");
	refused("{\"target\":5}", "target is not a text of at most 261 bytes");
	refused("{\"target\":\"198.51.100.7\"}", "\"198.51.100.7\" has no port; write HOST:PORT");
	refused("{\"target\":\"a:1\",\"interval_ms\":999}", "interval_ms is not a whole number from 1000 to 86400000");
	refused("{\"target\":\"a:1\",\"interval_ms\":60000.0}", "interval_ms is not a whole number from 1000 to 86400000");
	refused("{\"target\":\"a:1\",\"timeout_ms\":0}", "timeout_ms is not a whole number from 1 to 60000");
	refused("{\"target\":\"a:1\",\"timeout_ms\":\"3200\"}", "timeout_ms is not a whole number from 1 to 60000");
	refused("{\"target\":\"a:1\",\"interval_ms\":1000}", "timeout_ms (3200) is longer than interval_ms (1000)");
	refused("{\"target\":\"a:1\",\"slow_ms\":-1}", "slow_ms is not a whole number from 0 to 60000");
	refused("{\"target\":\"a:1\",\"close\":\"RST\"}", "close is not \"rst\", \"fin\" or \"half\"");
	refused("{\"target\":\"a:1\",\"close\":1}", "close is not a text of at most 16 bytes");
	refused("{\"target\":\"a:1\",\"canary\":\"left\"}", "canary is not \"up\" or \"down\"");
	refused("{\"target\":\"a:1\",\"expect\":\"reset\"}", "expect is not \"open\" or \"closed\"");
	refused("{\"target\":\"a:1\",\"settle_ms\":\"soon\"}", "settle_ms is neither \"auto\" nor a whole number from 0 to 5000");
	refused("{\"target\":\"a:1\",\"settle_ms\":5001}", "settle_ms is neither \"auto\" nor a whole number from 0 to 5000");
	refused("{\"target\":\"a:1\",\"paused\":1}", "paused is neither true nor false");
	refused("{\"target\":\"a:1\",\"regions\":\"eu\"}", "regions is not a list of at most 16 names");
	refused("{\"target\":\"a:1\",\"regions\":[\"eu\",\"e:u\"]}", "regions, item 2 is not a name");
	refused("{\"target\":\"a:1\",\"parents\":[\"a\",\"\"]}", "parents, item 2 is not a name");
	refused("{\"target\":\"a:1\",\"parents\":{}}", "parents is not a list of at most 16 names");
	refused("{\"target\":\"a:1\",\"labels\":[]}", "labels are not an object of at most 32 members");
	refused("{\"target\":\"a:1\",\"labels\":{\"a\":\"b\",\"c\":1}}",
		"labels: a member is not a name of 1 to 64 bytes with a text of at most 512");
	refused("{\"target\":\"a:1\",\"labels\":{\"\":\"b\"}}", "labels: a member is not a name of 1 to 64 bytes with a text of at most 512");
	refused("{\"target\":\"a:1\",\"labels\":{\"a\":\"\\u001b[2J\"}}",
		"labels: a member is not a name of 1 to 64 bytes with a text of at most 512");
	refused("{\"target\":\"a:1\",\"runbook\":\"a\\nb\"}", "runbook holds control characters");
	refused("[]", "byte 0: not a JSON object");
}

static void what_is_shown_of_a_target_is_enough_to_know_it_again(void **state)
{
	static const char *const targets[] = { "{\"target\":\"198.51.100.7:5432\"}", "{\"target\":\"[2001:db8::1]:5\"}",
					       "{\"target\":\"example.net\",\"type\":\"dns\",\"record\":\"TXT\"}" };
	static const char *const shown[] = { "198.51.100.7:5432", "[2001:db8::1]:5", "example.net TXT" };
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char text[HOST_MAX_LEN + 9];
		struct monitor again;
		assert_true(decode(targets[i]));
		monitor_target_write(&m, text, sizeof(text));
		assert_string_equal(text, shown[i]);
		monitor_init(&again);
		assert_true(monitor_target_recall(text, &again, why, sizeof(why)));
		assert_int_equal(again.type, m.type);
		assert_int_equal(again.record, m.record);
		assert_int_equal(again.port, m.port);
		assert_string_equal(again.host, m.host);
		monitor_free(&m);
	}
}

static void lists_end_at_their_limits(void **state)
{
	char json[4000] = "{\"target\":\"a:1\",\"parents\":[";
	(void)state;
	for (int i = 0; i < MONITOR_PARENTS_MAX; i++)
		snprintf(json + strlen(json), sizeof json - strlen(json), "%s\"p%d\"", i ? "," : "", i);
	const size_t len = strlen(json);
	strcat(json, "]}");
	assert_true(decode(json));
	assert_int_equal(m.parents, MONITOR_PARENTS_MAX);
	monitor_free(&m);
	strcpy(json + len, ",\"one more\"]}");
	refused(json, "parents is not a list of at most 16 names");
	strcpy(json, "{\"target\":\"a:1\",\"labels\":{");
	for (int i = 0; i <= MONITOR_LABELS_MAX; i++)
		snprintf(json + strlen(json), sizeof json - strlen(json), "%s\"l%d\":\"x\"", i ? "," : "", i);
	strcat(json, "}}");
	refused(json, "labels are not an object of at most 32 members");
}

static void more_than_16_kb_are_not_looked_at(void **state)
{
	static char json[MONITOR_JSON_MAX + 2];
	(void)state;
	memset(json, ' ', sizeof json - 1);
	memcpy(json, "{\"target\":\"a:1\"}", 16);
	refused(json, "16385 bytes are more than 16384");
	json[MONITOR_JSON_MAX] = 0;
	assert_true(decode(json));
	monitor_free(&m);
}

static void a_name_is_1_to_64_printable_bytes(void **state)
{
	static const char json[] = "{\"target\":\"a:1\"}";
	char name[NAME_MAX_LEN + 2];
	(void)state;
	memset(name, 'x', sizeof name);
	name[NAME_MAX_LEN + 1] = 0;
	assert_false(monitor_decode(&m, name, json, sizeof json - 1, why, sizeof why));
	assert_string_equal(why, "a monitor's name is 1 to 64 bytes of UTF-8 without control characters");
	name[NAME_MAX_LEN] = 0;
	assert_true(monitor_decode(&m, name, json, sizeof json - 1, why, sizeof why));
	monitor_free(&m);
	assert_true(monitor_name_is_fine("gr\xc3\xbc\xc3\x9f", 6));
	assert_false(monitor_name_is_fine("gr\xfc", 3));
	assert_false(monitor_name_is_fine("a\0b", 3));
	assert_false(monitor_name_is_fine("a\x7f", 2));
	assert_false(monitor_name_is_fine("", 0));
}

static void any_bytes_are_read_or_refused_with_a_sentence(void **state)
{
	static const char model[] = "{\"target\":\"[2001:db8::1]:53\",\"interval_ms\":1000,\"timeout_ms\":900,\"close\":\"fin\",\"settle_ms\":\"auto\","
				    "\"regions\":[\"eu\"],\"labels\":{\"a\":\"b\"},\"parents\":[\"p\"],\"canary\":\"up\",\"paused\":true}";
	(void)state;
	seed_chance();
	for (int round = 0; round < 20000; round++) {
		char bytes[sizeof model];
		memcpy(bytes, model, sizeof model);
		const size_t len = 1 + (size_t)rand() % (sizeof model - 1);
		for (int i = rand() % 6; i > 0; i--)
			bytes[(size_t)rand() % len] = (char)(rand() & 1 ? rand() : model[(size_t)rand() % (sizeof model - 1)]);
		if (monitor_decode(&m, "db", bytes, rand() & 3 ? sizeof model - 1 : len, why, sizeof why))
			monitor_free(&m);
		else
			assert_memory_equal(why, "monitor db: ", 12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_all_that_is_needed),
		cmocka_unit_test(a_certificate_is_watched_where_there_is_tls),
		cmocka_unit_test(what_is_written_reads_as_the_same),
		cmocka_unit_test(unknown_members_and_null_are_ignored),
		cmocka_unit_test(every_wrong_member_is_named),
		cmocka_unit_test(what_is_shown_of_a_target_is_enough_to_know_it_again),
		cmocka_unit_test(lists_end_at_their_limits),
		cmocka_unit_test(more_than_16_kb_are_not_looked_at),
		cmocka_unit_test(a_name_is_1_to_64_printable_bytes),
		cmocka_unit_test(any_bytes_are_read_or_refused_with_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
