/* test_decide.c - sets of results and what they come to.  A set is written as text (scene.h says how), the decision
 * as a word:
 *	down service|partial, path, up, new; with "slow", "lossy", and "blind" where too few may vote. */
#include "alerts/decide.h"
#include "tests/unit/alerts/scene.h"

static struct region_history regions[REGIONS_MAX];
static struct decision d;

/* Decides at at_s; silent and quarantined: regions as bits. */
static const char *with(const char *text, double at_s, unsigned silent, unsigned quarantined)
{
	static struct scene s;
	static char word[80];
	struct decide_in in = {.interval_ms = 60000, .slow_ms = 500, .region = regions};

	scene_begin(&s, 1);
	scene_read(&s, text);
	memset(regions, 0, sizeof(regions));
	for (unsigned i = 0; i < s.results; i++) {
		struct look l;
		uint8_t address[16];
		look_of_result(&l, address, &s.list[i].result);
		history_add(&regions[s.list[i].region], &l, address);
	}
	for (const char *at = text; *at; at++)
		in.regions += *at == ':';
	in.silent = (uint16_t)silent;
	in.quarantined = (uint16_t)quarantined;
	in.now_ms = SCENE_T0 + (uint64_t)(at_s * 1000 + 0.5);
	decide(&in, &d);
	snprintf(word, sizeof(word), "%s%s%s%s%s", d.down ? "down " : d.path ? "path" : d.opened ? "up" : "new",
		 d.down ? watch_scope_names[d.scope] : "", d.is.slow ? " slow" : "", d.is.lossy ? " lossy" : "", d.blind ? " blind" : "");
	return word;
}

static const char *decided(const char *text, double at_s)
{
	return with(text, at_s, 0, 0);
}

static void nothing_is_new_and_blind(void **state)
{
	(void)state;
	assert_string_equal(decided("eu:\nus:\nap:", 1), "new blind");
	assert_string_equal(decided("eu: 1o\nus:\nap:", 1), "up blind");
	assert_string_equal(decided("eu: 1o\nus: 2o\nap:", 3), "up");
}

static void a_single_failure_never_decides(void **state)
{
	static const char kinds[] = "CFRJUNWT";
	char text[60];
	(void)state;
	for (const char *kind = kinds; *kind; kind++) {
		snprintf(text, sizeof(text), "eu: 1o 60%c\nus: 2o\nap: 3o", *kind);
		assert_string_equal(decided(text, 61), "up");
		snprintf(text, sizeof(text), "eu: 1%c\nus:\nap:", *kind);
		assert_string_equal(decided(text, 2), "new blind");
		snprintf(text, sizeof(text), "eu: 1%c", *kind);
		assert_string_equal(decided(text, 2), "new");
	}
}

static void strong_evidence_needs_one_result_a_region_and_weak_needs_two(void **state)
{
	char text[80];
	(void)state;
	for (const char *kind = "CJNWT"; *kind; kind++) {
		snprintf(text, sizeof(text), "eu: 60%c\nus: 60.1%c1\nap: 2o", *kind, *kind);
		assert_string_equal(decided(text, 61), "down service");
		assert_int_equal(d.since_ms, SCENE_T0 + 60000);
	}
	for (const char *kind = "FRU"; *kind; kind++) {
		snprintf(text, sizeof(text), "eu: 60%c 63%c1\nus: 63%c1\nap: 2o", *kind, *kind, *kind);
		assert_string_equal(decided(text, 67), "up");
		snprintf(text, sizeof(text), "eu: 60%c 63%c1\nus: 63%c1 65%c2\nap: 2o", *kind, *kind, *kind, *kind);
		assert_string_equal(decided(text, 69), "down service");
	}
}

static void an_open_one_ends_the_run_and_an_unknown_one_does_not(void **state)
{
	(void)state;
	assert_string_equal(decided("eu: 60F 63o1 65F2\nus: 60F 63o1 65F2", 69), "up");
	assert_string_equal(decided("eu: 60F 63?1 65F2\nus: 60F 63?1 65F2", 69), "down service");
}

static void unknown_results_are_no_votes(void **state)
{
	(void)state;
	assert_string_equal(decided("eu: 60? 61X\nus: 60? 61?\nap: 60X", 62), "new blind");
	assert_string_equal(decided("eu: 60C 61C1\nus: 60?\nap: 60?", 62), "new blind");
}

static void down_takes_two_and_more_than_half_of_those_who_vote(void **state)
{
	(void)state;
	assert_string_equal(decided("a: 60C\nb: 60C", 61), "down service");
	assert_string_equal(decided("a: 60C\nb: 59o", 61), "up");
	assert_string_equal(decided("a: 60C\nb: 60C\nc: 50o", 61), "down service");
	assert_string_equal(decided("a: 60C\nb: 60C\nc: 1o 61o", 62), "down partial");
	assert_string_equal(decided("a: 60C\nb: 60C\nc: 1o 61o\nd: 1o 61o", 62), "path");
	assert_string_equal(decided("a: 60C\nb: 60C\nc: 60C\nd: 1o 61o\ne: 1o 61o", 62), "down partial");
	assert_string_equal(decided("a: 60C\nb: 60C\nc: 1o 61o\nd: 60?\ne: 60?", 62), "down partial"); /* three vote */
}

static void a_minority_is_a_path_issue_only_when_others_have_seen_it_open_since(void **state)
{
	(void)state;
	assert_string_equal(decided("a: 60C 61C1\nb: 40o\nc: 50o", 62), "up");
	assert_string_equal(decided("a: 60C 61C1\nb: 40o 61o1\nc: 50o", 62), "path");
	assert_int_equal(d.since_ms, SCENE_T0 + 60000);
	assert_int_equal(d.verdict, VERDICT_CLOSED);
}

static void a_vote_expires_after_two_and_a_half_intervals(void **state)
{
	(void)state;
	assert_string_equal(decided("a: 60C\nb: 60C\nc: 60C", 210), "down service");
	assert_int_equal(d.voters, 3);
	assert_string_equal(decided("a: 60C\nb: 60C\nc: 1o 180o\nd: 1o 180o", 210), "path");
	assert_string_equal(decided("a: 60C\nb: 60C\nc: 1o 180o\nd: 1o 180o", 210.002), "up");
	assert_int_equal(d.next_ms, SCENE_T0 + 330001);
	assert_string_equal(decided("a: 60o\nb: 60o", 211), "up blind");
	assert_true(d.expired);
}

static void a_quarantined_or_silent_region_abstains(void **state)
{
	(void)state;
	assert_string_equal(with("a: 60C\nb: 60C\nc: 61o", 62, 0, 1), "path");
	assert_string_equal(with("a: 60C\nb: 60C\nc: 50o", 62, 4, 0), "down service");
	assert_string_equal(with("a: 60o\nb: 60o\nc: 60o", 62, 6, 0), "up blind");
	assert_false(d.expired);
}

static void who_falls_silent_after_seeing_it_open_still_counts_against_down(void **state)
{
	(void)state;
	assert_string_equal(with("a: 60C\nb: 60C\nc: 1o 61o\nd: 1o 61o\ne: 1o 61o", 62, 0x1c, 0), "path");
	assert_int_equal(d.against, 3);
	assert_string_equal(with("a: 60C\nb: 60C\nc: 59o\nd: 59o\ne: 59o", 62, 0x1c, 0), "down service");
}

static void two_that_a_third_contradicts_must_last_thirty_seconds_unless_their_evidence_is_strong(void **state)
{
	(void)state;
	assert_string_equal(decided("a: 60F 63F1 65F2\nb: 63F1 65F2\nc: 1o 63o1", 69), "path");
	assert_true(d.lasting);
	assert_string_equal(decided("a: 60F 63F1 65F2 92F3\nb: 63F1 65F2 92F3\nc: 1o 63o1", 96), "path");
	assert_string_equal(decided("a: 60F 63F1 65F2 93F3\nb: 63F1 65F2 93F3\nc: 1o 63o1", 97), "down partial");
	assert_false(d.lasting);
	assert_string_equal(decided("a: 60C 63C1\nb: 63C1\nc: 1o 63o1", 65), "down partial");
	/* a round has the slot of the failure, where all is within a millisecond */
	assert_string_equal(decided("a: 60C 60C1\nb: 60C1\nc: 1o 60o1", 60.002), "down partial");
	assert_string_equal(decided("a: 60F 63F1\nb: 63F1 65F2\nc: 1o", 69), "down service"); /* nobody contradicts */
	assert_string_equal(decided("a: 60F 63F1\nb: 63F1 65F2\nc: 63F1 65F2\nd: 1o 63o1\ne: 1o 63o1", 69), "down partial"); /* three */
}

static void from_one_place_it_takes_three_failures_over_thirty_seconds(void **state)
{
	(void)state;
	assert_string_equal(decided("eu: 1o 60C 60.1C1 75C2", 76), "up");
	assert_string_equal(decided("eu: 1o 60C 90C1", 91), "up");
	assert_string_equal(decided("eu: 1o 60C 60.1C1 90C2", 91), "down service");
	assert_string_equal(decided("eu: 1o 60F 75o1 90F2 95F3", 99), "up");
}

static void down_ends_when_most_have_seen_it_open_twice_fifteen_seconds_apart(void **state)
{
	(void)state;
	assert_string_equal(decided("a: 60C 61o\nb: 60C 61o\nc: 60C 61o", 62), "down service");
	assert_string_equal(decided("a: 60C 61o 75o\nb: 60C 61o 75o\nc: 60C 61o 75o", 76), "down service");
	assert_string_equal(decided("a: 60C 61o 76o\nb: 60C 61o 75o\nc: 60C 61o 75o", 77), "down service");
	assert_string_equal(decided("a: 60C 61o 76o\nb: 60C 61o 76o\nc: 60C 61o 75o", 77), "up");
	assert_string_equal(decided("a: 60C 61o 76o\nb: 60C 61o 76o\nc: 60C 75C", 77), "path");
}

static void what_was_never_down_together_is_not_down_while_it_recovers(void **state)
{
	(void)state;
	assert_string_equal(decided("a: 60C 61C1 70o\nb: 80C 81C1\nc: 62o 82o", 83), "path");
	assert_string_equal(decided("a: 60C 61C1 70o\nb: 65C 66C1\nc: 62o 82o", 83), "down partial");
}

static void slow_and_lossy_need_the_same_quorum(void **state)
{
	(void)state;
	assert_string_equal(decided("a: 1s 60s\nb: 1s 60s\nc: 1o 60o", 61), "up slow");
	assert_string_equal(decided("a: 1s 60s\nb: 1o 60s\nc: 1o 60o", 61), "up");
	assert_int_equal(d.quality, SCOPE_NONE);
	assert_string_equal(decided("a: 1l 60l\nb: 1l 60l\nc: 1o 60o", 61), "up lossy");
	assert_int_equal(d.quality, SCOPE_PARTIAL);
	assert_string_equal(decided("a: 1l 60l\nb: 1l 60l\nc: 1s 60s", 61), "up lossy");
	assert_int_equal(d.quality, SCOPE_SERVICE);
	assert_string_equal(decided("a: 1s 60s 61o\nb: 1s 60s 61o\nc: 1o", 62), "up slow");
	assert_string_equal(decided("a: 1s 60s 61o 62o 63o\nb: 1s 60s 61o 62o 63o\nc: 1o", 64), "up");
}

static void before_the_oldest_result_kept_of_any_region_nothing_is_decided(void **state)
{
	(void)state;
	/* c and d have had more looks: what they saw at 60 s is gone, so a and b must not become a majority of two */
	assert_string_equal(decided("a: 60C 61C1 100o\nb: 60C 61C1 101o\nc: 90o 91o 92o 93o 94o 95o 96o 97o\nd: 90o 91o 92o 93o 94o 95o 96o 97o", 102),
			    "up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_new_and_blind),
		cmocka_unit_test(a_single_failure_never_decides),
		cmocka_unit_test(strong_evidence_needs_one_result_a_region_and_weak_needs_two),
		cmocka_unit_test(an_open_one_ends_the_run_and_an_unknown_one_does_not),
		cmocka_unit_test(unknown_results_are_no_votes),
		cmocka_unit_test(down_takes_two_and_more_than_half_of_those_who_vote),
		cmocka_unit_test(a_minority_is_a_path_issue_only_when_others_have_seen_it_open_since),
		cmocka_unit_test(a_vote_expires_after_two_and_a_half_intervals),
		cmocka_unit_test(a_quarantined_or_silent_region_abstains),
		cmocka_unit_test(who_falls_silent_after_seeing_it_open_still_counts_against_down),
		cmocka_unit_test(two_that_a_third_contradicts_must_last_thirty_seconds_unless_their_evidence_is_strong),
		cmocka_unit_test(from_one_place_it_takes_three_failures_over_thirty_seconds),
		cmocka_unit_test(down_ends_when_most_have_seen_it_open_twice_fifteen_seconds_apart),
		cmocka_unit_test(what_was_never_down_together_is_not_down_while_it_recovers),
		cmocka_unit_test(slow_and_lossy_need_the_same_quorum),
		cmocka_unit_test(before_the_oldest_result_kept_of_any_region_nothing_is_decided),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
