/* row_format.c - writes rows in the forms that people and programs read.
 * In: a row and the fields that are wanted.  Out: text.
 * Owns: nothing.  Why so: a value is got once and then written in its form; a form knows types, never fields. */
#include "cli/row_format.h"

#include "base/glyph.h"
#include "cli/colour.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void get(const struct row_field *field, const struct row *row, struct row_value *value)
{
	value->known = false;
	field->get(row, value);
}

static bool is_number(const struct row_field *field)
{
	return field->type == ROW_NUMBER || field->type == ROW_MICROS;
}

void row_json(struct text *to, const struct row_columns *columns, const struct row *row)
{
	for (unsigned i = 0; i < columns->count; i++) {
		const struct row_field *field = columns->field[i];
		struct row_value value;
		get(field, row, &value);
		text_printf(to, "%s\"%s\":", i ? "," : "{", field->name);
		if (!value.known)
			text_add(to, "null");
		else if (is_number(field))
			text_printf(to, "%" PRId64, value.number);
		else
			text_json_string(to, value.text, strlen(value.text));
	}
	text_add(to, "}");
}

void row_csv_header(struct text *to, const struct row_columns *columns)
{
	for (unsigned i = 0; i < columns->count; i++)
		text_printf(to, "%s%s", i ? "," : "", columns->field[i]->name);
	text_add(to, "\n");
}

void row_csv(struct text *to, const struct row_columns *columns, const struct row *row)
{
	for (unsigned i = 0; i < columns->count; i++) {
		struct row_value value;
		get(columns->field[i], row, &value);
		if (i)
			text_add(to, ",");
		if (value.known && is_number(columns->field[i]))
			text_printf(to, "%" PRId64, value.number);
		else if (value.known)
			text_csv_field(to, value.text);
	}
	text_add(to, "\n");
}

void text_add_safe(struct text *to, const char *s)
{
	size_t len = strlen(s);
	while (len) {
		char one[TEXT_ESCAPE_MAX];
		size_t wrote;
		const bool plain = *s == '"' || *s == '\\'; /* escaped inside quotes only, and here are none */
		const size_t took = plain ? 1 : text_escape(s, len, one, &wrote);
		text_add_bytes(to, plain ? s : one, plain ? 1 : wrote);
		s += took;
		len -= took;
	}
}

unsigned text_columns(const char *s)
{
	unsigned columns = 0, wide;
	for (; *s; columns += wide)
		s += glyph_len(s, &wide);
	return columns;
}

static void add_cell(struct text *to, const struct row_field *field, const struct row *row)
{
	struct row_value value;
	get(field, row, &value);
	if (!value.known)
		text_add(to, "-");
	else if (field->type == ROW_MICROS)
		text_printf(to, "%.2f ms", (double)value.number / 1000.0);
	else if (field->type == ROW_NUMBER)
		text_printf(to, "%" PRId64, value.number);
	else
		text_add_safe(to, value.text);
}

void row_table_fit(struct row_table *table, const struct row *row)
{
	struct text cell = { 0 };
	for (unsigned i = 0; i < table->columns->count; i++) {
		text_reset(&cell);
		add_cell(&cell, table->columns->field[i], row);
		const unsigned columns = cell.data ? text_columns(cell.data) : 0;
		if (columns > table->width[i])
			table->width[i] = columns;
	}
	text_free(&cell);
}

/* Blanks before a number or behind a text; none behind the last column. */
static void add_blanks(struct text *to, const struct row_table *table, unsigned i, unsigned used)
{
	if (used < table->width[i])
		text_printf(to, "%*s", (int)(table->width[i] - used), "");
}

static void add_aligned(struct text *to, const struct row_table *table, unsigned i, const char *cell, const char *colour)
{
	const bool right = is_number(table->columns->field[i]);
	const bool last = i + 1 == table->columns->count;
	const unsigned used = text_columns(cell);
	if (right)
		add_blanks(to, table, i, used);
	if (colour)
		text_printf(to, "%s%s" COLOUR_END, colour, cell);
	else
		text_add(to, cell);
	if (!right && !last)
		add_blanks(to, table, i, used);
	text_add(to, last ? "\n" : "  ");
}

void row_table_header(struct text *to, struct row_table *table)
{
	for (unsigned i = 0; i < table->columns->count; i++) {
		const char *heading = table->columns->field[i]->heading;
		const unsigned columns = text_columns(heading);
		if (columns > table->width[i])
			table->width[i] = columns;
		add_aligned(to, table, i, heading, NULL);
	}
}

void row_table_line(struct text *to, const struct row_table *table, const struct row *row)
{
	const enum verdict_class class = verdict_row(row->outcome->verdict)->class;
	struct text cell = { 0 };
	for (unsigned i = 0; i < table->columns->count; i++) {
		const bool coloured = table->coloured && table->columns->field[i]->type == ROW_VERDICT;
		text_reset(&cell);
		add_cell(&cell, table->columns->field[i], row);
		add_aligned(to, table, i, cell.data ? cell.data : "", coloured ? colour_of_class(class) : NULL);
	}
	to->failed |= cell.failed;
	text_free(&cell);
}
