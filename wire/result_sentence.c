/* result_sentence.c - says an outcome as one sentence with its facts: how many SYNs, who answered what, what to try.
 * In: an outcome, just measured or read back.  Out: text for people; nothing parses it.
 * Why so: the verdict is a word for machines; what happened, and what an operator can do, needs the facts beside it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrordesc_np, strerrorname_np */
#endif
#include "base/must.h"
#include "wire/result.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define ANY_CODE -1

/* Names from the IANA registries of ICMP and ICMPv6 parameters. */
static const struct icmp_name {
	uint8_t family, type;
	int8_t code;
	const char *name;
} icmp_names[] = {
	{ FAMILY_V4, 3, 0, "network unreachable" },
	{ FAMILY_V4, 3, 1, "host unreachable" },
	{ FAMILY_V4, 3, 2, "protocol unreachable" },
	{ FAMILY_V4, 3, 3, "port unreachable" },
	{ FAMILY_V4, 3, 4, "fragmentation needed" },
	{ FAMILY_V4, 3, 5, "source route failed" },
	{ FAMILY_V4, 3, 6, "destination network unknown" },
	{ FAMILY_V4, 3, 7, "destination host unknown" },
	{ FAMILY_V4, 3, 8, "source host isolated" },
	{ FAMILY_V4, 3, 9, "network administratively prohibited" },
	{ FAMILY_V4, 3, 10, "host administratively prohibited" },
	{ FAMILY_V4, 3, 11, "network unreachable for this type of service" },
	{ FAMILY_V4, 3, 12, "host unreachable for this type of service" },
	{ FAMILY_V4, 3, 13, "communication administratively prohibited" },
	{ FAMILY_V4, 3, 14, "host precedence violation" },
	{ FAMILY_V4, 3, 15, "precedence cutoff" },
	{ FAMILY_V4, 4, ANY_CODE, "source quench" },
	{ FAMILY_V4, 11, 0, "time to live exceeded: a routing loop?" },
	{ FAMILY_V4, 11, 1, "fragment reassembly time exceeded" },
	{ FAMILY_V4, 12, ANY_CODE, "parameter problem" },
	{ FAMILY_V6, 1, 0, "no route to destination" },
	{ FAMILY_V6, 1, 1, "communication administratively prohibited" },
	{ FAMILY_V6, 1, 2, "beyond scope of source address" },
	{ FAMILY_V6, 1, 3, "address unreachable" },
	{ FAMILY_V6, 1, 4, "port unreachable" },
	{ FAMILY_V6, 1, 5, "source address failed ingress or egress policy" },
	{ FAMILY_V6, 1, 6, "reject route to destination" },
	{ FAMILY_V6, 1, 7, "error in source routing header" },
	{ FAMILY_V6, 1, 8, "headers too long" },
	{ FAMILY_V6, 2, ANY_CODE, "packet too big" },
	{ FAMILY_V6, 3, 0, "hop limit exceeded: a routing loop?" },
	{ FAMILY_V6, 3, 1, "fragment reassembly time exceeded" },
	{ FAMILY_V6, 4, ANY_CODE, "parameter problem" },
};

/* What to try when the prober itself could not connect. */
static const struct {
	int error;
	const char *remedy;
} remedies[] = {
	{ EMFILE, "raise LimitNOFILE (ulimit -n) or lower --slots" },
	{ ENFILE, "raise sysctl fs.file-max" },
	{ EADDRNOTAVAIL, "widen sysctl net.ipv4.ip_local_port_range, add --source addresses, or look whether the --source address is still here" },
	{ EAGAIN, "lower --rate" },
	{ ENOBUFS, "raise sysctl net.ipv4.tcp_mem or lower --slots" },
	{ ENOMEM, "raise sysctl net.ipv4.tcp_mem or lower --slots" },
	{ ENETUNREACH, "look for the route with ip route get ADDRESS" },
	{ EHOSTUNREACH, "look for the route with ip route get ADDRESS" },
	{ EACCES, "look for a prohibit route with ip route get ADDRESS" },
	{ EINVAL, "look for a blackhole route with ip route get ADDRESS (a link-local address needs a zone, which cannot be said here)" },
	{ EPERM, "look for the rule with nft list ruleset" },
	{ EAFNOSUPPORT, "look at sysctl net.ipv6.conf.all.disable_ipv6" },
};

static const char *icmp_name(const struct icmp_answer *icmp)
{
	for (unsigned i = 0; i < ARRAY_LEN(icmp_names); i++) {
		const struct icmp_name *row = &icmp_names[i];
		if (row->family == icmp->family && row->type == icmp->type &&
		    (row->code == ANY_CODE || row->code == icmp->code))
			return row->name;
	}
	return "unassigned";
}

/* "198.51.100.1 answered ICMP 3/13 (communication administratively prohibited)" */
static void say_icmp(const struct icmp_answer *icmp, const char *before, const char *after, char *into, size_t len)
{
	char offender[INET6_ADDRSTRLEN] = "somebody";
	bool v6 = icmp->family == FAMILY_V6;

	inet_ntop(v6 ? AF_INET6 : AF_INET, icmp->offender, offender, sizeof(offender));
	snprintf(into, len, "%s%s answered %s %u/%u (%s)%s", before, offender, v6 ? "ICMPv6" : "ICMP", icmp->type,
		 icmp->code, icmp_name(icmp), after);
}

static void say_error(const char *what, int error, char *into, size_t len)
{
	const char *text = strerrordesc_np(error);

	if (error == 0)
		snprintf(into, len, "%s", what);
	else if (text)
		snprintf(into, len, "%s: %s (%s)", what, text, strerrorname_np(error));
	else
		snprintf(into, len, "%s: errno %d", what, error);
}

static void say_open(const struct outcome *o, char *into, size_t len)
{
	unsigned us = o->rtt_us ? o->rtt_us : o->wall_us;

	if (o->syn_retrans > 0)
		snprintf(into, len, "the handshake completed after %u%s SYNs, in %u ms", 1u + o->syn_retrans,
			 o->syn_retrans == UINT8_MAX ? " or more" : "", us / 1000);
	else if (us > 0)
		snprintf(into, len, "the handshake completed in %u.%03u ms", us / 1000, us % 1000);
	else
		snprintf(into, len, "the handshake completed");
}

static void say_filtered(const struct outcome *o, char *into, size_t len)
{
	snprintf(into, len, "silence after %u%s SYN%s", 1u + o->syn_retrans,
		 o->syn_retrans == UINT8_MAX ? " or more" : "", o->syn_retrans ? "s" : "");
}

/* An unreachable that our own kernel reports: nobody on the link knows the address. */
static void say_unreachable(const struct outcome *o, char *into, size_t len)
{
	if (o->icmp.family == FAMILY_NONE)
		say_error("the network cannot reach the host", o->error, into, len);
	else if (o->icmp.ours)
		snprintf(into, len, "no answer to %s: nothing on the local network has this address",
			 o->icmp.family == FAMILY_V6 ? "neighbour discovery" : "ARP");
	else
		say_icmp(&o->icmp, "", "", into, len);
}

static void say_local(const struct outcome *o, char *into, size_t len)
{
	if (o->icmp.family != FAMILY_NONE) {
		say_icmp(&o->icmp, "this machine's own firewall: ", "; look for the rule with nft list ruleset",
			 into, len);
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(remedies); i++)
		if (remedies[i].error == o->error) {
			snprintf(into, len, "the prober itself could not try: %s (%s); %s", strerrordesc_np(o->error),
				 strerrorname_np(o->error), remedies[i].remedy);
			return;
		}
	say_error("the prober itself could not try", o->error, into, len);
}

static void say_expired(const struct outcome *o, char *into, size_t len)
{
	if (o->late_us > 0)
		snprintf(into, len, "its turn came %s%d.%d s after its slot: too old, not probed",
			 o->late_us == INT32_MAX ? "more than " : "", o->late_us / 1000000,
			 o->late_us / 100000 % 10);
	else
		snprintf(into, len, "%s", verdict_row(VERDICT_EXPIRED)->sentence);
}

static void say(const struct outcome *o, const char *detail, char *into, size_t len)
{
	if (detail && *detail) {
		snprintf(into, len, "%s", detail);
		return;
	}
	switch (o->verdict) {
	case VERDICT_OPEN:
		say_open(o, into, len);
		return;
	case VERDICT_FILTERED:
		say_filtered(o, into, len);
		return;
	case VERDICT_REJECTED:
		if (o->icmp.family == FAMILY_NONE)
			break;
		say_icmp(&o->icmp, "", "", into, len);
		return;
	case VERDICT_UNREACHABLE:
		say_unreachable(o, into, len);
		return;
	case VERDICT_LOCAL:
		say_local(o, into, len);
		return;
	case VERDICT_EXPIRED:
		say_expired(o, into, len);
		return;
	default:
		break;
	}
	snprintf(into, len, "%s", verdict_row(o->verdict)->sentence);
}

void result_sentence(const struct outcome *o, const char *detail, char *into, size_t len)
{
	say(o, detail, into, len);
	size_t used = strlen(into);
	if (o->note && used < len)
		snprintf(into + used, len - used, "; %s", o->note);
}
