/* resolve.h - the stage between source and lanes: jobs whose host is a name get their addresses here.
 *
 *	reader --resolve_give()--> resolver thread --give()--> lanes
 *
 * A batch leaves in one piece when each of its names is in the cache and leads to one address.  Otherwise it leaves in
 * parts (engine/batch.h): what is known goes at once, the rest as it becomes known, so that no job waits for another's
 * name.  A job whose name has no answer gets its verdict here and passes a lane without being probed. */
#ifndef ENGINE_RESOLVE_H
#define ENGINE_RESOLVE_H

#include "engine/address_policy.h"
#include "engine/batch.h"
#include "engine/counters.h"
#include "engine/dns_answer.h"

#define RESOLVE_BUDGET_MS 5000	 /* of a job, or its timeout if that is less */
#define RESOLVE_STALE_MS 1800	 /* who has an old answer waits no longer for a new one (RFC 8767, 5) */
#define RESOLVE_WAITING_MAX 65536 /* jobs that may wait for names without taking the slots of others */
#define RESOLVERS_TEXT_MAX 512

struct resolve_config {
	const char *servers;   /* as dns_query_open() wants them; NULL: the system's */
	const char *hosts;     /* NULL: /etc/hosts */
	const struct address_policy *policy; /* NULL: any; borrowed */
	void (*give)(void *arg, struct batch_list *batches); /* takes over what is to be probed or answered; empties the list */
	void (*whole)(void *arg, struct batch *b);	     /* all parts of b are back, nobody else has it */
	void *arg;
};

struct resolver;
/* NULL: why holds a sentence.  The thread begins with the first batch, so that a run of literals has none. */
struct resolver *resolver_start(const struct resolve_config *config, char *why, size_t why_len);
/* Jobs that wait end as `shutdown`, as do those that come and would have to wait. */
void resolver_drain(struct resolver *r);
/* Ends the thread and frees what waits. */
void resolver_stop(struct resolver *r);

/* Whether a batch has anything for a resolver to do. */
bool resolve_wanted(const struct batch *b);
/* Hands batches over, from the reader thread; empties the list. */
void resolve_give(struct resolver *r, struct batch_list *batches);
/* Jobs that wait here now; from any thread. */
uint64_t resolver_waiting(const struct resolver *r);
const struct resolve_counters *resolver_counters(const struct resolver *r);

/* Adds "192.0.2.53", "192.0.2.53:5353" or "[2001:db8::53]:53" to a list for .servers (RESOLVERS_TEXT_MAX bytes).  False:
 * why holds a sentence. */
bool resolver_list_add(char *list, const char *text, char *why, size_t why_len);

#endif
