/* test_config.c - files, sections, monitors: what they become, and every sentence about what is wrong. */
#include "tests/unit/config/config_test.h"

#include "tests/unit/base/seed.h"

static void the_issue_of_a_file_is_read_as_it_stands(void **state)
{
	(void)state;
	write_file("hook.key", "whsec_cG9ydHdhdGNoIGV4YW1wbGUgc2VjcmV0ISE=\n");
	reads("regions: [eu, us, ap]\n"
	      "defaults: {interval: 60s, timeout: 3200ms, slow: 500ms, close: rst}\n"
	      "monitors:\n"
	      "  - {name: pg-primary, target: \"198.51.100.7:5432\", labels: {team: core}, runbook: \"https://wiki/pg\", parents: [core-switch]}\n"
	      "  - {name: core-switch, target: \"198.51.100.1:22\"}\n"
	      "notify:\n"
	      "  - {name: hook, type: webhook, url: \"http://127.0.0.1:9999/\", secret_file: hook.key}\n"
	      "maintenance:\n"
	      "  - {monitors: {team: core}, from: \"2026-12-01T22:00:00Z\", for: 2h, why: \"minor upgrade\"}\n");
	assert_int_equal(got.monitors, 2);
	const struct monitor *m = &got.monitor[0];
	assert_string_equal(m->name, "pg-primary");
	assert_string_equal(m->host, "198.51.100.7");
	assert_int_equal(m->port, 5432);
	assert_int_equal(m->slow_ms, 500);
	assert_string_equal(m->label[0].name, "team");
	assert_string_equal(m->parent[0], "core-switch");
	assert_int_equal(got.settings.regions, 3);
	assert_string_equal(got.settings.region[2], "ap");
	assert_int_equal(got.settings.shards, 1);
	assert_string_equal(got.channel[0].secret, "whsec_cG9ydHdhdGNoIGV4YW1wbGUgc2VjcmV0ISE=");
	const struct maintenance *w = &got.settings.maintenance[0];
	assert_true(w->from_ms == 1796162400000ull && w->until_ms == w->from_ms + 7200000);
	assert_string_equal(w->why, "minor upgrade");
	config_free(&got);
}

static void an_empty_file_is_a_configuration_of_nothing(void **state)
{
	(void)state;
	reads("");
	assert_int_equal(got.monitors + got.regions + got.channels, 0);
	config_free(&got);
	reads("regions:\nmonitors:\ndefaults:\nnotify:\nmaintenance:\n");
	config_free(&got);
}

static void defaults_hold_where_a_monitor_says_nothing(void **state)
{
	(void)state;
	reads(R "defaults: {interval: 2m, timeout: 1s, slow: 50ms, close: fin, settle: auto, regions: [us], labels: {a: 1, b: 2}, runbook: r}\n"
		"monitors:\n  - {name: x, target: \"a:1\"}\n"
		"  - {name: y, target: \"a:1\", interval: 1d, timeout: 2s, slow: 0, close: half, settle: 5s, regions: [eu, us],\n"
		"     labels: {b: 3, c: 4}, runbook: s, paused: yes, canary: down, expect: closed}\n");
	const struct monitor *x = &got.monitor[0], *y = &got.monitor[1];
	assert_int_equal(x->interval_ms, 120000);
	assert_int_equal(x->settle_ms, JOB_SETTLE_AUTO);
	assert_int_equal(x->regions, 1);
	assert_int_equal(x->labels, 2);
	assert_string_equal(x->runbook, "r");
	assert_false(got.says_paused[0]);
	assert_int_equal(y->interval_ms, 86400000);
	assert_int_equal(y->timeout_ms, 2000);
	assert_int_equal(y->slow_ms, 0);
	assert_int_equal(y->close, CLOSE_HALF);
	assert_int_equal(y->settle_ms, 5000);
	assert_int_equal(y->regions, 2);
	assert_int_equal(y->labels, 3);
	assert_string_equal(y->label[1].value, "3");
	assert_string_equal(y->runbook, "s");
	assert_int_equal(y->canary, CANARY_DOWN);
	assert_int_equal(x->expect, EXPECT_OPEN);
	assert_int_equal(y->expect, EXPECT_CLOSED);
	assert_true(y->paused && got.says_paused[1]);
	config_free(&got);
}

static void errors_stand_in_the_order_of_the_file_with_line_and_caret(void **state)
{
	(void)state;
	assert_int_equal(errors_in(M "  - {name: a, target: \"x:1\", parents: [b]}\nfoo: 1\nmonitor: []\n"), 3);
	assert_string_equal(said.data,
			    "c.yaml:3:40: parents: there is no monitor \"b\"\n"
			    "      - {name: a, target: \"x:1\", parents: [b]}\n"
			    "                                           ^\n"
			    "c.yaml:4:1: unknown key \"foo\" in the configuration; known are regions, shards, defaults, monitors, notify, "
			    "maintenance, dead_man\n"
			    "    foo: 1\n"
			    "    ^~~\n"
			    "c.yaml:5:1: unknown key \"monitor\" in the configuration, did you mean \"monitors\"?\n"
			    "    monitor: []\n"
			    "    ^~~~~~~\n");
}

static void durations_need_units_and_bounds(void **state)
{
	(void)state;
	refused(M "  - {name: a, target: \"x:1\", interval: 60}\n", "c.yaml:3:40: interval: \"60\" needs a unit: ms, s, m, h or d\n");
	refused(M "  - {name: a, target: \"x:1\", interval: 1 h}\n",
		"c.yaml:3:40: interval: \"1 h\" is not a time such as 3200ms, 10s, 5m, 6h or 1d\n");
	refused(M "  - {name: a, target: \"x:1\", interval: 2d}\n", "c.yaml:3:40: interval: \"2d\" is above 1d\n");
	refused(M "  - {name: a, target: \"x:1\", interval: 10ms, timeout: 5ms}\n", "c.yaml:3:40: interval: \"10ms\" is below 1s\n");
	refused(M "  - {name: a, target: \"x:1\", timeout: 0}\n", "c.yaml:3:39: timeout: \"0\" is below 1ms\n");
	refused(M "  - {name: a, target: \"x:1\", timeout: 61s, interval: 2m}\n", "c.yaml:3:39: timeout: \"61s\" is above 60s\n");
	refused(M "  - {name: a, target: \"x:1\", settle: 6s}\n", "c.yaml:3:38: settle: \"6s\" is above 5s\n");
	refused(M "  - {name: a, target: \"x:1\", interval: 99999999999999999999d}\n",
		"c.yaml:3:40: interval: \"99999999999999999999d\" is not a time such as 3200ms, 10s, 5m, 6h or 1d\n");
}

static void a_timeout_over_the_interval_is_said_once(void **state)
{
	static const char tail[] = " is longer than interval (2s): the next look would begin before this one has ended\n";
	char sentence[200];
	(void)state;
	snprintf(sentence, sizeof sentence, "c.yaml:3:40: timeout (3200ms)%s", tail);
	refused(M "  - {name: a, target: \"x:1\", interval: 2s}\n", sentence);
	snprintf(sentence, sizeof sentence, "c.yaml:3:39: timeout (5s)%s", tail);
	refused(M "  - {name: a, target: \"x:1\", timeout: 5s, interval: 2s}\n", sentence);
	snprintf(sentence, sizeof sentence, "c.yaml:1:11: timeout (3200ms)%s", tail);
	refused("defaults: {interval: 2s}\n" M "  - {name: a, target: \"x:1\"}\n  - {name: b, target: \"x:1\"}\n", sentence);
}

static void names_are_unique_and_parents_exist(void **state)
{
	(void)state;
	refused(M "  - {name: a, target: \"x:1\"}\n  - {name: a, target: \"x:2\"}\n",
		"c.yaml:4:12: name: there is a monitor \"a\" already, at c.yaml:3\n");
	refused(M "  - {name: core-switch, target: \"x:1\"}\n  - {name: b, target: \"x:2\", parents: [core-swich, c]}\n",
		"c.yaml:4:40: parents: there is no monitor \"core-swich\", did you mean \"core-switch\"?\n"
		"c.yaml:4:52: parents: there is no monitor \"c\"\n");
	refused(M "  - {name: a, target: \"x:1\", parents: [a]}\n", "c.yaml:3:40: parents: \"a\" is its own parent\n");
	refused(M "  - {name: a, target: \"x:1\", parents: [b]}\n  - {name: b, target: \"x:1\", parents: [d, c]}\n"
		  "  - {name: c, target: \"x:1\", parents: [a]}\n  - {name: d, target: \"x:1\"}\n",
		"c.yaml:5:40: parents go in a circle: a -> b -> c -> a\n");
}

static void two_ways_to_one_parent_are_no_circle(void **state)
{
	(void)state;
	reads(M "  - {name: a, target: \"x:1\", parents: [b, c]}\n  - {name: b, target: \"x:1\", parents: [d]}\n"
		"  - {name: c, target: \"x:1\", parents: [d]}\n  - {name: d, target: \"x:1\"}\n");
	config_free(&got);
}

static void a_chain_of_many_parents_costs_no_stack(void **state)
{
	struct text chain = { 0 };
	(void)state;
	text_add(&chain, M);
	for (int i = 0; i < 50000; i++)
		text_printf(&chain, "  - {name: m%d, target: \"x:1\", parents: [m%d]}\n", i, i + 1);
	text_add(&chain, "  - {name: m50000, target: \"x:1\"}\n");
	reads(chain.data);
	assert_int_equal(got.monitors, 50001);
	config_free(&got);
	text_free(&chain);
}

static void regions_are_known_and_stand_once(void **state)
{
	(void)state;
	refused("regions: [eu, eu, \"a b\", {name: us, source: [1.2.3]}, {source: \"::1\"}]\n",
		"c.yaml:1:15: regions: \"eu\" stands here a second time\n"
		"c.yaml:1:20: regions: \"a b\" is not a name of 1 to 64 letters, digits, dots, dashes and underscores\n"
		"c.yaml:1:46: source: \"1.2.3\" is not an IPv4 or IPv6 address\n"
		"c.yaml:1:55: regions: a region has no name\n");
	refused("regions: [europe]\nmonitors:\n  - {name: a, target: \"x:1\", regions: [eurpoe, asia]}\n",
		"c.yaml:3:40: regions: \"eurpoe\" is not among the regions of this configuration, did you mean \"europe\"?\n"
		"c.yaml:3:48: regions: \"asia\" is not among the regions of this configuration\n");
	refused("monitors:\n  - {name: a, target: \"x:1\"}\n",
		"c.yaml:2:3: there are monitors but no regions: say where they are probed from, as in regions: [eu]\n");
}

static void labels_are_what_alertmanager_takes(void **state)
{
	(void)state;
	refused(M "  - {name: a, target: \"x:1\", labels: {app.io/name: x, 1a: y, a-b: z}}\n",
		"c.yaml:3:39: labels: \"app.io/name\" is not a name of 1 to 64 letters, digits and underscores that begins with no digit\n"
		"    hint: Alertmanager takes no other names; app_io_name would do\n"
		"c.yaml:3:55: labels: \"1a\" is not a name of 1 to 64 letters, digits and underscores that begins with no digit\n"
		"    hint: Alertmanager takes no other names; _1a would do\n"
		"c.yaml:3:62: labels: \"a-b\" is not a name of 1 to 64 letters, digits and underscores that begins with no digit\n"
		"    hint: Alertmanager takes no other names; a_b would do\n");
	refused(M "  - {name: a, target: \"x:1\", labels: {a: , b: [c], c: \"x\\ty\", d: 1, d: 2}}\n",
		"c.yaml:3:39: labels: a: has no value\n"
		"c.yaml:3:47: labels: b: takes one value, not a list\n"
		"c.yaml:3:56: labels: c: holds control characters\n"
		"c.yaml:3:69: labels: \"d\" stands here a second time\n");
}

static void types_that_are_wrong_are_sentences(void **state)
{
	(void)state;
	refused("- a\n", "c.yaml:1:1: a configuration is a mapping with regions, defaults, monitors, notify, maintenance\n");
	refused("regions: {a: b}\n", "c.yaml:1:10: regions: is no list\n");
	refused("shards: [1]\n", "c.yaml:1:9: shards: takes one value, not a list\n");
	refused("shards: 2.5\n", "c.yaml:1:9: shards: \"2.5\" is not a whole number from 1 to 64\n");
	refused("defaults: []\n", "c.yaml:1:11: defaults: is no mapping such as {interval: 60s, timeout: 3200ms}\n");
	refused(R "monitors: {name: a}\n", "c.yaml:2:11: monitors: is no list; each monitor begins with a dash\n");
	refused(M "  - a\n", "c.yaml:3:5: monitors: this is no mapping such as {name: db, target: \"198.51.100.7:5432\"}\n");
	refused(M "  - {name: [a], target: {x: 1}}\n", "c.yaml:3:12: name: takes one value, not a list\n"
						       "c.yaml:3:25: target: takes one value, not a mapping\n");
	refused(M "  - {name: a, target: \"x:1\", paused: perhaps, canary: x, close: [rst], parents: {a: b}, labels: x}\n",
		"c.yaml:3:38: paused: \"perhaps\" is none of false, true, no, yes\n"
		"c.yaml:3:55: canary: \"x\" is none of up, down\n"
		"c.yaml:3:65: close: takes one value, not a list\n"
		"c.yaml:3:81: parents: is no list\n"
		"c.yaml:3:97: labels: is no mapping such as {team: core, env: prod}\n");
	refused(M "  - {? [a] : b, name: a, target: \"x:1\"}\n", "c.yaml:3:8: a key must be one plain word\n");
	refused(M "  - &x {name: a, target: \"x:1\"}\n  - *x\n",
		"c.yaml:4:5: monitors: is an alias; write the value itself\n");
	refused("regions: &r [eu]\n" "monitors:\n  - {name: a, target: \"x:1\", regions: *r, <<: *r}\n",
		"c.yaml:3:39: regions: is an alias; write the value itself\n"
		"c.yaml:3:43: unknown key \"<<\" in a monitor; known are name, type, record, target, canary, expect, expect_answer, resolver, "
		"parents, paused, tls, interval, timeout, slow, close, settle, ip, addresses, expect_address, regions, labels, runbook\n"
		"    hint: nothing is merged; what monitors have in common belongs into defaults\n");
	refused(M "  - {name: !!str a, target: \"x:1\"}\n", "c.yaml:3:18: name: has a tag; only plain values are read\n");
}

static void a_monitor_of_type_dns_has_a_name_and_no_port(void **state)
{
	(void)state;
	reads("regions: eu\ndefaults: {slow: 1s, ip: both, close: half, settle: auto, expect_address: 192.0.2.1}\nmonitors:\n"
	      "  - {name: a, target: example.net, record: MX, expect_answer: [\"10 m\", n], type: dns, resolver: \"192.0.2.53\"}\n"
	      "  - {name: b, target: example.net, type: dns}\n");
	assert_int_equal(got.monitor[0].type, JOB_DNS);
	assert_int_equal(got.monitor[0].record, RECORD_MX);
	assert_string_equal(got.monitor[0].host, "example.net");
	assert_string_equal(got.monitor[0].expect_answer, "10 m\nn");
	assert_string_equal(got.monitor[0].resolver, "192.0.2.53");
	assert_int_equal(got.monitor[0].slow_ms + got.monitor[0].close + got.monitor[0].ip, 0);
	assert_null(got.monitor[0].expect_address);
	assert_string_equal(got.monitor[1].expect_address, "192.0.2.1");
	assert_int_equal(got.monitor[1].record, RECORD_A);
	config_free(&got);
	refused(M "  - {name: a, type: dns, target: \"example.net:53\", slow: 1s, expect: closed}\n",
		"c.yaml:3:35: target: \"example.net:53\" is not a name without a port, which type dns asks for\n"
		"c.yaml:3:52: slow means nothing to a monitor of type dns\n"
		"c.yaml:3:62: expect means nothing to a monitor of type dns\n");
	refused(M "  - {name: a, type: udp, target: \"a:1\", record: MX}\n",
		"c.yaml:3:21: type: \"udp\" is none of tcp, dns, certificate\n"
		"c.yaml:3:41: record means nothing to a monitor of type tcp\n");
	refused(M "  - {name: a, type: dns, record: MX, target: a, expect_address: 192.0.2.1, expect_answer: [\"a b\"], resolver: ns}\n",
		"c.yaml:3:49: expect_address is for record A or AAAA; what a MX must say is expect_answer\n"
		"c.yaml:3:93: expect_answer: of record MX \"a b\" is not a name, or a number of 0 to 65535 and a name, such as \"10 "
		"mail.example.net\"\n"
		"c.yaml:3:110: resolver: \"ns\" is not ADDRESS or ADDRESS:PORT ([ADDRESS]:PORT for IPv6)\n");
}

static void variables_hold_in_every_value(void **state)
{
	(void)state;
	setenv("PW_T_HOST", "192.0.2.9", 1);
	setenv("PW_T_EMPTY", "", 1);
	unsetenv("PW_T_NONE");
	reads(M "  - {name: \"a-${PW_T_HOST}\", target: \"${PW_T_HOST}:5432\", runbook: \"$x $${y} ${PW_T_EMPTY}$\"}\n");
	assert_string_equal(got.monitor[0].name, "a-192.0.2.9");
	assert_string_equal(got.monitor[0].host, "192.0.2.9");
	assert_string_equal(got.monitor[0].runbook, "$x ${y} $");
	config_free(&got);
	refused(M "  - {name: \"${PW_T_NONE}\", target: \"${PW_T_HOST\", runbook: \"${a-b}\", interval: \"${PW_T_EMPTY}\"}\n",
		"c.yaml:3:13: name: the environment has no variable PW_T_NONE\n    hint: to have ${ itself, write $${\n"
		"c.yaml:3:37: target: ${ without a }\n    hint: to have ${ itself, write $${\n"
		"c.yaml:3:61: runbook: between ${ and } stands no name of a variable\n    hint: to have ${ itself, write $${\n"
		"c.yaml:3:81: interval: \"\" is not a time such as 3200ms, 10s, 5m, 6h or 1d\n");
}

static void a_directory_is_read_in_the_order_of_its_names(void **state)
{
	(void)state;
	mkdir("d", 0755);
	write_file("d/10.yaml", "monitors: [{name: b, target: \"x:1\", parents: [a]}]\n");
	write_file("d/9.yml", R "monitors: [{name: c, target: \"x:1\"}]\n");
	write_file("d/11.yaml", "monitors: [{name: a, target: \"x:1\"}]\ndefaults: {slow: 1s}\n");
	write_file("d/.swp.yaml", "[");
	write_file("d/note.txt", "[");
	text_reset(&said);
	assert_int_equal(config_read(&got, "d", &said), 0);
	assert_int_equal(got.monitors, 3);
	assert_string_equal(got.monitor[0].name, "b");
	assert_string_equal(got.monitor[2].name, "c");
	assert_int_equal(got.monitor[0].slow_ms, 1000);
	config_free(&got);
	write_file("d/12.yaml", "shards: 2\ndefaults: {slow: 2s}\n");
	write_file("d/13.yaml", "shards: 2\nmonitors: [\n");
	write_file("d/14.yaml", "shards: 2\nregions: [us]\n");
	text_reset(&said);
	assert_int_equal(config_read(&got, "d/", &said), 4);
	const char *const lines[] = { "d/12.yaml:2:12: defaults: slow is set in d/11.yaml already\n", "d/13.yaml:",
				      "d/14.yaml:1:9: shards: is set in d/12.yaml already\n",
				      "d/14.yaml:2:11: regions: \"us\" stands here a second time\n" };
	const char *at = said.data;
	for (unsigned i = 0; i < 3; i++) {
		at = strstr(at, lines[i]);
		assert_non_null(at);
	}
	/* us of 14.yaml comes before that of 9.yml: the second is the one in 9.yml */
	assert_non_null(strstr(said.data, "d/9.yml:1:15: regions: \"us\" stands here a second time\n"));
}

static void a_path_that_cannot_be_read_is_one_error(void **state)
{
	(void)state;
	text_reset(&said);
	assert_int_equal(config_read(&got, "none.yaml", &said), 1);
	assert_string_equal(said.data, "none.yaml: cannot be read: No such file or directory\n");
	mkdir("empty", 0755);
	text_reset(&said);
	assert_int_equal(config_read(&got, "empty", &said), 1);
	assert_string_equal(said.data, "empty: holds no file *.yaml or *.yml\n");
}

static void what_is_shown_reads_as_the_same(void **state)
{
	struct text first = { 0 }, second = { 0 };
	(void)state;
	reads("regions: [{name: eu, source: [\"::1\", 127.0.0.1]}, us]\nshards: 4\n"
	      "monitors:\n  - {name: \"a \\\" $${x}\", target: \"[::1]:1\", interval: 90s, timeout: 1ms, settle: 0, regions: us, labels: {a: \"\\\\\"},\n"
	      "     runbook: \"gr\xc3\xbc\xc3\x9f\", canary: up, paused: true}\n  - {name: b, target: \"x:1\", settle: auto, expect: closed, parents: [\"a \\\" $${x}\"]}\n"
	      "maintenance:\n  - {monitors: all, from: \"2026-12-01T22:00:00.5Z\", until: \"2026-12-01T23:00:00+00:30\", why: x}\n"
	      "  - {monitors: b, from: \"2026-12-01T22:00:00Z\", for: 1d}\n"
	      "notify:\n  - {name: a, type: exec, command: [a, \"b c\"], only: page}\n");
	config_show(&got, &first);
	config_free(&got);
	reads(first.data);
	config_show(&got, &second);
	config_free(&got);
	assert_string_equal(first.data, second.data);
	text_free(&first);
	text_free(&second);
}

static void tls_makes_a_second_monitor_with_the_first_for_a_parent(void **state)
{
	(void)state;
	reads(R "defaults: {interval: 30s, slow: 50ms, labels: {a: b}}\nmonitors:\n"
		"  - {name: pg, target: \"a:1\", paused: yes, canary: up, tls: {starttls: postgres, server_name: c.example, warn: 30d}}\n"
		"  - {name: web, target: \"a:2\", type: certificate, interval: 1h}\n"
		"  - {name: api, target: \"a:3\", type: certificate, tls: {interval: 2h, ca: /ca.pem}}\n"
		"  - {name: mx, target: \"a:4\", type: certificate}\n");
	assert_int_equal(got.monitors, 5);
	const struct monitor *pg = &got.monitor[0], *second = &got.monitor[1];
	assert_false(pg->tls);
	assert_int_equal(pg->slow_ms, 50);
	assert_string_equal(second->name, "pg certificate");
	assert_true(second->tls && second->paused && got.says_paused[1]);
	assert_int_equal(second->interval_ms, 6 * 3600 * 1000);
	assert_int_equal(second->slow_ms, 0);
	assert_int_equal(second->canary, CANARY_NONE);
	assert_int_equal(second->labels, 1);
	assert_int_equal(second->parents, 1);
	assert_string_equal(second->parent[0], "pg");
	assert_int_equal(second->wish.starttls, STARTTLS_POSTGRES);
	assert_int_equal(second->wish.warn_s, 30 * 86400);
	assert_int_equal(second->wish.down_s, 3 * 86400);
	assert_string_equal(second->wish.server_name, "c.example");
	assert_true(got.monitor[2].tls && got.monitor[2].interval_ms == 3600 * 1000);
	assert_true(got.monitor[3].tls && got.monitor[3].interval_ms == 2 * 3600 * 1000);
	assert_string_equal(got.monitor[3].wish.ca, "/ca.pem");
	assert_true(got.monitor[4].interval_ms == 6 * 3600 * 1000 && got.monitor[4].parents == 0);
	config_free(&got);
}

static void any_bytes_are_read_or_refused_with_a_sentence(void **state)
{
	static const char model[] = M "  - {name: a, target: \"x:1\", labels: {a: b}, parents: [b], close: fin, settle: auto}\n  - name: b\n    target: y:2\n"
				      "notify:\n  - {name: a, type: smtp, url: smtp://x, from: a@b, to: [a@b], user: u, password: p}\n"
				      "maintenance:\n  - {monitors: [a], from: 2026-12-01T22:00:00Z, for: 2h}\ndead_man: {url: \"http://x/\", every: 60s}\n";
	(void)state;
	seed_chance();
	for (int round = 0; round < 3000; round++) {
		char text[sizeof model];
		memcpy(text, model, sizeof model);
		for (int i = rand() % 6; i > 0; i--)
			text[(size_t)rand() % (sizeof model - 1)] = (char)(1 + (rand() & 1 ? rand() % 255 : model[(size_t)rand() % (sizeof model - 1)] - 1));
		if (errors_in(text) == 0)
			config_free(&got);
		else
			assert_memory_equal(said.data, "c.yaml:", 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_issue_of_a_file_is_read_as_it_stands),
		cmocka_unit_test(an_empty_file_is_a_configuration_of_nothing),
		cmocka_unit_test(defaults_hold_where_a_monitor_says_nothing),
		cmocka_unit_test(errors_stand_in_the_order_of_the_file_with_line_and_caret),
		cmocka_unit_test(durations_need_units_and_bounds),
		cmocka_unit_test(a_timeout_over_the_interval_is_said_once),
		cmocka_unit_test(names_are_unique_and_parents_exist),
		cmocka_unit_test(two_ways_to_one_parent_are_no_circle),
		cmocka_unit_test(a_chain_of_many_parents_costs_no_stack),
		cmocka_unit_test(regions_are_known_and_stand_once),
		cmocka_unit_test(labels_are_what_alertmanager_takes),
		cmocka_unit_test(types_that_are_wrong_are_sentences),
		cmocka_unit_test(a_monitor_of_type_dns_has_a_name_and_no_port),
		cmocka_unit_test(variables_hold_in_every_value),
		cmocka_unit_test(a_directory_is_read_in_the_order_of_its_names),
		cmocka_unit_test(a_path_that_cannot_be_read_is_one_error),
		cmocka_unit_test(what_is_shown_reads_as_the_same),
		cmocka_unit_test(tls_makes_a_second_monitor_with_the_first_for_a_parent),
		cmocka_unit_test(any_bytes_are_read_or_refused_with_a_sentence),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
