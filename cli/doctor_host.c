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

/* Value of NAME=value or NAME="value" in os-release(5); "" if it is not there. */
static void os_release_value(const char *text, const char *name, char *into, size_t len)
{
	const size_t name_len = strlen(name);
	*into = 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
		if (strncmp(line, name, name_len) == 0 && line[name_len] == '=') {
			line += name_len + 1;
			line += *line == '"' || *line == '\'';
			snprintf(into, len, "%.*s", (int)strcspn(line, "\"'\n"), line);
			return;
		}
}

/* How each distribution comes to a kernel of 6.1 or later; the first row that fits.  A container has its host's kernel, and
 * the command is then for the host. */
static const struct kernel_row {
	const char *id, *version; /* of os-release, the latter as a beginning; "": any */
	const char *command;
} kernel_rows[] = {
	{ "debian", "11", "echo 'deb http://archive.debian.org/debian bullseye-backports main' >/etc/apt/sources.list.d/backports.list && "
			  "apt-get update && apt-get install -y -t bullseye-backports \"linux-image-$(dpkg --print-architecture)\" && reboot" },
	{ "debian", "", "apt-get update && apt-get install -y \"linux-image-$(dpkg --print-architecture)\" && reboot" },
	{ "ubuntu", "20", "do-release-upgrade # its newest kernel is 5.15" },
	{ "ubuntu", "", "apt-get update && apt-get install -y \"linux-generic-hwe-$(. /etc/os-release; echo \"$VERSION_ID\")\" && reboot" },
	{ "fedora", "", "dnf upgrade -y --refresh && reboot" },
	{ "rhel", "", "dnf install -y \"https://www.elrepo.org/elrepo-release-$(rpm -E %rhel).el$(rpm -E %rhel).elrepo.noarch.rpm\" && "
		      "dnf --enablerepo=elrepo-kernel install -y kernel-ml && reboot" },
	{ "arch", "", "pacman -Syu --noconfirm linux && reboot" },
	{ "alpine", "", "apk update && apk add linux-lts && reboot" },
	{ "opensuse", "", "zypper refresh && zypper --non-interactive dup && reboot" },
};

static const struct kernel_row *kernel_row_of(const char *id, const char *version)
{
	for (size_t i = 0; i < sizeof kernel_rows / sizeof kernel_rows[0]; i++) {
		const struct kernel_row *row = &kernel_rows[i];
		if (strncmp(id, row->id, strlen(row->id)) == 0 && strncmp(version, row->version, strlen(row->version)) == 0)
			return row;
	}
	return NULL;
}

static void mend_kernel(const struct doctor_host *host, struct doctor_finding *f)
{
	char text[4096] = "", id[64], like[128], version[32], *rest = NULL;
	FILE *file = fopen(host->os_release ? host->os_release : "/etc/os-release", "re");
	if (file) {
		text[fread(text, 1, sizeof text - 1, file)] = 0;
		fclose(file);
	}
	os_release_value(text, "ID", id, sizeof id);
	os_release_value(text, "ID_LIKE", like, sizeof like);
	os_release_value(text, "VERSION_ID", version, sizeof version);
	const struct kernel_row *row = kernel_row_of(id, version);
	/* Derivatives name what they come from, the nearest first; their version is their own. */
	for (char *word = strtok_r(like, " ", &rest); word && !row; word = strtok_r(NULL, " ", &rest))
		row = kernel_row_of(word, "");
	if (row)
		doctor_mend(f, "%s", row->command);
	else
		doctor_mend(f, "# how %s comes to Linux 6.1 or later is not known here; portwatch works without", *id ? id : "this system");
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
		mend_kernel(host, f);
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

/* Docker's own profile and the three calls it leaves out: what else it forbids stays forbidden. */
#define MEND_SECCOMP                                                                                                       \
	"curl -fsSL https://raw.githubusercontent.com/moby/profiles/main/seccomp/default.json | "                              \
	"jq '.syscalls += [{names: [\"io_uring_setup\", \"io_uring_enter\", \"io_uring_register\"], action: \"SCMP_ACT_ALLOW\"}]' " \
	">portwatch-seccomp.json &&\n"                                                                                        \
	"docker run --security-opt seccomp=portwatch-seccomp.json IMAGE # on the host, with the image's name"

/* The connector's sentence says who forbids it (engine/connector_uring.c); the mend is for the one it names. */
static const struct uring_mend {
	const char *says, *command; /* NULL: a kernel that has it */
} uring_mends[] = {
	{ "io_uring_disabled=", "sysctl -w kernel.io_uring_disabled=0" },
	{ "ulimit -l", "ulimit -l unlimited # as root, in the shell that starts it; in a unit: LimitMEMLOCK=infinity" },
	{ "ulimit -n", "ulimit -n 65536 # as root, in the shell that starts it; in a unit: LimitNOFILE=65536" },
	{ "fs.file-max", "sysctl -w fs.file-max=1048576" },
	{ "seccomp filter", MEND_SECCOMP },
	{ "this kernel has no io_uring", NULL },
};

/* Not read from settings but tried: what forbids it may be a setting, a filter or the kernel itself. */
static void look_io_uring(const struct doctor_host *host, struct doctor_finding *f)
{
	char why[320] = "";
	struct connector *c = connector_uring_open(64, never_done, NULL, why, sizeof why);
	if (c) {
		c->ops->close(c);
		doctor_say(f, DOCTOR_OK, "it works; the io_uring connector will be used");
		return;
	}
	doctor_say(f, DOCTOR_WARN, "the epoll connector will be used: %s", why);
	for (size_t i = 0; i < sizeof uring_mends / sizeof uring_mends[0]; i++) {
		if (!strstr(why, uring_mends[i].says))
			continue;
		if (uring_mends[i].command)
			doctor_mend(f, "%s", uring_mends[i].command);
		else
			mend_kernel(host, f);
		return;
	}
	doctor_mend(f, "dmesg | grep -iE 'io_uring|apparmor|audit' | tail # who refused it");
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
		doctor_mend(f, "ulimit -n %" PRIu64 " # as root, in the shell that starts it; in a unit: LimitNOFILE=%" PRIu64, wanted,
			    wanted);
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

/* Neither SYNs nor their answers are tracked, for an address of their own: what else leaves this host stays as it is.  (A
 * user's SYNs alone could be exempted by skuid, but their answers would then be invalid to every firewall.) */
#define MEND_NOTRACK                                                                                                       \
	"# or exempt the probes. They need an address of their own (--source), here A:\n"                                     \
	": \"${A:?is to be the address that only probes use}\" &&\n"                                                          \
	"nft add table inet portwatch &&\n"                                                                                   \
	"nft add chain inet portwatch out '{ type filter hook output priority raw; }' &&\n"                                   \
	"nft add chain inet portwatch in '{ type filter hook prerouting priority raw; }' &&\n"                                \
	"nft add rule inet portwatch out ip saddr \"$A\" meta l4proto tcp notrack &&\n"                                       \
	"nft add rule inet portwatch in ip daddr \"$A\" meta l4proto tcp notrack # ip6 for IPv6\n"                            \
	"# a firewall of yours has to accept them then: ip daddr $A ct state untracked accept"

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
		doctor_mend(f, "sysctl -w net.netfilter.nf_conntrack_max=%" PRIu64 "\n" MEND_NOTRACK,
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
