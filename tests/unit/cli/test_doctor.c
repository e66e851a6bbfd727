/* test_doctor.c - what the doctor makes of a host and of a Redis, from folders and texts that are handed in. */
#include "cli/doctor.h"

#include "cli_test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char proc[64];
static struct doctor_report report;
static struct doctor_host host;

/* Writes a file below the folder that stands for /proc, with the folders it needs. */
static void put(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", proc, name);
	for (char *slash = strchr(path + strlen(proc) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%s\n", text);
	fclose(file);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(proc, "/tmp/portwatch-doctor-XXXXXX");
	if (!mkdtemp(proc))
		return -1;
	host = (struct doctor_host){ .proc = proc, .nofile = { 1024, 1048576 }, .timeout_ms = 3200, .inflight = 16384 };
	report.count = 0;
	put("sys/kernel/osrelease", "6.18.1-test");
	put("sys/fs/nr_open", "1048576");
	put("sys/net/ipv4/ip_local_port_range", "32768\t60999");
	put("sys/net/ipv4/tcp_syn_retries", "6");
	put("sys/net/ipv4/tcp_syn_linear_timeouts", "4");
	put("sys/net/ipv4/tcp_mem", "191934\t255914\t383868");
	put("net/sockstat", "sockets: used 9\nTCP: inuse 5 orphan 0 tw 0 alloc 7 mem 12\nUDP: inuse 0 mem 77");
	put("sys/vm/overcommit_memory", "0");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(proc, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const struct doctor_finding *look(const char *name)
{
	report.count = 0;
	doctor_host(&host, &report);
	for (unsigned i = 0; i < report.count; i++)
		if (strcmp(report.finding[i].name, name) == 0)
			return &report.finding[i];
	fail_msg("there is no check %s", name);
	return NULL;
}

/* A shell can read it as it stands, and it does not consist of remarks. */
static void is_for_a_shell(const char *mend)
{
	FILE *bash = popen("bash -n", "w");
	assert_non_null(bash);
	fputs(mend, bash);
	if (pclose(bash) != 0)
		fail_msg("no shell takes this: %s", mend);
	if (*mend == '#' && !strchr(mend, '\n'))
		fail_msg("this is no command: %s", mend);
}

static void finds(const char *name, enum doctor_verdict verdict, const char *found, const char *mend)
{
	const struct doctor_finding *f = look(name);
	if (f->verdict != verdict)
		fail_msg("%s is %s: %s", name, doctor_verdict_names[f->verdict], f->found);
	assert_contains(f->found, found);
	if (mend) {
		assert_contains(f->mend, mend);
		is_for_a_shell(f->mend);
	} else
		assert_string_equal(f->mend, "");
}

static void a_usual_host_needs_no_mending(void **state)
{
	(void)state;
	finds("kernel", DOCTOR_OK, "6.18.1-test", NULL);
	finds("RLIMIT_NOFILE", DOCTOR_OK, "hard 1048576", NULL);
	finds("fs.nr_open", DOCTOR_OK, "1048576", NULL);
	finds("local ports", DOCTOR_OK, "28232", NULL);
	finds("tcp_syn_retries", DOCTOR_OK, "gives up after 131 s", NULL);
	finds("SYNs in a timeout", DOCTOR_OK, "4 SYNs leave within 3.2 s", NULL);
	finds("nf_conntrack", DOCTOR_SKIP, "not tracked", NULL);
	finds("tcp_mem", DOCTOR_OK, "12 of 255914", NULL);
	finds("overcommit_memory", DOCTOR_SKIP, "where Redis runs", NULL);
}

static void an_empty_proc_is_skipped_and_not_judged(void **state)
{
	(void)state;
	host.proc = "/nonexistent";
	for (unsigned i = 0; i < 2; i++) {
		look("kernel");
		for (unsigned j = 0; j < report.count; j++)
			if (strcmp(report.finding[j].name, "io_uring") && strcmp(report.finding[j].name, "RLIMIT_NOFILE"))
				assert_int_equal(report.finding[j].verdict, DOCTOR_SKIP);
		host.proc = proc;
		nftw(proc, remove_one, 8, FTW_DEPTH | FTW_PHYS);
		mkdir(proc, 0700);
	}
}

static void few_descriptors_are_said_with_what_they_allow(void **state)
{
	(void)state;
	host.nofile.rlim_max = 4096;
	finds("RLIMIT_NOFILE", DOCTOR_WARN, "at most 3996 connects", "LimitNOFILE=16484");
	host.nofile.rlim_max = 64;
	finds("RLIMIT_NOFILE", DOCTOR_BAD, "at most 1 connects", "LimitNOFILE=16484");
	host.nofile.rlim_max = RLIM_INFINITY;
	finds("RLIMIT_NOFILE", DOCTOR_OK, "no hard limit", NULL);
	put("sys/fs/nr_open", "1024");
	finds("fs.nr_open", DOCTOR_WARN, "1024", "sysctl -w fs.nr_open=1048576");
}

static void a_narrow_port_range_is_widened(void **state)
{
	(void)state;
	put("sys/net/ipv4/ip_local_port_range", "40000\t45000");
	finds("local ports", DOCTOR_WARN, "5001", "sysctl -w net.ipv4.ip_local_port_range=");
	put("sys/net/ipv4/ip_local_port_range", "40000\t40100");
	finds("local ports", DOCTOR_BAD, "101", "sysctl -w net.ipv4.ip_local_port_range=");
	put("sys/net/ipv4/ip_local_port_range", "nonsense");
	finds("local ports", DOCTOR_SKIP, "cannot be read", NULL);
}

static void syns_leave_when_the_kernel_sends_them(void **state)
{
	(void)state;
	/* Linux 6.5 and later: 0 1 2 3 4 5 7 11 s; before: 0 1 3 7 15 s. */
	assert_int_equal(doctor_syns_within(1, 6, 4), 1);
	assert_int_equal(doctor_syns_within(1000, 6, 4), 1);
	assert_int_equal(doctor_syns_within(1001, 6, 4), 2);
	assert_int_equal(doctor_syns_within(3200, 6, 4), 4);
	assert_int_equal(doctor_syns_within(7001, 6, 4), 7);
	assert_int_equal(doctor_syns_within(11001, 6, 4), 8);
	assert_int_equal(doctor_syns_within(3200, 6, 0), 3);
	assert_int_equal(doctor_syns_within(15001, 6, 0), 5);
	assert_int_equal(doctor_syns_within(60000, 0, 0), 1);
	assert_int_equal(doctor_syn_patience_ms(6, 0), 127000);
	assert_int_equal(doctor_syn_patience_ms(0, 0), 1000);
	assert_int_equal(doctor_syn_patience_ms(255, 0), (127 + 249 * 120) * 1000);
}

static void a_kernel_that_gives_up_before_the_probe_is_warned_of(void **state)
{
	(void)state;
	put("sys/net/ipv4/tcp_syn_retries", "1");
	put("sys/net/ipv4/tcp_syn_linear_timeouts", "0");
	finds("tcp_syn_retries", DOCTOR_WARN, "gives up after 3 s", "sysctl -w net.ipv4.tcp_syn_retries=6");
	finds("SYNs in a timeout", DOCTOR_WARN, "2 SYNs", "tcp_syn_linear_timeouts=4");
	host.timeout_ms = 2000;
	finds("tcp_syn_retries", DOCTOR_OK, "after 3 s", NULL);
}

static void a_filling_conntrack_table_is_warned_of(void **state)
{
	(void)state;
	put("sys/net/netfilter/nf_conntrack_max", "262144");
	put("sys/net/netfilter/nf_conntrack_count", "1000");
	finds("nf_conntrack", DOCTOR_OK, "1000 of 262144", NULL);
	put("sys/net/netfilter/nf_conntrack_count", "140000");
	finds("nf_conntrack", DOCTOR_WARN, "53 %", "nf_conntrack_max=524288");
	put("sys/net/netfilter/nf_conntrack_count", "262000");
	finds("nf_conntrack", DOCTOR_BAD, "99 %", "nf_conntrack_max=524288");
	put("sys/net/netfilter/nf_conntrack_max", "65536");
	put("sys/net/netfilter/nf_conntrack_count", "3");
	finds("nf_conntrack", DOCTOR_WARN, "3 of 65536", "nf_conntrack_max=262144");
}

static void little_tcp_memory_is_warned_of(void **state)
{
	(void)state;
	put("sys/net/ipv4/tcp_mem", "5000 8000 12000");
	finds("tcp_mem", DOCTOR_WARN, "12 of 8000 pages", "sysctl -w net.ipv4.tcp_mem='");
	put("net/sockstat", "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 7999");
	finds("tcp_mem", DOCTOR_BAD, "7999 of 8000", "sysctl -w");
}

static void overcommit_matters_where_redis_runs(void **state)
{
	(void)state;
	host.redis_here = true;
	finds("overcommit_memory", DOCTOR_WARN, "0: Redis may fail", "sysctl -w vm.overcommit_memory=1");
	put("sys/vm/overcommit_memory", "1");
	finds("overcommit_memory", DOCTOR_OK, "1", NULL);
}

static void an_old_kernel_is_told_what_it_lacks(void **state)
{
	(void)state;
	put("sys/kernel/osrelease", "5.10.0-30-amd64");
	finds("kernel", DOCTOR_WARN, "5.17", "");
	put("sys/kernel/osrelease", "6.1.0-40-amd64");
	finds("kernel", DOCTOR_OK, "6.5", NULL);
}

static void a_kernel_is_upgraded_by_the_distributions_own_command(void **state)
{
	static const struct {
		const char *os_release, *command;
	} cases[] = {
		{ "ID=debian\nVERSION_ID=\"11\"", "-t bullseye-backports \"linux-image-" },
		{ "PRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian", "apt-get install -y \"linux-image-" },
		{ "ID=debian", "apt-get install -y \"linux-image-" },
		{ "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"22.04\"", "linux-generic-hwe-" },
		{ "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"20.04\"", "do-release-upgrade" },
		{ "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"21\"", "linux-generic-hwe-" },
		{ "ID=fedora\nVERSION_ID=34", "dnf upgrade" },
		{ "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"8.9\"", "elrepo" },
		{ "ID=arch", "pacman -Syu" },
		{ "ID=alpine\nVERSION_ID=3.14.0", "apk add linux-lts" },
		{ "ID=\"opensuse-leap\"", "zypper" },
	};
	char path[96];
	(void)state;
	snprintf(path, sizeof path, "%s/os-release", proc);
	host.os_release = path;
	put("sys/kernel/osrelease", "5.10.0-30-amd64");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		put("os-release", cases[i].os_release);
		finds("kernel", DOCTOR_WARN, "5.17", cases[i].command);
	}
	put("os-release", "ID=haiku");
	assert_contains(look("kernel")->mend, "# how haiku comes to Linux 6.1");
	host.os_release = "/nonexistent";
	assert_contains(look("kernel")->mend, "# how this system comes to");
}

static const char *info_finding(const char *info, const char *name, enum doctor_verdict verdict)
{
	report.count = 0;
	doctor_redis_info(info, "redis-cli -p 1", &report);
	for (unsigned i = 0; i < report.count; i++)
		if (strcmp(report.finding[i].name, name) == 0) {
			if (report.finding[i].verdict != verdict)
				fail_msg("%s is %s: %s", name, doctor_verdict_names[report.finding[i].verdict],
					 report.finding[i].found);
			is_for_a_shell(report.finding[i].mend);
			return report.finding[i].mend;
		}
	fail_msg("there is no check %s", name);
	return NULL;
}

static void a_good_redis_needs_no_mending(void **state)
{
	static const char info[] = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nused_memory:1048576\r\n"
				   "used_memory_human:1.00M\r\nmaxmemory:268435456\r\nmaxmemory_policy:noeviction\r\n"
				   "aof_enabled:1\r\nrole:master\r\ncluster_enabled:0\r\n";
	(void)state;
	report.count = 0;
	doctor_redis_info(info, "redis-cli", &report);
	for (unsigned i = 0; i < report.count; i++)
		if (report.finding[i].verdict != DOCTOR_OK)
			fail_msg("%s: %s", report.finding[i].name, report.finding[i].found);
}

static void each_fault_of_a_redis_is_found(void **state)
{
	(void)state;
	assert_contains(info_finding("redis_version:6.0.16\r\n", "redis version", DOCTOR_BAD), "apt-get install -y redis");
	info_finding("redis_version:6.2.0\r\n", "redis version", DOCTOR_OK);
	info_finding("redis_version:10.0.0\r\n", "redis version", DOCTOR_OK);
	assert_contains(info_finding("role:slave\r\n", "redis role", DOCTOR_BAD), "redis-cli -p 1 INFO replication | grep master_");
	assert_contains(info_finding("role:slave\r\nmaster_host:192.0.2.7\r\nmaster_port:6380\r\n", "redis role", DOCTOR_BAD),
			"portwatch doctor --redis redis://192.0.2.7:6380");
	assert_string_equal(info_finding("maxmemory:1\r\nmaxmemory_policy:allkeys-lru\r\n", "maxmemory-policy", DOCTOR_BAD),
			    "redis-cli -p 1 CONFIG SET maxmemory-policy noeviction");
	info_finding("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", "maxmemory-policy", DOCTOR_WARN);
	assert_contains(info_finding("used_memory:80\nmaxmemory:100\n", "redis memory", DOCTOR_WARN), "CONFIG SET maxmemory");
	info_finding("used_memory:99\nmaxmemory:100\n", "redis memory", DOCTOR_BAD);
	assert_string_equal(info_finding("aof_enabled:0\n", "appendonly", DOCTOR_WARN),
			    "redis-cli -p 1 CONFIG SET appendonly yes");
	info_finding("cluster_enabled:1\n", "redis cluster", DOCTOR_WARN);
}

static void an_info_that_tells_nothing_is_skipped(void **state)
{
	(void)state;
	info_finding("", "redis version", DOCTOR_SKIP);
	info_finding("redis_version", "redis version", DOCTOR_SKIP);
	info_finding("redis_version:\r\n", "redis version", DOCTOR_SKIP);
	info_finding("\n\n:\n", "maxmemory-policy", DOCTOR_SKIP);
	info_finding("", "redis role", DOCTOR_SKIP);
}

static void the_report_is_a_table_or_json(void **state)
{
	struct text out = { 0 };
	(void)state;
	report.count = 0;
	doctor_say(doctor_add(&report, "first"), DOCTOR_OK, "%d of %d", 1, 2);
	struct doctor_finding *f = doctor_add(&report, "the second");
	doctor_say(f, DOCTOR_BAD, "a \"bad\" one");
	doctor_mend(f, "sysctl -w x='1 2'\ntrue # twice");
	doctor_table(&out, &report, false);
	assert_string_equal(out.data, "ok    first       1 of 2\n"
				      "bad   the second  a \"bad\" one\n"
				      "                  mend: sysctl -w x='1 2'\n"
				      "                        true # twice\n");
	text_reset(&out);
	doctor_json(&out, &report);
	assert_string_equal(out.data,
			    "{\"schema\":\"portwatch.doctor/1\",\"checks\":[\n"
			    "{\"name\":\"first\",\"verdict\":\"ok\",\"found\":\"1 of 2\",\"mend\":null},\n"
			    "{\"name\":\"the second\",\"verdict\":\"bad\",\"found\":\"a \\\"bad\\\" one\",\"mend\":\"sysctl -w x='1 2'\\ntrue # twice\"}\n"
			    "]}\n");
	text_free(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_usual_host_needs_no_mending),
		TEST(an_empty_proc_is_skipped_and_not_judged),
		TEST(few_descriptors_are_said_with_what_they_allow),
		TEST(a_narrow_port_range_is_widened),
		TEST(syns_leave_when_the_kernel_sends_them),
		TEST(a_kernel_that_gives_up_before_the_probe_is_warned_of),
		TEST(a_filling_conntrack_table_is_warned_of),
		TEST(little_tcp_memory_is_warned_of),
		TEST(overcommit_matters_where_redis_runs),
		TEST(an_old_kernel_is_told_what_it_lacks),
		TEST(a_kernel_is_upgraded_by_the_distributions_own_command),
		cmocka_unit_test(a_good_redis_needs_no_mending),
		cmocka_unit_test(each_fault_of_a_redis_is_found),
		cmocka_unit_test(an_info_that_tells_nothing_is_skipped),
		cmocka_unit_test(the_report_is_a_table_or_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
