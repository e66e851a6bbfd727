/* config.h - the file of monitors: one YAML file, or all *.yaml and *.yml of a directory merged in the order of their names.
 *
 *	regions: [eu, us, {name: ap, source: [198.18.0.3]}]
 *	shards: 1
 *	defaults: {interval: 60s, timeout: 3200ms, slow: 500ms, close: rst}
 *	monitors:
 *	  - {name: pg-primary, target: "198.51.100.7:5432", labels: {team: core}, runbook: "https://wiki/pg", parents: [core-switch]}
 *	notify:
 *	  - {name: hook, type: webhook, url: "http://127.0.0.1:9999/", secret_file: hook.key}
 *	maintenance:
 *	  - {monitors: {team: core}, from: "2026-12-01T22:00:00Z", for: 2h, why: "minor upgrade"}
 *	dead_man: {url: "https://...", every: 60s}
 *
 * Every error is found in one reading and said as file:line:col, the line and a caret. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/text.h"
#include "config/channel.h"
#include "wire/settings.h"

struct config_region {
	char name[NAME_MAX_LEN + 1];
	char *source[CHANNEL_LIST_MAX]; /* addresses its engine probes from, on this machine (portwatch up) */
	unsigned sources;
};

struct config {
	struct settings settings;
	unsigned regions;
	struct config_region region[REGIONS_MAX];
	struct monitor *monitor; /* malloc'd array, in the order of the file; names are unique */
	bool *says_paused;	 /* by the index of the monitor: the file says paused: true or false, not nothing */
	unsigned monitors;
	struct channel *channel; /* malloc'd array */
	unsigned channels;
	char *dead_man_url;	 /* or NULL */
	unsigned dead_man_every_ms;
};

/* Reads path (a file or a directory).  Returns the number of errors; each is in errors as three lines (and a hint where
 * there is one).  0: *c is filled and config_free() is due; otherwise *c owns nothing. */
unsigned config_read(struct config *c, const char *path, struct text *errors);
void config_free(struct config *c);

/* What is in force, with every default, as YAML that config_read() takes when its secrets are put back; a monitor a line.
 * They are replaced by "(redacted)", and so are the paths of URLs that are secrets themselves. */
void config_show(const struct config *c, struct text *into);

#endif
