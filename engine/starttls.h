/* starttls.h - the plain words before TLS, for services that begin in plain text: pure, and careful. */
#ifndef ENGINE_STARTTLS_H
#define ENGINE_STARTTLS_H

#include "wire/tls_wish.h"
#include <stddef.h>

#define STARTTLS_LINE_MAX 1024	 /* a line of an answer; RFC 5321 has 512 */
#define STARTTLS_BYTES_MAX 16384 /* all of what a peer may say before TLS */
#define STARTTLS_SAY_MAX 64

enum starttls_outcome {
	STARTTLS_GO_ON,	  /* more has to come from the peer */
	STARTTLS_READY,	  /* the next byte of either side is TLS */
	STARTTLS_REFUSED, /* why holds a sentence */
};

struct starttls {
	enum starttls_kind kind;
	unsigned step;
	bool offered;		/* smtp: STARTTLS was among the extensions */
	size_t total, line_len; /* of what came */
	char line[STARTTLS_LINE_MAX];
	size_t say_len;		/* what is to be sent now; the caller sends it and sets this to 0 */
	char say[STARTTLS_SAY_MAX];
};

/* Afterwards say holds what the client has to say first, if that is its turn. */
void starttls_begin(struct starttls *s, enum starttls_kind kind);

/* Takes what the peer said, in whatever pieces it comes. */
enum starttls_outcome starttls_take(struct starttls *s, const void *bytes, size_t len, char *why, size_t why_len);

#endif
