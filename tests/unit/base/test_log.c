/* test_log.c - mirrors base/log.c. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/log.h"

#include "base/must.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAPTURE_BYTES = 1 << 20 };

static char captured[CAPTURE_BYTES];
static size_t captured_len;
static int real_stderr = -1;

static void capture(void)
{
	const int fd = memfd_create("stderr", MFD_CLOEXEC);
	must(fd >= 0);
	real_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* Gives stderr back; what was written to it stands in captured. */
static const char *release(void)
{
	const ssize_t got = pread(STDERR_FILENO, captured, sizeof captured - 1, 0);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	captured_len = got > 0 ? (size_t)got : 0;
	captured[captured_len] = 0;
	return captured;
}

/* What follows the time stamp, so that lines can be compared. */
static const char *after_time(const char *line)
{
	const char *level = strstr(line, "level");
	assert_non_null(level);
	return level;
}

static int back_to_default(void **state)
{
	(void)state;
	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
	return 0;
}

static void a_plain_event_is_plain_logfmt(void **state)
{
	(void)state;
	capture();
	log_info("ready", LOG_S("connector", "io_uring"), LOG_U("lanes", 2));
	assert_string_equal(after_time(release()), "level=info msg=ready connector=io_uring lanes=2\n");
}

static void the_time_is_now_in_utc_with_milliseconds(void **state)
{
	(void)state;
	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	const time_t before = time(NULL);
	capture();
	log_info("tick");
	const char *line = release();
	unsigned ms;
	int end = 0;
	struct tm tm = { 0 };
	assert_int_equal(sscanf(line, "ts=%d-%d-%dT%d:%d:%d.%3uZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
				&tm.tm_min, &tm.tm_sec, &ms, &end), 7);
	assert_int_equal(end, 27);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	const time_t said = timegm(&tm);
	assert_true(said >= before - 1 && said <= before + 5);
	unsetenv("TZ");
	tzset();
}

static void logfmt_quotes_what_a_reader_would_misread(void **state)
{
	(void)state;
	capture();
	log_info("lost link", LOG_S("a", ""), LOG_S("b", "x=y"), LOG_S("c", "say \"hi\""), LOG_S("d", "two\nlines\x1b[2J"),
		 LOG_S("e", "plain-1.2:3/[x]"), LOG_S("f", NULL), LOG_S("g", "\xff"), LOG_S("h", "a\\b"));
	assert_string_equal(after_time(release()),
			    "level=info msg=\"lost link\" a=\"\" b=\"x=y\" c=\"say \\\"hi\\\"\" d=\"two\\nlines\\u001b[2J\""
			    " e=plain-1.2:3/[x] f=\"\" g=\"\xef\xbf\xbd\" h=\"a\\\\b\"\n");
}

static void json_has_the_same_keys_and_strings_in_quotes(void **state)
{
	(void)state;
	log_setup(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
	capture();
	log_debug("taken", LOG_S("entry", "1-0"), LOG_U("jobs", 64), LOG_U("late", -3), LOG_S("host", "\"\n\x01"));
	const char *line = release();
	assert_memory_equal(line, "{\"ts\":\"2", 8);
	assert_string_equal(strstr(line, ",\"level\""), ",\"level\":\"debug\",\"msg\":\"taken\",\"entry\":\"1-0\",\"jobs\":64,"
							"\"late\":-3,\"host\":\"\\\"\\n\\u0001\"}\n");
}

static void events_above_the_level_are_not_written(void **state)
{
	(void)state;
	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN);
	capture();
	log_debug("no");
	log_info("no");
	log_warnx("yes");
	log_errorx("yes");
	const char *lines = release();
	assert_null(strstr(lines, "msg=no"));
	assert_non_null(strstr(lines, "level=warn msg=yes\n"));
	assert_non_null(strstr(lines, "level=error msg=yes\n"));
}

static void the_errno_is_named_by_warn_and_kept_by_all(void **state)
{
	(void)state;
	capture();
	errno = ECONNREFUSED;
	log_warn("redis is away");
	assert_int_equal(errno, ECONNREFUSED);
	log_warnx("no errno");
	assert_int_equal(errno, ECONNREFUSED);
	close(STDERR_FILENO); /* even when the write fails */
	log_error("nobody reads this");
	assert_int_equal(errno, ECONNREFUSED);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);

	capture();
	errno = ECONNREFUSED;
	log_warn("redis is away", LOG_U("tries", 1));
	log_warnx("no errno");
	const char *lines = release();
	assert_non_null(strstr(lines, "level=warn msg=\"redis is away\" tries=1 err=\"Connection refused\"\n"));
	assert_non_null(strstr(lines, "level=warn msg=\"no errno\"\n"));
}

/* One line with one long value; format decides what its end must look like. */
static void check_cut(enum log_format format, const char *value, const char *end)
{
	log_setup(format, LOG_LEVEL_INFO);
	capture();
	log_info("long", LOG_S("value", value), LOG_S("lost", "x"), LOG_U("number", 5));
	release();
	assert_true(captured_len <= 4096);
	assert_true(captured_len > 4000);
	assert_int_equal(captured[captured_len - 1], '\n');
	assert_ptr_equal(strchr(captured, '\n'), captured + captured_len - 1);
	assert_string_equal(captured + captured_len - strlen(end), end);
	assert_null(strstr(captured, "lost"));
}

static void a_line_over_4096_bytes_is_cut_with_a_mark_and_stays_well_formed(void **state)
{
	(void)state;
	static char plain[9000], quoted[9000];
	memset(plain, 'a', sizeof plain - 1);
	memset(quoted, '\n', sizeof quoted - 1);
	check_cut(LOG_FORMAT_LOGFMT, plain, "aaa cut=true\n");
	check_cut(LOG_FORMAT_LOGFMT, quoted, "\\n\\n\" cut=true\n");
	check_cut(LOG_FORMAT_JSON, plain, "aaa\",\"cut\":true}\n");
	check_cut(LOG_FORMAT_JSON, quoted, "\\n\\n\",\"cut\":true}\n");
}

static void a_line_of_any_length_is_never_over_4096_bytes(void **state)
{
	(void)state;
	static char value[4200];
	log_setup(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	for (size_t len = 3900; len < sizeof value - 1; len++) {
		memset(value, 'a', len);
		value[len] = 0;
		capture();
		log_info("edge", LOG_S("v", value), LOG_U("n", 123456789));
		release();
		assert_true(captured_len <= 4096);
		assert_string_equal(captured + captured_len - 2, "}\n");
		const bool whole = strstr(captured, "\"n\":123456789}");
		const bool marked = strstr(captured, "\"cut\":true}");
		assert_true(whole != marked);
	}
}

static void *write_many(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("from a thread", LOG_S("who", arg), LOG_S("pad", "0123456789012345678901234567890123456789"));
	return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
	(void)state;
	pthread_t thread[4];
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	real_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		pthread_create(&thread[i], NULL, write_many, (void *)(i & 1 ? "one" : "two"));
	const int lines = 500 * (int)ARRAY_LEN(thread);
	int seen = 0;
	FILE *from = fdopen(ends[0], "r");
	char line[4200];
	while (seen < lines && fgets(line, sizeof line, from)) {
		assert_memory_equal(line, "ts=", 3);
		assert_string_equal(strstr(line, " pad="), " pad=0123456789012345678901234567890123456789\n");
		seen++;
	}
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		pthread_join(thread[i], NULL);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(from);
	assert_int_equal(seen, lines);
}

static void a_limit_lets_through_so_many_a_second_and_counts_the_rest(void **state)
{
	(void)state;
	struct log_limit limit = { 0 };
	unsigned missed, allowed = 0, swallowed = 0;
	const int rounds = 1000;
	for (int i = 0; i < rounds; i++)
		if (log_allowed(&limit, 3, &missed)) {
			allowed++;
			swallowed += missed;
		}
	assert_true(allowed >= 3 && allowed <= 6); /* a second may turn in between */
	assert_int_equal(allowed + swallowed + limit.missed, rounds);

	const unsigned before = limit.missed;
	limit.second--; /* as if a second had passed */
	assert_true(log_allowed(&limit, 3, &missed));
	assert_int_equal(missed, before);
	assert_int_equal(limit.missed, 0);
}

static void a_limit_of_zero_counts_as_one(void **state)
{
	(void)state;
	struct log_limit limit = { 0 };
	unsigned missed;
	assert_true(log_allowed(&limit, 0, &missed));
	assert_int_equal(missed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_event_is_plain_logfmt),
		cmocka_unit_test(the_time_is_now_in_utc_with_milliseconds),
		cmocka_unit_test(logfmt_quotes_what_a_reader_would_misread),
		cmocka_unit_test_teardown(json_has_the_same_keys_and_strings_in_quotes, back_to_default),
		cmocka_unit_test_teardown(events_above_the_level_are_not_written, back_to_default),
		cmocka_unit_test(the_errno_is_named_by_warn_and_kept_by_all),
		cmocka_unit_test_teardown(a_line_over_4096_bytes_is_cut_with_a_mark_and_stays_well_formed, back_to_default),
		cmocka_unit_test_teardown(a_line_of_any_length_is_never_over_4096_bytes, back_to_default),
		cmocka_unit_test(lines_of_several_threads_do_not_mix),
		cmocka_unit_test(a_limit_lets_through_so_many_a_second_and_counts_the_rest),
		cmocka_unit_test(a_limit_of_zero_counts_as_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
