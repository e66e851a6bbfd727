/* job_bytes.h - a batch of jobs put together from pieces that were encoded before: what job_batch_encode() makes, but a
 * scheduler that sends the same job every minute encodes it once.
 *
 *	blob = job_batch_head(options, count), then count times job_bytes()
 *
 * Bytes are written by hand (a job is an array of two texts and a number) so that a piece needs no allocation but its
 * own; a test holds them equal to job_batch_encode()'s. */
#ifndef WIRE_JOB_BYTES_H
#define WIRE_JOB_BYTES_H

#include "wire/job.h"

#define JOB_TLS_MAX (128 + HOST_MAX_LEN + TLS_CA_MAX_LEN) /* keys, heads and numbers take 92 */
#define JOB_DNS_MAX (14 + 3 + ANSWER_TEXT_MAX + 9 + 2 + RESOLVER_TEXT_MAX)
#define JOB_BYTES_MAX \
	(1 + 2 + NAME_MAX_LEN + 2 + HOST_MAX_LEN + 3 + 1 + 15 + 2 + EXPECT_TEXT_MAX + JOB_DNS_MAX + JOB_TLS_MAX)
#define JOB_HEAD_MAX 128

/* Writes [monitor, host, port], with what the job has of its own (expect_address, expect_answer, resolver, tls) behind it, into
 * JOB_BYTES_MAX bytes and returns how many it took. */
size_t job_bytes(const struct job_text *job, uint8_t *into);
/* Where the monitor's name stands in them. */
const char *job_bytes_name(const uint8_t *bytes, size_t *len);

/* What stands before the jobs: the batch's array, its defaults (those that are not the usual are said), the header of
 * the array of jobs.  JOB_HEAD_MAX bytes. */
size_t job_batch_head(const struct job_options *options, unsigned count, uint8_t *into);

#endif
