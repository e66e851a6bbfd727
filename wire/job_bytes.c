/* job_bytes.c - see job_bytes.h. */
#include "wire/job_bytes.h"

#include "base/must.h"

static uint8_t *text(uint8_t *at, const char *s)
{
	size_t len = strlen(s);
	must(len <= UINT16_MAX);
	if (len < 32)
		*at++ = (uint8_t)(0xa0 | len);
	else if (len <= UINT8_MAX) {
		*at++ = 0xd9;
		*at++ = (uint8_t)len;
	} else {
		*at++ = 0xda;
		*at++ = (uint8_t)(len >> 8);
		*at++ = (uint8_t)len;
	}
	memcpy(at, s, len);
	return at + len;
}

static uint8_t *number(uint8_t *at, uint32_t n)
{
	unsigned bytes = n < 128 ? 0 : n <= UINT8_MAX ? 1 : n <= UINT16_MAX ? 2 : 4;
	if (bytes == 0) {
		*at++ = (uint8_t)n;
		return at;
	}
	*at++ = bytes == 1 ? 0xcc : bytes == 2 ? 0xcd : 0xce;
	while (bytes--)
		*at++ = (uint8_t)(n >> 8 * bytes);
	return at;
}

static uint8_t *seconds(uint8_t *at, const char *key, unsigned s, unsigned usual)
{
	uint64_t ms = s * 1000ull;
	if (s == usual)
		return at;
	at = text(at, key);
	if (ms <= UINT32_MAX)
		return number(at, (uint32_t)ms);
	*at++ = 0xcf;
	for (unsigned byte = 8; byte--;)
		*at++ = (uint8_t)(ms >> 8 * byte);
	return at;
}

static uint8_t *tls_wish(uint8_t *at, const struct tls_wish *w)
{
	const struct tls_wish *usual = &tls_wish_default;
	at = text(at, "tls");
	*at++ = (uint8_t)(0x80 | ((w->server_name != NULL) + (w->ca != NULL) + (w->starttls != STARTTLS_NONE) +
				  (w->timeout_ms != usual->timeout_ms) + (w->warn_s != usual->warn_s) +
				  (w->down_s != usual->down_s)));
	if (w->server_name)
		at = text(text(at, "server_name"), w->server_name);
	if (w->ca)
		at = text(text(at, "ca"), w->ca);
	if (w->starttls)
		at = text(text(at, "starttls"), starttls_names[w->starttls]);
	if (w->timeout_ms != usual->timeout_ms)
		at = number(text(at, "timeout_ms"), w->timeout_ms);
	at = seconds(at, "warn_ms", w->warn_s, usual->warn_s);
	return seconds(at, "down_ms", w->down_s, usual->down_s);
}

size_t job_bytes(const struct job_text *job, uint8_t *into)
{
	const char *const own[][2] = { { "expect_address", job->expect_address }, { "expect_answer", job->expect_answer },
				       { "resolver", job->resolver } };
	uint8_t *at = into;
	unsigned pairs = job->tls != NULL;
	for (unsigned i = 0; i < ARRAY_LEN(own); i++)
		pairs += own[i][1] && *own[i][1];
	*at++ = pairs ? 0x94 : 0x93;
	at = text(at, job->monitor);
	at = text(at, job->host);
	at = number(at, job->port);
	if (pairs)
		*at++ = (uint8_t)(0x80 | pairs);
	for (unsigned i = 0; i < ARRAY_LEN(own); i++)
		if (own[i][1] && *own[i][1])
			at = text(text(at, own[i][0]), own[i][1]);
	if (job->tls)
		at = tls_wish(at, job->tls);
	return (size_t)(at - into);
}

const char *job_bytes_name(const uint8_t *bytes, size_t *len)
{
	bool longer = bytes[1] == 0xd9;
	*len = longer ? bytes[2] : bytes[1] & 0x1f;
	return (const char *)bytes + (longer ? 3 : 2);
}

static uint8_t *pair(uint8_t *at, const char *key, unsigned value, unsigned usual)
{
	return value == usual ? at : number(text(at, key), value);
}

size_t job_batch_head(const struct job_options *o, unsigned count, uint8_t *into)
{
	const struct job_options *usual = &job_options_default;
	uint8_t *at = into;
	must_say(count >= 1 && count <= ENTRY_JOBS_MAX, "%u jobs", count);
	*at++ = 0x92;
	*at++ = (uint8_t)(0x80 | ((o->timeout_ms != usual->timeout_ms) + (o->close != usual->close) +
				  (o->settle_ms != usual->settle_ms) + (o->expires_ms != usual->expires_ms) +
				  (o->attempt != usual->attempt) + (o->ip != usual->ip) + (o->addresses != usual->addresses) +
				  (o->type != usual->type) + (o->record != usual->record)));
	at = pair(at, "timeout_ms", o->timeout_ms, usual->timeout_ms);
	if (o->close != usual->close)
		at = text(text(at, "close"), close_mode_names[o->close]);
	if (o->settle_ms == JOB_SETTLE_AUTO)
		at = text(text(at, "settle_ms"), "auto");
	else
		at = pair(at, "settle_ms", o->settle_ms, usual->settle_ms);
	at = pair(at, "expires_ms", o->expires_ms, usual->expires_ms);
	at = pair(at, "attempt", o->attempt, usual->attempt);
	if (o->ip != usual->ip)
		at = text(text(at, "ip"), job_ip_names[o->ip]);
	if (o->addresses != usual->addresses)
		at = text(text(at, "addresses"), job_addresses_names[o->addresses]);
	if (o->type != usual->type)
		at = text(text(at, "type"), job_type_names[o->type]);
	if (o->record != usual->record)
		at = text(text(at, "record"), job_record_names[o->record]);
	if (count < 16)
		*at++ = (uint8_t)(0x90 | count);
	else {
		*at++ = 0xdc;
		*at++ = 0;
		*at++ = (uint8_t)count;
	}
	return (size_t)(at - into);
}
