/* name_check.c - jobs of type dns: each is a question of its own, and its answer is the verdict.
 * In: jobs.  Out: rows.  Owns: the questions, from the job until the answer, whoever gives up first.
 * Why so: the cache is for those who want to connect; who asks what a name is wants to hear it from the resolver, now. */
#include "engine/resolve_self.h"

#include "base/clock.h"
#include "base/must.h"
#include "engine/record_rows.h"
#include "wire/target.h"

#include <arpa/inet.h>
#include <stdlib.h>

void name_check_free(struct check *c)
{
	*c->from = c->next;
	if (c->next)
		c->next->from = c->from;
	free(c);
}

void name_check_send(struct resolver *r, struct check *c)
{
	if (!c->waiter) {
		name_check_free(c);
		return;
	}
	counter_add(&r->counters.questions, 1);
	c->sent_ns = clock_ns();
	dns_query_ask_records(r->query, c->upstream, c->name, c->record, c);
}

static void note_time(struct resolved *rows, uint64_t since_ns)
{
	const uint64_t us = (clock_ns() - since_ns) / NS_PER_US;
	rows->outcome[0].dns_us = us ? (uint32_t)us : 1;
}

/* Behind a resolver that a job names others may wait that are dead: nobody waits for those longer than it would for an
 * answer. */
static bool is_over(const struct resolver *r, const struct job *job, const struct waiter *w)
{
	const struct check *c = w->check;
	if (c->upstream && !c->sent_ns)
		return clock_ns() - w->since_ns >= resolver_budget_ns(job);
	return resolver_patience_is_over(r, job, c->sent_ns, w->since_ns, false);
}

bool name_check_give_up(struct resolver *r, const struct waiter *w, struct resolved *rows)
{
	static const struct dns_records silence = { .outcome = DNS_SILENT };
	const struct job *job = &w->whole->jobs[w->job];
	if (!is_over(r, job, w))
		return false;
	if (w->check->upstream && !w->check->sent_ns)
		record_row_verdict(w->whole, job, VERDICT_LOCAL, "not asked: too many questions to resolvers that jobs name are under way", rows);
	else
		record_row(w->whole, job, &silence, r->config.policy, dns_query_upstream_who(r->query, w->check->upstream),
			   (clock_ns() - w->since_ns) / NS_PER_MS, rows);
	note_time(rows, w->since_ns);
	return true;
}

void name_check_done(void *arg, void *tag, const struct dns_records *answer)
{
	struct resolver *r = arg;
	struct check *c = tag;
	struct waiter *w = c->waiter;
	struct resolved rows;
	counter_add(&r->counters.answers[answer->outcome], 1);
	if (answer->outcome != DNS_SILENT && answer->outcome != DNS_UNREACHED)
		r->answered_ns = clock_ns();
	if (w) {
		record_row(w->whole, &w->whole->jobs[w->job], answer, r->config.policy, dns_query_upstream_who(r->query, c->upstream),
			   (clock_ns() - w->since_ns) / NS_PER_MS, &rows);
		note_time(&rows, w->since_ns);
		resolver_release(r, w, &rows);
	}
	name_check_free(c);
}

/* Why nothing may be sent to a job's own resolver; NULL: it may. */
static const char *denied_resolver(const struct address_policy *policy, const char *text)
{
	struct target t;
	char why[256];
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	const size_t len = strlen(text);
	const bool alone = target_parse_host(text, len, &t, why, sizeof(why));
	must(alone || target_parse(text, len, &t, why, sizeof(why)));
	v4.sin_port = v6.sin6_port = htons(alone ? 53 : t.port);
	memcpy(&v4.sin_addr, t.address, 4);
	memcpy(&v6.sin6_addr, t.address, 16);
	return policy_denies(policy, t.family == FAMILY_V4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
}

static void wait_for_answer(struct resolver *r, struct batch *b, unsigned job, int upstream, uint64_t since_ns)
{
	const struct job *j = &b->jobs[job];
	struct check *c = malloc(sizeof(*c));
	must_say(c, "no memory for a question");
	*c = (struct check){ .next = r->checks, .from = &r->checks, .upstream = upstream, .record = (enum job_record)j->record };
	snprintf(c->name, sizeof(c->name), "%.*s", j->host_len, (const char *)b->blob + j->host_at);
	if (r->checks)
		r->checks->from = &c->next;
	r->checks = c;
	c->waiter = resolver_wait(r, b, job, since_ns);
	c->waiter->check = c;
	resolver_queue(r, &(struct queued){ .check = c });
}

/* Why a job of type dns is not asked for, in into; false: it waits for its answer. */
bool name_check_begin(struct resolver *r, struct batch *b, unsigned i, uint64_t since_ns, struct resolved *into)
{
	const struct job *job = &b->jobs[i];
	char server[RESOLVER_TEXT_MAX + 1], list[RESOLVERS_TEXT_MAX] = "", why[256];
	int upstream = 0;
	if (atomic_load(&r->draining)) {
		resolver_shut_down(job, into);
		return true;
	}
	snprintf(server, sizeof(server), "%.*s", job->resolver_len, (const char *)b->blob + job->resolver_at);
	if (job->resolver_len) {
		const char *denied = resolver_list_add(list, server, why, sizeof(why)) ? denied_resolver(r->config.policy, server) : why;
		if (denied) {
			record_row_verdict(b, job, VERDICT_DENIED, denied, into);
			return true;
		}
		upstream = dns_query_upstream(r->query, list);
		if (upstream < 0) {
			record_row_verdict(b, job, VERDICT_LOCAL, "an engine asks at most 64 different resolvers, and this is one more", into);
			return true;
		}
	}
	wait_for_answer(r, b, i, upstream, since_ns);
	return false;
}

