/* test_tail_printer.c - entries of result streams as rows, also entries that somebody made up. */
#include "cli/tail_printer.h"

#include "cli_test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static struct tail_printer printer;
static struct redis_reply *reply;
static int saved_stderr;

static int set_up(void **state)
{
	(void)state;
	printer = (struct tail_printer){ .format = OUTPUT_CSV };
	assert_true(row_columns_parse(&printer.columns, ROW_RESULT, "region,monitor,target,verdict,attempt", NULL, 0));
	saved_stderr = dup(STDERR_FILENO); /* complaints are expected and would stand between the lines of TAP */
	return freopen("/dev/null", "w", stderr) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	tail_printer_free(&printer);
	redis_reply_free(reply);
	reply = NULL;
	fflush(stderr);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	return 0;
}

static void add_bulk(struct text *t, const void *bytes, size_t len)
{
	text_printf(t, "$%zu\r\n", len);
	text_add_bytes(t, bytes, len);
	text_add(t, "\r\n");
}

static void add_word(struct text *t, const char *word)
{
	add_bulk(t, word, strlen(word));
}

static void give(void *arg, const struct stream_entry *entry)
{
	(void)arg;
	tail_printer_take(&printer, entry);
}

/* Gives the printer one entry, as the reply of XREAD that a socket would bring. */
static void take_entry_with(const char *v, const void *blob, size_t len)
{
	struct text t = { 0 };
	char why[200];
	text_add(&t, "*1\r\n*2\r\n");
	add_word(&t, "pw:{eu.0}:res");
	text_add(&t, "*1\r\n*2\r\n");
	add_word(&t, "1700000000000-0");
	text_add(&t, "*8\r\n");
	add_word(&t, "v");
	add_word(&t, v);
	add_word(&t, "region");
	add_word(&t, "eu");
	add_word(&t, "engine");
	add_word(&t, "e1");
	add_word(&t, "b");
	add_bulk(&t, blob, len);
	redis_reply_free(reply);
	reply = reply_parse(t.data, t.len, why, sizeof why);
	text_free(&t);
	assert_non_null(reply);
	assert_int_equal(stream_read_each(reply, give, NULL, why, sizeof why), 1);
}

/* Rows of two jobs, as an engine would publish them. */
static struct result_rows *two_rows(void)
{
	static const char blob[] = "web192.0.2.1db2001:db8::1";
	static const struct outcome open = { .verdict = VERDICT_OPEN, .rtt_us = 400, .wall_us = 500 };
	static const struct outcome closed = { .verdict = VERDICT_CLOSED, .error = ECONNREFUSED, .wall_us = 10 };
	struct job web = { .slot_ms = 1700000000000, .monitor_at = 0, .monitor_len = 3, .host_at = 3, .host_len = 9, .port = 80 };
	struct job db = { .slot_ms = 1700000000000, .monitor_at = 12, .monitor_len = 2, .host_at = 14, .host_len = 11,
			  .port = 5432, .attempt = 1 };
	job_set_literal(&web, "192.0.2.1", 9);
	job_set_literal(&db, "2001:db8::1", 11);
	struct result_rows *rows = result_rows_new();
	assert_non_null(rows);
	assert_int_equal(result_rows_add(rows, &web, blob, 0, &open), 0);
	assert_int_equal(result_rows_add(rows, &db, blob, 1, &closed), 0);
	return rows;
}

static void take_two_rows(const char *v)
{
	size_t len;
	struct result_rows *rows = two_rows();
	const void *blob = result_rows_bytes(rows, &len);
	take_entry_with(v, blob, len);
	result_rows_free(rows);
}

static void an_entry_becomes_a_row_for_each_job(void **state)
{
	(void)state;
	take_two_rows("1");
	assert_string_equal(printer.out.data, "eu,web,192.0.2.1:80,open,0\neu,db,[2001:db8::1]:5432,closed,1\n");
	assert_int_equal(printer.printed, 2);
}

static void only_the_chosen_monitor_is_printed(void **state)
{
	(void)state;
	printer.monitor = "db";
	take_two_rows("1");
	assert_string_equal(printer.out.data, "eu,db,[2001:db8::1]:5432,closed,1\n");
}

static void no_more_rows_come_than_were_asked_for(void **state)
{
	(void)state;
	printer.most = 3;
	take_two_rows("1");
	assert_false(tail_printer_has_enough(&printer));
	take_two_rows("1");
	assert_true(tail_printer_has_enough(&printer));
	take_two_rows("1");
	assert_int_equal(printer.printed, 3);
}

static void a_table_has_its_heading_once(void **state)
{
	(void)state;
	printer.format = OUTPUT_TABLE;
	tail_printer_init(&printer);
	take_two_rows("1");
	take_two_rows("1");
	assert_contains(printer.out.data, "REGION  MONITOR  TARGET");
	assert_null(strstr(printer.out.data + 1, "REGION"));
	assert_int_equal(printer.printed, 4);
}

static void entries_of_another_format_are_left_out(void **state)
{
	(void)state;
	take_two_rows("2");
	take_two_rows("");
	take_two_rows("x");
	assert_int_equal(printer.printed, 0);
}

static void made_up_bytes_are_left_out(void **state)
{
	static const char hostile[] = "\xdd\x0f\xff\xff\xff";
	size_t len;
	struct result_rows *rows = two_rows();
	const char *blob = result_rows_bytes(rows, &len);
	(void)state;
	take_entry_with("1", hostile, 5);
	take_entry_with("1", "", 0);
	take_entry_with("1", "\x91\x90", 2);
	assert_int_equal(printer.printed, 0);
	for (size_t cut = 0; cut < len; cut++)
		take_entry_with("1", blob, cut);
	assert_int_equal(printer.printed, 0);
	result_rows_free(rows);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_becomes_a_row_for_each_job),
		TEST(only_the_chosen_monitor_is_printed),
		TEST(no_more_rows_come_than_were_asked_for),
		TEST(a_table_has_its_heading_once),
		TEST(entries_of_another_format_are_left_out),
		TEST(made_up_bytes_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
