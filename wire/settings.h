/* settings.h - what holds for all monitors: the string pw:settings, one JSON object.
 *
 *	{"regions":["eu","us","ap"],"shards":1,
 *	 "maintenance":[{"labels":{"team":"core"},"monitors":["pg-1"],"from_ms":1764626400000,"until_ms":1764633600000,"why":"minor upgrade"}]}
 *
 * The shard of a monitor is monitor_shard(): whoever schedules, decides or reads must agree on it. */
#ifndef WIRE_SETTINGS_H
#define WIRE_SETTINGS_H

#include "wire/monitor.h"

#define MAINTENANCE_MAX 256
#define SETTINGS_SHARDS_MAX 64

/* A window covers a monitor that is named or has every one of the labels; without both, all monitors. */
struct maintenance {
	unsigned labels, monitors;
	struct monitor_label label[MONITOR_LABELS_MAX];
	char **monitor; /* malloc'd array of malloc'd names */
	uint64_t from_ms, until_ms; /* [from, until) */
	char *why;	/* or NULL */
};

struct settings {
	unsigned regions, shards, maintenances;
	char region[REGIONS_MAX][NAME_MAX_LEN + 1];
	struct maintenance *maintenance; /* malloc'd array */
};

void settings_init(struct settings *s); /* no region, one shard */
void settings_free(struct settings *s);
/* False: why holds a sentence; *s then owns nothing. */
bool settings_decode(struct settings *s, const char *json, size_t len, char *why, size_t why_len);
char *settings_encode(const struct settings *s); /* malloc'd, one line; NULL: no memory */

/* The window that covers the monitor at now_ms, or NULL. */
const struct maintenance *settings_maintenance(const struct settings *s, const struct monitor *m, uint64_t now_ms);

/* FNV-1a of 64 bits over the name: where in its interval a monitor is due, and (times a golden ratio) its shard. */
uint64_t monitor_hash(const char *name, size_t len);
unsigned monitor_shard(const char *name, size_t len, unsigned shards);

/* Keys of what is not bound to one region; key has STREAM_KEY_MAX bytes. */
void monitors_key(char *key, const char *prefix);	    /* pw:monitors, hash: name -> JSON */
void monitors_log_key(char *key, const char *prefix);	    /* pw:monitors:log, stream: op set|del|settings, name */
void settings_key(char *key, const char *prefix);	    /* pw:settings, string */
void lease_key(char *key, const char *prefix, const char *what); /* pw:lease:WHAT */
void missed_key(char *key, const char *prefix, const char *region, unsigned shard); /* pw:{r.s}:missed */
enum alerts_key { ALERTS_STATE, ALERTS_EVENTS, ALERTS_OUTBOX, ALERTS_ASK, ALERTS_KEYS };
void alerts_key(char *key, const char *prefix, unsigned shard, enum alerts_key which); /* pw:{alerts.s}:state, ... */
void component_key(char *key, const char *prefix, const char *component, const char *name); /* pw:hb:scheduler:NAME */

#endif
