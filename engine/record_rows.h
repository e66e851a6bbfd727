/* record_rows.h - from an answer to the row of a job of type dns.  Pure. */
#ifndef ENGINE_RECORD_ROWS_H
#define ENGINE_RECORD_ROWS_H

#include "engine/resolve_rows.h"

/* The one row, with its verdict: open where the answer is what is expected, wrong-address where it is not, no-name, resolver,
 * or denied where the policy forbids an address that was answered (what is answered is then not told).  a: who answered says
 * what; waited_ms: for a sentence. */
void record_row(struct batch *b, const struct job *job, const struct dns_records *a, const struct address_policy *policy,
		const char *who, uint64_t waited_ms, struct resolved *into);
/* A verdict that was found without asking. */
void record_row_verdict(struct batch *b, const struct job *job, enum verdict verdict, const char *sentence, struct resolved *into);

#endif
