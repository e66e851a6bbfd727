/* test_settings.c - settings there and back, their refusals, maintenance, shards and keys. */
#include "wire/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char why[600];
static struct settings s;

static bool decode(const char *json)
{
	why[0] = 0;
	return settings_decode(&s, json, strlen(json), why, sizeof why);
}

static void refused(const char *json, const char *sentence)
{
	char whole[700];
	if (decode(json)) {
		settings_free(&s);
		fail_msg("%s was taken", json);
	}
	snprintf(whole, sizeof whole, "settings: %s", sentence);
	assert_string_equal(why, whole);
	assert_null(s.maintenance);
}

static void there_and_back(const char *json)
{
	if (!decode(json))
		fail_msg("%s: %s", json, why);
	char *again = settings_encode(&s);
	assert_string_equal(again, json);
	free(again);
	settings_free(&s);
}

static void what_is_written_reads_as_the_same(void **state)
{
	(void)state;
	there_and_back("{\"regions\":[],\"shards\":1,\"maintenance\":[]}");
	there_and_back("{\"regions\":[\"eu\",\"us\",\"ap\"],\"shards\":64,\"maintenance\":[{\"labels\":{\"team\":\"core\"},\"from_ms\":1764626400000,"
		       "\"until_ms\":1764633600000,\"why\":\"minor upgrade\"},{\"monitors\":[\"a\",\"b\"],\"from_ms\":1,\"until_ms\":2},"
		       "{\"from_ms\":1,\"until_ms\":2}]}");
}

static void what_is_missing_or_null_has_its_default(void **state)
{
	(void)state;
	assert_true(decode("{\"regions\":[\"eu\"]}"));
	assert_int_equal(s.shards, 1);
	assert_int_equal(s.maintenances, 0);
	settings_free(&s);
	assert_true(decode("{\"regions\":[\"eu\"],\"shards\":null,\"maintenance\":null,\"new\":[1]}"));
	settings_free(&s);
	assert_true(decode("{\"regions\":[],\"maintenance\":[{\"from_ms\":1,\"until_ms\":2,\"labels\":null,\"monitors\":null,\"why\":null}]}"));
	settings_free(&s);
}

static void every_wrong_member_is_named(void **state)
{
	(void)state;
	refused("[]", "byte 0: not a JSON object");
	refused("{}", "regions is not a list of at most 16 names");
	refused("{\"regions\":\"eu\"}", "regions is not a list of at most 16 names");
	refused("{\"regions\":[\"eu\",\"e u\"]}", "regions, item 2: 1 to 64 of letters, digits, dot, dash and underscore");
	refused("{\"regions\":[5]}", "regions, item 1: 1 to 64 of letters, digits, dot, dash and underscore");
	refused("{\"regions\":[\"eu\",\"eu\"]}", "regions: eu stands there twice");
	refused("{\"regions\":[],\"shards\":0}", "shards is not a whole number from 1 to 64");
	refused("{\"regions\":[],\"shards\":65}", "shards is not a whole number from 1 to 64");
	refused("{\"regions\":[],\"maintenance\":{}}", "maintenance is not a list of at most 256 windows");
	refused("{\"regions\":[],\"maintenance\":[5]}", "maintenance, window 1: not an object");
	refused("{\"regions\":[],\"maintenance\":[{\"from_ms\":1,\"until_ms\":2},{\"from_ms\":5,\"until_ms\":5}]}",
		"maintenance, window 2: from_ms and until_ms are needed, and until_ms must be the later one");
	refused("{\"regions\":[],\"maintenance\":[{\"until_ms\":5}]}",
		"maintenance, window 1: from_ms and until_ms are needed, and until_ms must be the later one");
	refused("{\"regions\":[],\"maintenance\":[{\"from_ms\":1,\"until_ms\":2,\"monitors\":\"a\"}]}",
		"maintenance, window 1: monitors is not a list of names");
	refused("{\"regions\":[],\"maintenance\":[{\"from_ms\":1,\"until_ms\":2,\"monitors\":[\"a\",1]}]}",
		"maintenance, window 1: monitors, item 2 is not a name");
	refused("{\"regions\":[],\"maintenance\":[{\"from_ms\":1,\"until_ms\":2,\"labels\":{\"a\":1}}]}",
		"maintenance, window 1: labels: a member is not a name of 1 to 64 bytes with a text of at most 512");
	refused("{\"regions\":[],\"maintenance\":[{\"from_ms\":1,\"until_ms\":2,\"why\":\"a\\u0007\"}]}",
		"maintenance, window 1: why holds control characters");
}

static const char *window_of(const char *name, const char *labels, uint64_t now_ms)
{
	struct monitor m;
	char json[300];
	snprintf(json, sizeof json, "{\"target\":\"a:1\",\"labels\":%s}", labels);
	assert_true(monitor_decode(&m, name, json, strlen(json), why, sizeof why));
	const struct maintenance *w = settings_maintenance(&s, &m, now_ms);
	monitor_free(&m);
	return w ? w->why : "none";
}

static void a_window_that_names_a_monitor_covers_its_certificate_and_nobody_else_of_a_like_name(void **state)
{
	static const struct {
		const char *name;
		bool tls, covered;
	} rows[] = { { "pg", false, true }, { "pg certificate", true, true }, { "pg certificate", false, false },
		     { "pg2 certificate", true, false }, { "pg2", true, false } };
	(void)state;
	assert_true(decode("{\"regions\":[],\"maintenance\":[{\"from_ms\":1,\"until_ms\":9,\"monitors\":[\"pg\"]}]}"));
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct monitor m = { .tls = rows[i].tls };
		snprintf(m.name, sizeof m.name, "%s", rows[i].name);
		assert_int_equal(settings_maintenance(&s, &m, 5) != NULL, rows[i].covered);
	}
	settings_free(&s);
}

static void a_window_covers_who_is_named_or_has_all_labels(void **state)
{
	(void)state;
	assert_true(decode("{\"regions\":[],\"maintenance\":["
			   "{\"labels\":{\"team\":\"core\",\"env\":\"prod\"},\"from_ms\":100,\"until_ms\":200,\"why\":\"labels\"},"
			   "{\"monitors\":[\"db\"],\"from_ms\":100,\"until_ms\":200,\"why\":\"named\"},"
			   "{\"from_ms\":300,\"until_ms\":400,\"why\":\"all\"}]}"));
	assert_string_equal(window_of("x", "{\"env\":\"prod\",\"team\":\"core\",\"more\":\"1\"}", 100), "labels");
	assert_string_equal(window_of("x", "{\"team\":\"core\"}", 100), "none");
	assert_string_equal(window_of("x", "{\"team\":\"core\",\"env\":\"test\"}", 100), "none");
	assert_string_equal(window_of("db", "{}", 199), "named");
	assert_string_equal(window_of("db", "{}", 99), "none");
	assert_string_equal(window_of("db", "{}", 200), "none");
	assert_string_equal(window_of("x", "{}", 399), "all");
	settings_free(&s);
}

static void the_hash_is_fnv_1a_and_shards_are_even(void **state)
{
	unsigned count[64] = { 0 };
	(void)state;
	assert_true(monitor_hash("", 0) == 0xcbf29ce484222325ull); /* the vectors of the FNV draft */
	assert_true(monitor_hash("a", 1) == 0xaf63dc4c8601ec8cull);
	assert_true(monitor_hash("foobar", 6) == 0x85944171f73967e8ull);
	for (unsigned i = 0; i < 64000; i++) {
		char name[16];
		const int len = snprintf(name, sizeof name, "db-%u", i);
		const unsigned shard = monitor_shard(name, (size_t)len, 64);
		assert_in_range(shard, 0, 63);
		assert_int_equal(monitor_shard(name, (size_t)len, 1), 0);
		count[shard]++;
	}
	for (unsigned i = 0; i < 64; i++)
		assert_in_range(count[i], 800, 1200);
}

static void keys_are_as_the_document_says(void **state)
{
	char key[STREAM_KEY_MAX];
	(void)state;
	monitors_key(key, "pw");
	assert_string_equal(key, "pw:monitors");
	monitors_log_key(key, "pw");
	assert_string_equal(key, "pw:monitors:log");
	settings_key(key, "pw");
	assert_string_equal(key, "pw:settings");
	lease_key(key, "pw", "scheduler");
	assert_string_equal(key, "pw:lease:scheduler");
	missed_key(key, "pw", "eu", 3);
	assert_string_equal(key, "pw:{eu.3}:missed");
	alerts_key(key, "pw", 3, ALERTS_OUTBOX);
	assert_string_equal(key, "pw:{alerts.3}:outbox");
	component_key(key, "pw", "scheduler", "host-1");
	assert_string_equal(key, "pw:hb:scheduler:host-1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_as_the_same),
		cmocka_unit_test(what_is_missing_or_null_has_its_default),
		cmocka_unit_test(every_wrong_member_is_named),
		cmocka_unit_test(a_window_that_names_a_monitor_covers_its_certificate_and_nobody_else_of_a_like_name),
		cmocka_unit_test(a_window_covers_who_is_named_or_has_all_labels),
		cmocka_unit_test(the_hash_is_fnv_1a_and_shards_are_even),
		cmocka_unit_test(keys_are_as_the_document_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
