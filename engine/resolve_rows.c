/* resolve_rows.c - which addresses of a name a job probes, and what is said where there is none.
 * In: a job and both halves of its name.  Out: rows.  Owns: nothing; sentences are kept by the batch.
 * Why so: `ip`, `addresses` and `expect_address` are decided in one place that neither asks nor waits. */
#include "engine/resolve_rows.h"

#include "base/must.h"
#include "wire/prefix.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { SENTENCE_MAX = 360, NAME_SHOWN = 120 };

struct making {
	struct batch *b;
	const struct job *job;
	const char *who, *host;
	int host_len;
	uint64_t waited_ms;
	struct prefix expected[PREFIXES_MAX];
	int expects;
	struct resolved *into;
};

static bool wants(const struct job *job, enum dns_type type)
{
	return job->ip == IP_ANY || job->ip == IP_BOTH || job->ip == (type == DNS_A ? IP_V4 : IP_V6);
}

static bool is_settled(const struct half_view *v)
{
	return v->state == HALF_KNOWN || v->state == HALF_STALE || v->state == HALF_FAILED;
}

enum dns_type resolve_next(const struct job *job, const struct half_view view[DNS_TYPES])
{
	const struct half_view *v4 = &view[DNS_A], *v6 = &view[DNS_AAAA];
	if (wants(job, DNS_A) && !is_settled(v4))
		return DNS_A;
	/* What is not there has no other kind of address either; and `any` is content with IPv4. */
	if (wants(job, DNS_AAAA) && !is_settled(v6) && !(is_settled(v4) && v4->outcome == DNS_NO_NAME) &&
	    !(job->ip == IP_ANY && v4->outcome != DNS_NO_DATA))
		return DNS_AAAA;
	return DNS_TYPES;
}

/* ---- rows ---- */

static struct outcome *add_row(struct making *m, uint8_t family, const uint8_t *address)
{
	must(m->into->count < ARRAY_LEN(m->into->job));
	struct job *job = &m->into->job[m->into->count];
	struct outcome *o = &m->into->outcome[m->into->count++];
	*job = *m->job;
	job->family = family;
	memset(job->address, 0, sizeof(job->address));
	if (address)
		memcpy(job->address, address, family == FAMILY_V4 ? 4 : 16);
	*o = (struct outcome){ 0 };
	return o;
}

static void add_verdict(struct making *m, enum verdict verdict, const char *sentence)
{
	struct outcome *o = add_row(m, FAMILY_NONE, NULL);
	o->verdict = (uint8_t)verdict;
	o->detail = batch_keep(m->b, sentence);
}

void resolve_say_failure(const char *who, const char *host, int host_len, uint64_t waited_ms, enum dns_outcome failure, char *into,
			 size_t len)
{
	switch (failure) {
	case DNS_SILENT:
		snprintf(into, len, "no answer from %s about %.*s within %.1f s", who, host_len, host, (double)waited_ms / 1000);
		break;
	case DNS_UNREACHED:
		snprintf(into, len, "the resolver %s cannot be reached: nothing listens there, or there is no route", who);
		break;
	case DNS_SERVFAIL:
	case DNS_REFUSED:
		snprintf(into, len, "%s answered %s for %.*s", who, failure == DNS_SERVFAIL ? "SERVFAIL" : "REFUSED", host_len, host);
		break;
	default:
		snprintf(into, len, "the answer of %s about %.*s cannot be read", who, host_len, host);
		break;
	}
}

static void say_failure(const struct making *m, enum dns_outcome failure, char *into, size_t len)
{
	resolve_say_failure(m->who, m->host, m->host_len, m->waited_ms, failure, into, len);
}

/* ---- expectations ---- */

static bool is_expected(const struct making *m, uint8_t family, const uint8_t *address)
{
	for (int i = 0; i < m->expects; i++)
		if (prefix_holds(&m->expected[i], family, address))
			return true;
	return m->expects == 0;
}

static const char *expected_text(const struct making *m)
{
	return (const char *)m->b->blob + m->job->expect_at;
}

/* The address that is not expected; nothing is sent to it. */
static void add_wrong(struct making *m, uint8_t family, const uint8_t *address)
{
	char text[INET6_ADDRSTRLEN], line[SENTENCE_MAX];
	inet_ntop(family == FAMILY_V4 ? AF_INET : AF_INET6, address, text, sizeof(text));
	const int expect_len = m->job->expect_len < 160 ? m->job->expect_len : 160;
	if (m->job->family == FAMILY_NONE)
		snprintf(line, sizeof(line), "%.*s leads to %s, expected is %.*s; it was not probed", m->host_len, m->host, text,
			 expect_len, expected_text(m));
	else
		snprintf(line, sizeof(line), "%s is not among the addresses expected, %.*s; it was not probed", text, expect_len,
			 expected_text(m));
	struct outcome *o = add_row(m, family, address);
	o->verdict = VERDICT_WRONG_ADDRESS;
	o->detail = batch_keep(m->b, line);
}

static void read_expected(struct making *m)
{
	char why[256];
	m->expects = m->job->expect_len ? prefixes_parse(expected_text(m), m->job->expect_len, m->expected, why, sizeof(why)) : 0;
	must_say(m->expects >= 0, "%s", why); /* the reader of the job has looked */
}

/* ---- one half ---- */

static const char *note_of(struct making *m, const struct half_view *v)
{
	char line[SENTENCE_MAX], why[SENTENCE_MAX - 80];
	if (v->state != HALF_STALE)
		return NULL;
	say_failure(m, (enum dns_outcome)v->failure, why, sizeof(why));
	snprintf(line, sizeof(line), "the address is an old answer, expired %llu s ago: %s", (unsigned long long)v->old_ms / 1000, why);
	return batch_keep(m->b, line);
}

static void add_addresses(struct making *m, const struct half_view *v, uint8_t family, unsigned most)
{
	const char *note = note_of(m, v);
	const bool all = m->job->addresses == ADDRESSES_ALL;
	for (unsigned i = 0; !all && i < v->count; i++)
		if (!is_expected(m, family, v->address[i])) {
			add_wrong(m, family, v->address[i]);
			return;
		}
	for (unsigned i = 0; i < v->count && i < (all ? most : 1); i++) {
		if (!is_expected(m, family, v->address[i]))
			add_wrong(m, family, v->address[i]);
		else
			add_row(m, family, v->address[i])->note = note;
	}
}

static void add_half(struct making *m, const struct half_view *v, enum dns_type type, unsigned most)
{
	char line[SENTENCE_MAX];
	if (v->state == HALF_FAILED) {
		say_failure(m, (enum dns_outcome)v->outcome, line, sizeof(line));
		add_verdict(m, VERDICT_RESOLVER, line);
	} else if (v->outcome == DNS_ADDRESSES) {
		add_addresses(m, v, type == DNS_A ? FAMILY_V4 : FAMILY_V6, most);
	} else if (v->outcome == DNS_NO_NAME) {
		snprintf(line, sizeof(line), "there is no name %.*s (NXDOMAIN, says %s)", m->host_len, m->host, m->who);
		add_verdict(m, VERDICT_NO_NAME, line);
	} else {
		snprintf(line, sizeof(line), "%.*s has no %s address (says %s)", m->host_len, m->host,
			 m->job->ip == IP_ANY ? "IPv4 and no IPv6" : type == DNS_A ? "IPv4" : "IPv6", m->who);
		add_verdict(m, VERDICT_NO_NAME, line);
	}
}

static struct making begin(struct batch *b, const struct job *job, struct resolved *into)
{
	into->count = 0;
	return (struct making){ .b = b, .job = job, .host = (const char *)b->blob + job->host_at,
				.host_len = job->host_len < NAME_SHOWN ? job->host_len : NAME_SHOWN, .into = into };
}

/* Why the name may not be probed at all: one of the addresses that are known of it is denied.  NULL: it may. */
static const char *denied_by(const struct address_policy *policy, const struct job *job, const struct half_view view[DNS_TYPES])
{
	const char *denied = NULL;
	for (unsigned type = 0; type < DNS_TYPES; type++)
		for (unsigned i = 0; is_settled(&view[type]) && i < view[type].count && !denied; i++) {
			struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(job->port) };
			struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(job->port) };
			memcpy(&v6.sin6_addr, view[type].address[i], 16);
			memcpy(&v4.sin_addr, view[type].address[i], 4);
			denied = policy_denies(policy, type == DNS_A ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
		}
	return denied;
}

/* All that the name leads to, v4 first, each kind in order; NULL: nothing, more than is said, or not all of it is known. */
static const char *addresses_of(struct batch *b, const struct half_view view[DNS_TYPES])
{
	char line[NAME_SET_MAX * INET6_ADDRSTRLEN];
	unsigned count = 0;
	size_t used = 0;
	for (unsigned type = 0; type < DNS_TYPES; type++)
		count += view[type].state == HALF_FAILED ? NAME_SET_MAX + 1 : is_settled(&view[type]) ? view[type].count : 0;
	if (!count || count > NAME_SET_MAX)
		return NULL;
	for (unsigned type = 0; type < DNS_TYPES; type++)
		for (unsigned i = 0; is_settled(&view[type]) && i < view[type].count; i++) {
			if (used)
				line[used++] = ',';
			inet_ntop(type == DNS_A ? AF_INET : AF_INET6, view[type].address[i], line + used, INET6_ADDRSTRLEN);
			used += strlen(line + used);
		}
	return batch_keep(b, line);
}

void resolve_rows(struct batch *b, const struct job *job, const struct half_view view[DNS_TYPES],
		  const struct address_policy *policy, const char *who, uint64_t waited_ms, const char *changed,
		  struct resolved *into)
{
	struct making m = begin(b, job, into);
	const struct half_view *v4 = &view[DNS_A], *v6 = &view[DNS_AAAA];
	m.who = who;
	m.waited_ms = waited_ms;
	read_expected(&m);
	/* With both families, each is sure of half of the rows, and of what the other leaves. */
	unsigned six = job->ip == IP_BOTH && v6->outcome == DNS_ADDRESSES ? v6->count : 0;
	unsigned four = six < JOB_ADDRESSES_MAX / 2 ? JOB_ADDRESSES_MAX - six : JOB_ADDRESSES_MAX / 2;
	if (is_settled(v4) && !(job->ip == IP_ANY && v4->outcome == DNS_NO_DATA))
		add_half(&m, v4, DNS_A, four);
	if (is_settled(v6))
		add_half(&m, v6, DNS_AAAA, JOB_ADDRESSES_MAX - into->count);
	must(into->count > 0);
	const char *denied = denied_by(policy, job, view);
	if (denied) {
		into->count = 0;
		add_verdict(&m, VERDICT_DENIED, denied);
	} else {
		into->outcome[0].addresses = addresses_of(b, view);
	}
	if (changed && into->outcome[0].verdict == VERDICT_NONE)
		into->outcome[0].note = batch_keep(b, changed);
}

void resolve_literal(struct batch *b, const struct job *job, struct resolved *into)
{
	struct making m = begin(b, job, into);
	read_expected(&m);
	if (is_expected(&m, job->family, job->address))
		add_row(&m, job->family, job->address);
	else
		add_wrong(&m, job->family, job->address);
}
