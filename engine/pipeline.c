/* pipeline.c - the engine in one screen: where two stages are named together.
 *
 *	source --take()--> reader thread --lane_give()--> lanes --finished--> writer thread --put()--> sink
 *				     \--resolve_give()--> resolver --lane_give()--/
 *	                                   certificates: \--passed on--> tls_stage --finished--/
 *
 * Batches of literal addresses go straight to a lane.  Those with names pass the resolver, which may split them; the writer
 * joins the parts, so that sink and source see what was taken.
 *
 * Intake is bounded by slots: the reader asks for no more jobs than slots are free, and a slot counts as free only when
 * its job's result is published.  A job that waits for its name takes none (up to RESOLVE_WAITING_MAX of them): 50,000
 * names that nobody knows yet must not keep those with an address waiting.  So Redis slow or away stops intake, memory stays bounded, and
 * taken = published + in flight at every moment. */
#include "engine/pipeline.h"

#include "base/log.h"
#include "base/must.h"
#include "base/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define TAKE_WAIT_MS 1000
#define ROOM_WAIT_MS 100
#define DRAIN_LOOK_MS 500 /* while draining the source goes on renewing what is still ours */
#define DESCRIPTORS_KEPT 38 /* for everything but probes and lanes: connections to Redis, the metrics page, files */
#define DESCRIPTORS_TLS 10  /* its epoll, the eventfd that wakes it, and 8 sessions; more have what lanes leave */
#define DESCRIPTORS_LANE 2  /* its ring or epoll, and the eventfd that wakes it */

struct pipeline {
	struct pipeline_config config;
	struct source *source;
	struct sink *sink;
	struct lane *lane[PIPELINE_LANES_MAX];
	struct destination_cap *cap; /* NULL: none */
	struct tls_stage *tls;	     /* stands from before the first lane until after the last */
	pthread_mutex_t giving;		    /* reader and resolver both give */
	uint64_t given[PIPELINE_LANES_MAX]; /* rows; under giving */
	struct resolver *resolver;
	struct batch_queue finished;
	pthread_t reader, writer;
	bool reading, writing; /* the threads exist */
	atomic_bool draining, stopped;

	pthread_mutex_t lock;
	pthread_cond_t moved; /* something below changed */
	uint64_t taken, published;
	bool source_ended;
};

static void wait_moved(struct pipeline *p, unsigned wait_ms)
{
	wait_until_ns(&p->moved, &p->lock, clock_ns() + wait_ms * NS_PER_MS);
}

/* Jobs that take a slot: under way, and not waiting for a name. */
static uint64_t slots_used(const struct pipeline *p)
{
	uint64_t used = p->taken - p->published, waiting = resolver_waiting(p->resolver);
	if (waiting > RESOLVE_WAITING_MAX)
		waiting = RESOLVE_WAITING_MAX;
	return used > waiting ? used - waiting : 0;
}

/* Free slots, waiting a little for them.  Less than one full entry is not worth a read, unless slots are that few. */
static unsigned wait_for_room(struct pipeline *p)
{
	unsigned least = p->config.slots / 2 < ENTRY_JOBS_MAX ? (p->config.slots + 1) / 2 : ENTRY_JOBS_MAX;
	pthread_mutex_lock(&p->lock);
	uint64_t used = slots_used(p);
	if (p->config.slots < used + least) {
		wait_moved(p, ROOM_WAIT_MS);
		used = slots_used(p);
	}
	pthread_mutex_unlock(&p->lock);
	return p->config.slots < used + least ? 0 : (unsigned)(p->config.slots - used);
}

static uint64_t lane_ended(const struct lane *lane)
{
	uint64_t ended = 0;
	for (unsigned v = 0; v < VERDICTS; v++)
		ended += counter_read(&lane_counters(lane)->verdict[v]);
	return ended;
}

/* The lane with the fewest jobs given and not ended. */
static unsigned idlest_lane(struct pipeline *p)
{
	unsigned best = 0;
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < p->config.lanes; i++) {
		uint64_t open = p->given[i] - lane_ended(p->lane[i]);
		if (open < least) {
			least = open;
			best = i;
		}
	}
	return best;
}

static void give_to_lanes(void *arg, struct batch_list *batches)
{
	struct pipeline *p = arg;
	struct batch_list each[PIPELINE_LANES_MAX] = { 0 };
	pthread_mutex_lock(&p->giving);
	for (struct batch *b; (b = batch_list_take(batches));) {
		unsigned i = idlest_lane(p);
		p->given[i] += b->count;
		batch_list_add(&each[i], b);
	}
	pthread_mutex_unlock(&p->giving);
	for (unsigned i = 0; i < p->config.lanes; i++) /* a sleeping lane is woken once, not for each batch */
		if (each[i].head)
			lane_give(p->lane[i], &each[i]);
}

/* All parts were back before the resolver let go of it. */
static void whole_is_back(void *arg, struct batch *b)
{
	struct pipeline *p = arg;
	struct batch_list one = { 0 };
	batch_list_add(&one, b);
	batch_queue_put(&p->finished, &one);
}

static void give_on(struct pipeline *p, struct batch_list *taken)
{
	struct batch_list names = { 0 }, literals = { 0 };
	pthread_mutex_lock(&p->lock);
	p->taken += taken->jobs;
	pthread_mutex_unlock(&p->lock);
	for (struct batch *b; (b = batch_list_take(taken));)
		batch_list_add(resolve_wanted(b) ? &names : &literals, b);
	give_to_lanes(p, &literals);
	resolve_give(p->resolver, &names);
}

/* Draining: no more jobs, but what was taken is ours until it is published. */
static void keep_until_published(struct pipeline *p)
{
	struct batch_list none = { 0 };
	bool all = false;
	while (!all && !atomic_load(&p->stopped)) {
		p->source->take(p->source, 0, 0, &none);
		must(!none.head);
		pthread_mutex_lock(&p->lock);
		if (p->taken != p->published)
			wait_moved(p, DRAIN_LOOK_MS);
		all = p->taken == p->published;
		pthread_mutex_unlock(&p->lock);
	}
}

static void *reader_run(void *arg)
{
	struct pipeline *p = arg;
	int ended = 0;
	while (!ended && !atomic_load(&p->draining)) {
		struct batch_list taken = { 0 };
		unsigned room = wait_for_room(p);
		ended = p->source->take(p->source, room, room ? TAKE_WAIT_MS : 0, &taken);
		give_on(p, &taken);
	}
	if (!ended)
		keep_until_published(p);
	pthread_mutex_lock(&p->lock);
	p->source_ended = true;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void give_back(struct pipeline *p, struct batch_list *published)
{
	unsigned jobs = 0;
	for (struct batch *b; (b = batch_list_take(published)); batch_free(b)) {
		if (b->early)
			continue; /* a copy: its batch follows */
		p->source->published(p->source, b);
		jobs += b->jobs_taken;
	}
	pthread_mutex_lock(&p->lock);
	p->published += jobs;
	pthread_mutex_unlock(&p->lock);
	pthread_cond_broadcast(&p->moved); /* not under the lock, which the woken would only wait for */
}

/* Parts wait for the rest of their whole. */
static void join_parts(struct batch_list *finished)
{
	struct batch_list joined = { 0 };
	for (struct batch *b; (b = batch_list_take(finished));) {
		if (b->whole && !(b = batch_join(b)))
			continue;
		if (b->parts)
			batch_assemble(b);
		batch_list_add(&joined, b);
	}
	*finished = joined;
}

static void *writer_run(void *arg)
{
	struct pipeline *p = arg;
	unsigned wait_ms = 0;
	while (!atomic_load(&p->stopped)) {
		struct batch_list fresh = { 0 }, published = { 0 };
		batch_queue_gather(&p->finished, p->sink->gathers_until_ns);
		batch_queue_take(&p->finished, &fresh, wait_ms);
		join_parts(&fresh);
		wait_ms = p->sink->put(p->sink, &fresh, &published);
		if (published.head)
			give_back(p, &published);
	}
	return NULL;
}

/* An entry goes to one lane as a whole, so a lane with less room than a full entry would let slots of others lie idle
 * while jobs wait: lanes are at most as many as full entries fit, and enough for LANE_SLOTS_MAX slots each. */
static void fit_lanes(struct pipeline_config *config)
{
	unsigned least = (config->slots + LANE_SLOTS_MAX - 1) / LANE_SLOTS_MAX;
	unsigned most = config->slots / ENTRY_JOBS_MAX > least ? config->slots / ENTRY_JOBS_MAX : least;
	if (config->lanes > most)
		log_warnx("fewer lanes than asked for: each needs the slots of a full entry", LOG_U("asked", config->lanes),
			  LOG_U("lanes", most), LOG_U("slots", config->slots));
	config->lanes = config->lanes < least ? least : config->lanes > most ? most : config->lanes;
}

/* As many descriptors as the hard limit allows, and no more slots than descriptors are left. */
static void fit_descriptors(struct pipeline_config *config)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	uint64_t kept = DESCRIPTORS_KEPT + DESCRIPTORS_TLS + (uint64_t)DESCRIPTORS_LANE * config->lanes;
	uint64_t most = limit.rlim_cur > kept + 1 ? limit.rlim_cur - kept : 1;
	if (config->slots <= most)
		return;
	log_warnx("fewer slots than asked for: descriptors are limited", LOG_U("asked", config->slots),
		  LOG_U("slots", most), LOG_U("RLIMIT_NOFILE", limit.rlim_cur),
		  LOG_S("try", "LimitNOFILE= in the unit, or ulimit -n"));
	config->slots = (unsigned)most;
}

static void clamp_slots(struct pipeline_config *config)
{
	fit_lanes(config);
	fit_descriptors(config);
	fit_lanes(config); /* fewer slots may want fewer lanes, whose descriptors are then simply left over */
}

static bool start_lanes(struct pipeline *p, char *why, size_t why_len)
{
	const struct pipeline_config *config = &p->config;
	if (config->per_destination && !(p->cap = destination_cap_new(config->per_destination))) {
		snprintf(why, why_len, "no memory for the limit of each destination");
		return false;
	}
	const struct tls_stage_config tls = {
		.sessions = config->slots < TLS_SESSIONS_MAX ? config->slots : TLS_SESSIONS_MAX,
		.from = &config->from,
		.policy = config->policy,
		.cap = p->cap,
		.finished = &p->finished,
	};
	p->tls = tls_stage_start(&tls, why, why_len);
	if (!p->tls)
		return false;
	for (unsigned i = 0; i < config->lanes; i++) {
		struct lane_config lane = {
			.number = i,
			.slots = config->slots / config->lanes + (i < config->slots % config->lanes),
			.connector = config->connector,
			.rate = config->rate / config->lanes,
			.from = &config->from,
			.policy = config->policy,
			.cap = p->cap,
			.coalesce = config->coalesce,
			.early = config->early,
			.finished = &p->finished,
			.tls = p->tls,
		};
		p->lane[i] = lane_start(&lane, why, why_len);
		if (!p->lane[i])
			return false;
	}
	return true;
}

static bool start_thread(pthread_t *thread, bool *exists, const char *name, void *(*run)(void *), struct pipeline *p)
{
	if (pthread_create(thread, NULL, run, p) != 0)
		return false;
	pthread_setname_np(*thread, name);
	return *exists = true;
}

struct pipeline *pipeline_start(const struct pipeline_config *config, struct source *source, struct sink *sink,
				char *why, size_t why_len)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	if (!p) {
		snprintf(why, why_len, "no memory for the pipeline");
		return NULL;
	}
	must(config->slots > 0 && config->lanes <= PIPELINE_LANES_MAX);
	p->config = *config;
	p->source = source;
	p->sink = sink;
	clamp_slots(&p->config);
	batch_queue_init(&p->finished);
	wait_init(&p->moved);
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->giving, NULL);
	const struct resolve_config resolve = { .servers = config->resolvers[0] ? p->config.resolvers : NULL,
						.policy = config->policy, .give = give_to_lanes,
						.whole = whole_is_back, .arg = p };
	p->resolver = resolver_start(&resolve, why, why_len);
	if (!p->resolver || !start_lanes(p, why, why_len)) {
		pipeline_free(p);
		return NULL;
	}
	if (!start_thread(&p->writer, &p->writing, "writer", writer_run, p) ||
	    !start_thread(&p->reader, &p->reading, "reader", reader_run, p)) {
		snprintf(why, why_len, "no thread for reader and writer");
		pipeline_free(p);
		return NULL;
	}
	return p;
}

void pipeline_drain(struct pipeline *p)
{
	atomic_store(&p->draining, true);
	p->source->interrupt(p->source);
	resolver_drain(p->resolver);
	for (unsigned i = 0; i < p->config.lanes; i++)
		lane_drain(p->lane[i]);
	tls_stage_drain(p->tls);
}

bool pipeline_wait(struct pipeline *p, unsigned wait_ms)
{
	uint64_t until = clock_ns() + wait_ms * NS_PER_MS;
	pthread_mutex_lock(&p->lock);
	for (uint64_t now; (!p->source_ended || p->taken != p->published) && (now = clock_ns()) < until;)
		wait_moved(p, (unsigned)((until - now) / NS_PER_MS) + 1);
	bool done = p->source_ended && p->taken == p->published;
	pthread_mutex_unlock(&p->lock);
	return done;
}

void pipeline_free(struct pipeline *p)
{
	atomic_store(&p->draining, true);
	atomic_store(&p->stopped, true);
	if (p->reading) {
		p->source->interrupt(p->source);
		pthread_join(p->reader, NULL);
	}
	if (p->writing) { /* before the lanes: a sink may look at the pipeline (the heartbeat does) until it has ended */
		p->sink->interrupt(p->sink);
		batch_queue_nudge(&p->finished);
		pthread_join(p->writer, NULL);
	}
	if (p->resolver)
		resolver_stop(p->resolver);
	for (unsigned i = 0; i < p->config.lanes && p->lane[i]; i++)
		lane_stop(p->lane[i]);
	if (p->tls)
		tls_stage_stop(p->tls);
	destination_cap_free(p->cap);
	batch_queue_free(&p->finished);
	pthread_cond_destroy(&p->moved);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->giving);
	free(p);
}

void pipeline_look(const struct pipeline *p, struct pipeline_state *state)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&p->lock;
	*state = (struct pipeline_state){ .lanes = p->config.lanes, .slots = p->config.slots,
					  .connector = lane_connector(p->lane[0]), .connector_why = "" };
	for (unsigned i = 0; i < p->config.lanes; i++) {
		const char *why = lane_connector_why(p->lane[i]);
		if (*why && !*state->connector_why) {
			state->connector = lane_connector(p->lane[i]);
			state->connector_why = why;
		}
		state->second_choice += *why != 0;
	}
	pthread_mutex_lock(lock);
	state->taken = p->taken;
	state->published = p->published;
	pthread_mutex_unlock(lock);
	state->in_flight = state->taken - state->published;
	state->resolving = resolver_waiting(p->resolver);
	for (unsigned i = 0; i < p->config.lanes; i++)
		state->probing += counter_read(&lane_counters(p->lane[i])->in_flight);
	state->probing += counter_read(&tls_stage_counters(p->tls)->sessions);
}

unsigned pipeline_lanes(const struct pipeline *p)
{
	return p->config.lanes;
}

const struct resolve_counters *pipeline_resolve_counters(const struct pipeline *p)
{
	return resolver_counters(p->resolver);
}

const struct lane_counters *pipeline_lane_counters(const struct pipeline *p, unsigned lane)
{
	return lane_counters(p->lane[lane]);
}

const struct tls_counters *pipeline_tls_counters(const struct pipeline *p)
{
	return tls_stage_counters(p->tls);
}
