/* job_push.h - puts a list of targets on a job stream. */
#ifndef CLI_JOB_PUSH_H
#define CLI_JOB_PUSH_H

#include "cli/target_list.h"
#include "wire/redis_link.h"

struct job_push {
	struct redis_link *link;
	const char *key;		/* of the stream */
	const struct target_list *targets;
	struct job_options options;
	const char *expect_address;	/* of all jobs; NULL: any */
	const struct tls_wish *tls;	/* of all of them; NULL: bare handshakes */
	uint64_t slot_ms;
	size_t jobs, entries;		/* that Redis has confirmed */
};

/* Makes the group of the engines and adds everything.  0; -EREMOTEIO: Redis refused, -EINTR: Ctrl-C, -EIO: the link broke
 * (what was under way then may or may not be there); why holds sentences.  jobs and entries say how far it came, then
 * too. */
int job_push(struct job_push *push, char *why, size_t why_len);

/* How many of the targets from `from` on fit into one entry, if each carries so many bytes beside its texts; at least one, as
 * long as there is one. */
unsigned job_push_fit(const struct target_list *targets, size_t from, size_t more);

#endif
