/* retry.c - the list of waits, see retry.h.
 * In: how many tries were made, the time.  Out: the time of the next.
 * Why so: pure, so that three days of trying are tested in a microsecond; the first minutes are for a receiver that
 * restarts, the hours for one whose owner has to wake up first. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MAX_MS (7 * 86400000ull)

/* "5m" at *at into *ms; moves *at behind it. */
static bool read_wait(const char **at, uint64_t *ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	char *end;
	if (**at < '0' || **at > '9')
		return false;
	unsigned long long number = strtoull(*at, &end, 10);
	size_t len = strcspn(end, " ");
	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].unit) == len && memcmp(units[i].unit, end, len) == 0 && number <= WAIT_MAX_MS / units[i].ms) {
			*ms = number * units[i].ms;
			*at = end + len;
			return true;
		}
	return false;
}

bool retry_schedule_parse(struct retry_schedule *s, const char *text, char *why, size_t why_len)
{
	const char *at = text + strspn(text, " ");
	s->tries = 0;
	while (*at) {
		if (s->tries == RETRY_TRIES_MAX) {
			snprintf(why, why_len, "more than %d tries", RETRY_TRIES_MAX);
			return false;
		}
		if (!read_wait(&at, &s->wait_ms[s->tries])) {
			snprintf(why, why_len, "\"%.*s\" is not a wait like 200ms, 5s, 5m or 2h", (int)strcspn(at, " "), at);
			return false;
		}
		s->tries++;
		at += strspn(at, " ");
	}
	if (s->tries == 0)
		snprintf(why, why_len, "a schedule of no try at all");
	return s->tries > 0;
}

/* xorshift32, as in base/backoff.c. */
static uint32_t next_random(uint32_t *seed)
{
	uint32_t x = *seed ? *seed : 1;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *seed = x;
}

uint64_t retry_next_ms(const struct retry_schedule *s, unsigned made, unsigned retry_after_s, uint64_t now_ms,
		       uint32_t *seed)
{
	if (made >= s->tries)
		return RETRY_NEVER;
	uint64_t wait_ms = s->wait_ms[made];
	wait_ms += next_random(seed) % (wait_ms / 10 + 1);
	if (wait_ms < retry_after_s * 1000ull)
		wait_ms = retry_after_s * 1000ull;
	return now_ms + wait_ms;
}

unsigned retry_made_by_age(const struct retry_schedule *s, uint64_t age_ms)
{
	uint64_t tried_ms = s->wait_ms[0];
	unsigned made = 0;
	while (made + 1 < s->tries && (tried_ms += s->wait_ms[made + 1]) < age_ms)
		made++;
	return made;
}
