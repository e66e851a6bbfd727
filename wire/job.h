/* job.h - one connection to try, and the batch of them that travels as one stream entry.
 *
 * The blob is msgpack: [ {defaults}, [ [monitor, host, port], [monitor, host, port, {options}], ... ] ].
 * Options, in the defaults for the whole batch or in a job for itself (unknown keys are ignored, so that a newer
 * producer can speak to an older engine):
 *	timeout_ms	1..60000		how long to wait for the handshake		3200
 *	close		"rst" | "fin" | "half"	how the connection ends				"rst"
 *	settle_ms	0..5000 | "auto"	how long to wait for a reset afterwards		the engine's --settle
 *	expires_ms	1..86400000		age of the slot at which a job is not probed	60000
 *	slot		ms since 1970		the scheduled time (a job's own)		the entry's
 *	attempt		0..65535		confirm rounds count up				0
 *	ip		"any" | "v4" | "v6" | "both"  which addresses of a name; any: IPv4, or IPv6 where there is none	"any"
 *	addresses	"first" | "all"		how many of each family				"first"
 *	expect_address	"192.0.2.0/24,2001:db8::/32"  every address of the host lies in one of them, at most 255 bytes
 *	tls		{ wishes }		look at the certificate: tls_wish.h		none
 *	type		"tcp" | "dns"		dns: only the name is asked for, nothing is connected to	"tcp"
 *	record		"A" | "AAAA" | ...	of type dns: what is asked for			"A"
 *	expect_answer	"10 mail.example.net"	of type dns: the values that are expected, a newline between them
 *	resolver	"192.0.2.53:53"		of type dns: who is asked			the engine's own
 */
#ifndef WIRE_JOB_H
#define WIRE_JOB_H

#include "wire/record.h"
#include "wire/streams.h"
#include "wire/tls_wish.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum close_mode { CLOSE_RST, CLOSE_FIN, CLOSE_HALF, CLOSE_MODES };
extern const char *const close_mode_names[CLOSE_MODES + 1]; /* "rst", "fin", "half", NULL */
enum job_ip { IP_ANY, IP_V4, IP_V6, IP_BOTH, IP_CHOICES };
extern const char *const job_ip_names[IP_CHOICES + 1]; /* "any", "v4", "v6", "both", NULL */
enum job_addresses { ADDRESSES_FIRST, ADDRESSES_ALL, ADDRESSES_CHOICES };
extern const char *const job_addresses_names[ADDRESSES_CHOICES + 1]; /* "first", "all", NULL */

enum job_type { JOB_TCP, JOB_DNS, JOB_TYPES };
extern const char *const job_type_names[JOB_TYPES + 1]; /* "tcp", "dns", NULL */

#define JOB_ADDRESSES_MAX 16  /* rows that one job may become; with more addresses the first in order are probed */
#define EXPECT_TEXT_MAX 255   /* of expect_address */

#define JOB_TIMEOUT_DEFAULT_MS 3200 /* four SYNs on Linux >= 6.5: 0, 1, 2 and 3 s */
#define JOB_TIMEOUT_MAX_MS 60000
#define JOB_SETTLE_MAX_MS 5000
#define JOB_SETTLE_AUTO UINT16_MAX
#define JOB_SETTLE_AUTO_MAX_MS 250 /* how long `auto` may last */
#define JOB_SETTLE_UNSET (UINT16_MAX - 1) /* the job does not say */
#define JOB_EXPIRES_DEFAULT_MS 60000
#define JOB_EXPIRES_MAX_MS 86400000
#define SLOT_LAST_MS 253402300799999ull /* the last ms of the year 9999 */

enum address_family { FAMILY_NONE, FAMILY_V4, FAMILY_V6 };

struct job {
	uint64_t slot_ms;     /* wall clock */
	const char *bad;      /* a constant sentence if this job cannot be tried, else NULL */
	uint16_t monitor_at;  /* offsets into the batch's blob; not ended by 0 */
	uint16_t host_at;
	uint8_t monitor_len, host_len; /* 0 when bad says so */
	uint8_t family;	      /* enum address_family; NONE: host is a name */
	uint8_t close;	      /* enum close_mode */
	uint8_t address[16];  /* network order; v4 uses the first four bytes */
	uint16_t port;
	uint16_t settle_ms;   /* JOB_SETTLE_AUTO: about two round trips; JOB_SETTLE_UNSET */
	uint16_t attempt;
	uint16_t timeout_ms;
	uint32_t expires_ms;
	uint16_t expect_at;   /* expect_address, in the blob */
	uint8_t expect_len;   /* 0: any address will do */
	uint8_t ip;	      /* enum job_ip */
	uint8_t addresses;    /* enum job_addresses */
	uint8_t type, record; /* enum job_type, enum job_record */
	uint8_t resolver_len; /* 0: the engine's own */
	uint16_t resolver_at, answer_at, answer_len; /* in the blob; no length: anything is as expected */
	uint8_t index;	      /* its place in the entry: rows of one job share it */
	struct tls_job tls;
};

/* Parses the blob of an entry whose slot is slot_ms.  Returns the number of jobs (1..ENTRY_JOBS_MAX).  A job that is
 * wrong in itself is counted, with .bad set and as much of monitor, host and port as could be read.  -EBADMSG: the blob
 * is not a batch at all; why says what and where.  -ENOMEM: nothing is wrong with it, try again later.  Offsets point
 * into blob, which the caller keeps. */
int job_batch_decode(const void *blob, size_t len, uint64_t slot_ms, struct job jobs[ENTRY_JOBS_MAX], char *why,
		     size_t why_len);

/* Whether host is a literal address ("192.0.2.1", "2001:db8::1"; inet_pton only, no brackets, no zones); fills family
 * and address.  ::ffff:192.0.2.1 becomes the IPv4 address that the kernel would connect to. */
bool job_set_literal(struct job *job, const char *host, size_t len);

/* What a producer says of one job; texts are borrowed. */
struct job_text {
	const char *monitor, *host;
	unsigned port;
	const char *expect_address; /* NULL or "": any; checked by the caller (wire/prefix.h) */
	const struct tls_wish *tls; /* NULL: a bare handshake */
	const char *expect_answer, *resolver; /* NULL or "": none; checked by the caller (wire/record.h) */
};

struct job_options {
	unsigned timeout_ms, expires_ms, attempt;
	enum close_mode close;
	unsigned settle_ms; /* or JOB_SETTLE_AUTO, JOB_SETTLE_UNSET */
	enum job_ip ip;
	enum job_addresses addresses;
	enum job_type type;
	enum job_record record;
};
extern const struct job_options job_options_default;

/* For --settle: "0", "auto", "250", "250ms", "2s".  False: why holds a sentence. */
bool settle_parse(const char *text, unsigned *settle_ms, char *why, size_t why_len);

/* Encodes a batch (options as its defaults; those that equal job_options_default are left out).  The bytes are malloc'd,
 * the caller frees them; NULL: no memory. */
void *job_batch_encode(const struct job_options *options, const struct job_text *jobs, unsigned count, size_t *len);

#endif
