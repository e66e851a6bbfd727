/* policy_calls.c - what one question of the hot path costs, alone in a loop: the policy's, the search for a twin, a turn at
 * an address.  Prints ns a call; the best of several rounds, for others disturb and nothing helps. */
#include "base/clock.h"
#include "base/must.h"
#include "engine/address_policy.h"
#include "engine/destination_cap.h"
#include "engine/twins.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { CALLS = 1000000, ROUNDS = 9, FLYING = 1000 };

struct bed {
	struct address_policy *policy;
	struct destination_cap *cap;
	struct twins twins;
	struct job job[4096];
	uint8_t family;
};

static uint64_t ask_policy(struct bed *b, unsigned i)
{
	const struct job *job = &b->job[i % 4096];
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(job->port) };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
	if (b->family == FAMILY_V6) {
		memcpy(&to.sin6_addr, job->address, 16);
	} else {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, job->address, 4);
	}
	return policy_denies(b->policy, (struct sockaddr *)&to) != NULL;
}

/* As a probe does: look, be noted, and be forgotten when another has begun 1000 later. */
static uint64_t twin_comes_and_goes(struct bed *b, unsigned i)
{
	struct twin_key key;
	twin_key_of(&b->job[i % 4096], &key);
	const uint32_t found = twins_find(&b->twins, &key);
	twins_remove(&b->twins, i % FLYING);
	twins_add(&b->twins, i % FLYING, &key);
	return found;
}

static uint64_t take_turn(struct bed *b, unsigned i)
{
	return destination_cap_take(b->cap, &b->job[i % 4096], NS_PER_S + i * 10000ull, UINT64_MAX - 1);
}

static void measure(const char *what, struct bed *b, uint64_t (*call)(struct bed *, unsigned))
{
	uint64_t best = UINT64_MAX, sum = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t from = clock_ns();
		for (unsigned i = 0; i < CALLS; i++)
			sum += call(b, i);
		const uint64_t took = clock_ns() - from;
		best = took < best ? took : best;
	}
	printf("%-28s %6.1f ns%s\n", what, (double)best / CALLS, sum == 1 ? " " : "");
}

static void fill(struct bed *b, uint8_t family)
{
	b->family = family;
	for (unsigned i = 0; i < 4096; i++) {
		b->job[i] = (struct job){ .family = family, .port = (uint16_t)(1000 + i % 7), .timeout_ms = 3200 };
		const uint8_t v4[] = { 8, 8, (uint8_t)(i >> 8), (uint8_t)i }, v6[16] = { 0x26, 0x06, 0x47, [14] = (uint8_t)(i >> 8), (uint8_t)i };
		memcpy(b->job[i].address, family == FAMILY_V6 ? v6 : v4, family == FAMILY_V6 ? 16 : 4);
	}
}

int main(void)
{
	static struct bed b;
	char why[POLICY_WHY_MAX];
	static const char *const policies[] = { "any", "private", "public" };
	for (unsigned i = 0; i < ARRAY_LEN(policies); i++)
		for (uint8_t family = FAMILY_V4; family <= FAMILY_V6; family++) {
			char what[64];
			fill(&b, family);
			must((b.policy = policy_new(policies[i], why, sizeof(why))));
			snprintf(what, sizeof(what), "policy %s, IPv%d, allowed", policies[i], family == FAMILY_V6 ? 6 : 4);
			measure(what, &b, ask_policy);
			policy_free(b.policy);
		}
	fill(&b, FAMILY_V4);
	must(twins_init(&b.twins, FLYING) == 0 && (b.cap = destination_cap_new(1000000)));
	measure("twin: find, add, remove", &b, twin_comes_and_goes);
	measure("turn at an address", &b, take_turn);
	twins_free(&b.twins);
	destination_cap_free(b.cap);
	return 0;
}
