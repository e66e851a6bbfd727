/* dns_answer.h - what a DNS message says about the addresses of a name. */
#ifndef ENGINE_DNS_ANSWER_H
#define ENGINE_DNS_ANSWER_H

#include "wire/job.h"

/* More addresses than a job may probe are not needed; the set is cut after sorting, so that the same ones stay. */
#define NAME_ADDRESSES_MAX 64

enum dns_type { DNS_A, DNS_AAAA, DNS_TYPES };

enum dns_outcome {
	DNS_NONE,	 /* not asked, or no answer yet */
	DNS_ADDRESSES,	 /* at least one */
	DNS_NO_DATA,	 /* the name is there, but has no address of this kind */
	DNS_NO_NAME,	 /* the name is not there (NXDOMAIN) */
	/* what nobody can hold against the name */
	DNS_SILENT,	 /* no resolver answered */
	DNS_UNREACHED,	 /* no resolver could be reached: refused, no route */
	DNS_SERVFAIL,
	DNS_REFUSED,
	DNS_GARBLED,	 /* an answer that cannot be read, or another error code */
	DNS_OUTCOMES
};

static inline bool dns_outcome_knows(enum dns_outcome o) { return o >= DNS_ADDRESSES && o <= DNS_NO_NAME; }

struct dns_answer {
	uint8_t outcome; /* enum dns_outcome */
	uint8_t count;	 /* of address */
	uint32_t ttl_s;	 /* the least of all records used; of a negative answer what its SOA allows, UINT32_MAX: no SOA */
	uint8_t address[NAME_ADDRESSES_MAX][16]; /* sorted, each once; IPv4 uses the first four bytes */
};

/* Reads a whole message (RFC 1035) that answers a question for type.  Any bytes may come: what cannot be read is
 * DNS_GARBLED.  Records of the type are believed whatever name of a CNAME chain they stand at: the resolver followed it. */
void dns_answer_read(const void *message, size_t len, enum dns_type type, struct dns_answer *into);

/* What a message says about the records of one type, for who wants the records themselves. */
#define DNS_RECORDS_TEXT_MAX 16384
struct dns_records {
	uint8_t outcome;  /* enum dns_outcome; ADDRESSES: there are records */
	bool cut;	  /* there are more than fit */
	unsigned count;
	size_t len;
	char text[DNS_RECORDS_TEXT_MAX]; /* as in wire/record.h: values with a newline between them, what is not printable ASCII as \DDD */
};

/* As dns_answer_read(); a record whose data is not what its type has makes the whole DNS_GARBLED. */
void dns_records_read(const void *message, size_t len, enum job_record record, struct dns_records *into);

#endif
