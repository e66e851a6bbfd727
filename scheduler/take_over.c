/* take_over.c - where a scheduler goes on that has just been given the lease, and what it leaves to the next one.
 * In: the ends of the jobs streams, the string pw:scheduler:ledger, the change log.  Out: the ledger is open, its
 * position is the last tick that is surely scheduled.
 *
 * All streams are written tick by tick, so the last tick in any of them is the last that was begun, and the one before
 * it is complete everywhere: the last one is done again, and streams that have it are left out.  A stream that ends
 * more than a minute in the future was written by a clock that had jumped, and is set back first.  A monitor that
 * changed shortly before is taken as it is from the moment of the change: what it was before is not known any more. */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define CHANGES_MAX 5000    /* with more changes in the last two minutes the ledger begins anew */
#define YOUNG_MS 120000
#define IN_FORCE_MS 1000    /* a change is in force at the latest */

struct position {
	uint64_t emitted_ms, audited_ms; /* 0: unknown */
	uint64_t results_ms; /* older results may be trimmed */
	int changes; /* of monitors, in the last two minutes */
};

static void ledger_key(const struct scheduler *s, char key[STREAM_KEY_MAX])
{
	snprintf(key, STREAM_KEY_MAX, "%s:scheduler:ledger", s->config.prefix);
}

static int read_position(struct scheduler *s, struct position *at)
{
	char key[STREAM_KEY_MAX];
	ledger_key(s, key);
	struct redis_reply *reply = redis_ask(s->link, "GET %s", key);
	int bad = reply ? 0 : -EIO;
	if (reply_is_text(reply) && sscanf(reply_text(reply, NULL), "emitted=%" SCNu64 " audited=%" SCNu64,
					   &at->emitted_ms, &at->audited_ms) != 2)
		*at = (struct position){ 0 };
	redis_reply_free(reply);
	return bad;
}

void take_over_save(struct scheduler *s, uint64_t now_ms)
{
	char key[STREAM_KEY_MAX];
	unsigned long long emitted = s->ledger.emitted_ms, audited = ledger_audited_ms(&s->ledger), now = now_ms;
	ledger_key(s, key);
	char text[160];
	snprintf(text, sizeof(text), "emitted=%llu audited=%llu at=%llu by=%s", emitted, audited, now, s->config.name);
	redis_reply_free(redis_ask(s->link, "SET %s %s", key, text));
}

/* ---- monitors that changed a moment ago ---- */

struct young {
	struct scheduler *s;
	uint64_t most_ms; /* not born later than this */
	int count;
};

static void take_change(void *arg, const struct stream_entry *e)
{
	struct young *y = arg;
	size_t len = 0;
	const char *name = stream_entry_field(e, "name", &len);
	uint32_t index = name ? monitors_find(&y->s->monitors, name, len) : INDEX_NONE;
	uint64_t born = e->id_ms + IN_FORCE_MS;
	y->count++;
	if (index != INDEX_NONE)
		y->s->monitors.row[index].born_ms = born < y->most_ms ? born : y->most_ms;
}

/* How many changes there were, or -EIO. */
static int find_young(struct scheduler *s, uint64_t now_ms, uint64_t most_ms)
{
	char log[STREAM_KEY_MAX], why[200];
	unsigned long long from = now_ms - YOUNG_MS;
	struct young y = { .s = s, .most_ms = most_ms };
	monitors_log_key(log, s->config.prefix);
	struct redis_reply *reply = redis_ask(s->link, "XRANGE %s %llu + COUNT %u", log, from, CHANGES_MAX);
	if (!reply)
		return -EIO;
	stream_entries_each(reply, log, take_change, &y, why, sizeof(why));
	redis_reply_free(reply);
	return y.count;
}

/* ---- the position ---- */

/* The last tick that is surely scheduled; 0: there was no scheduler before. */
static uint64_t last_complete(const struct position *saved, uint64_t latest_ms, uint64_t now_ms)
{
	uint64_t last = latest_ms > TICK_MS ? tick_of(latest_ms) - TICK_MS : 0;
	last = saved->emitted_ms > last ? tick_of(saved->emitted_ms) : last;
	return last < tick_of(now_ms) ? last : tick_of(now_ms);
}

/* From where on what was scheduled before us is counted: as far back as its results can still be read, and the monitors are
 * known as they were. */
static uint64_t inherit_from(const struct scheduler *s, const struct position *saved, uint64_t last_ms, uint64_t now_ms)
{
	uint64_t from = tick_of(saved->audited_ms > saved->results_ms ? saved->audited_ms : saved->results_ms);
	bool known = saved->audited_ms && saved->changes < CHANGES_MAX && !s->anew;
	return known && from < last_ms && now_ms - from < INHERIT_MAX_MS ? from : last_ms;
}

static void begin(struct scheduler *s, const struct position *saved, uint64_t last_ms, uint64_t now_ms)
{
	uint64_t audited = inherit_from(s, saved, last_ms, now_ms);
	ledger_open(&s->ledger, audited, last_ms);
	for (unsigned i = 0; i < s->places.count; i++) {
		s->places.place[i].res_ms = audited;
		s->places.place[i].res_seq = 0;
	}
	log_info("scheduling", LOG_U("from_slot", last_ms + TICK_MS), LOG_U("behind_ms", now_ms - last_ms),
		 LOG_U("inherited_slots", counter_read(&s->counters->waiting)), LOG_U("monitors", s->monitors.live));
}

int take_over(struct scheduler *s, uint64_t now_ms)
{
	struct position saved = { 0 };
	uint64_t latest_ms, *cleared = calloc(s->places.count + 1, sizeof(*cleared));
	int bad = cleared ? places_ends(&s->places, s->link, &latest_ms) : -EIO;
	int repaired = bad ? bad : places_repair(&s->places, s->link, now_ms, cleared, s->counters);
	if (repaired > 0)
		bad = places_ends(&s->places, s->link, &latest_ms);
	bad = repaired < 0 ? repaired : bad;
	bad = bad ? bad : read_position(s, &saved);
	bad = bad ? bad : places_results_from(&s->places, s->link, &saved.results_ms);
	uint64_t last = bad ? 0 : last_complete(&saved, latest_ms, now_ms);
	last = last ? last : tick_of(now_ms);
	saved.changes = bad ? bad : find_young(s, now_ms, last);
	if (saved.changes >= 0) {
		begin(s, &saved, last, now_ms);
		for (unsigned i = 0; i < s->places.count; i++)
			ledger_cleared(&s->ledger, &s->places.place[i], now_ms, cleared[i]);
		s->steps_seen = s->clock.steps;
		s->fresh = true;
		s->pending = false;
		s->stride = 1;
	}
	free(cleared);
	return saved.changes < 0 ? saved.changes : 0;
}
