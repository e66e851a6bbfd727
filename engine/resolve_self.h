/* resolve_self.h - the inside of the resolver stage, for the files that implement it: resolve.c, whose jobs wait for the
 * addresses of names, and name_check.c, whose jobs want to know what a name is. */
#ifndef ENGINE_RESOLVE_SELF_H
#define ENGINE_RESOLVE_SELF_H

#include "base/log.h"
#include "engine/dns_query.h"
#include "engine/hosts_file.h"
#include "engine/name_cache.h"
#include "engine/resolve.h"
#include "engine/resolve_rows.h"

#include <pthread.h>

/* A question of a job of type dns.  Nothing is remembered of its answer: what is answered now is what it is about. */
struct check {
	struct check *next, **from; /* all of them */
	struct waiter *waiter;	    /* NULL: its patience is over */
	int upstream;
	uint64_t sent_ns;	    /* 0: it still stands in the queue */
	enum job_record record;
	char name[HOST_MAX_LEN + 1];
};

/* A job that waits for a name, or of type dns for its own answer. */
struct waiter {
	struct waiter *next_same;     /* that waits for the same name */
	struct waiter *newer, *older; /* all of them, in the order they came */
	struct batch *whole;
	struct name_entry *name; /* NULL: check is asked */
	struct check *check;
	uint64_t since_ns;
	uint16_t job;
};

/* A question that was not sent yet. */
struct queued {
	struct queued *next;
	struct name_entry *name; /* NULL: check is asked */
	struct check *check;
	enum dns_type type;
	bool prefetch;
};

struct question_queue {
	struct queued *first, **last;
};

struct resolver {
	struct resolve_config config;
	pthread_t thread;
	atomic_bool running; /* the thread exists */
	atomic_bool draining, stopped;
	struct batch_queue inbox;
	_Atomic uint64_t jobs_inside;
	struct dns_query *query;

	/* the thread's own */
	struct name_cache *cache;
	struct hosts_file *hosts;
	struct waiter *oldest, *newest;
	struct check *checks;
	struct question_queue usual; /* for the engine's own resolvers */
	struct question_queue others; /* for those that jobs name: they may be dead, and must not stand in the way */
	struct batch_list out;
	struct resolve_counters counters;
	uint64_t answered_ns; /* when any answer came last */
	uint64_t next_patience_ns, next_house_ns;
	struct log_limit said_change, said_trouble;
	/* the rows of the batch that is looked at */
	unsigned ready;
	struct job job[ENTRY_JOBS_MAX * (JOB_ADDRESSES_MAX + 2)];
	struct outcome outcome[ENTRY_JOBS_MAX * (JOB_ADDRESSES_MAX + 2)];
};

/* ---- resolve.c ---- */

/* Puts a copy at the end of the questions that are to be sent. */
void resolver_queue(struct resolver *r, const struct queued *what);
/* How long it waits for its name. */
uint64_t resolver_budget_ns(const struct job *job);
/* Whether a job has waited long enough to take less than an answer. */
bool resolver_patience_is_over(const struct resolver *r, const struct job *job, uint64_t sent_ns, uint64_t since_ns, bool has_stale);
/* The job waits from now on, for what the caller puts into name or check. */
struct waiter *resolver_wait(struct resolver *r, struct batch *b, unsigned job, uint64_t since_ns);
/* What a waiting job has become leaves as a part; with the last one the whole is out of our hands. */
void resolver_release(struct resolver *r, struct waiter *w, const struct resolved *rows);
void resolver_shut_down(const struct job *job, struct resolved *into);

/* ---- name_check.c ---- */

/* A job of type dns has come: true, and into has its row, if nothing is to be asked; else it waits. */
bool name_check_begin(struct resolver *r, struct batch *b, unsigned job, uint64_t since_ns, struct resolved *into);
/* Its turn in the queue. */
void name_check_send(struct resolver *r, struct check *c);
/* The row of one whose patience is over, or false. */
bool name_check_give_up(struct resolver *r, const struct waiter *w, struct resolved *into);
/* For dns_query_on_records(). */
void name_check_done(void *arg, void *tag, const struct dns_records *answer);
void name_check_free(struct check *c);

#endif
