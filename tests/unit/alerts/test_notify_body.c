/* test_notify_body.c - what goes over the wire, byte by byte where people or programs depend on it. */
#include "notice.h"

#include "alerts/notify_body.h"
#include "base/json.h"

static json_t *parsed(char *body)
{
	json_error_t error;
	assert_non_null(body);
	json_t *root = json_loads(body, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("%s: %s", error.text, body);
	free(body);
	return root;
}

/* Compares a part of the tree with JSON written here. */
static void assert_json(const json_t *got, const char *expected)
{
	json_error_t error;
	json_t *want = json_loads(expected, JSON_DECODE_ANY, &error);
	assert_non_null(want);
	if (!json_equal((json_t *)got, want)) {
		char *text = json_dumps(got, JSON_ENCODE_ANY | JSON_INDENT(1));
		print_error("got %s\n", text);
		free(text);
		fail();
	}
	json_decref(want);
}

static void alertmanager_gets_labels_it_takes_and_all_else_as_annotations(void **state)
{
	struct notice n = notice_down();
	json_t *all = parsed(alertmanager_body(&n, 1)), *alert = json_array_get(all, 0),
	       *notes = json_object_get(alert, "annotations");
	(void)state;
	assert_int_equal(json_array_size(all), 1);
	assert_json(json_object_get(alert, "labels"),
		    "{\"alertname\":\"PortDown\",\"severity\":\"page\",\"monitor\":\"pg-primary\",\"target\":\"198.51.100.7:5432\","
		    "\"team\":\"core\",\"my_zone\":\"b\",\"label_severity\":\"high\",\"_9lives\":\"cat\"}");
	assert_json(json_object_get(alert, "startsAt"), "\"2026-11-25T14:00:00.000Z\"");
	assert_null(json_object_get(alert, "endsAt"));
	assert_json(json_object_get(notes, "summary"), "\"DOWN pg-primary 198.51.100.7:5432: closed, from 2 of 3 regions\"");
	assert_json(json_object_get(notes, "verdict"), "\"closed\"");
	assert_json(json_object_get(notes, "scope"), "\"service\"");
	assert_json(json_object_get(notes, "runbook"), "\"https://wiki/pg\"");
	assert_non_null(strstr(json_string_value(json_object_get(notes, "description")), "ECONNREFUSED\n"));
	json_decref(all);
}

static void an_alert_ends_with_the_labels_it_began_with(void **state)
{
	struct notice down = notice_down(), up = notice_up();
	(void)state;
	up.began = &down;
	json_t *begun = parsed(alertmanager_body(&down, 1)), *ended = parsed(alertmanager_body(&up, 1));
	const json_t *alert = json_array_get(ended, 0);
	assert_true(json_equal(json_object_get(json_array_get(begun, 0), "labels"), json_object_get(alert, "labels")));
	assert_json(json_object_get(alert, "startsAt"), "\"2026-11-25T14:00:00.000Z\"");
	assert_json(json_object_get(alert, "endsAt"), "\"2026-11-25T14:12:03.000Z\"");
	json_decref(begun);
	json_decref(ended);
	up.began = NULL; /* what is not known is taken from the end itself */
	ended = parsed(alertmanager_body(&up, 1));
	assert_json(json_object_get(json_array_get(ended, 0), "labels"),
		    "{\"alertname\":\"PortDown\",\"severity\":\"page\",\"monitor\":\"pg-primary\",\"target\":\"198.51."
		    "100.8:5432\",\"team\":\"edge\"}");
	json_decref(ended);
}

static void what_has_no_end_fires_for_five_minutes_in_alertmanager(void **state)
{
	static const char body[] = "{\"type\":\"monitor.address\",\"timestamp\":\"2026-12-31T23:58:03.123Z\",\"data\":{\"monitor\":\"m\","
				   "\"target\":\"m.test:1\",\"since\":\"2026-12-31T23:50:00.000Z\",\"addresses\":{\"region\":\"eu\","
				   "\"old\":[\"192.0.2.1\"],\"new\":[\"192.0.2.2\",\"192.0.2.3\"]}}}";
	struct notice n = notice_of("monitor.address", "m", "m/1", false, false, body);
	json_t *all = parsed(alertmanager_body(&n, 1));
	const json_t *alert = json_array_get(all, 0);
	(void)state;
	assert_json(json_object_get(alert, "startsAt"), "\"2026-12-31T23:50:00.000Z\"");
	assert_json(json_object_get(alert, "endsAt"), "\"2027-01-01T00:03:03Z\"");
	assert_json(json_object_get(json_object_get(alert, "annotations"), "summary"),
		    "\"ADDRESS m m.test:1: now 192.0.2.2, 192.0.2.3, before 192.0.2.1\"");
	json_decref(all);
}

static void pagerduty_is_triggered_with_all_there_is(void **state)
{
	struct notice n = notice_down();
	json_t *event = parsed(pagerduty_body(&n, "R0UT")), *payload = json_object_get(event, "payload");
	(void)state;
	assert_json(json_object_get(event, "routing_key"), "\"R0UT\"");
	assert_json(json_object_get(event, "event_action"), "\"trigger\"");
	assert_json(json_object_get(event, "dedup_key"), "\"pg-primary/17\"");
	assert_json(json_object_get(event, "links"), "[{\"href\":\"https://wiki/pg\",\"text\":\"Runbook\"}]");
	assert_json(json_object_get(payload, "summary"), "\"DOWN pg-primary 198.51.100.7:5432: closed, from 2 of 3 regions\"");
	assert_json(json_object_get(payload, "severity"), "\"critical\"");
	assert_json(json_object_get(payload, "source"), "\"198.51.100.7:5432\"");
	assert_json(json_object_get(payload, "component"), "\"pg-primary\"");
	json_decref(event);
	n.page = false;
	event = parsed(pagerduty_body(&n, "R0UT"));
	assert_json(json_object_get(json_object_get(event, "payload"), "severity"), "\"warning\"");
	json_decref(event);
}

static void pagerduty_resolves_what_it_triggered(void **state)
{
	struct notice n = notice_up();
	json_t *event = parsed(pagerduty_body(&n, "R0UT"));
	(void)state;
	assert_json(event, "{\"routing_key\":\"R0UT\",\"event_action\":\"resolve\",\"dedup_key\":\"pg-primary/17\"}");
	json_decref(event);
}

static void pagerduty_never_gets_a_summary_that_it_refuses(void **state)
{
	char body[5000] = "{\"data\":{\"verdict\":\"";
	(void)state;
	for (unsigned i = 0; i < 1500; i++)
		strcat(body, "\xc3\xb6");
	strcat(body, "\"}}");
	struct notice n = notice_of("monitor.down", "m", "m/1", true, false, body);
	json_t *event = parsed(pagerduty_body(&n, "R"));
	const char *summary = json_string_value(json_object_get(json_object_get(event, "payload"), "summary"));
	assert_int_equal(strlen(summary), 8 + 2 * (1024 - 8)); /* "DOWN m: " and 1,016 characters */
	json_decref(event);
}

static void slack_gets_a_line_and_blocks_with_its_markup_escaped(void **state)
{
	struct notice n =
		notice_of("monitor.down", "<!channel> & co", "m/1", true, false, "{\"data\":{\"summary\":\"a < b\"}}");
	json_t *message = parsed(slack_body(&n, 1));
	(void)state;
	assert_json(message, "{\"text\":\"DOWN &lt;!channel&gt; &amp; "
			     "co\",\"blocks\":[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\","
			     "\"text\":\":red_circle: *DOWN &lt;!channel&gt; &amp; co*\\na &lt; b\"}}]}");
	json_decref(message);
}

static void slack_never_gets_a_block_that_it_refuses(void **state)
{
	static struct notice n[NOTIFY_FOLD_MAX];
	static char body[9000];
	(void)state;
	strcpy(body, "{\"data\":{\"verdict\":\"");
	for (unsigned i = 0; i < 4000; i++)
		strcat(body, i % 5 ? "\xc3\xb6" : "<");
	strcat(body, "\"}}");
	for (unsigned i = 0; i < NOTIFY_FOLD_MAX; i++)
		n[i] = notice_of("monitor.down", "a-monitor-with-a-name-of-some-length", "m/1", true, false, body);
	for (unsigned count = 1; count <= NOTIFY_FOLD_MAX; count += NOTIFY_FOLD_MAX - 1) {
		json_t *message = parsed(slack_body(n, count)), *block;
		size_t i;
		json_array_foreach(json_object_get(message, "blocks"), i, block)
			assert_in_range(strlen(json_string_value(json_object_get(json_object_get(block, "text"), "text"))), 1, 3000);
		json_decref(message);
	}
}

static void a_mail_is_what_rfc_5322_wants(void **state)
{
	struct notice n = notice_down();
	struct channel c = { .from = "Portwatch <pw@example.net>", .to = { "a@example.net", "b@example.net" }, .tos = 2 };
	size_t len;
	char *mail = smtp_message(&n, &c, 1764079203, &len);
	(void)state;
	static const char head[] = "From: Portwatch <pw@example.net>\r\n"
				   "To: a@example.net,\r\n b@example.net\r\n"
				   "Date: Tue, 25 Nov 2025 14:00:03 +0000\r\n"
				   "Message-ID: <";
	assert_non_null(mail);
	assert_int_equal(len, strlen(mail));
	assert_memory_equal(mail, head, strlen(head));
	assert_non_null(strstr(
		mail,
		".began@example.net>\r\nSubject: DOWN pg-primary 198.51.100.7:5432: closed, from 2 of 3 regions\r\n"
		"Auto-Submitted: auto-generated\r\n"));
	assert_non_null(strstr(mail, "7bit\r\n\r\npg-primary is DOWN\r\n\r\nregion "));
	for (size_t i = 0; i < len; i++)
		assert_false(mail[i] == '\n' && (i == 0 || mail[i - 1] != '\r'));
	free(mail);
}

static void the_mail_of_the_end_answers_that_of_the_beginning(void **state)
{
	struct notice down = notice_down(), up = notice_up();
	struct channel c = { .from = "pw", .to = { "a@example.net" }, .tos = 1 };
	size_t len;
	char *first = smtp_message(&down, &c, 0, &len), *second = smtp_message(&up, &c, 0, &len);
	char id[100], answer[160];
	(void)state;
	assert_int_equal(sscanf(strstr(first, "Message-ID: "), "Message-ID: %99s", id), 1);
	assert_non_null(strstr(id, ".began@portwatch>"));
	snprintf(answer, sizeof(answer), "\r\nIn-Reply-To: %s\r\n", id);
	assert_non_null(strstr(second, answer));
	assert_non_null(strstr(second, ".ended@portwatch>"));
	assert_null(strstr(first, "In-Reply-To"));
	free(first);
	free(second);
}

static void a_subject_with_other_letters_is_encoded_in_words_of_75(void **state)
{
	struct notice n =
		notice_of("monitor.up",
			  "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6"
			  "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6",
			  "m/1", true, true, "{}");
	struct channel c = { .from = "pw@example.net", .to = { "a@example.net" }, .tos = 1 };
	size_t len;
	char *mail = smtp_message(&n, &c, 0, &len);
	(void)state;
	assert_non_null(strstr(
		mail, "\r\nSubject: =?UTF-8?B?VVAgw7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2?=\r\n "
		      "=?UTF-8?B?w7Y=?=\r\n"));
	assert_non_null(strstr(mail, "Content-Transfer-Encoding: base64\r\n"));
	free(mail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alertmanager_gets_labels_it_takes_and_all_else_as_annotations),
		cmocka_unit_test(an_alert_ends_with_the_labels_it_began_with),
		cmocka_unit_test(what_has_no_end_fires_for_five_minutes_in_alertmanager),
		cmocka_unit_test(pagerduty_is_triggered_with_all_there_is),
		cmocka_unit_test(pagerduty_resolves_what_it_triggered),
		cmocka_unit_test(pagerduty_never_gets_a_summary_that_it_refuses),
		cmocka_unit_test(slack_gets_a_line_and_blocks_with_its_markup_escaped),
		cmocka_unit_test(slack_never_gets_a_block_that_it_refuses),
		cmocka_unit_test(a_mail_is_what_rfc_5322_wants),
		cmocka_unit_test(the_mail_of_the_end_answers_that_of_the_beginning),
		cmocka_unit_test(a_subject_with_other_letters_is_encoded_in_words_of_75),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
