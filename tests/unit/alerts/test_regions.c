/* test_regions.c - which regions may vote: silence, quarantine, and the way back. */
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

#include "alerts/regions.h"

#define START 1000000ull

static struct regions r;

static void begin(unsigned count, unsigned shards)
{
	static const char *const names[] = { "eu", "us", "ap", "sa", "af" };
	struct settings s;
	settings_init(&s);
	s.regions = count;
	s.shards = shards;
	for (unsigned i = 0; i < count; i++)
		snprintf(s.region[i], sizeof(s.region[i]), "%s", names[i]);
	regions_init(&r, &s, START);
	regions_grace(&r, START);
}

/* "uud": the votes of the regions, in order; times: of so many monitors. */
static void votes(const char *text, unsigned times, enum canary canary)
{
	enum vote vote[REGIONS_MAX] = { 0 };
	for (unsigned i = 0; text[i]; i++)
		vote[i] = text[i] == 'u' ? VOTE_UP : text[i] == 'd' ? VOTE_DOWN : VOTE_ABSTAIN;
	while (times--)
		regions_tally(&r, vote, canary);
}

/* The same picture for so long, looked at every 2.5 s. */
static uint64_t now_ms;
static void lasts(unsigned ms, unsigned agree, const char *other, unsigned others, enum canary canary)
{
	for (unsigned passed = 0; passed <= ms; passed += 2500) {
		votes("uuu", agree, CANARY_NONE);
		votes(other, others, canary);
		regions_conclude(&r, now_ms);
		now_ms += 2500;
	}
}

static int fresh(void **state)
{
	(void)state;
	begin(3, 1);
	now_ms = START;
	return 0;
}

static void a_region_is_silent_20_s_after_its_last_engine_was_heard(void **state)
{
	(void)state;
	regions_heard(&r, "eu", 0, START + 5000);
	regions_heard(&r, "nowhere", 0, START + 5000);
	regions_judge_silence(&r, START + 19999);
	assert_int_equal(regions_silent(&r, 0, START + 19999), 0);
	assert_int_equal(regions_silent(&r, 0, START + 20000), 6); /* us and ap were never heard */
	assert_int_equal(regions_silent(&r, 0, START + 25000), 7);
	regions_judge_silence(&r, START + 20000);
	assert_false(r.region[0].silent);
	assert_true(r.region[1].silent && r.region[1].mute);
	regions_heard(&r, "us", 0, START + 21000);
	assert_int_equal(regions_silent(&r, 0, START + 22000), 4);
}

static void an_older_beat_does_not_take_back_a_newer_one(void **state)
{
	(void)state;
	regions_heard(&r, "eu", 0, START + 9000);
	regions_heard(&r, "eu", 0, START + 2000); /* another engine's, that is going */
	assert_int_equal(regions_silent(&r, 0, START + 28999) & 1, 0);
}

static void a_shard_without_an_engine_is_silent_alone(void **state)
{
	(void)state;
	begin(3, 2);
	for (unsigned i = 0; i < 3; i++)
		regions_heard(&r, r.region[i].name, 0, START + 10000);
	regions_heard(&r, "eu", 1, START + 10000);
	regions_judge_silence(&r, START + 21000);
	assert_int_equal(regions_silent(&r, 0, START + 21000), 0);
	assert_int_equal(regions_silent(&r, 1, START + 21000), 6);
	assert_true(r.region[1].silent);
	assert_false(r.region[1].mute);
}

static void who_is_not_there_when_we_start_has_10_s(void **state)
{
	(void)state;
	struct settings s;
	settings_init(&s);
	s.regions = 1;
	strcpy(s.region[0], "eu");
	regions_init(&r, &s, START);
	assert_int_equal(regions_silent(&r, 0, START + 9999), 0);
	assert_int_equal(regions_silent(&r, 0, START + 10000), 1);
}

static void who_was_silent_before_a_restart_is_silent_after_it(void **state)
{
	(void)state;
	regions_heard(&r, "us", 0, START + 1);
	regions_remember_silence(&r, "eu");
	regions_remember_silence(&r, "us"); /* but it was heard since */
	regions_judge_silence(&r, START + 100);
	assert_int_equal(regions_silent(&r, 0, START + 100), 1);
	assert_false(r.region[0].heard);
	assert_true(r.region[1].heard);
	assert_false(r.region[2].heard); /* neither silent nor known to live */
}

static void after_redis_was_away_silence_is_counted_anew(void **state)
{
	(void)state;
	regions_grace(&r, START + 100000);
	assert_int_equal(regions_silent(&r, 0, START + 119999), 0);
	assert_int_equal(regions_silent(&r, 0, START + 120000), 7);
}

static void five_percent_of_disagreement_for_15_s_is_quarantine(void **state)
{
	(void)state;
	lasts(12500, 95, "duu", 5, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 0);
	lasts(2500, 95, "duu", 5, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 1);
	assert_string_equal(r.region[0].why, "it disagrees with the majority on 5 of 100 targets");
}

static void saying_up_against_the_majority_counts_too(void **state)
{
	(void)state;
	lasts(20000, 95, "ddu", 5, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 4);
}

static void less_than_five_percent_or_few_targets_are_no_quarantine(void **state)
{
	(void)state;
	lasts(60000, 96, "duu", 4, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 0);
	lasts(60000, 96, "duu", 5, CANARY_NONE); /* 4.95 % */
	assert_int_equal(regions_quarantined(&r), 0);
	lasts(60000, 10, "duu", 9, CANARY_NONE); /* half of them, but 19 targets */
	assert_int_equal(regions_quarantined(&r), 0);
	lasts(60000, 30, "duu", 4, CANARY_NONE); /* 12 %, but 4 targets */
	assert_int_equal(regions_quarantined(&r), 0);
}

static void a_short_disagreement_is_none(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		lasts(10000, 50, "duu", 50, CANARY_NONE); /* an outage that one region saw first */
		lasts(0, 100, "uuu", 0, CANARY_NONE);
	}
	assert_int_equal(regions_quarantined(&r), 0);
}

static void two_who_disagree_have_no_majority(void **state)
{
	(void)state;
	begin(2, 1);
	for (unsigned i = 0; i < 20; i++) {
		votes("du", 50, CANARY_NONE);
		regions_conclude(&r, START + i * 2500);
	}
	assert_int_equal(regions_quarantined(&r), 0);
}

static void it_votes_again_after_30_s_below_half_of_that(void **state)
{
	(void)state;
	lasts(20000, 90, "duu", 10, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 1);
	lasts(60000, 970, "duu", 30, CANARY_NONE); /* 3 %: too little to enter, too much to leave */
	assert_int_equal(regions_quarantined(&r), 1);
	lasts(27500, 980, "duu", 20, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 1);
	lasts(0, 900, "duu", 100, CANARY_NONE); /* bad once: counted from the beginning */
	lasts(27500, 980, "duu", 20, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 1);
	lasts(2500, 980, "duu", 20, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 0);
	assert_string_equal(r.region[0].why, "");
}

static void only_a_minority_is_quarantined_for_disagreeing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		votes("duu", 50, CANARY_NONE);
		votes("udu", 50, CANARY_NONE);
		votes("uud", 50, CANARY_NONE);
		regions_conclude(&r, START + i * 2500);
	}
	assert_int_equal(__builtin_popcount(regions_quarantined(&r)), 1);
}

static void a_canary_that_fails_only_from_there_is_quarantine(void **state)
{
	(void)state;
	lasts(5000, 10, "udu", 1, CANARY_UP);
	assert_int_equal(regions_quarantined(&r), 2);
	assert_string_equal(r.region[1].why, "1 of its 1 canaries fail only from there");
}

static void a_canary_that_fails_everywhere_is_a_bad_canary(void **state)
{
	(void)state;
	lasts(60000, 10, "ddd", 1, CANARY_UP);
	assert_int_equal(regions_quarantined(&r), 0);
}

static void an_always_down_canary_that_answers_is_quarantine(void **state)
{
	(void)state;
	lasts(5000, 10, "ddu", 1, CANARY_DOWN);
	assert_int_equal(regions_quarantined(&r), 4);
	assert_string_equal(r.region[2].why, "a canary that is always down answers there");
	lasts(32500, 10, "ddd", 1, CANARY_DOWN);
	assert_int_equal(regions_quarantined(&r), 0);
}

static void quarantine_outlives_a_restart(void **state)
{
	(void)state;
	regions_remember_quarantine(&r, "us", "it disagrees");
	assert_int_equal(regions_quarantined(&r), 2);
	lasts(27500, 100, "uuu", 0, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 2);
	lasts(5000, 100, "uuu", 0, CANARY_NONE);
	assert_int_equal(regions_quarantined(&r), 0);
}

/* So many names of which so many are not resolved, in the first region, for so long. */
static void names_last(unsigned ms, unsigned names, unsigned unresolved, unsigned unseen)
{
	for (unsigned passed = 0; passed <= ms; passed += 2500) {
		for (unsigned i = 0; i < names; i++)
			regions_tally_name(&r, 0, i < unresolved ? NAME_UNRESOLVED : i < unresolved + unseen ? NAME_UNSEEN : NAME_KNOWN);
		regions_tally_name(&r, 1, NAME_KNOWN);
		regions_conclude(&r, now_ms);
		now_ms += 2500;
	}
}

static void a_resolver_fails_when_more_than_half_of_the_names_do_for_some_seconds(void **state)
{
	(void)state;
	names_last(20000, 100, 50, 0);
	assert_int_equal(regions_resolver_fails(&r), 0);
	names_last(2500, 100, 51, 0);
	assert_int_equal(regions_resolver_fails(&r), 0);
	names_last(0, 100, 51, 0);
	assert_int_equal(regions_resolver_fails(&r), 1);
	assert_int_equal(regions_quarantined(&r), 0); /* it votes on */
}

static void a_few_names_that_fail_are_somebody_s_own_trouble(void **state)
{
	(void)state;
	names_last(60000, 4, 4, 0);
	assert_int_equal(regions_resolver_fails(&r), 0);
	names_last(60000, 5, 5, 0);
	assert_int_equal(regions_resolver_fails(&r), 1);
}

static void names_that_nobody_looked_at_count_neither_way(void **state)
{
	(void)state;
	names_last(10000, 100, 10, 85);
	assert_int_equal(regions_resolver_fails(&r), 1);
	names_last(60000, 100, 0, 100); /* its engine died: that is told by another word */
	assert_int_equal(regions_resolver_fails(&r), 1);
}

static void a_failing_resolver_is_well_again_after_ten_seconds_below_a_quarter(void **state)
{
	(void)state;
	names_last(10000, 100, 100, 0);
	names_last(60000, 100, 26, 0);
	assert_int_equal(regions_resolver_fails(&r), 1);
	names_last(7500, 100, 25, 0);
	assert_int_equal(regions_resolver_fails(&r), 1);
	names_last(0, 100, 0, 0);
	assert_int_equal(regions_resolver_fails(&r), 0);
}

static void a_region_without_names_has_no_failing_resolver(void **state)
{
	(void)state;
	regions_remember_resolver(&r, "eu");
	assert_int_equal(regions_resolver_fails(&r), 1);
	names_last(10000, 0, 0, 0);
	assert_int_equal(regions_resolver_fails(&r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_region_is_silent_20_s_after_its_last_engine_was_heard, fresh),
		cmocka_unit_test_setup(an_older_beat_does_not_take_back_a_newer_one, fresh),
		cmocka_unit_test_setup(a_shard_without_an_engine_is_silent_alone, fresh),
		cmocka_unit_test_setup(who_is_not_there_when_we_start_has_10_s, fresh),
		cmocka_unit_test_setup(who_was_silent_before_a_restart_is_silent_after_it, fresh),
		cmocka_unit_test_setup(after_redis_was_away_silence_is_counted_anew, fresh),
		cmocka_unit_test_setup(five_percent_of_disagreement_for_15_s_is_quarantine, fresh),
		cmocka_unit_test_setup(saying_up_against_the_majority_counts_too, fresh),
		cmocka_unit_test_setup(less_than_five_percent_or_few_targets_are_no_quarantine, fresh),
		cmocka_unit_test_setup(a_short_disagreement_is_none, fresh),
		cmocka_unit_test_setup(two_who_disagree_have_no_majority, fresh),
		cmocka_unit_test_setup(it_votes_again_after_30_s_below_half_of_that, fresh),
		cmocka_unit_test_setup(only_a_minority_is_quarantined_for_disagreeing, fresh),
		cmocka_unit_test_setup(a_canary_that_fails_only_from_there_is_quarantine, fresh),
		cmocka_unit_test_setup(a_canary_that_fails_everywhere_is_a_bad_canary, fresh),
		cmocka_unit_test_setup(an_always_down_canary_that_answers_is_quarantine, fresh),
		cmocka_unit_test_setup(quarantine_outlives_a_restart, fresh),
		cmocka_unit_test_setup(a_resolver_fails_when_more_than_half_of_the_names_do_for_some_seconds, fresh),
		cmocka_unit_test_setup(a_few_names_that_fail_are_somebody_s_own_trouble, fresh),
		cmocka_unit_test_setup(names_that_nobody_looked_at_count_neither_way, fresh),
		cmocka_unit_test_setup(a_failing_resolver_is_well_again_after_ten_seconds_below_a_quarter, fresh),
		cmocka_unit_test_setup(a_region_without_names_has_no_failing_resolver, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
