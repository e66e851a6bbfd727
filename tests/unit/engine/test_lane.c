/* test_lane.c - real lanes with both connectors over loopback: every job given comes out once with the right verdict,
 * what needs no packet is answered at once, hot goes first, the pace holds as a count, and a drain ends what waits. */
#include "engine/lane.h"

#include "base/must.h"

#include "loopback.h"

#include <pthread.h>

static enum connector_choice choice; /* the group's */

/* A lane, what comes out of it, and every peer a job can lead to. */
struct bed {
	struct lane *lane;
	struct batch_queue finished;
	struct batch_list got; /* taken from finished and not yet looked at */
	struct local_addresses from;
	struct peer open[2], closed[2], silent, resets;
	pthread_t resetter;
	atomic_bool ended;
};

/* The application behind two kinds of ports: one lets connections go in order, one resets them. */
static void *serve(void *arg)
{
	struct bed *bed = arg;
	while (!atomic_load(&bed->ended)) {
		struct pollfd there[] = { { bed->resets.fd, POLLIN, 0 }, { bed->open[0].fd, POLLIN, 0 }, { bed->open[1].fd, POLLIN, 0 } };
		poll(there, 3, 10);
		peer_reset_all(&bed->resets);
		peer_drain(&bed->open[0]);
		peer_drain(&bed->open[1]);
	}
	return NULL;
}

/* More than slots and rate, for the next bed_open(); set back by it. */
static struct lane_config extra;

static struct bed *bed_open(uint32_t slots, double rate)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	char why[256] = "";
	assert_non_null(bed);
	batch_queue_init(&bed->finished);
	struct lane_config config = { .slots = slots, .connector = choice, .rate = rate, .from = &bed->from, .finished = &bed->finished,
				      .policy = extra.policy, .cap = extra.cap, .coalesce = extra.coalesce };
	extra = (struct lane_config){ 0 };
	bed->lane = lane_start(&config, why, sizeof(why));
	if (!bed->lane) {
		print_message("# SKIP: %s\n", why);
		batch_queue_free(&bed->finished);
		free(bed);
		skip();
		return NULL;
	}
	for (unsigned i = 0; i < 2; i++) {
		uint8_t family = i && has_v6() ? FAMILY_V6 : FAMILY_V4;
		bed->open[i] = peer_listening(family, 4096);
		bed->closed[i] = peer_closed(family);
	}
	bed->silent = peer_silent(FAMILY_V4);
	bed->resets = peer_listening(FAMILY_V4, 4096);
	assert_int_equal(pthread_create(&bed->resetter, NULL, serve, bed), 0);
	return bed;
}

static void bed_close(struct bed *bed)
{
	lane_stop(bed->lane);
	atomic_store(&bed->ended, true);
	pthread_join(bed->resetter, NULL);
	assert_null(bed->got.head);
	assert_null(bed->finished.list.head);
	batch_queue_free(&bed->finished);
	for (unsigned i = 0; i < 2; i++) {
		peer_close(&bed->open[i]);
		peer_close(&bed->closed[i]);
	}
	peer_close(&bed->silent);
	peer_close(&bed->resets);
	free(bed);
}

static void give(struct bed *bed, struct batch *b)
{
	struct batch_list one = { 0 };
	batch_list_add(&one, b);
	lane_give(bed->lane, &one);
	assert_null(one.head);
}

/* The next batch that comes out; waits for it. */
static struct batch *next(struct bed *bed)
{
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (!bed->got.head) {
		batch_queue_take(&bed->finished, &bed->got, 100);
		if (clock_ns() > until)
			fail_msg("no batch came out");
	}
	struct batch *b = batch_list_take(&bed->got);
	assert_int_equal(b->open, 0);
	assert_int_equal(b->started, b->count);
	return b;
}

static uint64_t ended(const struct bed *bed)
{
	uint64_t n = 0;
	for (unsigned v = 0; v < VERDICTS; v++)
		n += counter_read(&lane_counters(bed->lane)->verdict[v]);
	return n;
}

/* Until so many slots are in use. */
static void wait_in_flight(struct bed *bed, uint64_t slots)
{
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (counter_read(&lane_counters(bed->lane)->in_flight) != slots) {
		assert_true(clock_ns() < until);
		sched_yield();
	}
}

static struct batch *same_jobs(const struct job *job, unsigned count)
{
	struct job jobs[ENTRY_JOBS_MAX];
	for (unsigned i = 0; i < count; i++)
		jobs[i] = *job;
	return batch_of(jobs, count);
}

/* Takes the next batch, which must be the one expected, with one verdict for all of its jobs. */
static void expect_all(struct bed *bed, const struct batch *expected, enum verdict v)
{
	struct batch *b = next(bed);
	assert_ptr_equal(b, expected);
	for (unsigned i = 0; i < b->count; i++)
		assert_string_equal(verdict_row(b->outcomes[i].verdict)->name, verdict_row(v)->name);
	batch_free(b);
}

/* ---- batches in, batches out --------------------------------------------------------------------------------------------- */

enum { JOBS_A_BATCH = 40, BATCHES = 100 };

enum story { STORY_OPEN, STORY_CLOSED, STORY_SILENT, STORY_RESET, STORY_BAD, STORY_NAME, STORY_OLD, STORIES };

static const enum verdict ends[STORIES] = {
	[STORY_OPEN] = VERDICT_OPEN,   [STORY_CLOSED] = VERDICT_CLOSED, [STORY_SILENT] = VERDICT_FILTERED, [STORY_RESET] = VERDICT_RESET,
	[STORY_BAD] = VERDICT_LOCAL,   [STORY_NAME] = VERDICT_RESOLVER, [STORY_OLD] = VERDICT_EXPIRED,
};

static struct job job_of_story(struct bed *bed, enum story story)
{
	unsigned i = chance(2);
	const struct peer *to = story == STORY_SILENT ? &bed->silent : story == STORY_RESET ? &bed->resets
				: story == STORY_CLOSED				  ? &bed->closed[i] : &bed->open[i];
	struct job job = job_to(to, story == STORY_SILENT ? 30 : 5000);
	job.close = story == STORY_RESET ? CLOSE_RST : (uint8_t)chance(CLOSE_MODES);
	job.settle_ms = story == STORY_RESET ? 5000 : chance(4) ? 0 : chance(2) ? 5 : JOB_SETTLE_AUTO;
	if (story == STORY_BAD)
		job.bad = "port is not a number";
	if (story == STORY_NAME)
		job.family = FAMILY_NONE;
	if (story == STORY_OLD) {
		job.slot_ms -= 10000;
		job.expires_ms = 5000;
	}
	return job;
}

static void every_job_comes_out_once_with_its_verdict(void **state)
{
	struct bed *bed = bed_open(50, 0);
	static uint8_t stories[BATCHES][JOBS_A_BATCH];
	bool seen[BATCHES] = { false };
	(void)state;
	chance_seed();
	for (unsigned i = 0; i < BATCHES; i++) {
		struct job jobs[JOBS_A_BATCH];
		for (unsigned j = 0; j < JOBS_A_BATCH; j++)
			jobs[j] = job_of_story(bed, stories[i][j] = (uint8_t)chance(STORIES));
		struct batch *b = batch_of(jobs, JOBS_A_BATCH);
		b->id_seq = i;
		b->hot = chance(4) == 0;
		give(bed, b);
	}
	for (unsigned i = 0; i < BATCHES; i++) {
		struct batch *b = next(bed);
		assert_false(seen[b->id_seq]);
		seen[b->id_seq] = true;
		for (unsigned j = 0; j < JOBS_A_BATCH; j++)
			if (b->outcomes[j].verdict != ends[stories[b->id_seq][j]])
				fail_msg("batch %u job %u: %s, expected %s (errno %u, close %u, settle %u)", (unsigned)b->id_seq, j,
					 verdict_row(b->outcomes[j].verdict)->name, verdict_row(ends[stories[b->id_seq][j]])->name,
					 b->outcomes[j].error, b->jobs[j].close, b->jobs[j].settle_ms);
		batch_free(b);
	}
	wait_in_flight(bed, 0);
	assert_int_equal(ended(bed), BATCHES * JOBS_A_BATCH);
	bed_close(bed);
}

static void jobs_far_beyond_the_slots_all_get_their_turn(void **state)
{
	struct bed *bed = bed_open(3, 0);
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct job job = job_to(&bed->closed[i % 2], 5000);
		give(bed, same_jobs(&job, ENTRY_JOBS_MAX));
	}
	for (unsigned i = 0; i < 40; i++) {
		struct batch *b = next(bed);
		for (unsigned j = 0; j < b->count; j++)
			assert_int_equal(b->outcomes[j].verdict, VERDICT_CLOSED);
		batch_free(b);
	}
	assert_int_equal(counter_read(&lane_counters(bed->lane)->connects), 40 * ENTRY_JOBS_MAX);
	assert_true(counter_read(&lane_counters(bed->lane)->sockets) <= 3);
	bed_close(bed);
}

/* A wake-up that is lost costs a second of sleep each time; thousands of them do not fit under the alarm. */
static void each_of_many_single_batches_wakes_a_sleeping_lane(void **state)
{
	struct bed *bed = bed_open(4, 0);
	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct job job = job_to(&bed->closed[0], 5000);
		struct batch *b = same_jobs(&job, 1);
		give(bed, b);
		expect_all(bed, b, VERDICT_CLOSED);
	}
	bed_close(bed);
}

/* ---- without a packet ------------------------------------------------------------------------------------------------------ */

static void what_needs_no_packet_is_answered_while_every_slot_is_taken(void **state)
{
	static const enum story stories[] = { STORY_BAD, STORY_NAME, STORY_OLD };
	struct bed *bed = bed_open(2, 0);
	struct job silent = job_to(&bed->silent, 1500);
	struct batch *slow = same_jobs(&silent, 2);
	(void)state;
	give(bed, slow);
	wait_in_flight(bed, 2);
	for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
		struct job job = job_of_story(bed, stories[i]);
		struct batch *b = same_jobs(&job, 5);
		give(bed, b);
		expect_all(bed, b, ends[stories[i]]);
	}
	assert_int_equal(counter_read(&lane_counters(bed->lane)->connects), 2);
	expect_all(bed, slow, VERDICT_FILTERED);
	bed_close(bed);
}

static void the_answer_without_a_packet_says_why(void **state)
{
	struct bed *bed = bed_open(2, 0);
	struct job jobs[] = { job_of_story(bed, STORY_BAD), job_of_story(bed, STORY_NAME), job_of_story(bed, STORY_OLD) };
	(void)state;
	give(bed, batch_of(jobs, 3));
	struct batch *b = next(bed);
	assert_string_equal(b->outcomes[0].detail, "port is not a number");
	assert_non_null(strstr(b->outcomes[1].detail, "no resolver has seen this name"));
	assert_true(b->outcomes[2].late_us >= 10000000);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(b->outcomes[i].wall_us, 0);
		assert_int_equal(b->outcomes[i].error, 0);
	}
	batch_free(b);
	bed_close(bed);
}

static void a_job_of_this_moment_is_not_expired(void **state)
{
	struct bed *bed = bed_open(2, 0);
	struct job job = job_to(&bed->closed[0], 5000);
	(void)state;
	job.slot_ms += 60000; /* a scheduler whose clock runs ahead */
	job.expires_ms = 1;
	struct batch *b = same_jobs(&job, 1);
	give(bed, b);
	expect_all(bed, b, VERDICT_CLOSED);
	bed_close(bed);
}

/* ---- order and pace ---------------------------------------------------------------------------------------------------------- */

static void hot_goes_before_what_came_earlier(void **state)
{
	struct bed *bed = bed_open(1, 0);
	struct job silent = job_to(&bed->silent, 1000), closed = job_to(&bed->closed[0], 5000);
	struct batch *blocker = same_jobs(&silent, 1), *normal = same_jobs(&closed, 10), *hot = same_jobs(&closed, 10);
	(void)state;
	hot->hot = true;
	give(bed, blocker);
	wait_in_flight(bed, 1);
	give(bed, normal);
	give(bed, hot);
	expect_all(bed, blocker, VERDICT_FILTERED);
	expect_all(bed, hot, VERDICT_CLOSED);
	expect_all(bed, normal, VERDICT_CLOSED);
	bed_close(bed);
}

static void batches_of_one_kind_begin_in_the_order_they_came(void **state)
{
	struct bed *bed = bed_open(1, 0);
	struct batch *b[20];
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(b); i++) {
		struct job job = job_to(&bed->closed[0], 5000);
		give(bed, b[i] = same_jobs(&job, 1 + i % 3));
	}
	for (unsigned i = 0; i < ARRAY_LEN(b); i++)
		expect_all(bed, b[i], VERDICT_CLOSED);
	bed_close(bed);
}

static void never_more_connects_than_the_pace_allows(void **state)
{
	enum { RATE = 200, JOBS = 60 };
	struct bed *bed = bed_open(64, RATE);
	struct job job = job_to(&bed->closed[0], 5000);
	struct batch *b = same_jobs(&job, JOBS);
	uint64_t begun = clock_ns(), connects = 0, until = begun + EVENT_WAIT_MS * NS_PER_MS;
	(void)state;
	give(bed, b);
	while (connects < JOBS && clock_ns() < until) {
		connects = counter_read(&lane_counters(bed->lane)->connects);
		uint64_t allowed = (clock_ns() - begun) * RATE / NS_PER_S + RATE / 100 + 1;
		assert_in_range(connects, 0, allowed);
		sched_yield();
	}
	expect_all(bed, b, VERDICT_CLOSED);
	bed_close(bed);
}

/* ---- endings ------------------------------------------------------------------------------------------------------------------- */

static void a_drain_ends_what_waits_and_lets_what_flies_land(void **state)
{
	struct bed *bed = bed_open(1, 0);
	struct job silent = job_to(&bed->silent, 500), closed = job_to(&bed->closed[0], 5000);
	struct batch *flying = same_jobs(&silent, 1), *waiting = same_jobs(&closed, 20);
	(void)state;
	give(bed, flying);
	wait_in_flight(bed, 1);
	give(bed, waiting);
	lane_drain(bed->lane);
	expect_all(bed, waiting, VERDICT_SHUTDOWN);
	struct batch *late = same_jobs(&closed, 3);
	give(bed, late);
	expect_all(bed, late, VERDICT_SHUTDOWN);
	expect_all(bed, flying, VERDICT_FILTERED);
	bed_close(bed);
}

static void a_drain_ends_what_waits_for_the_pace(void **state)
{
	struct bed *bed = bed_open(8, 0.01); /* one now, the next in 100 s */
	struct job closed = job_to(&bed->closed[0], 5000);
	struct batch *b = same_jobs(&closed, 4);
	(void)state;
	give(bed, b);
	while (counter_read(&lane_counters(bed->lane)->verdict[VERDICT_CLOSED]) == 0)
		sched_yield();
	lane_drain(bed->lane);
	assert_ptr_equal(next(bed), b);
	assert_int_equal(b->outcomes[0].verdict, VERDICT_CLOSED);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(b->outcomes[i].verdict, VERDICT_SHUTDOWN);
	batch_free(b);
	bed_close(bed);
}

static void an_idle_lane_stops_and_leaves_no_descriptor_behind(void **state)
{
	unsigned before = descriptors_open();
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct bed *bed = bed_open(16, 0);
		if (i % 2) {
			struct job job = job_to(&bed->open[i / 2 % 2], 5000);
			struct batch *b = same_jobs(&job, 16);
			give(bed, b);
			expect_all(bed, b, VERDICT_OPEN);
		}
		bed_close(bed);
	}
	assert_int_equal(descriptors_open(), before);
}

static void a_lane_that_stops_with_attempts_under_way_takes_everything_with_it(void **state)
{
	unsigned before = descriptors_open();
	struct bed *bed = bed_open(10, 0);
	struct job silent = job_to(&bed->silent, 60000);
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		give(bed, same_jobs(&silent, 6)); /* one batch flies, one flies in part, two wait */
	wait_in_flight(bed, 10);
	bed_close(bed);
	assert_int_equal(descriptors_open(), before); /* and the leak checker is the judge of the rest */
}

static void a_lane_says_which_connector_it_took(void **state)
{
	struct bed *bed = bed_open(1, 0);
	(void)state;
	assert_string_equal(lane_connector(bed->lane), connector_choices[choice]);
	assert_string_equal(lane_connector_why(bed->lane), "");
	bed_close(bed);
}

/* ---- descriptors -------------------------------------------------------------------------------------------------------------- */

static int check_start_without_descriptors(void)
{
	struct batch_queue finished;
	struct local_addresses from = { 0 };
	char why[256] = "";
	batch_queue_init(&finished);
	descriptors_forbid();
	struct lane_config config = { .slots = 8, .connector = choice, .from = &from, .finished = &finished };
	return lane_start(&config, why, sizeof(why)) == NULL && why[0] ? 0 : 1;
}

static void without_a_descriptor_a_lane_does_not_start_and_says_so(void **state)
{
	(void)state;
	in_a_child(check_start_without_descriptors);
}

/* In a child with three descriptors for forty slots: each job has its own verdict or `local`, and each has one. */
static int check_few_descriptors(void)
{
	struct bed *bed = bed_open(40, 0);
	unsigned right = 0, local = 0;
	struct job silent = job_to(&bed->silent, 200);
	struct batch *b = same_jobs(&silent, 40);
	int spare[3];
	for (unsigned i = 0; i < 3; i++)
		spare[i] = dup(0);
	descriptors_forbid();
	for (unsigned i = 0; i < 3; i++)
		close(spare[i]);
	give(bed, b);
	if (next(bed) != b)
		return 1;
	for (unsigned i = 0; i < 40; i++) {
		right += b->outcomes[i].verdict == VERDICT_FILTERED;
		local += b->outcomes[i].verdict == VERDICT_LOCAL && b->outcomes[i].error == EMFILE;
	}
	return right == 3 && local == 37 ? 0 : 2;
}

static void with_too_few_descriptors_the_rest_is_local_and_nothing_is_lost(void **state)
{
	(void)state;
	in_a_child(check_few_descriptors);
}

/* ---- identical jobs, and many for one address ---------------------------------------------------------------------------- */

static void identical_jobs_of_many_batches_make_one_connect(void **state)
{
	(void)state;
	extra.coalesce = true;
	struct bed *bed = bed_open(1000, 0);
	if (!bed)
		return;
	struct job job = job_to(&bed->silent, 400);
	enum { ENTRIES = 10 };
	job.slot_ms -= 1000;
	for (unsigned i = 0; i < ENTRIES; i++)
		give(bed, same_jobs(&job, ENTRY_JOBS_MAX));
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct batch *out = next(bed);
		for (unsigned k = 0; k < out->count; k++)
			assert_int_equal(out->outcomes[k].verdict, VERDICT_FILTERED);
		batch_free(out);
	}
	const struct lane_counters *c = lane_counters(bed->lane);
	assert_int_equal(counter_read(&c->connects), 1);
	assert_int_equal(counter_read(&c->joined), ENTRIES * ENTRY_JOBS_MAX - 1);
	assert_int_equal(ended(bed), ENTRIES * ENTRY_JOBS_MAX);
	bed_close(bed);
}

static void what_is_over_the_cap_of_an_address_waits_and_delays_no_other(void **state)
{
	(void)state;
	struct destination_cap *cap = destination_cap_new(50);
	extra.cap = cap;
	struct bed *bed = bed_open(1000, 0);
	if (!bed) {
		destination_cap_free(cap);
		return;
	}
	struct job job = job_to(&bed->open[0], 3000), other = job_to(&bed->closed[0], 3000);
	other.address[3] = 2; /* 127.0.0.2: another address */
	const uint64_t from_ns = clock_ns();
	struct batch *many = same_jobs(&job, 20), *one = same_jobs(&other, 1);
	give(bed, many);
	give(bed, one);
	expect_all(bed, one, VERDICT_CLOSED);
	expect_all(bed, many, VERDICT_OPEN);
	assert_true(clock_ns() - from_ns >= 19 * (NS_PER_S / 50));
	assert_int_equal(counter_read(&lane_counters(bed->lane)->capped), 19);
	bed_close(bed);
	destination_cap_free(cap);
}

static void who_would_expire_before_its_turn_is_told_so_at_once(void **state)
{
	(void)state;
	struct destination_cap *cap = destination_cap_new(1);
	extra.cap = cap;
	struct bed *bed = bed_open(100, 0);
	if (!bed) {
		destination_cap_free(cap);
		return;
	}
	struct job job = job_to(&bed->open[0], 3000);
	job.expires_ms = 900;
	struct batch *given = same_jobs(&job, 30);
	give(bed, given);
	struct batch *b = next(bed);
	assert_ptr_equal(b, given);
	assert_int_equal(b->outcomes[0].verdict, VERDICT_OPEN);
	for (unsigned i = 1; i < 30; i++) {
		assert_int_equal(b->outcomes[i].verdict, VERDICT_EXPIRED);
		assert_non_null(strstr(b->outcomes[i].detail, "--per-destination"));
	}
	batch_free(b);
	bed_close(bed);
	destination_cap_free(cap);
}

static void a_drain_ends_what_waits_for_its_address(void **state)
{
	(void)state;
	struct destination_cap *cap = destination_cap_new(1);
	extra.cap = cap;
	struct bed *bed = bed_open(100, 0);
	if (!bed) {
		destination_cap_free(cap);
		return;
	}
	struct job job = job_to(&bed->open[0], 3000);
	struct batch *given = same_jobs(&job, 30);
	give(bed, given);
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (counter_read(&lane_counters(bed->lane)->capped) < 29 && clock_ns() < until)
		sched_yield();
	lane_drain(bed->lane);
	struct batch *b = next(bed);
	assert_int_equal(b->outcomes[0].verdict, VERDICT_OPEN);
	for (unsigned i = 3; i < 30; i++)
		assert_int_equal(b->outcomes[i].verdict, VERDICT_SHUTDOWN);
	batch_free(b);
	bed_close(bed);
	destination_cap_free(cap);
}

static void a_lane_that_stops_takes_what_waits_for_its_address_with_it(void **state)
{
	(void)state;
	struct destination_cap *cap = destination_cap_new(1);
	extra.cap = cap;
	struct bed *bed = bed_open(100, 0);
	if (!bed) {
		destination_cap_free(cap);
		return;
	}
	struct job job = job_to(&bed->silent, 3000);
	give(bed, same_jobs(&job, 30));
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (counter_read(&lane_counters(bed->lane)->capped) < 29 && clock_ns() < until)
		sched_yield();
	bed_close(bed);
	destination_cap_free(cap);
}

static void a_lane_denies_what_its_policy_denies(void **state)
{
	(void)state;
	char why[POLICY_WHY_MAX];
	struct address_policy *policy = policy_new("public", why, sizeof(why));
	extra.policy = policy;
	struct bed *bed = bed_open(10, 0);
	if (bed) {
		struct job job = job_to(&bed->open[0], 3000);
		struct batch *b = same_jobs(&job, ENTRY_JOBS_MAX);
		give(bed, b);
		expect_all(bed, b, VERDICT_DENIED);
		assert_int_equal(counter_read(&lane_counters(bed->lane)->connects), 0);
		bed_close(bed);
	}
	policy_free(policy);
}

static int choose_uring(void **state)
{
	(void)state;
	choice = CONNECTOR_URING;
	return 0;
}

static int choose_epoll(void **state)
{
	(void)state;
	choice = CONNECTOR_EPOLL;
	return 0;
}

/* Each test twice, in one group: TAP has one plan. */
#define WITH_BOTH(test) { "io_uring: " #test, test, choose_uring, NULL, NULL }, { "epoll: " #test, test, choose_epoll, NULL, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BOTH(every_job_comes_out_once_with_its_verdict),
		WITH_BOTH(jobs_far_beyond_the_slots_all_get_their_turn),
		WITH_BOTH(each_of_many_single_batches_wakes_a_sleeping_lane),
		WITH_BOTH(what_needs_no_packet_is_answered_while_every_slot_is_taken),
		WITH_BOTH(the_answer_without_a_packet_says_why),
		WITH_BOTH(a_job_of_this_moment_is_not_expired),
		WITH_BOTH(hot_goes_before_what_came_earlier),
		WITH_BOTH(batches_of_one_kind_begin_in_the_order_they_came),
		WITH_BOTH(never_more_connects_than_the_pace_allows),
		WITH_BOTH(a_drain_ends_what_waits_and_lets_what_flies_land),
		WITH_BOTH(a_drain_ends_what_waits_for_the_pace),
		WITH_BOTH(an_idle_lane_stops_and_leaves_no_descriptor_behind),
		WITH_BOTH(a_lane_that_stops_with_attempts_under_way_takes_everything_with_it),
		WITH_BOTH(a_lane_says_which_connector_it_took),
		WITH_BOTH(without_a_descriptor_a_lane_does_not_start_and_says_so),
		WITH_BOTH(identical_jobs_of_many_batches_make_one_connect),
		WITH_BOTH(what_is_over_the_cap_of_an_address_waits_and_delays_no_other),
		WITH_BOTH(who_would_expire_before_its_turn_is_told_so_at_once),
		WITH_BOTH(a_drain_ends_what_waits_for_its_address),
		WITH_BOTH(a_lane_that_stops_takes_what_waits_for_its_address_with_it),
		WITH_BOTH(a_lane_denies_what_its_policy_denies),
		WITH_BOTH(with_too_few_descriptors_the_rest_is_local_and_nothing_is_lost),
	};
	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
