/* doctor_host.c - looks at the kernel's limits and settings that decide what probing can do on this host.
 * In: /proc (or a folder like it), the limits of this process, what shall be probed.  Out: a finding a check.
 * Owns: nothing.  Why so: a check is a row and a function of its own; each says what it found, what follows from it, and
 * the command that mends it, because a number alone sends its reader to a search engine.  Settings that are merely
 * unusual are not mentioned. */
#include "cli/doctor.h"

#include "engine/connector.h"
#include "engine/lane.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum {
	DESCRIPTORS_OWN = 100,	     /* for all that is not a probe */
	NR_OPEN_USUAL = 1048576,     /* the kernel's own default */
	PORTS_WISHED = 20000,	     /* the kernel's default range has 28,232 */
	CONNTRACK_WISHED = 262144,   /* a SYN that is never answered holds an entry for two minutes */
	SYN_STEP_MAX_S = 120,	     /* TCP_RTO_MAX */
};

/* Reads a small file of /proc into text, without its last newline; false if it is not there. */
static bool read_proc(const struct doctor_host *host, const char *name, char *text, size_t len)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", host->proc, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	const size_t got = fread(text, 1, len - 1, file);
	fclose(file);
	text[got] = 0;
	if (got && text[got - 1] == '\n')
		text[got - 1] = 0;
	return true;
}

/* Up to three numbers of such a file; returns how many there were. */
static int read_numbers(const struct doctor_host *host, const char *name, uint64_t number[3])
{
	char text[256];
	if (!read_proc(host, name, text, sizeof text))
		return 0;
	return sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &number[0], &number[1], &number[2]);
}

static void look_kernel(const struct doctor_host *host, struct doctor_finding *f)
{
	char release[128] = "";
	unsigned major = 0, minor = 0;
	if (!read_proc(host, "sys/kernel/osrelease", release, sizeof release) ||
	    sscanf(release, "%u.%u", &major, &minor) != 2) {
		doctor_say(f, DOCTOR_SKIP, "the kernel's version cannot be read");
		return;
	}
	const unsigned version = major * 1000 + minor;
	if (version < 5017) {
		doctor_say(f, DOCTOR_WARN, "Linux %s: too old for the io_uring connector (5.17), the epoll connector is used",
			   release);
		doctor_mend(f, "upgrade to Linux 6.1 or later");
	} else if (version < 6001)
		doctor_say(f, DOCTOR_OK, "Linux %s; from 6.1 on io_uring costs less", release);
	else if (version < 6005)
		doctor_say(f, DOCTOR_OK, "Linux %s; from 6.5 on a lost SYN is repeated sooner", release);
	else
		doctor_say(f, DOCTOR_OK, "Linux %s", release);
}

static void never_done(void *arg, uint32_t slot, int res)
{
	(void)arg;
	(void)slot;
	(void)res;
}

/* The number behind "Seccomp:" in our own status; 2: a filter, as containers have it. */
static unsigned seccomp_mode(const struct doctor_host *host)
{
	char status[8192];
	if (!read_proc(host, "self/status", status, sizeof status))
		return 0;
	const char *line = strstr(status, "\nSeccomp:");
	return line ? (unsigned)strtoul(line + strlen("\nSeccomp:"), NULL, 10) : 0;
}

/* Not read from settings but tried: what forbids it may be a setting, a filter or the kernel itself. */
static void look_io_uring(const struct doctor_host *host, struct doctor_finding *f)
{
	char why[320] = "";
	uint64_t disabled[3] = { 0 };
	struct connector *c = connector_uring_open(64, never_done, NULL, why, sizeof why);
	if (c) {
		c->ops->close(c);
		doctor_say(f, DOCTOR_OK, "it works; the io_uring connector will be used");
		return;
	}
	doctor_say(f, DOCTOR_WARN, "the epoll connector will be used: %s", why);
	if (read_numbers(host, "sys/kernel/io_uring_disabled", disabled) && disabled[0])
		doctor_mend(f, "sysctl -w kernel.io_uring_disabled=0");
	else if (seccomp_mode(host) == 2)
		doctor_mend(f, "allow io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp profile");
}

static void look_nofile(const struct doctor_host *host, struct doctor_finding *f)
{
	const uint64_t hard = host->nofile.rlim_max, wanted = host->inflight + DESCRIPTORS_OWN;
	const enum doctor_verdict verdict = hard >= wanted ? DOCTOR_OK : hard < 1024 ? DOCTOR_BAD : DOCTOR_WARN;
	if (hard == RLIM_INFINITY)
		doctor_say(f, DOCTOR_OK, "soft %" PRIu64 ", no hard limit", (uint64_t)host->nofile.rlim_cur);
	else
		doctor_say(f, verdict,
			   "soft %" PRIu64 ", hard %" PRIu64 ": at most %" PRIu64
			   " connects in flight (the soft one is raised by itself)",
			   (uint64_t)host->nofile.rlim_cur, hard, hard > DESCRIPTORS_OWN ? hard - DESCRIPTORS_OWN : 1);
	if (verdict != DOCTOR_OK)
		doctor_mend(f, "LimitNOFILE=%" PRIu64 " in the unit, or as root: ulimit -Hn %" PRIu64, wanted, wanted);
}

static void look_nr_open(const struct doctor_host *host, struct doctor_finding *f)
{
	uint64_t most[3];
	if (!read_numbers(host, "sys/fs/nr_open", most)) {
		doctor_say(f, DOCTOR_SKIP, "fs.nr_open cannot be read");
		return;
	}
	const bool enough = most[0] >= host->inflight + DESCRIPTORS_OWN;
	doctor_say(f, enough ? DOCTOR_OK : DOCTOR_WARN,
		   "%" PRIu64 " is the highest hard limit of descriptors that root can set", most[0]);
	if (!enough)
		doctor_mend(f, "sysctl -w fs.nr_open=%d", NR_OPEN_USUAL);
}

static void look_ports(const struct doctor_host *host, struct doctor_finding *f)
{
	uint64_t range[3];
	if (read_numbers(host, "sys/net/ipv4/ip_local_port_range", range) != 2 || range[1] < range[0]) {
		doctor_say(f, DOCTOR_SKIP, "net.ipv4.ip_local_port_range cannot be read");
		return;
	}
	const uint64_t ports = range[1] - range[0] + 1;
	doctor_say(f, ports >= PORTS_WISHED ? DOCTOR_OK : ports >= 1024 ? DOCTOR_WARN : DOCTOR_BAD,
		   "%" PRIu64 " to %" PRIu64 ": %" PRIu64 " connects at the same time from one address to one port", range[0],
		   range[1], ports);
	if (ports < PORTS_WISHED)
		doctor_mend(f, "sysctl -w net.ipv4.ip_local_port_range='16384 65535'");
}

/* The wait behind SYN number k (0 is the first) in s: 1 s for the first and for each linear repetition, then doubled. */
static uint64_t syn_step_s(unsigned k, unsigned linear)
{
	const unsigned doublings = k > linear ? k - linear : 0;
	return doublings < 7 ? 1u << doublings : SYN_STEP_MAX_S;
}

unsigned doctor_syns_within(uint64_t ms, unsigned retries, unsigned linear)
{
	uint64_t at_ms = 0;
	unsigned syns = 0;
	while (at_ms < ms && syns <= retries + linear)
		at_ms += 1000 * syn_step_s(syns++, linear);
	return syns;
}

uint64_t doctor_syn_patience_ms(unsigned retries, unsigned linear)
{
	uint64_t ms = 0;
	for (unsigned k = 0; k <= retries + linear; k++)
		ms += 1000 * syn_step_s(k, linear);
	return ms;
}

/* Since Linux 6.5 the linear repetitions come on top of tcp_syn_retries. */
static void look_syn_retries(const struct doctor_host *host, struct doctor_finding *f)
{
	uint64_t retries[3], linear[3] = { 0 };
	const bool has_linear = read_numbers(host, "sys/net/ipv4/tcp_syn_linear_timeouts", linear);
	if (!read_numbers(host, "sys/net/ipv4/tcp_syn_retries", retries) || retries[0] > 255 || linear[0] > 255) {
		doctor_say(f, DOCTOR_SKIP, "net.ipv4.tcp_syn_retries cannot be read");
		return;
	}
	const uint64_t patience_ms = doctor_syn_patience_ms((unsigned)retries[0], (unsigned)linear[0]);
	const bool enough = patience_ms >= host->timeout_ms;
	doctor_say(f, enough ? DOCTOR_OK : DOCTOR_WARN,
		   "%" PRIu64 "%s: the kernel gives up after %" PRIu64 " s, a probe after %.1f s", retries[0],
		   has_linear ? " and the linear ones" : "", patience_ms / 1000, (double)host->timeout_ms / 1000);
	if (!enough)
		doctor_mend(f, "sysctl -w net.ipv4.tcp_syn_retries=6");
}

static void look_syn_linear(const struct doctor_host *host, struct doctor_finding *f)
{
	uint64_t retries[3], linear[3] = { 0 };
	const bool has_linear = read_numbers(host, "sys/net/ipv4/tcp_syn_linear_timeouts", linear);
	if (!read_numbers(host, "sys/net/ipv4/tcp_syn_retries", retries) || retries[0] > 255 || linear[0] > 255) {
		doctor_say(f, DOCTOR_SKIP, "net.ipv4.tcp_syn_retries cannot be read");
		return;
	}
	const unsigned syns = doctor_syns_within(host->timeout_ms, (unsigned)retries[0], (unsigned)linear[0]);
	const bool enough = syns >= 3 || host->timeout_ms < 2000;
	doctor_say(f, enough ? DOCTOR_OK : DOCTOR_WARN, "%u SYN%s leave within %.1f s, so %u may be lost%s", syns,
		   syns == 1 ? "" : "s", (double)host->timeout_ms / 1000, syns ? syns - 1 : 0,
		   has_linear ? "" : " (Linux 6.5 and later send more of them)");
	if (!enough && has_linear)
		doctor_mend(f, "sysctl -w net.ipv4.tcp_syn_linear_timeouts=4");
}

static void look_conntrack(const struct doctor_host *host, struct doctor_finding *f)
{
	uint64_t count[3] = { 0 }, max[3];
	if (!read_numbers(host, "sys/net/netfilter/nf_conntrack_max", max) || !max[0]) {
		doctor_say(f, DOCTOR_SKIP, "connections are not tracked on this host");
		return;
	}
	read_numbers(host, "sys/net/netfilter/nf_conntrack_count", count);
	const unsigned percent = (unsigned)(count[0] * 100 / max[0]);
	const bool small = max[0] < CONNTRACK_WISHED;
	doctor_say(f, percent >= 90 ? DOCTOR_BAD : percent >= 50 || small ? DOCTOR_WARN : DOCTOR_OK,
		   "%" PRIu64 " of %" PRIu64 " entries used (%u %%)%s", count[0], max[0], percent,
		   percent >= 50 || small
			   ? ": a full table drops SYNs of everybody on this host; a silent target holds an entry for 2 min"
			   : "");
	if (percent >= 50 || small)
		doctor_mend(f, "sysctl -w net.netfilter.nf_conntrack_max=%" PRIu64 ", or exempt the probes: nft ... notrack",
			    max[0] * 2 > CONNTRACK_WISHED ? max[0] * 2 : CONNTRACK_WISHED);
}

/* Pages that TCP uses now: "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1" */
static uint64_t tcp_pages_used(const struct doctor_host *host)
{
	char text[1024];
	if (!read_proc(host, "net/sockstat", text, sizeof text))
		return 0;
	const char *line = strstr(text, "TCP:");
	const char *mem = line ? strstr(line, " mem ") : NULL;
	return mem ? strtoull(mem + strlen(" mem "), NULL, 10) : 0;
}

static void look_tcp_mem(const struct doctor_host *host, struct doctor_finding *f)
{
	uint64_t limit[3];
	if (read_numbers(host, "sys/net/ipv4/tcp_mem", limit) != 3) {
		doctor_say(f, DOCTOR_SKIP, "net.ipv4.tcp_mem cannot be read");
		return;
	}
	const uint64_t used = tcp_pages_used(host), room = limit[1] > used ? limit[1] - used : 0;
	const bool enough = room >= host->inflight;
	doctor_say(f, enough ? DOCTOR_OK : room < 1024 ? DOCTOR_BAD : DOCTOR_WARN,
		   "%" PRIu64 " of %" PRIu64 " pages used; each connect in flight takes one", used, limit[1]);
	if (!enough)
		doctor_mend(f, "sysctl -w net.ipv4.tcp_mem='%" PRIu64 " %" PRIu64 " %" PRIu64 "'", used + 2 * host->inflight,
			    used + 3 * host->inflight, used + 4 * host->inflight);
}

static void look_overcommit(const struct doctor_host *host, struct doctor_finding *f)
{
	uint64_t mode[3];
	if (!host->redis_here || !read_numbers(host, "sys/vm/overcommit_memory", mode)) {
		doctor_say(f, DOCTOR_SKIP, "matters where Redis runs");
		return;
	}
	doctor_say(f, mode[0] == 1 ? DOCTOR_OK : DOCTOR_WARN, "%" PRIu64 "%s", mode[0],
		   mode[0] == 1 ? "" : ": Redis may fail to save in the background when memory is short");
	if (mode[0] != 1)
		doctor_mend(f, "sysctl -w vm.overcommit_memory=1");
}

static const struct host_check {
	const char *name;
	void (*look)(const struct doctor_host *host, struct doctor_finding *f);
} checks[] = {
	{ "kernel", look_kernel },
	{ "io_uring", look_io_uring },
	{ "RLIMIT_NOFILE", look_nofile },
	{ "fs.nr_open", look_nr_open },
	{ "local ports", look_ports },
	{ "tcp_syn_retries", look_syn_retries },
	{ "SYNs in a timeout", look_syn_linear },
	{ "nf_conntrack", look_conntrack },
	{ "tcp_mem", look_tcp_mem },
	{ "overcommit_memory", look_overcommit },
};

void doctor_host(const struct doctor_host *host, struct doctor_report *report)
{
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
		checks[i].look(host, doctor_add(report, checks[i].name));
}
