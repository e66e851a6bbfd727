/* test_address_set.c - when a name leads to other addresses, and when it only gives them in turn. */
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

#include "alerts/address_book.h"
#include "base/text.h"

#define HOLD_MS 300000
#define MINUTE_MS 60000ull

static struct address_set *set;
static uint64_t now_ms;
static struct text news;

static int fresh(void **state)
{
	(void)state;
	now_ms = 1764000000000;
	text_reset(&news);
	return 0;
}

static int done(void **state)
{
	(void)state;
	free(set);
	set = NULL;
	text_free(&news);
	return 0;
}

/* Looks, a minute apart; each word is an answer, letters for the addresses 192.0.2.A ... in it; "." is no look, a digit
 * repeats the word before it.  What is told is noted as "minute:old>new ". */
static void looks(const char *words)
{
	const uint64_t begun = now_ms;
	char copy[400], *save = NULL, last[27] = "";
	text_reset(&news);
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		unsigned times = 1;
		if (*word >= '0' && *word <= '9')
			times = (unsigned)atoi(word);
		else
			snprintf(last, sizeof(last), "%s", word);
		for (; times; times--, now_ms += MINUTE_MS) {
			char list[600] = "";
			struct address_change change;
			for (const char *c = last; *c && *c != '.'; c++)
				sprintf(list + strlen(list), "%s192.0.2.%d", *list ? "," : "", *c);
			if (address_set_take(&set, list, now_ms, HOLD_MS, &change) == ADDRESSES_CHANGED)
				text_printf(&news, "%u:%s>%s ", (unsigned)((now_ms - begun) / MINUTE_MS), change.old, change.new);
		}
	}
}

static void told(const char *expected)
{
	assert_string_equal(news.data ? news.data : "", expected);
}

#define A "192.0.2.65"
#define B "192.0.2.66"
#define C "192.0.2.67"

static void a_name_that_stays_is_told_never(void **state)
{
	(void)state;
	looks("A 100");
	told("");
}

static void a_move_is_told_once_when_the_old_address_has_not_come_back_for_a_while(void **state)
{
	(void)state;
	looks("A 10 B 20");
	told("16:" A ">" B " ");
	looks("A 20"); /* and the way back too */
	told("5:" B ">" A " ");
}

static void answers_in_turn_are_one_set(void **state)
{
	(void)state;
	looks("A B A B A B A B A B A B A B A B A B A B A B");
	told("");
	looks("B 3 A 3 B 3 A 3 AB A B BA");
	told("");
}

static void parts_of_one_set_are_that_set(void **state)
{
	(void)state;
	looks("AB BC CA AB C A B BC CA AB BC CA AB BC CA");
	told("");
}

static void an_address_more_or_less_is_a_change(void **state)
{
	(void)state;
	looks("A 10 AB 20");
	told("16:" A ">" A "," B " ");
	looks("A 20");
	told("5:" A "," B ">" A " ");
}

static void what_comes_for_a_moment_only_is_none(void **state)
{
	(void)state;
	looks("A 10 B 3 A 20");
	told("");
}

static void while_a_name_is_new_it_is_learned(void **state)
{
	(void)state;
	looks("A B C");
	told("");
	looks("A B C A B C A B C A B C");
	told("");
}

static void a_time_without_looks_is_no_absence(void **state)
{
	(void)state;
	looks("A B A B A B A B . 60 A B A B A B A B");
	told("");
	looks("A B . 60 A 8"); /* but then it counts */
	told("69:" A "," B ">" A " ");
}

static void an_old_look_changes_nothing(void **state)
{
	(void)state;
	looks("A 20");
	now_ms -= 15 * MINUTE_MS;
	looks("B 10");
	told("");
}

static void what_was_known_is_known_after_a_restart(void **state)
{
	struct address_set *later = NULL;
	(void)state;
	looks("A B A B A B A B");
	json_t *saved = address_set_save(set);
	assert_int_equal(json_array_size(saved), 2);
	address_set_load(&later, saved);
	free(set);
	set = later;
	json_decref(saved);
	looks("B A B A B A");
	told("");
	looks("C 10");
	told("5:" A "," B ">" C " ");
}

static void what_cannot_be_read_changes_nothing(void **state)
{
	struct address_change change;
	(void)state;
	looks("A 20");
	assert_int_equal(address_set_take(&set, "", now_ms, HOLD_MS, &change), ADDRESSES_SAME);
	assert_int_equal(address_set_take(&set, "x", now_ms, HOLD_MS, &change), ADDRESSES_SAME);
	assert_int_equal(address_set_take(&set, "192.0.2.1,", now_ms, HOLD_MS, &change), ADDRESSES_SAME);
	assert_int_equal(address_set_take(&set, "192.0.2.1,,192.0.2.2", now_ms, HOLD_MS, &change), ADDRESSES_SAME);
	looks("ABCDEFGHIJKLMNOPQ 20"); /* seventeen */
	told("");
}

static void a_pool_that_never_rests_is_told_never_or_seldom_and_takes_no_more_room(void **state)
{
	unsigned changes = 0;
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 3000; i++, now_ms += MINUTE_MS) {
		char list[600] = "";
		struct address_change change;
		for (unsigned k = 0; k < 4; k++)
			sprintf(list + strlen(list), "%s192.0.2.%d", *list ? "," : "", rand() % 60);
		changes += address_set_take(&set, list, now_ms, HOLD_MS, &change) == ADDRESSES_CHANGED;
	}
	assert_int_equal(changes, 0);
}

static void both_families_stand_in_one_set(void **state)
{
	struct address_change change;
	(void)state;
	for (unsigned i = 0; i < 10; i++, now_ms += MINUTE_MS)
		address_set_take(&set, "192.0.2.1,2001:db8::1", now_ms, HOLD_MS, &change);
	enum address_news last = ADDRESSES_SAME;
	for (unsigned i = 0; i < 10 && last != ADDRESSES_CHANGED; i++, now_ms += MINUTE_MS)
		last = address_set_take(&set, "192.0.2.1,2001:db8::2", now_ms, HOLD_MS, &change);
	assert_int_equal(last, ADDRESSES_CHANGED);
	assert_string_equal(change.old, "192.0.2.1,2001:db8::1");
	assert_string_equal(change.new, "192.0.2.1,2001:db8::2");
}

static void an_interval_of_any_length_holds_for_two_looks_at_least(void **state)
{
	(void)state;
	assert_int_equal(address_hold_ms(1000), 15000);
	assert_int_equal(address_hold_ms(60000), 300000);
	assert_int_equal(address_hold_ms(240000), 600000);
	assert_int_equal(address_hold_ms(86400000), 172800000);
}

/* ---- the book ---- */

static unsigned news_of(struct address_book **b, unsigned region, const char *addresses, unsigned minutes)
{
	unsigned changes = 0;
	for (unsigned i = 0; i < minutes; i++) {
		struct result r = { .addresses = addresses, .slot_ms = now_ms + i * MINUTE_MS };
		struct address_change change;
		changes += address_book_take(b, region, &r, 60000, &change) == ADDRESSES_CHANGED;
	}
	return changes;
}

static void the_same_change_in_several_regions_is_told_once(void **state)
{
	static const char *const names[REGIONS_MAX] = { "eu", "us" };
	struct address_book *b = NULL, *later = NULL;
	(void)state;
	assert_int_equal(news_of(&b, 0, "", 10), 0);
	assert_null(b);
	for (unsigned region = 0; region < 3; region++)
		assert_int_equal(news_of(&b, region, region < 2 ? A : C, 10), 0);
	now_ms += 10 * MINUTE_MS;
	assert_int_equal(news_of(&b, 0, B, 10) + news_of(&b, 1, B, 10), 1);
	assert_int_equal(news_of(&b, 2, B, 10), 1); /* from another address than the others */
	json_t *saved = address_book_save(b, (const char *const[REGIONS_MAX]){ "eu", "us", "ap" });
	address_book_load(&later, saved, names, 2);
	json_t *again = address_book_save(later, names);
	char *line = json_line(again);
	assert_string_equal(line, "{\"eu\":[\"" B "\"],\"us\":[\"" B "\"]}");
	free(line);
	json_decref(saved);
	json_decref(again);
	address_book_free(b);
	address_book_free(later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_name_that_stays_is_told_never, fresh, done),
		cmocka_unit_test_setup_teardown(a_move_is_told_once_when_the_old_address_has_not_come_back_for_a_while, fresh, done),
		cmocka_unit_test_setup_teardown(answers_in_turn_are_one_set, fresh, done),
		cmocka_unit_test_setup_teardown(parts_of_one_set_are_that_set, fresh, done),
		cmocka_unit_test_setup_teardown(an_address_more_or_less_is_a_change, fresh, done),
		cmocka_unit_test_setup_teardown(what_comes_for_a_moment_only_is_none, fresh, done),
		cmocka_unit_test_setup_teardown(while_a_name_is_new_it_is_learned, fresh, done),
		cmocka_unit_test_setup_teardown(a_time_without_looks_is_no_absence, fresh, done),
		cmocka_unit_test_setup_teardown(an_old_look_changes_nothing, fresh, done),
		cmocka_unit_test_setup_teardown(what_was_known_is_known_after_a_restart, fresh, done),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_changes_nothing, fresh, done),
		cmocka_unit_test_setup_teardown(a_pool_that_never_rests_is_told_never_or_seldom_and_takes_no_more_room, fresh, done),
		cmocka_unit_test_setup_teardown(both_families_stand_in_one_set, fresh, done),
		cmocka_unit_test_setup_teardown(an_interval_of_any_length_holds_for_two_looks_at_least, fresh, done),
		cmocka_unit_test_setup_teardown(the_same_change_in_several_regions_is_told_once, fresh, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
