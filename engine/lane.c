/* lane.c - one thread of the engine: takes batches, starts their jobs as slots and pace allow, gives batches back when
 * the last job has an outcome.
 * In: lane_give().  Out: config.finished.  Owns: connector, sockets and slots, all made in its own thread (an io_uring
 * with DEFER_TASKRUN belongs to the thread that made it). */
#include "engine/lane.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "engine/early.h"
#include "engine/pace.h"
#include "engine/parked.h"
#include "engine/probe.h"
#include "engine/tls_stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANE_WAIT_NS NS_PER_S /* the longest sleep; every event wakes it earlier */
#define LANE_STACK_BYTES (256 * 1024)

struct lane {
	struct lane_config config;
	pthread_t thread;

	/* between threads */
	struct batch_queue inbox;
	atomic_bool asleep, draining, stopped;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { LANE_STARTING, LANE_READY, LANE_FAILED } readiness; /* under lock */
	char why[256];						   /* under lock until READY */

	/* the thread's own */
	struct connector *connector;
	struct socket_pool pool;
	struct probes probes;
	struct pace pace;
	struct batch_list hot, waiting, finished;
	struct parked parked; /* begun as far as the list is concerned; they wait for their turn at an address */
	struct early early;
	struct batch_list passed; /* finished but for what tls_stage.c has to do */
	struct lane_counters counters;
};

static void job_done(void *arg, struct batch *b)
{
	struct lane *lane = arg;
	must(b->open > 0);
	if (--b->open == 0) {
		early_drop(&lane->early, b);
		if (b->passed && lane->config.early)
			early_say(b, &lane->finished); /* what is down must not wait for somebody's certificate */
		batch_list_add(b->passed ? &lane->passed : &lane->finished, b);
	} else if (lane->config.early && !b->ripe_ns) {
		early_wait(&lane->early, b, clock_ns());
	}
}

/* What can be said of a row without a packet, or NONE.  The resolver may have said it already. */
static enum verdict verdict_at_once(const struct lane *lane, const struct job *job, const struct outcome *o, uint64_t wall_ms,
				    const char **detail)
{
	*detail = o->detail;
	if (o->verdict != VERDICT_NONE)
		return (enum verdict)o->verdict;
	if (job->bad) {
		*detail = job->bad;
		return VERDICT_LOCAL;
	}
	if (atomic_load_explicit(&lane->draining, memory_order_relaxed))
		return VERDICT_SHUTDOWN;
	if (wall_ms > job->slot_ms + job->expires_ms)
		return VERDICT_EXPIRED;
	if (job->family == FAMILY_NONE) {
		*detail = "no resolver has seen this name"; /* a batch that came past the pipeline */
		return VERDICT_RESOLVER;
	}
	return VERDICT_NONE;
}

static void answer_at_once(struct lane *lane, struct batch *b, unsigned job, enum verdict v, const char *detail)
{
	struct outcome *o = &b->outcomes[job];
	o->verdict = (uint8_t)v;
	o->detail = detail;
	if (v == VERDICT_EXPIRED)
		o->late_us = probe_lateness_us(&b->jobs[job], o);
	counter_add(&lane->counters.verdict[v], 1);
	job_done(lane, b);
}

/* A certificate is not looked at in this loop.  Counted under NONE: for this lane the job has ended. */
static void pass_on(struct lane *lane, struct batch *b)
{
	must(lane->config.tls);
	b->passed++;
	counter_add(&lane->counters.verdict[VERDICT_NONE], 1);
	job_done(lane, b);
}

static const char cap_missed[] = "more probes of this address are due than --per-destination allows: this one would "
				 "have been too old at its turn, and was not probed";

/* Whether the job may connect now; if not it has been parked, or answered. */
static bool address_has_a_turn(struct lane *lane, struct batch *b, unsigned job, uint64_t now_ns, uint64_t wall_ms)
{
	const struct job *j = &b->jobs[job];
	if (!lane->config.cap || !probe_would_connect(&lane->probes, j))
		return true;
	const uint64_t left_ms = j->slot_ms + j->expires_ms - wall_ms; /* a slot may lie in a future that overflows as ns */
	const uint64_t latest_ns = now_ns + (left_ms < JOB_EXPIRES_MAX_MS ? left_ms : JOB_EXPIRES_MAX_MS) * NS_PER_MS;
	const uint64_t due_ns = destination_cap_take(lane->config.cap, j, now_ns, latest_ns);
	if (!due_ns)
		return true;
	counter_add(&lane->counters.capped, 1);
	if (due_ns == CAP_NOT_IN_TIME)
		answer_at_once(lane, b, job, VERDICT_EXPIRED, cap_missed);
	else
		must_say(parked_add(&lane->parked, due_ns, b, job), "no memory for %u waiting jobs", lane->parked.count);
	return false;
}

/* Starts what was parked and is due, as slots and pace allow; what nobody can wait for any more is answered. */
static void start_parked(struct lane *lane, unsigned *room, uint64_t now_ns, uint64_t wall_ms)
{
	const bool draining = atomic_load_explicit(&lane->draining, memory_order_relaxed);
	for (const struct parked_job *first; (first = parked_first(&lane->parked)) && (draining || first->due_ns <= now_ns);) {
		const char *detail;
		struct batch *b = first->batch;
		const unsigned job = first->job;
		enum verdict v = verdict_at_once(lane, &b->jobs[job], &b->outcomes[job], wall_ms, &detail);
		if (v == VERDICT_NONE && (*room == 0 || pace_take(&lane->pace, now_ns, 1) == 0))
			return;
		parked_drop_first(&lane->parked);
		if (v != VERDICT_NONE) {
			answer_at_once(lane, b, job, v, detail);
		} else {
			--*room;
			probe_start(&lane->probes, b, job);
		}
	}
}

/* The batch that is next, hot ones first; NULL: none. */
static struct batch_list *next_list(struct lane *lane)
{
	return lane->hot.head ? &lane->hot : lane->waiting.head ? &lane->waiting : NULL;
}

/* Starts what slots and pace allow, hot batches first, in the order they came. */
static void start_jobs(struct lane *lane)
{
	struct batch_list *list;
	unsigned room = lane->connector->ops->room(lane->connector);
	if (room > lane->probes.free_count)
		room = lane->probes.free_count;
	uint64_t now_ns = clock_ns(), wall_ms = clock_wall_ms();
	start_parked(lane, &room, now_ns, wall_ms);
	while ((list = next_list(lane))) {
		const char *detail;
		struct batch *b = list->head;
		unsigned job = b->started;
		enum verdict v = verdict_at_once(lane, &b->jobs[job], &b->outcomes[job], wall_ms, &detail);
		if (v == VERDICT_NONE && (room == 0 || pace_take(&lane->pace, now_ns, 1) == 0))
			return;
		if (++b->started == b->count)
			batch_list_take(list); /* before its last job, which may finish it */
		if (v != VERDICT_NONE) {
			answer_at_once(lane, b, job, v, detail);
		} else if (b->jobs[job].tls.wanted) {
			pass_on(lane, b);
		} else if (address_has_a_turn(lane, b, job, now_ns, wall_ms)) {
			room--;
			probe_start(&lane->probes, b, job);
		}
	}
}

static void take_inbox(struct lane *lane)
{
	struct batch_list fresh = { 0 };
	batch_queue_take(&lane->inbox, &fresh, 0);
	for (struct batch *b; (b = batch_list_take(&fresh));)
		batch_list_add(b->hot ? &lane->hot : &lane->waiting, b);
}

static uint64_t wait_for_jobs_ns(struct lane *lane)
{
	const struct parked_job *first = parked_first(&lane->parked);
	if ((!next_list(lane) && !first) || lane->probes.free_count == 0)
		return LANE_WAIT_NS;
	const uint64_t now_ns = clock_ns();
	if (!next_list(lane) && first->due_ns > now_ns)
		return first->due_ns - now_ns < LANE_WAIT_NS ? first->due_ns - now_ns : LANE_WAIT_NS;
	return pace_wait_ns(&lane->pace, now_ns); /* 0: the submission queue was full; submit and go on */
}

static uint64_t wait_ns(struct lane *lane)
{
	const uint64_t ripe_ns = early_next_ns(&lane->early);
	if (lane->finished.head || lane->passed.head)
		return 0;
	uint64_t wait = wait_for_jobs_ns(lane);
	if (ripe_ns == UINT64_MAX || !wait)
		return wait;
	const uint64_t now_ns = clock_ns(), ripens_ns = ripe_ns > now_ns ? ripe_ns - now_ns : 0;
	return ripens_ns < wait ? ripens_ns : wait;
}

/* Sleeps in the connector unless something came in since the inbox was looked at. */
static void turn(struct lane *lane)
{
	uint64_t wait = wait_ns(lane);
	atomic_store(&lane->asleep, true);
	pthread_mutex_lock(&lane->inbox.lock);
	bool more = lane->inbox.list.head != NULL;
	pthread_mutex_unlock(&lane->inbox.lock);
	bool stopped = atomic_load(&lane->stopped);
	lane->connector->ops->turn(lane->connector, more || stopped ? 0 : wait);
	atomic_store(&lane->asleep, false);
}

static void lane_report(struct lane *lane, int readiness)
{
	pthread_mutex_lock(&lane->lock);
	lane->readiness = readiness;
	pthread_cond_signal(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
}

static bool set_up(struct lane *lane)
{
	const struct lane_config *config = &lane->config;
	lane->connector = connector_open(config->connector, config->slots, probe_answered, &lane->probes, lane->why,
					 sizeof(lane->why));
	if (!lane->connector)
		return false;
	if (lane->connector->lacks && config->number == 0) /* the same for every lane */
		log_info("an older way of io_uring is used", LOG_S("without", lane->connector->lacks));
	pace_init(&lane->pace, config->rate);
	socket_pool_init(&lane->pool, lane->connector, config->from, config->slots);
	int bad = probes_init(&lane->probes, config->slots);
	if (bad)
		snprintf(lane->why, sizeof(lane->why), "%s", strerror(-bad));
	lane->probes.connector = lane->connector;
	lane->probes.pool = &lane->pool;
	lane->probes.counters = &lane->counters;
	lane->probes.policy = config->policy;
	lane->probes.coalesce = config->coalesce;
	lane->probes.job_done = job_done;
	lane->probes.arg = lane;
	return !bad;
}

static void tear_down(struct lane *lane)
{
	if (lane->connector)
		lane->connector->ops->close(lane->connector); /* takes back what the kernel borrowed, then the rest may go */
	probes_abandon(&lane->probes); /* their batches are in a list now, and go with it */
	for (const struct parked_job *first; (first = parked_first(&lane->parked)); parked_drop_first(&lane->parked))
		job_done(lane, first->batch); /* likewise */
	parked_free(&lane->parked);
	socket_pool_free(&lane->pool);
	probes_free(&lane->probes);
}

static void *lane_run(void *arg)
{
	struct lane *lane = arg;
	bool ready = set_up(lane);
	lane_report(lane, ready ? LANE_READY : LANE_FAILED);
	while (ready && !atomic_load(&lane->stopped)) {
		take_inbox(lane);
		start_jobs(lane);
		counter_set(&lane->counters.waiting, lane->hot.jobs + lane->waiting.jobs + lane->parked.count);
		turn(lane);
		if (lane->early.first)
			early_take(&lane->early, clock_ns(), &lane->finished);
		batch_queue_put(lane->config.finished, &lane->finished);
		if (lane->passed.head)
			tls_stage_give(lane->config.tls, &lane->passed);
	}
	pthread_mutex_lock(&lane->lock); /* whoever stops us may still be waking the connector */
	pthread_mutex_unlock(&lane->lock);
	tear_down(lane);
	return NULL;
}

static void lane_free(struct lane *lane)
{
	struct batch_list *left[] = { &lane->hot, &lane->waiting, &lane->finished, &lane->passed };
	for (size_t i = 0; i < ARRAY_LEN(left); i++)
		for (struct batch *b; (b = batch_list_take(left[i]));)
			batch_free(b);
	batch_queue_free(&lane->inbox);
	pthread_mutex_destroy(&lane->lock);
	pthread_cond_destroy(&lane->changed);
	free(lane);
}

static int spawn(struct lane *lane)
{
	char name[16];
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, LANE_STACK_BYTES);
	int error = pthread_create(&lane->thread, &attr, lane_run, lane);
	pthread_attr_destroy(&attr);
	if (error)
		return -error;
	snprintf(name, sizeof(name), "lane %u", lane->config.number);
	pthread_setname_np(lane->thread, name);
	return 0;
}

struct lane *lane_start(const struct lane_config *config, char *why, size_t why_len)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	if (!lane) {
		snprintf(why, why_len, "no memory for a lane");
		return NULL;
	}
	lane->config = *config;
	batch_queue_init(&lane->inbox);
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->changed, NULL);
	int error = spawn(lane);
	if (error) {
		snprintf(why, why_len, "no thread for a lane: %s", strerror(-error));
		lane_free(lane);
		return NULL;
	}
	pthread_mutex_lock(&lane->lock);
	while (lane->readiness == LANE_STARTING)
		pthread_cond_wait(&lane->changed, &lane->lock);
	bool failed = lane->readiness == LANE_FAILED;
	pthread_mutex_unlock(&lane->lock);
	if (!failed)
		return lane;
	snprintf(why, why_len, "%s", lane->why);
	pthread_join(lane->thread, NULL);
	lane_free(lane);
	return NULL;
}

void lane_give(struct lane *lane, struct batch_list *batches)
{
	batch_queue_put(&lane->inbox, batches);
	if (atomic_load(&lane->asleep))
		lane->connector->ops->wake(lane->connector);
}

void lane_drain(struct lane *lane)
{
	atomic_store(&lane->draining, true);
	lane->connector->ops->wake(lane->connector);
}

void lane_stop(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	atomic_store(&lane->stopped, true);
	lane->connector->ops->wake(lane->connector);
	pthread_mutex_unlock(&lane->lock);
	pthread_join(lane->thread, NULL);
	lane_free(lane);
}

const char *lane_connector(const struct lane *lane)
{
	return lane->connector->ops->name;
}

const char *lane_connector_why(const struct lane *lane)
{
	return lane->why;
}

const struct lane_counters *lane_counters(const struct lane *lane)
{
	return &lane->counters;
}
