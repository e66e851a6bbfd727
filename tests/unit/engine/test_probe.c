/* test_probe.c - real sockets on loopback behind a connector that only does what the test says: completions come in any
 * order, at any time, with any word, from a seed that is printed; what the kernel thinks of the sockets is real. */
#include "engine/probe.h"

#include "base/must.h"
#include "engine/handshake.h"

#include "loopback.h"

#include <pthread.h>

/* ---- the fake connector -------------------------------------------------------------------------------------------- */

enum { SLOTS_MAX = 64 };

enum asked { ASKED_NOTHING, ASKED_CONNECT, ASKED_WATCH_CONNECTING, ASKED_WATCH_SETTLED };

/* What a slot waits for. */
struct request {
	enum asked asked;
	int fd, res; /* res: what connect(2) said */
	bool held;   /* connect(2) has not been called yet */
	struct sockaddr_in6 to;
	socklen_t to_len;
	uint64_t timeout_ns;
};

struct fake {
	struct connector c;
	struct request request[SLOTS_MAX];
	unsigned asked_now, connects, watches;
	bool hold; /* the next connects wait for fake_release() */
};

/* What a test works with: slots, their pool, and a count of the batches that came back. */
struct bench {
	struct fake fake;
	struct local_addresses from;
	struct socket_pool pool;
	struct lane_counters counters;
	struct probes probes;
	unsigned jobs_done;
};

static void fake_release(struct request *r)
{
	if (!r->held)
		return;
	r->held = false;
	r->res = connect(r->fd, (struct sockaddr *)&r->to, r->to_len) == 0 || errno == EINPROGRESS ? 0 : -errno;
}

/* What the last use of a socket left behind is gone once a connect has begun, also while it is held back here. */
static void forget_pending_error(int fd)
{
	int error;
	socklen_t len = sizeof(error);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
}

static void fake_connect(struct connector *c, uint32_t slot, int fd, const struct sockaddr *to, socklen_t to_len,
			 uint64_t timeout_ns)
{
	struct fake *fake = (struct fake *)c;
	struct request *r = &fake->request[slot];
	assert_int_equal(r->asked, ASKED_NOTHING);
	*r = (struct request){ .asked = ASKED_CONNECT, .fd = fd, .held = true, .to_len = to_len, .timeout_ns = timeout_ns };
	memcpy(&r->to, to, to_len);
	if (fake->hold)
		forget_pending_error(fd);
	else
		fake_release(r);
	fake->asked_now++;
	fake->connects++;
}

static void fake_watch(struct connector *c, uint32_t slot, int fd, bool connecting, uint64_t timeout_ns)
{
	struct fake *fake = (struct fake *)c;
	struct request *r = &fake->request[slot];
	assert_int_equal(r->asked, ASKED_NOTHING);
	assert_int_equal(r->fd, fd);
	r->asked = connecting ? ASKED_WATCH_CONNECTING : ASKED_WATCH_SETTLED;
	r->timeout_ns = timeout_ns;
	fake->asked_now++;
	fake->watches++;
}

static int fake_adopt(struct connector *c, int fd)
{
	(void)c;
	(void)fd;
	return 0;
}

static const struct connector_ops fake_ops = {
	.name = "fake", .socket_flags = SOCK_NONBLOCK, .adopt = fake_adopt, .connect = fake_connect, .watch = fake_watch,
};

static void batch_job_done(void *arg, struct batch *b)
{
	struct bench *bench = arg;
	assert_true(b->open > 0);
	b->open--;
	bench->jobs_done++;
}

static void bench_open(struct bench *b, uint32_t slots)
{
	*b = (struct bench){ .fake.c = { .ops = &fake_ops, .slots = slots } };
	assert_true(slots <= SLOTS_MAX);
	socket_pool_init(&b->pool, &b->fake.c, &b->from, slots);
	assert_int_equal(probes_init(&b->probes, slots), 0);
	b->probes.connector = &b->fake.c;
	b->probes.pool = &b->pool;
	b->probes.counters = &b->counters;
	b->probes.job_done = batch_job_done;
	b->probes.arg = b;
}

/* Every slot must be free and every socket back in the pool. */
static void bench_close(struct bench *b)
{
	uint32_t idle = 0;
	for (unsigned kind = 0; kind < POOL_KINDS; kind++)
		idle += b->pool.idle[kind];
	assert_int_equal(b->probes.free_count, b->probes.count);
	assert_int_equal(counter_read(&b->counters.in_flight), 0);
	assert_int_equal(b->fake.asked_now, 0);
	assert_int_equal(idle, b->pool.made);
	socket_pool_free(&b->pool);
	probes_free(&b->probes);
}

/* Answers what a slot waits for. */
static void deliver(struct bench *b, uint32_t slot, int res)
{
	struct request *r = &b->fake.request[slot];
	assert_int_not_equal(r->asked, ASKED_NOTHING);
	r->asked = ASKED_NOTHING;
	b->fake.asked_now--;
	b->fake.c.turned_ns = clock_ns();
	probe_answered(&b->probes, slot, res);
}

/* The handshake's end, whichever it is; not for a silent peer. */
static void wait_for_handshake(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLOUT };
	assert_int_equal(poll(&end, 1, EVENT_WAIT_MS), 1);
}

static struct request *request_of(struct bench *b, uint32_t slot)
{
	return &b->fake.request[slot];
}

/* One job in slot 0, started. */
static struct batch *start_one(struct bench *b, const struct job *job)
{
	struct batch *batch = batch_of(job, 1);
	probe_start(&b->probes, batch, 0);
	return batch;
}

static void expect_done(struct bench *b, struct batch *batch, enum verdict v)
{
	assert_int_equal(batch->open, 0);
	assert_string_equal(verdict_row(batch->outcomes[0].verdict)->name, verdict_row(v)->name);
	assert_int_equal(counter_read(&b->counters.verdict[v]), 1);
	batch_free(batch);
}

/* ---- one probe, state by state --------------------------------------------------------------------------------------- */

static const uint8_t families[] = { FAMILY_V4, FAMILY_V6 };

static void a_listening_port_is_open_and_its_slot_and_socket_are_free_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < (has_v6() ? 2u : 1u); i++) {
		struct bench b;
		struct peer peer = peer_listening(families[i], 16);
		struct job job = job_to(&peer, 3000);
		bench_open(&b, 4);
		struct batch *batch = start_one(&b, &job);
		assert_int_equal(b.probes.probe[0].state, PROBE_CONNECTING);
		assert_int_equal(request_of(&b, 0)->asked, ASKED_CONNECT);
		assert_int_equal(request_of(&b, 0)->timeout_ns, 3000 * NS_PER_MS);
		assert_int_equal(counter_read(&b.counters.in_flight), 1);
		assert_int_equal(batch->open, 1);
		wait_for_handshake(request_of(&b, 0)->fd);
		deliver(&b, 0, 0);
		assert_int_equal(b.probes.probe[0].state, PROBE_IDLE);
		assert_true(batch->outcomes[0].rtt_us > 0 && batch->outcomes[0].wall_us > 0);
		assert_int_equal(histogram_total(&b.counters.rtt), 1);
		expect_done(&b, batch, VERDICT_OPEN);
		bench_close(&b);
		peer_close(&peer);
	}
}

static void a_port_without_a_listener_is_closed(void **state)
{
	(void)state;
	for (size_t i = 0; i < (has_v6() ? 2u : 1u); i++) {
		struct bench b;
		struct peer peer = peer_closed(families[i]);
		struct job job = job_to(&peer, 3000);
		bench_open(&b, 1);
		struct batch *batch = start_one(&b, &job);
		wait_for_handshake(request_of(&b, 0)->fd);
		deliver(&b, 0, request_of(&b, 0)->res); /* 0 as epoll says it, or -ECONNREFUSED as io_uring does */
		assert_int_equal(batch->outcomes[0].error, ECONNREFUSED);
		assert_int_equal(batch->outcomes[0].rtt_us, 0);
		expect_done(&b, batch, VERDICT_CLOSED);
		bench_close(&b);
		peer_close(&peer);
	}
}

static void a_silent_port_is_filtered_when_its_time_is_up(void **state)
{
	struct bench b;
	struct peer peer = peer_silent(FAMILY_V4);
	struct job job = job_to(&peer, 10);
	(void)state;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	wait_until_ns(b.probes.probe[0].started_ns + 10 * NS_PER_MS);
	deliver(&b, 0, -ECANCELED);
	assert_true(batch->outcomes[0].wall_us >= 10000);
	expect_done(&b, batch, VERDICT_FILTERED);
	assert_int_equal(tcp_state_of(b.pool.stack[POOL_V4][0]), TCP_CLOSE); /* not still sending SYNs */
	bench_close(&b);
	peer_close(&peer);
}

static void a_request_dropped_before_its_deadline_is_not_called_filtered(void **state)
{
	struct bench b;
	struct peer peer = peer_silent(FAMILY_V4);
	struct job job = job_to(&peer, 60000);
	(void)state;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	deliver(&b, 0, -ECANCELED);
	assert_int_equal(batch->outcomes[0].error, EAGAIN);
	expect_done(&b, batch, VERDICT_LOCAL);
	bench_close(&b);
	peer_close(&peer);
}

static void a_dropped_request_whose_handshake_completed_is_open(void **state)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job job = job_to(&peer, 60000);
	(void)state;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	wait_for_handshake(request_of(&b, 0)->fd);
	deliver(&b, 0, -ECANCELED);
	expect_done(&b, batch, VERDICT_OPEN);
	bench_close(&b);
	peer_close(&peer);
}

static void a_wake_up_with_nothing_to_see_waits_on_with_the_time_that_is_left(void **state)
{
	struct bench b;
	struct peer peer = peer_silent(FAMILY_V4);
	struct job job = job_to(&peer, 60000);
	uint64_t left = 60000 * NS_PER_MS;
	(void)state;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	for (unsigned i = 1; i <= 5; i++) {
		deliver(&b, 0, 0);
		assert_int_equal(b.probes.probe[0].state, PROBE_WAITING);
		assert_int_equal(request_of(&b, 0)->asked, ASKED_WATCH_CONNECTING);
		assert_true(request_of(&b, 0)->timeout_ns < left);
		left = request_of(&b, 0)->timeout_ns;
		assert_int_equal(counter_read(&b.counters.spurious), i);
		assert_int_equal(batch->open, 1);
		assert_int_equal(batch->outcomes[0].verdict, VERDICT_NONE);
	}
	close_with_reset(peer.filler); /* now the port answers the SYN that the kernel repeats */
	close(peer_accept(&peer));
	peer.filler = -1;
	wait_for_handshake(request_of(&b, 0)->fd);
	deliver(&b, 0, 0);
	assert_int_equal(batch->outcomes[0].rtt_us, 0);
	assert_true(batch->outcomes[0].syn_retrans > 0);
	expect_done(&b, batch, VERDICT_OPEN);
	assert_int_equal(histogram_total(&b.counters.rtt), 0); /* a time with a lost SYN in it is no round trip */
	bench_close(&b);
	peer_close(&peer);
}

static void a_wake_up_with_no_time_left_ends_by_the_deadline(void **state)
{
	struct bench b;
	struct peer peer = peer_silent(FAMILY_V4);
	struct job job = job_to(&peer, 1);
	(void)state;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	wait_until_ns(b.probes.probe[0].started_ns + NS_PER_MS);
	deliver(&b, 0, 0);
	assert_int_equal(b.fake.watches, 0);
	expect_done(&b, batch, VERDICT_FILTERED);
	bench_close(&b);
	peer_close(&peer);
}

static void a_connect_refused_by_this_host_is_local(void **state)
{
	struct bench b;
	struct peer peer = peer_silent(FAMILY_V4);
	struct job job = job_to(&peer, 60000);
	static const int own[] = { EADDRNOTAVAIL, ENETUNREACH, EHOSTUNREACH, EPERM, EACCES, EINVAL, ENOBUFS, ENOMEM, EAGAIN };
	(void)state;
	bench_open(&b, 1);
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		b.fake.hold = true; /* the connect never leaves this host */
		struct batch *batch = start_one(&b, &job);
		deliver(&b, 0, -own[i]);
		assert_int_equal(batch->outcomes[0].verdict, VERDICT_LOCAL);
		assert_int_equal(batch->outcomes[0].error, own[i]);
		assert_int_equal(batch->open, 0);
		batch_free(batch);
	}
	assert_int_equal(counter_read(&b.counters.verdict[VERDICT_LOCAL]), ARRAY_LEN(own));
	bench_close(&b);
	peer_close(&peer);
}

/* ---- what is not connected to, and what is connected to once ------------------------------------------------------------ */

static void a_denied_address_takes_no_socket_and_says_which_rule(void **state)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job job = job_to(&peer, 3000);
	char why[POLICY_WHY_MAX];
	struct address_policy *policy = policy_new("private", why, sizeof(why));
	(void)state;
	bench_open(&b, 1);
	b.probes.policy = policy;
	assert_false(probe_would_connect(&b.probes, &job));
	struct batch *batch = start_one(&b, &job);
	assert_int_equal(b.fake.connects, 0);
	assert_int_equal(b.pool.made, 0);
	assert_int_equal(counter_read(&b.counters.connects), 0);
	assert_string_equal(batch->outcomes[0].detail, "address policy private: 127.0.0.0/8 is loopback (RFC 1122); nothing was sent");
	expect_done(&b, batch, VERDICT_DENIED);
	bench_close(&b);
	policy_free(policy);
	peer_close(&peer);
}

static void identical_jobs_share_one_attempt_and_each_has_its_outcome(void **state)
{
	enum { JOBS = 20 };
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job jobs[JOBS];
	(void)state;
	bench_open(&b, JOBS);
	b.probes.coalesce = true;
	for (unsigned i = 0; i < JOBS; i++) {
		jobs[i] = job_to(&peer, 3000);
		jobs[i].slot_ms = clock_wall_ms() - 100 - i * 1000;
	}
	struct batch *batch = batch_of(jobs, JOBS);
	for (unsigned i = 0; i < JOBS; i++)
		probe_start(&b.probes, batch, i);
	assert_int_equal(b.fake.connects, 1);
	assert_int_equal(counter_read(&b.counters.joined), JOBS - 1);
	assert_int_equal(counter_read(&b.counters.in_flight), JOBS);
	assert_int_equal(batch->open, JOBS);
	wait_for_handshake(request_of(&b, 0)->fd);
	deliver(&b, 0, 0);
	assert_int_equal(batch->open, 0);
	assert_int_equal(counter_read(&b.counters.verdict[VERDICT_OPEN]), JOBS);
	assert_int_equal(histogram_total(&b.counters.rtt), 1); /* one round trip was measured */
	for (unsigned i = 0; i < JOBS; i++) {
		assert_int_equal(batch->outcomes[i].verdict, VERDICT_OPEN);
		assert_int_equal(batch->outcomes[i].rtt_us, batch->outcomes[0].rtt_us);
		assert_int_equal(batch->outcomes[i].wall_us, batch->outcomes[0].wall_us);
		assert_in_range(batch->outcomes[i].late_us, i * 1000000, i * 1000000 + 900000); /* its own */
	}
	batch_free(batch);
	bench_close(&b);
	peer_close(&peer);
}

static void a_job_due_after_an_attempt_began_gets_one_of_its_own(void **state)
{
	struct bench b;
	struct peer peer = peer_silent(FAMILY_V4);
	struct job job = job_to(&peer, 60000);
	(void)state;
	bench_open(&b, 4);
	b.probes.coalesce = true;
	b.fake.hold = true;
	struct batch *first = start_one(&b, &job);
	wait_until_ns(clock_ns() + 3 * NS_PER_MS);
	job.slot_ms = clock_wall_ms(); /* a second look at it */
	assert_true(probe_would_connect(&b.probes, &job));
	struct batch *second = start_one(&b, &job);
	assert_int_equal(b.fake.connects, 2);
	job.slot_ms -= 1000; /* and one that could have had either joins the newer */
	struct batch *third = start_one(&b, &job);
	assert_int_equal(b.fake.connects, 2);
	deliver(&b, 1, -EPERM);
	assert_int_equal(second->open + third->open, 0);
	assert_int_equal(third->outcomes[0].error, EPERM);
	assert_int_equal(first->open, 1);
	deliver(&b, 0, -EPERM);
	batch_free(first);
	batch_free(second);
	batch_free(third);
	bench_close(&b);
	peer_close(&peer);
}

static void nobody_joins_an_attempt_that_has_ended(void **state)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 8);
	struct job job = job_to(&peer, 3000);
	(void)state;
	bench_open(&b, 2);
	b.probes.coalesce = true;
	job.slot_ms -= 60000;
	for (unsigned i = 1; i <= 3; i++) {
		struct batch *batch = start_one(&b, &job);
		assert_int_equal(b.fake.connects, i);
		wait_for_handshake(request_of(&b, 0)->fd);
		deliver(&b, 0, 0);
		assert_int_equal(batch->outcomes[0].verdict, VERDICT_OPEN);
		batch_free(batch);
	}
	bench_close(&b);
	peer_close(&peer);
}

static void who_joined_is_taken_back_with_the_rest(void **state)
{
	struct bench b;
	struct peer peer = peer_silent(FAMILY_V4);
	struct job job = job_to(&peer, 60000), jobs[3];
	(void)state;
	bench_open(&b, 4);
	b.probes.coalesce = true;
	job.slot_ms -= 1000;
	for (unsigned i = 0; i < 3; i++)
		jobs[i] = job;
	struct batch *batch = batch_of(jobs, 3);
	for (unsigned i = 0; i < 3; i++)
		probe_start(&b.probes, batch, i);
	assert_int_equal(b.fake.connects, 1);
	b.fake.asked_now = 0; /* as a connector that is closed */
	probes_abandon(&b.probes);
	assert_int_equal(batch->open, 0);
	batch_free(batch);
	bench_close(&b);
	peer_close(&peer);
}

/* ---- settling -------------------------------------------------------------------------------------------------------- */

/* Starts a job that settles and takes it through its handshake. */
static struct batch *start_settling(struct bench *b, struct peer *peer, struct job *job)
{
	*peer = peer_listening(FAMILY_V4, 4);
	*job = job_to(peer, 3000);
	job->settle_ms = 100;
	bench_open(b, 1);
	struct batch *batch = start_one(b, job);
	wait_for_handshake(request_of(b, 0)->fd);
	deliver(b, 0, 0);
	assert_int_equal(b->probes.probe[0].state, PROBE_SETTLING);
	assert_int_equal(request_of(b, 0)->asked, ASKED_WATCH_SETTLED);
	assert_int_equal(request_of(b, 0)->timeout_ns, 100 * NS_PER_MS);
	assert_int_equal(batch->open, 1);
	return batch;
}

static void a_quiet_settling_time_leaves_it_open(void **state)
{
	static const int words[] = { -ECANCELED, 0, -EAGAIN };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct bench b;
		struct peer peer;
		struct job job;
		struct batch *batch = start_settling(&b, &peer, &job);
		uint32_t rtt_us = batch->outcomes[0].rtt_us;
		deliver(&b, 0, words[i]);
		assert_true(rtt_us > 0);
		assert_int_equal(batch->outcomes[0].rtt_us, rtt_us);
		assert_int_equal(histogram_total(&b.counters.rtt), 1);
		expect_done(&b, batch, VERDICT_OPEN);
		bench_close(&b);
		peer_close(&peer);
	}
}

static void a_reset_while_settling_is_reset_and_no_round_trip_is_told(void **state)
{
	struct bench b;
	struct peer peer;
	struct job job;
	(void)state;
	struct batch *batch = start_settling(&b, &peer, &job);
	close_with_reset(peer_accept(&peer));
	wait_for_handshake(request_of(&b, 0)->fd);
	while (tcp_state_of(request_of(&b, 0)->fd) != TCP_CLOSE)
		wait_until_ns(clock_ns() + NS_PER_MS);
	deliver(&b, 0, 0);
	assert_int_equal(batch->outcomes[0].error, ECONNRESET);
	assert_int_equal(batch->outcomes[0].rtt_us, 0);
	assert_non_null(batch->outcomes[0].detail);
	assert_int_equal(histogram_total(&b.counters.rtt), 0);
	expect_done(&b, batch, VERDICT_RESET);
	bench_close(&b);
	peer_close(&peer);
}

static void a_peer_that_closes_in_order_while_settling_is_still_open(void **state)
{
	struct bench b;
	struct peer peer;
	struct job job;
	(void)state;
	struct batch *batch = start_settling(&b, &peer, &job);
	close(peer_accept(&peer));
	while (tcp_state_of(request_of(&b, 0)->fd) != TCP_CLOSE_WAIT)
		wait_until_ns(clock_ns() + NS_PER_MS);
	deliver(&b, 0, -ECANCELED);
	expect_done(&b, batch, VERDICT_OPEN);
	bench_close(&b);
	peer_close(&peer);
}

static void a_reset_before_the_first_look_is_reset_without_settling(void **state)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job job = job_to(&peer, 3000);
	(void)state;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	close_with_reset(peer_accept(&peer));
	while (tcp_state_of(request_of(&b, 0)->fd) != TCP_CLOSE)
		wait_until_ns(clock_ns() + NS_PER_MS);
	deliver(&b, 0, 0);
	assert_int_equal(b.fake.watches, 0);
	expect_done(&b, batch, VERDICT_RESET);
	bench_close(&b);
	peer_close(&peer);
}

static void settle_auto_stays_between_its_bounds(void **state)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job job = job_to(&peer, 3000);
	(void)state;
	job.settle_ms = JOB_SETTLE_AUTO;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	wait_for_handshake(request_of(&b, 0)->fd);
	deliver(&b, 0, 0);
	assert_int_equal(request_of(&b, 0)->asked, ASKED_WATCH_SETTLED);
	assert_in_range(request_of(&b, 0)->timeout_ns, 10 * NS_PER_MS, 250 * NS_PER_MS);
	deliver(&b, 0, -ECANCELED);
	expect_done(&b, batch, VERDICT_OPEN);
	bench_close(&b);
	peer_close(&peer);
}

/* ---- how it closes ------------------------------------------------------------------------------------------------------ */

/* What the application behind the port sees of a probe that closes in this way: the result of its read. */
static ssize_t application_reads(enum close_mode mode, int *error)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job job = job_to(&peer, 3000);
	char byte;
	job.close = (uint8_t)mode;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	int accepted = peer_accept(&peer);
	assert_int_equal(send(accepted, "greeting", 8, 0), 8); /* unread by the probe: it must not spoil an orderly end */
	deliver(&b, 0, 0);
	assert_int_equal(b.pool.made, mode == CLOSE_FIN ? 0 : 1);
	expect_done(&b, batch, VERDICT_OPEN);
	struct pollfd there = { .fd = accepted, .events = POLLIN };
	assert_int_equal(poll(&there, 1, EVENT_WAIT_MS), 1);
	ssize_t n = recv(accepted, &byte, 1, MSG_DONTWAIT);
	*error = errno;
	close_with_reset(accepted);
	bench_close(&b);
	peer_close(&peer);
	return n;
}

static void close_rst_ends_in_a_reset_at_the_application(void **state)
{
	int error;
	(void)state;
	assert_int_equal(application_reads(CLOSE_RST, &error), -1);
	assert_int_equal(error, ECONNRESET);
}

static void close_fin_ends_in_an_orderly_end_even_with_unread_data(void **state)
{
	int error;
	(void)state;
	assert_int_equal(application_reads(CLOSE_FIN, &error), 0);
}

static void *talk_until_it_hurts(void *arg)
{
	static const char words[65536];
	int fd = *(int *)arg;
	while (send(fd, words, sizeof(words), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

static void a_peer_that_never_stops_talking_cannot_hold_a_slot(void **state)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job job = job_to(&peer, 3000);
	pthread_t talker;
	(void)state;
	job.close = CLOSE_FIN;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	int accepted = peer_accept(&peer);
	assert_int_equal(pthread_create(&talker, NULL, talk_until_it_hurts, &accepted), 0);
	struct pollfd there = { .fd = request_of(&b, 0)->fd, .events = POLLIN };
	assert_int_equal(poll(&there, 1, EVENT_WAIT_MS), 1);
	deliver(&b, 0, 0);
	expect_done(&b, batch, VERDICT_OPEN);
	pthread_join(talker, NULL);
	close(accepted);
	bench_close(&b);
	peer_close(&peer);
}

static void close_half_is_never_seen_by_the_application_and_never_settles(void **state)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job job = job_to(&peer, 3000);
	(void)state;
	job.close = CLOSE_HALF;
	job.settle_ms = 1000;
	bench_open(&b, 1);
	struct batch *batch = start_one(&b, &job);
	wait_for_handshake(request_of(&b, 0)->fd);
	deliver(&b, 0, 0);
	assert_int_equal(b.fake.watches, 0);
	assert_true(batch->outcomes[0].rtt_us > 0);
	expect_done(&b, batch, VERDICT_OPEN);
	/* Another connection arrives behind it; were the first one to be seen, it would be accepted first. */
	int other = peer_connect(&peer, 0), accepted = peer_accept(&peer);
	struct sockaddr_in mine, its;
	socklen_t len = sizeof(mine);
	assert_int_equal(getsockname(other, (struct sockaddr *)&mine, &len), 0);
	assert_int_equal(getpeername(accepted, (struct sockaddr *)&its, &len), 0);
	assert_int_equal(mine.sin_port, its.sin_port);
	close(other);
	close(accepted);
	bench_close(&b);
	peer_close(&peer);
}

/* ---- this host's own trouble ------------------------------------------------------------------------------------------- */

static int check_without_descriptors(void)
{
	struct bench b;
	struct peer peer = peer_listening(FAMILY_V4, 4);
	struct job job = job_to(&peer, 3000);
	bench_open(&b, 2);
	descriptors_forbid();
	for (unsigned i = 0; i < 3; i++) {
		struct batch *batch = start_one(&b, &job);
		bool fine = batch->open == 0 && batch->outcomes[0].verdict == VERDICT_LOCAL && batch->outcomes[0].error == EMFILE &&
			    batch->outcomes[0].wall_us == 0 && b.probes.free_count == 2 && b.fake.connects == 0 && b.pool.made == 0;
		batch_free(batch);
		if (!fine)
			return 1;
	}
	return counter_read(&b.counters.verdict[VERDICT_LOCAL]) == 3 && counter_read(&b.counters.in_flight) == 0 ? 0 : 2;
}

static void without_a_descriptor_a_job_is_local_at_once_and_its_slot_is_free(void **state)
{
	(void)state;
	in_a_child(check_without_descriptors);
}

/* ---- impossible pairs -------------------------------------------------------------------------------------------------- */

/* A bench whose only probe is in the given state. */
static void bench_in_state(struct bench *b, enum probe_state wanted, struct peer *peer, struct batch **batch)
{
	struct job job;
	bench_open(b, 2);
	*peer = wanted == PROBE_WAITING ? peer_silent(FAMILY_V4) : peer_listening(FAMILY_V4, 4);
	job = job_to(peer, 60000);
	job.settle_ms = wanted == PROBE_SETTLING ? 1000 : 0;
	*batch = batch_of(&job, 1);
	if (wanted == PROBE_IDLE)
		return;
	probe_start(&b->probes, *batch, 0);
	if (wanted == PROBE_SETTLING)
		wait_for_handshake(request_of(b, 0)->fd);
	if (wanted != PROBE_CONNECTING)
		deliver(b, 0, 0);
	assert_int_equal(b->probes.probe[0].state, wanted);
}

static void answer_idle(void *arg)
{
	struct bench *b = arg;
	probe_answered(&b->probes, 0, 0);
}

/* Only a broken free list can start a slot that is in use. */
static void start_busy(void *arg)
{
	struct bench *b = arg;
	b->probes.free_slot[b->probes.free_count++] = 0;
	probe_start(&b->probes, b->probes.probe[0].batch, 0);
}

static void every_impossible_pair_of_state_and_event_aborts_with_both_names(void **state)
{
	static const struct {
		enum probe_state state;
		void (*act)(void *arg);
		const char *says;
	} pairs[] = {
		{ PROBE_IDLE, answer_idle, "answered while idle" },
		{ PROBE_CONNECTING, start_busy, "start while connecting" },
		{ PROBE_WAITING, start_busy, "start while waiting" },
		{ PROBE_SETTLING, start_busy, "start while settling" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct bench b;
		struct peer peer;
		struct batch *batch;
		char said[512];
		bench_in_state(&b, pairs[i].state, &peer, &batch);
		must_abort(pairs[i].act, &b, said, sizeof(said));
		if (!strstr(said, pairs[i].says))
			fail_msg("it said \"%s\" and not \"%s\"", said, pairs[i].says);
		if (pairs[i].state != PROBE_IDLE)
			deliver(&b, 0, -EAGAIN);
		batch_free(batch);
		bench_close(&b);
		peer_close(&peer);
	}
}

static void answer_beyond(void *arg)
{
	struct bench *b = arg;
	probe_answered(&b->probes, b->probes.count, 0);
}

static void start_without_a_slot(void *arg)
{
	struct bench *b = arg;
	b->probes.free_count = 0;
	probe_start(&b->probes, NULL, 0);
}

static void a_slot_that_does_not_exist_aborts(void **state)
{
	struct bench b;
	char said[512];
	(void)state;
	bench_open(&b, 2);
	must_abort(answer_beyond, &b, said, sizeof(said));
	must_abort(start_without_a_slot, &b, said, sizeof(said));
	bench_close(&b);
}

/* ---- any order ----------------------------------------------------------------------------------------------------------- */

enum { JOBS = 10000, JOBS_A_BATCH = 50, BATCHES = JOBS / JOBS_A_BATCH };

enum story { STORY_OPEN, STORY_CLOSED, STORY_SILENT, STORY_DROPPED, STORY_RESET, STORIES };

struct chaos {
	struct bench b;
	struct peer open[2], closed[2], silent, resets;
	struct batch *batch[BATCHES];
	uint8_t story[BATCHES][JOBS_A_BATCH];
	unsigned done[BATCHES]; /* calls of job_done() */
	unsigned started;
};

static void chaos_job_done(void *arg, struct batch *b)
{
	struct chaos *c = arg;
	assert_true(b->open > 0);
	b->open--;
	c->done[b->id_seq]++;
}

static struct job chaos_job(struct chaos *c, enum story story)
{
	const struct peer *to[STORIES] = { [STORY_OPEN] = &c->open[chance(2)], [STORY_CLOSED] = &c->closed[chance(2)],
					   [STORY_SILENT] = &c->silent, [STORY_DROPPED] = &c->silent,
					   [STORY_RESET] = &c->resets };
	struct job job = job_to(to[story], story == STORY_SILENT ? 1 : 60000);
	job.close = story == STORY_RESET ? CLOSE_RST : (uint8_t)chance(CLOSE_MODES);
	job.settle_ms = story == STORY_RESET || chance(3) == 0 ? 10 : 0;
	return job;
}

static void chaos_make(struct chaos *c)
{
	uint8_t second = has_v6() ? FAMILY_V6 : FAMILY_V4;
	bench_open(&c->b, SLOTS_MAX);
	c->b.probes.job_done = chaos_job_done;
	c->b.probes.arg = c;
	for (unsigned i = 0; i < 2; i++) {
		c->open[i] = peer_listening(i ? second : FAMILY_V4, 4096);
		c->closed[i] = peer_closed(i ? second : FAMILY_V4);
	}
	c->silent = peer_silent(FAMILY_V4);
	c->resets = peer_listening(FAMILY_V4, 4096);
	for (unsigned i = 0; i < BATCHES; i++) {
		struct job jobs[JOBS_A_BATCH];
		for (unsigned j = 0; j < JOBS_A_BATCH; j++)
			jobs[j] = chaos_job(c, c->story[i][j] = (uint8_t)chance(STORIES));
		c->batch[i] = batch_of(jobs, JOBS_A_BATCH);
		c->batch[i]->id_seq = i;
	}
}

static void chaos_start_one(struct chaos *c)
{
	unsigned n = c->started++;
	c->b.fake.hold = chance(4) == 0;
	probe_start(&c->b.probes, c->batch[n / JOBS_A_BATCH], n % JOBS_A_BATCH);
}

/* The slot's peer resets its connection; those of others that wait at the same port are reset with it. */
static void chaos_reset(struct chaos *c, int fd)
{
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (tcp_state_of(fd) != TCP_CLOSE) {
		peer_reset_all(&c->resets);
		if (clock_ns() > until)
			fail_msg("the reset never came");
	}
}

/* A slot that waits, from a random place on. */
static uint32_t chaos_pick(const struct chaos *c)
{
	uint32_t slot = chance(SLOTS_MAX);
	while (c->b.fake.request[slot].asked == ASKED_NOTHING)
		slot = (slot + 1) % SLOTS_MAX;
	return slot;
}

static void chaos_deliver_one(struct chaos *c)
{
	uint32_t slot = chaos_pick(c);
	struct request *r = request_of(&c->b, slot);
	const struct probe *p = &c->b.probes.probe[slot];
	enum story story = c->story[p->batch->id_seq][p->job];
	if (r->held && chance(2)) {
		deliver(&c->b, slot, 0); /* a wake-up before anything was sent */
		return;
	}
	fake_release(r);
	if (r->asked == ASKED_WATCH_SETTLED) {
		if (story == STORY_RESET)
			chaos_reset(c, r->fd);
		deliver(&c->b, slot, chance(2) ? 0 : -ECANCELED);
	} else if (story == STORY_SILENT || story == STORY_DROPPED) {
		deliver(&c->b, slot, chance(3) ? -ECANCELED : 0);
	} else {
		wait_for_handshake(r->fd);
		deliver(&c->b, slot, story == STORY_CLOSED && chance(2) ? -ECONNREFUSED : r->res);
	}
}

static void chaos_check_invariants(const struct chaos *c)
{
	assert_int_equal(c->b.probes.free_count + c->b.fake.asked_now, SLOTS_MAX);
	assert_true(c->b.pool.made <= c->b.pool.capacity);
	assert_int_equal(counter_read(&c->b.counters.in_flight), c->b.fake.asked_now);
}

static void chaos_check_outcomes(struct chaos *c)
{
	static const enum verdict ends[STORIES] = { VERDICT_OPEN, VERDICT_CLOSED, VERDICT_FILTERED, VERDICT_LOCAL, VERDICT_RESET };
	uint64_t counted = 0;
	for (unsigned i = 0; i < BATCHES; i++) {
		assert_int_equal(c->done[i], JOBS_A_BATCH);
		assert_int_equal(c->batch[i]->open, 0);
		for (unsigned j = 0; j < JOBS_A_BATCH; j++) {
			const struct outcome *o = &c->batch[i]->outcomes[j];
			if (o->verdict != ends[c->story[i][j]])
				fail_msg("batch %u job %u: %s, expected %s (errno %u)", i, j, verdict_row(o->verdict)->name,
					 verdict_row(ends[c->story[i][j]])->name, o->error);
			assert_true(o->wall_us > 0);
		}
		batch_free(c->batch[i]);
	}
	for (unsigned v = 0; v < VERDICTS; v++)
		counted += counter_read(&c->b.counters.verdict[v]);
	assert_int_equal(counted, JOBS);
}

static void ten_thousand_jobs_in_any_order_end_once_each_and_rightly(void **state)
{
	static struct chaos c;
	(void)state;
	chance_seed();
	chaos_make(&c);
	while (c.started < JOBS || c.b.fake.asked_now > 0) {
		bool can_start = c.started < JOBS && c.b.probes.free_count > 0;
		if (can_start && (c.b.fake.asked_now == 0 || chance(100) < 55))
			chaos_start_one(&c);
		else
			chaos_deliver_one(&c);
		chaos_check_invariants(&c);
		if (chance(50) == 0)
			for (unsigned i = 0; i < 2; i++)
				peer_drain(&c.open[i]);
	}
	chaos_check_outcomes(&c);
	bench_close(&c.b);
	for (unsigned i = 0; i < 2; i++) {
		peer_close(&c.open[i]);
		peer_close(&c.closed[i]);
	}
	peer_close(&c.silent);
	peer_close(&c.resets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listening_port_is_open_and_its_slot_and_socket_are_free_again),
		cmocka_unit_test(a_port_without_a_listener_is_closed),
		cmocka_unit_test(a_silent_port_is_filtered_when_its_time_is_up),
		cmocka_unit_test(a_request_dropped_before_its_deadline_is_not_called_filtered),
		cmocka_unit_test(a_dropped_request_whose_handshake_completed_is_open),
		cmocka_unit_test(a_wake_up_with_nothing_to_see_waits_on_with_the_time_that_is_left),
		cmocka_unit_test(a_wake_up_with_no_time_left_ends_by_the_deadline),
		cmocka_unit_test(a_connect_refused_by_this_host_is_local),
		cmocka_unit_test(a_denied_address_takes_no_socket_and_says_which_rule),
		cmocka_unit_test(identical_jobs_share_one_attempt_and_each_has_its_outcome),
		cmocka_unit_test(a_job_due_after_an_attempt_began_gets_one_of_its_own),
		cmocka_unit_test(nobody_joins_an_attempt_that_has_ended),
		cmocka_unit_test(who_joined_is_taken_back_with_the_rest),
		cmocka_unit_test(a_quiet_settling_time_leaves_it_open),
		cmocka_unit_test(a_reset_while_settling_is_reset_and_no_round_trip_is_told),
		cmocka_unit_test(a_peer_that_closes_in_order_while_settling_is_still_open),
		cmocka_unit_test(a_reset_before_the_first_look_is_reset_without_settling),
		cmocka_unit_test(settle_auto_stays_between_its_bounds),
		cmocka_unit_test(close_rst_ends_in_a_reset_at_the_application),
		cmocka_unit_test(close_fin_ends_in_an_orderly_end_even_with_unread_data),
		cmocka_unit_test(a_peer_that_never_stops_talking_cannot_hold_a_slot),
		cmocka_unit_test(close_half_is_never_seen_by_the_application_and_never_settles),
		cmocka_unit_test(without_a_descriptor_a_job_is_local_at_once_and_its_slot_is_free),
		cmocka_unit_test(every_impossible_pair_of_state_and_event_aborts_with_both_names),
		cmocka_unit_test(a_slot_that_does_not_exist_aborts),
		cmocka_unit_test(ten_thousand_jobs_in_any_order_end_once_each_and_rightly),
	};
	alarm(120); /* a completion that never comes must not hang the suite */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
