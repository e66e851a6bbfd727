/* test_tls_stage.c - the queue of the slow path: what comes in comes out once, what is forbidden is not connected to, and
 * looks at one address take turns.  What a handshake finds is shown by tests/flow/certificate.bats. */
#include "engine/tls_stage.h"

#include "loopback.h"

#define ORDERS 4u

static const struct local_addresses anywhere;
static struct batch_queue finished;
static struct tls_stage *stage;

static void begin(unsigned sessions, const struct address_policy *policy, struct destination_cap *cap)
{
	const struct tls_stage_config config = { .sessions = sessions, .from = &anywhere, .policy = policy, .cap = cap,
						 .finished = &finished };
	char why[200];
	batch_queue_init(&finished);
	stage = tls_stage_start(&config, why, sizeof(why));
	assert_non_null(stage);
}

static void end(void)
{
	tls_stage_stop(stage);
	batch_queue_free(&finished);
}

static struct job look_at(const struct peer *p)
{
	struct job job = job_to(p, 5000);
	job.tls = (struct tls_job){ .wanted = true, .timeout_ms = 30000, .warn_s = TLS_WARN_DEFAULT_S, .down_s = TLS_DOWN_DEFAULT_S };
	return job;
}

/* A batch as a lane leaves it: what asks for no certificate is answered. */
static struct batch *left_by_a_lane(const struct job *jobs, unsigned count)
{
	struct batch *b = batch_of(jobs, count);
	b->open = 0;
	b->started = b->count;
	for (unsigned i = 0; i < count; i++)
		if (jobs[i].tls.wanted)
			b->passed++;
		else
			b->outcomes[i].verdict = VERDICT_OPEN;
	return b;
}

static void give(struct batch *b)
{
	struct batch_list one = { 0 };
	batch_list_add(&one, b);
	tls_stage_give(stage, &one);
}

/* The next batch that is finished; waits for it. */
static struct batch *take(void)
{
	static struct batch_list kept;
	for (uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS; !kept.head && clock_ns() < until;)
		batch_queue_take(&finished, &kept, 100);
	assert_non_null(kept.head);
	struct batch *b = batch_list_take(&kept);
	assert_int_equal(b->passed, 0);
	return b;
}

static void nothing_more_comes(void)
{
	struct batch_list left = { 0 };
	batch_queue_take(&finished, &left, 0);
	assert_null(left.head);
}

static void each_batch_comes_out_once_wherever_its_certificates_stand(void **state)
{
	struct peer closed = peer_closed(FAMILY_V4);
	const struct job tls = look_at(&closed), bare = job_to(&closed, 1000);
	const struct job order[ORDERS][4] = { { tls, bare, bare, bare }, { bare, tls, bare, tls }, { bare, bare, bare, tls }, { tls, tls, tls, tls } };
	unsigned came[ORDERS] = { 0 };
	(void)state;
	for (unsigned sessions = 1; sessions <= 3; sessions += 2) {
		memset(came, 0, sizeof(came));
		begin(sessions, NULL, NULL);
		for (unsigned i = 0; i < ORDERS; i++) {
			struct batch *b = left_by_a_lane(order[i], 4);
			b->id_seq = i;
			give(b);
		}
		for (unsigned i = 0; i < ORDERS; i++) {
			struct batch *b = take();
			came[b->id_seq]++;
			for (unsigned j = 0; j < 4; j++)
				assert_int_equal(b->outcomes[j].verdict, b->jobs[j].tls.wanted ? VERDICT_CLOSED : VERDICT_OPEN);
			batch_free(b);
		}
		nothing_more_comes();
		end();
		for (unsigned i = 0; i < ORDERS; i++)
			assert_int_equal(came[i], 1);
	}
	peer_close(&closed);
}

static void what_the_policy_denies_is_not_connected_to(void **state)
{
	char why[POLICY_WHY_MAX];
	struct address_policy *policy = policy_new("private", why, sizeof(why));
	struct peer there = peer_listening(FAMILY_V4, 8);
	const struct job tls = look_at(&there);
	(void)state;
	assert_non_null(policy);
	begin(4, policy, NULL);
	give(left_by_a_lane(&tls, 1));
	struct batch *b = take();
	assert_int_equal(b->outcomes[0].verdict, VERDICT_DENIED);
	assert_non_null(strstr(b->outcomes[0].detail, "127.0.0.0/8 is loopback"));
	assert_int_equal(b->outcomes[0].wall_us, 0);
	assert_int_equal(counter_read(&tls_stage_counters(stage)->connects), 0);
	assert_int_equal(accept4(there.fd, NULL, NULL, SOCK_NONBLOCK), -1);
	batch_free(b);
	end();
	policy_free(policy);
	peer_close(&there);
}

static void looks_at_one_address_take_turns_and_what_would_be_too_late_is_not_begun(void **state)
{
	struct destination_cap *cap = destination_cap_new(2);
	struct peer closed = peer_closed(FAMILY_V4);
	struct job jobs[3] = { look_at(&closed), look_at(&closed), look_at(&closed) };
	(void)state;
	jobs[1].expires_ms = 250; /* its turn would come after half a second */
	jobs[0].slot_ms = jobs[2].slot_ms = jobs[1].slot_ms = clock_wall_ms() + 100; /* so that it is not expired at once */
	assert_non_null(cap);
	begin(4, NULL, cap);
	const uint64_t from_ns = clock_ns();
	give(left_by_a_lane(jobs, 3));
	struct batch *b = take();
	assert_true(clock_ns() - from_ns >= 500 * NS_PER_MS);
	assert_int_equal(b->outcomes[0].verdict, VERDICT_CLOSED);
	assert_int_equal(b->outcomes[1].verdict, VERDICT_EXPIRED);
	assert_int_equal(b->outcomes[2].verdict, VERDICT_CLOSED);
	assert_int_equal(counter_read(&tls_stage_counters(stage)->connects), 2);
	assert_true(counter_read(&tls_stage_counters(stage)->capped) >= 1); /* on a slow machine the second has expired by itself */
	batch_free(b);
	end();
	destination_cap_free(cap);
	peer_close(&closed);
}

static void an_engine_that_leaves_answers_what_waits_for_its_turn(void **state)
{
	struct destination_cap *cap = destination_cap_new(1);
	struct peer closed = peer_closed(FAMILY_V4);
	struct job jobs[40];
	unsigned ended[VERDICTS] = { 0 };
	(void)state;
	for (unsigned i = 0; i < 40; i++)
		jobs[i] = look_at(&closed);
	assert_non_null(cap);
	begin(4, NULL, cap);
	give(left_by_a_lane(jobs, 40));
	for (uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS; counter_read(&tls_stage_counters(stage)->capped) < 39;)
		assert_true(clock_ns() < until && poll(NULL, 0, 1) == 0);
	tls_stage_drain(stage);
	struct batch *b = take();
	for (unsigned i = 0; i < 40; i++)
		ended[b->outcomes[i].verdict]++;
	assert_true(ended[VERDICT_SHUTDOWN] > 0);
	assert_int_equal(ended[VERDICT_SHUTDOWN] + ended[VERDICT_CLOSED], 40);
	batch_free(b);
	end();
	destination_cap_free(cap);
	peer_close(&closed);
}

static void a_stage_that_is_stopped_frees_what_it_was_doing(void **state)
{
	struct destination_cap *cap = destination_cap_new(2);
	struct peer silent = peer_silent(FAMILY_V4);
	struct job jobs[8];
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		jobs[i] = look_at(&silent);
	assert_non_null(cap);
	begin(1, NULL, cap);
	for (unsigned i = 0; i < 3; i++)
		give(left_by_a_lane(jobs, 8));
	for (uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS; counter_read(&tls_stage_counters(stage)->connects) < 1;)
		assert_true(clock_ns() < until && poll(NULL, 0, 1) == 0);
	end(); /* the sanitizer sees what is left */
	destination_cap_free(cap);
	peer_close(&silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_batch_comes_out_once_wherever_its_certificates_stand),
		cmocka_unit_test(what_the_policy_denies_is_not_connected_to),
		cmocka_unit_test(looks_at_one_address_take_turns_and_what_would_be_too_late_is_not_begun),
		cmocka_unit_test(an_engine_that_leaves_answers_what_waits_for_its_turn),
		cmocka_unit_test(a_stage_that_is_stopped_frees_what_it_was_doing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
