/* redis_reach.h - Redis as a person at a terminal meets it: reached within seconds or told why not, and what to do. */
#ifndef CLI_REDIS_REACH_H
#define CLI_REDIS_REACH_H

#include "base/option.h"
#include "wire/redis_link.h"

#define REDIS_OPTION(values, is_required)                                                                                 \
	{ "redis", 0, OPTION_TEXT, .value = "URL", .at = offsetof(values, redis), .required = is_required,               \
	  .sentence = "redis://[user:password@]host[:port][/db], rediss://..., or unix:///path" }
#define PREFIX_OPTION(values)                                                                                             \
	{ "prefix", 0, OPTION_TEXT, .preset = STREAM_PREFIX, .value = "NAME", .at = offsetof(values, prefix),            \
	  .sentence = "what all keys begin with" }

/* A link that has just answered, tried for at most limit_ms.  NULL: why holds sentences. */
struct redis_link *redis_reach(const struct redis_url *url, const char *name, unsigned limit_ms, char *why, size_t why_len);

/* redis_url_parse() for --redis, with the option's name in the sentence. */
bool redis_reach_parse(const char *text, struct redis_url *url, char *why, size_t why_len);

/* What a person can do about a trouble; never NULL. */
const char *redis_reach_advice(enum redis_trouble trouble);

/* The same for what a command said of a failure: the text names the reason where the last reply only says that
 * the transaction was left.  NULL: Redis is not at fault. */
const char *redis_reach_advice_on(const struct redis_link *link, const char *why);

/* Whether --region and --prefix are names that an engine takes: what it refuses, nobody would ever read from. */
bool redis_reach_region_is_fine(const char *region, char *why, size_t why_len);
bool redis_reach_prefix_is_fine(const char *prefix, char *why, size_t why_len);

#endif
