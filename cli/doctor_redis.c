/* doctor_redis.c - asks a Redis whether it is fit to carry jobs and results.
 * In: a URL.  Out: findings about version, memory, durability, role, rights and speed.
 * Owns: the link while it asks.
 * Why so: INFO tells nearly all of it in one reply that even a narrow user may read; CONFIG GET is asked only for
 * what INFO leaves out.  Rights are tried and not read (ACL DRYRUN came with 7.0 and is for administrators): each command
 * that we need is sent to a key that does not exist, in a form that changes nothing there. */
#include "cli/doctor.h"

#include "base/clock.h"
#include "cli/redis_reach.h"
#include "wire/streams.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REACH_MS = 3000,
	PINGS = 20,
	PING_WARN_US = 10000, /* the writer waits for it once an entry */
	SKEW_WARN_MS = 1000,
	USED_WARN_PERCENT = 75,
	USED_BAD_PERCENT = 95,
};

/* The value of "name:value" in INFO; false: it is not there. */
static bool info_text(const char *info, const char *name, char *into, size_t len)
{
	const size_t name_len = strlen(name);
	for (const char *line = info; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (strncmp(line, name, name_len) != 0 || line[name_len] != ':')
			continue;
		const char *value = line + name_len + 1;
		snprintf(into, len, "%.*s", (int)strcspn(value, "\r\n"), value);
		return true;
	}
	*into = 0;
	return false;
}

static uint64_t info_number(const char *info, const char *name)
{
	char text[64];
	return info_text(info, name, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

/* The project's own packages, for Debian and Ubuntu; other systems have a newer one by now. */
#define MEND_REDIS_VERSION                                                                                                 \
	"# where Redis runs (Debian, Ubuntu):\n"                                                                              \
	"curl -fsSL https://packages.redis.io/gpg | gpg --dearmor -o /usr/share/keyrings/redis-archive-keyring.gpg\n"         \
	"echo \"deb [signed-by=/usr/share/keyrings/redis-archive-keyring.gpg] https://packages.redis.io/deb "                 \
	"$(. /etc/os-release; echo \"$VERSION_CODENAME\") main\" >/etc/apt/sources.list.d/redis.list\n"                        \
	"apt-get update && apt-get install -y redis"

static void look_version(const char *info, const char *cli, struct doctor_finding *f)
{
	char version[64];
	unsigned major = 0, minor = 0;
	(void)cli;
	if (!info_text(info, "redis_version", version, sizeof version) || sscanf(version, "%u.%u", &major, &minor) != 2)
		doctor_say(f, DOCTOR_SKIP, "INFO does not tell the version");
	else if (major * 100 + minor >= 602)
		doctor_say(f, DOCTOR_OK, "Redis %.40s", version);
	else {
		doctor_say(f, DOCTOR_BAD, "Redis %.40s: XAUTOCLAIM, which takes over a dead engine's work, came with 6.2", version);
		doctor_mend(f, MEND_REDIS_VERSION);
	}
}

static void look_role(const char *info, const char *cli, struct doctor_finding *f)
{
	char role[32], master[128], port[16];
	if (!info_text(info, "role", role, sizeof role))
		doctor_say(f, DOCTOR_SKIP, "INFO does not tell the role");
	else if (strcmp(role, "master") == 0)
		doctor_say(f, DOCTOR_OK, "master");
	else {
		doctor_say(f, DOCTOR_BAD, "%s: it refuses everything that is written", role);
		if (info_text(info, "master_host", master, sizeof master) && info_text(info, "master_port", port, sizeof port))
			doctor_mend(f, "portwatch doctor --redis redis://%s:%s # the master", master, port);
		else
			doctor_mend(f, "%s INFO replication | grep master_ # names the master, for --redis", cli);
	}
}

static void look_policy(const char *info, const char *cli, struct doctor_finding *f)
{
	char policy[64];
	if (!info_text(info, "maxmemory_policy", policy, sizeof policy))
		doctor_say(f, DOCTOR_SKIP, "INFO does not tell the policy");
	else if (strcmp(policy, "noeviction") == 0)
		doctor_say(f, DOCTOR_OK, "noeviction");
	else {
		const bool limited = info_number(info, "maxmemory") > 0;
		doctor_say(f, limited ? DOCTOR_BAD : DOCTOR_WARN, "%s: %s", policy,
			   limited ? "a full Redis throws whole streams away" : "would throw whole streams away once maxmemory is set");
		doctor_mend(f, "%s CONFIG SET maxmemory-policy noeviction", cli);
	}
}

static void look_memory(const char *info, const char *cli, struct doctor_finding *f)
{
	const uint64_t used = info_number(info, "used_memory"), max = info_number(info, "maxmemory");
	const uint64_t mib = 1 << 20;
	if (!max) {
		doctor_say(f, DOCTOR_OK, "%" PRIu64 " MiB used, no limit", used / mib);
		return;
	}
	const unsigned percent = (unsigned)(used * 100 / max);
	doctor_say(f, percent >= USED_BAD_PERCENT ? DOCTOR_BAD : percent >= USED_WARN_PERCENT ? DOCTOR_WARN : DOCTOR_OK,
		   "%" PRIu64 " of %" PRIu64 " MiB used (%u %%)%s", used / mib, max / mib, percent,
		   percent >= USED_WARN_PERCENT ? ": when it is full, no job and no result can be written" : "");
	if (percent >= USED_WARN_PERCENT)
		doctor_mend(f, "%s CONFIG SET maxmemory %" PRIu64 "mb", cli, max / mib * 2);
}

static void look_appendonly(const char *info, const char *cli, struct doctor_finding *f)
{
	char aof[8];
	if (!info_text(info, "aof_enabled", aof, sizeof aof))
		doctor_say(f, DOCTOR_SKIP, "INFO does not tell");
	else if (strcmp(aof, "1") == 0)
		doctor_say(f, DOCTOR_OK, "yes");
	else {
		doctor_say(f, DOCTOR_WARN, "no: a crash of Redis loses all jobs and results that were not read");
		doctor_mend(f, "%s CONFIG SET appendonly yes", cli);
	}
}

static void look_cluster(const char *info, const char *cli, struct doctor_finding *f)
{
	if (!info_number(info, "cluster_enabled"))
		doctor_say(f, DOCTOR_OK, "off");
	else {
		doctor_say(f, DOCTOR_WARN, "on: one node is spoken to; keys of other nodes are refused with MOVED");
		doctor_mend(f, "%s XLEN 'pw:{REGION.0}:jobs' # with the region's name: MOVED names the node for --redis", cli);
	}
}

static const struct info_check {
	const char *name;
	void (*look)(const char *info, const char *cli, struct doctor_finding *f);
} checks[] = {
	{ "redis version", look_version },     { "redis role", look_role },
	{ "maxmemory-policy", look_policy },   { "redis memory", look_memory },
	{ "appendonly", look_appendonly },     { "redis cluster", look_cluster },
};

void doctor_redis_info(const char *info, const char *cli, struct doctor_report *report)
{
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
		checks[i].look(info, cli, doctor_add(report, checks[i].name));
}

/* CONFIG may be closed to us; then there is nothing to say. */
static void look_fsync(struct redis_link *link, const char *cli, struct doctor_finding *f)
{
	struct redis_reply *reply = redis_ask(link, "CONFIG GET appendfsync");
	const char *mode = reply_text(reply_at(reply, 1), NULL);
	if (!*mode)
		doctor_say(f, DOCTOR_SKIP, "CONFIG GET is not allowed to this user");
	else if (strcmp(mode, "no") == 0) {
		doctor_say(f, DOCTOR_WARN, "no: a crash of the machine may lose half a minute");
		doctor_mend(f, "%s CONFIG SET appendfsync everysec", cli);
	} else
		doctor_say(f, DOCTOR_OK, "%.40s%s", mode,
			   strcmp(mode, "always") == 0 ? ": safest, and every write waits for the disk" : "");
	redis_reply_free(reply);
}

static int compare_us(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void look_latency(struct redis_link *link, struct doctor_finding *f)
{
	uint64_t took_us[PINGS];
	for (unsigned i = 0; i < PINGS; i++) {
		const uint64_t from_ns = clock_ns();
		struct redis_reply *reply = redis_ask(link, "PING");
		took_us[i] = (clock_ns() - from_ns) / NS_PER_US;
		if (!reply) {
			doctor_say(f, DOCTOR_BAD, "PING was not answered: %s", redis_link_error(link));
			return;
		}
		redis_reply_free(reply);
	}
	qsort(took_us, PINGS, sizeof took_us[0], compare_us);
	const bool slow = took_us[PINGS / 2] > PING_WARN_US;
	doctor_say(f, slow ? DOCTOR_WARN : DOCTOR_OK, "PING takes %.2f ms, at worst %.2f ms (%d tries)",
		   (double)took_us[PINGS / 2] / 1e3, (double)took_us[PINGS - 1] / 1e3, PINGS);
	if (slow)
		doctor_mend(f, "apt-get install -y redis-server # beside the engine, then --redis redis://127.0.0.1:6379");
}

/* Slots are times that machines have to agree on. */
static void look_clock(struct redis_link *link, struct doctor_finding *f)
{
	struct redis_reply *reply = redis_ask(link, "TIME");
	const int64_t theirs_ms = reply_integer(reply_at(reply, 0)) * 1000 + reply_integer(reply_at(reply, 1)) / 1000;
	const int64_t apart_ms = theirs_ms - (int64_t)clock_wall_ms();
	const bool apart = apart_ms > SKEW_WARN_MS || apart_ms < -SKEW_WARN_MS;
	if (reply_count(reply) != 2)
		doctor_say(f, DOCTOR_SKIP, "TIME is not allowed to this user");
	else
		doctor_say(f, apart ? DOCTOR_WARN : DOCTOR_OK, "%" PRId64 " ms %s ours", apart_ms < 0 ? -apart_ms : apart_ms,
			   apart_ms < 0 ? "behind" : "ahead of");
	if (apart && reply_count(reply) == 2)
		doctor_mend(f, "timedatectl set-ntp true # on both machines");
	redis_reply_free(reply);
}

/* Every command that engine/, wire/ and cli/ send but for the greeting (a link without PING and CLIENT is still of use) and
 * CONFIG GET; cli.bats holds the table against the sources.  Each in a form that does nothing to a key that is not
 * there: NOMKSTREAM, XX, or an error about the missing key, group or transaction, which Redis gives only to those who
 * may run the command.  MULTI comes last, so that nothing is queued behind it. */
static const struct right {
	const char *name, *command; /* the name as ACL SETUSER takes it */
	bool only_asks;		    /* nobody but this report needs it */
} rights[] = {
	{ "xadd", "XADD %s NOMKSTREAM * v 1", false },
	{ "xack", "XACK %s engine 0-1", false },
	{ "xrange", "XRANGE %s - + COUNT 1", false },
	{ "xrevrange", "XREVRANGE %s + - COUNT 1", false },
	{ "xread", "XREAD COUNT 1 STREAMS %s 0-0", false },
	{ "xreadgroup", "XREADGROUP GROUP engine doctor COUNT 1 STREAMS %s >", false },
	{ "xgroup|create", "XGROUP CREATE %s engine 0", false },
	{ "xgroup|delconsumer", "XGROUP DELCONSUMER %s engine doctor", false },
	{ "xautoclaim", "XAUTOCLAIM %s engine doctor 60000 0-0 COUNT 1", false },
	{ "xclaim", "XCLAIM %s engine doctor 0 0-1 JUSTID", false },
	{ "xpending", "XPENDING %s engine", false },
	{ "xinfo|groups", "XINFO GROUPS %s", false },
	{ "xinfo|consumers", "XINFO CONSUMERS %s engine", false },
	{ "xtrim", "XTRIM %s MINID 0-1", false },
	{ "set", "SET %s 1 XX PX 1000", false },
	{ "get", "GET %s", false },
	{ "hget", "HGET %s a", false },
	{ "hscan", "HSCAN %s 0", false },
	{ "hmget", "HMGET %s a", false },
	{ "hset", "HSET %s a b c", false }, /* a field without a value: an error that comes after the rights */
	{ "hdel", "HDEL %s a", false },
	{ "blpop", "BLPOP %s 0.001", false },
	{ "eval", "EVAL return 1 %s", false },
	{ "watch", "WATCH %s", false },
	{ "unwatch", "UNWATCH", false },
	{ "scan", "SCAN 0 MATCH %s COUNT 1 TYPE stream", false },
	{ "time", "TIME", false },
	{ "info", "INFO server", true },
	{ "exec", "EXEC", false },
	{ "multi", "MULTI", false },
};

enum { RIGHTS_LEN = 600 }; /* all names of the table, each with three characters more */

/* A list of rights and, for the mend, the same as rules of ACL SETUSER; a bar is the shell's unless it is quoted. */
static void add_right(const char *name, char names[RIGHTS_LEN], char rules[RIGHTS_LEN])
{
	const size_t used = strlen(names), more = strlen(rules);
	snprintf(names + used, RIGHTS_LEN - used, "%s%s", used ? ", " : "", name);
	snprintf(rules + more, RIGHTS_LEN - more, strchr(name, '|') ? " '+%s'" : " +%s", name);
}

static void look_rights(struct redis_link *link, const struct redis_url *url, const char *prefix, const char *cli,
			struct doctor_finding *f)
{
	const char *user = *url->user && !strchr(url->user, '\'') ? url->user : "default";
	char key[STREAM_KEY_MAX], missing[RIGHTS_LEN] = "", rules[RIGHTS_LEN] = "";
	bool needed = false;
	stream_key(key, prefix, "portwatch-doctor", 0, STREAM_JOBS);
	for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
		struct redis_reply *reply = redis_ask(link, rights[i].command, key);
		if (reply_trouble(reply) == TROUBLE_FORBIDDEN) {
			add_right(rights[i].name, missing, rules);
			needed |= !rights[i].only_asks;
		}
		redis_reply_free(reply);
	}
	redis_reply_free(redis_ask(link, "DISCARD"));
	if (!redis_link_is_up(link))
		doctor_say(f, DOCTOR_BAD, "the link broke while it was tried: %s", redis_link_error(link));
	else if (!*missing)
		doctor_say(f, DOCTOR_OK, "all commands that engines and this program need are allowed on %s:*", prefix);
	else {
		doctor_say(f, needed ? DOCTOR_BAD : DOCTOR_WARN, "not allowed on %s:*: %s%s", prefix, missing,
			   needed ? "" : " (engines do without; this report is the poorer)");
		doctor_mend(f, "%.200s ACL SETUSER '%s' '~%s:*'%s", cli, user, prefix, rules);
	}
}

bool doctor_redis_is_here(const struct redis_url *url)
{
	struct in_addr address;
	return *url->path || strcmp(url->host, "localhost") == 0 || strcmp(url->host, "::1") == 0 ||
	       (inet_pton(AF_INET, url->host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

/* How a person reaches the same server; the password is theirs to add. */
static void cli_command(const struct redis_url *url, char *into, size_t len)
{
	if (*url->path)
		snprintf(into, len, "redis-cli -s %s", url->path);
	else
		snprintf(into, len, "redis-cli -h %s -p %u%s", url->host, url->port, url->tls ? " --tls" : "");
}

void doctor_redis(const struct redis_url *url, const char *prefix, struct doctor_report *report)
{
	char cli[400], why[900];
	struct doctor_finding *reach = doctor_add(report, "redis");
	struct redis_link *link = redis_reach(url, "portwatch-doctor", REACH_MS, why, sizeof why);
	cli_command(url, cli, sizeof cli);
	if (!link) {
		char *advice = strchr(why, '\n');
		doctor_say(reach, DOCTOR_BAD, "%.*s", (int)(advice ? advice - why : (long)strlen(why)), why);
		doctor_mend(reach, "%.250s", advice ? advice + 1 : "");
		return;
	}
	redis_url_show(url, why, sizeof why);
	doctor_say(reach, DOCTOR_OK, "%.300s answers", why);
	struct redis_reply *info = redis_ask(link, "INFO");
	if (info && !reply_is_error(info))
		doctor_redis_info(reply_text(info, NULL), cli, report);
	else
		doctor_say(doctor_add(report, "redis version"), DOCTOR_SKIP, "INFO is not allowed to this user");
	redis_reply_free(info);
	look_fsync(link, cli, doctor_add(report, "appendfsync"));
	look_latency(link, doctor_add(report, "redis latency"));
	look_clock(link, doctor_add(report, "redis clock"));
	look_rights(link, url, prefix, cli, doctor_add(report, "redis rights"));
	redis_link_free(link);
}
