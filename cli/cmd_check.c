/* cmd_check.c - portwatch check: one port, told in the words of a Nagios plugin.
 * In: -H, -p and thresholds.  Out: one line with performance data, status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
 * Owns: a list of one target.
 * Why so: the same stages as portwatch probe, so a plugin never disagrees with it.  Our own trouble is UNKNOWN and never
 * CRITICAL: nobody is to be woken because the prober ran out of ports. */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/nagios.h"
#include "cli/probe_options.h"
#include "cli/probe_run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_S = 5 }; /* beyond the timeout; a probe that takes longer hangs, and a plugin must not */

struct check_values {
	const char *host, *warning, *critical, *timeout;
	uint64_t port;
	struct probe_options probe;
	struct tls_options tls;
	bool verbose, version;
};

static const struct option check_rows[] = {
	{ "hostname", 'H', OPTION_TEXT, .value = "HOST", .at = offsetof(struct check_values, host),
	  .sentence = "the address to try; IPv6 with or without brackets" },
	{ "port", 'p', OPTION_COUNT, .min = 1, .max = 65535, .value = "PORT", .at = offsetof(struct check_values, port),
	  .sentence = "the TCP port" },
	{ "warning", 'w', OPTION_TEXT, .value = "RANGE", .at = offsetof(struct check_values, warning),
	  .sentence = "WARNING if the round trip is outside of RANGE; ms, or with a unit: 100, 0.5s, ~:100, @10:20; with --tls: "
		      "WARNING if the certificate holds for less than so many days (21)" },
	{ "critical", 'c', OPTION_TEXT, .value = "RANGE", .at = offsetof(struct check_values, critical),
	  .sentence = "CRITICAL if the round trip is outside of RANGE; with --tls: days, as for -w (3)" },
	{ "timeout", 't', OPTION_TEXT, .preset = "3200", .value = "MS", .at = offsetof(struct check_values, timeout),
	  .sentence = "how long to wait for the handshake; ms, or with a unit" },
	PROBE_OPTION_CLOSE(struct check_values),
	PROBE_OPTION_SETTLE(struct check_values),
	PROBE_OPTION_POLICY(struct check_values),
	PROBE_OPTION_IP(struct check_values),
	PROBE_OPTION_ADDRESSES(struct check_values),
	PROBE_OPTION_EXPECT(struct check_values),
	PROBE_OPTION_RESOLVER(struct check_values),
	TLS_OPTIONS(struct check_values),
	{ "verbose", 'v', OPTION_FLAG, .at = offsetof(struct check_values, verbose), .sentence = "say more in the line" },
	{ "version", 'V', OPTION_FLAG, .at = offsetof(struct check_values, version), .sentence = "say the version" },
	{ 0 },
};

static const struct option_table check_table = {
	.program = "portwatch check",
	.synopsis = "-H HOST -p PORT [-w RANGE] [-c RANGE] [-t MS]",
	.about = "Tries one TCP connection, as a monitoring plugin: one line, performance data, the plugin's exit status.",
	.examples = "portwatch check -H 192.0.2.10 -p 5432 -w 100 -c 500\n"
		    "portwatch check -H 2001:db8::1 -p 22 -c 0.5s -t 2s\n"
		    "portwatch check -H 192.0.2.10 -p 443 --tls --server-name www.example.net -w 21 -c 7",
	.footer = "Exit status: 0 OK; 1 WARNING; 2 CRITICAL, also when the port is down; 3 UNKNOWN, also for a wrong command "
		  "line, --help and --version. Called as check_portwatch, portwatch behaves so without being told.",
	.options = check_rows,
};

/* The bar parts text from performance data and a newline ends the line: neither may stand in a sentence. */
static void tame(char *sentence)
{
	for (; (sentence = strpbrk(sentence, "|\n\r")); sentence++)
		*sentence = *sentence == '|' ? '/' : ' ';
}

static int unknown(char *sentence)
{
	tame(sentence);
	printf("TCP UNKNOWN - %s\n", sentence);
	return NAGIOS_UNKNOWN;
}

/* Nobody must wait for a plugin for ever.  Only what a signal handler may call (signal-safety(7)). */
static void give_up(int signal_number)
{
	static const char line[] = "TCP UNKNOWN - the probe did not end in time\n";
	(void)signal_number;
	if (write(STDOUT_FILENO, line, sizeof line - 1) < 0)
		_exit(NAGIOS_UNKNOWN);
	_exit(NAGIOS_UNKNOWN);
}

struct check {
	struct check_values set;
	struct nagios_range warning, critical;
	struct target_list targets;
	struct job_options jobs;
	struct address_policy *policy;
	bool tls; /* the certificate is what matters */
	struct tls_wish wish;
	char ca[TLS_CA_MAX_LEN + 1];
};

/* The host and port as a list of one target. */
static bool set_target(struct check *check, char *why, size_t why_len)
{
	const char *host = check->set.host;
	struct target target;
	char text[TARGET_MAX_LEN + 1];
	if (!host || !check->set.port) {
		snprintf(why, why_len, "-H HOST and -p PORT are needed; --help tells more");
		return false;
	}
	if (!target_parse_host(host, strlen(host), &target, why, why_len))
		return false;
	snprintf(text, sizeof text, memchr(host, ':', strlen(host)) ? "[%.*s]:%u" : "%.*s:%u", target.host_len,
		 host + target.host_from, (unsigned)check->set.port);
	target_list_add(&check->targets, text, "-H");
	snprintf(why, why_len, "no memory for one target");
	return check->targets.count == 1;
}

/* "21" or "21d"; NULL: what it usually is. */
static bool set_days(const char *flag, const char *text, unsigned usual_s, unsigned *seconds, char *why, size_t why_len)
{
	char *end = NULL;
	unsigned long days = text ? strtoul(text, &end, 10) : usual_s / 86400;
	if (text && (text[0] < '0' || text[0] > '9' || (strcmp(end, "") != 0 && strcmp(end, "d") != 0) || days > 3650)) {
		snprintf(why, why_len, "%s: with --tls it is a number of days, 0 to 3650; \"%.40s\" is none", flag, text);
		return false;
	}
	*seconds = (unsigned)days * 86400;
	return true;
}

/* Whether and how a certificate is to be judged; -w and -c then are days and no ranges. */
static bool set_tls(struct check *check, char *why, size_t why_len)
{
	if (!tls_options_apply(&check->set.tls, &check->wish, check->ca, &check->tls, why, why_len))
		return false;
	if (!check->tls)
		return true;
	bool fine = set_days("-w", check->set.warning, TLS_WARN_DEFAULT_S, &check->wish.warn_s, why, why_len) &&
		    set_days("-c", check->set.critical, TLS_DOWN_DEFAULT_S, &check->wish.down_s, why, why_len);
	check->set.warning = check->set.critical = NULL;
	return fine;
}

static bool set_range(const char *flag, const char *text, struct nagios_range *range, char *why, size_t why_len)
{
	char reason[256];
	if (nagios_range_parse(text, range, reason, sizeof reason))
		return true;
	snprintf(why, why_len, "%s: %s", flag, reason);
	return false;
}

static bool set_timeout(struct check *check, char *why, size_t why_len)
{
	const char *text = check->set.timeout;
	uint64_t us = 0;
	if (!nagios_time_parse(text, strlen(text), &us) || us < 1000 || us > JOB_TIMEOUT_MAX_MS * 1000ull) {
		snprintf(why, why_len, "-t: \"%.40s\" is not a time of 1 to %d ms", text, JOB_TIMEOUT_MAX_MS);
		return false;
	}
	check->set.probe.timeout_ms = us / 1000;
	return true;
}

static enum nagios_state judge(const struct check *check, const struct outcome *outcome, uint64_t us)
{
	switch (verdict_row(outcome->verdict)->class) {
	case CLASS_DOWN: return NAGIOS_CRITICAL;
	case CLASS_UNKNOWN: return NAGIOS_UNKNOWN;
	case CLASS_UP: break;
	}
	if (outcome->tls && outcome->tls->soon)
		return NAGIOS_WARNING;
	if (nagios_range_alerts(&check->critical, us))
		return NAGIOS_CRITICAL;
	return nagios_range_alerts(&check->warning, us) ? NAGIOS_WARNING : NAGIOS_OK;
}

/* The time that thresholds look at: the round trip, or our own clock's where a lost SYN spoilt that. */
static uint64_t measured_us(const struct outcome *outcome)
{
	if (outcome->verdict != VERDICT_OPEN)
		return 0;
	return outcome->rtt_us ? outcome->rtt_us : outcome->wall_us;
}

/* What is left of the certificate: whole days, with lower bounds. */
static void add_days(char *perfdata, size_t len, const struct check *check, int64_t not_after_s)
{
	const int64_t left_s = not_after_s - (int64_t)time(NULL);
	const size_t used = strlen(perfdata);
	snprintf(perfdata + used, len - used, " 'days'=%lld;%u:;%u:", (long long)(left_s / 86400), check->wish.warn_s / 86400,
		 check->wish.down_s / 86400);
}

static enum nagios_state state_of(const struct check *check, const struct probe_row *row)
{
	return judge(check, &row->outcome, measured_us(&row->outcome));
}

/* The row that decides: critical before warning before unknown before fine. */
static const struct probe_row *worst_row(const struct check *check, const struct probe_row *row)
{
	static const unsigned char rank[] = { [NAGIOS_OK] = 0, [NAGIOS_UNKNOWN] = 1, [NAGIOS_WARNING] = 2, [NAGIOS_CRITICAL] = 3 };
	const struct probe_row *worst = row;
	for (; row; row = row->next)
		if (rank[state_of(check, row)] > rank[state_of(check, worst)])
			worst = row;
	return worst;
}

static enum nagios_state tell(const struct check *check, const struct probe_row *first)
{
	const struct probe_row *row = worst_row(check, first);
	const struct outcome *outcome = &row->outcome;
	const uint64_t us = measured_us(outcome);
	const enum nagios_state state = judge(check, outcome, us);
	char sentence[800], where[INET6_ADDRSTRLEN + 8] = "", perfdata[280], more[128] = "", limit[96] = "";
	snprintf(sentence, sizeof sentence, "%s", row->sentence);
	if (*row->address && check->targets.items[0].family == FAMILY_NONE)
		snprintf(where, sizeof where, " (%s)", row->address);
	tame(sentence);
	nagios_perfdata(perfdata, sizeof perfdata, us, &check->warning, &check->critical, check->jobs.timeout_ms * 1000ull);
	if (!check->tls && us && (state == NAGIOS_CRITICAL || state == NAGIOS_WARNING))
		snprintf(limit, sizeof limit, ", against the %s range %.40s", state == NAGIOS_CRITICAL ? "critical" : "warning",
			 state == NAGIOS_CRITICAL ? check->set.critical : check->set.warning);
	tame(limit);
	if (check->set.verbose)
		snprintf(more, sizeof more, " (wall %u us, rtt %u us, %u SYNs sent again, errno %u)", outcome->wall_us,
			 outcome->rtt_us, outcome->syn_retrans, outcome->error);
	if (outcome->tls && outcome->tls->not_after_s > 0)
		add_days(perfdata, sizeof perfdata, check, outcome->tls->not_after_s);
	printf("%s %s - %s%s %s: %s%s%s | %s\n", check->tls ? "TLS" : "TCP", nagios_state_names[state],
	       target_text(&check->targets, check->targets.items), where, verdict_row(outcome->verdict)->name, sentence, limit, more,
	       perfdata);
	return state;
}

static int run(const struct check *check)
{
	char why[512];
	struct probe_printer printer = { .silent = true };
	struct probe_run probe = {
		.targets = &check->targets,
		.jobs = check->jobs,
		.expect_address = check->set.probe.expect_address,
		.tls = check->tls ? &check->wish : NULL,
		.pipeline = { .slots = 1, .policy = check->policy },
		.printer = &printer,
		.program = check_table.program,
	};
	if (!probe_options_resolvers(&check->set.probe, probe.pipeline.resolvers, why, sizeof why))
		return unknown(why);
	if (probe_printer_init(&printer, &check->targets) < 0)
		return unknown((char[]){ "no memory" });
	signal(SIGALRM, give_up);
	alarm((unsigned)((probe_run_longest_ms(&check->jobs, probe.tls) + 2 * RESOLVE_BUDGET_MS + 999) / 1000) + GRACE_S);
	int state = NAGIOS_UNKNOWN;
	if (probe_run(&probe, why, sizeof why) < 0)
		unknown(why);
	else
		state = tell(check, printer.rows[0]);
	probe_printer_free(&printer);
	return state;
}

int cmd_check(int argc, char **argv)
{
	struct check check = { 0 };
	int operand;
	char why[1024];

	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_ERROR);
	switch (options_read(&check_table, argc, argv, &check.set, &operand, why, sizeof why)) {
	case OPTIONS_HELP:
		options_help(&check_table, stdout);
		return NAGIOS_UNKNOWN;
	case OPTIONS_BAD:
		return unknown(why);
	case OPTIONS_OK:
		break;
	}
	if (check.set.version) {
		printf("portwatch check %s\n", cli_version);
		return NAGIOS_UNKNOWN;
	}
	int state = NAGIOS_UNKNOWN;
	if (set_target(&check, why, sizeof why) && set_timeout(&check, why, sizeof why) &&
	    set_tls(&check, why, sizeof why) &&
	    set_range("-w", check.set.warning, &check.warning, why, sizeof why) &&
	    set_range("-c", check.set.critical, &check.critical, why, sizeof why) &&
	    probe_options_apply(&check.set.probe, &check.jobs, why, sizeof why) &&
	    (check.policy = policy_new(check.set.probe.policy, why, sizeof why)))
		state = run(&check);
	else
		unknown(why);
	policy_free(check.policy);
	target_list_free(&check.targets);
	return state;
}
