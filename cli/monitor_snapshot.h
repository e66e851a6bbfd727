/* monitor_snapshot.h - the monitors of Redis as bytes, all of them or those named, sorted by their names. */
#ifndef CLI_MONITOR_SNAPSHOT_H
#define CLI_MONITOR_SNAPSHOT_H

#include "wire/monitor_store.h"

struct snapshot_monitor {
	char *name, *json; /* malloc'd, ended by 0; json NULL: there is none of that name */
	size_t name_len, json_len;
};

struct snapshot {
	struct snapshot_monitor *monitor;
	size_t count, room;
	char *settings; /* JSON, or NULL: nobody wrote them */
};

/* 0 or as monitor_store.h says.  snapshot_free() is due in any case. */
int snapshot_all(struct snapshot *s, struct redis_link *link, const char *prefix, char *why, size_t why_len);
int snapshot_some(struct snapshot *s, struct redis_link *link, const char *prefix, char *const *names, size_t count, char *why,
		  size_t why_len);
void snapshot_free(struct snapshot *s);

/* The one of that name, or NULL; after snapshot_all(). */
const struct snapshot_monitor *snapshot_find(const struct snapshot *s, const char *name, size_t len);

/* Reads it; false: why says why it is broken. */
bool snapshot_decode(const struct snapshot_monitor *from, struct monitor *m, char *why, size_t why_len);

#endif
