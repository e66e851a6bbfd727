/* test_address_policy.c - what may be probed under each policy: every row of the registries at its edges, 100 and more spellings
 * of addresses that must not be reached, by every way a host comes in, and the forms that hide an IPv4 address. */
#include "base/must.h"
#include "engine/address_policy.h"
#include "wire/job.h"
#include "wire/monitor.h"
#include "wire/target.h"

#include "forbidden.h"
#include "loopback.h"

static struct address_policy *policy_of(const char *choice)
{
	char why[POLICY_WHY_MAX] = "";
	struct address_policy *p = policy_new(choice, why, sizeof(why));
	if (!p)
		fail_msg("%s", why);
	return p;
}

/* ---- asking by text ---- */

static const char *asked(const struct address_policy *p, const char *address, unsigned port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
	if (inet_pton(AF_INET6, address, &to.sin6_addr) == 1)
		return policy_denies(p, (struct sockaddr *)&to);
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (inet_pton(AF_INET, address, &v4->sin_addr) != 1)
		fail_msg("%s is no address", address);
	return policy_denies(p, (struct sockaddr *)&to);
}

static void allowed(const struct address_policy *p, const char *address)
{
	const char *why = asked(p, address, 443);
	if (why)
		fail_msg("%s under %s: %s", address, policy_name(p), why);
}

static void denied(const struct address_policy *p, const char *address, const char *because)
{
	const char *why = asked(p, address, 443);
	if (!why || !strstr(why, because))
		fail_msg("%s under %s: %s, and not because of \"%s\"", address, policy_name(p), why ? why : "allowed", because);
}

/* ---- the registries ---- */

static const struct {
	const char *address;
	unsigned bits;
	bool local;
} ranges[] = {
#define LOCAL true
#define SPECIAL false
#define RANGE(address, bits, scope, what) { address, bits, scope },
#include "engine/special_ranges.def"
#undef RANGE
#undef LOCAL
#undef SPECIAL
};

/* The range's n-th address: 0 the first, 1 the last, else any. */
static void address_in(unsigned range, unsigned n, char text[INET6_ADDRSTRLEN])
{
	const bool v6 = strchr(ranges[range].address, ':') != NULL;
	const unsigned all = v6 ? 128 : 32;
	uint8_t raw[16];
	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, ranges[range].address, raw), 1);
	for (unsigned bit = ranges[range].bits; bit < all && n; bit++)
		if (n == 1 || chance(2))
			raw[bit / 8] |= 0x80 >> bit % 8;
	inet_ntop(v6 ? AF_INET6 : AF_INET, raw, text, INET6_ADDRSTRLEN);
}

static void each_special_range_is_denied_by_public_from_its_first_address_to_its_last(void **state)
{
	struct address_policy *public = policy_of("public"), *private = policy_of("private");
	char text[INET6_ADDRSTRLEN];
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(ranges); i++)
		for (unsigned n = 0; n < 20; n++) {
			address_in(i, n, text);
			denied(public, text, "address policy public: ");
			if (ranges[i].local)
				denied(private, text, "address policy private: ");
		}
	policy_free(public);
	policy_free(private);
}

/* Written by hand and not taken from the table, so that a row lost from it is missed. */
static void what_the_registries_say_is_what_public_denies(void **state)
{
	static const char *const first_last[][2] = {
		{ "0.0.0.0", "0.255.255.255" }, { "10.0.0.0", "10.255.255.255" }, { "100.64.0.0", "100.127.255.255" },
		{ "127.0.0.0", "127.255.255.255" }, { "169.254.0.0", "169.254.255.255" }, { "172.16.0.0", "172.31.255.255" },
		{ "192.0.0.0", "192.0.0.255" }, { "192.0.2.0", "192.0.2.255" }, { "192.31.196.0", "192.31.196.255" },
		{ "192.52.193.0", "192.52.193.255" }, { "192.88.99.0", "192.88.99.255" }, { "192.168.0.0", "192.168.255.255" },
		{ "192.175.48.0", "192.175.48.255" }, { "198.18.0.0", "198.19.255.255" }, { "198.51.100.0", "198.51.100.255" },
		{ "203.0.113.0", "203.0.113.255" }, { "224.0.0.0", "239.255.255.255" }, { "240.0.0.0", "255.255.255.255" },
		{ "::", "::" }, { "::1", "::1" }, { "::ffff:0.0.0.0", "::ffff:255.255.255.255" },
		{ "64:ff9b::", "64:ff9b::ffff:ffff" }, { "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff" },
		{ "100::", "100::ffff:ffff:ffff:ffff" }, { "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff" },
		{ "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff" }, { "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff" },
		{ "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff" }, { "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" }, { "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	struct address_policy *p = policy_of("public");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(first_last); i++)
		for (unsigned k = 0; k < 2; k++)
			denied(p, first_last[i][k], "nothing was sent");
	policy_free(p);
}

static void what_lies_beside_the_ranges_is_allowed_by_public(void **state)
{
	static const char *const fine[] = {
		"1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.0", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255",
		"192.0.1.0", "192.0.3.0", "192.31.195.255", "192.52.194.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
		"192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.114.0", "223.255.255.255",
		"2000::", "2001:200::", "2001:470::1", "2001:db7:ffff::1", "2001:db9::", "2003::", "2606:4700::1111",
		"2620:4f:7fff::1", "2a00:1450::1", "3ffe::1", "3fff:1000::", "2606:4700::5efe:8.8.8.8",
	};
	struct address_policy *p = policy_of("public");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fine); i++)
		allowed(p, fine[i]);
	policy_free(p);
}

static void private_allows_private_networks_and_not_the_prober_itself(void **state)
{
	static const char *const fine[] = { "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1",
					    "240.0.0.1", "fd12::1", "fec0::1", "2001:db8::1", "64:ff9b::10.0.0.1", "8.8.8.8",
					    "2606:4700::1111", "2002:a00:1::" };
	static const char *const bad[] = { "127.0.0.1", "0.0.0.0", "169.254.169.254", "169.254.1.1", "100.100.100.200",
					   "168.63.129.16", "fd00:ec2::254", "fe80::1", "::", "::1", "224.0.0.1", "ff02::1",
					   "255.255.255.255" };
	static const char *const hidden[] = { "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "::127.0.0.1", "64:ff9b::169.254.169.254",
					      "2002:7f00:1::", "2001:0:7f00:1::", "2001::80ff:fffe", "fd12::5efe:127.0.0.1",
					      "2606:4700::200:5efe:169.254.1.1" };
	struct address_policy *p = policy_of("private");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fine); i++)
		allowed(p, fine[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		denied(p, bad[i], "address policy private: ");
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		denied(p, hidden[i], "it carries an IPv4 address of ");
	denied(p, "64:ff9b:1::a00:1", "only its translator knows");
	policy_free(p);
}

static void any_denies_only_port_0_and_families_that_are_no_internet(void **state)
{
	struct address_policy *p = policy_of("any");
	struct sockaddr local = { .sa_family = AF_UNIX };
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(ranges); i++)
		allowed(p, ranges[i].address);
	allowed(NULL, "127.0.0.1");
	assert_non_null(strstr(asked(p, "127.0.0.1", 0), "there is no port 0"));
	assert_non_null(strstr(asked(NULL, "::1", 0), "there is no port 0"));
	assert_non_null(strstr(policy_denies(p, &local), "neither IPv4 nor IPv6"));
	assert_non_null(policy_denies(NULL, &local));
	policy_free(p);
}

static void the_sentence_names_policy_range_and_what_it_is(void **state)
{
	struct address_policy *p = policy_of("public");
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(5432), .sin_addr.s_addr = htonl(0x0a000001) };
	char why[200];
	(void)state;
	assert_string_equal(asked(p, "10.0.0.1", 22), "address policy public: 10.0.0.0/8 is private use (RFC 1918); nothing was sent");
	assert_false(policy_judge(p, (struct sockaddr *)&to, why, sizeof(why)));
	assert_string_equal(why, "address policy public: 10.0.0.0/8 is private use (RFC 1918); nothing was sent");
	to.sin_addr.s_addr = htonl(0x08080808);
	assert_true(policy_judge(p, (struct sockaddr *)&to, why, sizeof(why)));
	policy_free(p);
}

/* ---- spellings, by every way a host comes in ---- */

/* A literal that a parser took must be denied; what it took as a name is asked about when it is resolved, and must not look
 * like an address to inet_aton(3) either. */
static void judged(const struct address_policy *p, const char *spelling, unsigned family, const uint8_t address[16], const char *way)
{
	struct in_addr loose;
	char text[INET6_ADDRSTRLEN];
	if (family == FAMILY_NONE) {
		if (inet_aton(spelling, &loose))
			fail_msg("\"%s\" passes as a name by way of %s, and is an address to others", spelling, way);
		return;
	}
	inet_ntop(family == FAMILY_V6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
	if (!asked(p, text, 443))
		fail_msg("\"%s\" passes by way of %s as %s", spelling, way, text);
}

static void no_spelling_of_a_forbidden_address_passes_the_command_line(void **state)
{
	struct address_policy *p = policy_of("public");
	char text[256], why[512];
	struct target target;
	(void)state;
	assert_true(ARRAY_LEN(forbidden) >= 80);
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		const char *const forms[] = { "%s:443", "[%s]:443" };
		for (unsigned k = 0; k < 2; k++) {
			snprintf(text, sizeof(text), k ? forms[1] : forms[0], forbidden[i]);
			if (target_parse(text, strlen(text), &target, why, sizeof(why)))
				judged(p, forbidden[i], target.family, target.address, "HOST:PORT");
		}
		if (target_parse_host(forbidden[i], strlen(forbidden[i]), &target, why, sizeof(why)))
			judged(p, forbidden[i], target.family, target.address, "check -H");
	}
	policy_free(p);
}

static void no_spelling_of_a_forbidden_address_passes_a_configuration(void **state)
{
	struct address_policy *p = policy_of("public");
	char text[256], why[512];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		struct monitor m;
		struct job job = { 0 };
		monitor_init(&m);
		snprintf(text, sizeof(text), strchr(forbidden[i], ':') ? "[%s]:443" : "%s:443", forbidden[i]);
		if (!monitor_target_read(text, &m, why, sizeof(why)))
			continue;
		job_set_literal(&job, m.host, strlen(m.host));
		judged(p, forbidden[i], job.family, job.address, "a monitor");
	}
	policy_free(p);
}

static void no_spelling_of_a_forbidden_address_passes_a_job_from_the_stream(void **state)
{
	struct address_policy *p = policy_of("public");
	char why[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		struct job jobs[ENTRY_JOBS_MAX];
		const struct job_text text = { .monitor = "m", .host = forbidden[i], .port = 443 };
		size_t len;
		void *blob = job_batch_encode(&job_options_default, &text, 1, &len);
		assert_int_equal(job_batch_decode(blob, len, 0, jobs, why, sizeof(why)), 1);
		if (!jobs[0].bad)
			judged(p, forbidden[i], jobs[0].family, jobs[0].address, "a job");
		free(blob);
	}
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_special_range_is_denied_by_public_from_its_first_address_to_its_last),
		cmocka_unit_test(what_the_registries_say_is_what_public_denies),
		cmocka_unit_test(what_lies_beside_the_ranges_is_allowed_by_public),
		cmocka_unit_test(private_allows_private_networks_and_not_the_prober_itself),
		cmocka_unit_test(any_denies_only_port_0_and_families_that_are_no_internet),
		cmocka_unit_test(the_sentence_names_policy_range_and_what_it_is),
		cmocka_unit_test(no_spelling_of_a_forbidden_address_passes_the_command_line),
		cmocka_unit_test(no_spelling_of_a_forbidden_address_passes_a_configuration),
		cmocka_unit_test(no_spelling_of_a_forbidden_address_passes_a_job_from_the_stream),
	};
	chance_seed();
	return cmocka_run_group_tests_name("engine/address_policy", tests, NULL, NULL);
}
