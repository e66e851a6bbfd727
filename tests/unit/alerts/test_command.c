/* test_command.c - a child is started, fed, heard, and never outlasts its limit. */
#include "notice.h"

#include "alerts/command.h"
#include "base/clock.h"
#include <signal.h>
#include <unistd.h>

static char said[200];

static int run(const char *script, const char *input, size_t input_len, unsigned limit_ms)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL }, *env[] = { "PORTWATCH_X=7 8", NULL };
	return command_run(
		&(struct command){
			.argv = argv, .env = env, .input = input, .input_len = input_len, .limit_ms = limit_ms },
		said, sizeof(said));
}

static void the_exit_status_and_the_first_line_are_told(void **state)
{
	(void)state;
	assert_int_equal(run("exit 0", "", 0, 5000), 0);
	assert_string_equal(said, "exit 0");
	assert_int_equal(run("echo one; echo two >&2; exit 75", "", 0, 5000), 75);
	assert_string_equal(said, "exit 75: one");
	assert_int_equal(run("kill -9 $$", "", 0, 5000), -1);
	assert_string_equal(said, "ended by signal 9");
}

static void it_gets_the_input_and_the_environment(void **state)
{
	static char big[300000];
	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(run("wc -c | tr -d ' '", big, sizeof(big), 5000), 0);
	assert_string_equal(said, "exit 0: 300000");
	assert_int_equal(run("echo $PORTWATCH_X; cat >&2", "", 0, 5000), 0);
	assert_string_equal(said, "exit 0: 7 8");
}

static void it_need_not_read_what_it_is_given(void **state)
{
	static char big[300000];
	(void)state;
	assert_int_equal(run("exec 0<&-; exit 3", big, sizeof(big), 5000), 3);
}

static void what_cannot_be_started_is_said(void **state)
{
	char *argv[] = { "/nowhere/to/be/found", NULL };
	(void)state;
	assert_int_equal(command_run(&(struct command){ .argv = argv, .limit_ms = 1000 }, said, sizeof(said)), -1);
	assert_string_equal(said, "/nowhere/to/be/found cannot be started: No such file or directory");
}

static void at_its_limit_it_is_ended_with_its_children(void **state)
{
	char pid[20] = "";
	(void)state;
	assert_int_equal(run("sleep 60 & echo $!; wait", "", 0, 100), -1);
	assert_non_null(strstr(said, "ended after its limit of 100 ms: "));
	snprintf(pid, sizeof(pid), "%.19s", strrchr(said, ' ') + 1);
	uint64_t end_ns = clock_ns() + 5 * NS_PER_S;
	while (kill(atoi(pid), 0) == 0 && clock_ns() < end_ns) { /* it may stay a zombie until init has looked */
		char path[64], line[200] = "";
		snprintf(path, sizeof(path), "/proc/%.19s/stat", pid);
		FILE *f = fopen(path, "r");
		bool zombie = f && fgets(line, sizeof(line), f) && strstr(line, ") Z");
		if (f)
			fclose(f);
		if (!f || zombie)
			return;
		usleep(1000);
	}
	assert_true(kill(atoi(pid), 0) != 0);
}

static void what_it_leaves_running_holds_up_nobody(void **state)
{
	uint64_t start_ns = clock_ns();
	(void)state;
	assert_int_equal(run("sleep 3 & exit 0", "", 0, 60000), 0); /* which holds its output open */
	assert_true(clock_ns() - start_ns < 2 * NS_PER_S);
}

static void the_stop_flag_is_a_limit_of_now(void **state)
{
	static const atomic_bool stop = true;
	char *argv[] = { "sleep", "60", NULL };
	(void)state;
	assert_int_equal(
		command_run(&(struct command){ .argv = argv, .limit_ms = 60000, .stop = &stop }, said, sizeof(said)),
		-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exit_status_and_the_first_line_are_told),
		cmocka_unit_test(it_gets_the_input_and_the_environment),
		cmocka_unit_test(it_need_not_read_what_it_is_given),
		cmocka_unit_test(what_cannot_be_started_is_said),
		cmocka_unit_test(at_its_limit_it_is_ended_with_its_children),
		cmocka_unit_test(what_it_leaves_running_holds_up_nobody),
		cmocka_unit_test(the_stop_flag_is_a_limit_of_now),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
