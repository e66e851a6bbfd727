/* roster.h - the monitors of one shard: found by name, and by who is due next.
 *
 * A monitor is kept as its JSON of one line and decoded when something is to be told or probed, which is seldom: as
 * structs a million of them would take more than 1 GB. */
#ifndef ALERTS_ROSTER_H
#define ALERTS_ROSTER_H

#include "alerts/address_book.h"
#include "alerts/watch.h"
#include "base/deadlines.h"
#include "wire/settings.h"

struct watched {
	struct watched *next;	     /* in its bucket */
	struct watch *watch;
	char *json;		     /* monitor_encode(); the roster frees it */
	struct address_book *book;   /* of a name; or NULL */
	char **parent;		     /* NULL-ended, or NULL */
	/* As a parent: when its round was last asked for a child, until when it counts as suspect, which regions have
	 * answered. */
	uint64_t asked_ms, suspect_until_ms;
	uint16_t answered;
	uint16_t region_mask;
	uint32_t index;
	uint32_t seen;		     /* number of the load that told it last */
	uint32_t maintenance_epoch;  /* of the window below; another one: look again */
	const struct maintenance *maintenance; /* that covers it now, or NULL; a part of the settings */
	bool named;		     /* its host is a name that the region's resolver is asked for */
	bool asleep;		     /* paused, or probed from nowhere: results are not looked at */
	bool decide;		     /* at the next chance, whatever its own deadline says */
	bool has_state;		     /* stands in the state hash */
	bool canary_came;
	uint64_t canary_ms;	     /* of an always-down canary: monotonic, when it last came back as it should */
	enum canary canary;
	unsigned interval_ms;
	char name[];
};

struct roster {
	struct watched **bucket; /* a power of two of them */
	struct watched **at;	 /* by index */
	uint32_t buckets, count, room;
	struct deadlines due;	 /* in ms of the wall clock */
};

int roster_init(struct roster *r); /* 0 or -ENOMEM */
void roster_free(struct roster *r);

struct watched *roster_find(const struct roster *r, const char *name, size_t len);
struct watched *roster_add(struct roster *r, const char *name); /* which is not there yet */
void roster_remove(struct roster *r, struct watched *w);	 /* and frees it */

/* Makes sure that it comes up in roster_pop() at due_ms at the latest; it may come up before. */
void roster_due(struct roster *r, const struct watched *w, uint64_t due_ms);
/* One that may be due, or NULL; it has no deadline then. */
struct watched *roster_pop(struct roster *r, uint64_t now_ms);
uint64_t roster_next_ms(const struct roster *r);

#endif
