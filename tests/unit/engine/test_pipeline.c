/* test_pipeline.c - the whole engine between a source and a sink in memory: at every look what was taken is published or
 * in flight, a sink that refuses stops the intake and nothing else, and every ending ends. */
#include "engine/pipeline.h"

#include "base/log.h"
#include "base/must.h"

#include "loopback.h"

#include <pthread.h>

enum { BATCHES_MAX = 4000 };

/* ---- a source in memory --------------------------------------------------------------------------------------------- */

struct memory_source {
	struct source ops;
	pthread_mutex_t lock;
	pthread_cond_t poked;
	bool interrupted;
	unsigned batches;	/* how many there will be, at most BATCHES_MAX */
	bool endless;		/* after them it waits instead of ending */
	unsigned made;
	atomic_ulong given, back; /* jobs */
	unsigned published[BATCHES_MAX];
	const struct peer *to[3];
	uint64_t chance;	/* the reader thread's own */
};

static struct memory_source *source_self(struct source *s)
{
	return (struct memory_source *)s;
}

static unsigned source_chance(struct memory_source *s, unsigned below)
{
	s->chance = s->chance * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(s->chance >> 33) % below;
}

static struct batch *source_make(struct memory_source *s)
{
	struct job jobs[ENTRY_JOBS_MAX];
	unsigned count = 1 + source_chance(s, ENTRY_JOBS_MAX);
	for (unsigned i = 0; i < count; i++) {
		jobs[i] = job_to(s->to[source_chance(s, 3)], 5000);
		if (source_chance(s, 20) == 0)
			jobs[i].bad = "host is missing";
	}
	struct batch *b = batch_new(jobs, count, "", 0);
	must(b);
	b->id_seq = s->made++;
	b->hot = source_chance(s, 10) == 0;
	return b;
}

static void source_wait(struct memory_source *s, unsigned wait_ms)
{
	uint64_t at = clock_read_ns(CLOCK_REALTIME) + wait_ms * NS_PER_MS;
	struct timespec until = { .tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S) };
	pthread_mutex_lock(&s->lock);
	while (!s->interrupted && pthread_cond_timedwait(&s->poked, &s->lock, &until) == 0)
		;
	s->interrupted = false;
	pthread_mutex_unlock(&s->lock);
}

static int source_take(struct source *ops, unsigned room, unsigned wait_ms, struct batch_list *into)
{
	struct memory_source *s = source_self(ops);
	if (s->made == s->batches && !s->endless)
		return SOURCE_ENDED;
	if (s->made == s->batches) {
		source_wait(s, wait_ms);
		return 0;
	}
	unsigned wanted = source_chance(s, 4) ? room : 0; /* sometimes there is just nothing */
	while (s->made < s->batches && into->jobs < wanted)
		batch_list_add(into, source_make(s));
	atomic_fetch_add(&s->given, into->jobs);
	return 0;
}

static void source_published(struct source *ops, struct batch *b)
{
	struct memory_source *s = source_self(ops);
	must(b->open == 0 && b->id_seq < BATCHES_MAX);
	for (unsigned i = 0; i < b->count; i++)
		must(b->outcomes[i].verdict != VERDICT_NONE);
	s->published[b->id_seq]++;
	atomic_fetch_add(&s->back, b->count);
}

static void source_interrupt(struct source *ops)
{
	struct memory_source *s = source_self(ops);
	pthread_mutex_lock(&s->lock);
	s->interrupted = true;
	pthread_cond_signal(&s->poked);
	pthread_mutex_unlock(&s->lock);
}

/* ---- a sink in memory ------------------------------------------------------------------------------------------------- */

struct memory_sink {
	struct sink ops;
	atomic_bool refuses;
	struct batch_list held;
	atomic_ulong offered, published; /* jobs */
	struct pipeline *_Atomic looks_at;
	atomic_bool stays, inside, told; /* stays in its first put() until it is interrupted, and then looks */
	uint64_t verdicts[VERDICTS];
	unsigned calls;
};

static unsigned sink_put(struct sink *ops, struct batch_list *fresh, struct batch_list *published)
{
	struct memory_sink *s = (struct memory_sink *)ops;
	atomic_fetch_add(&s->offered, fresh->jobs);
	batch_list_join(&s->held, fresh);
	if (atomic_exchange(&s->stays, false)) {
		struct pipeline_state seen;
		atomic_store(&s->inside, true);
		while (!atomic_load(&s->told))
			sched_yield();
		pipeline_look(atomic_load(&s->looks_at), &seen);
	}
	if (atomic_load(&s->refuses))
		return 1;
	for (unsigned n = ++s->calls % 5; s->held.head && n > 0; n--) { /* never all at once */
		struct batch *b = batch_list_take(&s->held);
		for (unsigned i = 0; i < b->count; i++)
			s->verdicts[b->outcomes[i].verdict]++;
		atomic_fetch_add(&s->published, b->count);
		batch_list_add(published, b);
	}
	return s->held.head ? 1 : 1000;
}

static void sink_interrupt(struct sink *ops)
{
	atomic_store(&((struct memory_sink *)ops)->told, true);
}

/* ---- both ends and the pipeline between them ----------------------------------------------------------------------------- */

struct bed {
	struct memory_source source;
	struct memory_sink sink;
	struct pipeline *pipeline;
	struct peer open, closed, second;
	unsigned slots, lanes;
	pthread_t server;
	atomic_bool ended;
	uint64_t published; /* at the last look */
};

static void *serve(void *arg)
{
	struct bed *bed = arg;
	while (!atomic_load(&bed->ended)) {
		struct pollfd there = { .fd = bed->open.fd, .events = POLLIN };
		poll(&there, 1, 10);
		peer_drain(&bed->open);
	}
	return NULL;
}

static struct bed *bed_open(unsigned batches, bool endless, unsigned slots, unsigned lanes)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	assert_non_null(bed);
	bed->open = peer_listening(FAMILY_V4, 4096);
	bed->closed = peer_closed(FAMILY_V4);
	bed->second = peer_closed(has_v6() ? FAMILY_V6 : FAMILY_V4);
	bed->source = (struct memory_source){
		.ops = { .take = source_take, .published = source_published, .interrupt = source_interrupt },
		.lock = PTHREAD_MUTEX_INITIALIZER, .poked = PTHREAD_COND_INITIALIZER,
		.batches = batches, .endless = endless, .to = { &bed->open, &bed->closed, &bed->second }, .chance = chance(1u << 30),
	};
	bed->sink.ops = (struct sink){ .put = sink_put, .interrupt = sink_interrupt };
	bed->slots = slots;
	bed->lanes = lanes;
	assert_int_equal(pthread_create(&bed->server, NULL, serve, bed), 0);
	return bed;
}

static void bed_start(struct bed *bed)
{
	struct pipeline_config config = { .slots = bed->slots, .lanes = bed->lanes };
	char why[256] = "";
	bed->pipeline = pipeline_start(&config, &bed->source.ops, &bed->sink.ops, why, sizeof(why));
	if (!bed->pipeline)
		fail_msg("the pipeline did not start: %s", why);
}

/* One look, and all that must hold at every look. */
static struct pipeline_state look(struct bed *bed)
{
	struct pipeline_state s;
	pipeline_look(bed->pipeline, &s);
	uint64_t given = atomic_load(&bed->source.given);
	assert_int_equal(s.taken, s.published + s.in_flight);
	assert_true(s.taken <= given);
	assert_true(s.published <= atomic_load(&bed->sink.published));
	assert_true(s.published <= atomic_load(&bed->source.back));
	assert_true(s.published >= bed->published);
	assert_true(s.in_flight < bed->slots + ENTRY_JOBS_MAX); /* an entry is not split */
	assert_true(s.probing <= bed->slots);
	bed->published = s.published;
	return s;
}

static void bed_free(struct bed *bed)
{
	if (bed->pipeline)
		pipeline_free(bed->pipeline);
	atomic_store(&bed->ended, true);
	pthread_join(bed->server, NULL);
	for (struct batch *b; (b = batch_list_take(&bed->sink.held));)
		batch_free(b);
	peer_close(&bed->open);
	peer_close(&bed->closed);
	peer_close(&bed->second);
	free(bed);
}

/* Looks until the pipeline is done. */
static void run_to_the_end(struct bed *bed)
{
	uint64_t until = clock_ns() + 60 * NS_PER_S;
	while (!pipeline_wait(bed->pipeline, chance(3))) {
		look(bed);
		if (clock_ns() > until)
			fail_msg("the pipeline never ended");
	}
}

static void expect_everything_published(struct bed *bed)
{
	struct pipeline_state s = look(bed);
	uint64_t verdicts = 0;
	for (unsigned v = 0; v < VERDICTS; v++)
		verdicts += bed->sink.verdicts[v];
	assert_int_equal(s.in_flight, 0);
	assert_int_equal(s.taken, atomic_load(&bed->source.given));
	assert_int_equal(s.published, atomic_load(&bed->sink.published));
	assert_int_equal(s.published, atomic_load(&bed->source.back));
	assert_int_equal(verdicts, s.published);
	for (unsigned i = 0; i < bed->source.made; i++)
		assert_int_equal(bed->source.published[i], 1);
}

/* ---- tests ----------------------------------------------------------------------------------------------------------------- */

static void what_was_taken_is_published_or_in_flight_at_every_look(void **state)
{
	static const struct {
		unsigned slots, lanes;
	} sizes[] = { { 1, 0 }, { 7, 1 }, { 192, 3 }, { 1000, 1 } };
	(void)state;
	chance_seed();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct bed *bed = bed_open(sizes[i].slots == 1 ? 20 : 150, false, sizes[i].slots, sizes[i].lanes);
		bed_start(bed);
		run_to_the_end(bed);
		expect_everything_published(bed);
		assert_int_equal(bed->source.made, bed->source.batches);
		assert_int_equal(bed->sink.verdicts[VERDICT_SHUTDOWN], 0);
		assert_true(bed->sink.verdicts[VERDICT_OPEN] > 0 && bed->sink.verdicts[VERDICT_CLOSED] > 0);
		bed_free(bed);
	}
}

static void a_sink_that_refuses_stops_the_intake_and_loses_nothing(void **state)
{
	struct bed *bed = bed_open(400, false, 200, 2);
	(void)state;
	chance_seed();
	atomic_store(&bed->sink.refuses, true);
	bed_start(bed);
	/* Full when the reader would have to wait for a whole entry's room. */
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (look(bed).in_flight + ENTRY_JOBS_MAX <= bed->slots || atomic_load(&bed->sink.offered) < atomic_load(&bed->source.given))
		assert_true(clock_ns() < until);
	uint64_t given = atomic_load(&bed->source.given);
	assert_false(pipeline_wait(bed->pipeline, 300)); /* three times the reader's own patience */
	assert_int_equal(atomic_load(&bed->source.given), given);
	assert_int_equal(look(bed).published, 0);
	atomic_store(&bed->sink.refuses, false);
	run_to_the_end(bed);
	expect_everything_published(bed);
	assert_int_equal(bed->source.made, 400);
	bed_free(bed);
}

static void a_sink_that_refuses_now_and_then_changes_nothing(void **state)
{
	struct bed *bed = bed_open(200, false, 300, 2);
	uint64_t until = clock_ns() + 60 * NS_PER_S;
	(void)state;
	chance_seed();
	bed_start(bed);
	while (!pipeline_wait(bed->pipeline, chance(4))) {
		atomic_store(&bed->sink.refuses, chance(3) != 0);
		look(bed);
		assert_true(clock_ns() < until);
	}
	expect_everything_published(bed);
	bed_free(bed);
}

static void a_drain_publishes_all_that_was_taken_and_takes_no_more(void **state)
{
	(void)state;
	chance_seed();
	for (unsigned i = 0; i < 5; i++) {
		struct bed *bed = bed_open(BATCHES_MAX, true, 500, 2);
		uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS, enough = 1 + chance(2000);
		bed_start(bed);
		while (look(bed).published < enough)
			assert_true(clock_ns() < until);
		pipeline_drain(bed->pipeline);
		run_to_the_end(bed);
		expect_everything_published(bed);
		uint64_t given = atomic_load(&bed->source.given);
		assert_true(pipeline_wait(bed->pipeline, 50));
		assert_int_equal(atomic_load(&bed->source.given), given);
		bed_free(bed);
	}
}

static void a_drain_wakes_a_source_that_waits(void **state)
{
	struct bed *bed = bed_open(0, true, 10, 1);
	(void)state;
	bed_start(bed);
	assert_false(pipeline_wait(bed->pipeline, 0));
	pipeline_drain(bed->pipeline);
	assert_true(pipeline_wait(bed->pipeline, EVENT_WAIT_MS));
	expect_everything_published(bed);
	bed_free(bed);
}

static void a_drain_that_comes_twice_is_one(void **state)
{
	struct bed *bed = bed_open(50, true, 100, 1);
	(void)state;
	chance_seed();
	bed_start(bed);
	pipeline_drain(bed->pipeline);
	pipeline_drain(bed->pipeline);
	run_to_the_end(bed);
	expect_everything_published(bed);
	bed_free(bed);
}

static void a_source_without_a_job_ends_at_once(void **state)
{
	struct bed *bed = bed_open(0, false, 10, 1);
	(void)state;
	bed_start(bed);
	assert_true(pipeline_wait(bed->pipeline, EVENT_WAIT_MS));
	expect_everything_published(bed);
	bed_free(bed);
}

static void an_end_that_does_not_wait_for_the_sink_ends(void **state)
{
	(void)state;
	chance_seed();
	for (unsigned i = 0; i < 5; i++) {
		unsigned before = descriptors_open();
		struct bed *bed = bed_open(100, chance(2), 64 + chance(200), 2);
		uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
		atomic_store(&bed->sink.refuses, true);
		bed_start(bed);
		while (atomic_load(&bed->sink.offered) == 0 || atomic_load(&bed->sink.offered) < atomic_load(&bed->source.given) ||
		       look(bed).probing > 0)
			assert_true(clock_ns() < until);
		bed_free(bed);
		assert_int_equal(descriptors_open(), before);
	}
}

static void a_sink_may_look_at_the_pipeline_until_it_has_ended(void **state)
{
	struct bed *bed = bed_open(1, true, 10, 2);
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	(void)state;
	atomic_store(&bed->sink.stays, true);
	bed_start(bed);
	atomic_store(&bed->sink.looks_at, bed->pipeline);
	while (!atomic_load(&bed->sink.inside))
		assert_true(clock_ns() < until);
	bed_free(bed); /* the heartbeat of the real one may be under way just so */
}

static void an_end_with_attempts_under_way_leaves_nothing_behind(void **state)
{
	unsigned before = descriptors_open();
	struct bed *bed = bed_open(20, true, 200, 2);
	struct peer silent = peer_silent(FAMILY_V4);
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	(void)state;
	chance_seed();
	bed->source.to[1] = bed->source.to[2] = &silent;
	bed_start(bed);
	while (look(bed).probing < 100)
		assert_true(clock_ns() < until);
	bed_free(bed);
	peer_close(&silent);
	assert_int_equal(descriptors_open(), before);
}

/* ---- limits ------------------------------------------------------------------------------------------------------------------ */

static void there_are_as_many_lanes_as_the_slots_ask_for_and_none_that_a_full_entry_does_not_fit(void **state)
{
	static const struct {
		unsigned slots, lanes, expected;
	} cases[] = { { 1, 0, 1 }, { 1, 8, 1 }, { 5, 3, 1 }, { 100, 0, 1 }, { 100, 2, 1 }, { 128, 2, 2 }, { 160, 64, 2 }, { LANE_SLOTS_MAX, 0, 1 }, { LANE_SLOTS_MAX + 1, 0, 2 } };
	struct rlimit limit;
	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].slots + 100 > limit.rlim_max)
			continue;
		struct bed *bed = bed_open(0, false, cases[i].slots, cases[i].lanes);
		bed_start(bed);
		assert_int_equal(pipeline_lanes(bed->pipeline), cases[i].expected);
		assert_int_equal(look(bed).slots, cases[i].slots);
		bed_free(bed);
	}
}

static int check_clamp(void)
{
	struct rlimit limit = { 128, 128 };
	struct pipeline_state s;
	struct bed *bed = bed_open(30, false, 5000, 1);
	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_ERROR);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1;
	bed_start(bed);
	run_to_the_end(bed);
	pipeline_look(bed->pipeline, &s);
	bool fine = s.slots < 128 && s.slots > 64 && s.in_flight == 0 && bed->sink.verdicts[VERDICT_OPEN] > 0;
	bed_free(bed);
	return fine ? 0 : 2;
}

static void slots_are_clamped_to_the_descriptors_there_are(void **state)
{
	(void)state;
	chance_seed();
	in_a_child(check_clamp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_taken_is_published_or_in_flight_at_every_look),
		cmocka_unit_test(a_sink_that_refuses_stops_the_intake_and_loses_nothing),
		cmocka_unit_test(a_sink_that_refuses_now_and_then_changes_nothing),
		cmocka_unit_test(a_drain_publishes_all_that_was_taken_and_takes_no_more),
		cmocka_unit_test(a_drain_wakes_a_source_that_waits),
		cmocka_unit_test(a_drain_that_comes_twice_is_one),
		cmocka_unit_test(a_source_without_a_job_ends_at_once),
		cmocka_unit_test(an_end_that_does_not_wait_for_the_sink_ends),
		cmocka_unit_test(a_sink_may_look_at_the_pipeline_until_it_has_ended),
		cmocka_unit_test(an_end_with_attempts_under_way_leaves_nothing_behind),
		cmocka_unit_test(there_are_as_many_lanes_as_the_slots_ask_for_and_none_that_a_full_entry_does_not_fit),
		cmocka_unit_test(slots_are_clamped_to_the_descriptors_there_are),
	};
	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
