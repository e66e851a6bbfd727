/* test_socket_pool.c - sockets come back the way they were made, never more than there may be, and one kind gives way to
 * another when descriptors run out. */
#include "engine/socket_pool.h"

#include "engine/handshake.h"

#include "loopback.h"

static int adopt_answer;
static unsigned adopted;

static int adopt(struct connector *c, int fd)
{
	(void)c;
	(void)fd;
	adopted++;
	return adopt_answer;
}

static const struct connector_ops ops = { .name = "fake", .socket_flags = SOCK_NONBLOCK, .adopt = adopt };
static struct connector connector = { .ops = &ops };
static const struct local_addresses anywhere;

static struct socket_pool pool_of(uint32_t capacity)
{
	struct socket_pool p;
	adopt_answer = 0;
	adopted = 0;
	socket_pool_init(&p, &connector, &anywhere, capacity);
	return p;
}

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* ---- taking and giving back -------------------------------------------------------------------------------------------- */

static void each_kind_has_the_family_and_the_options_it_needs(void **state)
{
	struct socket_pool p = pool_of(8);
	(void)state;
	for (unsigned kind = 0; kind < POOL_KINDS; kind++) {
		bool v6 = kind == POOL_V6 || kind == POOL_V6_HALF, half = kind == POOL_V4_HALF || kind == POOL_V6_HALF;
		int fd = socket_pool_take(&p, kind);
		struct linger linger;
		socklen_t len = sizeof(linger);
		if (fd == -EAFNOSUPPORT && v6)
			continue;
		assert_true(fd >= 0);
		assert_int_equal(option_of(fd, SOL_SOCKET, SO_DOMAIN), v6 ? AF_INET6 : AF_INET);
		assert_int_equal(option_of(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
		assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0, half);
		if (v6)
			assert_int_equal(option_of(fd, IPPROTO_IPV6, IPV6_RECVERR), 1);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
		assert_true(linger.l_onoff && linger.l_linger == 0);
		assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK); /* as the connector asks */
		socket_pool_return(&p, kind, fd);
	}
	assert_int_equal(adopted, p.made);
	socket_pool_free(&p);
}

static void the_kind_follows_from_family_and_close(void **state)
{
	(void)state;
	assert_int_equal(socket_kind(FAMILY_V4, CLOSE_RST), POOL_V4);
	assert_int_equal(socket_kind(FAMILY_V4, CLOSE_FIN), POOL_V4);
	assert_int_equal(socket_kind(FAMILY_V4, CLOSE_HALF), POOL_V4_HALF);
	assert_int_equal(socket_kind(FAMILY_V6, CLOSE_RST), POOL_V6);
	assert_int_equal(socket_kind(FAMILY_V6, CLOSE_FIN), POOL_V6);
	assert_int_equal(socket_kind(FAMILY_V6, CLOSE_HALF), POOL_V6_HALF);
}

static void the_last_one_given_back_is_the_first_one_taken(void **state)
{
	struct socket_pool p = pool_of(3);
	(void)state;
	int a = socket_pool_take(&p, POOL_V4), b = socket_pool_take(&p, POOL_V4);
	assert_int_not_equal(a, b);
	socket_pool_return(&p, POOL_V4, a);
	socket_pool_return(&p, POOL_V4, b);
	assert_int_equal(socket_pool_take(&p, POOL_V4), b);
	assert_int_equal(socket_pool_take(&p, POOL_V4), a);
	assert_int_equal(p.made, 2);
	assert_int_equal(adopted, 2);
	socket_pool_discard(&p, a);
	socket_pool_discard(&p, b);
	assert_int_equal(p.made, 0);
	socket_pool_free(&p);
}

static void there_are_never_more_sockets_than_the_capacity(void **state)
{
	struct socket_pool p = pool_of(2);
	(void)state;
	int a = socket_pool_take(&p, POOL_V4), b = socket_pool_take(&p, POOL_V4_HALF);
	assert_true(a >= 0 && b >= 0);
	assert_int_equal(socket_pool_take(&p, POOL_V4), -EMFILE);
	socket_pool_discard(&p, b);
	b = socket_pool_take(&p, POOL_V4);
	assert_true(b >= 0);
	socket_pool_return(&p, POOL_V4, a);
	socket_pool_return(&p, POOL_V4, b);
	socket_pool_free(&p);
}

static void any_mix_of_kinds_stays_within_the_capacity(void **state)
{
	enum { CAPACITY = 7 };
	struct socket_pool p = pool_of(CAPACITY);
	int fd[CAPACITY];
	unsigned kind[CAPACITY], held = 0;
	(void)state;
	chance_seed();
	for (unsigned i = 0; i < 20000; i++) {
		if (held < CAPACITY && chance(2)) {
			kind[held] = chance(2) ? POOL_V4_HALF : POOL_V4;
			fd[held] = socket_pool_take(&p, kind[held]);
			assert_true(fd[held] >= 0); /* one for each slot can always be had */
			assert_int_equal(option_of(fd[held], IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0, kind[held] == POOL_V4_HALF);
			held++;
		} else if (held > 0) {
			unsigned which = chance(held--);
			if (chance(4))
				socket_pool_return(&p, kind[which], fd[which]);
			else
				socket_pool_discard(&p, fd[which]);
			fd[which] = fd[held];
			kind[which] = kind[held];
		}
		assert_int_equal(p.made, held + p.idle[POOL_V4] + p.idle[POOL_V4_HALF]);
		assert_true(p.made <= CAPACITY);
	}
	while (held-- > 0)
		socket_pool_return(&p, kind[held], fd[held]);
	socket_pool_free(&p);
}

static void no_source_port_is_drawn_that_may_draw_denies(void **state)
{
	enum { TRIES = 200 };
	struct socket_pool p = pool_of(1);
	struct peer open = peer_listening(FAMILY_V4, TRIES);
	struct sockaddr_in6 at;
	socklen_t len = peer_address(&open, &at);
	(void)state;
	for (unsigned i = 0; i < TRIES; i++) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		int fd = socket_pool_take(&p, POOL_V4);
		(void)!connect(fd, (struct sockaddr *)&at, len);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&from, &from_len), 0);
		assert_true(socket_pool_may_draw(&p, ntohs(from.sin_port)));
		assert_int_equal(handshake_forget(fd, true, FAMILY_V4), 0);
		socket_pool_return(&p, POOL_V4, fd);
	}
	if (p.port_range) {
		assert_false(p.port_range & UINT16_MAX && socket_pool_may_draw(&p, 0));
		assert_true(socket_pool_may_draw(&p, (uint16_t)p.port_range));
		assert_true(socket_pool_may_draw(&p, (uint16_t)(p.port_range >> 16)));
	}
	p.port_range = 0;
	assert_true(socket_pool_may_draw(&p, 1)); /* a kernel that draws from a range of its own */
	socket_pool_free(&p);
	peer_close(&open);
}

static void freeing_closes_every_idle_socket(void **state)
{
	unsigned before = descriptors_open();
	struct socket_pool p = pool_of(10);
	int fd[10];
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		fd[i] = socket_pool_take(&p, i % 2 ? POOL_V4 : POOL_V4_HALF);
	assert_int_equal(descriptors_open(), before + 10);
	for (unsigned i = 0; i < 10; i++)
		socket_pool_return(&p, i % 2 ? POOL_V4 : POOL_V4_HALF, fd[i]);
	socket_pool_free(&p);
	assert_int_equal(descriptors_open(), before);
}

static void give_back_too_many(void *arg)
{
	struct socket_pool *p = arg;
	for (unsigned i = 0; i < 2; i++)
		socket_pool_return(p, POOL_V4, 100);
}

static void discard_what_was_never_made(void *arg)
{
	socket_pool_discard(arg, 1000);
}

static void a_socket_that_was_not_taken_cannot_come_back(void **state)
{
	struct socket_pool p = pool_of(1);
	char said[256];
	(void)state;
	must_abort(discard_what_was_never_made, &p, said, sizeof(said));
	int fd = socket_pool_take(&p, POOL_V4);
	must_abort(give_back_too_many, &p, said, sizeof(said));
	socket_pool_return(&p, POOL_V4, fd);
	socket_pool_free(&p);
}

/* ---- when descriptors run out ------------------------------------------------------------------------------------------- */

static void at_capacity_an_idle_socket_of_another_kind_gives_way(void **state)
{
	struct socket_pool p = pool_of(1);
	(void)state;
	int v4 = socket_pool_take(&p, POOL_V4);
	socket_pool_return(&p, POOL_V4, v4);
	int half = socket_pool_take(&p, POOL_V4_HALF);
	assert_true(half >= 0);
	assert_int_equal(option_of(half, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0, true);
	assert_int_equal(p.idle[POOL_V4], 0);
	assert_int_equal(p.made, 1);
	socket_pool_return(&p, POOL_V4_HALF, half);
	socket_pool_free(&p);
}

static int check_steal_under_emfile(void)
{
	struct socket_pool p = pool_of(100);
	int v4 = socket_pool_take(&p, POOL_V4), other = socket_pool_take(&p, POOL_V4);
	socket_pool_return(&p, POOL_V4, v4);
	descriptors_forbid();
	int half = socket_pool_take(&p, POOL_V4_HALF); /* the idle v4 one is closed for it */
	if (half < 0 || p.made != 2 || p.idle[POOL_V4] != 0)
		return 1;
	if (socket_pool_take(&p, POOL_V4_HALF) != -EMFILE || socket_pool_take(&p, POOL_V4) != -EMFILE || p.made != 2)
		return 2; /* nothing idle is left, and those in use stay */
	return is_open(other) && is_open(half) ? 0 : 3;
}

static void without_descriptors_an_idle_socket_of_another_kind_gives_way(void **state)
{
	(void)state;
	in_a_child(check_steal_under_emfile);
}

static void a_socket_the_connector_does_not_want_is_closed(void **state)
{
	struct socket_pool p = pool_of(4);
	unsigned before = descriptors_open();
	(void)state;
	adopt_answer = -ENOSPC; /* epoll's limit of watches a user */
	assert_int_equal(socket_pool_take(&p, POOL_V4), -ENOSPC);
	assert_int_equal(p.made, 0);
	assert_int_equal(descriptors_open(), before);
	socket_pool_free(&p);
}

/* ---- source addresses ----------------------------------------------------------------------------------------------------- */

static void probes_leave_from_the_given_addresses_in_turn_also_on_reuse(void **state)
{
	struct local_addresses from = { 0 };
	struct socket_pool p;
	struct peer peer = peer_listening(FAMILY_V4, 64);
	struct sockaddr_in6 to;
	socklen_t to_len = peer_address(&peer, &to);
	char why[128];
	(void)state;
	assert_int_equal(local_addresses_add(&from, "127.0.0.2", why, sizeof(why)), 0);
	assert_int_equal(local_addresses_add(&from, "127.0.0.3", why, sizeof(why)), 0);
	pool_of(0);
	socket_pool_init(&p, &connector, &from, 4);
	unsigned seen[2] = { 0 };
	int fd[4];
	for (unsigned i = 0; i < 4; i++)
		fd[i] = socket_pool_take(&p, POOL_V4);
	for (unsigned use = 0; use < 3; use++)
		for (unsigned i = 0; i < 4; i++) {
			struct sockaddr_in mine = { 0 };
			socklen_t len = sizeof(mine);
			struct pollfd end = { .fd = fd[i], .events = POLLOUT };
			assert_true(connect(fd[i], (struct sockaddr *)&to, to_len) == 0 || errno == EINPROGRESS);
			assert_int_equal(poll(&end, 1, EVENT_WAIT_MS), 1);
			assert_int_equal(getsockname(fd[i], (struct sockaddr *)&mine, &len), 0);
			unsigned last = ntohl(mine.sin_addr.s_addr) & 0xff;
			assert_in_range(last, 2, 3);
			seen[last - 2]++;
			assert_int_equal(handshake_forget(fd[i], true, FAMILY_V4), 0);
		}
	assert_int_equal(seen[0], 6);
	assert_int_equal(seen[1], 6);
	for (unsigned i = 0; i < 4; i++)
		socket_pool_return(&p, POOL_V4, fd[i]);
	socket_pool_free(&p);
	peer_close(&peer);
}

static void a_v6_source_binds_a_v6_socket_and_leaves_v4_alone(void **state)
{
	struct local_addresses from = { 0 };
	struct socket_pool p;
	struct sockaddr_in6 mine = { 0 };
	socklen_t len = sizeof(mine);
	char why[128];
	(void)state;
	if (!has_v6()) {
		print_message("# SKIP: no ::1 here\n");
		skip();
	}
	assert_int_equal(local_addresses_add(&from, "::1", why, sizeof(why)), 0);
	pool_of(0);
	socket_pool_init(&p, &connector, &from, 2);
	int v6 = socket_pool_take(&p, POOL_V6), v4 = socket_pool_take(&p, POOL_V4);
	assert_true(v6 >= 0 && v4 >= 0);
	assert_int_equal(getsockname(v6, (struct sockaddr *)&mine, &len), 0);
	assert_memory_equal(&mine.sin6_addr, &in6addr_loopback, 16);
	assert_int_equal(mine.sin6_port, 0); /* no port is taken before it is needed */
	socket_pool_return(&p, POOL_V6, v6);
	socket_pool_return(&p, POOL_V4, v4);
	socket_pool_free(&p);
}

static void source_addresses_are_literals_and_not_too_many(void **state)
{
	static const char *const bad[] = { "", "localhost", "127.1", "127.0.0.1 ", "::1%lo", "[::1]", "256.0.0.1", "127.0.0.1/8" };
	struct local_addresses from = { 0 };
	char why[200];
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(local_addresses_add(&from, bad[i], why, sizeof(why)), -EINVAL);
		assert_non_null(strstr(why, "not an IPv4 or IPv6 address"));
		assert_non_null(strstr(why, bad[i]));
	}
	assert_int_equal(from.v4_count + from.v6_count, 0);
	for (unsigned i = 0; i < LOCAL_ADDRESSES_MAX; i++)
		assert_int_equal(local_addresses_add(&from, "127.0.0.1", why, sizeof(why)), 0);
	assert_int_equal(local_addresses_add(&from, "127.0.0.1", why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "one too many"));
	assert_int_equal(local_addresses_add(&from, "::1", why, sizeof(why)), 0); /* the other family has room of its own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_the_family_and_the_options_it_needs),
		cmocka_unit_test(the_kind_follows_from_family_and_close),
		cmocka_unit_test(the_last_one_given_back_is_the_first_one_taken),
		cmocka_unit_test(there_are_never_more_sockets_than_the_capacity),
		cmocka_unit_test(any_mix_of_kinds_stays_within_the_capacity),
		cmocka_unit_test(no_source_port_is_drawn_that_may_draw_denies),
		cmocka_unit_test(freeing_closes_every_idle_socket),
		cmocka_unit_test(a_socket_that_was_not_taken_cannot_come_back),
		cmocka_unit_test(at_capacity_an_idle_socket_of_another_kind_gives_way),
		cmocka_unit_test(without_descriptors_an_idle_socket_of_another_kind_gives_way),
		cmocka_unit_test(a_socket_the_connector_does_not_want_is_closed),
		cmocka_unit_test(probes_leave_from_the_given_addresses_in_turn_also_on_reuse),
		cmocka_unit_test(a_v6_source_binds_a_v6_socket_and_leaves_v4_alone),
		cmocka_unit_test(source_addresses_are_literals_and_not_too_many),
	};
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
