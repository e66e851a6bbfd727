/* probe.c - tries one TCP connection per job and writes down how it ended.
 * In: a job with an address.  Out: its outcome in the batch and exactly one job_done().  Owns: a socket of the pool
 * in between.
 *
 *	            start                answered: a verdict
 *	   IDLE ------------> CONNECTING ----------------------> IDLE
 *	                       |      |  answered: open, and the job settles
 *	    answered: nothing  |      +-----------------------> SETTLING ---> IDLE
 *	    to see             v                                   ^   answered
 *	                    WAITING -------------------------------+
 *	                     |   ^ |
 *	                     +---+ +--> IDLE: a verdict
 *
 *	   IDLE ------------> JOINED ------------> IDLE: the verdict of the attempt that it joined
 *	            join               answered
 */
#include "engine/probe.h"

#include "base/clock.h"
#include "base/must.h"
#include "engine/handshake.h"
#include "engine/verdict.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* settle: auto is about two round trips; below 10 ms a proxy's dead backend has not answered yet, and past 250 ms it is
 * another story. */
#define SETTLE_AUTO_MIN_MS 10

/* A cancelled attempt that is this much younger than its timeout was not cancelled by the timeout. */
#define DEADLINE_SLACK_NS (5 * NS_PER_MS)

#define FIN_READS_MAX 64 /* of 4 KB: more than a receive window that nobody has read from yet */

enum probe_event { EVENT_START, EVENT_JOIN, EVENT_ANSWERED, PROBE_EVENTS };

static const char *const state_names[] = {
	[PROBE_IDLE] = "idle",
	[PROBE_CONNECTING] = "connecting",
	[PROBE_WAITING] = "waiting",
	[PROBE_SETTLING] = "settling",
	[PROBE_JOINED] = "joined",
};
static const char *const event_names[] = { [EVENT_START] = "start", [EVENT_JOIN] = "join", [EVENT_ANSWERED] = "answered" };
_Static_assert(ARRAY_LEN(state_names) == PROBE_STATES && ARRAY_LEN(event_names) == PROBE_EVENTS, "a name each");

typedef void probe_step(struct probes *ps, struct probe *p, int res);
static probe_step begin_connect, begin_joined, judge_handshake, judge_settled, end_joined;

static probe_step *const steps[PROBE_STATES][PROBE_EVENTS] = {
	[PROBE_IDLE] = { [EVENT_START] = begin_connect, [EVENT_JOIN] = begin_joined },
	[PROBE_CONNECTING] = { [EVENT_ANSWERED] = judge_handshake },
	[PROBE_WAITING] = { [EVENT_ANSWERED] = judge_handshake },
	[PROBE_SETTLING] = { [EVENT_ANSWERED] = judge_settled },
	[PROBE_JOINED] = { [EVENT_ANSWERED] = end_joined },
};

static void probe_event(struct probes *ps, struct probe *p, enum probe_event event, int res)
{
	must_say(p->state < PROBE_STATES && steps[p->state][event], "slot %td: %s while %s", p - ps->probe,
		 event_names[event], state_names[p->state]);
	steps[p->state][event](ps, p, res);
}

static void probe_enter(struct probe *p, enum probe_state state)
{
	p->state = (uint8_t)state;
}

int probes_init(struct probes *ps, uint32_t count)
{
	ps->count = count;
	ps->probe = calloc(count, sizeof(*ps->probe));
	ps->free_slot = malloc(count * sizeof(*ps->free_slot));
	if (!ps->probe || !ps->free_slot || twins_init(&ps->twins, count) < 0)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < count; slot++)
		ps->free_slot[ps->free_count++] = count - 1 - slot;
	return 0;
}

void probes_free(struct probes *ps)
{
	free(ps->probe);
	free(ps->free_slot);
	twins_free(&ps->twins);
}

static struct job *job_of(const struct probe *p)
{
	return &p->batch->jobs[p->job];
}

static struct outcome *outcome_of(const struct probe *p)
{
	return &p->batch->outcomes[p->job];
}

socklen_t job_sockaddr(const struct job *job, struct sockaddr_in6 *into)
{
	if (job->family == FAMILY_V6) {
		*into = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(job->port) };
		memcpy(&into->sin6_addr, job->address, 16);
		return sizeof(*into);
	}
	struct sockaddr_in *v4 = (struct sockaddr_in *)into;
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(job->port) };
	memcpy(&v4->sin_addr, job->address, 4);
	return sizeof(*v4);
}

static uint32_t us_between(uint64_t from_ns, uint64_t to_ns)
{
	uint64_t us = (to_ns - from_ns) / NS_PER_US;
	return us == 0 ? 1 : us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

int32_t probe_lateness_us(const struct job *job, const struct outcome *o)
{
	int64_t late = (int64_t)clock_wall_us() - (int64_t)(job->slot_ms * US_PER_MS) - o->dns_us;
	return late > INT32_MAX ? INT32_MAX : late < INT32_MIN ? INT32_MIN : (int32_t)late;
}

/* The slot is free before job_done(): the batch may be gone after it. */
static void probe_free_slot(struct probes *ps, struct probe *p)
{
	struct batch *b = p->batch;
	probe_enter(p, PROBE_IDLE);
	p->batch = NULL;
	ps->free_slot[ps->free_count++] = (uint32_t)(p - ps->probe);
	counter_set(&ps->counters->in_flight, ps->count - ps->free_count);
	ps->job_done(ps->arg, b);
}

/* Orderly: FIN after everything the peer said was read, and the socket is not used again (TIME_WAIT is ours). */
static void close_with_fin(struct probes *ps, struct probe *p)
{
	static const struct linger background = { .l_onoff = 0 };
	char heap[4096];
	shutdown(p->fd, SHUT_WR);
	/* Unread data would turn close(2) into a reset; but a peer that never stops talking gets one. */
	for (unsigned left = FIN_READS_MAX; left > 0 && recv(p->fd, heap, sizeof(heap), MSG_DONTWAIT) > 0; left--)
		;
	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &background, sizeof(background));
	socket_pool_discard(ps->pool, p->fd);
}

static void release_socket(struct probes *ps, struct probe *p, bool open)
{
	if (open && job_of(p)->close == CLOSE_FIN)
		close_with_fin(ps, p);
	else if (handshake_forget(p->fd, open, job_of(p)->family) == 0)
		socket_pool_return(ps->pool, p->kind, p->fd);
	else
		socket_pool_discard(ps->pool, p->fd);
}

static void count_outcome(struct lane_counters *counters, const struct outcome *o)
{
	counter_add(&counters->verdict[o->verdict], 1);
	if (o->rtt_us && o->verdict == VERDICT_OPEN)
		histogram_add(&counters->rtt, o->rtt_us);
}

static uint32_t slot_of(const struct probes *ps, const struct probe *p)
{
	return (uint32_t)(p - ps->probe);
}

/* What the attempt found out; what else stands in the other's outcome is its own. */
static void share_outcome(const struct outcome *from, struct outcome *into)
{
	into->verdict = from->verdict;
	into->syn_retrans = from->syn_retrans;
	into->error = from->error;
	into->rtt_us = from->rtt_us;
	into->wall_us = from->wall_us;
	into->icmp = from->icmp;
	into->detail = from->detail; /* a constant: no attempt ends with any other */
}

static void probe_end(struct probes *ps, struct probe *p, uint64_t answered_ns)
{
	struct outcome *o = outcome_of(p);
	o->wall_us = us_between(p->started_ns, answered_ns);
	count_outcome(ps->counters, o);
	twins_remove(&ps->twins, slot_of(ps, p));
	release_socket(ps, p, o->verdict == VERDICT_OPEN);
	while (p->joined != TWINS_NONE) { /* while p's own batch is still there to copy from */
		struct probe *with = &ps->probe[p->joined];
		p->joined = with->joined;
		share_outcome(o, outcome_of(with));
		probe_event(ps, with, EVENT_ANSWERED, 0);
	}
	probe_free_slot(ps, p);
}

static void end_joined(struct probes *ps, struct probe *p, int res)
{
	(void)res;
	counter_add(&ps->counters->verdict[outcome_of(p)->verdict], 1); /* the round trip was one, and is in its histogram */
	probe_free_slot(ps, p);
}

static void end_denied(struct probes *ps, struct probe *p, const char *denied)
{
	struct outcome *o = outcome_of(p);
	o->verdict = VERDICT_DENIED;
	o->detail = denied;
	count_outcome(ps->counters, o);
	probe_free_slot(ps, p);
}

/* The attempt that a job may share: one that began when the job was already due, for what was seen before somebody asked
 * is no answer (a confirm round wants a second look).  NULL: none. */
static struct probe *twin_of(const struct probes *ps, const struct job *job)
{
	struct twin_key key;
	twin_key_of(job, &key);
	const uint32_t slot = twins_find(&ps->twins, &key);
	if (slot == TWINS_NONE)
		return NULL;
	const uint64_t age_ms = (clock_ns() - ps->probe[slot].started_ns + NS_PER_MS - 1) / NS_PER_MS;
	return clock_wall_ms() >= job->slot_ms + age_ms ? &ps->probe[slot] : NULL;
}

static void note_twin(struct probes *ps, const struct probe *p)
{
	struct twin_key key;
	twin_key_of(job_of(p), &key);
	twins_add(&ps->twins, slot_of(ps, p), &key);
}

static void begin_joined(struct probes *ps, struct probe *p, int slot)
{
	struct probe *twin = &ps->probe[slot];
	probe_enter(p, PROBE_JOINED);
	p->joined = twin->joined;
	twin->joined = slot_of(ps, p);
	const int64_t age_us = (int64_t)((clock_ns() - twin->started_ns) / NS_PER_US);
	outcome_of(p)->late_us = (int32_t)(probe_lateness_us(job_of(p), outcome_of(p)) - age_us);
	counter_add(&ps->counters->joined, 1);
}

static bool is_denied(const struct probes *ps, const struct job *job)
{
	struct sockaddr_in6 to;
	job_sockaddr(job, &to);
	return policy_denies(ps->policy, (struct sockaddr *)&to) != NULL;
}

bool probe_would_connect(const struct probes *ps, const struct job *job)
{
	return !is_denied(ps, job) && !(ps->coalesce && twin_of(ps, job));
}

static void begin_connect(struct probes *ps, struct probe *p, int res)
{
	(void)res;
	struct job *job = job_of(p);
	struct sockaddr_in6 to;
	const socklen_t to_len = job_sockaddr(job, &to);
	const char *denied = policy_denies(ps->policy, (struct sockaddr *)&to);
	if (denied) {
		end_denied(ps, p, denied);
		return;
	}
	p->kind = (uint8_t)socket_kind(job->family, job->close);
	p->fd = socket_pool_take(ps->pool, p->kind);
	counter_set(&ps->counters->sockets, ps->pool->made);
	if (p->fd < 0) {
		verdict_local(-p->fd, outcome_of(p));
		count_outcome(ps->counters, outcome_of(p));
		probe_free_slot(ps, p);
		return;
	}
	probe_enter(p, PROBE_CONNECTING);
	outcome_of(p)->late_us = probe_lateness_us(job, outcome_of(p));
	if (outcome_of(p)->late_us > 0)
		histogram_add(&ps->counters->late, (uint64_t)outcome_of(p)->late_us);
	counter_add(&ps->counters->connects, 1);
	p->started_ns = clock_ns();
	if (ps->coalesce)
		note_twin(ps, p);
	ps->connector->ops->connect(ps->connector, slot_of(ps, p), p->fd, (struct sockaddr *)&to, to_len,
				    job->timeout_ms * NS_PER_MS);
}

/* How long an open one waits for a reset, 0: not at all.  A `half` one never completes the handshake on the wire, so
 * there is nothing behind it that could reset. */
static unsigned settle_ms(const struct job *job, const struct outcome *o)
{
	if (job->close == CLOSE_HALF || job->settle_ms == JOB_SETTLE_UNSET)
		return 0;
	if (job->settle_ms != JOB_SETTLE_AUTO)
		return job->settle_ms;
	uint64_t two = 2 * (uint64_t)o->rtt_us / US_PER_MS;
	return two < SETTLE_AUTO_MIN_MS ? SETTLE_AUTO_MIN_MS : two > JOB_SETTLE_AUTO_MAX_MS ? JOB_SETTLE_AUTO_MAX_MS : (unsigned)two;
}

static enum verdict look(const struct probes *ps, struct probe *p, int res, uint64_t now_ns, struct outcome *into)
{
	struct sockaddr_in6 to;
	struct evidence seen;
	job_sockaddr(job_of(p), &to);
	handshake_look(p->fd, res, (struct sockaddr *)&to, socket_pool_may_draw(ps->pool, job_of(p)->port), &seen);
	seen.wall_us = us_between(p->started_ns, now_ns);
	return verdict_judge(&seen, into);
}

static uint64_t deadline_ns(const struct probe *p)
{
	return p->started_ns + job_of(p)->timeout_ms * NS_PER_MS;
}

/* Woken with nothing to see: wait again, or judge by the deadline if no time is left. */
static void wait_again(struct probes *ps, struct probe *p, uint64_t now_ns)
{
	counter_add(&ps->counters->spurious, 1);
	probe_enter(p, PROBE_WAITING);
	if (deadline_ns(p) <= now_ns)
		probe_event(ps, p, EVENT_ANSWERED, -ECANCELED);
	else
		ps->connector->ops->watch(ps->connector, slot_of(ps, p), p->fd, true, deadline_ns(p) - now_ns);
}

static void judge_handshake(struct probes *ps, struct probe *p, int res)
{
	/* Once a turn, and nearer to the answer than the clock is when hundreds of them were looked at; but for a deadline the
	 * turn may have begun too long ago. */
	uint64_t now = res == -ECANCELED ? clock_ns() : ps->connector->turned_ns;
	struct outcome *o = outcome_of(p);
	if (res == -ECANCELED && now + DEADLINE_SLACK_NS < deadline_ns(p))
		res = -EAGAIN; /* the kernel dropped the request; silence was not heard */
	enum verdict v = look(ps, p, res, now, o);
	if (v == VERDICT_NONE) {
		wait_again(ps, p, now);
		return;
	}
	if (v == VERDICT_OPEN && job_of(p)->close == CLOSE_HALF && !o->detail)
		o->detail = "a SYN-ACK answered; as close is half, the handshake was not completed";
	unsigned settle = v == VERDICT_OPEN ? settle_ms(job_of(p), o) : 0;
	if (settle == 0) {
		probe_end(ps, p, now);
		return;
	}
	probe_enter(p, PROBE_SETTLING);
	p->answered_ns = now;
	ps->connector->ops->watch(ps->connector, slot_of(ps, p), p->fd, false, settle * NS_PER_MS);
}

/* The handshake's own figures stay; only a reset changes the verdict. */
static void judge_settled(struct probes *ps, struct probe *p, int res)
{
	struct outcome after = { 0 }, *o = outcome_of(p);
	bool reset = look(ps, p, 0, clock_ns(), &after) == VERDICT_RESET;
	/* The kernel sets the error before the state, on whichever CPU the reset arrived: woken in between, the state still
	 * says ESTABLISHED. */
	if (reset || (res == 0 && handshake_error(p->fd) == ECONNRESET)) {
		o->verdict = VERDICT_RESET;
		o->error = ECONNRESET;
		o->rtt_us = 0;
		o->detail = "the handshake completed, then the connection was reset";
	}
	probe_end(ps, p, p->answered_ns);
}

void probes_abandon(struct probes *ps)
{
	for (uint32_t slot = 0; ps->probe && slot < ps->count; slot++) {
		struct probe *p = &ps->probe[slot];
		if (p->state == PROBE_IDLE)
			continue;
		if (p->state != PROBE_JOINED)
			socket_pool_discard(ps->pool, p->fd);
		probe_free_slot(ps, p);
	}
}

void probe_start(struct probes *ps, struct batch *b, unsigned job)
{
	must(ps->free_count > 0);
	struct probe *p = &ps->probe[ps->free_slot[--ps->free_count]];
	p->batch = b;
	p->job = (uint16_t)job;
	p->joined = TWINS_NONE;
	counter_set(&ps->counters->in_flight, ps->count - ps->free_count);
	const struct probe *twin = ps->coalesce ? twin_of(ps, job_of(p)) : NULL;
	if (twin)
		probe_event(ps, p, EVENT_JOIN, (int)slot_of(ps, twin));
	else
		probe_event(ps, p, EVENT_START, 0);
}

void probe_answered(void *arg, uint32_t slot, int res)
{
	struct probes *ps = arg;
	must(slot < ps->count);
	probe_event(ps, &ps->probe[slot], EVENT_ANSWERED, res);
}
