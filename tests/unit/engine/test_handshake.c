/* test_handshake.c - what real sockets on loopback say of themselves, and that a socket which was told to forget is as
 * good as a new one, a thousand times over. */
#include "engine/handshake.h"

#include "base/must.h"
#include "engine/verdict.h"

#include "loopback.h"

#include <linux/errqueue.h>

static int nonblocking(uint8_t family)
{
	int on = 1, fd = socket(family == FAMILY_V6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	if (family == FAMILY_V6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)), 0);
	return fd;
}

/* connect(2), and waits for the end of the handshake if there will be one. */
static int start(int fd, const struct peer *to, bool ends)
{
	struct sockaddr_in6 at;
	socklen_t len = peer_address(to, &at);
	int rc = connect(fd, (struct sockaddr *)&at, len) < 0 ? -errno : 0;
	struct pollfd end = { .fd = fd, .events = POLLOUT };
	if (ends && rc == -EINPROGRESS)
		assert_int_equal(poll(&end, 1, EVENT_WAIT_MS), 1);
	return rc == -EINPROGRESS ? 0 : rc;
}

static struct evidence look(int fd, int res, const struct peer *to)
{
	struct sockaddr_in6 at;
	struct evidence seen;
	memset(&seen, 0xa5, sizeof(seen));
	peer_address(to, &at);
	handshake_look(fd, res, (struct sockaddr *)&at, true, &seen);
	assert_int_equal(seen.icmp.family, FAMILY_NONE);
	assert_int_equal(seen.queue_error, 0);
	return seen;
}

static bool error_queue_is_empty(int fd)
{
	char control[512];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	return recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static uint16_t source_port(int fd)
{
	struct sockaddr_in6 at = { 0 };
	socklen_t len = sizeof(at);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin6_port); /* at the same place in both families */
}

static void wait_for_state(int fd, unsigned state)
{
	uint64_t until = clock_ns() + EVENT_WAIT_MS * NS_PER_MS;
	while (tcp_state_of(fd) != state) {
		if (clock_ns() > until)
			fail_msg("TCP state %u instead of %u", tcp_state_of(fd), state);
		wait_until_ns(clock_ns() + NS_PER_MS);
	}
}

static uint8_t families_here(unsigned i)
{
	return i == 0 ? FAMILY_V4 : FAMILY_V6;
}

#define FOR_EACH_FAMILY(family)                                                                                          \
	for (unsigned family##_i = 0, family = FAMILY_V4; family##_i < (has_v6() ? 2u : 1u);                              \
	     family = families_here(++family##_i))

/* ---- looking ------------------------------------------------------------------------------------------------------- */

static void an_open_port_is_established_with_a_round_trip(void **state)
{
	(void)state;
	FOR_EACH_FAMILY(family) {
		struct peer peer = peer_listening((uint8_t)family, 4);
		int fd = nonblocking((uint8_t)family);
		struct evidence seen = look(fd, start(fd, &peer, true), &peer);
		assert_int_equal(seen.tcp_state, TCP_ESTABLISHED);
		assert_true(seen.rtt_us > 0);
		assert_int_equal(seen.syn_retrans, 0);
		assert_int_equal(seen.res, 0);
		close(fd);
		peer_close(&peer);
	}
}

static void a_port_whose_application_left_in_order_still_counts_as_answered(void **state)
{
	(void)state;
	FOR_EACH_FAMILY(family) {
		struct peer peer = peer_listening((uint8_t)family, 4);
		int fd = nonblocking((uint8_t)family);
		struct outcome o = { 0 };
		start(fd, &peer, true);
		close(peer_accept(&peer));
		wait_for_state(fd, TCP_CLOSE_WAIT);
		struct evidence seen = look(fd, 0, &peer);
		assert_int_equal(seen.tcp_state, TCP_CLOSE_WAIT);
		assert_true(seen.rtt_us > 0);
		assert_int_equal(verdict_judge(&seen, &o), VERDICT_OPEN);
		close(fd);
		peer_close(&peer);
	}
}

static void a_closed_port_is_told_by_the_word_or_by_so_error(void **state)
{
	(void)state;
	FOR_EACH_FAMILY(family) {
		struct peer peer = peer_closed((uint8_t)family);
		int fd = nonblocking((uint8_t)family);
		struct outcome o = { 0 };
		struct evidence seen = look(fd, start(fd, &peer, true), &peer);
		assert_int_equal(seen.tcp_state, TCP_CLOSE);
		assert_int_equal(seen.rtt_us, 0);
		assert_int_equal(seen.res == 0 ? seen.so_error : -seen.res, ECONNREFUSED);
		assert_int_equal(verdict_judge(&seen, &o), VERDICT_CLOSED);
		close(fd);
		peer_close(&peer);
	}
}

static void a_connection_reset_after_its_handshake_is_closed_with_a_round_trip(void **state)
{
	(void)state;
	FOR_EACH_FAMILY(family) {
		struct peer peer = peer_listening((uint8_t)family, 4);
		int fd = nonblocking((uint8_t)family);
		struct outcome o = { 0 };
		start(fd, &peer, true);
		close_with_reset(peer_accept(&peer));
		wait_for_state(fd, TCP_CLOSE);
		struct evidence seen = look(fd, 0, &peer);
		assert_true(seen.rtt_us > 0);
		assert_int_equal(seen.so_error, ECONNRESET);
		assert_int_equal(verdict_judge(&seen, &o), VERDICT_RESET);
		close(fd);
		peer_close(&peer);
	}
}

static void a_silent_port_shows_nothing(void **state)
{
	(void)state;
	FOR_EACH_FAMILY(family) {
		struct peer peer = peer_silent((uint8_t)family);
		int fd = nonblocking((uint8_t)family);
		struct outcome o = { 0 };
		start(fd, &peer, false);
		struct evidence seen = look(fd, 0, &peer);
		assert_int_equal(seen.tcp_state, TCP_SYN_SENT);
		assert_int_equal(seen.so_error, 0);
		assert_int_equal(verdict_judge(&seen, &o), VERDICT_NONE);
		seen = look(fd, -ECANCELED, &peer);
		assert_int_equal(verdict_judge(&seen, &o), VERDICT_FILTERED);
		close(fd);
		peer_close(&peer);
	}
}

static void a_descriptor_that_is_no_socket_is_this_hosts_trouble(void **state)
{
	struct peer peer = peer_closed(FAMILY_V4);
	struct outcome o = { 0 };
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)state;
	struct evidence seen = look(fd, 0, &peer);
	assert_int_equal(seen.res, -ENOTSOCK);
	assert_int_equal(verdict_judge(&seen, &o), VERDICT_LOCAL);
	seen = look(fd, -EMFILE, &peer);
	assert_int_equal(seen.res, -EMFILE);
	close(fd);
	peer_close(&peer);
}

static void looking_at_an_open_port_leaves_it_open(void **state)
{
	struct peer peer = peer_listening(FAMILY_V4, 4);
	int fd = nonblocking(FAMILY_V4);
	char byte = 0;
	(void)state;
	start(fd, &peer, true);
	int accepted = peer_accept(&peer);
	for (unsigned i = 0; i < 10; i++)
		look(fd, 0, &peer);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(accepted, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	close(fd);
	close(accepted);
	peer_close(&peer);
}

static void a_socket_that_met_itself_is_no_open_port(void **state)
{
	(void)state;
	FOR_EACH_FAMILY(family) {
		struct peer nobody = peer_closed((uint8_t)family);
		struct outcome o = { 0 };
		start(nobody.fd, &nobody, true); /* bound to the very port it connects to */
		assert_int_equal(tcp_state_of(nobody.fd), TCP_ESTABLISHED);
		struct evidence seen = look(nobody.fd, 0, &nobody);
		assert_int_equal(verdict_judge(&seen, &o), VERDICT_CLOSED);
		assert_int_equal(o.rtt_us, 0);
		peer_close(&nobody);
	}
}

/* ---- forgetting ---------------------------------------------------------------------------------------------------- */

static void check_forgotten(int fd)
{
	assert_int_equal(tcp_state_of(fd), TCP_CLOSE);
	assert_true(error_queue_is_empty(fd));
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	assert_int_equal(info.tcpi_rtt, 0); /* else the next refusal would read as a reset after a handshake */
	assert_int_equal(info.tcpi_total_retrans, 0);
}

static void forgetting_an_open_connection_resets_it_at_the_peer(void **state)
{
	(void)state;
	FOR_EACH_FAMILY(family) {
		struct peer peer = peer_listening((uint8_t)family, 4);
		int fd = nonblocking((uint8_t)family);
		char byte;
		start(fd, &peer, true);
		int accepted = peer_accept(&peer);
		assert_int_equal(handshake_forget(fd, true, (uint8_t)family), 0);
		struct pollfd there = { .fd = accepted, .events = POLLIN };
		assert_int_equal(poll(&there, 1, EVENT_WAIT_MS), 1);
		assert_int_equal(recv(accepted, &byte, 1, MSG_DONTWAIT), -1);
		assert_int_equal(errno, ECONNRESET);
		check_forgotten(fd);
		close(fd);
		close(accepted);
		peer_close(&peer);
	}
}

static void forgetting_a_silent_attempt_ends_its_syns(void **state)
{
	struct peer peer = peer_silent(FAMILY_V4);
	int fd = nonblocking(FAMILY_V4);
	(void)state;
	start(fd, &peer, false);
	assert_int_equal(tcp_state_of(fd), TCP_SYN_SENT);
	assert_int_equal(handshake_forget(fd, false, FAMILY_V4), 0);
	check_forgotten(fd);
	close(fd);
	peer_close(&peer);
}

static void forgetting_a_socket_never_used_is_fine(void **state)
{
	int fd = nonblocking(FAMILY_V4);
	(void)state;
	assert_int_equal(handshake_forget(fd, false, FAMILY_V4), 0);
	check_forgotten(fd);
	close(fd);
	assert_int_equal(handshake_forget(fd, false, FAMILY_V4), -EBADF);
}

/* Else a firewall's state of the last attempt would answer for the next. */
static void each_use_leaves_from_a_fresh_port(void **state)
{
	(void)state;
	FOR_EACH_FAMILY(family) {
		struct peer peer = peer_listening((uint8_t)family, 64);
		int fd = nonblocking((uint8_t)family);
		uint16_t last = 0;
		unsigned same = 0;
		for (unsigned i = 0; i < 30; i++) {
			start(fd, &peer, true);
			same += source_port(fd) == last;
			last = source_port(fd);
			assert_int_equal(handshake_forget(fd, true, (uint8_t)family), 0);
		}
		assert_in_range(same, 0, 2); /* the kernel draws them; a repetition is rare, not forbidden */
		close(fd);
		peer_close(&peer);
	}
}

static void an_error_left_by_the_last_attempt_is_gone_in_the_next(void **state)
{
	struct peer silent = peer_silent(FAMILY_V4), closed = peer_closed(FAMILY_V4);
	int fd = nonblocking(FAMILY_V4);
	(void)state;
	start(fd, &closed, true);
	assert_int_equal(handshake_forget(fd, false, FAMILY_V4), 0);
	assert_int_equal(start(fd, &silent, false), 0);
	struct evidence seen = look(fd, 0, &silent);
	assert_int_equal(seen.tcp_state, TCP_SYN_SENT);
	assert_int_equal(seen.so_error, 0);
	assert_int_equal(handshake_forget(fd, false, FAMILY_V4), 0); /* a reset in SYN_SENT leaves ECONNRESET behind */
	assert_int_equal(start(fd, &silent, false), 0);
	assert_int_equal(look(fd, 0, &silent).so_error, 0);
	close(fd);
	peer_close(&silent);
	peer_close(&closed);
}

/* A v6 address on a v4 socket fails before a packet. */
static void an_attempt_that_fails_at_once_is_not_judged_by_what_the_last_left_behind(void **state)
{
	struct peer silent = peer_silent(FAMILY_V4), closed = peer_closed(FAMILY_V4);
	struct sockaddr_in6 wrong;
	struct outcome o = { 0 };
	int fd = nonblocking(FAMILY_V4);
	(void)state;
	start(fd, &silent, false);
	assert_int_equal(handshake_forget(fd, false, FAMILY_V4), 0);
	socklen_t len = loopback_address(FAMILY_V6, closed.port, &wrong);
	int res = connect(fd, (struct sockaddr *)&wrong, len) < 0 ? -errno : 0;
	assert_int_equal(res, -EAFNOSUPPORT);
	struct evidence seen = look(fd, res, &closed);
	assert_int_equal(verdict_judge(&seen, &o), VERDICT_LOCAL);
	assert_int_equal(o.error, EAFNOSUPPORT);
	close(fd);
	peer_close(&silent);
	peer_close(&closed);
}

static void a_thousand_uses_of_one_socket_are_as_good_as_a_thousand_sockets(void **state)
{
	(void)state;
	chance_seed();
	FOR_EACH_FAMILY(family) {
		struct peer open = peer_listening((uint8_t)family, 4096), closed = peer_closed((uint8_t)family);
		struct peer silent = peer_silent((uint8_t)family);
		int fd = nonblocking((uint8_t)family);
		for (unsigned i = 0; i < 1000; i++) {
			static const enum verdict ends[] = { VERDICT_OPEN, VERDICT_CLOSED, VERDICT_FILTERED };
			const struct peer *to[] = { &open, &closed, &silent };
			unsigned which = chance(3);
			struct outcome o = { 0 };
			int res = start(fd, to[which], which != 2);
			struct evidence seen = look(fd, which == 2 ? -ECANCELED : res, to[which]);
			enum verdict v = verdict_judge(&seen, &o);
			if (v != ends[which])
				fail_msg("use %u: %s, expected %s", i, verdict_row(v)->name, verdict_row(ends[which])->name);
			assert_int_equal(handshake_forget(fd, v == VERDICT_OPEN, (uint8_t)family), 0);
			check_forgotten(fd);
			peer_drain(&open);
		}
		close(fd);
		peer_close(&open);
		peer_close(&closed);
		peer_close(&silent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_port_is_established_with_a_round_trip),
		cmocka_unit_test(a_port_whose_application_left_in_order_still_counts_as_answered),
		cmocka_unit_test(a_closed_port_is_told_by_the_word_or_by_so_error),
		cmocka_unit_test(a_connection_reset_after_its_handshake_is_closed_with_a_round_trip),
		cmocka_unit_test(a_silent_port_shows_nothing),
		cmocka_unit_test(a_descriptor_that_is_no_socket_is_this_hosts_trouble),
		cmocka_unit_test(looking_at_an_open_port_leaves_it_open),
		cmocka_unit_test(a_socket_that_met_itself_is_no_open_port),
		cmocka_unit_test(forgetting_an_open_connection_resets_it_at_the_peer),
		cmocka_unit_test(forgetting_a_silent_attempt_ends_its_syns),
		cmocka_unit_test(forgetting_a_socket_never_used_is_fine),
		cmocka_unit_test(each_use_leaves_from_a_fresh_port),
		cmocka_unit_test(an_error_left_by_the_last_attempt_is_gone_in_the_next),
		cmocka_unit_test(an_attempt_that_fails_at_once_is_not_judged_by_what_the_last_left_behind),
		cmocka_unit_test(a_thousand_uses_of_one_socket_are_as_good_as_a_thousand_sockets),
	};
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
