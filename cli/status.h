/* status.h - everything that is watched, as it stands: what portwatch status and the live view of portwatch up show.
 * Filled by status_read.c from Redis, or by a test by hand; printed by status_print.c and status_json.c. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "wire/result.h"
#include "wire/settings.h"

#define STATUS_ROWS_MAX 10000	   /* rows that are kept, the worst; all monitors are counted */
#define STATUS_COMPONENTS_MAX 256

/* From the worst to the best; the order of the table. */
enum status_state {
	STATUS_DOWN, STATUS_PATH, STATUS_DEGRADED, STATUS_UNKNOWN, STATUS_NEW, STATUS_UP, STATUS_PAUSED, STATUS_STATES
};
struct status_word {
	const char *name;  /* in Redis and JSON: "path" */
	const char *word;  /* in the table: "PATH ISSUE" */
	const char *count; /* in the count line: "path issue" */
};
extern const struct status_word status_words[STATUS_STATES];

/* What one region last saw of a monitor. */
struct status_look {
	uint64_t slot_ms; /* 0: nothing yet */
	uint32_t rtt_us;
	uint16_t attempt;
	uint8_t verdict, syn_retrans;
};

struct status_row {
	char name[NAME_MAX_LEN + 1], target[HOST_MAX_LEN + 9];
	char verdict[24], scope[16]; /* as they were decided; "" where there is none */
	char partial[96];	     /* of a degraded one: "1 of 4 addresses down (198.51.100.7)", or "" */
	enum status_state state;
	uint64_t since_ms;	     /* 0: not known */
	unsigned interval_ms, shard;
	bool expect_closed;	     /* it must not answer */
	struct status_look look[REGIONS_MAX];
};

struct status_region {
	char name[NAME_MAX_LEN + 1];
	char state[24], why[160];    /* "ok", "quarantined", "silent"; "" while nobody has said */
	uint64_t since_ms;
};

/* Something of our own that does not work. */
struct status_problem {
	char component[96], sentence[256];
	uint64_t since_ms;
};
#define STATUS_PROBLEMS_MAX (REGIONS_MAX + 8)

struct status_component {
	char key[STREAM_KEY_MAX];
	char kind[24], name[96], region[NAME_MAX_LEN + 1]; /* region: of engines */
	uint64_t at_ms;		     /* of its last heartbeat */
};

struct status {
	uint64_t at_ms;		     /* wall clock of the reading */
	uint64_t newest_ms;	     /* when the newest result came; 0: there is none */
	unsigned shards;
	unsigned regions, components, problems;
	struct status_region region[REGIONS_MAX];
	struct status_component component[STATUS_COMPONENTS_MAX];
	struct status_problem problem[STATUS_PROBLEMS_MAX];
	size_t monitors, count[STATUS_STATES];
	struct status_row *row;	     /* by name, after status_settle() */
	size_t rows, room;
	bool cut;		     /* there were more than STATUS_ROWS_MAX */
	bool failed;		     /* no memory */
};

/* Counts a monitor from what stands in pw:monitors and, if there is one, its field of the state hash; json_len 0: none.
 * Keeps its row unless there are too many that are at least as bad.  One that cannot be read is counted as unknown. */
void status_take(struct status *s, const char *name, size_t name_len, const char *json, size_t json_len,
		 const char *state, size_t state_len);
/* A field @region:NAME of the state hash. */
void status_take_region(struct status *s, unsigned region, const char *json, size_t len);
/* A field @problem:KEY. */
void status_take_problem(struct status *s, const char *json, size_t len);
/* A heartbeat: pw:hb:scheduler:NAME, pw:hb:alerts:NAME or pw:{R.S}:hb:ENGINE, and its line. */
void status_take_heartbeat(struct status *s, const char *prefix, const char *key, const char *line);
/* After the last status_take(): sorts the rows by name; what regions saw before stays (old may be NULL). */
void status_settle(struct status *s, const struct status *old);
/* A result of a region, newest wins; of a monitor without a row it means nothing. */
void status_take_result(struct status *s, unsigned region, const struct result *r);
/* How many rows of a shard have no look of the region yet. */
size_t status_missing(const struct status *s, unsigned region, unsigned shard);
struct status_row *status_find(struct status *s, const char *name);

/* The rows from the worst to the best, those that last longer first; malloc'd array of rows, NULL: no memory or
 * no row. */
const struct status_row **status_order(const struct status *s);
void status_free(struct status *s); /* what it owns; zeroed is ready again */

/* Whether a look is too old to say anything: the rule by which votes expire. */
bool status_look_is_old(const struct status_row *row, const struct status_look *look, uint64_t now_ms);

#endif
