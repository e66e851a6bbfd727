/* test_target.c - HOST:PORT: what is taken, and what the sentence says about what is not. */
#include "wire/target.h"

#include "tests/unit/cli/cli_test.h"

#include <stdlib.h>

static struct target target;
static char why[512];

/* Parses a copy that ends with the heap, so that a sanitizer sees a step behind it. */
static bool parse(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	why[0] = 0;
	const bool fine = target_parse(copy, len, &target, why, sizeof why);
	free(copy);
	return fine;
}

static void takes(const char *text, unsigned family, const char *host, unsigned port)
{
	if (!parse(text, strlen(text)))
		fail_msg("%s was refused: %s", text, why);
	assert_int_equal(target.family, family);
	assert_int_equal(target.port, port);
	assert_int_equal(target.host_len, strlen(host));
	assert_memory_equal(text + target.host_from, host, strlen(host));
}

static void refuses(const char *text, const char *because)
{
	if (parse(text, strlen(text)))
		fail_msg("%s was taken", text);
	assert_contains(why, because);
}

static void addresses_and_names_with_a_port_are_targets(void **state)
{
	(void)state;
	takes("192.0.2.1:22", FAMILY_V4, "192.0.2.1", 22);
	takes("0.0.0.0:1", FAMILY_V4, "0.0.0.0", 1);
	takes("[2001:db8::1]:65535", FAMILY_V6, "2001:db8::1", 65535);
	takes("[::ffff:192.0.2.1]:80", FAMILY_V4, "::ffff:192.0.2.1", 80);
	takes("db.example:5432", FAMILY_NONE, "db.example", 5432);
	takes("localhost:080", FAMILY_NONE, "localhost", 80);
	takes("_sip._tcp.x-1.example:5060", FAMILY_NONE, "_sip._tcp.x-1.example", 5060);
	takes("1a.2b:1", FAMILY_NONE, "1a.2b", 1);
}

static void the_address_is_kept_in_network_order(void **state)
{
	(void)state;
	takes("198.51.100.7:9", FAMILY_V4, "198.51.100.7", 9);
	assert_memory_equal(target.address, "\xc6\x33\x64\x07", 4);
	takes("[2001:db8::5]:9", FAMILY_V6, "2001:db8::5", 9);
	assert_memory_equal(target.address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05", 16);
}

static void a_bare_v6_address_is_refused_with_its_bracket_form(void **state)
{
	(void)state;
	refuses("2001:db8::1", "[2001:db8::1]:443");
	refuses("2001:db8::1:5432", "[2001:db8::1]:5432");
	refuses("::1", "[::1]:443");
	refuses("a:b:c", "more than one colon");
}

static void ports_are_numbers_of_1_to_65535(void **state)
{
	(void)state;
	refuses("h:0", "the port \"0\"");
	refuses("h:65536", "1 to 65535");
	refuses("h:4294967376", "1 to 65535");
	refuses("h:99999999999999999999", "1 to 65535");
	refuses("h:-1", "the port \"-1\"");
	refuses("h:+1", "the port \"+1\"");
	refuses("h:ssh", "the port \"ssh\"");
	refuses("h: 22", "the port \" 22\"");
	refuses("h:", "no port behind the colon");
	refuses("[::1]:", "no port behind the colon");
	refuses("h", "has no port");
}

static void what_only_looks_like_an_address_never_becomes_a_name(void **state)
{
	(void)state;
	refuses("10.0.0:80", "not an IPv4 address");
	refuses("256.1.1.1:80", "not an IPv4 address");
	refuses("1.2.3.4.5:80", "not an IPv4 address");
	refuses("0x7f.1:80", "not an IPv4 address");
	refuses("host.0x1f:80", "not an IPv4 address");
	refuses("2130706433:80", "not an IPv4 address");
	refuses("010.1.1.256:80", "not an IPv4 address");
}

static void brackets_hold_v6_addresses_only(void **state)
{
	(void)state;
	refuses("[192.0.2.1]:80", "not an IPv6 address");
	refuses("[name]:80", "not an IPv6 address");
	refuses("[]:80", "not an IPv6 address");
	refuses("[fe80::1%eth0]:80", "has a zone");
	refuses("[::1]", "]:PORT");
	refuses("[::1", "]:PORT");
	refuses("[::1]80", "]:PORT");
	refuses("[::1]x:80", "]:PORT");
	refuses("[", "has no port");
	refuses("]:1", "neither a name nor an address");
}

static void other_things_are_said_to_be_what_they_are(void **state)
{
	(void)state;
	refuses("", "empty");
	refuses(":80", "no host");
	refuses("https://example.com/", "is a URL");
	refuses("tcp://192.0.2.1:22", "is a URL");
	refuses("a..b:1", "neither a name nor an address");
	refuses("example.com.:1", "neither a name nor an address");
	refuses("-a:1", "neither a name nor an address");
	refuses("a b:1", "neither a name nor an address");
	refuses("b\xc3\xbc" "cher.example:1", "xn--");
}

static void hostile_bytes_are_shown_harmless_and_short(void **state)
{
	char text[5000];
	(void)state;
	refuses("\033[31mred:1", "\\u001b[31mred");
	assert_null(strchr(why, '\033'));
	assert_false(parse("a\0b:1", 5));
	assert_null(strchr(why, '\n'));
	memset(text, 'x', sizeof text);
	assert_false(parse(text, sizeof text));
	assert_true(strlen(why) < 200);
	memset(text, '\033', sizeof text);
	assert_false(parse(text, sizeof text));
	assert_true(strlen(why) < 200);
	for (unsigned c = 0; c < 256; c++) {
		const char one[] = { (char)c, ':', '1' };
		if (parse(one, sizeof one) && !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", (int)c))
			fail_msg("byte %u alone was taken for a host", c);
	}
}

static void a_name_has_at_most_253_characters_and_labels_of_63(void **state)
{
	char text[300] = "";
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		strcat(text, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk.");
	strcpy(text + 253, ":1");
	assert_true(parse(text, strlen(text)));
	strcpy(text + 253, "x:1");
	assert_false(parse(text, strlen(text)));
	memset(text, 'a', 64);
	strcpy(text + 64, ":1");
	assert_false(parse(text, strlen(text)));
	assert_true(parse(text + 1, strlen(text + 1)));
}

static void a_host_alone_may_be_a_v6_address_with_or_without_brackets(void **state)
{
	(void)state;
	assert_true(target_parse_host("2001:db8::1", 11, &target, why, sizeof why));
	assert_int_equal(target.family, FAMILY_V6);
	assert_int_equal(target.host_from, 0);
	assert_true(target_parse_host("[2001:db8::1]", 13, &target, why, sizeof why));
	assert_int_equal(target.family, FAMILY_V6);
	assert_int_equal(target.host_len, 11);
	assert_false(target_parse_host("", 0, &target, why, sizeof why));
	assert_false(target_parse_host("[]", 2, &target, why, sizeof why));
	assert_false(target_parse_host("a:1", 3, &target, why, sizeof why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_and_names_with_a_port_are_targets),
		cmocka_unit_test(the_address_is_kept_in_network_order),
		cmocka_unit_test(a_bare_v6_address_is_refused_with_its_bracket_form),
		cmocka_unit_test(ports_are_numbers_of_1_to_65535),
		cmocka_unit_test(what_only_looks_like_an_address_never_becomes_a_name),
		cmocka_unit_test(brackets_hold_v6_addresses_only),
		cmocka_unit_test(other_things_are_said_to_be_what_they_are),
		cmocka_unit_test(hostile_bytes_are_shown_harmless_and_short),
		cmocka_unit_test(a_name_has_at_most_253_characters_and_labels_of_63),
		cmocka_unit_test(a_host_alone_may_be_a_v6_address_with_or_without_brackets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
