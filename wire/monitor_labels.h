/* monitor_labels.h - labels as JSON, for monitor.c and settings.c. */
#ifndef WIRE_MONITOR_LABELS_H
#define WIRE_MONITOR_LABELS_H

#include "base/json.h"
#include "wire/monitor.h"

/* The member "labels" of an object, if there is one, as malloc'd names and values; *count is right also on failure. */
bool monitor_labels_read(const json_t *object, struct monitor_label *label, unsigned *count, char *why, size_t why_len);
json_t *monitor_labels_json(const struct monitor_label *label, unsigned count);

#endif
