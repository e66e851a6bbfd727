/* tls_wish.h - what a job may ask about the certificate that a service shows, and what is told of it.
 * In a job's options it is the map `tls`; an empty one is enough:
 *	server_name	a host name or address	for SNI, and to be in the certificate	the job's host
 *	starttls	"smtp" | "imap" | "pop3" | "postgres" | "ldap"	what is spoken before	TLS from the first byte
 *	warn_ms		0..10 years		less time left than this is told	21 days
 *	down_ms		0..10 years		less time left than this is `certificate`	3 days
 *	timeout_ms	1..60000		for all that follows the TCP handshake	10000
 *	ca		absolute path		certificates to trust, PEM, on the engine's machine	the system's store
 */
#ifndef WIRE_TLS_WISH_H
#define WIRE_TLS_WISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum starttls_kind {
	STARTTLS_NONE, STARTTLS_SMTP, STARTTLS_IMAP, STARTTLS_POP3, STARTTLS_POSTGRES, STARTTLS_LDAP, STARTTLS_KINDS
};
extern const char *const starttls_names[STARTTLS_KINDS + 1]; /* "", "smtp", ..., NULL */

#define TLS_WARN_DEFAULT_S (21 * 86400u)
#define TLS_DOWN_DEFAULT_S (3 * 86400u)
#define TLS_LEFT_MAX_S (3650 * 86400u)
#define TLS_TIMEOUT_DEFAULT_MS 10000 /* some mail servers let strangers wait for their greeting */
#define TLS_CA_MAX_LEN 255

/* As it stands in a struct job: texts are offsets into the batch's blob, of length 0 where they are not given. */
struct tls_job {
	bool wanted;
	uint8_t starttls; /* enum starttls_kind */
	uint8_t name_len, ca_len;
	uint16_t name_at, ca_at;
	uint16_t timeout_ms;
	uint32_t warn_s, down_s;
};

/* As a producer says it; texts are borrowed, NULL: not given. */
struct tls_wish {
	enum starttls_kind starttls;
	const char *server_name, *ca;
	unsigned timeout_ms, warn_s, down_s;
};
extern const struct tls_wish tls_wish_default;
/* How many bytes of a batch it takes at most; 0 for NULL. */
size_t tls_wish_bytes(const struct tls_wish *wish);

/* What a result says of a certificate, whatever its verdict. */
struct tls_seen {
	int64_t not_after_s; /* since 1970: when it, or one above it in its chain, ends; 0: none was seen */
	bool soon;	     /* it holds, but for less than warn_ms */
	const char *issuer;  /* printable, or NULL */
};

#endif
