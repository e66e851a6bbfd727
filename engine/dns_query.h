/* dns_query.h - asks resolvers; the one place that knows c-ares. */
#ifndef ENGINE_DNS_QUERY_H
#define ENGINE_DNS_QUERY_H

#include "engine/dns_answer.h"

#define DNS_SERVERS_TEXT_MAX 512
#define DNS_UPSTREAMS_MAX 64 /* different resolvers that jobs of type dns may name, and the usual one */

/* What became of a question; from dns_query_ask() itself or from dns_query_turn().  The answer is the caller's until it returns. */
typedef void dns_query_done(void *arg, void *tag, enum dns_type type, const struct dns_answer *answer);

/* The same for dns_query_ask_records(). */
typedef void dns_records_done(void *arg, void *tag, const struct dns_records *answer);

struct dns_query;

/* servers: "192.0.2.53,[2001:db8::53]:5353", or NULL for those of the system, which are read again when /etc/resolv.conf
 * changes.  NULL: why holds a sentence. */
struct dns_query *dns_query_open(const char *servers, dns_query_done *done, void *arg, char *why, size_t why_len);
/* Questions under way are dropped: no done() comes for them. */
void dns_query_close(struct dns_query *q);

/* Asks; done() follows exactly once unless the query is closed before.  name ends with 0. */
void dns_query_ask(struct dns_query *q, const char *name, enum dns_type type, void *tag);
/* Who answers dns_query_ask_records(). */
void dns_query_on_records(struct dns_query *q, dns_records_done *done);
/* The number of a resolver of its own, "192.0.2.53:53", known from then on; negative: there are too many, or no memory. */
int dns_query_upstream(struct dns_query *q, const char *server);
/* Asks upstream (0: the usual ones) for records; done() follows exactly once unless the query is closed before. */
void dns_query_ask_records(struct dns_query *q, int upstream, const char *name, enum job_record record, void *tag);
/* Questions under way, to the usual resolvers or to all others. */
unsigned dns_query_open_count(const struct dns_query *q, bool others);
/* Waits at most wait_ms for answers or dns_query_wake(), and deals with what there is. */
void dns_query_turn(struct dns_query *q, unsigned wait_ms);
void dns_query_wake(struct dns_query *q); /* ends a wait, the next one if nobody waits now; from any thread */
/* Who is asked, for sentences: "192.0.2.53", "one of 192.0.2.53, 198.51.100.53". */
const char *dns_query_who(const struct dns_query *q);
const char *dns_query_upstream_who(const struct dns_query *q, int upstream);

#endif
