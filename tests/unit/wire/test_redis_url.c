/* test_redis_url.c - which URLs are understood, and what is said of those that are not. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char why[200], shown[600];
static struct redis_url url;

static void takes(const char *text)
{
	if (redis_url_parse(text, &url, why, sizeof(why)) != 0)
		fail_msg("%s: %s", text, why);
	redis_url_show(&url, shown, sizeof(shown));
}

static void refuses(const char *text, const char *sentence)
{
	assert_int_equal(redis_url_parse(text, &url, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, sentence);
	assert_string_equal(url.password, "");
}

static void a_bare_host_means_port_6379_and_database_0(void **state)
{
	(void)state;
	takes("redis://cache.example");
	assert_string_equal(url.host, "cache.example");
	assert_string_equal(url.path, "");
	assert_int_equal(url.port, 6379);
	assert_int_equal(url.db, 0);
	assert_false(url.tls);
	takes("redis://cache.example/");
	assert_int_equal(url.db, 0);
}

static void every_part_is_read(void **state)
{
	(void)state;
	takes("rediss://ann:pa%2Fss%40%25@h-1.example_x:6380/12");
	assert_true(url.tls);
	assert_string_equal(url.user, "ann");
	assert_string_equal(url.password, "pa/ss@%");
	assert_string_equal(url.host, "h-1.example_x");
	assert_int_equal(url.port, 6380);
	assert_int_equal(url.db, 12);
	assert_string_equal(shown, "rediss://h-1.example_x:6380/12");
}

static void a_password_needs_no_user_and_a_user_no_password(void **state)
{
	(void)state;
	takes("redis://:secret@h");
	assert_string_equal(url.user, "");
	assert_string_equal(url.password, "secret");
	takes("redis://ann@h");
	assert_string_equal(url.user, "ann");
	assert_string_equal(url.password, "");
	takes("redis://:a:b@h");
	assert_string_equal(url.password, "a:b");
}

static void an_ipv6_address_stands_in_brackets_and_is_shown_so(void **state)
{
	(void)state;
	takes("redis://[::1]:7000/1");
	assert_string_equal(url.host, "::1");
	assert_int_equal(url.port, 7000);
	assert_string_equal(shown, "redis://[::1]:7000/1");
	takes("redis://:p@[2001:db8::1]");
	assert_string_equal(url.host, "2001:db8::1");
}

static void a_unix_socket_has_a_path_and_parameters(void **state)
{
	(void)state;
	takes("unix:///run/redis%20x/s?db=3&user=ann&password=p%26q");
	assert_string_equal(url.path, "/run/redis x/s");
	assert_string_equal(url.host, "");
	assert_int_equal(url.db, 3);
	assert_string_equal(url.user, "ann");
	assert_string_equal(url.password, "p&q");
	assert_string_equal(shown, "unix:///run/redis x/s?db=3");
}

static void what_is_shown_never_holds_user_or_password(void **state)
{
	static const char *const with[] = { "redis://usr:sesame@h/1", "redis://:sesame@[::1]", "rediss://usr:sesame@h:1",
					    "unix:///s?user=usr&password=sesame&db=1" };
	(void)state;
	for (unsigned i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		takes(with[i]);
		assert_string_equal(url.password, "sesame");
		assert_null(strstr(shown, "sesame"));
		assert_null(strstr(shown, "usr"));
	}
}

static void a_refusal_says_what_and_where(void **state)
{
	(void)state;
	refuses("", "redis url, character 1: it must begin with redis://, rediss:// or unix://");
	refuses("http://h", "redis url, character 1: it must begin with redis://, rediss:// or unix://");
	refuses("redis://", "redis url, character 9: the host is missing, as in redis://127.0.0.1:6379");
	refuses("redis:///1", "redis url, character 9: the host is missing, as in redis://127.0.0.1:6379");
	refuses("redis://h:0", "redis url, character 11: the port must be a number from 1 to 65535");
	refuses("redis://h:65536", "redis url, character 11: the port must be a number from 1 to 65535");
	refuses("redis://h:", "redis url, character 11: the port must be a number from 1 to 65535");
	refuses("redis://h:+1", "redis url, character 11: the port must be a number from 1 to 65535");
	refuses("redis://h:99999999999999999999999", "redis url, character 11: the port must be a number from 1 to 65535");
	refuses("redis://h/x", "redis url, character 11: the database must be a number, as in /0");
	refuses("redis://h/1/2", "redis url, character 11: the database must be a number, as in /0");
	refuses("redis://h?db=1", "redis url, character 10: only a database may follow the host, as in /0");
	refuses("redis://a b", "redis url, character 10: blanks and control characters must be percent-encoded");
	refuses("redis://h\n", "redis url, character 10: blanks and control characters must be percent-encoded");
	refuses("redis://h\xc3\xa4", "redis url, character 10: a host name has only letters, digits, '.', '-' and '_' "
				     "(an IPv6 address stands in brackets)");
	refuses("redis://::1", "redis url, character 9: the host is missing, as in redis://127.0.0.1:6379");
	refuses("redis://1::1", "redis url, character 11: the port must be a number from 1 to 65535");
}

static void brackets_hold_an_ipv6_address_and_are_closed(void **state)
{
	(void)state;
	refuses("redis://[::1", "redis url, character 9: the bracket of the IPv6 address is not closed");
	refuses("redis://[127.0.0.1]", "redis url, character 10: what stands in brackets is not an IPv6 address");
	refuses("redis://[]", "redis url, character 10: the host is missing, as in redis://127.0.0.1:6379");
	refuses("redis://[::1]x", "redis url, character 14: after the address only a ':' and a port may follow");
}

static void percent_signs_are_decoded_strictly(void **state)
{
	(void)state;
	refuses("redis://a:%@h", "redis url, character 11: a % must be followed by two hexadecimal digits");
	refuses("redis://a:%4@h", "redis url, character 11: a % must be followed by two hexadecimal digits");
	refuses("redis://a:%zz@h", "redis url, character 11: a % must be followed by two hexadecimal digits");
	refuses("redis://a:%00@h", "redis url, character 11: %00 cannot be part of it");
	refuses("unix:///a%0", "redis url, character 10: a % must be followed by two hexadecimal digits");
}

static void a_password_that_was_not_encoded_is_not_repeated(void **state)
{
	static const char *const clumsy[] = { "redis://ann:ses/ame@h", "redis://ann:ses?ame@h", "redis://ann:ses#ame@h:1",
					      "redis://:ses/ame%zz@h", "redis://ann:ses ame@h", "redis://h:sesame",
					      "unix://sesame", "unix:///s?pasword=sesame" };
	(void)state;
	for (unsigned i = 0; i < sizeof(clumsy) / sizeof(clumsy[0]); i++) {
		assert_int_equal(redis_url_parse(clumsy[i], &url, why, sizeof(why)), -EINVAL);
		assert_null(strstr(why, "ses"));
		assert_null(strstr(why, "ame@"));
	}
	refuses("redis://ann:ses/ame@h", "redis url, character 16: in a user name or password write / as %2F, ? as %3F, "
					 "# as %23 and @ as %40");
}

static void unix_refusals_say_what_and_where(void **state)
{
	(void)state;
	refuses("unix://run/s", "redis url, character 8: the path of the socket must be absolute, as in "
				"unix:///run/redis.sock");
	refuses("unix:///s#1", "redis url, character 10: a '#' must be written %23");
	refuses("unix:///s?", "redis url, character 11: only db=, user= and password= may follow the '?', with & between "
			      "them");
	refuses("unix:///s?db=x", "redis url, character 14: the database must be a number, as in db=0");
	refuses("unix:///s?db=1&", "redis url, character 16: only db=, user= and password= may follow the '?', with & "
				   "between them");
}

static void what_is_too_long_is_refused_and_not_cut(void **state)
{
	char text[800];
	(void)state;
	snprintf(text, sizeof(text), "redis://%0254d", 0);
	refuses(text, "redis url, character 9: the host name is longer than 253 characters");
	snprintf(text, sizeof(text), "redis://%0253d", 0);
	takes(text);
	snprintf(text, sizeof(text), "unix:///%0107d", 0);
	refuses(text, "redis url, character 115: this part is too long");
	snprintf(text, sizeof(text), "unix:///%0106d", 0);
	takes(text);
	snprintf(text, sizeof(text), "redis://:%0512d@h", 0);
	refuses(text, "redis url, character 521: this part is too long");
	snprintf(text, sizeof(text), "redis://:%0511d@h", 0);
	takes(text);
}

static void a_url_that_is_cut_anywhere_ends_in_an_answer(void **state)
{
	static const char whole[] = "rediss://ann:p%40ss@[2001:db8::1]:6380/12";
	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		char text[sizeof(whole)];
		memcpy(text, whole, len);
		text[len] = 0;
		redis_url_parse(text, &url, why, sizeof(why));
	}
	assert_int_equal(url.db, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_host_means_port_6379_and_database_0),
		cmocka_unit_test(every_part_is_read),
		cmocka_unit_test(a_password_needs_no_user_and_a_user_no_password),
		cmocka_unit_test(an_ipv6_address_stands_in_brackets_and_is_shown_so),
		cmocka_unit_test(a_unix_socket_has_a_path_and_parameters),
		cmocka_unit_test(what_is_shown_never_holds_user_or_password),
		cmocka_unit_test(a_refusal_says_what_and_where),
		cmocka_unit_test(brackets_hold_an_ipv6_address_and_are_closed),
		cmocka_unit_test(percent_signs_are_decoded_strictly),
		cmocka_unit_test(a_password_that_was_not_encoded_is_not_repeated),
		cmocka_unit_test(unix_refusals_say_what_and_where),
		cmocka_unit_test(what_is_too_long_is_refused_and_not_cut),
		cmocka_unit_test(a_url_that_is_cut_anywhere_ends_in_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
