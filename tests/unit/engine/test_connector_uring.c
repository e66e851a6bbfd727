/* test_connector_uring.c - what can only be seen from inside of the io_uring connector: what its ring refuses, that
 * user_data never repeats among requests in flight, and what happens where the kernel lacks a feature. */
#include <liburing.h>

/* Kernels that this machine does not have: ring_open() asks through here. */
static int init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params);
#define io_uring_queue_init_params init_params
#include "engine/connector_uring.c"
#undef io_uring_queue_init_params

#include "loopback.h"

static unsigned flags_unknown;	   /* to the kernel that is played; 0: this machine's own */
static unsigned flags_asked[8], flags_asked_count;
static int init_answers;	   /* instead of asking the kernel at all; 0: ask it */

static int init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
	flags_asked[flags_asked_count++ % ARRAY_LEN(flags_asked)] = params->flags;
	if (params->flags & flags_unknown)
		return -EINVAL;
	return init_answers ? init_answers : io_uring_queue_init_params(entries, ring, params);
}

enum { SLOTS = 8 };

struct seen {
	unsigned dones[SLOTS];
	int res[SLOTS];
};

static void count_done(void *arg, uint32_t slot, int res)
{
	struct seen *seen = arg;
	seen->dones[slot]++;
	seen->res[slot] = res;
}

static struct connector_uring *open_or_skip(struct seen *seen)
{
	char why[256];
	struct connector *c = connector_uring_open(SLOTS, count_done, seen, why, sizeof(why));
	if (!c) {
		print_message("# SKIP: %s\n", why);
		skip();
	}
	return self(c);
}

static int fresh_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	return fd;
}

static void begin(struct connector_uring *u, uint32_t slot, int fd, const struct peer *to, uint64_t timeout_ns)
{
	struct sockaddr_in6 at;
	socklen_t len = peer_address(to, &at);
	uring_connect(&u->c, slot, fd, (struct sockaddr *)&at, len, timeout_ns);
}

static void turn_until(struct connector_uring *u, const unsigned *count, unsigned wanted)
{
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (*count < wanted) {
		uring_turn(&u->c, 100 * NS_PER_MS);
		if (clock_ns() > until)
			fail_msg("%u answers of %u", *count, wanted);
	}
}

/* ---- restrictions ------------------------------------------------------------------------------------------------------ */

/* What the ring answers to one request that portwatch never makes. */
static int answer_to(struct connector_uring *u, void (*prepare)(struct io_uring_sqe *sqe, int fd), int fd)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	assert_non_null(sqe);
	prepare(sqe, fd);
	sqe->user_data = 7;
	assert_true(io_uring_submit_and_wait(&u->ring, 1) >= 0);
	assert_int_equal(io_uring_wait_cqe(&u->ring, &cqe), 0);
	assert_int_equal(cqe->user_data, 7);
	int res = cqe->res;
	io_uring_cqe_seen(&u->ring, cqe);
	return res;
}

static char byte[16];

static void prepare_nop(struct io_uring_sqe *sqe, int fd)
{
	(void)fd;
	io_uring_prep_nop(sqe);
}

static void prepare_read(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_read(sqe, fd, byte, sizeof(byte), 0);
}

static void prepare_openat(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_openat(sqe, fd, "/etc/passwd", O_RDONLY, 0);
}

static void prepare_socket_send(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_send(sqe, fd, byte, sizeof(byte), 0);
}

static void prepare_async_poll(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	sqe->flags |= IOSQE_ASYNC; /* the operation is allowed, the flag is not */
}

static void the_ring_refuses_whatever_a_probe_does_not_need(void **state)
{
	void (*const refused[])(struct io_uring_sqe *, int) = { prepare_nop, prepare_read, prepare_openat, prepare_socket_send,
								prepare_async_poll };
	struct seen seen = { 0 };
	struct connector_uring *u = open_or_skip(&seen);
	int fd = fresh_socket();
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_int_equal(answer_to(u, refused[i], fd), -EACCES);
	close(fd);
	uring_close(&u->c);
}

static void the_ring_cannot_be_changed_once_it_runs(void **state)
{
	struct seen seen = { 0 };
	struct connector_uring *u = open_or_skip(&seen);
	int fds[1] = { 0 };
	(void)state;
	assert_int_equal(ring_register(u, IORING_REGISTER_FILES, fds, 1), -EACCES);
	assert_true(ring_restrict(u) < 0);
	uring_close(&u->c);
}

/* ---- user_data ----------------------------------------------------------------------------------------------------------- */

static void user_data_tells_operation_generation_and_slot_apart(void **state)
{
	static const uint32_t generations[] = { 0, 1, 0xffffff, 0x1000000, UINT32_MAX - 1, UINT32_MAX };
	static const uint32_t slots[] = { 0, 1, 16383, 0xffffff };
	static const enum operation ops[] = { OP_CONNECT, OP_WATCH, OP_TIMEOUT, OP_WAKE };
	(void)state;
	for (size_t o = 0; o < ARRAY_LEN(ops); o++)
		for (size_t g = 0; g < ARRAY_LEN(generations); g++)
			for (size_t s = 0; s < ARRAY_LEN(slots); s++) {
				uint64_t data = user_data(ops[o], generations[g], slots[s]);
				assert_int_equal(data >> 56, ops[o]);
				assert_int_equal((uint32_t)(data >> 24), generations[g]);
				assert_int_equal(data & 0xffffff, slots[s]);
			}
}

static void a_generation_may_wrap_around(void **state)
{
	struct seen seen = { 0 };
	struct connector_uring *u = open_or_skip(&seen);
	struct peer silent = peer_silent(FAMILY_V4), closed = peer_closed(FAMILY_V4);
	int fd[2] = { fresh_socket(), fresh_socket() };
	(void)state;
	u->slots[3].generation = u->slots[4].generation = UINT32_MAX - 3;
	for (unsigned i = 1; i <= 6; i++) {
		begin(u, 3, fd[0], &closed, 60 * NS_PER_S);
		begin(u, 4, fd[1], &silent, 5 * NS_PER_MS);
		turn_until(u, &seen.dones[3], i);
		turn_until(u, &seen.dones[4], i);
		assert_int_equal(seen.res[3], -ECONNREFUSED);
		assert_int_equal(seen.res[4], -ECANCELED);
		static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
		assert_int_equal(connect(fd[1], &nowhere, sizeof(nowhere)), 0);
	}
	assert_int_equal(u->slots[3].generation, 2);
	close(fd[0]);
	close(fd[1]);
	uring_close(&u->c);
	peer_close(&silent);
	peer_close(&closed);
}

static void deliver_old(void *arg)
{
	struct connector_uring *u = arg;
	deliver(u, user_data(OP_CONNECT, u->slots[0].generation - 1, 0), 0);
}

static void deliver_to_an_idle_slot(void *arg)
{
	struct connector_uring *u = arg;
	deliver(u, user_data(OP_CONNECT, u->slots[1].generation, 1), 0);
}

static void deliver_beyond(void *arg)
{
	deliver(arg, user_data(OP_CONNECT, 0, SLOTS), 0);
}

static void a_completion_of_another_use_of_the_slot_aborts(void **state)
{
	struct seen seen = { 0 };
	struct connector_uring *u = open_or_skip(&seen);
	struct peer silent = peer_silent(FAMILY_V4);
	int fd = fresh_socket();
	char said[512];
	(void)state;
	begin(u, 0, fd, &silent, 60 * NS_PER_S);
	must_abort(deliver_old, u, said, sizeof(said));
	assert_non_null(strstr(said, "generation"));
	must_abort(deliver_to_an_idle_slot, u, said, sizeof(said));
	must_abort(deliver_beyond, u, said, sizeof(said));
	uring_close(&u->c);
	close(fd);
	peer_close(&silent);
}

/* ---- what the kernel may lack -------------------------------------------------------------------------------------------- */

/* One probe each: what a ring of plainer flags says it lacks, and that it works. */
static void opens_with(unsigned unknown, unsigned rungs_refused, const char *lacks)
{
	struct seen seen = { 0 };
	struct peer closed = peer_closed(FAMILY_V4);
	int fd = fresh_socket();
	flags_unknown = unknown;
	flags_asked_count = 0;
	struct connector_uring *u = open_or_skip(&seen);
	flags_unknown = 0;
	assert_int_equal(flags_asked_count, rungs_refused + 1);
	for (unsigned i = 0; i <= rungs_refused; i++)
		assert_int_equal(flags_asked[i], ladder[i].flags | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED);
	if (lacks)
		assert_non_null(strstr(u->c.lacks, lacks));
	else
		assert_null(u->c.lacks);
	begin(u, 0, fd, &closed, 60 * NS_PER_S);
	turn_until(u, &seen.dones[0], 1);
	assert_int_equal(seen.res[0], -ECONNREFUSED);
	close(fd);
	uring_close(&u->c);
	peer_close(&closed);
}

static void a_kernel_that_knows_fewer_flags_gets_the_next_rung_and_it_is_said(void **state)
{
	(void)state;
	opens_with(IORING_SETUP_DEFER_TASKRUN, 1, "DEFER_TASKRUN, which came with Linux 6.1");
	opens_with(IORING_SETUP_SINGLE_ISSUER, 1, "DEFER_TASKRUN, which came with Linux 6.1");
	opens_with(IORING_SETUP_SUBMIT_ALL, 2, "COOP_TASKRUN");
	opens_with(IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN, 2, "COOP_TASKRUN");
	opens_with(0, 0, NULL);
}

static void a_refusal_that_is_not_about_flags_ends_the_ladder(void **state)
{
	static const int refusals[] = { -EPERM, -ENOMEM, -ENOSYS, -EMFILE };
	char why[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		init_answers = refusals[i];
		flags_asked_count = 0;
		assert_null(connector_uring_open(SLOTS, count_done, NULL, why, sizeof(why)));
		init_answers = 0;
		assert_int_equal(flags_asked_count, 1);
		assert_non_null(strstr(why, strerror(-refusals[i])));
	}
	flags_unknown = IORING_SETUP_R_DISABLED; /* every rung: before Linux 5.10 */
	flags_asked_count = 0;
	assert_null(connector_uring_open(SLOTS, count_done, NULL, why, sizeof(why)));
	flags_unknown = 0;
	assert_int_equal(flags_asked_count, ARRAY_LEN(ladder));
	assert_non_null(strstr(why, "io_uring_setup: Invalid argument"));
}

/* Before Linux 5.17 the timeout's own completion comes as well, before or after the connect's. */
static void without_cqe_skip_a_slot_is_answered_when_the_kernel_owes_it_nothing_more(void **state)
{
	struct seen seen = { 0 };
	struct connector_uring *u = open_or_skip(&seen);
	struct peer silent = peer_silent(FAMILY_V4), closed = peer_closed(FAMILY_V4), open = peer_listening(FAMILY_V4, 64);
	int fd[3] = { fresh_socket(), fresh_socket(), fresh_socket() };
	static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	(void)state;
	u->skips_cqe = false;
	for (unsigned i = 1; i <= 20; i++) {
		begin(u, 0, fd[0], &closed, 60 * NS_PER_S);
		begin(u, 1, fd[1], &silent, 2 * NS_PER_MS);
		begin(u, 2, fd[2], &open, 60 * NS_PER_S);
		for (uint32_t slot = 0; slot < 3; slot++)
			assert_int_equal(u->slots[slot].lent, 2);
		for (uint32_t slot = 0; slot < 3; slot++) {
			turn_until(u, &seen.dones[slot], i);
			assert_int_equal(u->slots[slot].lent, 0);
		}
		assert_int_equal(seen.res[0], -ECONNREFUSED);
		assert_int_equal(seen.res[1], -ECANCELED);
		assert_int_equal(seen.res[2], 0);
		for (unsigned f = 0; f < 3; f++)
			assert_int_equal(connect(fd[f], &nowhere, sizeof(nowhere)), 0);
	}
	for (unsigned f = 0; f < 3; f++) {
		assert_int_equal(seen.dones[f], 20);
		close(fd[f]);
	}
	uring_close(&u->c);
	peer_close(&silent);
	peer_close(&closed);
	peer_close(&open);
}

/* ---- a submission queue that takes no more --------------------------------------------------------------------------------- */

static unsigned asks_again;

static void ask_again(void *arg, uint32_t slot, int res)
{
	struct connector_uring *u = *(struct connector_uring **)arg;
	assert_int_equal(res, -EAGAIN);
	if (asks_again-- > 1)
		uring_watch(&u->c, slot, 0, true, NS_PER_S);
}

static void a_refused_request_is_answered_in_the_next_turn_and_may_be_refused_again(void **state)
{
	struct connector_uring *u = NULL;
	char why[256];
	struct connector *c = connector_uring_open(SLOTS, ask_again, &u, why, sizeof(why));
	(void)state;
	if (!c) {
		print_message("# SKIP: %s\n", why);
		skip();
	}
	u = self(c);
	unsigned entries = u->ring.sq.ring_entries;
	u->ring.sq.ring_entries = 0; /* as if the kernel took none of them */
	asks_again = 10;
	uring_watch(c, 2, 0, true, NS_PER_S);
	for (unsigned turns = 0; asks_again > 0; turns++) {
		assert_true(turns < 10);
		assert_int_equal(u->refused_count, 1);
		deliver_refused(u);
	}
	assert_int_equal(u->refused_count, 0);
	u->ring.sq.ring_entries = entries;
	uring_close(c);
}

static void a_refusal_is_explained(void **state)
{
	char why[256];
	(void)state;
	explain_refusal(-ENOSYS, "io_uring_setup", why, sizeof(why));
	assert_non_null(strstr(why, "this kernel has no io_uring"));
	explain_refusal(-EPERM, "io_uring_setup", why, sizeof(why));
	assert_non_null(strstr(why, "io_uring_setup: Operation not permitted ("));
}

/* In a container a filter is always there, and a kernel that has io_uring may have it switched off besides. */
static void the_errno_decides_who_is_blamed_for_a_refusal(void **state)
{
	static const struct {
		int error;
		struct forbidders who;
		const char *blamed;
	} cases[] = {
		{ -ENOMEM, { '0', true }, "ulimit -l" },
		{ -ENOMEM, { '2', true }, "ulimit -l" },
		{ -EMFILE, { '0', true }, "ulimit -n" },
		{ -EMFILE, { '0', false }, "ulimit -n" },
		{ -ENFILE, { '2', true }, "fs.file-max" },
		{ -ENOSYS, { '0', true }, "seccomp filter" },
		{ -ENOSYS, { '0', false }, "this kernel has no io_uring, or one older" },
		{ -EPERM, { '1', true }, "io_uring_disabled=1" },
		{ -EPERM, { '2', true }, "io_uring_disabled=2" },
		{ -EPERM, { '0', true }, "seccomp filter forbids it" },
		{ -EACCES, { '0', true }, "seccomp filter forbids it" },
		{ -EPERM, { '0', false }, "security module" },
		{ -EINVAL, { '0', true }, "the kernel refuses it" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *cause = refusal_cause(cases[i].error, cases[i].who);
		if (!strstr(cause, cases[i].blamed))
			fail_msg("%s is explained by \"%s\", not by %s", strerror(-cases[i].error), cause, cases[i].blamed);
		bool names_filter = strstr(cause, "seccomp") != NULL;
		if (names_filter && !cases[i].who.filtered)
			fail_msg("%s: a filter is blamed where none is: %s", strerror(-cases[i].error), cause);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ring_refuses_whatever_a_probe_does_not_need),
		cmocka_unit_test(the_ring_cannot_be_changed_once_it_runs),
		cmocka_unit_test(user_data_tells_operation_generation_and_slot_apart),
		cmocka_unit_test(a_generation_may_wrap_around),
		cmocka_unit_test(a_completion_of_another_use_of_the_slot_aborts),
		cmocka_unit_test(a_kernel_that_knows_fewer_flags_gets_the_next_rung_and_it_is_said),
		cmocka_unit_test(a_refusal_that_is_not_about_flags_ends_the_ladder),
		cmocka_unit_test(without_cqe_skip_a_slot_is_answered_when_the_kernel_owes_it_nothing_more),
		cmocka_unit_test(a_refused_request_is_answered_in_the_next_turn_and_may_be_refused_again),
		cmocka_unit_test(a_refusal_is_explained),
		cmocka_unit_test(the_errno_decides_who_is_blamed_for_a_refusal),
	};
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
