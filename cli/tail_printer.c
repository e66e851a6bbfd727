/* tail_printer.c - takes an entry of a result stream apart and prints its rows.
 * In: an entry, from whoever may write to that stream.  Out: rows on standard output.
 * Owns: the text until it is flushed; the widths of the table, which only grow, so that lines stay aligned as well as
 * lines can whose successors are not known. */
#include "cli/tail_printer.h"

#include "wire/target.h"
#include "wire/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ENOUGH = 1, /* what row_read() answers to end the reading of an entry */
	SENTENCE_MAX = 600,
};

/* Where a row is from: what stands in the entry and not in the row. */
struct entry_rows {
	struct tail_printer *printer;
	char region[NAME_MAX_LEN + 1], engine[128];
};

void tail_printer_init(struct tail_printer *p)
{
	p->table = (struct row_table){ .columns = &p->columns, .coloured = p->coloured };
	if (p->format == OUTPUT_CSV)
		row_csv_header(&p->out, &p->columns);
}

void tail_printer_free(struct tail_printer *p)
{
	text_free(&p->out);
}

static void print_row(struct tail_printer *p, const struct row *row)
{
	switch (p->format) {
	case OUTPUT_CSV:
		row_csv(&p->out, &p->columns, row);
		break;
	case OUTPUT_TABLE:
		row_table_fit(&p->table, row);
		if (!p->printed)
			row_table_header(&p->out, &p->table);
		row_table_line(&p->out, &p->table, row);
		break;
	case OUTPUT_JSON:
	case OUTPUT_NDJSON:
		row_json(&p->out, &p->columns, row);
		text_add(&p->out, "\n");
	}
	p->printed++;
}

/* each() of result_rows_read(). */
static int take_row(void *arg, const struct result *result)
{
	const struct entry_rows *from = arg;
	struct tail_printer *p = from->printer;
	char target[HOST_MAX_LEN + 16], sentence[SENTENCE_MAX];
	if (p->monitor && strcmp(p->monitor, result->monitor) != 0)
		return 0;
	snprintf(target, sizeof target, strchr(result->host, ':') ? "[%.253s]:%u" : "%.253s:%u", result->host, result->port);
	result_sentence(&result->outcome, *result->detail ? result->detail : NULL, sentence, sizeof sentence);
	const struct row row = {
		.kind = ROW_RESULT,
		.target = target,
		.address = result->address,
		.detail = sentence,
		.monitor = result->monitor,
		.region = from->region,
		.engine = from->engine,
		.slot_ms = result->slot_ms,
		.attempt = result->attempt,
		.port = result->port,
		.outcome = &result->outcome,
	};
	print_row(p, &row);
	return tail_printer_has_enough(p) ? ENOUGH : 0;
}

static void complain(const struct stream_entry *entry, const char *why)
{
	char shown[QUOTED_MAX], reason[QUOTED_MAX];
	fprintf(stderr, "portwatch tail: %s %s is left out: %s\n", quoted(shown, entry->key, strlen(entry->key)), entry->id_text,
		quoted(reason, why, strlen(why)));
}

static void copy_field(const struct stream_entry *entry, const char *name, char *into, size_t len)
{
	const char *text = stream_entry_field(entry, name, NULL);
	snprintf(into, len, "%s", text ? text : "");
}

void tail_printer_take(struct tail_printer *p, const struct stream_entry *entry)
{
	struct entry_rows from = { .printer = p };
	char why[256], version[8];
	size_t len = 0;
	if (!entry->fields || tail_printer_has_enough(p))
		return;
	copy_field(entry, "v", version, sizeof version);
	copy_field(entry, "region", from.region, sizeof from.region);
	copy_field(entry, "engine", from.engine, sizeof from.engine);
	const char *blob = stream_entry_field(entry, "b", &len);
	if (strtoul(version, NULL, 10) != STREAM_FORMAT)
		complain(entry, "its format is not one this portwatch knows");
	else if (!blob || len > ENTRY_BYTES_MAX)
		complain(entry, "it holds no rows of a size that is allowed");
	else if (result_rows_read(blob, len, take_row, &from, why, sizeof why) < 0)
		complain(entry, why);
}

int tail_printer_flush(struct tail_printer *p)
{
	return p->out.len || p->out.failed ? output_write(&p->out) : 0;
}
