/* probe_options.h - the options that say how a connection is tried, for every sub-command that has some tried. */
#ifndef CLI_PROBE_OPTIONS_H
#define CLI_PROBE_OPTIONS_H

#include "base/option.h"
#include "wire/job.h"

struct probe_options {
	uint64_t timeout_ms;
	int close;		/* enum close_mode */
	const char *settle, *policy;
};

/* Rows for an option table whose values struct has a struct probe_options named probe. */
#define PROBE_OPTION_TIMEOUT(values, short_flag)                                                                         \
	{ "timeout", short_flag, OPTION_DURATION, .preset = "3200ms", .min = 1, .max = JOB_TIMEOUT_MAX_MS,                \
	  .sentence = "how long to wait for the handshake", .at = offsetof(values, probe.timeout_ms), .only_flag = true }
#define PROBE_OPTION_CLOSE(values)                                                                                        \
	{ "close", 0, OPTION_CHOICE, .preset = "rst", .choices = close_mode_names,                                       \
	  .sentence = "how the connection ends", .at = offsetof(values, probe.close), .only_flag = true }
#define PROBE_OPTION_SETTLE(values)                                                                                      \
	{ "settle", 0, OPTION_TEXT, .value = "0|auto|MS",                                                                \
	  .sentence = "how long to watch for a reset after the handshake, in ms; auto: about two round trips; without it "   \
		      "the engine's own, which is 0 unless it says otherwise",                                              \
	  .at = offsetof(values, probe.settle), .only_flag = true }

#define PROBE_OPTION_POLICY(values)                                                                                      \
	{ "policy", 0, OPTION_TEXT, .preset = "any", .value = "any|private|public|FILE",                                 \
	  .sentence = "which addresses may be probed, as for portwatch-engine", .at = offsetof(values, probe.policy),     \
	  .only_flag = true }

/* What the jobs get; false: why holds a sentence. */
bool probe_options_apply(const struct probe_options *set, struct job_options *into, char *why, size_t why_len);

#endif
