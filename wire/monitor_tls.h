/* monitor_tls.h - reads and writes the member `tls` of a monitor; monitor.c's, and the bounds for config/. */
#ifndef WIRE_MONITOR_TLS_H
#define WIRE_MONITOR_TLS_H

#include "base/json.h"
#include "wire/monitor.h"

/* Fills m->tls and m->wish; a missing member means none.  False: why holds a sentence. */
bool monitor_tls_read(const json_t *object, struct monitor *m, char *why, size_t why_len);
/* Of a monitor that has tls: what is not usual. */
json_t *monitor_tls_json(const struct monitor *m);
void monitor_tls_free(struct monitor *m);

bool tls_name_is_fine(const char *name);
bool tls_ca_is_fine(const char *path);

#endif
