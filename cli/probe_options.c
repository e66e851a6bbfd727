/* probe_options.c - from words of the command line to the options of a job.
 * In: the values of --timeout, --close and --settle.  Out: struct job_options, or a sentence.  Owns: nothing. */
#include "cli/probe_options.h"

#include "wire/monitor_tls.h"
#include "wire/prefix.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const starttls_choices[] = { "none", "smtp", "imap", "pop3", "postgres", "ldap", NULL };

static bool expect_is_fine(const char *text, char *why, size_t why_len)
{
	struct prefix prefix[PREFIXES_MAX];
	char reason[256];
	if (!text)
		return true;
	if (strlen(text) <= EXPECT_TEXT_MAX && prefixes_parse(text, strlen(text), prefix, reason, sizeof reason) > 0)
		return true;
	if (strlen(text) > EXPECT_TEXT_MAX)
		snprintf(reason, sizeof reason, "more than %d characters", EXPECT_TEXT_MAX);
	snprintf(why, why_len, "--expect-address: %s", reason);
	return false;
}

bool probe_options_apply(const struct probe_options *set, struct job_options *into, char *why, size_t why_len)
{
	*into = job_options_default;
	into->timeout_ms = (unsigned)set->timeout_ms;
	into->close = (enum close_mode)set->close;
	into->ip = (enum job_ip)set->ip;
	into->addresses = (enum job_addresses)set->addresses;
	return expect_is_fine(set->expect_address, why, why_len) &&
	       (!set->settle || settle_parse(set->settle, &into->settle_ms, why, why_len));
}

bool probe_options_resolvers(const struct probe_options *set, char into[RESOLVERS_TEXT_MAX], char *why, size_t why_len)
{
	for (unsigned i = 0; i < set->resolvers.count; i++)
		if (!resolver_list_add(into, set->resolvers.item[i], why, why_len))
			return false;
	return true;
}

/* The engine's stage wants an absolute path, as it does from a stream. */
static bool set_ca(const char *ca, struct tls_wish *into, char *path, char *why, size_t why_len)
{
	char whole[PATH_MAX];
	if (!path) {
		into->ca = ca;
		if (!tls_ca_is_fine(ca))
			snprintf(why, why_len, "--ca: %s is no absolute path without blanks (of a file on the engines' machines)", ca);
		return tls_ca_is_fine(ca);
	}
	if (!realpath(ca, whole)) {
		snprintf(why, why_len, "--ca: %s: %s", ca, strerror(errno));
		return false;
	}
	if (strlen(whole) > TLS_CA_MAX_LEN) {
		snprintf(why, why_len, "--ca: the path of %s is longer than %d bytes", ca, TLS_CA_MAX_LEN);
		return false;
	}
	into->ca = strcpy(path, whole);
	return true;
}

bool tls_options_apply(const struct tls_options *set, struct tls_wish *into, char *path, bool *wanted,
		       char *why, size_t why_len)
{
	*wanted = set->tls || set->starttls != STARTTLS_NONE;
	*into = tls_wish_default;
	into->starttls = (enum starttls_kind)set->starttls;
	into->server_name = set->server_name;
	into->timeout_ms = (unsigned)set->timeout_ms;
	into->warn_s = (unsigned)(set->warn_ms / 1000);
	into->down_s = (unsigned)(set->down_ms / 1000);
	if (!*wanted && (set->server_name || set->ca)) {
		snprintf(why, why_len, "--server-name and --ca are of use with --tls or --starttls only");
		return false;
	}
	if (set->server_name && !tls_name_is_fine(set->server_name)) {
		snprintf(why, why_len, "--server-name: \"%.60s\" is no host name", set->server_name);
		return false;
	}
	return !set->ca || set_ca(set->ca, into, path, why, why_len);
}
