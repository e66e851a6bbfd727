/* redis_reach.c - connects to Redis for a person who waits, and has an advice for every trouble.
 * In: a URL.  Out: a link that is up, or what went wrong and what to try.
 * Owns: nothing.  Why so: an engine tries for ever, a person at a terminal wants to know after a few seconds. */
#include "cli/redis_reach.h"

#include "base/clock.h"
#include "cli/interrupt.h"
#include "wire/redis_trouble.h"
#include "wire/streams.h"

#include <stdio.h>
#include <string.h>

enum {
	REPLY_MS = 5000, /* a server that is that busy is better asked later */
	PAUSE_MAX_MS = 100,
};

static const char *const advice[TROUBLES] = {
	[TROUBLE_NONE] = "nothing needs to be done",
	[TROUBLE_GROUP_LOST] = "the consumer group is gone: XGROUP CREATE makes it again, and so does an engine that starts",
	[TROUBLE_STARTING] = "Redis is still loading its data: try again in a moment",
	[TROUBLE_NOT_MASTER] = "this is a replica: let --redis name the master",
	[TROUBLE_FULL] = "Redis has reached maxmemory: raise it (CONFIG SET maxmemory), or let the engines drain the queue first",
	[TROUBLE_HOLD] = "Redis refuses for the moment: look into its log, then try again",
	[TROUBLE_MOVED] = "this is a node of a cluster: let --redis name the node that holds the keys of this region",
	[TROUBLE_FORBIDDEN] = "look at user, password and certificate (SSL_CERT_FILE) of --redis, and what that user may do (ACL LIST)",
	[TROUBLE_EXISTS] = "nothing needs to be done",
	[TROUBLE_OTHER] = "look at the text above and at Redis' log",
	[TROUBLE_LINK] = "look whether Redis runs and listens where --redis says: redis-cli PING",
};

const char *redis_reach_advice(enum redis_trouble trouble)
{
	return trouble < TROUBLES ? advice[trouble] : advice[TROUBLE_OTHER];
}

const char *redis_reach_advice_on(const struct redis_link *link, const char *why)
{
	const enum redis_trouble trouble = redis_link_trouble(link), named = redis_trouble_of(why);
	if (trouble == TROUBLE_NONE)
		return NULL;
	return redis_reach_advice(trouble == TROUBLE_LINK || named == TROUBLE_OTHER ? trouble : named);
}

static bool name_is_fine(const char *option, const char *name, size_t most, char *why, size_t why_len)
{
	if (stream_name_is_plain(name, most))
		return true;
	snprintf(why, why_len, "%s: \"%.80s\" is not 1 to %zu of letters, digits, dot, dash and underscore", option, name, most);
	return false;
}

bool redis_reach_region_is_fine(const char *region, char *why, size_t why_len)
{
	return name_is_fine("--region", region, NAME_MAX_LEN, why, why_len);
}

bool redis_reach_prefix_is_fine(const char *prefix, char *why, size_t why_len)
{
	return name_is_fine("--prefix", prefix, PREFIX_MAX_LEN, why, why_len);
}

static void pause_ms(unsigned ms)
{
	const struct timespec time = { .tv_nsec = (long)(ms * NS_PER_MS) };
	nanosleep(&time, NULL);
}

static bool reach(struct redis_link *link, unsigned limit_ms, char *why, size_t why_len)
{
	const uint64_t until_ns = clock_ns() + limit_ms * NS_PER_MS;
	unsigned wait_ms;
	while (redis_link_up(link, &wait_ms) < 0) {
		const bool hopeless = redis_link_trouble(link) == TROUBLE_FORBIDDEN;
		if (hopeless || interrupted() || clock_ns() >= until_ns) {
			snprintf(why, why_len, "%s\n%s", redis_link_error(link),
				 redis_reach_advice(redis_link_trouble(link)));
			return false;
		}
		pause_ms(wait_ms < PAUSE_MAX_MS ? wait_ms : PAUSE_MAX_MS);
	}
	return true;
}

struct redis_link *redis_reach(const struct redis_url *url, const char *name, unsigned limit_ms, char *why, size_t why_len)
{
	char shown[400], reason[512];
	redis_url_show(url, shown, sizeof shown);
	struct redis_link *link = redis_link_new(url, name, REPLY_MS);
	if (link && reach(link, limit_ms, reason, sizeof reason))
		return link;
	snprintf(why, why_len, "%s: %s", shown, link ? reason : "no memory");
	redis_link_free(link);
	return NULL;
}

bool redis_reach_parse(const char *text, struct redis_url *url, char *why, size_t why_len)
{
	char reason[512];
	if (redis_url_parse(text, url, reason, sizeof reason) == 0 && redis_link_possible(url, reason, sizeof reason) == 0)
		return true;
	snprintf(why, why_len, "--redis: %s", reason);
	return false;
}
