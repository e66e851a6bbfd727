/* follow.c - monitors and settings as Redis tells them, put in force between two ticks.
 * In: calls of monitor_follow.  Out: rows of monitors and of the ledger, born or retired at the tick that is in force.
 * Owns: nothing.  Why so: a load of a million monitors takes seconds, so ticks go on in between (schedule_breathe()).
 */
#include "scheduler/pipeline.h"

#include "base/clock.h"
#include "base/wait.h"

#include <errno.h>

#define BREATHE_MONITORS 200 /* told between two looks at the ticks: about a ms */
#define POLL_NS (200 * NS_PER_MS)

static void sink_begin(void *arg)
{
	struct scheduler *s = arg;
	monitors_begin(&s->monitors);
}

static void sink_end(void *arg)
{
	struct scheduler *s = arg;
	monitors_end(&s->monitors, tick_in_force_ms(s), s->running);
	log_info("monitors loaded", LOG_U("scheduled", s->monitors.live));
}

/* Regions and shards make the grid: with others, everything begins anew, also the reading of monitors. */
static void sink_settings(void *arg, struct settings *settings)
{
	struct scheduler *s = arg;
	bool same =
		s->monitors.regions == settings->regions && s->monitors.shards == settings->shards && s->places.place;
	for (unsigned i = 0; same && i < settings->regions; i++)
		same = strcmp(s->monitors.region[i], settings->region[i]) == 0;
	if (same)
		return;
	s->anew |= s->ledger.open;
	ledger_give_up(&s->ledger, MISSED_MOVED);
	s->running = s->pending = false;
	s->follow.loaded = false;
	monitors_place(&s->monitors, settings);
	ledger_place(&s->ledger);
	if (!places_set(&s->places, s->config.prefix, settings, s->counters))
		log_errorx("no memory for the streams of all regions");
	log_info("regions", LOG_U("regions", settings->regions), LOG_U("shards", settings->shards));
}

static void broken(struct scheduler *s, const char *why)
{
	unsigned missed;
	counter_add(&s->counters->broken, 1);
	if (log_allowed(&s->broken_said, 2, &missed))
		log_warnx("a monitor or the settings cannot be used; what was known of it is kept", LOG_S("why", why),
			  LOG_UNSAID(missed));
}

static void sink_set(void *arg, struct monitor *m)
{
	struct scheduler *s = arg;
	char why[200];
	uint32_t index;
	if (!monitors_set(&s->monitors, m, tick_in_force_ms(s), s->running, &index, why, sizeof(why)))
		broken(s, why);
	else if (index != INDEX_NONE && !ledger_fresh(&s->ledger, index))
		broken(s, "no memory for the ledger");
	if (++s->told % BREATHE_MONITORS == 0)
		schedule_breathe(s);
}

static void sink_del(void *arg, const char *name, size_t len)
{
	struct scheduler *s = arg;
	monitors_remove(&s->monitors, name, len, tick_in_force_ms(s), s->running);
}

/* It stays as it was: a typing error must not end the watch over a database. */
static void sink_broken(void *arg, const char *name, size_t len, const char *why)
{
	struct scheduler *s = arg;
	uint32_t index = name ? monitors_find(&s->monitors, name, len) : INDEX_NONE;
	if (index != INDEX_NONE)
		s->monitors.row[index].told = s->monitors.telling;
	broken(s, why);
}

void follow_begin(struct scheduler *s)
{
	s->sink = (struct monitor_sink){ sink_begin, sink_end, sink_settings, sink_set, sink_del, sink_broken, s };
	monitor_follow_init(&s->follow, s->config.prefix, &s->sink);
}

void follow_poll(struct scheduler *s)
{
	unsigned missed, wait_ms;
	if (redis_link_up(s->side, &wait_ms) != 0 || (s->follow.loaded && !is_due(&s->next_follow_ns, POLL_NS)))
		return;
	int told = monitor_follow_poll(&s->follow, s->side, 0);
	if (told == MONITOR_CHUNK)
		s->next_follow_ns = 0; /* there is more */
	if (told == -EIO || told >= 0)
		counter_set(&s->counters->changes, s->follow.changes);
	else if (log_allowed(&s->broken_said, 1, &missed))
		log_warnx("monitors cannot be read", LOG_S("why", s->follow.why), LOG_UNSAID(missed));
	counter_set(&s->counters->loads, s->follow.loads);
	counter_set(&s->counters->monitors, s->monitors.live);
}
