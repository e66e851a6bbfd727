/* monitor_row.h - a monitor in the forms that people and programs read. */
#ifndef CLI_MONITOR_ROW_H
#define CLI_MONITOR_ROW_H

#include "base/text.h"
#include "cli/monitor_snapshot.h"

/* One monitor as it stands in Redis; m only if broken is "". */
struct monitor_row {
	const struct snapshot_monitor *there;
	struct monitor m;
	char broken[STORE_WHY_MAX];
};

void monitor_row_make(struct monitor_row *row, const struct snapshot_monitor *there);
void monitor_row_free(struct monitor_row *row);

/* "portwatch.monitor/1", one object, without a newline. */
void monitor_row_json(struct text *to, const struct monitor_row *row);

/* Columns of the table and of CSV. */
#define MONITOR_COLUMNS 6
extern const char *const monitor_headings[MONITOR_COLUMNS];
void monitor_row_cell(struct text *to, const struct monitor_row *row, unsigned column);

#endif
