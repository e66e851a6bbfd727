/* record_rows.c - see record_rows.h.
 * In: a job and the records that were answered.  Out: its row.  Owns: nothing; the sentence is kept by the batch.
 * Why so: nothing is connected to, so an answer is the whole verdict; what was answered, and by whom, stands in its detail. */
#include "engine/record_rows.h"

#include "wire/prefix.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE_MAX = 380, NAME_SHOWN = 120, VALUES_SHOWN = 150 };

void record_row_verdict(struct batch *b, const struct job *job, enum verdict verdict, const char *sentence, struct resolved *into)
{
	into->count = 1;
	into->job[0] = *job;
	into->outcome[0] = (struct outcome){ .verdict = (uint8_t)verdict, .detail = batch_keep(b, sentence) };
}

/* "10 mail.example.net, 20 mx2.example.net and 3 more" */
static void say_values(const char *values, size_t len, char *into, size_t room)
{
	size_t used = 0, at = 0;
	unsigned more = 0;
	*into = 0;
	while (at < len) {
		const char *end = memchr(values + at, '\n', len - at);
		const size_t one = (end ? (size_t)(end - values) : len) - at;
		const size_t shown = one < room / 2 ? one : room / 2;
		if (more || used + shown + 24 > room)
			more++;
		else
			used += (size_t)snprintf(into + used, room - used, "%s%.*s%s", used ? ", " : "", (int)shown, values + at,
						 shown < one ? "..." : "");
		at += one + 1;
	}
	if (more)
		snprintf(into + used, room - used, " and %u more", more);
}

/* ---- addresses ---- */

typedef bool address_test(int family, const void *address, const void *arg);

/* Whether the test holds for each answered address; what is no address passes. */
static bool each_address(const struct dns_records *a, enum job_record record, address_test *test, const void *arg)
{
	const int family = record == RECORD_A ? AF_INET : AF_INET6;
	for (size_t at = 0; record <= RECORD_AAAA && at < a->len;) {
		const char *end = memchr(a->text + at, '\n', a->len - at);
		const size_t one = (end ? (size_t)(end - a->text) : a->len) - at;
		char text[INET6_ADDRSTRLEN];
		uint8_t address[16];
		snprintf(text, sizeof(text), "%.*s", (int)one, a->text + at);
		if (inet_pton(family, text, address) == 1 && !test(family, address, arg))
			return false;
		at += one + 1;
	}
	return true;
}

struct expected {
	struct prefix prefix[PREFIXES_MAX];
	int count;
};

static bool is_expected(int family, const void *address, const void *arg)
{
	const struct expected *e = arg;
	for (int i = 0; i < e->count; i++)
		if (prefix_holds(&e->prefix[i], family == AF_INET ? FAMILY_V4 : FAMILY_V6, address))
			return true;
	return false;
}

struct asked_policy {
	const struct address_policy *policy;
	const char **denied;
};

static bool is_allowed(int family, const void *address, const void *arg)
{
	const struct asked_policy *asked = arg;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(53) };
	if (family == AF_INET)
		memcpy(&v4.sin_addr, address, 4);
	else
		memcpy(&v6.sin6_addr, address, 16);
	*asked->denied = policy_denies(asked->policy, family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
	return !*asked->denied;
}

/* ---- judging ---- */

/* Whether the answer is as expected; else expected says what was. */
static bool is_as_expected(const struct batch *b, const struct job *job, const struct dns_records *a, char *expected, size_t len)
{
	const char *texts = (const char *)b->blob;
	char why[256];
	if (job->answer_len && !record_is_expected((enum job_record)job->record, a->text, a->len, texts + job->answer_at, job->answer_len)) {
		say_values(texts + job->answer_at, job->answer_len, expected, len);
		return false;
	}
	struct expected ranges;
	ranges.count = job->expect_len ? prefixes_parse(texts + job->expect_at, job->expect_len, ranges.prefix, why, sizeof(why)) : 0;
	if (ranges.count > 0 && !each_address(a, (enum job_record)job->record, is_expected, &ranges)) {
		snprintf(expected, len, "%.*s", job->expect_len < VALUES_SHOWN - 8 ? job->expect_len : VALUES_SHOWN - 8, texts + job->expect_at);
		return false;
	}
	return true;
}

static void judge_records(struct batch *b, const struct job *job, const struct dns_records *a, const struct address_policy *policy,
			  const char *who, struct resolved *into)
{
	const char *host = (const char *)b->blob + job->host_at, *record = job_record_names[job->record], *denied = NULL;
	const int host_len = job->host_len < NAME_SHOWN ? job->host_len : NAME_SHOWN;
	const struct asked_policy asked = { policy, &denied };
	char line[SENTENCE_MAX + 160], values[VALUES_SHOWN], expected[VALUES_SHOWN];
	if (!each_address(a, (enum job_record)job->record, is_allowed, &asked)) {
		record_row_verdict(b, job, VERDICT_DENIED, denied, into);
		return;
	}
	say_values(a->text, a->len, values, sizeof(values));
	const bool fine = is_as_expected(b, job, a, expected, sizeof(expected));
	if (!fine && a->cut) {
		snprintf(line, sizeof(line), "the answer of %s about %.*s is too long to be compared", who, host_len, host);
		record_row_verdict(b, job, VERDICT_RESOLVER, line, into);
		return;
	}
	if (fine)
		snprintf(line, sizeof(line), "%.*s %s is %s (says %s)", host_len, host, record, values, who);
	else
		snprintf(line, sizeof(line), "%.*s %s is %s (says %s), expected is %s", host_len, host, record, values, who, expected);
	record_row_verdict(b, job, fine ? VERDICT_OPEN : VERDICT_WRONG_ADDRESS, line, into);
}

void record_row(struct batch *b, const struct job *job, const struct dns_records *a, const struct address_policy *policy,
		const char *who, uint64_t waited_ms, struct resolved *into)
{
	const char *host = (const char *)b->blob + job->host_at;
	const int host_len = job->host_len < NAME_SHOWN ? job->host_len : NAME_SHOWN;
	char line[SENTENCE_MAX];
	switch (a->outcome) {
	case DNS_ADDRESSES: judge_records(b, job, a, policy, who, into); return;
	case DNS_NO_NAME:
		snprintf(line, sizeof(line), "there is no name %.*s (NXDOMAIN, says %s)", host_len, host, who);
		break;
	case DNS_NO_DATA:
		snprintf(line, sizeof(line), "%.*s has no %s record (says %s)", host_len, host, job_record_names[job->record], who);
		break;
	default:
		resolve_say_failure(who, host, host_len, waited_ms, (enum dns_outcome)a->outcome, line, sizeof(line));
		break;
	}
	record_row_verdict(b, job, dns_outcome_knows(a->outcome) ? VERDICT_NO_NAME : VERDICT_RESOLVER, line, into);
}
