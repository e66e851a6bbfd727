/* test_address_rows.c - which addresses of a monitor are down, whatever order their rows come in. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/address_rows.h"
#include "alerts/history.h"

static void put(struct address_rows *a, uint64_t key, const char *text, enum verdict verdict)
{
	struct result r = { .slot_ms = key };
	struct look l;
	uint8_t address[16];
	snprintf(r.address, sizeof(r.address), "%s", text);
	look_of_result(&l, address, &r);
	address_rows_add(a, key, address, verdict);
}

/* "ADDRESS+ ADDRESS- ...": open and closed; "-" alone is a family without an address. */
static void look(struct address_rows *a, uint64_t key, const char *rows)
{
	char copy[600], *save = NULL;
	snprintf(copy, sizeof(copy), "%s", rows);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *end = word + strlen(word) - 1;
		bool open = *end == '+';
		*end = 0;
		put(a, key, word, open ? VERDICT_OPEN : *word ? VERDICT_CLOSED : VERDICT_NO_NAME);
	}
}

static void says(const char *rows, const char *expected)
{
	struct address_rows a = { 0 };
	char said[ADDRESS_SAID_MAX];
	look(&a, 1000, rows);
	address_look_say(address_rows_whole(&a), said);
	assert_string_equal(said, expected);
}

static void the_addresses_that_are_down_are_counted_and_named(void **state)
{
	(void)state;
	says("198.51.100.7+ 198.51.100.8+", "");
	says("198.51.100.7- 198.51.100.8-", "");
	says("198.51.100.7- 198.51.100.8+ 198.51.100.9+ 198.51.100.10+", "1 of 4 addresses down (198.51.100.7)");
	says("198.51.100.8+ 2001:db8::7-", "v6 down (2001:db8::7), v4 up");
	says("198.51.100.8- 198.51.100.7- 2001:db8::7+", "v4 down (198.51.100.7, 198.51.100.8), v6 up");
	says("198.51.100.7+ 198.51.100.8- 2001:db8::7-", "2 of 3 addresses down (198.51.100.8, 2001:db8::7)");
	says("198.51.100.7+ -", "v4 up, no IPv6 address");
	says("2001:db8::7+ -", "v6 up, no IPv4 address");
	says("198.51.100.7+ 198.51.100.8- -", "1 of 2 addresses down (198.51.100.8), no IPv6 address");
	says("192.0.2.1- 192.0.2.2- 192.0.2.3- 192.0.2.4- 192.0.2.5- 192.0.2.6- 192.0.2.7+",
	     "6 of 7 addresses down (192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 2 more)");
}

static void what_a_resolver_did_not_say_is_not_down(void **state)
{
	struct address_rows a = { 0 };
	char said[ADDRESS_SAID_MAX];
	(void)state;
	look(&a, 1000, "198.51.100.7+");
	put(&a, 1000, "", VERDICT_RESOLVER);
	address_look_say(address_rows_whole(&a), said);
	assert_string_equal(said, "");
}

static void while_rows_still_come_the_look_before_counts(void **state)
{
	struct address_rows a = { 0 };
	char said[ADDRESS_SAID_MAX];
	(void)state;
	look(&a, 1000, "192.0.2.1+ 192.0.2.2- 192.0.2.3-");
	look(&a, 2000, "192.0.2.1+ 192.0.2.2-");
	address_look_say(address_rows_whole(&a), said);
	assert_string_equal(said, "2 of 3 addresses down (192.0.2.2, 192.0.2.3)");
	look(&a, 2000, "192.0.2.3+");
	address_look_say(address_rows_whole(&a), said);
	assert_string_equal(said, "1 of 3 addresses down (192.0.2.2)");
	look(&a, 1500, "192.0.2.9- 192.0.2.8- 192.0.2.7- 192.0.2.6-"); /* late */
	look(&a, 500, "192.0.2.9-");
	assert_int_equal(a.before.key, 1500);
	assert_int_equal(a.newest.count, 3);
}

static void any_order_and_any_repetition_keep_the_same(void **state)
{
	static const struct { uint64_t key; const char *address; enum verdict verdict; } rows[] = {
		{ 1000, "192.0.2.1", VERDICT_OPEN }, { 1000, "192.0.2.2", VERDICT_CLOSED }, { 1000, "2001:db8::1", VERDICT_FILTERED },
		{ 2000, "192.0.2.1", VERDICT_CLOSED }, { 2000, "192.0.2.1", VERDICT_OPEN }, { 2000, "192.0.2.2", VERDICT_CLOSED },
		{ 2000, "", VERDICT_NO_NAME },
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	struct address_rows one = { 0 };
	(void)state;
	for (unsigned i = 0; i < ROWS; i++)
		put(&one, rows[i].key, rows[i].address, rows[i].verdict);
	for (unsigned seed = 0; seed < 200; seed++) {
		struct address_rows other = { 0 };
		unsigned order[2 * ROWS];
		srand(seed);
		for (unsigned i = 0; i < 2 * ROWS; i++)
			order[i] = i % ROWS;
		for (unsigned i = 2 * ROWS - 1; i > 0; i--) {
			unsigned k = (unsigned)rand() % (i + 1), c = order[i];
			order[i] = order[k];
			order[k] = c;
		}
		for (unsigned i = 0; i < 2 * ROWS; i++)
			put(&other, rows[order[i]].key, rows[order[i]].address, rows[order[i]].verdict);
		if (memcmp(&one, &other, sizeof(one)) != 0)
			fail_msg("seed %u", seed);
	}
}

static void more_rows_than_a_job_can_have_are_left_out(void **state)
{
	struct address_rows a = { 0 };
	char text[32];
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		put(&a, 1000, text, VERDICT_CLOSED);
	}
	assert_int_equal(a.newest.count, ADDRESS_ROWS_MAX);
}

static void the_json_has_all_that_are_down_with_their_verdicts(void **state)
{
	struct address_rows a = { 0 };
	(void)state;
	look(&a, 1000, "192.0.2.1+ 192.0.2.2-");
	put(&a, 1000, "2001:db8::1", VERDICT_FILTERED);
	json_t *down = address_look_down(&a.newest);
	char *line = json_line(down);
	assert_string_equal(line, "[{\"address\":\"192.0.2.2\",\"verdict\":\"closed\"},{\"address\":\"2001:db8::1\",\"verdict\":\"filtered\"}]");
	free(line);
	json_decref(down);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_addresses_that_are_down_are_counted_and_named),
		cmocka_unit_test(what_a_resolver_did_not_say_is_not_down),
		cmocka_unit_test(while_rows_still_come_the_look_before_counts),
		cmocka_unit_test(any_order_and_any_repetition_keep_the_same),
		cmocka_unit_test(more_rows_than_a_job_can_have_are_left_out),
		cmocka_unit_test(the_json_has_all_that_are_down_with_their_verdicts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
