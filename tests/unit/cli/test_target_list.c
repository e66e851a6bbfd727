/* test_target_list.c - lines of targets and of jobs: what counts, and where a complaint points. */
#include "cli/target_list.h"

#include "cli_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct target_list list;
static char path[64];
static int fd;

static int set_up(void **state)
{
	(void)state;
	list = (struct target_list){ 0 };
	fd = memfd_create("targets", 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	target_list_free(&list);
	close(fd);
	return 0;
}

static void read_bytes(const char *bytes, size_t len)
{
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	target_list_read(&list, path);
}

static void read_text(const char *text)
{
	read_bytes(text, strlen(text));
}

static void is(size_t i, const char *monitor, const char *text)
{
	assert_true(i < list.count);
	assert_string_equal(target_text(&list, &list.items[i]), text);
	assert_string_equal(target_monitor(&list, &list.items[i]), monitor);
	assert_int_equal(list.items[i].monitor_len, strlen(monitor));
}

/* Exactly one complaint, which is this. */
static void complains(const char *what)
{
	char expected[512];
	assert_int_equal(list.bad, 1);
	assert_int_equal(list.count, 0);
	snprintf(expected, sizeof expected, "  %s%s\n", path, what);
	assert_string_equal(list.complaints.data, expected);
}

static void blanks_comments_and_line_ends_count_for_nothing(void **state)
{
	(void)state;
	read_text("\xef\xbb\xbf# a list\n\n   \n 192.0.2.1:1  # the first\r\n\t[::1]:2\n#x:9\nhost:3#not a comment\n");
	assert_int_equal(list.count, 2);
	is(0, "192.0.2.1:1", "192.0.2.1:1");
	is(1, "[::1]:2", "[::1]:2");
	assert_int_equal(list.bad, 1);
	assert_contains(list.complaints.data, ":7: more than one TARGET");
}

static void the_last_line_needs_no_end(void **state)
{
	(void)state;
	read_text("192.0.2.1:1\n192.0.2.2:2");
	assert_int_equal(list.count, 2);
	is(1, "192.0.2.2:2", "192.0.2.2:2");
}

static void a_complaint_names_file_and_line(void **state)
{
	(void)state;
	read_text("\n\nh:99999\n");
	complains(":3: the port \"99999\" is not a number of 1 to 65535");
}

static void two_words_are_one_too_many_where_only_targets_stand(void **state)
{
	(void)state;
	read_text("web 192.0.2.1:1\n");
	complains(":1: more than one TARGET stands in this line");
}

static void a_job_line_is_a_target_or_a_monitor_and_a_target(void **state)
{
	(void)state;
	list.monitored = true;
	read_text("web 192.0.2.1:80\n192.0.2.2:81\n\tdb/1\t[::1]:5432\t# main\n");
	assert_int_equal(list.bad, 0);
	assert_int_equal(list.count, 3);
	is(0, "web", "192.0.2.1:80");
	is(1, "192.0.2.2:81", "192.0.2.2:81");
	is(2, "db/1", "[::1]:5432");
}

static void a_prefix_stands_before_every_monitor(void **state)
{
	(void)state;
	list.monitored = true;
	list.monitor_prefix = "adhoc/";
	read_text("web 192.0.2.1:80\n192.0.2.2:81\n");
	is(0, "adhoc/web", "192.0.2.1:80");
	is(1, "adhoc/192.0.2.2:81", "192.0.2.2:81");
}

static void three_words_are_no_job_line(void **state)
{
	(void)state;
	list.monitored = true;
	read_text("web 192.0.2.1:80 fast\n");
	complains(":1: more than MONITOR TARGET stands in this line");
}

static void a_monitor_name_is_short_and_clean(void **state)
{
	(void)state;
	list.monitored = true;
	read_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 192.0.2.1:80\n"
		  "a\033b 192.0.2.1:80\n"
		  "caf\xe9 192.0.2.1:80\n"
		  "caf\xc3\xa9\"\\ 192.0.2.1:80\n");
	assert_int_equal(list.bad, 3);
	assert_int_equal(list.count, 1);
	assert_contains(list.complaints.data, ":1: the monitor name");
	assert_contains(list.complaints.data, "longer than 64 bytes");
	assert_contains(list.complaints.data, ":2: the monitor name \"a\\u001bb\"");
	assert_contains(list.complaints.data, ":3: the monitor name");
	is(0, "caf\xc3\xa9\"\\", "192.0.2.1:80");
}

static void json_is_refused_by_its_name(void **state)
{
	(void)state;
	list.monitored = true;
	read_text("{\"monitor\":\"m\"}\n");
	assert_int_equal(list.bad, 1);
	assert_contains(list.complaints.data, "JSON is not read here");
}

static void a_file_that_is_no_list_of_lines_ends_the_reading(void **state)
{
	char *bytes = malloc(1 << 20);
	(void)state;
	memset(bytes, 0, 1 << 20);
	read_bytes(bytes, 1 << 20);
	free(bytes);
	complains(": there is a line of more than 1024 bytes: this is not a list of targets");
}

static void a_zero_byte_does_not_end_a_line_early(void **state)
{
	(void)state;
	read_bytes("192.0.2.1:1\0x\n", 14);
	assert_int_equal(list.count, 0);
	assert_int_equal(list.bad, 1);
}

static void complaints_fill_a_screen_and_are_then_counted_only(void **state)
{
	struct text text = { 0 };
	unsigned lines = 0;
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		text_add(&text, "nothing\n");
	read_bytes(text.data, text.len);
	text_free(&text);
	assert_int_equal(list.bad, 1000);
	for (const char *at = list.complaints.data; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, COMPLAINTS_MAX);
}

static void a_missing_file_and_a_folder_are_no_bad_targets(void **state)
{
	(void)state;
	target_list_read(&list, "/nonexistent/list");
	target_list_read(&list, "/");
	assert_int_equal(list.bad, 0);
	assert_int_equal(list.unread, 2);
	assert_string_equal(list.unread_files.data, "/nonexistent/list: No such file or directory\n/: Is a directory\n");
}

static void ten_thousand_targets_keep_their_texts(void **state)
{
	struct text text = { 0 };
	char expected[32];
	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		text_printf(&text, "10.0.%u.%u:%u\n", i / 256, i % 256, i + 1);
	read_bytes(text.data, text.len);
	text_free(&text);
	assert_int_equal(list.count, 10000);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(expected, sizeof expected, "10.0.%u.%u:%u", i / 256, i % 256, i + 1);
		is(i, expected, expected);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(blanks_comments_and_line_ends_count_for_nothing),
		TEST(the_last_line_needs_no_end),
		TEST(a_complaint_names_file_and_line),
		TEST(two_words_are_one_too_many_where_only_targets_stand),
		TEST(a_job_line_is_a_target_or_a_monitor_and_a_target),
		TEST(a_prefix_stands_before_every_monitor),
		TEST(three_words_are_no_job_line),
		TEST(a_monitor_name_is_short_and_clean),
		TEST(json_is_refused_by_its_name),
		TEST(a_file_that_is_no_list_of_lines_ends_the_reading),
		TEST(a_zero_byte_does_not_end_a_line_early),
		TEST(complaints_fill_a_screen_and_are_then_counted_only),
		TEST(a_missing_file_and_a_folder_are_no_bad_targets),
		TEST(ten_thousand_targets_keep_their_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
