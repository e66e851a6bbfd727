/* teller.c - the thread of one channel, see teller.h.
 * In: notices of the queue that are due.  Out: calls of the channel's deliver(), and for each notice an outcome.
 * Owns: the link, the queue, what stands.
 *
 *	read the outbox -> the queue -> tell -> settled -> acknowledged
 *	                      ^ later |
 *
 * Why so: what was told is settled before it is acknowledged, so an end in between tells it twice (with the same id)
 * and never not at all; and a channel is told of while Redis is away, as far as its events are here. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/teller.h"
#include "alerts/outbox.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wait.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define REPLY_MS 5000
#define WAIT_MAX_MS 1000
#define REFUSED_MS 50 /* how often it is looked whether Redis had its rest */
#define HOLD_MAX_S 300 /* what the other side asked of one event holds up the others at most so long */
#define FLUSH_TRIES 3
#define SCREAMS_PER_S 2 /* complaints about a channel */

struct teller {
	const struct teller_config config;
	const struct notify_ops *ops;
	void *self;
	struct outbox outbox;
	struct notice_queue queue;
	struct standing_set standing;
	uint32_t seed;
	uint64_t refresh_due_ms;
	bool failing;  /* nobody answered since the last one that was told */
	bool disabled; /* 410: until a restart */
	struct log_limit limit;
	struct teller_counters counters;

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ended;		   /* under lock: the thread is through */
	_Atomic uint64_t shards;   /* as it was asked for */
	atomic_bool ending, hurry; /* hurry: what is under way is cut off */
};

static uint64_t now_ms(void)
{
	return clock_ns() / NS_PER_MS;
}

/* ---- telling ---- */

static void settle(struct teller *t, struct queued *e, enum outcome outcome, const char *why)
{
	if (t->ops->refresh && !notice_kind(e->notice.type)->moment && (outcome == OUTCOME_DELIVERED || e->notice.resolved))
		standing_put(&t->standing, e->shard, &e->notice, clock_wall_ms());
	t->outbox.done[outcome]++;
	if (outcome == OUTCOME_DELIVERED)
		log_info("told", LOG_S("channel", t->outbox.channel), LOG_S("type", e->notice.type),
			 LOG_S("monitor", e->notice.monitor), LOG_S("id", e->notice.id), LOG_U("try", e->made), LOG_S("answer", why));
	else
		log_errorx("not told, and not tried again; it stands in the stream undelivered", LOG_S("channel", t->outbox.channel),
			   LOG_S("type", e->notice.type), LOG_S("monitor", e->notice.monitor), LOG_S("id", e->notice.id),
			   LOG_S("outcome", outcome_names[outcome]), LOG_U("tries", e->made), LOG_S("answer", why));
	notice_queue_settle(&t->queue, e, outcome, why);
}

/* Nobody is there, or it is too busy: not this event's fault. */
static bool is_unheard(const struct post_answer *a)
{
	switch (a->status) {
	case 0:
	case EX_UNAVAILABLE: /* of a program */
	case EX_TEMPFAIL:
	case 421: /* SMTP: closing; HTTP knows it as a proxy's mistake */
	case 429:
	case 502:
	case 503:
	case 504:
		return true;
	default:
		return false;
	}
}

static void try_later(struct teller *t, struct queued *e, const struct post_answer *a)
{
	uint64_t now = now_ms();
	unsigned missed;
	e->unheard = is_unheard(a);
	if (e->woken && e->planned_ms > now) { /* it was out of turn, and costs no try */
		e->made--;
		notice_queue_later(e, e->planned_ms);
		return;
	}
	uint64_t next_ms = retry_next_ms(t->config.schedule, e->made, a->retry_after_s, now, &t->seed);
	if (next_ms == RETRY_NEVER) {
		settle(t, e, OUTCOME_GIVEN_UP, a->said);
		return;
	}
	notice_queue_later(e, next_ms);
	atomic_fetch_add_explicit(&t->counters.retries, 1, memory_order_relaxed);
	if (log_allowed(&t->limit, SCREAMS_PER_S, &missed))
		log_warnx("not told yet", LOG_S("channel", t->outbox.channel), LOG_S("type", e->notice.type),
			  LOG_S("monitor", e->notice.monitor), LOG_S("id", e->notice.id), LOG_U("try", e->made),
			  LOG_U("again_in_ms", next_ms - now), LOG_S("answer", a->said), LOG_UNSAID(missed));
}

/* From now on everything is given up: what waits, and what comes. */
static void disable(struct teller *t, const char *why)
{
	if (!t->disabled)
		log_errorx("the channel is disabled until a restart: the other side says that it is gone",
			   LOG_S("channel", t->outbox.channel), LOG_S("answer", why));
	t->disabled = true;
	while (t->queue.first)
		settle(t, t->queue.first, OUTCOME_DISABLED, why);
}

static void look_at(struct teller *t, struct queued *e, enum delivery delivery, const struct post_answer *a,
		    bool folded)
{
	e->made++;
	if (delivery == DELIVERED)
		settle(t, e, OUTCOME_DELIVERED, a->said);
	else if (delivery == DELIVERY_REFUSED && folded)
		e->alone = true; /* one of them is to blame: each by itself */
	else if (delivery == DELIVERY_REFUSED)
		settle(t, e, OUTCOME_REFUSED, a->said);
	else
		try_later(t, e, a);
}

static void note_answer(struct teller *t, enum delivery delivery, const struct post_answer *a)
{
	uint64_t now = now_ms();
	bool unheard = delivery == DELIVERY_LATER && is_unheard(a);
	t->queue.hold_ms = now + t->ops->gap_ms;
	if (delivery == DELIVERY_LATER && a->retry_after_s)
		t->queue.hold_ms = now + (a->retry_after_s < HOLD_MAX_S ? a->retry_after_s : HOLD_MAX_S) * MS_PER_S;
	if (t->failing && delivery == DELIVERED)
		notice_queue_wake(&t->queue, now);
	t->failing = delivery != DELIVERED && (t->failing || unheard);
	atomic_store(&t->counters.up, delivery == DELIVERED);
}

static const struct notice *beginning_of(struct teller *t, const struct queued *e)
{
	char key[NOTICE_INCIDENT_MAX];
	notice_incident(key, &e->notice);
	const struct standing *s = e->notice.resolved ? standing_find(&t->standing, e->shard, key) : NULL;
	return s ? s->began : NULL;
}

static void tell(struct teller *t)
{
	struct queued *due[NOTIFY_FOLD_MAX];
	struct notice notices[NOTIFY_FOLD_MAX];
	struct post_answer answer = { 0 };
	unsigned count = notice_queue_due(&t->queue, now_ms(), due, t->ops->most);
	if (count == 0 || atomic_load(&t->ending))
		return;
	for (unsigned i = 0; i < count; i++) {
		notices[i] = due[i]->notice;
		notices[i].began = beginning_of(t, due[i]);
	}
	enum delivery delivery = t->ops->deliver(t->self, notices, count, &answer);
	if (delivery == DELIVERY_LATER && atomic_load(&t->hurry))
		return; /* we cut it off ourselves */
	note_answer(t, delivery, &answer);
	for (unsigned i = 0; i < count && delivery != DELIVERY_DISABLED; i++)
		look_at(t, due[i], delivery, &answer, count > 1);
	if (delivery == DELIVERY_DISABLED)
		disable(t, answer.said);
}

static void refresh(struct teller *t)
{
	struct post_answer answer = { 0 };
	unsigned missed;
	if (!t->ops->refresh || t->disabled || now_ms() < t->refresh_due_ms)
		return;
	t->refresh_due_ms = now_ms() + t->config.refresh_ms;
	outbox_expire_standing(&t->outbox, clock_wall_ms());
	struct notice *all = t->standing.count ? standing_notices(&t->standing) : NULL;
	if (!all)
		return;
	bool heard = t->ops->refresh(t->self, all, t->standing.count, &answer);
	atomic_fetch_add_explicit(&t->counters.refreshes, 1, memory_order_relaxed);
	atomic_store(&t->counters.up, heard);
	if (!heard && log_allowed(&t->limit, SCREAMS_PER_S, &missed))
		log_warnx("what still fires could not be said again", LOG_S("channel", t->outbox.channel),
			  LOG_U("alerts", t->standing.count), LOG_S("answer", answer.said), LOG_UNSAID(missed));
	free(all);
}

/* ---- the thread ---- */

/* How long nothing needs to be done, at most WAIT_MAX_MS. */
static unsigned idle_ms(const struct teller *t)
{
	uint64_t now = now_ms(), next_ms = notice_queue_next_ms(&t->queue);
	if (t->ops->refresh && !t->disabled && t->refresh_due_ms < next_ms)
		next_ms = t->refresh_due_ms;
	if (next_ms <= now)
		return 0;
	return next_ms - now < WAIT_MAX_MS ? (unsigned)(next_ms - now) : WAIT_MAX_MS;
}

static void sleep_ms(struct teller *t, unsigned ms)
{
	pthread_mutex_lock(&t->lock);
	if (ms && !atomic_load(&t->ending) && atomic_load(&t->shards) == t->outbox.shards)
		wait_until_ns(&t->wake, &t->lock, clock_ns() + ms * NS_PER_MS);
	pthread_mutex_unlock(&t->lock);
}

static void note_queue(struct teller *t)
{
	uint64_t waiting = 0;
	for (const struct queued *e = t->queue.first; e; e = e->next)
		waiting++;
	for (unsigned i = 0; i < OUTCOMES; i++)
		atomic_store(&t->counters.outcome[i], t->outbox.done[i]);
	atomic_store(&t->counters.waiting, waiting);
	atomic_store(&t->counters.oldest_ms, notice_queue_oldest_ms(&t->queue));
}

/* Tries that a process before us made of what it left. */
static void count_old_tries(struct teller *t)
{
	uint64_t wall_ms = clock_wall_ms();
	for (struct queued *e = t->queue.first; e; e = e->next)
		if (e->old) {
			e->old = false;
			if (e->id_ms < wall_ms)
				e->made = retry_made_by_age(t->config.schedule, wall_ms - e->id_ms);
		}
}

/* One round: with Redis if it is there, and in any case with what is here. */
static void round_of_work(struct teller *t)
{
	unsigned wait_ms, before = t->queue.count;
	outbox_shards(&t->outbox, atomic_load(&t->shards));
	if (redis_link_up(t->outbox.link, &wait_ms) == 0) {
		outbox_settle(&t->outbox, now_ms());
		unsigned idle = t->queue.settled || atomic_load(&t->ending) ? 0 : idle_ms(t);
		if (!outbox_read(&t->outbox, idle, now_ms()))
			sleep_ms(t, t->outbox.not_before_ms > now_ms() && idle > REFUSED_MS ? REFUSED_MS : idle);
	} else
		sleep_ms(t, wait_ms < idle_ms(t) ? wait_ms : idle_ms(t));
	if (t->queue.count > before)
		count_old_tries(t);
	if (t->disabled && t->queue.first)
		disable(t, "the channel is disabled");
	tell(t);
	refresh(t);
	note_queue(t);
}

/* What was told is acknowledged, if Redis is there. */
static void flush(struct teller *t)
{
	unsigned wait_ms;
	t->outbox.not_before_ms = 0;
	for (unsigned i = 0; i < FLUSH_TRIES && t->queue.settled; i++)
		if (redis_link_up(t->outbox.link, &wait_ms) == 0)
			outbox_settle(&t->outbox, now_ms());
}

static void *teller_run(void *arg)
{
	struct teller *t = arg;
	while (!atomic_load(&t->ending))
		round_of_work(t);
	flush(t);
	pthread_mutex_lock(&t->lock);
	t->ended = true;
	pthread_cond_broadcast(&t->wake);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* ---- life ---- */

static void teller_free(struct teller *t)
{
	if (t->self)
		t->ops->close(t->self);
	while (t->queue.settled)
		notice_queue_drop_settled(&t->queue);
	notice_queue_keep_shards(&t->queue, 0);
	standing_keep_shards(&t->standing, 0);
	if (t->outbox.link)
		redis_link_free(t->outbox.link);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct teller *teller_new(const struct teller_config *config)
{
	char name[128];
	struct teller *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	memcpy((void *)&t->config, config, sizeof(*config));
	t->ops = notify_ops_of(config->channel->type);
	t->seed = (uint32_t)clock_ns();
	t->outbox = (struct outbox){
		.prefix = config->prefix, .channel = config->channel->name, .pages_only = config->channel->pages_only,
		.keeps_standing = t->ops->refresh, .queue = &t->queue, .standing = &t->standing,
		.backoff = { .seed = t->seed },
	};
	outbox_group(t->outbox.group, config->channel->name);
	atomic_store(&t->counters.up, true);
	pthread_mutex_init(&t->lock, NULL);
	wait_init(&t->wake);
	snprintf(name, sizeof(name), "portwatch-alerts:notify:%.64s", config->channel->name);
	t->outbox.link = redis_link_new(config->url, name, REPLY_MS);
	return t;
}

struct teller *teller_start(const struct teller_config *config, char *why, size_t why_len)
{
	char reason[200] = "no memory or no descriptor";
	struct teller *t = teller_new(config);
	if (t && t->outbox.link)
		t->self = t->ops->open(config->channel, &t->hurry, reason, sizeof(reason));
	if (t && t->self && pthread_create(&t->thread, NULL, teller_run, t) == 0)
		return t;
	snprintf(why, why_len, "channel %s: %s", config->channel->name, reason);
	if (t)
		teller_free(t);
	return NULL;
}

const struct channel *teller_channel(const struct teller *t)
{
	return t->config.channel;
}

const struct teller_counters *teller_counters(const struct teller *t)
{
	return &t->counters;
}

static void wake_up(struct teller *t)
{
	pthread_mutex_lock(&t->lock);
	pthread_cond_broadcast(&t->wake);
	pthread_mutex_unlock(&t->lock);
	redis_link_interrupt(t->outbox.link);
}

void teller_shards(struct teller *t, uint64_t shards)
{
	if (atomic_exchange(&t->shards, shards) != shards)
		wake_up(t);
}

void teller_ask_to_end(struct teller *t)
{
	atomic_store(&t->ending, true);
	wake_up(t);
}

void teller_end(struct teller *t, uint64_t end_ns)
{
	pthread_mutex_lock(&t->lock);
	while (!t->ended && clock_ns() < end_ns)
		wait_until_ns(&t->wake, &t->lock, end_ns);
	pthread_mutex_unlock(&t->lock);
	atomic_store(&t->hurry, true);
	pthread_join(t->thread, NULL);
	teller_free(t);
}
