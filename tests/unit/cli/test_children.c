/* test_children.c - processes that are kept alive; the children here are small shell commands. */
#include "cli/children.h"

#include "cli_test.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/private_redis.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct children all;
static struct text lines;
static unsigned ends;
static int last_status;
static unsigned last_wait_ms;

static void take_line(void *arg, struct child *c, const char *line)
{
	(void)arg;
	text_printf(&lines, "%s: %s\n", c->name, line);
}

static void take_end(void *arg, struct child *c, int status, unsigned wait_ms)
{
	(void)arg;
	(void)c;
	ends++;
	last_status = status;
	last_wait_ms = wait_ms;
}

static int set_up(void **state)
{
	(void)state;
	all = (struct children){ .line = take_line, .ended = take_end };
	ends = 0;
	return 0;
}

static void tend_until(unsigned wanted_ends, const char *wanted_line)
{
	for (uint64_t until = clock_ns() + 10 * NS_PER_S; clock_ns() < until;) {
		struct pollfd fds[CHILDREN_MAX];
		children_tend(&all);
		if (ends >= wanted_ends && (!wanted_line || (lines.data && strstr(lines.data, wanted_line))))
			return;
		poll(fds, children_poll(&all, fds), 20);
	}
	fail_msg("%u ends, lines: %s", ends, lines.data ? lines.data : "");
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < all.count; i++)
		child_end(all.item[i], SIGKILL);
	for (unsigned i = 0; i < all.count; i++)
		while (!child_is_gone(all.item[i]))
			children_tend(&all);
	children_free(&all);
	text_free(&lines);
	return 0;
}

static struct child *shell(const char *command)
{
	struct child *c = children_add(&all, "it", "/bin/sh");
	assert_non_null(c);
	assert_true(child_arg(c, "-c") && child_arg(c, command));
	assert_int_equal(child_start(c), 0);
	return c;
}

static void waits_double_to_five_seconds_and_begin_anew_after_a_steady_run(void **state)
{
	(void)state;
	struct backoff b = { .seed = 7 };
	unsigned wait_ms = child_wait_ms(&b, 0);
	assert_in_range(wait_ms, 25, 50);
	for (int i = 0; i < 20; i++)
		wait_ms = child_wait_ms(&b, CHILD_STEADY_MS - 1);
	assert_in_range(wait_ms, 2500, 5000);
	assert_in_range(child_wait_ms(&b, CHILD_STEADY_MS), 25, 50);
}

static void a_child_that_dies_is_started_again(void **state)
{
	(void)state;
	struct child *c = shell("echo hello; exit 3");
	tend_until(2, "it: hello\nit: hello\n");
	assert_true(c->starts >= 2);
	assert_true(WIFEXITED(last_status) && WEXITSTATUS(last_status) == 3);
	assert_true(last_wait_ms > 0);
}

static void a_child_that_is_killed_is_started_again(void **state)
{
	(void)state;
	struct child *c = shell("echo up; exec sleep 100");
	tend_until(0, "it: up\n");
	const pid_t before = c->pid;
	kill(before, SIGKILL);
	tend_until(1, "it: up\nit: up\n");
	assert_int_not_equal(c->pid, before);
	assert_int_equal(c->state, CHILD_RUNNING);
}

static void a_child_that_was_ended_stays_ended(void **state)
{
	(void)state;
	struct child *c = shell("echo up; exec sleep 100");
	tend_until(0, "it: up\n");
	child_end(c, SIGTERM);
	tend_until(1, NULL);
	assert_true(child_is_gone(c));
	assert_int_equal(last_wait_ms, 0);
	children_tend(&all);
	assert_int_equal(c->starts, 1);
}

static void one_that_waits_for_its_next_start_ends_without_one(void **state)
{
	(void)state;
	struct child *c = shell("exit 1");
	tend_until(1, NULL);
	if (c->state == CHILD_WAITING) {
		child_end(c, SIGTERM);
		assert_true(child_is_gone(c));
	}
}

static void a_program_that_is_not_there_ends_and_says_why(void **state)
{
	(void)state;
	struct child *c = children_add(&all, "it", "/nonexistent/program");
	assert_int_equal(child_start(c), 0);
	tend_until(1, "it: cannot run /nonexistent/program: No such file or directory\n");
}

static void it_reads_what_it_was_given_and_has_no_signal_blocked(void **state)
{
	(void)state;
	sigset_t block, before;
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &before);
	struct child *c = children_add(&all, "it", "/bin/sh");
	assert_true(child_arg(c, "-c") && child_arg(c, "cat; grep SigBlk /proc/self/status; exec sleep 100"));
	c->input = strdup("a line\n");
	assert_int_equal(child_start(c), 0);
	tend_until(0, "SigBlk:\t0000000000000000");
	assert_contains(lines.data, "it: a line\n");
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void a_line_longer_than_the_room_is_cut_and_the_next_one_is_whole(void **state)
{
	(void)state;
	shell("head -c 5000 /dev/zero | tr '\\0' x; echo; echo next; exec sleep 100");
	tend_until(0, "it: next\n");
	assert_true(lines.len < 2200);
}

static void the_level_of_a_line_is_read_and_a_crash_counts_as_a_warning(void **state)
{
	(void)state;
	assert_int_equal(child_line_level("ts=2026-11-25T14:00:00.000Z level=info msg=ready"), LOG_LEVEL_INFO);
	assert_int_equal(child_line_level("ts=2026-11-25T14:00:00.000Z level=warn msg=level=info x"), LOG_LEVEL_WARN);
	assert_int_equal(child_line_level("ts=2026-11-25T14:00:00.000Z level=error msg=x"), LOG_LEVEL_ERROR);
	assert_int_equal(child_line_level("wire/job.c:12: must(x): broken"), LOG_LEVEL_WARN);
}

static void how_it_ended_is_said_in_words(void **state)
{
	(void)state;
	char text[96];
	child_status_text(SIGKILL, text, sizeof text);
	assert_string_equal(text, "was killed by signal 9 (Killed)");
	child_status_text(3 << 8, text, sizeof text);
	assert_string_equal(text, "ended with status 3");
}

/* ---- the private Redis ---- */

static void the_private_redis_has_no_port_and_its_paths_are_quoted(void **state)
{
	(void)state;
	struct private_redis r;
	struct text config = { 0 };
	char why[300];
	assert_true(private_redis_find(&r, "/tmp/a \"b\"", why, sizeof why));
	private_redis_config(&config, &r);
	assert_contains(config.data, "port 0\n");
	assert_contains(config.data, "unixsocketperm 700\n");
	assert_contains(config.data, "maxmemory-policy noeviction\n");
	assert_contains(config.data, "appendfsync everysec\n");
	assert_contains(config.data, "unixsocket \"/tmp/a \\\"b\\\"/redis.sock\"\n");
	text_free(&config);
}

static void the_state_folder_is_what_was_said_or_the_user_s_own(void **state)
{
	(void)state;
	struct private_redis r;
	char why[300], long_path[200];
	setenv("HOME", "/home/somebody", 1);
	unsetenv("XDG_STATE_HOME");
	assert_true(private_redis_find(&r, NULL, why, sizeof why));
	assert_string_equal(r.folder, "/home/somebody/.local/state/portwatch");
	setenv("XDG_STATE_HOME", "/var/state", 1);
	assert_true(private_redis_find(&r, NULL, why, sizeof why));
	assert_string_equal(r.url.path, "/var/state/portwatch/redis.sock");
	memset(long_path, 'x', sizeof long_path);
	long_path[0] = '/';
	long_path[sizeof long_path - 1] = 0;
	assert_false(private_redis_find(&r, long_path, why, sizeof why));
	assert_contains(why, "107 bytes");
}

static void a_state_folder_belongs_to_one_at_a_time(void **state)
{
	(void)state;
	struct private_redis one, two;
	char folder[] = "/tmp/test_children.XXXXXX", path[64], why[600];
	assert_non_null(mkdtemp(folder));
	assert_true(private_redis_find(&one, folder, why, sizeof why) &&
		    private_redis_find(&two, folder, why, sizeof why));
	assert_true(private_redis_take(&one, why, sizeof why));
	assert_false(private_redis_take(&two, why, sizeof why));
	assert_contains(why, "another portwatch up");
	private_redis_leave(&one);
	assert_true(private_redis_take(&two, why, sizeof why));
	private_redis_leave(&two);
	snprintf(path, sizeof path, "%s/lock", folder);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_to_five_seconds_and_begin_anew_after_a_steady_run),
		cmocka_unit_test_setup_teardown(a_child_that_dies_is_started_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_child_that_is_killed_is_started_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_child_that_was_ended_stays_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_waits_for_its_next_start_ends_without_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_program_that_is_not_there_ends_and_says_why, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_reads_what_it_was_given_and_has_no_signal_blocked, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_line_longer_than_the_room_is_cut_and_the_next_one_is_whole, set_up,
						tear_down),
		cmocka_unit_test(the_level_of_a_line_is_read_and_a_crash_counts_as_a_warning),
		cmocka_unit_test(how_it_ended_is_said_in_words),
		cmocka_unit_test(the_private_redis_has_no_port_and_its_paths_are_quoted),
		cmocka_unit_test(the_state_folder_is_what_was_said_or_the_user_s_own),
		cmocka_unit_test(a_state_folder_belongs_to_one_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
