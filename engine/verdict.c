/* verdict.c - from evidence to a verdict: two tables, one by ICMP, one by errno.  Pure; the only place that decides.
 * What an errno says without an ICMP message from another host is about this machine, so it is `local`: class unknown,
 * never the target's fault.  An errno that stands in no table is `local` too. */
#include "engine/verdict.h"

#include "base/must.h"

#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/tcp.h>

enum { ANY_CODE = 256 };

struct icmp_row {
	uint8_t family, type;
	uint16_t code;
	enum verdict verdict; /* NONE: the kernel goes on waiting, and so do we (RFC 1122 4.2.3.9, RFC 5927) */
};

static const struct icmp_row by_icmp[] = {
	{ FAMILY_V4, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, VERDICT_REJECTED },
	{ FAMILY_V4, ICMP_DEST_UNREACH, ICMP_NET_ANO, VERDICT_REJECTED },
	{ FAMILY_V4, ICMP_DEST_UNREACH, ICMP_HOST_ANO, VERDICT_REJECTED },
	{ FAMILY_V4, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, VERDICT_REJECTED },
	{ FAMILY_V4, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, VERDICT_NONE },
	{ FAMILY_V4, ICMP_DEST_UNREACH, ANY_CODE, VERDICT_UNREACHABLE },
	{ FAMILY_V4, ICMP_SOURCE_QUENCH, ANY_CODE, VERDICT_NONE },
	{ FAMILY_V4, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, VERDICT_NONE },
	{ FAMILY_V4, ICMP_TIME_EXCEEDED, ANY_CODE, VERDICT_UNREACHABLE },
	{ FAMILY_V4, ICMP_PARAMETERPROB, ANY_CODE, VERDICT_UNREACHABLE },
	{ FAMILY_V6, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, VERDICT_REJECTED },
	{ FAMILY_V6, ICMPV6_DEST_UNREACH, ICMPV6_ADM_PROHIBITED, VERDICT_REJECTED },
	{ FAMILY_V6, ICMPV6_DEST_UNREACH, ICMPV6_POLICY_FAIL, VERDICT_REJECTED },
	{ FAMILY_V6, ICMPV6_DEST_UNREACH, ICMPV6_REJECT_ROUTE, VERDICT_REJECTED },
	{ FAMILY_V6, ICMPV6_DEST_UNREACH, ANY_CODE, VERDICT_UNREACHABLE },
	{ FAMILY_V6, ICMPV6_PKT_TOOBIG, ANY_CODE, VERDICT_NONE },
	{ FAMILY_V6, ICMPV6_TIME_EXCEED, ANY_CODE, VERDICT_UNREACHABLE },
	{ FAMILY_V6, ICMPV6_PARAMPROB, ANY_CODE, VERDICT_UNREACHABLE },
};

/* What an errno means when no ICMP from another host explains it; every other errno is `local`. */
static const struct errno_row {
	int error;
	enum verdict verdict;
	const char *detail; /* what the errno alone does not say; wire/result_sentence.c has the rest */
} by_errno[] = {
	{ ECONNREFUSED, VERDICT_CLOSED, NULL },
	{ ECONNRESET, VERDICT_RESET, NULL },
	{ ECANCELED, VERDICT_FILTERED, NULL }, /* our deadline */
	{ ETIMEDOUT, VERDICT_FILTERED, "the kernel gave up before the timeout (sysctl net.ipv4.tcp_syn_retries is low)" },
};

static enum verdict verdict_by_icmp(const struct icmp_answer *icmp)
{
	for (size_t i = 0; i < ARRAY_LEN(by_icmp); i++) {
		const struct icmp_row *row = &by_icmp[i];
		if (row->family == icmp->family && row->type == icmp->type &&
		    (row->code == icmp->code || row->code == ANY_CODE))
			return row->verdict;
	}
	return VERDICT_NONE;
}

static enum verdict verdict_by_errno(int error, struct outcome *into)
{
	for (size_t i = 0; i < ARRAY_LEN(by_errno); i++)
		if (by_errno[i].error == error) {
			into->detail = by_errno[i].detail;
			return by_errno[i].verdict;
		}
	return VERDICT_LOCAL;
}

/* An ICMP message that our own host made is its firewall's answer, or its neighbour table giving up on the target.  Only
 * the latter says "host unreachable" long after the SYN, to a socket that nobody held, and once: a firewall answers within
 * the connect(2) itself (tests/flow/verdicts.bats has both), and again when the kernel repeats the SYN before we looked
 * (tests/flow/stall.bats).  A neighbour's failure closes the socket with its first message, so that no second finds it.
 * It takes 3 s, less for a probe that joins another's wait. */
#define FIREWALL_ANSWERS_WITHIN_US 100000

static enum verdict verdict_by_own_icmp(const struct evidence *seen)
{
	const struct icmp_answer *icmp = &seen->icmp;
	bool host = icmp->family == FAMILY_V4 ? icmp->type == ICMP_DEST_UNREACH && icmp->code == ICMP_HOST_UNREACH
					      : icmp->type == ICMPV6_DEST_UNREACH && icmp->code == ICMPV6_ADDR_UNREACH;
	bool late = seen->tcp_state == TCP_CLOSE && seen->wall_us > FIREWALL_ANSWERS_WITHIN_US && seen->icmp_count < 2;
	return host && late ? VERDICT_UNREACHABLE : VERDICT_LOCAL;
}

/* SO_ERROR counts where the connector's word cannot: it said success, or the one code that some kernels give for
 * everything, or its deadline came before the answer that lies there could be told.  Elsewhere SO_ERROR may be what the
 * last reset of this socket left behind. */
static int evidence_error(const struct evidence *seen)
{
	if (seen->res == 0 || seen->res == -ECONNRESET || seen->res == -ECANCELED)
		return seen->so_error ? seen->so_error : -seen->res;
	return -seen->res;
}

static enum verdict judge_open(const struct evidence *seen, struct outcome *into)
{
	/* After a lost SYN the kernel's value is 0 or a made-up 1000: the wall clock then is all there is. */
	into->rtt_us = seen->syn_retrans == 0 ? seen->rtt_us : 0;
	if (seen->res == -ECANCELED)
		into->detail = "answered just after the deadline";
	return VERDICT_OPEN;
}

enum verdict verdict_judge(const struct evidence *seen, struct outcome *into)
{
	enum verdict v;
	into->syn_retrans = seen->syn_retrans;
	if (seen->tcp_state == TCP_ESTABLISHED || seen->tcp_state == TCP_CLOSE_WAIT)
		return into->verdict = (uint8_t)judge_open(seen, into);

	int error = evidence_error(seen);
	bool known = seen->icmp.family != FAMILY_NONE && verdict_by_icmp(&seen->icmp) != VERDICT_NONE;
	if (seen->tcp_state == TCP_CLOSE && seen->rtt_us > 0 && !known) {
		v = VERDICT_RESET;
		into->error = ECONNRESET;
	} else if (known) {
		into->icmp = seen->icmp;
		into->error = (uint16_t)seen->queue_error;
		v = seen->icmp.ours ? verdict_by_own_icmp(seen) : verdict_by_icmp(&seen->icmp);
	} else if (error == 0) {
		return into->verdict = VERDICT_NONE;
	} else {
		into->error = (uint16_t)error;
		v = verdict_by_errno(error, into);
	}
	return into->verdict = (uint8_t)v;
}

void verdict_local(int error, struct outcome *into)
{
	into->error = (uint16_t)error;
	into->verdict = VERDICT_LOCAL;
}
