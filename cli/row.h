/* row.h - what is told of one result: a table of fields that feeds every output, --fields, --list-fields and the help. */
#ifndef CLI_ROW_H
#define CLI_ROW_H

#include "base/text.h"
#include "cli/output.h"
#include "wire/result.h"

/* A probe's own row, or one that came through a result stream; which fields there are depends on it. */
enum row_kind { ROW_PROBE = 1, ROW_RESULT = 2 };

/* All texts are ended by 0 and borrowed; "" where there is nothing. */
struct row {
	enum row_kind kind;
	const char *target, *address, *detail;
	const char *monitor, *region, *engine; /* ROW_RESULT only, as the next two */
	uint64_t slot_ms;
	unsigned attempt;
	unsigned port;
	const struct outcome *outcome;
};

enum row_type {
	ROW_TEXT,
	ROW_VERDICT, /* text; coloured by the class */
	ROW_NUMBER,
	ROW_MICROS,  /* a number; "0.42 ms" for people */
};

struct row_value {
	bool known; /* false: null, "-", an empty field */
	const char *text;
	int64_t number;
	char room[40]; /* for a text that is made here */
};

struct row_field {
	const char *name;
	enum row_type type;
	const char *heading; /* over the column of a table */
	unsigned kinds;	     /* enum row_kind: rows that have it */
	unsigned in_table;   /* enum row_kind: rows whose table shows it without being asked */
	const char *sentence;
	void (*get)(const struct row *row, struct row_value *value);
};

#define ROW_FIELDS_MAX 24
struct row_columns {
	unsigned count;
	const struct row_field *field[ROW_FIELDS_MAX];
};

/* The fields of a kind of row that a form shows when nobody chooses. */
void row_columns_default(struct row_columns *columns, enum row_kind kind, enum output_format format);
/* "target,verdict,rtt_us"; false: why holds a sentence. */
bool row_columns_parse(struct row_columns *columns, enum row_kind kind, const char *list, char *why, size_t why_len);
/* Adds "name  type  sentence" for each field of a kind of row. */
void row_list_fields(struct text *to, enum row_kind kind);

#endif
