/* resolve.c - the resolver's thread: jobs wait here for names, names for answers.
 * In: batches with names.  Out: batches (or parts of them) whose rows have an address or a verdict.
 * Owns: cache, questions, and the jobs that wait.
 *
 * A question is asked for a name and a type, never for a job: whoever needs the same waits for the same.  Questions under
 * way are bounded (a burst of answers must fit the socket's buffer), the rest stand in a queue in the order they came.
 * A job's patience is its own: RESOLVE_BUDGET_MS or its timeout.  While answers come in, a job whose question still stands
 * in our queue waits on, because that wait is ours; when nothing came in for as long, the resolver is silent for all.
 * Why a thread: 6 to 15 us a question are more than a lane has for a whole probe. */
#include "engine/resolve_self.h"

#include "base/clock.h"
#include "base/must.h"
#include "base/wait.h"
#include "wire/target.h"

#include <stdlib.h>

#define QUESTIONS_OPEN_MAX 1000
#define OTHERS_OPEN_MAX 250 /* to resolvers that jobs name, together */
#define PATIENCE_LOOK_NS (50 * NS_PER_MS)
#define HOUSE_EVERY_NS NS_PER_S
#define TURN_WAIT_MS 1000

static uint64_t now_ms(void)
{
	return clock_ns() / NS_PER_MS;
}

/* ---- questions ---- */

static void look_again(struct resolver *r, struct name_entry *name);

static void took_answer(struct resolver *r, struct name_entry *name, enum dns_type type, const struct dns_answer *a)
{
	unsigned missed;
	counter_add(&r->counters.answers[a->outcome], 1);
	if (dns_outcome_knows(a->outcome) || a->outcome == DNS_SERVFAIL || a->outcome == DNS_REFUSED)
		r->answered_ns = clock_ns();
	if (name_cache_answer(r->cache, name, type, a, now_ms())) {
		counter_add(&r->counters.changes, 1);
		if (log_allowed(&r->said_change, 2, &missed))
			log_info("a name has other addresses", LOG_S("what", name->changed), LOG_UNSAID(missed));
	}
	look_again(r, name);
}

static void query_done(void *arg, void *tag, enum dns_type type, const struct dns_answer *a)
{
	struct resolver *r = arg;
	unsigned missed;
	if (!dns_outcome_knows(a->outcome) && log_allowed(&r->said_trouble, 1, &missed))
		log_info("a name could not be resolved", LOG_S("name", ((struct name_entry *)tag)->name),
			  LOG_S("resolver", dns_query_who(r->query)),
			  LOG_S("why", a->outcome == DNS_SILENT	     ? "no answer"
				       : a->outcome == DNS_SERVFAIL  ? "SERVFAIL"
				       : a->outcome == DNS_REFUSED   ? "REFUSED"
				       : a->outcome == DNS_UNREACHED ? "cannot be reached"
								     : "answer cannot be read"),
			  LOG_UNSAID(missed));
	took_answer(r, tag, type, a);
}

void resolver_queue(struct resolver *r, const struct queued *what)
{
	struct queued *one = malloc(sizeof(*one));
	must_say(one, "no memory for a question");
	struct question_queue *queue = what->check && what->check->upstream ? &r->others : &r->usual;
	*one = *what;
	*queue->last = one;
	queue->last = &one->next;
	counter_add(&r->counters.queued, 1);
}

static void queue_question(struct resolver *r, struct name_entry *name, enum dns_type type, bool prefetch)
{
	name->half[type].asked = true;
	name->half[type].sent_ns = 0;
	resolver_queue(r, &(struct queued){ .name = name, .type = type, .prefetch = prefetch });
}

static struct queued *queue_take(struct question_queue *queue)
{
	struct queued *one = queue->first;
	queue->first = one->next;
	if (!queue->first)
		queue->last = &queue->first;
	return one;
}

/* Sends one.  A question that nobody waits for any more is not. */
static void send_one(struct resolver *r, const struct queued *one)
{
	if (one->check) {
		name_check_send(r, one->check);
	} else if (one->prefetch || one->name->waiting) {
		counter_add(&r->counters.questions, 1);
		one->name->half[one->type].sent_ns = clock_ns();
		dns_query_ask(r->query, one->name->name, one->type, one->name);
	} else {
		one->name->half[one->type].asked = false;
	}
}

static void send_queue(struct resolver *r, struct question_queue *queue, bool others, unsigned open_max)
{
	while (queue->first && dns_query_open_count(r->query, others) < open_max) {
		struct queued *one = queue_take(queue);
		counter_set(&r->counters.queued, counter_read(&r->counters.queued) - 1);
		send_one(r, one);
		free(one);
	}
}

/* Sends what may be sent. */
static void send_questions(struct resolver *r)
{
	send_queue(r, &r->usual, false, QUESTIONS_OPEN_MAX);
	send_queue(r, &r->others, true, OTHERS_OPEN_MAX);
}

/* From the hosts file, or a question into the queue. */
static void ask(struct resolver *r, struct name_entry *name, enum dns_type type)
{
	struct dns_answer a;
	if (hosts_file_answer(r->hosts, name->name, type, &a))
		name_cache_answer(r->cache, name, type, &a, now_ms());
	else
		queue_question(r, name, type, false);
}

/* ---- what a name has to say ---- */

uint64_t resolver_budget_ns(const struct job *job)
{
	return (job->timeout_ms < RESOLVE_BUDGET_MS ? job->timeout_ms : RESOLVE_BUDGET_MS) * NS_PER_MS;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Whether a job has waited long enough to take less than an answer.  Once its question was sent, the resolver has had at
 * least a second of that. */
bool resolver_patience_is_over(const struct resolver *r, const struct job *job, uint64_t sent_ns, uint64_t since_ns, bool has_stale)
{
	uint64_t now = clock_ns(), budget = resolver_budget_ns(job), waited = now - since_ns;
	if (has_stale)
		return waited >= least(budget, RESOLVE_STALE_MS * NS_PER_MS);
	if (waited < budget)
		return false;
	return now - (sent_ns ? sent_ns : r->answered_ns) >= (sent_ns ? least(budget, NS_PER_S) : budget);
}

static void view_known(const struct name_half *h, uint64_t now, struct half_view *v)
{
	v->state = name_half_is_fresh(h, now) ? HALF_KNOWN : HALF_STALE;
	v->outcome = h->outcome;
	v->failure = h->failure ? h->failure : DNS_SILENT;
	v->count = h->count;
	v->address = (const uint8_t(*)[16])h->address;
	v->old_ms = v->state == HALF_STALE ? now - h->expires_ms : 0;
}

static void view_half(struct resolver *r, struct name_entry *name, enum dns_type type, const struct job *job, uint64_t since_ns,
		      struct half_view *v)
{
	struct name_half *h = &name->half[type];
	uint64_t now = now_ms();
	h->used = true;
	if (!name_half_is_fresh(h, now) && !h->asked && !name_half_has_failed(h, now))
		ask(r, name, type);
	bool stale = name_half_is_stale(h, now);
	*v = (struct half_view){ .state = HALF_WAIT };
	if (name_half_is_fresh(h, now))
		view_known(h, now, v);
	else if (!name_half_has_failed(h, now) && !resolver_patience_is_over(r, job, h->sent_ns, since_ns, stale))
		return;
	else if (stale)
		view_known(h, now, v);
	else
		*v = (struct half_view){ .state = HALF_FAILED, .outcome = name_half_has_failed(h, now) ? h->failure : DNS_SILENT };
}

static const char *who_says(const struct resolver *r, const struct name_entry *name)
{
	struct dns_answer a;
	return hosts_file_answer(r->hosts, name->name, DNS_A, &a) ? "/etc/hosts" : dns_query_who(r->query);
}

/* The rows of a job whose name is known, or false: it has to wait. */
static bool resolve_job(struct resolver *r, struct batch *b, const struct job *job, struct name_entry *name, uint64_t since_ns,
			struct resolved *into)
{
	struct half_view view[DNS_TYPES] = { 0 };
	uint64_t waited_ns = clock_ns() - since_ns;
	for (enum dns_type t; (t = resolve_next(job, view)) != DNS_TYPES;) {
		view_half(r, name, t, job, since_ns, &view[t]);
		if (view[t].state == HALF_WAIT)
			return false;
	}
	char *changed = name->changed;
	name->changed = NULL;
	resolve_rows(b, job, view, r->config.policy, who_says(r, name), waited_ns / NS_PER_MS, changed, into);
	free(changed);
	for (unsigned i = 0; i < into->count; i++)
		into->outcome[i].dns_us = waited_ns / NS_PER_US ? (uint32_t)(waited_ns / NS_PER_US) : 1;
	if (view[DNS_A].state == HALF_STALE || view[DNS_AAAA].state == HALF_STALE)
		counter_add(&r->counters.stale, 1);
	return true;
}

/* ---- jobs ---- */

void resolver_shut_down(const struct job *job, struct resolved *into)
{
	into->count = 1;
	into->job[0] = *job;
	into->outcome[0] = (struct outcome){ .verdict = VERDICT_SHUTDOWN };
}

static void end_wait(struct resolver *r, struct waiter *w)
{
	if (w->name) {
		struct waiter **at = (struct waiter **)&w->name->waiting;
		while (*at != w)
			at = &(*at)->next_same;
		*at = w->next_same;
	} else {
		w->check->waiter = NULL; /* its question comes back, or stands in the queue */
	}
	*(w->older ? &w->older->newer : &r->oldest) = w->newer;
	*(w->newer ? &w->newer->older : &r->newest) = w->older;
}

/* What a waiting job has become leaves as a part; with the last one the whole is out of our hands. */
void resolver_release(struct resolver *r, struct waiter *w, const struct resolved *rows)
{
	struct batch *whole = w->whole;
	end_wait(r, w);
	batch_list_add(&r->out, batch_split(whole, rows->job, rows->outcome, rows->count));
	atomic_fetch_sub(&r->jobs_inside, 1);
	free(w);
	if (--whole->open > 0)
		return;
	/* Parts may be back before we let go, but none that still stands in r->out. */
	r->config.give(r->config.arg, &r->out);
	if (batch_split_end(whole))
		r->config.whole(r->config.arg, whole);
}

static void look_at(struct resolver *r, struct waiter *w)
{
	struct resolved rows;
	const struct job *job = &w->whole->jobs[w->job];
	if (atomic_load(&r->draining))
		resolver_shut_down(job, &rows);
	else if (!w->name) {
		if (!name_check_give_up(r, w, &rows))
			return;
	} else if (!resolve_job(r, w->whole, job, w->name, w->since_ns, &rows))
		return;
	resolver_release(r, w, &rows);
}

static void look_again(struct resolver *r, struct name_entry *name)
{
	for (struct waiter *w = name->waiting, *next; w; w = next) {
		next = w->next_same;
		look_at(r, w);
	}
}

struct waiter *resolver_wait(struct resolver *r, struct batch *b, unsigned job, uint64_t since_ns)
{
	struct waiter *w = malloc(sizeof(*w));
	must_say(w, "no memory for a job that waits");
	*w = (struct waiter){ .older = r->newest, .whole = b, .since_ns = since_ns, .job = (uint16_t)job };
	*(r->newest ? &r->newest->newer : &r->oldest) = w;
	r->newest = w;
	return w;
}

static void wait_for_name(struct resolver *r, struct batch *b, unsigned job, struct name_entry *name, uint64_t since_ns)
{
	struct waiter *w = resolver_wait(r, b, job, since_ns);
	w->name = name;
	w->next_same = name->waiting;
	name->waiting = w;
}

/* The rows of one job of a fresh batch; false: it waits. */
static bool look_at_fresh(struct resolver *r, struct batch *b, unsigned i, uint64_t since_ns, struct resolved *into)
{
	const struct job *job = &b->jobs[i];
	if (job->bad) {
		*into = (struct resolved){ .count = 1, .job[0] = *job };
		return true;
	}
	if (job->type == JOB_DNS)
		return name_check_begin(r, b, i, since_ns, into);
	if (job->family != FAMILY_NONE) {
		resolve_literal(b, job, into);
		return true;
	}
	struct name_entry *name = name_cache_use(r->cache, (const char *)b->blob + job->host_at, job->host_len, now_ms());
	must_say(name, "no memory for a name");
	if (resolve_job(r, b, job, name, since_ns, into)) {
		counter_add(&r->counters.hits, 1);
		return true;
	}
	if (atomic_load(&r->draining)) {
		resolver_shut_down(job, into);
		return true;
	}
	counter_add(&r->counters.misses, 1);
	wait_for_name(r, b, i, name, since_ns);
	return false;
}

/* Nothing waits and each job is one row: the batch goes on as it is. */
static void go_on_whole(struct resolver *r, struct batch *b)
{
	memcpy(b->jobs, r->job, r->ready * sizeof(*r->job));
	memcpy(b->outcomes, r->outcome, r->ready * sizeof(*r->outcome));
	batch_list_add(&r->out, b);
}

static void take_batch(struct resolver *r, struct batch *b)
{
	struct resolved rows;
	unsigned waiting = 0, count = b->count;
	uint64_t since_ns = clock_ns();
	r->ready = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!look_at_fresh(r, b, i, since_ns, &rows)) {
			waiting++;
			continue;
		}
		memcpy(&r->job[r->ready], rows.job, rows.count * sizeof(*rows.job));
		memcpy(&r->outcome[r->ready], rows.outcome, rows.count * sizeof(*rows.outcome));
		r->ready += rows.count;
	}
	atomic_fetch_sub(&r->jobs_inside, count - waiting);
	if (!waiting && r->ready == count) {
		go_on_whole(r, b);
		return;
	}
	batch_split_begin(b);
	b->open = (uint16_t)waiting;
	if (r->ready)
		batch_list_add(&r->out, batch_split(b, r->job, r->outcome, r->ready));
	if (waiting)
		return;
	r->config.give(r->config.arg, &r->out);
	if (batch_split_end(b))
		r->config.whole(r->config.arg, b);
}

/* ---- the thread ---- */

/* Everybody who waits is looked at now and then: patience ends without an event. */
static void look_at_patience(struct resolver *r)
{
	bool all = atomic_load(&r->draining);
	if (!is_due(&r->next_patience_ns, PATIENCE_LOOK_NS) && !all)
		return;
	uint64_t now = clock_ns();
	for (struct waiter *w = r->oldest, *next; w; w = next) {
		const struct job *job = &w->whole->jobs[w->job];
		next = w->newer;
		if (all || now - w->since_ns >= least(resolver_budget_ns(job), RESOLVE_STALE_MS * NS_PER_MS))
			look_at(r, w);
	}
}

static void prefetch(struct resolver *r)
{
	enum dns_type type;
	for (struct name_entry *name; (name = name_cache_due(r->cache, now_ms(), &type));) {
		struct dns_answer a;
		if (hosts_file_answer(r->hosts, name->name, type, &a)) {
			name_cache_answer(r->cache, name, type, &a, now_ms());
			continue;
		}
		counter_add(&r->counters.prefetches, 1);
		queue_question(r, name, type, true);
	}
}

static void keep_house(struct resolver *r)
{
	if (!is_due(&r->next_house_ns, HOUSE_EVERY_NS))
		return;
	hosts_file_refresh(r->hosts);
	counter_set(&r->counters.names, name_cache_count(r->cache));
	counter_set(&r->counters.oldest_ms, name_cache_oldest_ms(r->cache, now_ms()));
}

static unsigned turn_wait_ms(const struct resolver *r)
{
	uint64_t next = name_cache_next_ms(r->cache), now = now_ms();
	unsigned wait = next <= now ? 0 : next - now < TURN_WAIT_MS ? (unsigned)(next - now) : TURN_WAIT_MS;
	return r->oldest && wait > PATIENCE_LOOK_NS / NS_PER_MS ? PATIENCE_LOOK_NS / NS_PER_MS : wait;
}

static void *resolver_run(void *arg)
{
	struct resolver *r = arg;
	while (!atomic_load(&r->stopped)) {
		struct batch_list fresh = { 0 };
		batch_queue_take(&r->inbox, &fresh, 0);
		for (struct batch *b; (b = batch_list_take(&fresh));)
			take_batch(r, b);
		prefetch(r);
		look_at_patience(r);
		send_questions(r);
		r->config.give(r->config.arg, &r->out);
		counter_set(&r->counters.open, dns_query_open_count(r->query, false) + dns_query_open_count(r->query, true));
		keep_house(r);
		dns_query_turn(r->query, turn_wait_ms(r));
	}
	return NULL;
}

/* ---- life ---- */

struct resolver *resolver_start(const struct resolve_config *config, char *why, size_t why_len)
{
	struct resolver *r = calloc(1, sizeof(*r));
	if (!r) {
		snprintf(why, why_len, "no memory for the resolver");
		return NULL;
	}
	r->config = *config;
	r->usual.last = &r->usual.first;
	r->others.last = &r->others.first;
	r->query = dns_query_open(config->servers, query_done, r, why, why_len);
	if (!r->query) {
		free(r);
		return NULL;
	}
	dns_query_on_records(r->query, name_check_done);
	batch_queue_init(&r->inbox);
	return r;
}

/* What only a name needs: made with the first batch that has one. */
static void set_up(struct resolver *r)
{
	r->cache = name_cache_new();
	r->hosts = hosts_file_new(r->config.hosts ? r->config.hosts : "/etc/hosts");
	must_say(r->cache && r->hosts, "no memory for names");
	must_say(pthread_create(&r->thread, NULL, resolver_run, r) == 0, "no thread for the resolver");
	pthread_setname_np(r->thread, "resolver");
	atomic_store(&r->running, true);
}

void resolver_drain(struct resolver *r)
{
	atomic_store(&r->draining, true);
	if (r->running)
		dns_query_wake(r->query);
}

void resolver_stop(struct resolver *r)
{
	atomic_store(&r->stopped, true);
	if (r->running) {
		dns_query_wake(r->query);
		pthread_join(r->thread, NULL);
	}
	while (r->usual.first)
		free(queue_take(&r->usual));
	while (r->others.first)
		free(queue_take(&r->others));
	dns_query_close(r->query);
	for (struct waiter *w; (w = r->oldest);) {
		struct batch *whole = w->whole;
		end_wait(r, w);
		free(w);
		if (--whole->open == 0)
			batch_free(whole);
	}
	while (r->checks)
		name_check_free(r->checks);
	for (struct batch *b; (b = batch_list_take(&r->out));)
		batch_free(b);
	batch_queue_free(&r->inbox);
	name_cache_free(r->cache);
	hosts_file_free(r->hosts);
	free(r);
}

bool resolve_wanted(const struct batch *b)
{
	for (unsigned i = 0; i < b->count; i++)
		if (!b->jobs[i].bad && (b->jobs[i].family == FAMILY_NONE || b->jobs[i].expect_len)) /* of type dns: never an address */
			return true;
	return false;
}

void resolve_give(struct resolver *r, struct batch_list *batches)
{
	if (!batches->head)
		return;
	if (!r->running)
		set_up(r);
	atomic_fetch_add(&r->jobs_inside, batches->jobs);
	batch_queue_put(&r->inbox, batches);
	dns_query_wake(r->query);
}

uint64_t resolver_waiting(const struct resolver *r)
{
	return atomic_load(&r->jobs_inside);
}

const struct resolve_counters *resolver_counters(const struct resolver *r)
{
	return &r->counters;
}

bool resolver_list_add(char *list, const char *text, char *why, size_t why_len)
{
	struct target target;
	char reason[256];
	size_t len = strlen(text), used = strlen(list);
	bool host_alone = target_parse_host(text, len, &target, reason, sizeof(reason));
	if ((!host_alone && !target_parse(text, len, &target, reason, sizeof(reason))) || target.family == FAMILY_NONE) {
		snprintf(why, why_len, "--resolver: \"%.80s\" is not ADDRESS or ADDRESS:PORT ([ADDRESS]:PORT for IPv6)", text);
		return false;
	}
	if (used + len + 4 > RESOLVERS_TEXT_MAX) {
		snprintf(why, why_len, "--resolver: too many of them");
		return false;
	}
	const char *form = host_alone && memchr(text, ':', len) && text[0] != '[' ? "%s[%s]" : "%s%s";
	snprintf(list + used, RESOLVERS_TEXT_MAX - used, form, used ? "," : "", text);
	return true;
}
