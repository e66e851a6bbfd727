/* probe_options.c - from words of the command line to the options of a job.
 * In: the values of --timeout, --close and --settle.  Out: struct job_options, or a sentence.  Owns: nothing. */
#include "cli/probe_options.h"

#include "wire/prefix.h"

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
