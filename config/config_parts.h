/* config_parts.h - what config/config*.c share while a configuration is read.  Others see config.h.
 * Every function that takes a node says what is wrong with it itself and then goes on, so that one reading finds all.
 */
#ifndef CONFIG_CONFIG_PARTS_H
#define CONFIG_CONFIG_PARTS_H

#include "base/yaml_tree.h"
#include "config/config.h"

#define CONFIG_FILES_MAX 1000
#define CONFIG_FILE_MAX ((size_t)512 << 20) /* bytes; a million monitors are 150 MB */
#define SECRET_MAX 4096
#define URL_MAX 2048
#define SENTENCE_MAX 1024
#define MAINTENANCE_LONGEST_MS (366ull * 86400000)
#define GUESSES_MAX 50 /* "did you mean" among monitors is a walk over all of them */

/* One error, rendered; kept apart until the end, because they are found in another order than a person reads. */
struct config_error {
	uint32_t file, line, column, order;
	size_t at, len; /* in the text of all */
};

/* Where a monitor stood, for what can only be judged when all are known. */
struct config_place {
	const struct yaml_tree *tree;
	const struct yaml_node *name, *parents;
};

struct config_window {
	const struct yaml_tree *tree;
	const struct yaml_node *monitors;
};

struct reader {
	struct config *config;
	unsigned trees;
	struct yaml_tree **tree;
	struct text rendered;
	struct config_error *error;
	unsigned errors, errors_room;
	struct monitor defaults;
	const char *default_in[16]; /* the file in which a default was set */
	bool regions_said;
	bool defaults_bad;     /* timeout over interval in the defaults: said there, not for every monitor */
	struct config_place *place; /* by the index of the monitor */
	unsigned monitors_room;
	struct config_window *window;
	uint32_t *bucket;      /* hash of names: index + 1 of a monitor, 0: free; a power of two */
	uint32_t buckets;
	const char **names;    /* of all monitors, NULL-ended, for "did you mean"; made when first needed */
	unsigned guesses;
	uint64_t now_ms;
};

/* ---- config_error.c ---- */

/* Notes a sentence, printf style, about a node of a file. */
void say(struct reader *r, const struct yaml_tree *t, const struct yaml_node *at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same for text that yaml_tree.c rendered already. */
void say_rendered(struct reader *r, unsigned file, const char *text);
/* A line "    hint: ..." that goes with the last error. */
void hint(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* All of them in the order of the files, into errors. */
void errors_write(struct reader *r, struct text *errors);
/* ", did you mean \"x\"?" or "". */
const char *did_you_mean(char *into, size_t len, const char *typed, const char *const *names);

/* ---- config_value.c: a node becomes a value; false: said ---- */

/* The plain text of a node with ${VAR} replaced; malloc'd, what is its name in sentences. NULL: said. */
char *value_text(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what);
/* The same, refused if it is empty, longer than most or holds control characters. */
char *value_line(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		 size_t most);
bool value_duration(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		    uint64_t low, uint64_t high, uint64_t *ms);
bool value_number(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		  uint64_t low, uint64_t high, uint64_t *number);
bool value_bool(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		bool *value);
bool value_word(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		const char *const *words, int *which);
bool value_time(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		uint64_t *ms);
/* What stands in the file that the node names, beside the YAML file, without the newline at its end. */
char *value_file(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what);
/* Labels: adds to those that are there, a name that is there gets the new value. */
void value_labels(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node,
		  struct monitor_label *label, unsigned *count);
/* One text or a list of texts, each handed to take; what in sentences. */
void value_list(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		unsigned most,
		void (*take)(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg),
		void *arg);

/* A walk over the keys of a map; names is NULL-ended. The key's index, or -1: unknown, twice or no word, which was
 * said. */
int known_key(struct reader *r, const struct yaml_tree *t, const struct yaml_node *key, const char *where,
	      const char *const *names);
bool is_map(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what);

/* "2026-12-01T22:00:00Z", "...+01:00", with or without a fraction; false: why holds a clause. */
bool time_parse(const char *text, uint64_t *ms, char *why, size_t why_len);
#define CONFIG_TIME_MAX 40
void config_time_write(uint64_t ms, char into[CONFIG_TIME_MAX]);
void config_duration_write(uint64_t ms, char into[CONFIG_TIME_MAX]); /* "60s", "2h", "3200ms" */

/* ---- the sections ---- */

/* config_region.c */
void read_regions(struct reader *r, const struct yaml_tree *t, const struct yaml_node *list);
bool region_known(const struct config *c, const char *name);
/* config_monitor.c */
void read_defaults(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map);
void check_defaults(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map);
void read_monitors(struct reader *r, const struct yaml_tree *t, const struct yaml_node *list);
/* config_tls.c: the monitor at index was read.  map: its `tls`, or NULL; itself: it is of type certificate, else a second
 * one is added behind it. */
void read_tls(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, bool itself, bool has_interval,
	      uint32_t index);
/* config_find.c: the index of a monitor of that name, or -1. */
void find_prepare(struct reader *r); /* monitors_room is set */
int64_t monitor_find(const struct reader *r, const char *name);
/* Makes a monitor known by its name; returns the index of one that had the name before, or -1. */
int64_t monitor_note(struct reader *r, uint32_t index);
const char *monitor_near(struct reader *r, char *into, size_t len, const char *typed);
/* config_parents.c: when all monitors are read */
void check_parents(struct reader *r);
/* config_channel.c, config_window.c */
void read_channels(struct reader *r, const struct yaml_tree *t, const struct yaml_node *list);
void read_windows(struct reader *r, const struct yaml_tree *t, const struct yaml_node *list);
void check_windows(struct reader *r);
void channel_free(struct channel *c);
void read_dead_man(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map);

#endif
