/* metrics.c - see metrics.h.
 * In: counters that the pipeline's thread writes.  Out: text.  Owns: nothing; called from the page's thread. */
#include "alerts/metrics.h"

#include "alerts/dead_man.h"
#include "base/clock.h"
#include "base/prom_text.h"

#include <inttypes.h>

static void write_results(struct text *t, struct alerts_counters *c)
{
	prom_family(t, "portwatch_alerts_results_total", "counter", "Results read, by whether their monitor is watched here.");
	text_printf(t, "portwatch_alerts_results_total{watched=\"yes\"} %" PRIu64 "\n", atomic_load(&c->results));
	text_printf(t, "portwatch_alerts_results_total{watched=\"no\"} %" PRIu64 "\n", atomic_load(&c->strangers));
	prom_single(t, "portwatch_alerts_entries_total", "counter", "Entries read from result streams.", atomic_load(&c->feed.entries));
	prom_single(t, "portwatch_alerts_entries_unreadable_total", "counter", "Entries that no reader can make sense of.",
	       atomic_load(&c->feed.unreadable));
	prom_single(t, "portwatch_alerts_entries_vanished_total", "counter", "Entries that were trimmed while they were pending.",
	       atomic_load(&c->feed.vanished));
}

static void write_decisions(struct text *t, struct alerts_counters *c)
{
	prom_family(t, "portwatch_alerts_decisions_total", "counter", "Events decided, told or not.");
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
		for (unsigned ends = 0; ends < 2; ends++)
			text_printf(t, "portwatch_alerts_decisions_total{kind=\"%s\",resolved=\"%s\"} %" PRIu64 "\n",
				    event_kind_names[kind], ends ? "yes" : "no", atomic_load(&c->decisions[kind][ends]));
	prom_family(t, "portwatch_alerts_monitors", "gauge", "Monitors watched here, by state; counted every few seconds.");
	for (unsigned state = 0; state < WATCH_STATES; state++)
		text_printf(t, "portwatch_alerts_monitors{state=\"%s\"} %" PRIu64 "\n", watch_state_names[state],
			    atomic_load(&c->watched[state]));
	prom_single(t, "portwatch_alerts_rounds_total", "counter", "Confirm and recheck rounds asked for.", atomic_load(&c->rounds));
	prom_single(t, "portwatch_alerts_round_jobs_total", "counter", "Jobs sent for them.", atomic_load(&c->probes));
	prom_single(t, "portwatch_alerts_questions_total", "counter", "Questions of people answered.", atomic_load(&c->questions));
	prom_single(t, "portwatch_alerts_monitors_unreadable_total", "counter", "Monitors or settings that could not be read.",
	       atomic_load(&c->broken));
}

static void write_store(struct text *t, struct store_counters *c)
{
	prom_single(t, "portwatch_alerts_commits_total", "counter", "Transactions that made decisions last.", atomic_load(&c->commits));
	prom_single(t, "portwatch_alerts_commit_retries_total", "counter", "Transactions that Redis refused and that were tried again.",
	       atomic_load(&c->retries));
	prom_single(t, "portwatch_alerts_commits_void_total", "counter", "Transactions given up because the shard was another's by then.",
	       atomic_load(&c->lost));
	prom_single(t, "portwatch_alerts_events_total", "counter", "Events put into the log of events.", atomic_load(&c->events));
	prom_single(t, "portwatch_alerts_events_told_total", "counter", "Those of them that were put into the outbox too.",
	       atomic_load(&c->told));
	prom_single(t, "portwatch_alerts_redis_full", "gauge", "1 while Redis refuses decisions for want of memory.", atomic_load(&c->full));
}

static void write_shards(struct text *t, struct alerts_counters *c)
{
	prom_single(t, "portwatch_alerts_shards", "gauge", "Shards decided here.", atomic_load(&c->shards));
	prom_single(t, "portwatch_alerts_shards_all", "gauge", "Shards there are.", atomic_load(&c->shards_all));
	prom_single(t, "portwatch_alerts_processes", "gauge", "Living alerts processes, this one included.", atomic_load(&c->alive));
	prom_single(t, "portwatch_alerts_problems", "gauge", "Problems of portwatch itself that are on; told by who decides shard 0.",
	       atomic_load(&c->problems));
	prom_single(t, "portwatch_alerts_redis_up", "gauge", "1 while the connection stands.", atomic_load(&c->redis_up));
	prom_single(t, "portwatch_alerts_redis_connects_total", "counter", "Connections made.", atomic_load(&c->redis_connects));
	prom_single(t, "portwatch_alerts_passes_total", "counter", "Turns of the main loop.", atomic_load(&c->passes));
}

/* A region's name is plain: letters, digits, dot, dash and underscore. */
static void write_regions(struct text *t, struct alerts_counters *c)
{
	uint64_t now_ms = clock_wall_ms(), n = atomic_load(&c->regions);
	prom_family(t, "portwatch_alerts_region_silent", "gauge", "1 while no engine of the region has answered for 20 s.");
	for (unsigned i = 0; i < n; i++)
		text_printf(t, "portwatch_alerts_region_silent{region=\"%s\"} %" PRIu64 "\n", c->region_name[i],
			    atomic_load(&c->region_silent[i]));
	prom_family(t, "portwatch_alerts_region_quarantined", "gauge", "1 while the region may not vote.");
	for (unsigned i = 0; i < n; i++)
		text_printf(t, "portwatch_alerts_region_quarantined{region=\"%s\"} %" PRIu64 "\n", c->region_name[i],
			    atomic_load(&c->region_quarantined[i]));
	prom_family(t, "portwatch_alerts_region_resolver_fails", "gauge", "1 while the region's resolver answers for less than half of the names.");
	for (unsigned i = 0; i < n; i++)
		text_printf(t, "portwatch_alerts_region_resolver_fails{region=\"%s\"} %" PRIu64 "\n", c->region_name[i],
			    atomic_load(&c->region_resolver_fails[i]));
	prom_family(t, "portwatch_alerts_region_newest_result_seconds", "gauge", "Age of the newest result of the region; absent before the first.");
	for (unsigned i = 0; i < n; i++) {
		uint64_t newest_ms = atomic_load(&c->region_newest_ms[i]);
		if (newest_ms)
			text_printf(t, "portwatch_alerts_region_newest_result_seconds{region=\"%s\"} %.3f\n", c->region_name[i],
				    now_ms > newest_ms ? (double)(now_ms - newest_ms) / 1e3 : 0.0);
	}
	prom_family(t, "portwatch_alerts_region_result_delay_seconds", "gauge", "How old the result read last was when it was read.");
	for (unsigned i = 0; i < n; i++)
		text_printf(t, "portwatch_alerts_region_result_delay_seconds{region=\"%s\"} %.3f\n", c->region_name[i],
			    (double)atomic_load(&c->region_delay_ms[i]) / 1e3);
}

static void write_dead_man(struct text *t, const struct dead_man *d)
{
	struct dead_man_counters c;
	dead_man_look(d, &c);
	prom_family(t, "portwatch_alerts_dead_man_calls_total", "counter", "Calls of the dead man's URL; withheld: the path did not work.");
	text_printf(t, "portwatch_alerts_dead_man_calls_total{outcome=\"answered\"} %" PRIu64 "\n", c.called);
	text_printf(t, "portwatch_alerts_dead_man_calls_total{outcome=\"failed\"} %" PRIu64 "\n", c.failed);
	text_printf(t, "portwatch_alerts_dead_man_calls_total{outcome=\"withheld\"} %" PRIu64 "\n", c.withheld);
}

void metrics_write(void *arg, struct text *t)
{
	struct metrics *m = arg;
	struct alerts_counters *c = m->counters;
	prom_family(t, "portwatch_alerts_info", "gauge", "What runs here, as labels; always 1.");
	text_printf(t, "portwatch_alerts_info{name=\"%s\",version=\"%s\"} 1\n", m->name, m->version);
	write_results(t, c);
	write_decisions(t, c);
	write_store(t, &c->store);
	write_shards(t, c);
	write_regions(t, c);
	write_dead_man(t, m->dead_man);
	if (m->notifier)
		notifier_metrics(m->notifier, t);
}
