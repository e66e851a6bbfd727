/* row_format.h - rows as JSON, as CSV and as an aligned table. */
#ifndef CLI_ROW_FORMAT_H
#define CLI_ROW_FORMAT_H

#include "cli/row.h"

/* One JSON object, without a newline. */
void row_json(struct text *to, const struct row_columns *columns, const struct row *row);

/* RFC 4180, but for lines that end with a newline alone, as everything else on this system. */
void row_csv_header(struct text *to, const struct row_columns *columns);
void row_csv(struct text *to, const struct row_columns *columns, const struct row *row);

/* Column widths of a table.  Zeroed is ready; row_table_fit() makes room for a row.  A table that is known as a whole is
 * fitted row by row first and then printed; one that grows fits each row just before it is printed. */
struct row_table {
	const struct row_columns *columns;
	bool coloured;
	unsigned width[ROW_FIELDS_MAX];
};
void row_table_fit(struct row_table *table, const struct row *row);
void row_table_header(struct text *to, struct row_table *table);
void row_table_line(struct text *to, const struct row_table *table, const struct row *row);

/* A stranger's text, made safe for a terminal: control characters are escaped. */
void text_add_safe(struct text *to, const char *s);
/* How many columns a text takes, one a character. */
unsigned text_columns(const char *s);

#endif
