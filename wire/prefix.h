/* prefix.h - lists of address ranges as people write them: "192.0.2.0/24, 2001:db8::1". */
#ifndef WIRE_PREFIX_H
#define WIRE_PREFIX_H

#include "wire/job.h"

#define PREFIXES_MAX 32

struct prefix {
	uint8_t family; /* enum address_family */
	uint8_t bits;
	uint8_t address[16]; /* network order; bits beyond are 0 */
};

/* Reads one ADDRESS or ADDRESS/BITS (inet_pton only); bits set behind the length are refused, because the range was then
 * meant to be another.  False: why holds a sentence. */
bool prefix_parse(const char *text, size_t len, struct prefix *into, char *why, size_t why_len);
/* A list with commas, spaces allowed.  Returns how many, 1 to PREFIXES_MAX; -1: why holds a sentence. */
int prefixes_parse(const char *text, size_t len, struct prefix into[PREFIXES_MAX], char *why, size_t why_len);
bool prefix_holds(const struct prefix *prefix, uint8_t family, const uint8_t *address);

#endif
