/* watch_self.h - the inside of a watch, for the files that implement watch.h. */
#ifndef ALERTS_WATCH_SELF_H
#define ALERTS_WATCH_SELF_H

#include "alerts/address_rows.h"
#include "alerts/confirm.h"
#include "alerts/decide.h"
#include "alerts/quiet.h"

#define WATCH_PATH_NOTICE_MS 300000 /* or five intervals if shorter: what heals by then is worth a line to nobody */
#define WATCH_SILENCE_MS 22000	    /* after its last result: by then a region without engines is known to be silent */
#define WATCH_GATHER_MS 500	    /* a DOWN is told with the answers of all regions, unless one takes longer than this */
#define WATCH_HOLD_EXTRA_MS 3000    /* beyond its timeout a child waits so long for its suspected parent to be decided */

/* Something that goes on and is, or may be, told: one for each kind of event but UP, which ends DOWN. */
struct telling {
	uint64_t since_ms, decided_ms;
	uint32_t incident; /* 0: it has no number yet, because nobody has heard or read of it */
	uint8_t verdict, scope;
	bool open; /* it goes on */
	bool told, logged; /* to the channels; as not told */
	struct quality is;
	bool gathering; /* of DOWN: a region that may vote has not looked since the first failure */
};

/* What a monitor needs only while it is not simply up. */
struct story {
	struct telling telling[EVENT_KINDS];
	struct confirm confirm;
	struct flap flap;
	uint64_t over_ms; /* when a DOWN ended without the votes of a region, whose old failures would begin it anew; 0: never */
	uint64_t heard_since_ms;
	uint32_t heard; /* the incident that the channels believe is DOWN; 0: none */
};

/* A sentence about a certificate, malloc'd; NULL: none. */
struct said_line {
	uint64_t slot_ms;
	char *text;
};

/* The newest of them, and the newest that is no praise. */
struct said {
	struct said_line newest, fault;
};

struct watch {
	struct watch_rule rule;
	uint8_t regions; /* bits of rule.region_mask; region[i] belongs to the i-th of them */
	uint8_t state, scope, verdict;
	bool calm; /* up, and no open result, however late, can change that: there is no failure in the history */
	uint32_t incidents; /* number of the last one */
	uint32_t partial; /* of a degraded one: hash of what is said of its addresses */
	uint64_t since_ms;
	uint64_t blind_since_ms; /* 0: enough regions may vote */
	uint64_t due_ms;
	struct story *story; /* or NULL */
	struct said *said;   /* or NULL */
	struct address_rows *rows; /* by region, or NULL: nothing has come, or there is one address only */
	struct region_history region[];
};

/* Position in region[] of the caller's index; -1: the monitor is not probed from there. */
static inline int watch_position(const struct watch *w, unsigned index)
{
	const unsigned mask = w->rule.region_mask;

	return index < REGIONS_MAX && mask >> index & 1 ? __builtin_popcount(mask & ((1u << index) - 1)) : -1;
}

struct story *watch_story(struct watch *w); /* made if there is none */
/* What is known of single addresses, by position; NULL: nothing. */
const struct address_look *watch_addresses(const struct watch *w, unsigned position);
/* "1 of 4 addresses down (198.51.100.7)" of the first region that sees some down and some open, or "". */
void watch_say_partial(const struct watch *w, char into[ADDRESS_SAID_MAX]);
void watch_clear(struct watch *w); /* as new; its rule stays */
void watch_view(const struct watch *w, const struct watch_env *env, struct decide_in *in);

/* watch_said.c: a result, or what was saved of one; and the end. */
void watch_hear(struct watch *w, const struct result *r);
void watch_said_save(const struct watch *w, json_t *into);
void watch_said_load(struct watch *w, const json_t *saved);
void watch_said_free(struct watch *w);

/* watch_tell.c: brings what is told into line with what was decided. */
void watch_tell(struct watch *w, const struct decision *d, const struct watch_env *env, struct watch_actions *actions);
/* When telling wants to be asked again; UINT64_MAX: never. */
uint64_t watch_tell_due_ms(const struct watch *w, const struct watch_env *env);

#endif
