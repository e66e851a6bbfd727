/* metrics.c - see metrics.h. */
#include "engine/metrics.h"

#include "base/clock.h"
#include "base/prom_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

static void seconds_since(struct text *t, const char *name, const char *help, uint64_t then_ns)
{
	prom_family(t, name, "gauge", help);
	text_printf(t, "%s %.3f\n", name, then_ns ? (double)(clock_ns() - then_ns) / (double)NS_PER_S : 0.0);
}

static uint64_t lanes_sum(const struct metrics *m, size_t at)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < pipeline_lanes(m->pipeline); i++)
		sum += counter_read((const counter *)((const char *)pipeline_lane_counters(m->pipeline, i) + at));
	return sum;
}

#define LANES_SUM(m, field) lanes_sum((m), offsetof(struct lane_counters, field))

static void write_info(struct text *t, const struct metrics *m, const struct pipeline_state *state)
{
	prom_family(t, "portwatch_engine_info", "gauge", "What runs here, as labels; always 1.");
	text_add(t, "portwatch_engine_info{");
	prom_label(t, "region", m->region);
	text_add(t, ",");
	prom_label(t, "engine", m->consumer);
	text_add(t, ",");
	prom_label(t, "version", m->version);
	text_add(t, "} 1\n");
	prom_family(t, "portwatch_engine_connector_info", "gauge", "The connector in use and, if it is not the first choice, why; always 1.");
	text_add(t, "portwatch_engine_connector_info{");
	prom_label(t, "connector", state->connector);
	text_add(t, ",");
	prom_label(t, "why", state->connector_why);
	text_add(t, "} 1\n");
	prom_single(t, "portwatch_engine_lanes", "gauge", "Threads that probe.", state->lanes);
	prom_single(t, "portwatch_engine_lanes_fallback", "gauge", "Lanes that had to take their second choice of a connector.",
	       state->second_choice);
	prom_single(t, "portwatch_engine_slots", "gauge", "Connects that may be in flight.", state->slots);
}

static void write_jobs(struct text *t, const struct metrics *m, const struct pipeline_state *state)
{
	const struct tls_counters *tls = pipeline_tls_counters(m->pipeline);
	prom_single(t, "portwatch_engine_jobs_taken_total", "counter", "Jobs taken from the source.", state->taken);
	prom_single(t, "portwatch_engine_jobs_published_total", "counter", "Jobs whose result is published.", state->published);
	prom_single(t, "portwatch_engine_jobs_in_flight", "gauge", "Jobs taken and not yet published.", state->in_flight);
	prom_single(t, "portwatch_engine_connects_in_flight", "gauge", "Slots in use.", state->probing);
	prom_single(t, "portwatch_engine_connects_total", "counter", "Connection attempts handed to the kernel.",
	       LANES_SUM(m, connects) + counter_read(&tls->connects));
	prom_single(t, "portwatch_engine_jobs_joined_total", "counter", "Jobs that shared the attempt of an identical one under way.",
	       LANES_SUM(m, joined));
	prom_single(t, "portwatch_engine_jobs_capped_total", "counter", "Jobs that waited for a turn at their address, or did not get one in time.",
	       LANES_SUM(m, capped) + counter_read(&tls->capped));
	prom_single(t, "portwatch_engine_spurious_wakeups_total", "counter", "Completions with nothing to see, waited for again.",
	       LANES_SUM(m, spurious));
	prom_single(t, "portwatch_engine_jobs_waiting", "gauge", "Jobs in accepted batches that have jobs not begun.", LANES_SUM(m, waiting));
	prom_single(t, "portwatch_engine_sockets", "gauge", "Pooled sockets.", LANES_SUM(m, sockets));
	prom_family(t, "portwatch_engine_verdicts_total", "counter", "Jobs by how they ended.");
	for (enum verdict v = VERDICT_NONE + 1; v < VERDICTS; v++)
		text_printf(t, "portwatch_engine_verdicts_total{class=\"%s\",verdict=\"%s\"} %" PRIu64 "\n",
			    verdict_class_name(verdict_row(v)->class), verdict_row(v)->name,
			    lanes_sum(m, offsetof(struct lane_counters, verdict) + v * sizeof(counter)) +
				    counter_read(&tls->verdict[v]));
	prom_single(t, "portwatch_engine_certificate_sessions", "gauge", "Certificates that are looked at now.",
		    counter_read(&tls->sessions));
	prom_single(t, "portwatch_engine_certificate_jobs_waiting", "gauge", "Jobs in batches that wait for a look at a certificate.",
		    counter_read(&tls->waiting));
}

static void write_names(struct text *t, const struct metrics *m, const struct pipeline_state *state)
{
	static const char *const outcome[DNS_OUTCOMES] = { [DNS_ADDRESSES] = "addresses", [DNS_NO_DATA] = "no_data",
							   [DNS_NO_NAME] = "no_name", [DNS_SILENT] = "silent",
							   [DNS_UNREACHED] = "unreached", [DNS_SERVFAIL] = "servfail",
							   [DNS_REFUSED] = "refused", [DNS_GARBLED] = "garbled" };
	const struct resolve_counters *r = pipeline_resolve_counters(m->pipeline);
	prom_single(t, "portwatch_engine_names", "gauge", "Host names that are known.", counter_read(&r->names));
	prom_family(t, "portwatch_engine_names_oldest_seconds", "gauge", "Age of the oldest answer that is in use.");
	text_printf(t, "portwatch_engine_names_oldest_seconds %.3f\n", (double)counter_read(&r->oldest_ms) / MS_PER_S);
	prom_single(t, "portwatch_engine_jobs_resolving", "gauge", "Jobs that wait for a name; they take no slots.", state->resolving);
	prom_single(t, "portwatch_engine_dns_questions_total", "counter", "Questions asked of resolvers.", counter_read(&r->questions));
	prom_single(t, "portwatch_engine_dns_prefetches_total", "counter", "Of them, asked before a known answer expired.",
	       counter_read(&r->prefetches));
	prom_single(t, "portwatch_engine_dns_questions_open", "gauge", "Questions under way.", counter_read(&r->open));
	prom_single(t, "portwatch_engine_dns_questions_queued", "gauge", "Questions not sent yet.", counter_read(&r->queued));
	prom_family(t, "portwatch_engine_dns_answers_total", "counter", "What became of questions.");
	for (unsigned o = DNS_NONE + 1; o < DNS_OUTCOMES; o++)
		text_printf(t, "portwatch_engine_dns_answers_total{outcome=\"%s\"} %" PRIu64 "\n", outcome[o],
			    counter_read(&r->answers[o]));
	prom_family(t, "portwatch_engine_name_jobs_total", "counter", "Jobs with a name, by whether it was known when they came.");
	text_printf(t, "portwatch_engine_name_jobs_total{cache=\"hit\"} %" PRIu64 "\n", counter_read(&r->hits));
	text_printf(t, "portwatch_engine_name_jobs_total{cache=\"miss\"} %" PRIu64 "\n", counter_read(&r->misses));
	prom_single(t, "portwatch_engine_name_stale_total", "counter", "Jobs that got an expired answer because there was no newer one.",
	       counter_read(&r->stale));
	prom_single(t, "portwatch_engine_name_changes_total", "counter", "Times a name's addresses became others.", counter_read(&r->changes));
}

static void write_times(struct text *t, const struct metrics *m)
{
	struct histogram *sum = calloc(2, sizeof(*sum)); /* 14 KB: not for a small thread stack */
	if (!sum) {
		t->failed = true;
		return;
	}
	for (unsigned i = 0; i < pipeline_lanes(m->pipeline); i++) {
		histogram_merge(&sum[0], &pipeline_lane_counters(m->pipeline, i)->rtt);
		histogram_merge(&sum[1], &pipeline_lane_counters(m->pipeline, i)->late);
	}
	prom_histogram(t, "portwatch_engine_rtt_seconds", "SYN to SYN-ACK as the kernel measured it, of open ports without a lost SYN.", &sum[0]);
	prom_histogram(t, "portwatch_engine_lateness_seconds", "Scheduled slot to submission.", &sum[1]);
	free(sum);
}

static void write_streams(struct text *t, const struct metrics *m)
{
	const struct source_counters *in = m->source;
	const struct sink_counters *out = m->sink;
	prom_single(t, "portwatch_engine_entries_taken_total", "counter", "Stream entries taken.", counter_read(&in->entries));
	prom_single(t, "portwatch_engine_entries_published_total", "counter", "Job entries answered and acknowledged.", counter_read(&out->entries));
	prom_single(t, "portwatch_engine_entries_claimed_total", "counter", "Entries that another engine left behind.", counter_read(&in->claimed));
	prom_single(t, "portwatch_engine_entries_vanished_total", "counter", "Entries trimmed away while pending.", counter_read(&in->vanished));
	prom_single(t, "portwatch_engine_entries_trimmed_total", "counter", "Job entries trimmed after every group had them.", counter_read(&in->trimmed));
	prom_family(t, "portwatch_engine_entries_dead_total", "counter", "Entries moved to the dead-letter stream.");
	text_printf(t, "portwatch_engine_entries_dead_total{why=\"unreadable\"} %" PRIu64 "\n", counter_read(&in->bad_entries));
	text_printf(t, "portwatch_engine_entries_dead_total{why=\"delivered_too_often\"} %" PRIu64 "\n", counter_read(&in->too_often));
	prom_single(t, "portwatch_engine_results_held", "gauge", "Finished entries that wait for Redis.", counter_read(&out->held));
	prom_family(t, "portwatch_engine_queue_oldest_seconds", "gauge", "Age of the oldest job entry that no engine has read, looked at every 5 s.");
	text_printf(t, "portwatch_engine_queue_oldest_seconds{stream=\"hot\"} %.3f\n", (double)counter_read(&in->unread_hot_ms) / 1e3);
	text_printf(t, "portwatch_engine_queue_oldest_seconds{stream=\"jobs\"} %.3f\n", (double)counter_read(&in->unread_ms) / 1e3);
	seconds_since(t, "portwatch_engine_oldest_job_seconds", "Age of the oldest entry taken and not published.", counter_read(&in->oldest_ns));
	seconds_since(t, "portwatch_engine_oldest_result_seconds", "Age of the oldest finished entry that waits for Redis.",
		      counter_read(&out->oldest_held_ns));
}

static void write_redis(struct text *t, const struct metrics *m)
{
	prom_family(t, "portwatch_engine_redis_up", "gauge", "1 while the connection stands.");
	text_printf(t, "portwatch_engine_redis_up{link=\"jobs\"} %" PRIu64 "\n", counter_read(&m->source->redis_up));
	text_printf(t, "portwatch_engine_redis_up{link=\"results\"} %" PRIu64 "\n", counter_read(&m->sink->redis_up));
	prom_family(t, "portwatch_engine_redis_connects_total", "counter", "Connections made.");
	text_printf(t, "portwatch_engine_redis_connects_total{link=\"jobs\"} %" PRIu64 "\n", counter_read(&m->source->redis_connects));
	text_printf(t, "portwatch_engine_redis_connects_total{link=\"results\"} %" PRIu64 "\n", counter_read(&m->sink->redis_connects));
	prom_family(t, "portwatch_engine_redis_errors_total", "counter", "Refusals of Redis and broken connections, by kind.");
	for (enum redis_trouble k = TROUBLE_NONE + 1; k < TROUBLES; k++) {
		text_printf(t, "portwatch_engine_redis_errors_total{kind=\"%s\",link=\"jobs\"} %" PRIu64 "\n",
			    redis_trouble_row(k)->name, counter_read(&m->source->trouble[k]));
		text_printf(t, "portwatch_engine_redis_errors_total{kind=\"%s\",link=\"results\"} %" PRIu64 "\n",
			    redis_trouble_row(k)->name, counter_read(&m->sink->trouble[k]));
	}
}

static void write_memory(struct text *t)
{
#ifdef HAVE_JEMALLOC
	uint64_t epoch = 1;
	size_t len = sizeof(epoch), allocated = 0, resident = 0, size = sizeof(allocated);
	mallctl("epoch", &epoch, &len, &epoch, len); /* statistics stand still until this is written */
	mallctl("stats.allocated", &allocated, &size, NULL, 0);
	mallctl("stats.resident", &resident, &size, NULL, 0);
	prom_single(t, "portwatch_engine_memory_allocated_bytes", "gauge", "Bytes the engine has allocated (jemalloc stats.allocated).", allocated);
	prom_single(t, "portwatch_engine_memory_resident_bytes", "gauge", "Bytes the allocator keeps resident (jemalloc stats.resident).", resident);
#else
	(void)t;
#endif
}

void metrics_write(void *arg, struct text *into)
{
	const struct metrics *m = arg;
	struct pipeline_state state;
	if (!m->pipeline)
		return; /* not started yet */
	pipeline_look(m->pipeline, &state);
	write_info(into, m, &state);
	write_jobs(into, m, &state);
	write_names(into, m, &state);
	write_times(into, m);
	write_streams(into, m);
	write_redis(into, m);
	write_memory(into);
}

void metrics_heartbeat(void *arg, struct text *into)
{
	const struct metrics *m = arg;
	struct pipeline_state state;
	if (!m->pipeline)
		return; /* not started yet */
	pipeline_look(m->pipeline, &state);
	text_printf(into, "at=%" PRIu64 " version=%s connector=%s slots=%u taken=%" PRIu64 " published=%" PRIu64
			  " in_flight=%" PRIu64, clock_wall_ms(), m->version, state.connector, state.slots, state.taken,
		    state.published, state.in_flight);
}
