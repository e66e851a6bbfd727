/* redis_choice.c - finds the Redis that is meant.
 * In: --redis and --state, either may be NULL.  Out: a URL.
 * Owns: nothing.  Why so: whoever has just typed `portwatch up` means that one, and need not look for its socket. */
#include "cli/redis_choice.h"

#include "cli/private_redis.h"

#include <stdio.h>

bool redis_choice(const char *redis, const char *state, struct redis_url *url, char *why, size_t why_len)
{
	struct private_redis own;
	if (redis)
		return redis_reach_parse(redis, url, why, why_len);
	if (!private_redis_find(&own, state, why, why_len))
		return false;
	*url = own.url;
	if (private_redis_is_there(&own))
		return true;
	snprintf(why, why_len, "--redis URL is needed: no portwatch up is running here (nothing answers at %s)",
		 own.url.path);
	return false;
}
