/* tls_wish.c - the words and the usual values of tls_wish.h; the reader of the map is job.c's. */
#include "wire/tls_wish.h"

#include <string.h>

const char *const starttls_names[STARTTLS_KINDS + 1] = { "", "smtp", "imap", "pop3", "postgres", "ldap", 0 };

const struct tls_wish tls_wish_default = {
	.timeout_ms = TLS_TIMEOUT_DEFAULT_MS,
	.warn_s = TLS_WARN_DEFAULT_S,
	.down_s = TLS_DOWN_DEFAULT_S,
};

size_t tls_wish_bytes(const struct tls_wish *w)
{
	const size_t fixed = 128; /* keys, heads and numbers take 92 */
	return w ? fixed + (w->server_name ? strlen(w->server_name) : 0) + (w->ca ? strlen(w->ca) : 0) : 0;
}
