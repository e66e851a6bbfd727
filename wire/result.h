/* result.h - what became of a job: one row a job, many rows a stream entry.
 *
 * The entry's fields are v, n, slot, region, engine (readable) and b: msgpack [ row, row, ... ], a row being
 * [ monitor, slot_ms, attempt, verdict, host, address, port, rtt_us, wall_us, late_us, syn_retrans, errno, icmp, detail, dns_us,
 *   tls, addresses ]
 * (nil where there is nothing to say; host is nil where it is the address itself; icmp is nil or [type, code, offender], with true as a fourth when the offender is
 * the prober itself; addresses are texts; rows may grow at the end).
 * verdict is the number of enum verdict; one that this version does not know reads as VERDICT_NONE, class unknown.  Key for de-duplication: (monitor, slot_ms, attempt, address, region). */
#ifndef WIRE_RESULT_H
#define WIRE_RESULT_H

#include "wire/job.h"
#include "wire/verdict.h"
#include <netinet/in.h>

#define NAME_SET_MAX 16 /* a name with more addresses than that does not say them */

struct icmp_answer {
	uint8_t family;	    /* enum address_family; NONE: no ICMP was seen */
	uint8_t type, code;
	bool ours;	    /* the offender is an address of this very host */
	uint8_t offender[16];
};

/* What the engine keeps per probe while it runs; 80 bytes a slot. */
struct outcome {
	uint8_t verdict;      /* enum verdict; NONE until it is known */
	uint8_t syn_retrans;  /* SYNs beyond the first; 255 or more reads 255 */
	uint16_t error;	      /* errno, 0 if none */
	uint32_t rtt_us;      /* kernel's SYN to SYN-ACK; 0: not measured (not open, or a SYN was lost) */
	uint32_t wall_us;     /* submission to answer, by our clock; 0: never submitted */
	int32_t late_us;      /* submission minus scheduled slot */
	struct icmp_answer icmp;
	const char *detail;   /* a sentence that outlives it, or NULL */
	const char *note;     /* what is to be known beside it ("the address is an old answer"), or NULL; read back as part of detail */
	const char *addresses; /* of the first row of a job with a name: all that the name leads to ("192.0.2.1,192.0.2.2"), or NULL */
	uint32_t dns_us;      /* how long the name took, in none of the times above; 0: there was no name to look up */
	const struct tls_seen *tls; /* of a job that asked for the certificate; NULL: it did not, or nobody came to look */
};

/* One row as it is read back; texts (outcome.detail too) are valid until each() of result_rows_read() returns. */
struct result {
	const char *monitor, *host, *detail; /* printable UTF-8 ended by 0; "" when absent */
	const char *addresses;		     /* that the name leads to, with commas; "": not said in this row */
	char address[INET6_ADDRSTRLEN];	     /* "" when nothing was resolved */
	uint64_t slot_ms;
	unsigned attempt, port;
	struct outcome outcome;		     /* its tls points to the next */
	struct tls_seen tls;
};

/* A growing blob of rows.  One thread's own. */
struct result_rows;
struct result_rows *result_rows_new(void); /* NULL: no memory */
void result_rows_free(struct result_rows *rows);
/* Adds the row of job number index (for the detail of a bad job) whose texts lie in blob; the verdict must be known.
 * 0 or -ENOMEM, with the rows as they were. */
int result_rows_add(struct result_rows *rows, const struct job *job, const void *blob, unsigned index,
		    const struct outcome *outcome);
size_t result_rows_size(const struct result_rows *rows); /* bytes that result_rows_bytes() would give */
unsigned result_rows_count(const struct result_rows *rows);
/* The blob; valid until the next add or reset. */
const void *result_rows_bytes(struct result_rows *rows, size_t *len);
void result_rows_reset(struct result_rows *rows);

/* Calls each() for every row of a blob, in order, until it returns non-zero (which is then returned).  0: all were
 * read.  -EBADMSG: why says what is wrong and where; rows before it were already given.  -ENOMEM: none was given. */
int result_rows_read(const void *blob, size_t len, int (*each)(void *arg, const struct result *result), void *arg,
		     char *why, size_t why_len);

/* The sentence a person reads: the detail if there is one, else one made of verdict, errno, ICMP and SYN count, e.g.
 * "silence after 4 SYNs", "198.51.100.1 answered ICMP 3/13 (communication administratively prohibited)". */
void result_sentence(const struct outcome *outcome, const char *detail, char *into, size_t len);

#endif
