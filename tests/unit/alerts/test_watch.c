/* test_watch.c - one monitor through its stories: what is asked, what is decided, what is told. */
#include "tests/unit/alerts/scene.h"

static struct scene s;

static int end(void **state)
{
	(void)state;
	scene_end(&s);
	return 0;
}

static void a_monitor_is_new_until_two_regions_have_looked(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o\nus: 21o\nap: 41o", 20);
	scene_state(&s, WATCH_NEW);
	scene_until(&s, 22);
	scene_state(&s, WATCH_UP);
	scene_until(&s, 60);
	scene_expect(&s, "");
}

static void a_certificate_that_ends_soon_is_degraded_with_its_sentence_also_after_a_restart(void **state)
{
	(void)state;
	for (unsigned killed = 0; killed < 2; killed++) {
		scene_begin(&s, 2);
		s.killed = killed;
		scene_play(&s, "eu: 1o 61d 121d 181d\n"
			       "us: 31o 91d 151d 211d",
			   212);
		scene_state(&s, WATCH_DEGRADED);
		scene_expect(&s, "91.01 degraded #1 service open soon notice\n");
		assert_string_equal(watch_said(s.watch), "expires in 5 days");
		assert_string_equal(watch_fault(s.watch), "expires in 5 days");
		scene_play(&s, "eu: 241o\n"
			       "us: 271o",
			   272);
		scene_state(&s, WATCH_DEGRADED);
		scene_play(&s, "eu: 301o", 302);
		scene_state(&s, WATCH_UP);
		scene_expect(&s, "301.01 degraded #1 service ends open soon notice\n");
		scene_end(&s);
	}
	scene_begin(&s, 1);
}

static void what_was_wrong_is_still_known_when_another_region_has_seen_a_good_certificate(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	s.quiet = true;
	scene_play(&s, "eu: 1g 60T 60.1T1 62.1T2\nus: 21g 60.1T1 62.1T2\nap: 41g 60.1g1 62.1g2", 63);
	scene_state(&s, WATCH_DOWN);
	assert_string_equal(watch_said(s.watch), "expires in 80 days");
	assert_string_equal(watch_fault(s.watch), "wrong name: has b, wants a");
	scene_end(&s);
	scene_begin(&s, 1);
}

/* Keeps the last state that was to be saved. */
static json_t *saved;
static void save_if_changed(struct scene *scene, const struct watch_actions *a)
{
	if (!a->changed)
		return;
	json_decref(saved);
	saved = watch_save(scene->watch, scene_regions);
}

static void what_is_looked_at_every_six_hours_is_still_known_when_another_process_takes_over(void **state)
{
	char why[200];
	(void)state;
	scene_begin(&s, 2);
	s.rule.interval_ms = 6 * 3600 * 1000;
	s.seen = save_if_changed;
	scene_play(&s, "eu: 1o 21601o 43201o 64801o 86401o 108001o 129601o\n"
		       "us: 31o 21631o 43231o 64831o 86431o 108031o 129631o",
		   129700);
	scene_state(&s, WATCH_UP);
	struct watch *other = watch_new(&s.rule);
	struct watch_actions actions;
	assert_true(watch_load(other, saved, scene_regions, 2, why, sizeof(why)));
	watch_tick(other, &s.env, &actions);
	assert_int_equal(watch_state(other), WATCH_UP);
	assert_int_equal(actions.events, 0);
	watch_free(other);
	json_decref(saved);
	saved = NULL;
}

static void a_closed_port_is_down_as_soon_as_a_second_region_confirms_it(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60C 60.01C1\n"
		       "us: 21o     60.01C1\n"
		       "ap: 41o     60.01C1",
		   61);
	scene_expect(&s, "60.01 ask 1\n"
			 "60.02 down #1 service closed page\n");
	scene_state(&s, WATCH_DOWN);
	assert_int_equal(watch_scope(s.watch), SCOPE_SERVICE);
	assert_int_equal(watch_since_ms(s.watch), SCENE_T0 + 60000);
}

static void a_filtered_port_is_down_after_both_probes_of_the_round(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60F 63.2F1 65.2F2\n"
		       "us: 21o     63.2F1 65.2F2\n"
		       "ap: 41o     63.2F1 65.2F2",
		   70);
	scene_expect(&s, "63.20 ask 1\n"
			 "65.20 ask 2\n"
			 "68.40 down #1 service filtered page\n");
}

static void one_failure_that_nobody_confirms_is_nothing(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60F 63.2o1 65.2o2\n"
		       "us: 21o     63.2o1 65.2o2\n"
		       "ap: 41o     63.2o1 65.2o2",
		   400);
	scene_expect(&s, "63.20 ask 1\n"
			 "65.20 ask 2\n"
			 "215.20 unknown #1 none notice\n"); /* nobody looks any more: 2.5 intervals later no vote stands */
}

static void a_down_is_told_with_all_answers_but_waits_half_a_second_for_them_at_most(void **state)
{
	(void)state;
	scene_begin(&s, 5);
	scene_play(&s, "eu: 1o  60C 60.01C1\n"
		       "us: 13o     60.01C1\n"
		       "ap: 25o     60.01C1\n"
		       "sa: 37o     60.01F1 62.01F2\n"
		       "af: 49o     60.01F1 62.01F2",
		   62.5);
	scene_expect(&s, "60.01 ask 1\n"
			 "60.52 down #1 service closed page\n"
			 "62.01 ask 2\n");
	scene_end(&s);
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60C 60.01C1\n"
		       "us: 21o     60.01C1\n"
		       "ap: 41o     60.2C1",
		   61);
	scene_expect(&s, "60.01 ask 1\n"
			 "60.21 down #1 service closed page\n");
}

static void a_majority_is_partial_when_somebody_has_seen_it_open_since(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60C 60.01C1\n"
		       "us: 21o     60.01o1 62.01o2\n"
		       "ap: 41o             62.01C2",
		   62.5);
	scene_expect(&s, "60.01 ask 1\n"
			 "62.01 ask 2\n"
			 "62.02 down #1 partial closed page\n");
}

static void two_against_one_are_asked_again_until_it_has_lasted(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60F 63.2F1 65.2F2 80.2F3 95.2F4\n"
		       "us: 21o     63.2F1 65.2F2 80.2F3 95.2F4\n"
		       "ap: 41o     63.2o1 65.2o2 80.2o3 95.2o4",
		   99);
	scene_expect(&s, "63.20 ask 1\n"
			 "65.20 ask 2\n"
			 "80.20 ask 3\n"
			 "95.20 ask 4\n"
			 "98.40 down #1 partial filtered page\n");
}

static void two_of_four_are_no_majority(void **state)
{
	(void)state;
	scene_begin(&s, 4);
	scene_play(&s, "eu: 1o  60C 60.01C1 62.01C2\n"
		       "us: 16o     60.01C1 62.01C2\n"
		       "ap: 31o     60.01o1 62.01o2\n"
		       "sa: 46o     60.01o1 62.01o2",
		   80);
	scene_expect(&s, "60.01 ask 1\n62.01 ask 2\n");
	scene_state(&s, WATCH_PATH);
	assert_int_equal(watch_scope(s.watch), SCOPE_PATH);
}

static void a_path_issue_is_a_notice_after_five_minutes_and_is_not_confirmed_again(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60C 60.01C1 62.01C2 120C 180C 240C 300C 360C 420o\n"
		       "us: 21o     60.01o1 62.01o2 81o 141o 201o 261o 321o 381o\n"
		       "ap: 41o     60.01o1 62.01o2 101o 161o 221o 281o 341o 401o",
		   430);
	scene_expect(&s, "60.01 ask 1\n"
			 "62.01 ask 2\n"
			 "360.02 path #1 path closed notice\n"
			 "420.01 path #1 path ends closed notice\n");
}

static void a_path_issue_that_heals_within_five_minutes_is_not_told_at_all(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60C 60.01C1 62.01C2 120C 180o\n"
		       "us: 21o     60.01o1 62.01o2 81o 141o\n"
		       "ap: 41o     60.01o1 62.01o2 101o 161o",
		   190);
	scene_expect(&s, "60.01 ask 1\n62.01 ask 2\n");
	scene_state(&s, WATCH_UP);
}

static void a_second_region_that_joins_a_path_issue_is_confirmed_at_once(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60F 63.2F1 65.2F2 120F     144.2F1 146.2F2\n"
		       "us: 21o     63.2o1 65.2o2 81o 141F 144.2F1 146.2F2\n"
		       "ap: 41o     63.2o1 65.2o2 101o     144.2F1 146.2F2",
		   150);
	scene_expect(&s, "63.20 ask 1\n"
			 "65.20 ask 2\n"
			 "144.20 ask 1\n"
			 "146.20 ask 2\n"
			 "147.40 down #1 service filtered page\n"); /* ap's newest is no longer open */
}

static void a_second_region_with_strong_evidence_makes_a_path_issue_down_at_once(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60C 60.01C1 62.01C2 120C\n"
		       "us: 21o     60.01o1 62.01o2 81o 141C\n"
		       "ap: 41o     60.01o1 62.01o2 101o",
		   142);
	scene_expect(&s, "60.01 ask 1\n"
			 "62.01 ask 2\n"
			 "141.01 down #1 partial closed page\n"
			 "141.01 ask 3\n");
}

static void an_inconclusive_round_is_repeated_but_not_endlessly(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	s.rule.interval_ms = 5000;
	scene_play(&s, "eu: 1o 6F 11F 16F 21F 26o\n"
		       "us: 2o 7o 12o 17o 22o 27o\n"
		       "ap: 3o 8o 13o 18o 23o 28o",
		   30);
	/* eu's two rounds are lost on the way; its weak failures are two from 11 s on, so nothing is left to ask */
	scene_expect(&s, "9.20 ask 1\n11.20 ask 2\n");
}

static void from_one_place_it_takes_thirty_seconds(void **state)
{
	(void)state;
	scene_begin(&s, 1);
	scene_play(&s, "eu: 1o 61C 61.01C1 63.01C2 76.01C3 91.01C4", 95);
	scene_expect(&s, "61.01 ask 1\n"
			 "63.01 ask 2\n"
			 "76.01 ask 3\n"
			 "91.01 ask 4\n"
			 "91.02 down #1 service closed page\n");
}

static void a_quick_monitor_is_decided_in_intervals_and_not_in_seconds(void **state)
{
	(void)state;
	scene_begin(&s, 1);
	s.rule.interval_ms = 2000;
	s.quiet = true;
	scene_play(&s, "eu: 1o 3C 3.01C1 5C 5.01C2 7C 9C 11C 13o 15o 17o 19o", 20);
	scene_expect(&s, "7.01 down #1 service closed page\n"
			 "17.01 up #1 service closed page\n");
}

static void from_one_place_an_open_one_ends_the_asking(void **state)
{
	(void)state;
	scene_begin(&s, 1);
	scene_play(&s, "eu: 1o 61C 61.01C1 63.01o2 121o", 130);
	scene_expect(&s, "61.01 ask 1\n63.01 ask 2\n");
	scene_state(&s, WATCH_UP);
}

static void it_is_up_when_most_have_seen_it_open_twice_fifteen_seconds_apart(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o  60C 60.01C1 62.01C2 77.01C3 92.01o4 107.01o5\n"
		       "us: 21o     60.01C1 62.01C2 77.01C3 92.01o4 107.01o5\n"
		       "ap: 41o     60.01C1 62.01C2 77.01C3 92.01o4 107.01o5",
		   110);
	scene_expect(&s, "60.01 ask 1\n"
			 "60.02 down #1 service closed page\n"
			 "62.01 ask 2\n"
			 "77.01 ask 3\n"
			 "92.01 ask 4\n"
			 "107.01 ask 5\n"
			 "107.02 up #1 service closed page\n");
	scene_state(&s, WATCH_UP);
}

static void a_good_second_in_between_does_not_end_a_down(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	scene_play(&s, "eu: 1o  60C 60.01C1 62.01C2 77.01o3 92.01C4 107.01o5\n"
		       "us: 31o     60.01C1 62.01C2 77.01o3 92.01C4 107.01o5",
		   121);
	scene_expect(&s, "60.02 down #1 service closed page\n");
	scene_state(&s, WATCH_DOWN);
}

static void slow_by_the_quorum_is_degraded_and_ends_only_after_three_good_looks(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	scene_play(&s, "eu: 1o 60s 120s 180s 240o 300s 360o 420o 480o\n"
		       "us: 31o 91s 151s 211s 271o 331o 391o 451o 511o",
		   520);
	scene_expect(&s, "151.01 degraded #1 service open slow notice\n"
			 "391.01 degraded #1 service ends open slow notice\n");
	scene_state(&s, WATCH_UP);
}

static void lost_syns_by_the_quorum_are_degraded(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o 60l 120l\nus: 21o 81l 141l\nap: 41o 101o 161o", 165);
	scene_expect(&s, "141.01 degraded #1 partial open lossy notice\n");
	scene_state(&s, WATCH_DEGRADED);
}

static void one_slow_region_is_no_degraded_service(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o 60s 120s\nus: 21o 81o 141o\nap: 41o 101o 161o", 165);
	scene_expect(&s, "");
}

static void it_is_unknown_when_fewer_than_two_regions_can_vote_for_two_intervals(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o 61o 121? 181? 241? 301o\n"
		       "us: 21o 81o 141? 201? 261? 321o\n"
		       "ap: 41o 101o 161o 221o 281o 341o",
		   330);
	scene_expect(&s, "231.00 unknown #1 none notice\n"
			 "301.01 unknown #1 ends none notice\n");
	scene_state(&s, WATCH_UP);
}

static void silent_engines_make_it_unknown_after_two_intervals_and_never_down(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o 61o\nus: 21o 81o\nap: 41o 101o", 110);
	s.env.silent = 7;
	scene_tick(&s);
	scene_until(&s, 229);
	scene_expect(&s, "");
	scene_state(&s, WATCH_UP);
	scene_until(&s, 240);
	scene_expect(&s, "230.00 unknown #1 none notice not: regions are silent or quarantined, which is told once for all monitors\n");
	s.env.silent = 0; /* the engines are back, their results not yet */
	scene_tick(&s);
	scene_expect(&s, "");
}

static void engines_that_die_are_not_told_by_each_quick_monitor_before_it_is_known(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.rule.interval_ms = 2000;
	s.quiet = true;
	scene_play(&s, "eu: 1o 3o\nus: 2o 4o", 22);
	scene_state(&s, WATCH_UNKNOWN);
	scene_expect(&s, "");
	s.env.silent = 3; /* 20 s after the last heartbeat */
	scene_until(&s, 100);
	scene_expect(&s, "26.00 unknown #1 none notice not: regions are silent or quarantined, which is told once for all monitors\n");
	scene_end(&s);

	scene_begin(&s, 2); /* they live, and their results are missing: that is told */
	s.rule.interval_ms = 2000;
	scene_play(&s, "eu: 1o 3o\nus: 2o 4o", 100);
	scene_expect(&s, "26.00 unknown #1 none notice\n");
}

static void a_process_that_was_just_started_waits_for_its_first_look_before_it_says_unknown(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	scene_play(&s, "eu: 1o 61o\nus: 31o 91o", 100);
	s.env.looking_since_ms = SCENE_T0 + 1000000; /* nobody looked for a quarter of an hour */
	scene_until(&s, 1063);
	scene_state(&s, WATCH_UP);
	scene_until(&s, 1064);
	scene_expect(&s, "1063.20 unknown #1 none notice\n");
}

static void a_down_goes_through_unknown_without_an_up_and_is_paired_afterwards(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	scene_play(&s, "eu: 1o  60C 60.01C1 500o 530o 560o\n"
		       "us: 31o     60.01C1 500o 530o 560o",
		   100);
	s.env.silent = 3;
	scene_tick(&s);
	scene_state(&s, WATCH_DOWN);
	scene_until(&s, 499);
	scene_state(&s, WATCH_UNKNOWN);
	s.env.silent = 0;
	scene_tick(&s);
	scene_until(&s, 520);
	scene_state(&s, WATCH_DOWN); /* one look is not two */
	scene_until(&s, 540);
	scene_expect(&s, "60.02 down #1 service closed page\n"
			 "210.01 unknown #2 none notice not: regions are silent or quarantined, which is told once for all monitors\n"
			 "500.01 unknown #2 ends none notice not: its beginning was not told\n"
			 "530.01 up #1 service closed page\n");
}

static void a_name_that_no_resolver_knows_is_unknown_and_told_for_itself_only_where_most_are_well(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	scene_play(&s, "eu: 0o 60V 120V 180V 240V\nus: 30o 90V 150V 210V\n", 70);
	assert_int_equal(watch_name_look(s.watch, 0, s.env.now_ms), NAME_UNRESOLVED);
	assert_int_equal(watch_name_look(s.watch, 1, s.env.now_ms), NAME_KNOWN);
	assert_int_equal(watch_name_look(s.watch, 2, s.env.now_ms), NAME_UNSEEN);
	s.env.unresolved = 3;
	scene_until(&s, 290);
	scene_state(&s, WATCH_UNKNOWN);
	scene_expect(&s, "150.00 unknown #1 none notice not: the resolver of its regions fails, which is told once for all monitors\n");
	s.env.unresolved = 0; /* it answers again; the next looks are still to come */
	scene_play(&s, "eu: 300o\nus: 330o\n", 340);
	scene_state(&s, WATCH_UP);
	scene_expect(&s, "330.01 unknown #1 ends none notice not: its beginning was not told\n");
	scene_until(&s, 600);
	assert_int_equal(watch_name_look(s.watch, 0, s.env.now_ms), NAME_UNSEEN);
	scene_end(&s);
	scene_begin(&s, 2);
	scene_play(&s, "eu: 0o 60V 120V 180V 240V\nus: 30o 90V 150V 210V\n", 290);
	scene_expect(&s, "150.00 unknown #1 none notice\n");
}

static void regions_that_fall_silent_do_not_turn_a_path_issue_into_a_down(void **state)
{
	(void)state;
	scene_begin(&s, 5);
	s.quiet = true;
	scene_play(&s, "eu: 1o  60C 60.01C1 62.01C2 120C\n"
		       "us: 13o     60.01C1 62.01C2 121C\n"
		       "ap: 25o     60.01o1 62.01o2 122o\n"
		       "sa: 37o     60.01o1 62.01o2 123o\n"
		       "af: 49o     60.01o1 62.01o2 124o",
		   130);
	s.env.silent = 0x1c;
	scene_tick(&s);
	scene_until(&s, 200);
	scene_expect(&s, "");
	scene_state(&s, WATCH_PATH);
}

static void regions_that_come_back_do_not_begin_a_down_anew_that_has_ended(void **state)
{
	const char *const told = "60.02 down #1 service closed page\n"
				 "140.01 up #1 service closed page\n";

	(void)state;
	scene_begin(&s, 5);
	s.quiet = true;
	scene_play(&s, "eu: 1o  60C 60.01C1 121o 140o\n"
		       "us: 13o     60.01C1 122o 140o\n"
		       "ap: 25o     60.01C1 114C\n" /* its last word, and it still counts: it was not silent then */
		       "sa: 37o     60.01C1 115C\n"
		       "af: 49o     60.01C1 116C",
		   118);
	s.env.silent = 0x1c;
	scene_tick(&s);
	scene_until(&s, 142);
	scene_expect(&s, told);
	s.env.silent = 0;
	s.killed = true; /* what was forgotten must not be remembered by another process */
	scene_tick(&s);
	scene_until(&s, 150);
	scene_expect(&s, "");
	scene_state(&s, WATCH_UP);
	scene_end(&s);

	scene_begin(&s, 5);
	s.quiet = true;
	scene_play(&s, "eu: 1o  60C 60.01C1 121o 140o\n"
		       "us: 13o     60.01C1 122o 140o\n"
		       "ap: 25o     60.01C1 130o\n" /* it is well again, and not believed yet */
		       "sa: 37o     60.01C1 131o\n"
		       "af: 49o     60.01C1 132o",
		   118);
	s.env.quarantined = 0x1c;
	scene_tick(&s);
	scene_until(&s, 142);
	scene_expect(&s, told);
	s.env.quarantined = 0;
	scene_tick(&s);
	scene_until(&s, 145);
	scene_expect(&s, "");
	scene_state(&s, WATCH_UP);
}

static void maintenance_keeps_a_down_back_and_one_that_outlasts_it_is_told_then(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	s.env.maintenance = "minor upgrade";
	scene_play(&s, "eu: 1o  60C 60.01C1 75C2 90C3 105o4 121o5\n"
		       "us: 31o     60.01C1 75C2 90C3 105o4 121o5",
		   90);
	scene_expect(&s, "60.02 down #1 service closed page not: maintenance: minor upgrade\n");
	s.env.maintenance = NULL;
	scene_tick(&s);
	scene_expect(&s, "90.00 down #1 service closed page late\n");
	s.env.maintenance = "again";
	scene_until(&s, 130);
	scene_expect(&s, "121.01 up #1 service closed page\n"); /* paired, even in a window */
}

static void an_up_is_not_told_if_its_down_was_not(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	s.env.maintenance = "";
	scene_play(&s, "eu: 1o  60C 60.01C1 75C2 90o3 106o4\n"
		       "us: 31o     60.01C1 75C2 90o3 106o4",
		   110);
	scene_expect(&s, "60.02 down #1 service closed page not: maintenance\n"
			 "106.01 up #1 service closed page not: its DOWN was not told\n");
}

static const char two_down[] = "eu: 1o  60C 60.01C1 75C2 90C3\nus: 31o     60.01C1 75C2 90C3";

static void a_parent_that_is_down_keeps_its_children_quiet_until_it_is_up(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	s.env.parent = PARENT_DOWN;
	s.env.parent_name = "core-switch";
	scene_play(&s, two_down, 80);
	scene_expect(&s, "60.02 down #1 service closed page not: its parent core-switch is down\n");
	s.env.parent = PARENT_UP;
	scene_tick(&s);
	scene_expect(&s, "80.00 down #1 service closed page late\n");
}

static void a_suspected_parent_is_waited_for_but_not_longer_than_a_timeout_and_three_seconds(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	s.env.parent = PARENT_SUSPECT;
	scene_play(&s, two_down, 80);
	scene_expect(&s, "66.22 down #1 service closed page\n");
}

static void a_suspected_parent_that_turns_out_to_be_down_keeps_the_child_quiet(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	s.env.parent = PARENT_SUSPECT;
	s.env.parent_name = "core-switch";
	scene_play(&s, two_down, 61);
	scene_expect(&s, "");
	s.env.parent = PARENT_DOWN;
	scene_tick(&s);
	scene_until(&s, 80);
	scene_expect(&s, "61.00 down #1 service closed page not: its parent core-switch is down\n");
}

static void a_canary_is_never_told_as_down(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	s.rule.canary = CANARY_UP;
	scene_play(&s, two_down, 80);
	scene_expect(&s, "60.02 down #1 service closed page not: a canary: it speaks about its regions, not about its target\n");
}

static void a_canary_that_is_meant_to_be_down_gives_a_notice_when_it_turns_up(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.rule.canary = CANARY_DOWN;
	scene_play(&s, "eu: 1C 60C 120C 180o 240o\nus: 31C 91C 151C 211o 271o", 280);
	scene_expect(&s, "1.01 ask 1\n"
			 "3.01 ask 2\n"
			 "31.01 down #1 service closed page not: a canary that is meant to be down\n"
			 "271.01 up #1 service closed notice\n");
}

static void a_quarantined_region_neither_votes_nor_asks(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	s.env.quarantined = 1;
	scene_play(&s, "eu: 1o 60C 120C 180C\nus: 21o 81o 141o\nap: 41o 101o 161o", 182);
	scene_expect(&s, "");
	scene_state(&s, WATCH_UP);
	assert_int_equal(watch_vote(s.watch, 0, &s.env), VOTE_ABSTAIN);
	s.env.quarantined = 0;
	assert_int_equal(watch_vote(s.watch, 0, &s.env), VOTE_DOWN);
}

/* Closed for 80 s every four minutes, so many times; then looked at once a minute until the end. */
static void flap(unsigned cycles, unsigned end_s)
{
	for (unsigned region = 0; region < 2; region++) {
		for (unsigned i = 0; i < cycles; i++) {
			const double at = 60 + 240 * i;
			scene_add(&s, region, at, 'C', 0);
			scene_add(&s, region, at + 0.02, 'C', 1);
			scene_add(&s, region, at + 60, 'o', 2);
			scene_add(&s, region, at + 80, 'o', 3);
			scene_add(&s, region, at + 140, 'o', 0);
		}
		for (unsigned at = 60 + 240 * cycles; at < end_s; at += 60)
			scene_add(&s, region, at + 30 * region, 'o', 0);
	}
}

static void flapping_is_one_message_and_one_end_message(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	flap(5, 2500);
	scene_until(&s, 2500);
	scene_expect(&s, "60.01 down #1 service closed page\n"
			 "140.01 up #1 service closed page\n"
			 "300.01 down #2 service closed page\n"
			 "380.01 up #2 service closed page\n"
			 "540.01 down #3 service closed page not: flapping\n"
			 "540.01 flapping #4 service closed page\n"
			 "620.01 up #3 service closed page not: flapping\n"
			 "780.01 down #5 service closed page not: flapping\n"
			 "860.01 up #5 service closed page not: flapping\n"
			 "1020.01 down #6 service closed page not: flapping\n"
			 "1100.01 up #6 service closed page not: flapping\n"
			 "1700.01 flapping #4 ends open page\n"); /* ten minutes of peace */
	scene_state(&s, WATCH_UP);
}

static void two_outages_in_half_an_hour_are_not_flapping(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	flap(2, 2500);
	scene_until(&s, 2500);
	scene_expect(&s, "60.01 down #1 service closed page\n"
			 "140.01 up #1 service closed page\n"
			 "300.01 down #2 service closed page\n"
			 "380.01 up #2 service closed page\n");
}

static void the_end_of_flapping_that_finds_it_down_tells_the_down(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	flap(2, 0);
	for (unsigned at = 540; at < 1300; at += 20)
		scene_add(&s, 0, at, at < 1200 ? 'C' : 'o', 1), scene_add(&s, 1, at, at < 1200 ? 'C' : 'o', 1);
	scene_until(&s, 1300);
	scene_expect(&s, "60.01 down #1 service closed page\n"
			 "140.01 up #1 service closed page\n"
			 "300.01 down #2 service closed page\n"
			 "380.01 up #2 service closed page\n"
			 "540.01 down #3 service closed page not: flapping\n"
			 "540.01 flapping #4 service closed page\n"
			 "1140.01 flapping #4 service ends closed page\n"
			 "1140.01 down #3 service closed page late\n"
			 "1220.01 up #3 service closed page\n");
}

/* Flapping that begins with an UP, so that the channels have heard DOWN. */
static void pairs_after_flapping(bool killed)
{
	scene_begin(&s, 2);
	s.quiet = true;
	s.killed = killed;
	for (unsigned i = 0; i < 3; i++)
		for (unsigned region = 0; region < 2; region++) {
			scene_add(&s, region, 60 + 540 * i, 'C', 0);
			scene_add(&s, region, 60.02 + 540 * i, 'C', 1);
			scene_add(&s, region, 180 + 540 * i, 'C', 2);
			scene_add(&s, region, 300 + 540 * i, 'C', 2);
			scene_add(&s, region, 310 + 540 * i, 'o', 2);
			scene_add(&s, region, 330 + 540 * i, 'o', 2);
			scene_add(&s, region, 450 + 540 * i, 'o', 2);
			scene_add(&s, region, 540 + 540 * i, 'o', 2);
		}
	for (unsigned at = 1620; at < 2400; at += 60)
		scene_add(&s, 0, at, 'o', 0), scene_add(&s, 1, at + 30, 'o', 0);
	scene_until(&s, 2400);
	scene_expect(&s, "60.01 down #1 service closed page\n"
			 "330.01 up #1 service closed page\n"
			 "600.01 down #2 service closed page\n"
			 "870.01 up #2 service closed page\n"
			 "1140.01 down #3 service closed page\n"
			 "1410.01 up #3 service closed page not: flapping\n"
			 "1410.01 flapping #4 open page\n"
			 "2010.01 flapping #4 ends open page\n"
			 "2010.01 up #3 open page\n");
}

static void the_end_of_flapping_pairs_a_down_that_was_told_before_it(void **state)
{
	(void)state;
	pairs_after_flapping(false);
}

static void and_does_so_if_the_process_is_killed_all_the_time(void **state)
{
	(void)state;
	pairs_after_flapping(true);
}

/* The results of regions that have fallen silent come late. */
static void a_down_does_not_begin_among_the_blind(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	s.quiet = true;
	scene_play(&s, "eu: 1o 60C\nus: 21o 60C\nap: 41o", 50);
	s.env.silent = 7;
	scene_tick(&s);
	scene_until(&s, 100);
	scene_state(&s, WATCH_UP);
	scene_expect(&s, "");
	s.env.silent = 0;
	scene_tick(&s);
	scene_until(&s, 101);
	scene_expect(&s, "100.50 down #1 service closed page\n");
}

static void a_monitor_that_nobody_has_seen_open_yet_is_not_up_while_its_failures_are_unconfirmed(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1F\nus: 2F\nap:", 10);
	scene_state(&s, WATCH_NEW);
}

static void a_failure_that_comes_late_and_is_not_the_newest_of_its_region_asks_for_nothing(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	scene_play(&s, "eu: 1o 60F 61o1\nus: 31o", 70); /* filtered is known at 63.2 s, open at 61.01 s */
	scene_expect(&s, "");
}

static void what_was_told_is_ended_when_a_monitor_is_removed(void **state)
{
	struct watch_actions a;
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	scene_play(&s, two_down, 80);
	watch_end(s.watch, &s.env, &a);
	scene_write(&s, &a);
	scene_expect(&s, "60.02 down #1 service closed page\n80.00 up #1 service closed page\n");
	scene_state(&s, WATCH_NEW);
}

static void a_changed_monitor_keeps_what_it_knows_of_the_regions_that_stay(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	scene_play(&s, "eu: 1o\nus: 21o\nap: 41o", 50);
	s.rule.region_mask = 0xe; /* without eu, with sa */
	s.rule.regions = 4;
	s.watch = watch_change(s.watch, &s.rule, false);
	scene_tick(&s);
	scene_state(&s, WATCH_UP);
	assert_int_equal(watch_vote(s.watch, 0, &s.env), VOTE_ABSTAIN);
	assert_int_equal(watch_vote(s.watch, 2, &s.env), VOTE_UP);
	assert_int_equal(watch_vote(s.watch, 3, &s.env), VOTE_ABSTAIN);
}

static void a_down_survives_a_change_of_its_target_and_is_paired(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	scene_play(&s, two_down, 95);
	s.watch = watch_change(s.watch, &s.rule, true);
	scene_tick(&s);
	scene_play(&s, "eu: 100o\nus: 100o", 101);
	scene_expect(&s, "60.02 down #1 service closed page\n100.01 up #1 service closed page\n");
}

static void results_read_again_decide_nothing_by_themselves(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	scene_read(&s, two_down);
	scene_until(&s, 0.5);
	s.env.now_ms = SCENE_T0 + 91000;
	for (unsigned i = 0; i < s.results; i++)
		watch_remember(s.watch, s.list[i].region, &s.list[i].result);
	s.next = s.results;
	scene_state(&s, WATCH_NEW);
	scene_until(&s, 91);
	scene_expect(&s, "91.00 down #1 service closed page\n");
}

static void a_child_can_have_its_parent_looked_at(void **state)
{
	struct watch_actions a;
	(void)state;
	scene_begin(&s, 2);
	scene_play(&s, "eu: 1o\nus: 31o", 40);
	assert_int_equal(watch_looked_ms(s.watch), SCENE_T0 + 31000);
	for (unsigned again = 0; again < 2; again++) {
		watch_look_now(s.watch, &s.env, &a);
		scene_write(&s, &a);
	}
	scene_until(&s, 45);
	scene_expect(&s, "40.00 ask 1\n42.00 ask 2\n");
}

static unsigned changes;

static void count_changes(struct scene *scene, const struct watch_actions *a)
{
	(void)scene;
	changes += a->changed;
}

static void results_and_rechecks_that_change_nothing_ask_for_no_write(void **state)
{
	(void)state;
	scene_begin(&s, 2);
	s.quiet = true;
	s.seen = count_changes;
	changes = 0;
	for (unsigned at = 1; at < 600; at += 60)
		scene_add(&s, 0, at, 'o', 0), scene_add(&s, 1, at + 30, 'o', 0);
	scene_until(&s, 600);
	assert_int_equal(changes, 2); /* new, and up */
	changes = 0;
	scene_add(&s, 0, 600.5, 'C', 0);
	for (unsigned at = 601; at < 900; at += 15)
		scene_add(&s, 0, at, 'C', 1), scene_add(&s, 1, at, 'C', 1);
	scene_until(&s, 900);
	assert_int_equal(changes, 3); /* the round begins, it is down, the round ends; and 19 re-checks */
	scene_state(&s, WATCH_DOWN);
}

static void an_explanation_shows_the_arithmetic(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	s.quiet = true;
	scene_play(&s, "eu: 1o  60C 60.01C1\nus: 21o     60.01C1\nap: 41o     60.01F1", 64);
	json_t *o = watch_explain(s.watch, scene_regions, &s.env);
	assert_string_equal(json_string_value(json_object_get(o, "arithmetic")),
			    "2 of 2 voters say down, 0 up (of 3 regions); DOWN takes 2 and more than half: "
			    "DOWN, service: nobody has seen it open since");
	assert_string_equal(json_string_value(json_object_get(o, "telling")), "told as incident 1");
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(o, "regions"), 2), "why")),
			    "one failure (filtered): weight 1, 2 are needed");
	json_decref(o);
	o = watch_regions(s.watch, scene_regions, &s.env);
	assert_int_equal(json_array_size(o), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(o, 0), "address")), "198.51.100.7");
	assert_string_equal(json_string_value(json_object_get(json_array_get(o, 2), "verdict")), "filtered");
	json_decref(o);
}

static void what_was_saved_wrongly_is_refused_with_a_sentence(void **state)
{
	static const char *const bad[][2] = {
		{"{\"state\":\"upp\"}", "state: \"upp\" is none of its words"},
		{"{\"state\":\"up\",\"regions\":{\"r0\":{\"looks\":[[1,2]]}}}",
		 "a look is not [slot_ms, attempt, verdict, rtt_us, syn_retrans, errno]"},
		{"{\"state\":\"up\",\"since_ms\":-1}", "since_ms is not a whole number from 0 to 9223372036854775807"},
	};
	char why[200];
	(void)state;
	scene_begin(&s, 2);
	s.watch = watch_new(&s.rule);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *o = json_read_object(bad[i][0], strlen(bad[i][0]), why, sizeof(why));
		assert_false(watch_load(s.watch, o, scene_regions, 2, why, sizeof(why)));
		assert_string_equal(why, bad[i][1]);
		scene_state(&s, WATCH_NEW);
		json_decref(o);
	}
}

/* All three regions look at two addresses at a second; the first is open, the second as said. */
static void two_addresses(double at_s, enum verdict second)
{
	static const char *const address[] = {"198.51.100.7", "198.51.100.8"};
	struct watch_actions a;

	s.env.now_ms = SCENE_T0 + (uint64_t)(at_s * 1000);
	for (unsigned region = 0; region < 3; region++)
		for (unsigned i = 0; i < 2; i++) {
			struct result r = {.monitor = "m", .host = "db.test", .detail = "", .slot_ms = s.env.now_ms, .port = 5432};
			r.outcome.verdict = i ? second : VERDICT_OPEN;
			snprintf(r.address, sizeof(r.address), "%s", address[i]);
			watch_result(s.watch, region, &r, &s.env, &a);
			scene_write(&s, &a);
		}
	scene_tick(&s);
}

static void one_of_two_addresses_down_is_a_notice_that_names_it_and_no_round(void **state)
{
	(void)state;
	scene_begin(&s, 3);
	s.rule.many = true;
	scene_until(&s, 0);
	two_addresses(1, VERDICT_OPEN);
	scene_state(&s, WATCH_UP);
	two_addresses(61, VERDICT_CLOSED);
	scene_state(&s, WATCH_UP); /* one look is not enough */
	two_addresses(121, VERDICT_CLOSED);
	scene_state(&s, WATCH_DEGRADED);
	json_t *regions = watch_regions(s.watch, scene_regions, &s.env);
	const json_t *region = json_array_get(regions, 0);
	assert_string_equal(json_string_value(json_object_get(region, "partial")), "1 of 2 addresses down (198.51.100.8)");
	assert_int_equal(json_integer_value(json_object_get(region, "addresses")), 2);
	assert_string_equal(json_text(json_array_get(json_object_get(region, "down_addresses"), 0), "verdict"), "closed");
	json_decref(regions);
	json_t *written = watch_save(s.watch, scene_regions);
	assert_string_equal(json_text(written, "scope"), "partial");
	assert_string_equal(json_text(written, "partial"), "1 of 2 addresses down (198.51.100.8)");
	json_decref(written);
	scene_kill(&s);
	two_addresses(181, VERDICT_FILTERED);
	scene_state(&s, WATCH_DEGRADED);
	for (unsigned i = 0; i < 3; i++)
		two_addresses(241 + 60 * i, VERDICT_OPEN);
	scene_state(&s, WATCH_UP);
	scene_expect(&s, "121.00 degraded #1 partial open some notice\n"
			 "361.00 degraded #1 partial ends open some notice\n");
}

static void all_addresses_down_is_down(void **state)
{
	struct watch_actions a;
	(void)state;
	scene_begin(&s, 3);
	scene_until(&s, 0);
	two_addresses(1, VERDICT_OPEN);
	s.env.now_ms += 60000;
	for (unsigned region = 0; region < 3; region++)
		for (unsigned i = 0; i < 4; i++) { /* two looks at two addresses */
			struct result r = {.monitor = "m", .host = "db.test", .detail = "", .slot_ms = s.env.now_ms, .attempt = i / 2};
			r.outcome.verdict = VERDICT_CLOSED;
			snprintf(r.address, sizeof(r.address), "198.51.100.%u", 7 + i % 2);
			watch_result(s.watch, region, &r, &s.env, &a);
			scene_write(&s, &a);
		}
	scene_state(&s, WATCH_DOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_monitor_is_new_until_two_regions_have_looked, end),
		cmocka_unit_test_teardown(what_is_looked_at_every_six_hours_is_still_known_when_another_process_takes_over, end),
		cmocka_unit_test_teardown(what_was_wrong_is_still_known_when_another_region_has_seen_a_good_certificate, end),
		cmocka_unit_test_teardown(a_certificate_that_ends_soon_is_degraded_with_its_sentence_also_after_a_restart, end),
		cmocka_unit_test_teardown(a_closed_port_is_down_as_soon_as_a_second_region_confirms_it, end),
		cmocka_unit_test_teardown(a_filtered_port_is_down_after_both_probes_of_the_round, end),
		cmocka_unit_test_teardown(one_failure_that_nobody_confirms_is_nothing, end),
		cmocka_unit_test_teardown(a_down_is_told_with_all_answers_but_waits_half_a_second_for_them_at_most, end),
		cmocka_unit_test_teardown(a_majority_is_partial_when_somebody_has_seen_it_open_since, end),
		cmocka_unit_test_teardown(two_against_one_are_asked_again_until_it_has_lasted, end),
		cmocka_unit_test_teardown(two_of_four_are_no_majority, end),
		cmocka_unit_test_teardown(a_path_issue_is_a_notice_after_five_minutes_and_is_not_confirmed_again, end),
		cmocka_unit_test_teardown(a_path_issue_that_heals_within_five_minutes_is_not_told_at_all, end),
		cmocka_unit_test_teardown(a_second_region_that_joins_a_path_issue_is_confirmed_at_once, end),
		cmocka_unit_test_teardown(a_second_region_with_strong_evidence_makes_a_path_issue_down_at_once, end),
		cmocka_unit_test_teardown(an_inconclusive_round_is_repeated_but_not_endlessly, end),
		cmocka_unit_test_teardown(from_one_place_it_takes_thirty_seconds, end),
		cmocka_unit_test_teardown(a_quick_monitor_is_decided_in_intervals_and_not_in_seconds, end),
		cmocka_unit_test_teardown(from_one_place_an_open_one_ends_the_asking, end),
		cmocka_unit_test_teardown(it_is_up_when_most_have_seen_it_open_twice_fifteen_seconds_apart, end),
		cmocka_unit_test_teardown(a_good_second_in_between_does_not_end_a_down, end),
		cmocka_unit_test_teardown(slow_by_the_quorum_is_degraded_and_ends_only_after_three_good_looks, end),
		cmocka_unit_test_teardown(lost_syns_by_the_quorum_are_degraded, end),
		cmocka_unit_test_teardown(one_slow_region_is_no_degraded_service, end),
		cmocka_unit_test_teardown(it_is_unknown_when_fewer_than_two_regions_can_vote_for_two_intervals, end),
		cmocka_unit_test_teardown(silent_engines_make_it_unknown_after_two_intervals_and_never_down, end),
		cmocka_unit_test_teardown(engines_that_die_are_not_told_by_each_quick_monitor_before_it_is_known, end),
		cmocka_unit_test_teardown(a_process_that_was_just_started_waits_for_its_first_look_before_it_says_unknown, end),
		cmocka_unit_test_teardown(a_down_goes_through_unknown_without_an_up_and_is_paired_afterwards, end),
		cmocka_unit_test_teardown(a_name_that_no_resolver_knows_is_unknown_and_told_for_itself_only_where_most_are_well, end),
		cmocka_unit_test_teardown(regions_that_fall_silent_do_not_turn_a_path_issue_into_a_down, end),
		cmocka_unit_test_teardown(regions_that_come_back_do_not_begin_a_down_anew_that_has_ended, end),
		cmocka_unit_test_teardown(maintenance_keeps_a_down_back_and_one_that_outlasts_it_is_told_then, end),
		cmocka_unit_test_teardown(an_up_is_not_told_if_its_down_was_not, end),
		cmocka_unit_test_teardown(a_parent_that_is_down_keeps_its_children_quiet_until_it_is_up, end),
		cmocka_unit_test_teardown(a_suspected_parent_is_waited_for_but_not_longer_than_a_timeout_and_three_seconds, end),
		cmocka_unit_test_teardown(a_suspected_parent_that_turns_out_to_be_down_keeps_the_child_quiet, end),
		cmocka_unit_test_teardown(a_canary_is_never_told_as_down, end),
		cmocka_unit_test_teardown(a_canary_that_is_meant_to_be_down_gives_a_notice_when_it_turns_up, end),
		cmocka_unit_test_teardown(a_quarantined_region_neither_votes_nor_asks, end),
		cmocka_unit_test_teardown(flapping_is_one_message_and_one_end_message, end),
		cmocka_unit_test_teardown(two_outages_in_half_an_hour_are_not_flapping, end),
		cmocka_unit_test_teardown(the_end_of_flapping_that_finds_it_down_tells_the_down, end),
		cmocka_unit_test_teardown(the_end_of_flapping_pairs_a_down_that_was_told_before_it, end),
		cmocka_unit_test_teardown(and_does_so_if_the_process_is_killed_all_the_time, end),
		cmocka_unit_test_teardown(a_down_does_not_begin_among_the_blind, end),
		cmocka_unit_test_teardown(a_monitor_that_nobody_has_seen_open_yet_is_not_up_while_its_failures_are_unconfirmed, end),
		cmocka_unit_test_teardown(a_failure_that_comes_late_and_is_not_the_newest_of_its_region_asks_for_nothing, end),
		cmocka_unit_test_teardown(what_was_told_is_ended_when_a_monitor_is_removed, end),
		cmocka_unit_test_teardown(a_changed_monitor_keeps_what_it_knows_of_the_regions_that_stay, end),
		cmocka_unit_test_teardown(a_down_survives_a_change_of_its_target_and_is_paired, end),
		cmocka_unit_test_teardown(results_read_again_decide_nothing_by_themselves, end),
		cmocka_unit_test_teardown(a_child_can_have_its_parent_looked_at, end),
		cmocka_unit_test_teardown(results_and_rechecks_that_change_nothing_ask_for_no_write, end),
		cmocka_unit_test_teardown(an_explanation_shows_the_arithmetic, end),
		cmocka_unit_test_teardown(what_was_saved_wrongly_is_refused_with_a_sentence, end),
		cmocka_unit_test_teardown(one_of_two_addresses_down_is_a_notice_that_names_it_and_no_round, end),
		cmocka_unit_test_teardown(all_addresses_down_is_down, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
