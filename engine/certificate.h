/* certificate.h - from what a service showed to a judgement and the sentence for it: pure. */
#ifndef ENGINE_CERTIFICATE_H
#define ENGINE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERTIFICATE_TEXT_MAX 160
#define CERTIFICATE_SENTENCE_MAX 400 /* with it an alert's summary is still one sentence */

/* Whether the chain leads to somebody who is trusted; times and names are looked at apart from it. */
enum certificate_chain {
	CHAIN_TRUSTED,
	CHAIN_SELF_SIGNED,   /* the certificate is its own issuer */
	CHAIN_UNKNOWN_ROOT,  /* the chain is whole, its end is not trusted */
	CHAIN_UNKNOWN_ISSUER, /* whoever signed is neither sent nor known */
	CHAIN_BAD,	     /* anything else: chain_why says it */
};

/* All that was found out.  Texts are printable UTF-8, "" where there is nothing. */
struct certificate_facts {
	int64_t not_before_s, not_after_s;	/* of the certificate itself, since 1970 */
	int64_t above_not_after_s;		/* the first to end of those above it; INT64_MAX: there is none */
	char above[CERTIFICATE_TEXT_MAX];	/* its name */
	enum certificate_chain chain;
	char chain_why[CERTIFICATE_TEXT_MAX];
	char issuer[CERTIFICATE_TEXT_MAX];	/* whoever signed the certificate, or the first that is missing */
	unsigned sent;				/* certificates the service sent, its own included */
	bool name_fits;
	char names[CERTIFICATE_TEXT_MAX];	/* "a.example, b.example and 3 more" */
};

struct certificate_wants {
	const char *name;	 /* the host name or address that the certificate has to be for */
	bool name_is_address;
	uint32_t warn_s, down_s; /* how long it has to hold on */
};

enum certificate_state { CERTIFICATE_GOOD, CERTIFICATE_SOON, CERTIFICATE_BAD };

/* Judges at now_s (since 1970) and writes the sentence: of a bad one all that is wrong, the first thing first. */
enum certificate_state certificate_judge(const struct certificate_facts *seen, const struct certificate_wants *wants,
					 int64_t now_s, char *sentence, size_t len);

/* When the first of the chain ends. */
int64_t certificate_ends_s(const struct certificate_facts *seen);

#endif
