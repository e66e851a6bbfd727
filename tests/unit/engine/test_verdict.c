/* test_verdict.c - every row of both tables, every combination of the four witnesses that has a meaning, and a sweep
 * over all the others: none may crash, and none may blame the target for what this host could not do. */
#include "engine/verdict.h"

#include "base/must.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum verdict_class class_of(enum verdict v)
{
	return verdict_row(v)->class;
}

/* Judges and checks that the returned verdict is the one written down. */
static struct outcome judge(const struct evidence *seen)
{
	struct outcome o = { 0 };
	enum verdict v = verdict_judge(seen, &o);
	assert_int_equal(v, o.verdict);
	return o;
}

static struct evidence icmp_evidence(uint8_t family, uint8_t type, uint8_t code, int error)
{
	return (struct evidence){ .res = -error, .tcp_state = TCP_CLOSE, .queue_error = error, .icmp_count = 1,
				  .icmp = { .family = family, .type = type, .code = code, .offender = { 198, 51, 100, 1 } } };
}

/* ---- what an ICMP message from another host means ---------------------------------------------------------------- */

struct icmp_case {
	uint8_t family, type, code;
	int error; /* what the kernel makes of it */
	enum verdict verdict;
};

static const struct icmp_case icmp_cases[] = {
	{ FAMILY_V4, 3, 0, ENETUNREACH, VERDICT_UNREACHABLE },	  { FAMILY_V4, 3, 1, EHOSTUNREACH, VERDICT_UNREACHABLE },
	{ FAMILY_V4, 3, 2, ENOPROTOOPT, VERDICT_UNREACHABLE },	  { FAMILY_V4, 3, 3, ECONNREFUSED, VERDICT_REJECTED },
	{ FAMILY_V4, 3, 5, EOPNOTSUPP, VERDICT_UNREACHABLE },	  { FAMILY_V4, 3, 6, ENETUNREACH, VERDICT_UNREACHABLE },
	{ FAMILY_V4, 3, 7, EHOSTDOWN, VERDICT_UNREACHABLE },	  { FAMILY_V4, 3, 8, ENONET, VERDICT_UNREACHABLE },
	{ FAMILY_V4, 3, 9, ENETUNREACH, VERDICT_REJECTED },	  { FAMILY_V4, 3, 10, EHOSTUNREACH, VERDICT_REJECTED },
	{ FAMILY_V4, 3, 11, ENETUNREACH, VERDICT_UNREACHABLE },	  { FAMILY_V4, 3, 12, EHOSTUNREACH, VERDICT_UNREACHABLE },
	{ FAMILY_V4, 3, 13, EHOSTUNREACH, VERDICT_REJECTED },	  { FAMILY_V4, 3, 14, EHOSTUNREACH, VERDICT_UNREACHABLE },
	{ FAMILY_V4, 3, 15, EHOSTUNREACH, VERDICT_UNREACHABLE },  { FAMILY_V4, 11, 0, EHOSTUNREACH, VERDICT_UNREACHABLE },
	{ FAMILY_V4, 12, 0, EPROTO, VERDICT_UNREACHABLE },	  { FAMILY_V4, 12, 1, EPROTO, VERDICT_UNREACHABLE },
	{ FAMILY_V6, 1, 0, ENETUNREACH, VERDICT_UNREACHABLE },	  { FAMILY_V6, 1, 1, EACCES, VERDICT_REJECTED },
	{ FAMILY_V6, 1, 2, EHOSTUNREACH, VERDICT_UNREACHABLE },	  { FAMILY_V6, 1, 3, EHOSTUNREACH, VERDICT_UNREACHABLE },
	{ FAMILY_V6, 1, 4, ECONNREFUSED, VERDICT_REJECTED },	  { FAMILY_V6, 1, 5, EACCES, VERDICT_REJECTED },
	{ FAMILY_V6, 1, 6, EACCES, VERDICT_REJECTED },		  { FAMILY_V6, 1, 7, EPROTO, VERDICT_UNREACHABLE },
	{ FAMILY_V6, 3, 0, EHOSTUNREACH, VERDICT_UNREACHABLE },	  { FAMILY_V6, 4, 0, EPROTO, VERDICT_UNREACHABLE },
	{ FAMILY_V6, 4, 1, EPROTO, VERDICT_UNREACHABLE },
};

static void each_icmp_message_of_another_host_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(icmp_cases); i++) {
		const struct icmp_case *c = &icmp_cases[i];
		struct evidence seen = icmp_evidence(c->family, c->type, c->code, c->error);
		struct outcome o = judge(&seen);
		if (o.verdict != c->verdict)
			fail_msg("IPv%c ICMP %u/%u: %s, expected %s", c->family == FAMILY_V6 ? '6' : '4', c->type, c->code,
				 verdict_row(o.verdict)->name, verdict_row(c->verdict)->name);
		assert_int_equal(o.error, c->error);
		assert_memory_equal(&o.icmp, &seen.icmp, sizeof(o.icmp));
		assert_int_equal(o.rtt_us, 0);
	}
}

static void an_icmp_message_counts_whichever_way_the_connector_learned_of_it(void **state)
{
	/* io_uring passes the errno on; epoll says 0 and leaves it in SO_ERROR; a false open says 0 and still waits; the
	 * deadline may come first; and some kernels say ECONNRESET whatever it was. */
	static const struct {
		int res, so_error;
		uint8_t state;
	} ways[] = {
		{ -EHOSTUNREACH, 0, TCP_CLOSE }, { 0, EHOSTUNREACH, TCP_CLOSE },  { 0, 0, TCP_SYN_SENT },
		{ 0, EHOSTUNREACH, TCP_SYN_SENT }, { -ECANCELED, 0, TCP_SYN_SENT }, { -ECONNRESET, EHOSTUNREACH, TCP_CLOSE },
		{ -ECONNRESET, 0, TCP_CLOSE },	 { -EAGAIN, 0, TCP_SYN_SENT },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct evidence seen = icmp_evidence(FAMILY_V4, 3, 13, EHOSTUNREACH);
		seen.res = ways[i].res;
		seen.so_error = ways[i].so_error;
		seen.tcp_state = ways[i].state;
		struct outcome o = judge(&seen);
		assert_int_equal(o.verdict, VERDICT_REJECTED);
		assert_int_equal(o.error, EHOSTUNREACH);
	}
}

static void icmp_that_the_kernel_ignores_decides_nothing(void **state)
{
	static const struct icmp_answer ignored[] = {
		{ .family = FAMILY_V4, .type = 3, .code = 4 }, { .family = FAMILY_V4, .type = 4 },
		{ .family = FAMILY_V4, .type = 11, .code = 1 }, { .family = FAMILY_V4, .type = 5, .code = 1 },
		{ .family = FAMILY_V4, .type = 8 },		{ .family = FAMILY_V6, .type = 2 },
		{ .family = FAMILY_V6, .type = 128 },		{ .family = FAMILY_V6, .type = 137 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
		struct evidence seen = { .tcp_state = TCP_SYN_SENT, .icmp = ignored[i], .queue_error = EMSGSIZE };
		assert_int_equal(judge(&seen).verdict, VERDICT_NONE);
		seen.res = -ECANCELED;
		struct outcome o = judge(&seen);
		assert_int_equal(o.verdict, VERDICT_FILTERED);
		assert_int_equal(o.icmp.family, FAMILY_NONE);
		seen.res = -ECONNREFUSED;
		seen.tcp_state = TCP_CLOSE;
		assert_int_equal(judge(&seen).verdict, VERDICT_CLOSED);
	}
}

static void the_families_do_not_share_type_numbers(void **state)
{
	(void)state;
	struct evidence seen = icmp_evidence(FAMILY_V6, 3, 3, EHOSTUNREACH); /* v4: port unreachable; v6: time exceeded */
	assert_int_equal(judge(&seen).verdict, VERDICT_UNREACHABLE);
	seen = icmp_evidence(FAMILY_V4, 1, 4, ECONNREFUSED); /* v6: port unreachable; v4: no such type */
	seen.res = 0;
	seen.tcp_state = TCP_SYN_SENT;
	assert_int_equal(judge(&seen).verdict, VERDICT_NONE);
}

/* ---- an ICMP message of our own host ----------------------------------------------------------------------------- */

static void our_own_firewall_is_local(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(icmp_cases); i++) {
		struct evidence seen = icmp_evidence(icmp_cases[i].family, icmp_cases[i].type, icmp_cases[i].code, icmp_cases[i].error);
		seen.icmp.ours = true;
		struct outcome o = judge(&seen);
		assert_int_equal(o.verdict, VERDICT_LOCAL);
		assert_true(o.icmp.ours);
		assert_int_equal(o.error, icmp_cases[i].error);
	}
}

static void a_neighbour_that_does_not_answer_is_unreachable(void **state)
{
	(void)state;
	struct evidence v4 = icmp_evidence(FAMILY_V4, 3, 1, EHOSTUNREACH), v6 = icmp_evidence(FAMILY_V6, 1, 3, EHOSTUNREACH);
	v4.icmp.ours = v6.icmp.ours = true;
	v4.wall_us = v6.wall_us = 3060000;
	struct outcome o = judge(&v4);
	assert_int_equal(o.verdict, VERDICT_UNREACHABLE);
	assert_true(o.icmp.ours);
	o = judge(&v6);
	assert_int_equal(o.verdict, VERDICT_UNREACHABLE);
	assert_true(o.icmp.ours);
}

static void a_firewall_of_ours_that_says_host_unreachable_is_local(void **state)
{
	(void)state;
	struct evidence at_once = icmp_evidence(FAMILY_V4, 3, 1, EHOSTUNREACH);
	at_once.icmp.ours = true;
	at_once.wall_us = 80;
	assert_int_equal(judge(&at_once).verdict, VERDICT_LOCAL);
	struct evidence within_connect = at_once; /* our loop was slow to look, but the socket was held when it came */
	within_connect.wall_us = 900000;
	within_connect.tcp_state = TCP_SYN_SENT;
	within_connect.res = 0;
	assert_int_equal(judge(&within_connect).verdict, VERDICT_LOCAL);
	struct evidence twice = at_once; /* slower still: the SYN was repeated, and the second answer closed the socket */
	twice.wall_us = 1300000;
	twice.syn_retrans = 1;
	twice.icmp_count = 2;
	assert_int_equal(judge(&twice).verdict, VERDICT_LOCAL);
}

static void waiting_excuses_no_other_message_of_our_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(icmp_cases); i++) {
		const struct icmp_case *c = &icmp_cases[i];
		if (c->family == FAMILY_V4 ? c->type == 3 && c->code == 1 : c->type == 1 && c->code == 3)
			continue;
		struct evidence seen = icmp_evidence(c->family, c->type, c->code, c->error);
		seen.icmp.ours = true;
		seen.wall_us = 3060000;
		assert_int_equal(judge(&seen).verdict, VERDICT_LOCAL);
	}
}

/* ---- open --------------------------------------------------------------------------------------------------------- */

static void open_is_what_the_tcp_state_says_whatever_the_connector_said(void **state)
{
	static const int words[] = { 0, -ECANCELED, -ECONNREFUSED, -ECONNRESET, -EAGAIN, -ENETUNREACH, -EMFILE };
	static const uint8_t states[] = { TCP_ESTABLISHED, TCP_CLOSE_WAIT };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (size_t s = 0; s < ARRAY_LEN(states); s++) {
			struct evidence seen = { .res = words[i], .tcp_state = states[s], .rtt_us = 321 };
			struct outcome o = judge(&seen);
			assert_int_equal(o.verdict, VERDICT_OPEN);
			assert_int_equal(o.rtt_us, 321);
			assert_int_equal(o.error, 0);
		}
}

static void an_answer_after_the_deadline_is_open_and_says_so(void **state)
{
	(void)state;
	struct evidence seen = { .res = -ECANCELED, .tcp_state = TCP_ESTABLISHED, .rtt_us = 500 };
	struct outcome o = judge(&seen);
	assert_int_equal(o.verdict, VERDICT_OPEN);
	assert_non_null(o.detail);
	assert_non_null(strstr(o.detail, "deadline"));
	seen.res = 0;
	assert_null(judge(&seen).detail);
}

static void no_round_trip_is_claimed_after_a_lost_syn(void **state)
{
	(void)state;
	struct evidence seen = { .tcp_state = TCP_ESTABLISHED, .rtt_us = 1000, .syn_retrans = 1 };
	struct outcome o = judge(&seen);
	assert_int_equal(o.verdict, VERDICT_OPEN);
	assert_int_equal(o.rtt_us, 0);
	assert_int_equal(o.syn_retrans, 1);
}

/* ---- false opens and false errors ----------------------------------------------------------------------------------- */

static void success_without_a_handshake_is_not_open(void **state)
{
	(void)state;
	struct evidence seen = icmp_evidence(FAMILY_V4, 3, 3, ECONNREFUSED);
	seen.res = 0;
	seen.tcp_state = TCP_SYN_SENT;
	assert_int_equal(judge(&seen).verdict, VERDICT_REJECTED);
	seen = (struct evidence){ .tcp_state = TCP_SYN_SENT, .so_error = ECONNREFUSED };
	assert_int_equal(judge(&seen).verdict, VERDICT_CLOSED);
}

static void success_with_nothing_to_see_is_no_verdict(void **state)
{
	static const uint8_t states[] = { TCP_SYN_SENT, TCP_SYN_RECV, TCP_CLOSE };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		struct evidence seen = { .tcp_state = states[i], .syn_retrans = 2 };
		struct outcome o = judge(&seen);
		assert_int_equal(o.verdict, VERDICT_NONE);
		assert_int_equal(o.error, 0);
		assert_null(o.detail);
	}
}

static void a_reset_after_the_syn_ack_is_reset(void **state)
{
	static const int words[] = { 0, -ECONNRESET, -ECONNREFUSED, -EPIPE, -ECANCELED };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct evidence seen = { .res = words[i], .tcp_state = TCP_CLOSE, .rtt_us = 40 };
		struct outcome o = judge(&seen);
		assert_int_equal(o.verdict, VERDICT_RESET);
		assert_int_equal(o.error, ECONNRESET);
		assert_int_equal(o.rtt_us, 0);
	}
}

static void so_error_tells_the_truth_where_the_kernel_says_econnreset_for_everything(void **state)
{
	static const struct {
		int so_error;
		enum verdict verdict;
	} cases[] = {
		{ ECONNREFUSED, VERDICT_CLOSED }, { ETIMEDOUT, VERDICT_FILTERED }, { ENETUNREACH, VERDICT_LOCAL },
		{ ECONNRESET, VERDICT_RESET },	  { 0, VERDICT_RESET },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct evidence seen = { .res = -ECONNRESET, .tcp_state = TCP_CLOSE, .so_error = cases[i].so_error };
		assert_int_equal(judge(&seen).verdict, cases[i].verdict);
	}
}

static void an_answer_that_lay_there_when_the_deadline_came_outweighs_the_deadline(void **state)
{
	(void)state;
	struct evidence seen = { .res = -ECANCELED, .tcp_state = TCP_CLOSE, .so_error = ECONNREFUSED };
	struct outcome o = judge(&seen);
	assert_int_equal(o.verdict, VERDICT_CLOSED);
	assert_int_equal(o.error, ECONNREFUSED);
}

static void an_error_of_this_attempt_outweighs_one_that_the_last_left_behind(void **state)
{
	(void)state;
	struct evidence seen = { .res = -ENETUNREACH, .tcp_state = TCP_CLOSE, .so_error = ECONNRESET };
	struct outcome o = judge(&seen);
	assert_int_equal(o.verdict, VERDICT_LOCAL);
	assert_int_equal(o.error, ENETUNREACH);
	seen.res = -EADDRNOTAVAIL;
	assert_int_equal(judge(&seen).error, EADDRNOTAVAIL);
}

/* ---- by errno ------------------------------------------------------------------------------------------------------- */

struct errno_case {
	int error;
	enum verdict verdict;
};

static const struct errno_case errno_cases[] = {
	{ ECONNREFUSED, VERDICT_CLOSED }, { ECONNRESET, VERDICT_RESET }, { ECANCELED, VERDICT_FILTERED },
	{ ETIMEDOUT, VERDICT_FILTERED },  { ENETUNREACH, VERDICT_LOCAL }, { EHOSTUNREACH, VERDICT_LOCAL },
	{ EACCES, VERDICT_LOCAL },	  { EPERM, VERDICT_LOCAL },	  { EINVAL, VERDICT_LOCAL },
	{ EADDRNOTAVAIL, VERDICT_LOCAL }, { EMFILE, VERDICT_LOCAL },	  { ENFILE, VERDICT_LOCAL },
	{ ENOBUFS, VERDICT_LOCAL },	  { ENOMEM, VERDICT_LOCAL },	  { EAGAIN, VERDICT_LOCAL },
	{ EAFNOSUPPORT, VERDICT_LOCAL },
};

static void each_errno_without_an_icmp_message_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errno_cases); i++) {
		const struct errno_case *c = &errno_cases[i];
		struct evidence by_word = { .res = -c->error, .tcp_state = TCP_CLOSE };
		struct evidence by_socket = { .so_error = c->error, .tcp_state = TCP_CLOSE };
		const struct outcome seen[] = { judge(&by_word), judge(&by_socket) };
		for (size_t w = 0; w < ARRAY_LEN(seen); w++) {
			assert_int_equal(seen[w].verdict, c->verdict);
			assert_int_equal(seen[w].error, c->error);
			assert_int_equal(seen[w].icmp.family, FAMILY_NONE);
		}
	}
}

static void silence_is_filtered_and_keeps_the_count_of_syns(void **state)
{
	(void)state;
	struct evidence seen = { .res = -ECANCELED, .tcp_state = TCP_SYN_SENT, .syn_retrans = 3 };
	struct outcome o = judge(&seen);
	assert_int_equal(o.verdict, VERDICT_FILTERED);
	assert_int_equal(o.syn_retrans, 3);
	assert_int_equal(o.error, ECANCELED);
	seen.res = -ETIMEDOUT; /* the kernel's patience ended first: an operator can mend that, so it is said */
	seen.tcp_state = TCP_CLOSE;
	assert_non_null(strstr(judge(&seen).detail, "tcp_syn_retries"));
}

static void an_errno_nobody_foresaw_is_local(void **state)
{
	(void)state;
	for (int error = 1; error < 4096; error++) {
		bool in_table = false;
		for (size_t i = 0; i < ARRAY_LEN(errno_cases); i++)
			in_table |= errno_cases[i].error == error;
		if (in_table)
			continue;
		struct evidence seen = { .res = -error, .tcp_state = TCP_SYN_SENT };
		struct outcome o = judge(&seen);
		assert_int_equal(o.verdict, VERDICT_LOCAL);
		assert_int_equal(o.error, error);
		assert_null(o.detail);
	}
}

static void an_errno_of_our_own_making_is_always_local(void **state)
{
	(void)state;
	for (int error = 1; error < 4096; error++) {
		struct outcome o = { 0 };
		verdict_local(error, &o);
		assert_int_equal(o.verdict, VERDICT_LOCAL);
		assert_int_equal(o.error, error);
	}
}

/* ---- everything else -------------------------------------------------------------------------------------------------- */

/* The target's doing, as far as an errno alone can tell. */
static bool blames_the_target(int error)
{
	return error == ECONNREFUSED || error == ECONNRESET || error == ECANCELED || error == ETIMEDOUT;
}

static void check_swept(const struct evidence *seen, const struct outcome *o)
{
	bool open = seen->tcp_state == TCP_ESTABLISHED || seen->tcp_state == TCP_CLOSE_WAIT;
	bool reset = seen->tcp_state == TCP_CLOSE && seen->rtt_us > 0;
	bool may_blame = blames_the_target(-seen->res) || blames_the_target(seen->so_error) || reset ||
			 seen->icmp.family != FAMILY_NONE;
	bool sound = o->verdict < VERDICTS && (o->verdict == VERDICT_OPEN) == open &&
		     (may_blame || class_of(o->verdict) != CLASS_DOWN) && (seen->res == 0 || o->verdict != VERDICT_NONE) &&
		     (o->verdict == VERDICT_OPEN || o->rtt_us == 0);
	if (!sound)
		fail_msg("res %d, state %u, rtt %u, SO_ERROR %d, %u SYNs repeated, ICMP family %u %u/%u: %s", seen->res,
			 seen->tcp_state, seen->rtt_us, seen->so_error, seen->syn_retrans, seen->icmp.family, seen->icmp.type,
			 seen->icmp.code, verdict_row(o->verdict)->name);
}

static void no_errno_of_the_prober_is_ever_the_targets_fault(void **state)
{
	static const uint8_t repeated[] = { 0, 1, 255 };
	(void)state;
	for (int res = 0; res > -134; res--)
		for (uint8_t tcp = 0; tcp < 14; tcp++)
			for (int so_error = 0; so_error < 134; so_error++)
				for (unsigned rest = 0; rest < 2 * ARRAY_LEN(repeated); rest++) {
					struct evidence seen = { .res = res, .tcp_state = tcp, .so_error = so_error,
								 .rtt_us = rest % 2 ? 70 : 0, .syn_retrans = repeated[rest / 2] };
					struct outcome o = { 0 };
					verdict_judge(&seen, &o);
					check_swept(&seen, &o);
				}
}

static void no_icmp_message_whatever_breaks_a_rule(void **state)
{
	static const int words[] = { 0, -ECANCELED, -ECONNREFUSED, -ENETUNREACH };
	(void)state;
	for (unsigned n = 0; n < 3 * 65536 * 2; n++)
		for (unsigned rest = 0; rest < 4 * ARRAY_LEN(words); rest++) {
			struct evidence seen = { .res = words[rest / 4], .tcp_state = rest % 2 ? TCP_SYN_SENT : TCP_CLOSE,
						 .syn_retrans = rest / 2 % 2, .queue_error = EHOSTUNREACH,
						 .icmp = { .family = (uint8_t)(n / 131072), .ours = n / 65536 % 2,
							   .type = (uint8_t)(n >> 8), .code = (uint8_t)n } };
			struct outcome o = { 0 };
			verdict_judge(&seen, &o);
			check_swept(&seen, &o);
			if (seen.icmp.ours && o.verdict == VERDICT_REJECTED)
				fail_msg("our own ICMP %u/%u is called rejected", seen.icmp.type, seen.icmp.code);
			if (o.icmp.family != FAMILY_NONE && o.verdict == VERDICT_CLOSED)
				fail_msg("ICMP %u/%u is called closed", seen.icmp.type, seen.icmp.code);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_icmp_message_of_another_host_has_its_verdict),
		cmocka_unit_test(an_icmp_message_counts_whichever_way_the_connector_learned_of_it),
		cmocka_unit_test(icmp_that_the_kernel_ignores_decides_nothing),
		cmocka_unit_test(the_families_do_not_share_type_numbers),
		cmocka_unit_test(our_own_firewall_is_local),
		cmocka_unit_test(a_neighbour_that_does_not_answer_is_unreachable),
		cmocka_unit_test(a_firewall_of_ours_that_says_host_unreachable_is_local),
		cmocka_unit_test(waiting_excuses_no_other_message_of_our_own),
		cmocka_unit_test(open_is_what_the_tcp_state_says_whatever_the_connector_said),
		cmocka_unit_test(an_answer_after_the_deadline_is_open_and_says_so),
		cmocka_unit_test(no_round_trip_is_claimed_after_a_lost_syn),
		cmocka_unit_test(success_without_a_handshake_is_not_open),
		cmocka_unit_test(success_with_nothing_to_see_is_no_verdict),
		cmocka_unit_test(a_reset_after_the_syn_ack_is_reset),
		cmocka_unit_test(so_error_tells_the_truth_where_the_kernel_says_econnreset_for_everything),
		cmocka_unit_test(an_answer_that_lay_there_when_the_deadline_came_outweighs_the_deadline),
		cmocka_unit_test(an_error_of_this_attempt_outweighs_one_that_the_last_left_behind),
		cmocka_unit_test(each_errno_without_an_icmp_message_has_its_verdict),
		cmocka_unit_test(silence_is_filtered_and_keeps_the_count_of_syns),
		cmocka_unit_test(an_errno_nobody_foresaw_is_local),
		cmocka_unit_test(an_errno_of_our_own_making_is_always_local),
		cmocka_unit_test(no_errno_of_the_prober_is_ever_the_targets_fault),
		cmocka_unit_test(no_icmp_message_whatever_breaks_a_rule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
