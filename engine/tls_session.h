/* tls_session.h - one TLS handshake over memory, and what the peer showed in it; the file that sees OpenSSL. */
#ifndef ENGINE_TLS_SESSION_H
#define ENGINE_TLS_SESSION_H

#include "engine/certificate.h"

#define TLS_BYTES_MAX (256 * 1024) /* of a peer in one handshake; OpenSSL takes chains of at most 100 KB */

/* Whom to trust: the system's store and files of certificates, each read once in a while.  One thread's own. */
struct tls_trust;
struct tls_trust *tls_trust_new(void); /* NULL: no memory */
void tls_trust_free(struct tls_trust *t);

/* The certificates of a file (PEM), or of the system (path NULL).  NULL: why says what is wrong; that is the prober's
 * trouble.  Valid until the next call. */
struct tls_store;
struct tls_store *tls_trust_store(struct tls_trust *t, const char *path, char *why, size_t why_len);

struct tls_session;
/* For a peer of that name (SNI unless it is an address).  NULL: no memory. */
struct tls_session *tls_session_new(struct tls_trust *t, const char *name, bool name_is_address);
void tls_session_free(struct tls_session *s);

enum tls_step {
	TLS_GO_ON, /* send what there is to send, and come again with more */
	TLS_SHOWN, /* the peer has shown its certificate and that it holds the key */
	TLS_NOT,   /* it never will: why holds a sentence */
};
/* Takes what the peer sent; none at the beginning. */
enum tls_step tls_session_take(struct tls_session *s, const void *bytes, size_t len, char *why, size_t why_len);
/* Moves what is to be sent into `into`; 0: nothing. */
size_t tls_session_say(struct tls_session *s, void *into, size_t len);
/* Adds the orderly end to what is to be sent. */
void tls_session_end(struct tls_session *s);

/* After TLS_SHOWN. */
void tls_session_facts(struct tls_session *s, struct tls_store *store, const struct certificate_wants *wants,
		       struct certificate_facts *into);

#endif
