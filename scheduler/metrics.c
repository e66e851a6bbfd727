/* metrics.c - see metrics.h. */
#include "scheduler/metrics.h"

#include "base/prom_text.h"

#include <inttypes.h>
#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#define P "portwatch_scheduler_"

static void total(struct text *t, const char *name, const char *help, const counter *c)
{
	prom_single(t, name, "counter", help, counter_read(c));
}

static void gauge(struct text *t, const char *name, const char *help, const counter *c)
{
	prom_single(t, name, "gauge", help, counter_read(c));
}

static void write_info(struct text *t, const struct scheduler_metrics *m)
{
	prom_family(t, P "info", "gauge", "What runs here, as labels; always 1.");
	text_add(t, P "info{");
	prom_label(t, "name", m->name);
	text_add(t, ",");
	prom_label(t, "version", m->version);
	text_add(t, "} 1\n");
}

static void write_ledger(struct text *t, const struct scheduler_counters *c)
{
	/* Read in the order in which they are written, so that the sum is never short by what is on its way. */
	uint64_t answered = counter_read(&c->answered), missed = counter_read(&c->missed),
		 over = counter_read(&c->handed_over);
	total(t, P "slots_scheduled_total",
	      "Slots the ledger answers for: scheduled = answered + missed + handed over + waiting.", &c->scheduled);
	prom_family(t, P "slots_total", "counter", "Slots by how they ended.");
	text_printf(t,
		    P "slots_total{outcome=\"answered\"} %" PRIu64 "\n" P "slots_total{outcome=\"missed\"} %" PRIu64
		      "\n" P "slots_total{outcome=\"handed_over\"} %" PRIu64 "\n",
		    answered, missed, over);
	gauge(t, P "slots_waiting", "Slots scheduled and neither answered nor missed yet.", &c->waiting);
	prom_family(t, P "missed_total", "counter", "Slots without a result, by region and reason.");
	for (unsigned r = 0; r < atomic_load(&c->regions); r++)
		for (unsigned why = 0; why < MISSED_REASONS; why++) {
			text_add(t, P "missed_total{");
			prom_label(t, "region", c->region[r]);
			text_add(t, ",");
			prom_label(t, "reason", missed_sentence[why]);
			text_printf(t, "} %" PRIu64 "\n", counter_read(&c->missed_by[r][why]));
		}
	total(t, P "late_answers_total", "Results of slots that were missed already.", &c->late_answers);
	total(t, P "foreign_rows_total", "Results of slots or monitors that were not scheduled here.",
	      &c->foreign_rows);
	total(t, P "bad_results_total", "Result entries that could not be read.", &c->bad_results);
	total(t, P "missed_unwritten_total", "Missed slots whose names are not in the missed streams.",
	      &c->missed_unwritten);
}

static void write_jobs(struct text *t, const struct scheduler_counters *c)
{
	total(t, P "jobs_total", "Jobs put on the streams.", &c->jobs);
	total(t, P "entries_total", "Entries they are in.", &c->entries);
	total(t, P "entries_refused_total", "Entries that Redis refused because it is full, or for good.",
	      &c->refused_entries);
	total(t, P "entries_already_there_total", "Entries refused because they, or later ones, were in the stream.",
	      &c->already_there);
	total(t, P "entries_cleared_total", "Entries from the future that were taken out.", &c->cleared_entries);
	total(t, P "entries_trimmed_total",
	      "Entries trimmed because nobody read them for 5 minutes, or because Redis was full.",
	      &c->trimmed_entries);
	prom_histogram(t, P "lateness_seconds", "Slot to acknowledged by Redis, of each entry.", &c->late);
	prom_family(t, P "lag_seconds", "gauge", "How far the last tick lies behind the time.");
	text_printf(t, P "lag_seconds %.3f\n", (double)counter_read(&c->lag_ms) / 1e3);
}

static void write_state(struct text *t, const struct scheduler_counters *c)
{
	gauge(t, P "monitors", "Monitors that are scheduled.", &c->monitors);
	total(t, P "monitor_changes_total", "Entries of the change log that were followed.", &c->changes);
	total(t, P "monitor_loads_total", "How often all monitors were read.", &c->loads);
	total(t, P "monitors_broken_total", "Monitors or settings that could not be used, each time they were told.",
	      &c->broken);
	gauge(t, P "lease_held", "1 while this is the scheduler that schedules.", &c->lease_held);
	total(t, P "lease_taken_total", "How often it was given the lease.", &c->lease_taken);
	prom_family(t, P "local_clock_offset_seconds", "gauge", "The local clock less Redis'.");
	text_printf(t, P "local_clock_offset_seconds %.6f\n", (double)atomic_load(&c->local_clock_us) / 1e6);
	gauge(t, P "local_clock_wrong", "1 while that is more than 2 s.", &c->clock_wrong);
	total(t, P "clock_steps_total", "How often Redis' clock was set.", &c->clock_steps);
	gauge(t, P "redis_up", "1 while the connection stands.", &c->redis_up);
	total(t, P "redis_connects_total", "Connections made.", &c->redis_connects);
	gauge(t, P "redis_full", "1 while jobs are left out because Redis is full.", &c->redis_full);
}

static void write_memory(struct text *t)
{
#ifdef HAVE_JEMALLOC
	uint64_t epoch = 1;
	size_t len = sizeof(epoch), allocated = 0, resident = 0, size = sizeof(allocated);
	mallctl("epoch", &epoch, &len, &epoch, len); /* statistics stand still until this is written */
	mallctl("stats.allocated", &allocated, &size, NULL, 0);
	mallctl("stats.resident", &resident, &size, NULL, 0);
	prom_single(t, P "memory_allocated_bytes", "gauge", "Bytes allocated (jemalloc stats.allocated).", allocated);
	prom_single(t, P "memory_resident_bytes", "gauge",
		    "Bytes the allocator keeps resident (jemalloc stats.resident).", resident);
#else
	(void)t;
#endif
}

void scheduler_metrics_write(void *arg, struct text *into)
{
	const struct scheduler_metrics *m = arg;
	write_info(into, m);
	write_ledger(into, m->counters);
	write_jobs(into, m->counters);
	write_state(into, m->counters);
	write_memory(into);
}
