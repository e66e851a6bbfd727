/* record.h - what a job of type dns asks for, and the values that are expected of it.
 *
 * A value is what stands behind the type in a zone file: "192.0.2.1", "mail.example.net", "10 mail.example.net" (of MX; the
 * number may be left out), the text of a TXT without quotes, in printable ASCII (any other byte is \DDD).  Expectations are values with a newline between them. */
#ifndef WIRE_RECORD_H
#define WIRE_RECORD_H

#include <stdbool.h>
#include <stddef.h>

enum job_record { RECORD_A, RECORD_AAAA, RECORD_CNAME, RECORD_MX, RECORD_NS, RECORD_TXT, JOB_RECORDS };
extern const char *const job_record_names[JOB_RECORDS + 1]; /* "A", "AAAA", ..., NULL */

#define ANSWER_TEXT_MAX 1000 /* of all expectations together */
#define ANSWER_VALUES_MAX 16

/* Whether a value may be expected of that record; false: why holds a clause. */
bool record_value_is_fine(enum job_record record, const char *value, size_t len, char *why, size_t why_len);
/* The same for all of them. */
bool record_values_are_fine(enum job_record record, const char *values, size_t len, char *why, size_t why_len);
/* Whether what was answered (values with a newline between them, in the form above) is what is expected: exactly the same
 * values in any order; of TXT, where others may stand beside, that all expected ones are there. */
bool record_is_expected(enum job_record record, const char *answered, size_t answered_len, const char *expected,
			size_t expected_len);

/* "192.0.2.53", "192.0.2.53:5353", "[2001:db8::53]:53"; false: why holds a clause. */
bool resolver_is_fine(const char *text, size_t len, char *why, size_t why_len);
#define RESOLVER_TEXT_MAX 64

#endif
