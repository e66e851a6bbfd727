/* tls_stage.c - looks at the certificate behind a port: TCP, perhaps some plain words, a TLS handshake, the end.
 * In: batches with jobs that a lane passed on.  Out: their outcomes, and the batches to the sink.
 * Owns: a thread with an epoll, at most so many sessions, each with a socket and two deadlines (one for TCP, one for
 * all that follows).
 *
 *	      begin               TCP open, starttls       agreed
 *	IDLE -------> CONNECTING -----------------> ASKING -------> SHAKING --> IDLE
 *	                       \____ TCP open _____________________/
 *
 * Why so: a handshake costs a hundred bare probes of CPU and is asked for every few hours: it must not stand in a lane's
 * loop, where every probe would wait for it.  It opens a connection of its own, so the bare probe stays as it is. */
#include "engine/tls_stage.h"

#include "base/clock.h"
#include "base/must.h"
#include "engine/parked.h"
#include "engine/probe.h"
#include "engine/starttls.h"
#include "engine/tls_session.h"
#include "engine/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_BYTES (512 * 1024)
#define READS_AT_ONCE 8	 /* of 4 KB, then others have their turn */
#define EVENTS_AT_ONCE 64
#define WAKE_UP UINT64_MAX
#define RETRY_MS 100	 /* no descriptor was left */

enum look_state { LOOK_IDLE, LOOK_CONNECTING, LOOK_ASKING, LOOK_SHAKING };

/* One session. */
struct look {
	enum look_state state;
	uint32_t generation; /* an event of the one before is not mine */
	int fd;
	uint16_t job;
	struct batch *batch;
	uint64_t started_ns, deadline_ns;
	struct tls_session *session;
	struct starttls asking;
	char name[HOST_MAX_LEN + 1]; /* what the certificate has to be for */
	bool name_is_address;
	size_t out_len, out_at;
	char out[2048];
};

/* The texts that a batch's outcomes point into; one a job. */
struct answer {
	struct tls_seen seen;
	char detail[CERTIFICATE_SENTENCE_MAX], issuer[CERTIFICATE_TEXT_MAX];
};

struct tls_stage {
	pthread_t thread;
	struct tls_stage_config config;
	struct batch_queue inbox;
	atomic_bool draining, stopped;
	int epoll, wake;

	/* the thread's own */
	struct connector sockets; /* as far as the pool wants one */
	struct socket_pool pool;
	struct tls_trust *trust;
	struct batch_list waiting, done;
	struct parked parked; /* begun as far as waiting is concerned; they wait for their turn at an address */
	unsigned used;
	struct look *look;
	struct tls_counters counters;
};

static struct job *job_of(const struct look *l) { return &l->batch->jobs[l->job]; }
static struct outcome *outcome_of(const struct look *l) { return &l->batch->outcomes[l->job]; }
static struct answer *answer_of(const struct look *l) { return (struct answer *)l->batch->tls + l->job; }

/* ---- ends ---- */

static void job_done(struct tls_stage *t, struct batch *b)
{
	must(b->passed > 0);
	if (--b->passed == 0)
		batch_list_add(&t->done, b);
}

static void look_close(struct tls_stage *t, struct look *l)
{
	if (l->fd >= 0)
		socket_pool_discard(&t->pool, l->fd);
	tls_session_free(l->session);
	l->session = NULL;
	l->fd = -1;
	l->state = LOOK_IDLE;
	l->generation++;
	counter_set(&t->counters.sessions, --t->used);
}

/* The outcome is written; the session is free before the batch may be gone. */
static void look_end(struct tls_stage *t, struct look *l)
{
	struct batch *b = l->batch;
	counter_add(&t->counters.verdict[outcome_of(l)->verdict], 1);
	look_close(t, l);
	job_done(t, b);
}

static void end_with(struct tls_stage *t, struct look *l, enum verdict v, const char *format, const char *what)
{
	struct outcome *o = outcome_of(l);
	snprintf(answer_of(l)->detail, sizeof(answer_of(l)->detail), format, what);
	o->detail = answer_of(l)->detail;
	o->verdict = (uint8_t)v;
	look_end(t, l);
}

static void judge_certificate(struct tls_stage *t, struct look *l, struct tls_store *store)
{
	static const struct linger background = { .l_onoff = 0 };
	const struct tls_job *wish = &job_of(l)->tls;
	const struct certificate_wants wants = { .name = l->name, .name_is_address = l->name_is_address,
						 .warn_s = wish->warn_s, .down_s = wish->down_s };
	struct certificate_facts facts;
	struct answer *a = answer_of(l);
	tls_session_facts(l->session, store, &wants, &facts);
	enum certificate_state state = certificate_judge(&facts, &wants, (int64_t)(clock_wall_ms() / MS_PER_S), a->detail,
							 sizeof(a->detail));
	int64_t ends_s = certificate_ends_s(&facts);
	snprintf(a->issuer, sizeof(a->issuer), "%s", facts.issuer);
	a->seen = (struct tls_seen){ .not_after_s = ends_s > 0 ? ends_s : 1, .soon = state == CERTIFICATE_SOON,
				     .issuer = a->issuer };
	/* An orderly end: servers log the other kind. */
	tls_session_end(l->session);
	size_t len = tls_session_say(l->session, l->out, sizeof(l->out));
	if (len)
		send(l->fd, l->out, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &background, sizeof(background));
	outcome_of(l)->detail = a->detail;
	outcome_of(l)->verdict = state == CERTIFICATE_BAD ? VERDICT_CERTIFICATE : VERDICT_OPEN;
	look_end(t, l);
}

/* ---- talking ---- */

static void watch(struct tls_stage *t, struct look *l, int operation)
{
	bool writes = l->state == LOOK_CONNECTING || l->out_at < l->out_len;
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | (writes ? EPOLLOUT : 0u),
				 .data.u64 = (uint64_t)l->generation << 32 | (uint32_t)(l - t->look) };
	must(epoll_ctl(t->epoll, operation, l->fd, &e) == 0);
}

/* Moves what the dialogue or TLS wants to say into out, if that is empty. */
static void fill_out(struct look *l)
{
	if (l->out_at < l->out_len)
		return;
	l->out_at = l->out_len = 0;
	if (l->state == LOOK_ASKING) {
		memcpy(l->out, l->asking.say, l->asking.say_len);
		l->out_len = l->asking.say_len;
		l->asking.say_len = 0;
	} else if (l->state == LOOK_SHAKING) {
		l->out_len = tls_session_say(l->session, l->out, sizeof(l->out));
	}
}

/* 0, or -errno of a connection that is gone. */
static int flush_out(struct look *l)
{
	for (fill_out(l); l->out_at < l->out_len; fill_out(l)) {
		ssize_t n = send(l->fd, l->out + l->out_at, l->out_len - l->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		l->out_at += (size_t)n;
	}
	return 0;
}

/* True while the look goes on. */
static bool tls_take(struct tls_stage *t, struct look *l, const void *bytes, size_t len)
{
	char why[CERTIFICATE_SENTENCE_MAX];
	switch (tls_session_take(l->session, bytes, len, why, sizeof(why))) {
	case TLS_GO_ON:
		return true;
	case TLS_NOT:
		flush_out(l); /* our alert, as good manners have it */
		end_with(t, l, VERDICT_CERTIFICATE, "%s", why);
		return false;
	case TLS_SHOWN:
		break;
	}
	const struct tls_job *wish = &job_of(l)->tls;
	char path[TLS_CA_MAX_LEN + 1];
	snprintf(path, sizeof(path), "%.*s", wish->ca_len, (const char *)l->batch->blob + wish->ca_at);
	struct tls_store *store = tls_trust_store(t->trust, wish->ca_len ? path : NULL, why, sizeof(why));
	flush_out(l);
	if (store)
		judge_certificate(t, l, store);
	else
		end_with(t, l, VERDICT_LOCAL, "%s", why);
	return false;
}

static bool begin_tls(struct tls_stage *t, struct look *l)
{
	l->state = LOOK_SHAKING;
	l->session = tls_session_new(t->trust, l->name, l->name_is_address);
	if (l->session)
		return tls_take(t, l, "", 0);
	end_with(t, l, VERDICT_LOCAL, "%s", "no memory for a TLS session");
	return false;
}

static bool asking_take(struct tls_stage *t, struct look *l, const void *bytes, size_t len)
{
	char why[256], sentence[320];
	switch (starttls_take(&l->asking, bytes, len, why, sizeof(why))) {
	case STARTTLS_GO_ON:
		return true;
	case STARTTLS_READY:
		return begin_tls(t, l);
	case STARTTLS_REFUSED:
		break;
	}
	snprintf(sentence, sizeof(sentence), "%s: %s", starttls_names[l->asking.kind], why);
	end_with(t, l, VERDICT_CERTIFICATE, "no TLS here: %s", sentence);
	return false;
}

static void end_broken(struct tls_stage *t, struct look *l, int error)
{
	end_with(t, l, VERDICT_CERTIFICATE, "no TLS here: the server %s",
		 error == 0	       ? "closed the connection"
		 : error == -ECONNRESET ? "reset the connection"
					: "is gone: the connection broke");
}

static void talk(struct tls_stage *t, struct look *l)
{
	char bytes[4096];
	int bad = flush_out(l);
	for (unsigned i = 0; i < READS_AT_ONCE && !bad; i++) {
		ssize_t n = recv(l->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			end_broken(t, l, n < 0 ? -errno : 0);
			return;
		}
		bool on = l->state == LOOK_ASKING ? asking_take(t, l, bytes, (size_t)n) : tls_take(t, l, bytes, (size_t)n);
		if (!on)
			return;
		bad = flush_out(l);
	}
	if (bad)
		end_broken(t, l, bad);
	else
		watch(t, l, EPOLL_CTL_MOD);
}

/* ---- connecting ---- */

static void begin_talk(struct tls_stage *t, struct look *l)
{
	const struct tls_job *wish = &job_of(l)->tls;
	l->deadline_ns = clock_ns() + wish->timeout_ms * NS_PER_MS;
	if (wish->starttls != STARTTLS_NONE) {
		l->state = LOOK_ASKING;
		starttls_begin(&l->asking, (enum starttls_kind)wish->starttls);
	} else if (!begin_tls(t, l)) {
		return;
	}
	talk(t, l);
}

static void judge_tcp(struct tls_stage *t, struct look *l, int res)
{
	struct sockaddr_in6 to;
	struct evidence seen;
	uint64_t us = (clock_ns() - l->started_ns) / NS_PER_US;
	job_sockaddr(job_of(l), &to);
	handshake_look(l->fd, res, (struct sockaddr *)&to, socket_pool_may_draw(&t->pool, job_of(l)->port), &seen);
	seen.wall_us = us == 0 ? 1 : us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	enum verdict v = verdict_judge(&seen, outcome_of(l));
	outcome_of(l)->wall_us = seen.wall_us;
	if (v == VERDICT_NONE) /* woken with nothing to see: the deadline is still there */
		return;
	if (v == VERDICT_OPEN) {
		outcome_of(l)->detail = NULL;
		begin_talk(t, l);
	} else {
		look_end(t, l);
	}
}

/* What the certificate has to be for: what the job says, else its host. */
static void take_name(struct look *l)
{
	const struct job *job = job_of(l);
	const char *texts = (const char *)l->batch->blob;
	struct job literal = { 0 };
	if (job->tls.name_len)
		snprintf(l->name, sizeof(l->name), "%.*s", job->tls.name_len, texts + job->tls.name_at);
	else
		snprintf(l->name, sizeof(l->name), "%.*s", job->host_len, texts + job->host_at);
	l->name_is_address = job_set_literal(&literal, l->name, strlen(l->name));
}

static struct look *free_look(struct tls_stage *t)
{
	for (unsigned i = 0; i < t->config.sessions; i++)
		if (t->look[i].state == LOOK_IDLE)
			return &t->look[i];
	return NULL;
}

/* Nothing is sent if the answer could not be judged. */
static bool can_be_judged(struct tls_stage *t, struct look *l)
{
	const struct tls_job *wish = &job_of(l)->tls;
	char path[TLS_CA_MAX_LEN + 1], why[CERTIFICATE_SENTENCE_MAX];
	snprintf(path, sizeof(path), "%.*s", wish->ca_len, (const char *)l->batch->blob + wish->ca_at);
	if (tls_trust_store(t->trust, wish->ca_len ? path : NULL, why, sizeof(why)))
		return true;
	end_with(t, l, VERDICT_LOCAL, "%s", why);
	return false;
}

static void begin_look(struct tls_stage *t, struct batch *b, unsigned index, int fd)
{
	struct look *l = free_look(t);
	struct sockaddr_in6 to;
	l->batch = b;
	l->job = (uint16_t)index;
	l->fd = fd;
	l->state = LOOK_CONNECTING;
	l->out_len = l->out_at = 0;
	counter_set(&t->counters.sessions, ++t->used);
	outcome_of(l)->tls = &answer_of(l)->seen;
	const socklen_t len = job_sockaddr(job_of(l), &to);
	const char *denied = policy_denies(t->config.policy, (struct sockaddr *)&to);
	if (denied) {
		end_with(t, l, VERDICT_DENIED, "%s", denied);
		return;
	}
	take_name(l);
	if (!can_be_judged(t, l))
		return;
	outcome_of(l)->late_us = probe_lateness_us(job_of(l), outcome_of(l));
	l->started_ns = clock_ns();
	l->deadline_ns = l->started_ns + job_of(l)->timeout_ms * NS_PER_MS;
	counter_add(&t->counters.connects, 1);
	int bad = connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS ? -errno : 0;
	watch(t, l, EPOLL_CTL_ADD);
	if (bad)
		judge_tcp(t, l, bad);
}

/* ---- the queue ---- */

static void answer_at_once(struct tls_stage *t, struct batch *b, unsigned index, enum verdict v, int error, const char *detail)
{
	struct outcome *o = &b->outcomes[index];
	o->detail = detail;
	o->tls = b->tls ? &((struct answer *)b->tls + index)->seen : NULL;
	o->verdict = (uint8_t)v;
	if (error)
		verdict_local(error, o);
	if (v == VERDICT_EXPIRED)
		o->late_us = probe_lateness_us(&b->jobs[index], o);
	counter_add(&t->counters.verdict[o->verdict], 1);
	job_done(t, b);
}

/* The next job that was passed on and has not begun, from `from` on; count: none.  A batch stands in `waiting` as long as
 * there is one. */
static unsigned next_job(const struct batch *b, unsigned from)
{
	while (from < b->count && !(b->jobs[from].tls.wanted && b->outcomes[from].verdict == VERDICT_NONE))
		from++;
	return from;
}

static void take_inbox(struct tls_stage *t)
{
	struct batch_list fresh = { 0 };
	batch_queue_take(&t->inbox, &fresh, 0);
	for (struct batch *b; (b = batch_list_take(&fresh));) {
		b->started = (uint16_t)next_job(b, 0);
		must(b->started < b->count);
		b->tls = batch_room(b, b->count * sizeof(struct answer));
		batch_list_add(&t->waiting, b);
	}
}

static void park(struct tls_stage *t, uint64_t until_ns, struct batch *b, unsigned index)
{
	must_say(parked_add(&t->parked, until_ns, b, index), "no memory for %u waiting jobs", t->parked.count);
}

static const char cap_missed[] = "more connections to this address are due than --per-destination allows: the certificate "
				 "would have been looked at too late, and was not";

/* Whether the job may connect now; if not it has been parked, or answered.  One that will be denied takes no turn. */
static bool address_has_a_turn(struct tls_stage *t, struct batch *b, unsigned index)
{
	const struct job *job = &b->jobs[index];
	struct sockaddr_in6 to;
	job_sockaddr(job, &to);
	if (!t->config.cap || policy_denies(t->config.policy, (struct sockaddr *)&to))
		return true;
	const uint64_t left_ms = job->slot_ms + job->expires_ms - clock_wall_ms(), now_ns = clock_ns();
	const uint64_t latest_ns = now_ns + (left_ms < JOB_EXPIRES_MAX_MS ? left_ms : JOB_EXPIRES_MAX_MS) * NS_PER_MS;
	const uint64_t due_ns = destination_cap_take(t->config.cap, job, now_ns, latest_ns);
	if (!due_ns)
		return true;
	counter_add(&t->counters.capped, 1);
	if (due_ns == CAP_NOT_IN_TIME)
		answer_at_once(t, b, index, VERDICT_EXPIRED, 0, cap_missed);
	else
		park(t, due_ns, b, index);
	return false;
}

static void connect_job(struct tls_stage *t, struct batch *b, unsigned index)
{
	int fd = socket_pool_take(&t->pool, socket_kind(b->jobs[index].family, CLOSE_RST));
	if (fd >= 0)
		begin_look(t, b, index, fd);
	else if ((fd == -EMFILE || fd == -ENFILE) && t->used) /* one will be free again */
		park(t, clock_ns() + RETRY_MS * NS_PER_MS, b, index);
	else
		answer_at_once(t, b, index, VERDICT_LOCAL, -fd, NULL);
}

/* has_turn: it was parked until now. */
static void start_job(struct tls_stage *t, struct batch *b, unsigned index, bool has_turn)
{
	const struct job *job = &b->jobs[index];
	enum verdict v = atomic_load(&t->draining)			     ? VERDICT_SHUTDOWN
			 : clock_wall_ms() > job->slot_ms + job->expires_ms ? VERDICT_EXPIRED
									     : VERDICT_NONE;
	if (v != VERDICT_NONE)
		answer_at_once(t, b, index, v, 0, NULL);
	else if (!b->tls)
		answer_at_once(t, b, index, VERDICT_LOCAL, ENOMEM, NULL);
	else if (has_turn || address_has_a_turn(t, b, index))
		connect_job(t, b, index);
}

/* Whether a job may be begun; while draining each is answered at once. */
static bool has_room(struct tls_stage *t)
{
	return t->used < t->config.sessions || atomic_load(&t->draining);
}

static void start_parked(struct tls_stage *t)
{
	for (const struct parked_job *first; has_room(t) && (first = parked_first(&t->parked));) {
		const struct parked_job due = *first;
		if (due.due_ns > clock_ns() && !atomic_load(&t->draining))
			return;
		parked_drop_first(&t->parked);
		start_job(t, due.batch, due.job, true);
	}
}

static void start_jobs(struct tls_stage *t)
{
	while (t->waiting.head && has_room(t)) {
		struct batch *b = t->waiting.head;
		unsigned index = b->started;
		b->started = (uint16_t)next_job(b, index + 1);
		if (b->started == b->count)
			batch_list_take(&t->waiting); /* before its last job, which may finish it */
		start_job(t, b, index, false);
	}
}

/* ---- the thread ---- */

static void on_deadline(struct tls_stage *t, struct look *l)
{
	char text[64];
	if (l->state == LOOK_CONNECTING) {
		judge_tcp(t, l, -ECANCELED);
		return;
	}
	snprintf(text, sizeof(text), "%s for %.1f s",
		 l->state == LOOK_ASKING && l->asking.total == 0 ? "the server said nothing" : "the handshake did not end",
		 (double)job_of(l)->tls.timeout_ms / 1e3);
	end_with(t, l, VERDICT_CERTIFICATE, "no TLS here: %s", text);
}

/* When a parked job may be begun; one that is due by now waits for a session. */
static uint64_t next_turn_ns(const struct tls_stage *t, uint64_t now)
{
	const struct parked_job *first = parked_first(&t->parked);
	return !first ? UINT64_MAX : first->due_ns > now ? first->due_ns : now + RETRY_MS * NS_PER_MS;
}

/* Ends what is over and says how long the others may wait. */
static int look_at_deadlines(struct tls_stage *t)
{
	uint64_t now = clock_ns(), next = UINT64_MAX;
	for (unsigned i = 0; i < t->config.sessions && t->used; i++) {
		struct look *l = &t->look[i];
		if (l->state != LOOK_IDLE && l->deadline_ns <= now)
			on_deadline(t, l);
		if (l->state != LOOK_IDLE && l->deadline_ns < next)
			next = l->deadline_ns;
	}
	if (t->done.head)
		return 0;
	const uint64_t turn = next_turn_ns(t, now);
	if (turn < next)
		next = turn;
	int wait_ms = next == UINT64_MAX ? -1 : next <= now ? 0 : (int)((next - now) / NS_PER_MS) + 1;
	return t->waiting.head && (wait_ms < 0 || wait_ms > RETRY_MS) ? RETRY_MS : wait_ms;
}

static void on_event(struct tls_stage *t, const struct epoll_event *e)
{
	uint64_t spent;
	if (e->data.u64 == WAKE_UP) {
		if (read(t->wake, &spent, sizeof(spent)) < 0)
			must(errno == EAGAIN);
		return;
	}
	struct look *l = &t->look[(uint32_t)e->data.u64];
	if (l->generation != (uint32_t)(e->data.u64 >> 32) || l->state == LOOK_IDLE)
		return;
	if (l->state == LOOK_CONNECTING)
		judge_tcp(t, l, 0);
	else
		talk(t, l);
}

static void *stage_run(void *arg)
{
	struct tls_stage *t = arg;
	while (!atomic_load(&t->stopped)) {
		struct epoll_event event[EVENTS_AT_ONCE];
		take_inbox(t);
		start_parked(t);
		start_jobs(t);
		counter_set(&t->counters.waiting, t->waiting.jobs + t->parked.count);
		int wait_ms = look_at_deadlines(t);
		batch_queue_put(t->config.finished, &t->done);
		int n = epoll_wait(t->epoll, event, EVENTS_AT_ONCE, wait_ms);
		for (int i = 0; i < n; i++)
			on_event(t, &event[i]);
		batch_queue_put(t->config.finished, &t->done);
	}
	return NULL;
}

static void wake(struct tls_stage *t)
{
	uint64_t one = 1;
	must(write(t->wake, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
}

/* ---- beginning and end ---- */

static int adopt_nothing(struct connector *c, int fd)
{
	(void)c;
	(void)fd;
	return 0;
}

static const struct connector_ops only_sockets = {
	.name = "tls",
	.socket_flags = SOCK_NONBLOCK,
	.adopt = adopt_nothing,
};

static void stage_free(struct tls_stage *t)
{
	for (unsigned i = 0; i < t->config.sessions && t->look; i++)
		if (t->look[i].state != LOOK_IDLE) {
			struct batch *b = t->look[i].batch;
			look_close(t, &t->look[i]);
			job_done(t, b);
		}
	for (const struct parked_job *first; (first = parked_first(&t->parked)); parked_drop_first(&t->parked))
		job_done(t, first->batch);
	parked_free(&t->parked);
	for (struct batch *b; (b = batch_list_take(&t->waiting)) || (b = batch_list_take(&t->done));)
		batch_free(b);
	batch_queue_free(&t->inbox);
	socket_pool_free(&t->pool);
	tls_trust_free(t->trust);
	if (t->epoll >= 0)
		close(t->epoll);
	if (t->wake >= 0)
		close(t->wake);
	free(t->look);
	free(t);
}

static bool set_up(struct tls_stage *t)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = WAKE_UP };
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->trust = tls_trust_new();
	t->look = calloc(t->config.sessions, sizeof(*t->look));
	return t->epoll >= 0 && t->wake >= 0 && t->trust && t->look && epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->wake, &e) == 0;
}

static int spawn(struct tls_stage *t)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	int error = pthread_create(&t->thread, &attr, stage_run, t);
	pthread_attr_destroy(&attr);
	if (!error)
		pthread_setname_np(t->thread, "certificates");
	return error;
}

struct tls_stage *tls_stage_start(const struct tls_stage_config *config, char *why, size_t why_len)
{
	struct tls_stage *t = calloc(1, sizeof(*t));
	must(config->sessions > 0 && config->sessions <= TLS_SESSIONS_MAX);
	if (!t) {
		snprintf(why, why_len, "no memory to look at certificates");
		return NULL;
	}
	t->config = *config;
	t->epoll = t->wake = -1;
	t->sockets.ops = &only_sockets;
	socket_pool_init(&t->pool, &t->sockets, config->from, config->sessions);
	batch_queue_init(&t->inbox);
	int error = set_up(t) ? spawn(t) : errno;
	if (!error)
		return t;
	snprintf(why, why_len, "certificates cannot be looked at: %s", strerror(error));
	stage_free(t);
	return NULL;
}

void tls_stage_give(struct tls_stage *t, struct batch_list *batches)
{
	if (!batches->head)
		return;
	batch_queue_put(&t->inbox, batches);
	wake(t);
}

void tls_stage_drain(struct tls_stage *t)
{
	atomic_store(&t->draining, true);
	wake(t);
}

void tls_stage_stop(struct tls_stage *t)
{
	atomic_store(&t->stopped, true);
	wake(t);
	pthread_join(t->thread, NULL);
	stage_free(t);
}

const struct tls_counters *tls_stage_counters(const struct tls_stage *t)
{
	return &t->counters;
}
