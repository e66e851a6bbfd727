/* test_policy_file.c - the lines of a policy: what they allow, and what is said of those that are wrong. */
#include "base/must.h"
#include "engine/address_policy.h"

#include "loopback.h"

static struct address_policy *read_as(const char *text, char *why)
{
	return policy_parse(text, strlen(text), "p", why, POLICY_WHY_MAX);
}

static struct address_policy *policy_of(const char *text)
{
	char why[POLICY_WHY_MAX] = "";
	struct address_policy *p = read_as(text, why);
	if (!p)
		fail_msg("%s", why);
	return p;
}

static const char *asked(const struct address_policy *p, const char *address, unsigned port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
	if (inet_pton(AF_INET6, address, &to.sin6_addr) == 1)
		return policy_denies(p, (struct sockaddr *)&to);
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	assert_int_equal(inet_pton(AF_INET, address, &v4->sin_addr), 1);
	return policy_denies(p, (struct sockaddr *)&to);
}

static void refused(const char *text, const char *expected)
{
	char why[POLICY_WHY_MAX] = "";
	struct address_policy *p = read_as(text, why);
	policy_free(p);
	if (p || strcmp(why, expected) != 0)
		fail_msg("\"%s\"\nsays   %s\nand not %s", text, p ? "nothing" : why, expected);
}

static void the_first_line_that_fits_decides(void **state)
{
	struct address_policy *p = policy_of("deny 10.1.0.0/16\nallow 10.0.0.0/8\ndeny 10.0.0.0/8 22\nallow 2001:db8::/32 # our own\n");
	(void)state;
	assert_null(asked(p, "10.0.0.1", 22));
	assert_string_equal(asked(p, "10.1.0.1", 22), "address policy p:1: deny 10.1.0.0/16; nothing was sent");
	assert_null(asked(p, "2001:db8::1", 443));
	policy_free(p);
}

static void what_no_line_names_is_denied(void **state)
{
	struct address_policy *p = policy_of("allow 10.0.0.0/8\n");
	(void)state;
	assert_string_equal(asked(p, "8.8.8.8", 53), "address policy p: no line allows it; nothing was sent");
	assert_string_equal(asked(p, "2606:4700::1111", 53), "address policy p: no line allows it; nothing was sent");
	policy_free(p);
}

static void ports_are_numbers_and_ranges_of_them(void **state)
{
	struct address_policy *p = policy_of("\tallow\t192.0.2.7\t22,5432,8000-8100\t# three\r\ndeny any 25\nallow any");
	(void)state;
	assert_null(asked(p, "192.0.2.7", 22));
	assert_null(asked(p, "192.0.2.7", 8100));
	assert_non_null(asked(p, "192.0.2.7", 25));
	assert_string_equal(asked(p, "2001:db8::1", 25), "address policy p:2: deny any 25; nothing was sent");
	assert_null(asked(p, "2001:db8::1", 26));
	assert_non_null(asked(p, "192.0.2.7", 0));
	policy_free(p);
}

static void use_decides_what_is_left_and_a_name_given_before_goes_first(void **state)
{
	struct address_policy *p = policy_of("allow 127.0.0.1 5432\nallow 64:ff9b:1::/48\nuse private\n");
	(void)state;
	assert_null(asked(p, "127.0.0.1", 5432));
	assert_non_null(strstr(asked(p, "127.0.0.1", 22), "loopback"));
	assert_non_null(strstr(asked(p, "127.0.0.2", 5432), "loopback"));
	assert_null(asked(p, "10.0.0.1", 22));
	assert_null(asked(p, "64:ff9b:1::1", 22));
	policy_free(p);
	p = policy_of("use any");
	assert_null(asked(p, "127.0.0.1", 22));
	policy_free(p);
}

static void a_denied_IPv4_address_is_not_reached_in_IPv6_clothes(void **state)
{
	static const char *const clothes[] = { "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:a00:1::",
					       "fd00::5efe:10.0.0.1" };
	struct address_policy *p = policy_of("deny 10.0.0.0/8\nallow any\n");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(clothes); i++)
		assert_string_equal(asked(p, clothes[i], 22),
				    "address policy p:1: it carries an IPv4 address, and deny 10.0.0.0/8; nothing was sent");
	assert_null(asked(p, "64:ff9b::808:808", 22));
	assert_non_null(strstr(asked(p, "64:ff9b:1::808:808", 22), "only its translator knows"));
	policy_free(p);
}

static void what_is_wrong_is_said_with_its_place_and_a_caret(void **state)
{
	(void)state;
	refused("allow 10.0.0.0/8\nalow 10.0.0.0/8", "p:2:1: \"alow\" is neither allow, deny nor use\n    alow 10.0.0.0/8\n    ^");
	refused("allow 10.0.0.1/8", "p:1:7: the address has bits behind its prefix: write 10.0.0.0/8\n    allow 10.0.0.1/8\n          ^");
	refused("deny 2001:db8::1/32",
		"p:1:6: the address has bits behind its prefix: write 2001:db8::/32\n    deny 2001:db8::1/32\n         ^");
	refused("allow 10.0.0.0/33",
		"p:1:7: behind the slash belongs a number of bits from 0 to 32\n    allow 10.0.0.0/33\n          ^");
	refused("allow 10.0.0.0/08",
		"p:1:7: behind the slash belongs a number of bits from 0 to 32\n    allow 10.0.0.0/08\n          ^");
	refused("allow 10.0.0.0/8 0",
		"p:1:18: ports are numbers of 1 to 65535, as in 22,5432,8000-8100\n    allow 10.0.0.0/8 0\n                     ^");
	refused("allow any 22,", "p:1:14: ports are numbers of 1 to 65535, as in 22,5432,8000-8100\n    allow any 22,\n                 ^");
	refused("allow any 30-20", "p:1:14: the last port, 20, is less than the first, 30\n    allow any 30-20\n                 ^");
	refused("allow any 22 23",
		"p:1:14: a line ends behind its ports, which have no blanks between them\n    allow any 22 23\n                 ^");
	refused("allow", "p:1:6: behind allow belongs an address, as in allow 10.0.0.0/8\n    allow\n         ^");
	refused("use all", "p:1:5: behind use belongs public, private or any, and nothing else\n    use all\n        ^");
	refused("use any\nallow any",
		"p:2:1: nothing can stand behind a line `use ...`: it decides all that is left\n    allow any\n    ^");
	refused("allow ::ffff:10.0.0.0/104", "p:1:7: write the IPv4 address as such: it is probed, and judged, as IPv4\n"
					     "    allow ::ffff:10.0.0.0/104\n          ^");
}

static void addresses_are_read_as_inet_pton_reads_them(void **state)
{
	static const char *const bad[] = { "localhost", "10.1", "0x0a.0.0.0/8", "010.0.0.0/8", "fe80::/10%eth0", "10.0.0.0/", "[::1]",
					   "10.0.0.0/255.0.0.0", "/8", "10.0.0.0/-1", "10.0.0.0/+8" };
	char text[80], why[POLICY_WHY_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "deny %s\nallow any", bad[i]);
		if (read_as(text, why))
			fail_msg("%s was read", text);
		assert_int_equal(strncmp(why, "p:1:6: ", 7), 0);
	}
}

static void a_file_that_allows_nothing_is_refused(void **state)
{
	static const char *const none[] = { "", "\n\n# nothing\n", "deny 10.0.0.0/8\n" };
	char why[POLICY_WHY_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_null(read_as(none[i], why));
		assert_non_null(strstr(why, "no line allows anything"));
	}
}

static void more_rules_than_there_is_room_for_are_refused(void **state)
{
	char why[POLICY_WHY_MAX], *text = malloc(40 * (POLICY_RULES_MAX + 2)), *at = text;
	(void)state;
	for (unsigned i = 0; i < POLICY_RULES_MAX; i++)
		at += sprintf(at, "allow 10.%u.%u.0/24\n", i >> 8, i & 255);
	struct address_policy *p = read_as(text, why);
	assert_non_null(p);
	policy_free(p);
	strcpy(at, "allow 11.0.0.0/8\n");
	assert_null(read_as(text, why));
	assert_non_null(strstr(why, "more than 4096 rules"));
	strcpy(at, "use any\n"); /* no room for what it says: the rest is denied and not allowed */
	p = read_as(text, why);
	assert_non_null(p);
	assert_non_null(asked(p, "8.8.8.8", 22));
	policy_free(p);
	free(text);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	static const char text[] = "allow \x1b[31m\x00 10.0.0.0/8\n";
	char why[POLICY_WHY_MAX];
	(void)state;
	assert_null(policy_parse(text, sizeof(text) - 1, "p", why, sizeof(why)));
	for (const char *c = why; *c; c++)
		assert_true((unsigned char)*c >= ' ' || *c == '\n');
}

static void a_file_that_cannot_be_read_is_said(void **state)
{
	char why[POLICY_WHY_MAX];
	(void)state;
	assert_null(policy_new("/nonexistent/policy", why, sizeof(why)));
	assert_string_equal(why, "\"/nonexistent/policy\" is neither any, private, public nor a file that can be read: No such file or "
				 "directory");
	assert_null(policy_new("/tmp", why, sizeof(why)));
	assert_non_null(strstr(why, "Is a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_that_fits_decides),
		cmocka_unit_test(what_no_line_names_is_denied),
		cmocka_unit_test(ports_are_numbers_and_ranges_of_them),
		cmocka_unit_test(use_decides_what_is_left_and_a_name_given_before_goes_first),
		cmocka_unit_test(a_denied_IPv4_address_is_not_reached_in_IPv6_clothes),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place_and_a_caret),
		cmocka_unit_test(addresses_are_read_as_inet_pton_reads_them),
		cmocka_unit_test(a_file_that_allows_nothing_is_refused),
		cmocka_unit_test(more_rules_than_there_is_room_for_are_refused),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(a_file_that_cannot_be_read_is_said),
	};
	return cmocka_run_group_tests_name("engine/policy_file", tests, NULL, NULL);
}
