/* test_row.c - the fields of a result in every form, byte for byte: these are interfaces that programs rely on. */
#include "cli/row.h"
#include "cli/row_format.h"

#include "cli_test.h"

#include <errno.h>

static struct text out;
static struct row_columns columns;

static const struct outcome open_outcome = { .verdict = VERDICT_OPEN, .rtt_us = 412, .wall_us = 498 };
static const struct outcome closed_outcome = { .verdict = VERDICT_CLOSED, .wall_us = 1203, .error = ECONNREFUSED };
static const struct outcome resolver_outcome = { .verdict = VERDICT_RESOLVER };
static const struct outcome filtered_outcome = {
	.verdict = VERDICT_FILTERED, .wall_us = 3200145, .syn_retrans = 3, .late_us = -20, .error = 0
};

static struct row open_row(void)
{
	return (struct row){ .kind = ROW_PROBE, .target = "192.0.2.1:22", .address = "192.0.2.1", .port = 22,
			     .outcome = &open_outcome, .detail = "the handshake completed" };
}

static struct row closed_row(void)
{
	return (struct row){ .kind = ROW_PROBE, .target = "[2001:db8::1]:443", .address = "2001:db8::1", .port = 443,
			     .outcome = &closed_outcome, .detail = "nothing listens, \"really\"" };
}

static struct row resolver_row(void)
{
	return (struct row){ .kind = ROW_PROBE, .target = "a.example:1", .address = "", .port = 1,
			     .outcome = &resolver_outcome, .detail = "" };
}

static struct row filtered_row(void)
{
	return (struct row){ .kind = ROW_RESULT, .target = "198.51.100.7:25", .address = "198.51.100.7", .port = 25,
			     .outcome = &filtered_outcome, .detail = "silence after 4 SYNs", .monitor = "mail",
			     .region = "eu", .engine = "host-1", .slot_ms = 1700000000123, .attempt = 2 };
}

static int set_up(void **state)
{
	(void)state;
	text_reset(&out);
	return 0;
}

static int free_out(void **state)
{
	(void)state;
	text_free(&out);
	return 0;
}

static void a_probe_as_json_has_its_fields_in_this_order(void **state)
{
	const struct row open = open_row(), closed = closed_row(), resolver = resolver_row();
	(void)state;
	row_columns_default(&columns, ROW_PROBE, OUTPUT_NDJSON);
	row_json(&out, &columns, &open);
	assert_string_equal(out.data, "{\"target\":\"192.0.2.1:22\",\"address\":\"192.0.2.1\",\"port\":22,\"class\":\"up\","
				      "\"verdict\":\"open\",\"rtt_us\":412,\"wall_us\":498,\"dns_us\":null,\"syn_retrans\":0,\"errno\":null,"
				      "\"detail\":\"the handshake completed\",\"not_after\":null,\"issuer\":null,\"schema\":\"portwatch.probe/1\"}");
	text_reset(&out);
	row_json(&out, &columns, &closed);
	assert_string_equal(out.data,
			    "{\"target\":\"[2001:db8::1]:443\",\"address\":\"2001:db8::1\",\"port\":443,\"class\":\"down\","
			    "\"verdict\":\"closed\",\"rtt_us\":null,\"wall_us\":1203,\"dns_us\":null,\"syn_retrans\":0,"
			    "\"errno\":\"ECONNREFUSED\",\"detail\":\"nothing listens, \\\"really\\\"\","
			    "\"not_after\":null,\"issuer\":null,\"schema\":\"portwatch.probe/1\"}");
	text_reset(&out);
	row_json(&out, &columns, &resolver);
	assert_string_equal(out.data, "{\"target\":\"a.example:1\",\"address\":null,\"port\":1,\"class\":\"unknown\","
				      "\"verdict\":\"resolver\",\"rtt_us\":null,\"wall_us\":null,\"dns_us\":null,\"syn_retrans\":0,"
				      "\"errno\":null,\"detail\":null,\"not_after\":null,\"issuer\":null,\"schema\":\"portwatch.probe/1\"}");
}

static void a_result_as_json_tells_where_and_when_too(void **state)
{
	const struct row filtered = filtered_row();
	(void)state;
	row_columns_default(&columns, ROW_RESULT, OUTPUT_NDJSON);
	row_json(&out, &columns, &filtered);
	assert_string_equal(out.data, "{\"slot\":\"2023-11-14T22:13:20.123Z\",\"region\":\"eu\",\"monitor\":\"mail\","
				      "\"engine\":\"host-1\",\"target\":\"198.51.100.7:25\",\"address\":\"198.51.100.7\","
				      "\"port\":25,\"class\":\"down\",\"verdict\":\"filtered\",\"rtt_us\":null,"
				      "\"wall_us\":3200145,\"dns_us\":null,\"late_us\":-20,\"attempt\":2,\"syn_retrans\":3,\"errno\":null,"
				      "\"detail\":\"silence after 4 SYNs\",\"not_after\":null,\"issuer\":null,\"schema\":\"portwatch.result/1\"}");
}

static void csv_has_a_header_and_quotes_only_what_needs_it(void **state)
{
	const struct row open = open_row(), closed = closed_row(), resolver = resolver_row();
	(void)state;
	row_columns_default(&columns, ROW_PROBE, OUTPUT_CSV);
	row_csv_header(&out, &columns);
	row_csv(&out, &columns, &open);
	row_csv(&out, &columns, &closed);
	row_csv(&out, &columns, &resolver);
	assert_string_equal(out.data,
			    "target,address,port,class,verdict,rtt_us,wall_us,dns_us,syn_retrans,errno,detail,not_after,issuer,schema\n"
			    "192.0.2.1:22,192.0.2.1,22,up,open,412,498,,0,,the handshake completed,,,portwatch.probe/1\n"
			    "[2001:db8::1]:443,2001:db8::1,443,down,closed,,1203,,0,ECONNREFUSED,"
			    "\"nothing listens, \"\"really\"\"\",,,portwatch.probe/1\n"
			    "a.example:1,,1,unknown,resolver,,,,0,,,,,portwatch.probe/1\n");
}

static void print_table(bool coloured)
{
	const struct row rows[] = { open_row(), closed_row(), resolver_row() };
	struct row_table table = { .columns = &columns, .coloured = coloured };
	for (unsigned i = 0; i < 3; i++)
		row_table_fit(&table, &rows[i]);
	row_table_header(&out, &table);
	for (unsigned i = 0; i < 3; i++)
		row_table_line(&out, &table, &rows[i]);
}

static void a_table_is_aligned_and_leaves_no_blanks_at_line_ends(void **state)
{
	(void)state;
	row_columns_default(&columns, ROW_PROBE, OUTPUT_TABLE);
	print_table(false);
	assert_string_equal(out.data, "TARGET             VERDICT       RTT  DETAIL\n"
				      "192.0.2.1:22       open      0.41 ms  the handshake completed\n"
				      "[2001:db8::1]:443  closed          -  nothing listens, \"really\"\n"
				      "a.example:1        resolver        -  -\n");
}

static void colours_touch_the_verdict_alone_and_move_nothing(void **state)
{
	(void)state;
	assert_true(row_columns_parse(&columns, ROW_PROBE, "verdict,port", NULL, 0));
	print_table(true);
	assert_string_equal(out.data, "VERDICT   PORT\n"
				      "\033[32mopen\033[0m        22\n"
				      "\033[31mclosed\033[0m     443\n"
				      "\033[33mresolver\033[0m     1\n");
}

static void a_table_does_not_let_strangers_speak_to_the_terminal(void **state)
{
	struct row row = filtered_row();
	struct row_table table = { .columns = &columns };
	(void)state;
	row.monitor = "a\033]0;b\a\n";
	assert_true(row_columns_parse(&columns, ROW_RESULT, "monitor,region", NULL, 0));
	row_table_fit(&table, &row);
	row_table_line(&out, &table, &row);
	assert_string_equal(out.data, "a\\u001b]0;b\\u0007\\n  eu\n");
}

static void chosen_fields_come_in_the_order_they_were_chosen(void **state)
{
	const struct row closed = closed_row();
	(void)state;
	assert_true(row_columns_parse(&columns, ROW_PROBE, "errno,target", NULL, 0));
	row_json(&out, &columns, &closed);
	assert_string_equal(out.data, "{\"errno\":\"ECONNREFUSED\",\"target\":\"[2001:db8::1]:443\"}");
}

static void fields_that_do_not_exist_are_refused_with_a_guess(void **state)
{
	char why[200];
	(void)state;
	assert_false(row_columns_parse(&columns, ROW_PROBE, "target,verdicts", why, sizeof why));
	assert_contains(why, "did you mean verdict?");
	assert_false(row_columns_parse(&columns, ROW_PROBE, "region", why, sizeof why));
	assert_contains(why, "no field \"region\"");
	assert_false(row_columns_parse(&columns, ROW_PROBE, "", why, sizeof why));
	assert_false(row_columns_parse(&columns, ROW_PROBE, "target,", why, sizeof why));
	assert_true(row_columns_parse(&columns, ROW_RESULT, "region", why, sizeof why));
	text_add(&out, "target");
	for (unsigned i = 0; i < ROW_FIELDS_MAX; i++)
		text_add(&out, ",target");
	assert_false(row_columns_parse(&columns, ROW_PROBE, out.data, why, sizeof why));
	assert_contains(why, "more than");
}

static void the_list_of_fields_has_a_sentence_for_each(void **state)
{
	unsigned lines = 0;
	(void)state;
	row_list_fields(&out, ROW_PROBE);
	for (const char *at = out.data; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 14);
	assert_contains(out.data, "rtt_us       number  ");
	assert_contains(out.data, "errno        text    ");
}

static void an_errno_without_a_name_stands_as_its_number(void **state)
{
	const struct outcome strange = { .verdict = VERDICT_LOCAL, .error = 4000 };
	struct row row = closed_row();
	(void)state;
	row.outcome = &strange;
	assert_true(row_columns_parse(&columns, ROW_PROBE, "errno", NULL, 0));
	row_json(&out, &columns, &row);
	assert_string_equal(out.data, "{\"errno\":\"E4000\"}");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_probe_as_json_has_its_fields_in_this_order),
		TEST(a_result_as_json_tells_where_and_when_too),
		TEST(csv_has_a_header_and_quotes_only_what_needs_it),
		TEST(a_table_is_aligned_and_leaves_no_blanks_at_line_ends),
		TEST(colours_touch_the_verdict_alone_and_move_nothing),
		TEST(a_table_does_not_let_strangers_speak_to_the_terminal),
		TEST(chosen_fields_come_in_the_order_they_were_chosen),
		TEST(fields_that_do_not_exist_are_refused_with_a_guess),
		TEST(the_list_of_fields_has_a_sentence_for_each),
		TEST(an_errno_without_a_name_stands_as_its_number),
	};
	return cmocka_run_group_tests(tests, NULL, free_out);
}
