/* test_config_channel.c - channels, secrets and windows: what they become, and every sentence about what is wrong. */
#include "tests/unit/config/config_test.h"

#define N "notify:\n"

static void every_type_becomes_what_its_channel_needs(void **state)
{
	(void)state;
	write_file("key", "a-secret\r\n");
	write_file("url", "https://hooks.slack.com/services/T/B/x");
	reads(N "  - {name: a, type: webhook, url: \"https://x/y\", only: page}\n"
		"  - {name: b, type: alertmanager, url: [\"http://x:9093\", \"http://y:9093\"]}\n"
		"  - {name: c, type: slack, url_file: url}\n"
		"  - {name: d, type: pagerduty, routing_key_file: ./key}\n"
		"  - {name: e, type: smtp, url: \"smtps://x\", from: a@b, to: [c@d, e@f], user: u, password_file: key}\n"
		"  - {name: f, type: exec, command: [/bin/tell, \"a b\"]}\n"
		"dead_man: {url_file: url, every: 5m}\n");
	const struct channel *c = got.channel;
	assert_int_equal(got.channels, 6);
	assert_true(c[0].pages_only && !c[0].secret && c[0].urls == 1);
	assert_int_equal(c[1].urls, 2);
	assert_string_equal(c[1].url[1], "http://y:9093");
	assert_string_equal(c[2].url[0], "https://hooks.slack.com/services/T/B/x");
	assert_string_equal(c[3].secret, "a-secret");
	assert_int_equal(c[3].urls, 0);
	assert_int_equal(c[4].tos, 2);
	assert_string_equal(c[4].password, "a-secret");
	assert_string_equal(c[4].from, "a@b");
	assert_string_equal(c[5].command[1], "a b");
	assert_null(c[5].command[2]);
	assert_string_equal(got.dead_man_url, "https://hooks.slack.com/services/T/B/x");
	assert_int_equal(got.dead_man_every_ms, 300000);
	config_free(&got);
}

static void what_a_type_needs_and_does_not_take_is_said(void **state)
{
	(void)state;
	refused(N "  - {name: a, type: webhook}\n", "c.yaml:2:5: notify: a channel of type webhook needs url or url_file\n");
	refused(N "  - {name: a, type: pagerduty}\n", "c.yaml:2:5: notify: a channel of type pagerduty needs routing_key or routing_key_file\n");
	refused(N "  - {name: a, type: alertmanager}\n", "c.yaml:2:5: notify: a channel of type alertmanager needs url\n");
	refused(N "  - {name: a, type: smtp}\n", "c.yaml:2:5: notify: a channel of type smtp needs url\n"
						 "c.yaml:2:5: notify: a channel of type smtp needs from\n"
						 "c.yaml:2:5: notify: a channel of type smtp needs to\n");
	refused(N "  - {name: a, type: exec}\n", "c.yaml:2:5: notify: a channel of type exec needs command\n");
	refused(N "  - {name: a, type: exec, command: tell}\n",
		"c.yaml:2:36: command: is a list of words such as [/usr/local/bin/tell, --room, ops]; no shell reads it\n");
	refused(N "  - {name: a, type: slack, url: \"https://x/\", password: x}\n",
		"c.yaml:2:47: notify: a channel of type slack takes no password\n");
	refused(N "  - {name: a, type: slac}\n",
		"c.yaml:2:21: type: \"slac\" is none of webhook, alertmanager, slack, pagerduty, smtp, exec, did you mean \"slack\"?\n");
	refused(N "  - {nam: a}\n", "c.yaml:2:5: notify: a channel has no name\n"
				    "c.yaml:2:5: notify: a channel has no type; there are webhook, alertmanager, slack, pagerduty, smtp and exec\n"
				    "c.yaml:2:6: unknown key \"nam\" in notify, did you mean \"name\"?\n");
	refused(N "  - {name: \"a b\", type: webhook, url: \"http://x\"}\n  - {name: a, type: webhook, url: \"http://x\"}\n"
		  "  - {name: a, type: exec, command: [a]}\n",
		"c.yaml:2:13: name: \"a b\" is not made of letters, digits, dots, dashes and underscores\n"
		"c.yaml:4:12: name: there is a channel \"a\" already\n");
	refused("notify: {}\n", "c.yaml:1:9: notify: is no list; each channel begins with a dash\n");
}

static void urls_and_addresses_are_looked_at(void **state)
{
	(void)state;
	refused(N "  - {name: a, type: webhook, url: \"ftp://x\"}\n", "c.yaml:2:36: url: \"ftp://x\" does not begin with http:// or https://\n");
	refused(N "  - {name: a, type: webhook, url: \"http:///x\"}\n", "c.yaml:2:36: url: \"http:///x\" names no host\n");
	refused(N "  - {name: a, type: webhook, url: \"http://\"}\n", "c.yaml:2:36: url: \"http://\" names no host\n");
	refused(N "  - {name: a, type: webhook, url: \"http://a b/\"}\n", "c.yaml:2:36: url: \"http://a b/\" has a blank in it\n");
	refused(N "  - {name: a, type: smtp, url: \"http://x\", from: a, to: [b@, \"c@d e\"]}\n",
		"c.yaml:2:33: url: \"http://x\" does not begin with smtp:// or smtps://\n"
		"c.yaml:2:50: from: \"a\" is not an address such as oncall@example.net\n"
		"c.yaml:2:58: to: \"b@\" is not an address such as oncall@example.net\n"
		"c.yaml:2:63: to: \"c@d e\" is not an address such as oncall@example.net\n");
}

static void secrets_are_one_line_from_one_place(void **state)
{
	(void)state;
	write_file("two", "a\nb\n");
	write_file("none", "\n");
	write_file("key", "x\n");
	mkdir("folder", 0755);
	refused(N "  - {name: a, type: webhook, url: \"http://x\", secret_file: missing}\n",
		"c.yaml:2:60: secret_file: missing cannot be read: No such file or directory\n");
	refused(N "  - {name: a, type: webhook, url: \"http://x\", secret_file: two}\n",
		"c.yaml:2:60: secret_file: two holds control characters or a second line\n");
	refused(N "  - {name: a, type: webhook, url: \"http://x\", secret_file: none}\n", "c.yaml:2:60: secret_file: none is empty\n");
	refused(N "  - {name: a, type: webhook, url: \"http://x\", secret_file: folder}\n",
		"c.yaml:2:60: secret_file: folder cannot be read: Is a directory\n");
	refused(N "  - {name: a, type: webhook, url: \"http://x\", secret_file: key, secret: y}\n",
		"c.yaml:2:65: secret: the secret itself and a file of it stand here; one of them is enough\n");
	refused(N "  - {name: a, type: webhook, url: \"http://x\", secret: \"whsec_a b\"}\n", "c.yaml:2:56: secret: what follows whsec_ is not base64\n");
	refused(N "  - {name: a, type: smtp, url: \"smtp://x\", from: a@b, to: a@b, password: x}\n", "c.yaml:2:5: notify: a password without a user\n");
}

static void a_secrets_file_stands_beside_its_yaml(void **state)
{
	(void)state;
	mkdir("e", 0755);
	write_file("e/k", "beside\n");
	write_file("e/c.yaml", N "  - {name: a, type: pagerduty, routing_key_file: k}\n");
	text_reset(&said);
	assert_int_equal(config_read(&got, "e", &said), 0);
	assert_string_equal(got.channel[0].secret, "beside");
	config_free(&got);
}

static void windows_say_whom_from_when_and_until_when(void **state)
{
	(void)state;
	refused("maintenance:\n  - {}\n", "c.yaml:2:5: maintenance: says no monitors; it is {label: value}, [names] or all\n"
					  "c.yaml:2:5: maintenance: says no from\n"
					  "c.yaml:2:5: maintenance: says neither until nor for\n");
	refused("maintenance:\n  - {monitors: [], from: 2020-01-01T00:00:00Z, until: 2020-01-01T00:00:00Z}\n",
		"c.yaml:2:16: monitors: no name stands here; for all monitors write all\n"
		"c.yaml:2:55: until: is not after from\n");
	refused("maintenance:\n  - {monitors: all, from: 2020-01-01, for: 2, forr: 1h}\n",
		"c.yaml:2:27: from: \"2020-01-01\" is not a time such as 2026-12-01T22:00:00Z\n"
		"c.yaml:2:44: for: \"2\" needs a unit: ms, s, m, h or d\n"
		"c.yaml:2:47: unknown key \"forr\" in maintenance, did you mean \"for\"?\n");
}

static void a_window_that_covers_nobody_is_an_error_until_it_is_over(void **state)
{
	(void)state;
	refused(M "  - {name: a, target: \"x:1\", labels: {team: core}}\n"
		  "maintenance:\n  - {monitors: {team: cor}, from: 2100-01-01T00:00:00Z, for: 1h}\n"
		  "  - {monitors: {team: core, env: x}, from: 2100-01-01T00:00:00Z, for: 1h}\n"
		  "  - {monitors: [a, b], from: 2100-01-01T00:00:00Z, for: 1h}\n",
		"c.yaml:5:16: monitors: no monitor has this label\n"
		"c.yaml:6:16: monitors: no monitor has all of these labels\n"
		"c.yaml:7:20: monitors: there is no monitor \"b\"\n");
	reads(M "  - {name: a, target: \"x:1\", labels: {team: core}}\n"
		"maintenance:\n  - {monitors: {team: cor}, from: 2020-01-01T00:00:00Z, for: 1h}\n"
		"  - {monitors: [a, b], from: 2020-01-01T00:00:00Z, for: 1h}\n");
	config_free(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_becomes_what_its_channel_needs),
		cmocka_unit_test(what_a_type_needs_and_does_not_take_is_said),
		cmocka_unit_test(urls_and_addresses_are_looked_at),
		cmocka_unit_test(secrets_are_one_line_from_one_place),
		cmocka_unit_test(a_secrets_file_stands_beside_its_yaml),
		cmocka_unit_test(windows_say_whom_from_when_and_until_when),
		cmocka_unit_test(a_window_that_covers_nobody_is_an_error_until_it_is_over),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
