/* test_connector.c - the contract of connector.h, held against both connectors: each connect() and each watch() is
 * answered by exactly one done(), from within turn(), whatever happens in between. */
#include "engine/connector.h"

#include "base/must.h"

#include "loopback.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SLOTS = 3000 };

#define LONG_NS (60 * NS_PER_S) /* never waited for: the suite's alarm comes first */

struct bed {
	struct connector *c;
	bool turning;
	unsigned asked, answered;
	unsigned dones[SLOTS]; /* by slot */
	int res[SLOTS];
	uint32_t order[SLOTS * 2];
	int fd[SLOTS];
	unsigned again; /* how many more watches done() starts itself */
};

static enum connector_choice choice; /* the group's */

static void bed_done(void *arg, uint32_t slot, int res)
{
	struct bed *bed = arg;
	assert_true(bed->turning);
	assert_true(slot < SLOTS);
	bed->dones[slot]++;
	bed->res[slot] = res;
	bed->order[bed->answered++ % (SLOTS * 2)] = slot;
	if (bed->again > 0) {
		bed->again--;
		bed->asked++;
		bed->c->ops->watch(bed->c, slot, bed->fd[slot], true, LONG_NS);
	}
}

static struct bed *bed_open(void)
{
	char why[256] = "";
	struct bed *bed = calloc(1, sizeof(*bed));
	assert_non_null(bed);
	memset(bed->fd, 0xff, sizeof(bed->fd));
	bed->c = connector_open(choice, SLOTS, bed_done, bed, why, sizeof(why));
	if (bed->c)
		return bed;
	print_message("# SKIP: %s\n", why);
	free(bed);
	skip();
	return NULL;
}

static void bed_close(struct bed *bed)
{
	assert_int_equal(bed->asked, bed->answered);
	bed->c->ops->close(bed->c);
	for (unsigned i = 0; i < SLOTS; i++)
		if (bed->fd[i] >= 0)
			close_with_reset(bed->fd[i]);
	free(bed);
}

static int bed_socket(struct bed *bed, uint32_t slot)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | bed->c->ops->socket_flags, 0);
	assert_true(fd >= 0);
	assert_int_equal(bed->c->ops->adopt(bed->c, fd), 0);
	return bed->fd[slot] = fd;
}

static void bed_connect(struct bed *bed, uint32_t slot, const struct peer *to, uint64_t timeout_ns)
{
	struct sockaddr_in6 at;
	socklen_t len = peer_address(to, &at);
	int fd = bed->fd[slot] >= 0 ? bed->fd[slot] : bed_socket(bed, slot);
	bed->asked++;
	bed->c->ops->connect(bed->c, slot, fd, (struct sockaddr *)&at, len, timeout_ns);
	memset(&at, 0x5a, sizeof(at)); /* the address is not the connector's to keep */
}

static void bed_watch(struct bed *bed, uint32_t slot, bool connecting, uint64_t timeout_ns)
{
	bed->asked++;
	bed->c->ops->watch(bed->c, slot, bed->fd[slot], connecting, timeout_ns);
}

static void bed_turn(struct bed *bed, uint64_t wait_ns)
{
	bed->turning = true;
	bed->c->ops->turn(bed->c, wait_ns);
	bed->turning = false;
}

/* Until everything asked is answered. */
static void bed_run(struct bed *bed)
{
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (bed->answered < bed->asked) {
		bed_turn(bed, 100 * NS_PER_MS);
		if (clock_ns() > until)
			fail_msg("%u of %u answered", bed->answered, bed->asked);
	}
}

/* Takes a slot through a handshake. */
static void bed_establish(struct bed *bed, uint32_t slot, const struct peer *to)
{
	bed_connect(bed, slot, to, LONG_NS);
	bed_run(bed);
	struct pollfd end = { .fd = bed->fd[slot], .events = POLLOUT };
	assert_int_equal(poll(&end, 1, EVENT_WAIT_MS), 1);
	assert_int_equal(tcp_state_of(bed->fd[slot]), TCP_ESTABLISHED);
}

/* ---- one at a time ---------------------------------------------------------------------------------------------------- */

static void a_connect_is_answered_once_and_not_before_the_turn(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4), closed = peer_closed(FAMILY_V4);
	(void)state;
	bed_connect(bed, 0, &open, LONG_NS);
	bed_connect(bed, 1, &closed, LONG_NS);
	assert_int_equal(bed->answered, 0);
	bed_run(bed);
	for (unsigned i = 0; i < 3; i++)
		bed_turn(bed, 0);
	assert_int_equal(bed->dones[0], 1);
	assert_int_equal(bed->dones[1], 1);
	assert_int_equal(bed->res[0], 0);
	assert_int_equal(tcp_state_of(bed->fd[0]), TCP_ESTABLISHED);
	assert_true(bed->res[1] == 0 || bed->res[1] == -ECONNREFUSED);
	assert_int_equal(tcp_state_of(bed->fd[1]), TCP_CLOSE);
	bed_close(bed);
	peer_close(&open);
	peer_close(&closed);
}

static void deadlines_are_answered_in_their_own_order(void **state)
{
	struct bed *bed = bed_open();
	struct peer silent = peer_silent(FAMILY_V4);
	static const unsigned after_ms[] = { 160, 40, 220, 100 };
	(void)state;
	for (uint32_t slot = 0; slot < 4; slot++)
		bed_connect(bed, slot, &silent, after_ms[slot] * NS_PER_MS);
	bed_run(bed);
	for (uint32_t slot = 0; slot < 4; slot++) {
		assert_int_equal(bed->dones[slot], 1);
		assert_int_equal(bed->res[slot], -ECANCELED);
		assert_int_equal(tcp_state_of(bed->fd[slot]), TCP_SYN_SENT);
	}
	static const uint32_t order[] = { 1, 3, 0, 2 };
	assert_memory_equal(bed->order, order, sizeof(order));
	bed_close(bed);
	peer_close(&silent);
}

static void a_deadline_never_comes_early(void **state)
{
	struct bed *bed = bed_open();
	struct peer silent = peer_silent(FAMILY_V4);
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		uint64_t started = clock_ns();
		bed_connect(bed, i, &silent, 20 * NS_PER_MS);
		bed_run(bed);
		assert_true(clock_ns() - started >= 20 * NS_PER_MS);
	}
	bed_close(bed);
	peer_close(&silent);
}

static void a_connect_that_cannot_begin_is_answered_too(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4);
	struct peer wrong_family = { .family = FAMILY_V6, .port = open.port };
	(void)state;
	bed_connect(bed, 0, &wrong_family, LONG_NS);
	bed_connect(bed, 1, &open, LONG_NS);
	assert_int_equal(bed->answered, 0);
	bed_run(bed);
	assert_int_equal(bed->dones[0], 1);
	assert_int_equal(bed->res[0], -EAFNOSUPPORT);
	assert_int_equal(bed->res[1], 0);
	bed_close(bed);
	peer_close(&open);
}

/* ---- watching --------------------------------------------------------------------------------------------------------- */

static void a_watch_after_the_handshake_ends_by_a_reset_or_by_its_time(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4);
	(void)state;
	bed_establish(bed, 0, &open);
	int quiet = peer_accept(&open);
	bed_establish(bed, 1, &open);
	int resetting = peer_accept(&open);
	bed_watch(bed, 0, false, 100 * NS_PER_MS); /* writable, and that is no news */
	bed_watch(bed, 1, false, LONG_NS);
	close_with_reset(resetting);
	bed_run(bed);
	assert_int_equal(bed->res[0], -ECANCELED);
	assert_int_equal(bed->res[1], 0);
	close(quiet);
	bed_close(bed);
	peer_close(&open);
}

static void a_reset_that_came_before_the_watch_is_seen(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4);
	(void)state;
	bed_establish(bed, 0, &open);
	close_with_reset(peer_accept(&open));
	while (tcp_state_of(bed->fd[0]) != TCP_CLOSE)
		wait_until_ns(clock_ns() + NS_PER_MS);
	bed_turn(bed, 0); /* epoll may take the edge here, before anybody watches */
	bed_watch(bed, 0, false, LONG_NS);
	bed_run(bed);
	assert_int_equal(bed->res[0], 0);
	bed_close(bed);
	peer_close(&open);
}

/* io_uring always reports it, so epoll must. */
static void an_orderly_end_of_the_peer_ends_a_watch(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4);
	(void)state;
	bed_establish(bed, 0, &open);
	bed_watch(bed, 0, false, LONG_NS);
	close(peer_accept(&open));
	bed_run(bed);
	assert_int_equal(bed->res[0], 0);
	assert_int_equal(tcp_state_of(bed->fd[0]), TCP_CLOSE_WAIT);
	bed_close(bed);
	peer_close(&open);
}

static void a_watch_while_connecting_ends_with_the_handshake_or_by_its_time(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4), silent = peer_silent(FAMILY_V4);
	(void)state;
	bed_establish(bed, 0, &open); /* the edge has passed: it is writable already */
	bed_connect(bed, 1, &silent, NS_PER_MS);
	bed_run(bed);
	bed_watch(bed, 0, true, LONG_NS);
	bed_watch(bed, 1, true, 50 * NS_PER_MS);
	bed_run(bed);
	assert_int_equal(bed->res[0], 0);
	assert_int_equal(bed->res[1], -ECANCELED);
	assert_int_equal(bed->dones[0], 2);
	assert_int_equal(bed->dones[1], 2);
	bed_close(bed);
	peer_close(&open);
	peer_close(&silent);
}

static void what_has_happened_is_delivered_by_a_turn_that_may_not_wait(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4);
	(void)state;
	bed_establish(bed, 0, &open);
	bed_watch(bed, 0, false, LONG_NS);
	bed_turn(bed, 0);
	assert_int_equal(bed->dones[0], 1);
	close_with_reset(peer_accept(&open));
	while (tcp_state_of(bed->fd[0]) != TCP_CLOSE)
		wait_until_ns(clock_ns() + NS_PER_MS);
	bed_turn(bed, 0);
	assert_int_equal(bed->dones[0], 2);
	bed_close(bed);
	peer_close(&open);
}

static void done_may_ask_again_at_once(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4);
	(void)state;
	bed->again = 50;
	bed_connect(bed, 0, &open, LONG_NS);
	bed_run(bed);
	assert_int_equal(bed->dones[0], 51);
	assert_int_equal(bed->res[0], 0);
	bed_close(bed);
	peer_close(&open);
}

/* ---- many ------------------------------------------------------------------------------------------------------------- */

static void more_connects_than_there_is_room_for_are_answered_once_each(void **state)
{
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4096), closed = peer_closed(FAMILY_V4), silent = peer_silent(FAMILY_V4);
	const struct peer *to[] = { &open, &closed, &silent };
	(void)state;
	assert_true(bed->c->ops->room(bed->c) > 0 && bed->c->ops->room(bed->c) < SLOTS);
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		bed_connect(bed, slot, to[slot % 3], slot % 3 == 2 ? 50 * NS_PER_MS : LONG_NS);
	bed_run(bed);
	for (unsigned i = 0; i < 5; i++)
		bed_turn(bed, NS_PER_MS);
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		if (bed->dones[slot] != 1)
			fail_msg("slot %u has %u answers", slot, bed->dones[slot]);
		if (slot % 3 == 2)
			assert_int_equal(bed->res[slot], -ECANCELED);
		if (slot % 3 == 0 && bed->res[slot] == 0)
			assert_int_equal(tcp_state_of(bed->fd[slot]), TCP_ESTABLISHED);
	}
	bed_close(bed);
	peer_close(&open);
	peer_close(&closed);
	peer_close(&silent);
}

static void room_comes_back_with_each_turn(void **state)
{
	struct bed *bed = bed_open();
	struct peer closed = peer_closed(FAMILY_V4);
	unsigned room = bed->c->ops->room(bed->c);
	(void)state;
	assert_in_range(room, 1, SLOTS);
	for (uint32_t slot = 0; slot < room; slot++)
		bed_connect(bed, slot, &closed, LONG_NS);
	bed_turn(bed, 0);
	/* One less at most: io_uring holds back the pair for its wake-up. */
	assert_in_range(bed->c->ops->room(bed->c), room - 1, room);
	bed_run(bed);
	bed_close(bed);
	peer_close(&closed);
}

static void slots_used_again_and_again_never_take_an_answer_meant_for_another_use(void **state)
{
	enum { USED = 40, ROUNDS = 200 };
	struct bed *bed = bed_open();
	struct peer open = peer_listening(FAMILY_V4, 4096), closed = peer_closed(FAMILY_V4), silent = peer_silent(FAMILY_V4);
	const struct peer *to[] = { &open, &closed, &silent };
	static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	(void)state;
	chance_seed();
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned which[USED];
		for (uint32_t slot = 0; slot < USED; slot++) {
			which[slot] = chance(3);
			bed_connect(bed, slot, to[which[slot]], which[slot] == 2 ? (1 + chance(3)) * NS_PER_MS : LONG_NS);
		}
		bed_run(bed);
		for (uint32_t slot = 0; slot < USED; slot++) {
			static const unsigned ends[] = { TCP_ESTABLISHED, TCP_CLOSE, TCP_SYN_SENT };
			struct pollfd end = { .fd = bed->fd[slot], .events = POLLOUT };
			assert_int_equal(bed->dones[slot], round + 1);
			assert_int_equal(bed->res[slot] == -ECANCELED, which[slot] == 2);
			if (which[slot] != 2)
				assert_int_equal(poll(&end, 1, EVENT_WAIT_MS), 1);
			assert_int_equal(tcp_state_of(bed->fd[slot]), ends[which[slot]]);
			assert_int_equal(connect(bed->fd[slot], &nowhere, sizeof(nowhere)), 0);
		}
		peer_drain(&open);
	}
	bed_close(bed);
	peer_close(&open);
	peer_close(&closed);
	peer_close(&silent);
}

/* ---- waking ----------------------------------------------------------------------------------------------------------- */

static void *wake_it(void *arg)
{
	struct bed *bed = arg;
	bed->c->ops->wake(bed->c);
	return NULL;
}

static void wake_ends_a_turn_that_waits(void **state)
{
	struct bed *bed = bed_open();
	struct peer silent = peer_silent(FAMILY_V4);
	pthread_t other;
	(void)state;
	bed_connect(bed, 0, &silent, 50 * NS_PER_MS);
	for (unsigned i = 0; i < 100; i++) { /* before, within and between turns */
		assert_int_equal(pthread_create(&other, NULL, wake_it, bed), 0);
		if (i % 2)
			pthread_join(other, NULL);
		bed_turn(bed, LONG_NS);
		if (i % 2 == 0)
			pthread_join(other, NULL);
	}
	bed_run(bed);
	bed_close(bed);
	peer_close(&silent);
}

static void wakes_while_nobody_waits_are_one(void **state)
{
	struct bed *bed = bed_open();
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		bed->c->ops->wake(bed->c);
	bed_turn(bed, LONG_NS);
	for (unsigned i = 0; i < 3; i++)
		bed_turn(bed, NS_PER_MS);
	assert_int_equal(bed->answered, 0);
	bed_close(bed);
}

/* ---- opening and closing ------------------------------------------------------------------------------------------------ */

static void closing_leaves_no_descriptor_and_no_memory_behind(void **state)
{
	unsigned before = descriptors_open();
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct bed *bed = bed_open();
		struct peer silent = peer_silent(FAMILY_V4);
		bed_connect(bed, 0, &silent, LONG_NS); /* still under way when it closes */
		bed_turn(bed, 0);
		bed->answered++;
		bed_close(bed);
		peer_close(&silent);
	}
	assert_int_equal(descriptors_open(), before);
}

static void check_nothing(void *arg, uint32_t slot, int res)
{
	(void)arg;
	(void)slot;
	(void)res;
}

static int check_opening_without_descriptors(void)
{
	char why[256] = "";
	descriptors_forbid();
	return connector_open(choice, 8, check_nothing, NULL, why, sizeof(why)) == NULL && strlen(why) > 0 ? 0 : 1;
}

static void without_a_descriptor_opening_fails_with_a_sentence(void **state)
{
	(void)state;
	in_a_child(check_opening_without_descriptors);
}

/* A billion is what containers have: a table of that length would be 4 GB. */
static int check_high_descriptors(void)
{
	struct rlimit limit;
	char why[256] = "";
	getrlimit(RLIMIT_NOFILE, &limit);
	struct rlimit low = { 64, limit.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &low) < 0)
		return 1;
	struct connector *c = connector_open(choice, 8, check_nothing, NULL, why, sizeof(why));
	if (!c)
		return 2;
	low.rlim_cur = 3000;
	if (setrlimit(RLIMIT_NOFILE, &low) < 0)
		return 3;
	int fd = socket(AF_INET, SOCK_STREAM | c->ops->socket_flags, 0), high = dup2(fd, 2999);
	int adopted = high < 0 ? -errno : c->ops->adopt(c, high);
	c->ops->close(c);
	return adopted == 0 ? 0 : 4;
}

static void descriptors_of_any_height_can_be_used(void **state)
{
	(void)state;
	in_a_child(check_high_descriptors);
}

static void auto_chooses_one_of_the_two_and_says_why_if_it_is_not_the_first(void **state)
{
	char why[256] = "x";
	struct connector *c = connector_open(CONNECTOR_AUTO, 8, check_nothing, NULL, why, sizeof(why));
	(void)state;
	assert_non_null(c);
	assert_int_equal(strcmp(c->ops->name, "io_uring") == 0, why[0] == 0);
	c->ops->close(c);
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
		WITH_BOTH(a_connect_is_answered_once_and_not_before_the_turn),
		WITH_BOTH(deadlines_are_answered_in_their_own_order),
		WITH_BOTH(a_deadline_never_comes_early),
		WITH_BOTH(a_connect_that_cannot_begin_is_answered_too),
		WITH_BOTH(a_watch_after_the_handshake_ends_by_a_reset_or_by_its_time),
		WITH_BOTH(a_reset_that_came_before_the_watch_is_seen),
		WITH_BOTH(an_orderly_end_of_the_peer_ends_a_watch),
		WITH_BOTH(a_watch_while_connecting_ends_with_the_handshake_or_by_its_time),
		WITH_BOTH(what_has_happened_is_delivered_by_a_turn_that_may_not_wait),
		WITH_BOTH(done_may_ask_again_at_once),
		WITH_BOTH(more_connects_than_there_is_room_for_are_answered_once_each),
		WITH_BOTH(room_comes_back_with_each_turn),
		WITH_BOTH(slots_used_again_and_again_never_take_an_answer_meant_for_another_use),
		WITH_BOTH(wake_ends_a_turn_that_waits),
		WITH_BOTH(wakes_while_nobody_waits_are_one),
		WITH_BOTH(closing_leaves_no_descriptor_and_no_memory_behind),
		WITH_BOTH(without_a_descriptor_opening_fails_with_a_sentence),
		WITH_BOTH(descriptors_of_any_height_can_be_used),
		cmocka_unit_test(auto_chooses_one_of_the_two_and_says_why_if_it_is_not_the_first),
	};
	alarm(120); /* an answer that never comes must not hang the suite */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
