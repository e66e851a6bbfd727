/* test_redis_trouble.c - every error text we know, and that nothing else is taken for one of them.  The texts are
 * those of Redis 7.0 (and 5.0 where that says so). */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_trouble.h"

#include "base/must.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	enum redis_trouble trouble;
} known[] = {
	{ "NOGROUP No such key 'pw:{eu.0}:jobs' or consumer group 'engine' in XREADGROUP with GROUP option",
	  TROUBLE_GROUP_LOST },
	{ "UNBLOCKED the stream key no longer exists", TROUBLE_GROUP_LOST },
	{ "UNBLOCKED client unblocked via CLIENT UNBLOCK", TROUBLE_GROUP_LOST },
	{ "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
	  TROUBLE_NOT_MASTER },
	{ "LOADING Redis is loading the dataset in memory", TROUBLE_STARTING },
	{ "READONLY You can't write against a read only replica.", TROUBLE_NOT_MASTER },
	{ "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", TROUBLE_NOT_MASTER },
	{ "OOM command not allowed when used memory > 'maxmemory'.", TROUBLE_FULL },
	{ "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
	  TROUBLE_FULL },
	{ "EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.",
	  TROUBLE_NOT_MASTER },
	{ "EXECABORT Transaction discarded because of previous errors.", TROUBLE_HOLD },
	{ "NOREPLICAS Not enough good replicas to write.", TROUBLE_HOLD },
	{ "CLUSTERDOWN Hash slot not served", TROUBLE_HOLD },
	{ "TRYAGAIN Multiple keys request during rehashing of slot", TROUBLE_HOLD },
	{ "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", TROUBLE_HOLD },
	{ "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
	  TROUBLE_HOLD },
	{ "ERR max number of clients reached", TROUBLE_HOLD },
	{ "MOVED 3999 127.0.0.1:6381", TROUBLE_MOVED },
	{ "ASK 3999 127.0.0.1:6381", TROUBLE_MOVED },
	{ "CROSSSLOT Keys in request don't hash to the same slot", TROUBLE_MOVED },
	{ "NOPERM this user has no permissions to run the 'xadd' command", TROUBLE_FORBIDDEN },
	{ "WRONGPASS invalid username-password pair or user is disabled.", TROUBLE_FORBIDDEN },
	{ "NOAUTH Authentication required.", TROUBLE_FORBIDDEN },
	{ "DENIED Redis is running in protected mode because ...", TROUBLE_FORBIDDEN },
	{ "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
	  "configuration is correct?",
	  TROUBLE_FORBIDDEN },
	{ "ERR invalid password", TROUBLE_FORBIDDEN },
	{ "ERR Client sent AUTH, but no password is set", TROUBLE_FORBIDDEN },
	{ "ERR DB index is out of range", TROUBLE_FORBIDDEN },
	{ "ERR SELECT is not allowed in cluster mode", TROUBLE_FORBIDDEN },
	{ "BUSYGROUP Consumer Group name already exists", TROUBLE_EXISTS },
	{ "WRONGTYPE Operation against a key holding the wrong kind of value", TROUBLE_OTHER },
	{ "ERR The ID specified in XADD is equal or smaller than the target stream top item", TROUBLE_OTHER },
	{ "ERR unknown command 'XADD'", TROUBLE_OTHER },
	{ "", TROUBLE_OTHER },
};

static void every_known_text_has_its_reaction(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(known); i++)
		if (redis_trouble_of(known[i].text) != known[i].trouble)
			fail_msg("%s: got %s", known[i].text, redis_trouble_row(redis_trouble_of(known[i].text))->name);
}

static void a_code_counts_only_whole_and_at_the_beginning(void **state)
{
	static const char *const near[] = { "OOMS", "OOM", "OO", "oom x", " OOM x", "ERR no such key 'OOM '", "LOADINGX y",
					    "BUSYX y", "ERR ", "EXECABOR", "MOVE 1" };
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(near); i++)
		if (redis_trouble_of(near[i]) != TROUBLE_OTHER)
			fail_msg("%s was taken for %s", near[i], redis_trouble_row(redis_trouble_of(near[i]))->name);
}

static void every_trouble_has_a_name_of_its_own_and_a_reaction(void **state)
{
	(void)state;
	for (int t = 0; t < TROUBLES; t++) {
		assert_true(strlen(redis_trouble_row(t)->name) > 0);
		assert_true(strlen(redis_trouble_row(t)->reaction) > 0);
		for (int u = 0; u < t; u++)
			assert_string_not_equal(redis_trouble_row(t)->name, redis_trouble_row(u)->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_text_has_its_reaction),
		cmocka_unit_test(a_code_counts_only_whole_and_at_the_beginning),
		cmocka_unit_test(every_trouble_has_a_name_of_its_own_and_a_reaction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
