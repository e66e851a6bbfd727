/* test_name_cache.c - what is believed of a name, and for how long, over a clock that the test holds. */
#include "engine/name_cache.h"

#include "base/must.h"

#include "loopback.h"

#define NOW 1000000000ull

static struct name_cache *cache;

static int open_cache(void **state)
{
	(void)state;
	cache = name_cache_new();
	return cache ? 0 : -1;
}

static int close_cache(void **state)
{
	(void)state;
	name_cache_free(cache);
	return 0;
}

static struct name_entry *use(const char *name, uint64_t now)
{
	struct name_entry *e = name_cache_use(cache, name, strlen(name), now);
	assert_non_null(e);
	return e;
}

/* An answer of IPv4 addresses 192.0.2.x, x given by the letters' place. */
static struct dns_answer answer(enum dns_outcome outcome, uint32_t ttl_s, const char *last_bytes)
{
	struct dns_answer a = { .outcome = (uint8_t)outcome, .ttl_s = ttl_s };
	for (; *last_bytes; last_bytes++)
		memcpy(a.address[a.count++], (uint8_t[]){ 192, 0, 2, (uint8_t)*last_bytes }, 4);
	return a;
}

static bool tell(struct name_entry *e, struct dns_answer a, uint64_t now)
{
	return name_cache_answer(cache, e, DNS_A, &a, now);
}

static bool is_fresh(const struct name_entry *e, uint64_t now)
{
	return name_half_is_fresh(&e->half[DNS_A], now);
}

static void a_name_is_one_name_in_any_case(void **state)
{
	(void)state;
	assert_ptr_equal(use("Db.Example.NET", NOW), use("db.example.net", NOW));
	assert_ptr_not_equal(use("db.example.net", NOW), use("db.example.ne", NOW));
	assert_int_equal(name_cache_count(cache), 2);
}

static void a_ttl_is_kept_within_five_seconds_and_an_hour(void **state)
{
	static const struct {
		enum dns_outcome outcome;
		uint32_t ttl_s, kept_s;
	} cases[] = {
		{ DNS_ADDRESSES, 0, 5 }, { DNS_ADDRESSES, 4, 5 }, { DNS_ADDRESSES, 60, 60 }, { DNS_ADDRESSES, 3600, 3600 },
		{ DNS_ADDRESSES, 86400, 3600 }, { DNS_NO_NAME, 0, 5 }, { DNS_NO_NAME, 900, 900 }, { DNS_NO_DATA, 86400, 3600 },
		{ DNS_NO_NAME, UINT32_MAX, 60 }, { DNS_NO_DATA, UINT32_MAX, 60 },
	};
	struct name_entry *e = use("a", NOW);
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		tell(e, answer(cases[i].outcome, cases[i].ttl_s, cases[i].outcome == DNS_ADDRESSES ? "a" : ""), NOW);
		assert_true(is_fresh(e, NOW + cases[i].kept_s * MS_PER_S - 1));
		assert_false(is_fresh(e, NOW + cases[i].kept_s * MS_PER_S));
	}
}

static void an_old_answer_may_serve_for_an_hour_but_no_old_refusal(void **state)
{
	struct name_entry *e = use("a", NOW);
	(void)state;
	tell(e, answer(DNS_ADDRESSES, 60, "a"), NOW);
	assert_false(name_half_is_stale(&e->half[DNS_A], NOW + 59999));
	assert_true(name_half_is_stale(&e->half[DNS_A], NOW + 60000));
	assert_true(name_half_is_stale(&e->half[DNS_A], NOW + 3659999));
	assert_false(name_half_is_stale(&e->half[DNS_A], NOW + 3660000));
	tell(e, answer(DNS_NO_NAME, 60, ""), NOW);
	assert_false(name_half_is_stale(&e->half[DNS_A], NOW + 60000));
}

static void a_failure_is_believed_for_five_seconds_and_forgets_nothing(void **state)
{
	struct name_entry *e = use("a", NOW);
	(void)state;
	tell(e, answer(DNS_ADDRESSES, 60, "a"), NOW);
	assert_false(tell(e, answer(DNS_SERVFAIL, 0, ""), NOW + 50000));
	assert_true(is_fresh(e, NOW + 59999));
	assert_true(name_half_has_failed(&e->half[DNS_A], NOW + 54999));
	assert_false(name_half_has_failed(&e->half[DNS_A], NOW + 55000));
	assert_int_equal(e->half[DNS_A].failure, DNS_SERVFAIL);
	tell(e, answer(DNS_ADDRESSES, 60, "a"), NOW + 55000);
	assert_false(name_half_has_failed(&e->half[DNS_A], NOW + 55000));
}

static void only_another_set_of_addresses_is_a_change(void **state)
{
	struct name_entry *e = use("db.test", NOW);
	(void)state;
	assert_false(tell(e, answer(DNS_ADDRESSES, 60, "ab"), NOW));
	assert_false(tell(e, answer(DNS_ADDRESSES, 60, "ab"), NOW));
	assert_null(e->changed);
	assert_true(tell(e, answer(DNS_ADDRESSES, 60, "ac"), NOW));
	assert_string_equal(e->changed, "the IPv4 address of db.test changed from 192.0.2.97, 192.0.2.98 to 192.0.2.97, 192.0.2.99");
	assert_false(tell(e, answer(DNS_SERVFAIL, 0, ""), NOW));
	assert_true(tell(e, answer(DNS_NO_NAME, 60, ""), NOW));
	assert_string_equal(e->changed, "the IPv4 address of db.test changed from 192.0.2.97, 192.0.2.99 to none");
	assert_true(tell(e, answer(DNS_ADDRESSES, 60, "abcdefghij"), NOW));
	assert_non_null(strstr(e->changed, "from none to 192.0.2.97, 192.0.2.98, 192.0.2.99, 192.0.2.100 and 6 more"));
	assert_int_equal(e->half[DNS_A].changes, 3);
}

static void a_name_in_use_is_due_before_it_expires_and_one_that_rests_is_not(void **state)
{
	struct name_entry *busy = use("busy", NOW), *rests = use("rests", NOW);
	enum dns_type type = DNS_AAAA;
	(void)state;
	tell(busy, answer(DNS_ADDRESSES, 60, "a"), NOW);
	tell(rests, answer(DNS_ADDRESSES, 60, "a"), NOW);
	busy->half[DNS_A].used = true;
	assert_true(name_cache_next_ms(cache) >= NOW + 48000);
	assert_null(name_cache_due(cache, NOW + 47999, &type));
	assert_ptr_equal(name_cache_due(cache, NOW + 54001, &type), busy);
	assert_int_equal(type, DNS_A);
	assert_null(name_cache_due(cache, NOW + 59999, &type)); /* said once */
}

static void a_name_nobody_used_for_an_hour_is_forgotten_unless_somebody_waits(void **state)
{
	struct name_entry *waited = use("waited", NOW);
	enum dns_type type;
	(void)state;
	tell(use("a", NOW), answer(DNS_ADDRESSES, 60, "a"), NOW);
	tell(waited, answer(DNS_ADDRESSES, 60, "a"), NOW);
	waited->waiting = cache;
	assert_null(name_cache_due(cache, NOW + NAME_UNUSED_MS, &type));
	assert_int_equal(name_cache_count(cache), 1);
	waited->waiting = NULL;
	assert_null(name_cache_due(cache, NOW + NAME_UNUSED_MS + NAME_RETRY_MS, &type));
	assert_int_equal(name_cache_count(cache), 0);
	assert_int_equal(name_cache_next_ms(cache), UINT64_MAX);
}

static void of_too_many_names_those_longest_unused_go(void **state)
{
	char name[32];
	(void)state;
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		use(name, NOW + i);
	}
	use("n0", NOW + NAMES_MAX);
	use("one-more", NOW + NAMES_MAX);
	assert_int_equal(name_cache_count(cache), NAMES_MAX);
	assert_int_equal(use("n0", NOW + NAMES_MAX)->used_ms, NOW + NAMES_MAX);
	assert_int_equal(name_cache_count(cache), NAMES_MAX); /* n0 was there still; n1 went */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_cache, close_cache)
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_one_name_in_any_case),
		TEST(a_ttl_is_kept_within_five_seconds_and_an_hour),
		TEST(an_old_answer_may_serve_for_an_hour_but_no_old_refusal),
		TEST(a_failure_is_believed_for_five_seconds_and_forgets_nothing),
		TEST(only_another_set_of_addresses_is_a_change),
		TEST(a_name_in_use_is_due_before_it_expires_and_one_that_rests_is_not),
		TEST(a_name_nobody_used_for_an_hour_is_forgotten_unless_somebody_waits),
		TEST(of_too_many_names_those_longest_unused_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
