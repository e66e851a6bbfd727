/* probe_options.h - the options that say how a connection is tried, for every sub-command that has some tried. */
#ifndef CLI_PROBE_OPTIONS_H
#define CLI_PROBE_OPTIONS_H

#include "base/option.h"
#include "engine/resolve.h"

struct probe_options {
	uint64_t timeout_ms;
	int close;		/* enum close_mode */
	const char *settle, *policy;
	int ip, addresses;	/* enum job_ip, enum job_addresses */
	const char *expect_address;
	struct option_list resolvers;
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
#define PROBE_OPTION_IP(values)                                                                                          \
	{ "ip", 0, OPTION_CHOICE, .preset = "any", .choices = job_ip_names,                                              \
	  .sentence = "which addresses of a name; any: IPv4, or IPv6 where there is none; both: one row each",            \
	  .at = offsetof(values, probe.ip), .only_flag = true }
#define PROBE_OPTION_ADDRESSES(values)                                                                                   \
	{ "addresses", 0, OPTION_CHOICE, .preset = "first", .choices = job_addresses_names,                              \
	  .sentence = "all: one row for each address of a name, at most 16", .at = offsetof(values, probe.addresses),     \
	  .only_flag = true }
#define PROBE_OPTION_EXPECT(values)                                                                                      \
	{ "expect-address", 0, OPTION_TEXT, .value = "CIDR,...",                                                         \
	  .sentence = "an address outside of these is wrong-address, and is not probed",                                 \
	  .at = offsetof(values, probe.expect_address), .only_flag = true }
#define PROBE_OPTION_RESOLVER(values)                                                                                    \
	{ "resolver", 0, OPTION_LIST, .value = "ADDRESS[:PORT]",                                                         \
	  .sentence = "ask this resolver, instead of the system's; several are tried in turn",                            \
	  .at = offsetof(values, probe.resolvers), .only_flag = true }

/* From --resolver to what a pipeline wants; false: why holds a sentence. */
bool probe_options_resolvers(const struct probe_options *set, char into[RESOLVERS_TEXT_MAX], char *why, size_t why_len);

/* ---- the certificate ---- */

struct tls_options {
	bool tls;
	int starttls;		/* enum starttls_kind; any but NONE means tls too */
	const char *server_name, *ca;
	uint64_t timeout_ms, warn_ms, down_ms;
};

/* Rows for a values struct that has a struct tls_options named tls. */
#define TLS_OPTIONS(values)                                                                                              \
	{ "tls", 0, OPTION_FLAG, .at = offsetof(values, tls.tls), .only_flag = true,                                     \
	  .sentence = "look at the certificate too: chain, name and dates; nothing is asked of the service" },           \
	{ "starttls", 0, OPTION_CHOICE, .choices = starttls_choices, .preset = "none", .only_flag = true,                \
	  .at = offsetof(values, tls.starttls), .sentence = "the same behind the STARTTLS of that protocol" },           \
	{ "server-name", 0, OPTION_TEXT, .value = "NAME", .at = offsetof(values, tls.server_name), .only_flag = true,     \
	  .sentence = "the name to ask for and to find in the certificate; otherwise the host" },                        \
	{ "ca", 0, OPTION_TEXT, .value = "FILE", .at = offsetof(values, tls.ca), .only_flag = true,                       \
	  .sentence = "trust the certificates of FILE (PEM) instead of the system's" },                                  \
	{ "tls-timeout", 0, OPTION_DURATION, .preset = "10s", .min = 1, .max = JOB_TIMEOUT_MAX_MS,                        \
	  .at = offsetof(values, tls.timeout_ms), .sentence = "how long all of it may take after the TCP handshake",      \
	  .only_flag = true }
#define TLS_OPTIONS_LEFT(values)                                                                                         \
	{ "tls-warn", 0, OPTION_DURATION, .preset = "21d", .max = TLS_LEFT_MAX_S * 1000ull,                               \
	  .at = offsetof(values, tls.warn_ms), .sentence = "say so if it holds for less than this", .only_flag = true },   \
	{ "tls-down", 0, OPTION_DURATION, .preset = "3d", .max = TLS_LEFT_MAX_S * 1000ull,                                \
	  .at = offsetof(values, tls.down_ms), .sentence = "down if it holds for less than this", .only_flag = true }
extern const char *const starttls_choices[]; /* "none", "smtp", ... */

/* Whether a certificate was asked for at all; then *into has what is wished.  path: room for the whole name of the CA file,
 * which is one of this machine; NULL: it is one of the engines' machines, and its path has to be whole. */
bool tls_options_apply(const struct tls_options *set, struct tls_wish *into, char *path, bool *wanted,
		       char *why, size_t why_len);

/* What the jobs get; false: why holds a sentence. */
bool probe_options_apply(const struct probe_options *set, struct job_options *into, char *why, size_t why_len);

#endif
