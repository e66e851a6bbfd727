/* webhook_sign.h - signatures after Standard Webhooks 1.0.0: base64 of HMAC-SHA256 over "id.timestamp.body". Several
 * secrets, separated by blanks, give as many signatures, so that a receiver can change to a new one in its own time. */
#ifndef ALERTS_WEBHOOK_SIGN_H
#define ALERTS_WEBHOOK_SIGN_H

#include "base/text.h"

#define WEBHOOK_SECRETS_MAX 4
#define WEBHOOK_KEY_MAX 64

struct webhook_keys {
	unsigned count;
	struct { uint8_t bytes[WEBHOOK_KEY_MAX]; size_t len; } key[WEBHOOK_SECRETS_MAX];
};

/* "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", each of 24 to 64 bytes.  False: why holds a sentence, without the secret.
 */
bool webhook_keys_parse(struct webhook_keys *keys, const char *secrets, char *why, size_t why_len);
/* Adds "v1,K5oZ... v1,..." */
void webhook_sign(const struct webhook_keys *keys, const char *id, uint64_t timestamp_s, const char *body,
		  size_t body_len, struct text *into);
/* Adds bytes as base64; a line break (CR LF) after each 76 characters if wrapped. */
void base64_add(struct text *into, const void *bytes, size_t len, bool wrapped);

#endif
