/* probe_options.c - from words of the command line to the options of a job.
 * In: the values of --timeout, --close and --settle.  Out: struct job_options, or a sentence.  Owns: nothing. */
#include "cli/probe_options.h"

bool probe_options_apply(const struct probe_options *set, struct job_options *into, char *why, size_t why_len)
{
	*into = job_options_default;
	into->timeout_ms = (unsigned)set->timeout_ms;
	into->close = (enum close_mode)set->close;
	return !set->settle || settle_parse(set->settle, &into->settle_ms, why, why_len);
}
