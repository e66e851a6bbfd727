/* webhook_sign.c - Standard Webhooks signatures by OpenSSL's libcrypto, see webhook_sign.h.
 * In: secrets as text, a message.  Out: the value of the header webhook-signature. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/webhook_sign.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define KEY_MIN 24

void base64_add(struct text *into, const void *bytes, size_t len, bool wrapped)
{
	enum { STEP = 57 }; /* 76 characters */
	const uint8_t *from = bytes;
	for (size_t at = 0; at < len; at += STEP) {
		uint8_t line[80];
		size_t take = len - at < STEP ? len - at : STEP;
		text_add_bytes(into, line, (size_t)EVP_EncodeBlock(line, from + at, (int)take));
		if (wrapped)
			text_add(into, "\r\n");
	}
}

/* Base64 with its padding into bytes; 0 if it is none or too long. */
static size_t base64_read(const char *text, size_t len, uint8_t bytes[WEBHOOK_KEY_MAX])
{
	uint8_t whole[WEBHOOK_KEY_MAX + 5];
	size_t padding = 0;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	if (len == 0 || len % 4 != 0 || len / 4 * 3 > WEBHOOK_KEY_MAX + 2 || memchr(text, '=', len - padding))
		return 0; /* EVP_DecodeBlock() takes = for a zero wherever it stands */
	int got = EVP_DecodeBlock(whole, (const uint8_t *)text, (int)len);
	if (got < 0 || (size_t)got - padding > WEBHOOK_KEY_MAX)
		return 0;
	memcpy(bytes, whole, (size_t)got - padding);
	return (size_t)got - padding;
}

bool webhook_keys_parse(struct webhook_keys *keys, const char *secrets, char *why, size_t why_len)
{
	static const char prefix[] = "whsec_";
	keys->count = 0;
	for (const char *at = secrets + strspn(secrets, " \n"); *at; at += strspn(at, " \n")) {
		size_t len = strcspn(at, " \n");
		if (keys->count == WEBHOOK_SECRETS_MAX) {
			snprintf(why, why_len, "more than %d secrets", WEBHOOK_SECRETS_MAX);
			return false;
		}
		if (len < sizeof(prefix) || memcmp(at, prefix, sizeof(prefix) - 1) != 0) {
			snprintf(why, why_len, "secret %u does not begin with whsec_", keys->count + 1);
			return false;
		}
		size_t got = base64_read(at + sizeof(prefix) - 1, len - sizeof(prefix) + 1, keys->key[keys->count].bytes);
		if (got < KEY_MIN) {
			snprintf(why, why_len, "secret %u is not the base64 of %d to %d bytes (openssl rand -base64 32)",
				 keys->count + 1, KEY_MIN, WEBHOOK_KEY_MAX);
			return false;
		}
		keys->key[keys->count++].len = got;
		at += len;
	}
	if (keys->count == 0)
		snprintf(why, why_len, "the secret is empty");
	return keys->count > 0;
}

void webhook_sign(const struct webhook_keys *keys, const char *id, uint64_t timestamp_s, const char *body,
		  size_t body_len, struct text *into)
{
	struct text content = { 0 };
	text_printf(&content, "%s.%" PRIu64 ".", id, timestamp_s);
	text_add_bytes(&content, body, body_len);
	into->failed |= content.failed;
	for (unsigned i = 0; i < keys->count && !content.failed; i++) {
		uint8_t mac[EVP_MAX_MD_SIZE];
		unsigned mac_len = 0;
		if (!HMAC(EVP_sha256(), keys->key[i].bytes, (int)keys->key[i].len, (const uint8_t *)content.data, content.len,
			  mac, &mac_len))
			into->failed = true;
		text_add(into, i ? " v1," : "v1,");
		base64_add(into, mac, mac_len, false);
	}
	text_free(&content);
}
