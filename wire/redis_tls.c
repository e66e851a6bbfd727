/* redis_tls.c - rediss://: TLS over a connection that is already there, with the peer's name verified.
 * In: a connected hiredis context.  Out: the same context, reading and writing through TLS.
 * Why so: hiredis checks the chain but never whether the certificate was made out to the host we meant, so the SSL
 * object is made here and handed to it.  The handshake is ours too, because hiredis's own knows no deadline.
 * The certificate store is read again for every connection (some 20 ms); connections are rare. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_private.h"

#include "wire/redis_socket.h"
#include <errno.h>
#include <stdio.h>

#ifdef HAVE_HIREDIS_SSL

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_start(void)
{
	redisInitOpenSSL();
}

static bool is_literal(const char *host)
{
	struct in6_addr ignored;
	return inet_pton(AF_INET, host, &ignored) == 1 || inet_pton(AF_INET6, host, &ignored) == 1;
}

/* Names go into SNI and are compared with the certificate's names, addresses with its addresses. */
static bool expect_peer(SSL *ssl, const char *host)
{
	if (is_literal(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

static SSL *session_new(const char *host)
{
	SSL_CTX *shared = SSL_CTX_new(TLS_client_method());
	SSL *ssl = NULL;
	if (!shared)
		return NULL;
	SSL_CTX_set_verify(shared, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_set_min_proto_version(shared, TLS1_2_VERSION) == 1 && SSL_CTX_set_default_verify_paths(shared) == 1)
		ssl = SSL_new(shared);
	SSL_CTX_free(shared); /* the session holds its own reference */
	if (ssl && !expect_peer(ssl, host)) {
		SSL_free(ssl);
		ssl = NULL;
	}
	return ssl;
}

/* Why the handshake failed, from the certificate's check if that was it, else from OpenSSL's queue. */
static int tell_failure(SSL *ssl, char *why, size_t why_len)
{
	long verdict = SSL_get_verify_result(ssl);
	unsigned long error = ERR_get_error();
	ERR_clear_error(); /* what else lies there must not be taken for another connection's */
	if (verdict != X509_V_OK) {
		snprintf(why, why_len, "the server's certificate is refused: %s", X509_verify_cert_error_string(verdict));
		return -EACCES;
	}
	snprintf(why, why_len, "TLS handshake: %s%s",
		 error ? ERR_reason_error_string(error) ?: "unknown error" : "the server closed the connection",
		 ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER ? " (does this port speak TLS? else use redis://)" : "");
	return -EPROTO;
}

static int handshake(SSL *ssl, int fd, int wake_fd, uint64_t deadline_ns, char *why, size_t why_len)
{
	for (;;) {
		int done, want, ready;
		ERR_clear_error();
		done = SSL_do_handshake(ssl);
		if (done == 1)
			return 0;
		want = SSL_get_error(ssl, done);
		if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE)
			return tell_failure(ssl, why, why_len);
		ready = redis_socket_wait(fd, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, wake_fd, deadline_ns);
		if (ready < 0) {
			snprintf(why, why_len, "TLS handshake: no answer in time");
			return ready;
		}
	}
}

int redis_tls_start(redisContext *context, const char *host, int wake_fd, uint64_t deadline_ns, void **session,
		    char *why, size_t why_len)
{
	SSL *ssl;
	pthread_once(&library_once, library_start);
	ERR_clear_error();
	ssl = session_new(host);
	if (!ssl) {
		snprintf(why, why_len, "cannot prepare TLS: %s", ERR_reason_error_string(ERR_get_error()) ?: "no memory");
		return -EPROTO;
	}
	/* On a non-blocking context this only sends the first message; the session is the context's from here on. */
	if (redisInitiateSSL(context, ssl) != REDIS_OK) {
		int bad = tell_failure(ssl, why, why_len);
		SSL_free(ssl);
		return bad;
	}
	*session = ssl;
	return handshake(ssl, context->fd, wake_fd, deadline_ns, why, why_len);
}

bool redis_tls_pending(void *session)
{
	return session && SSL_pending(session) > 0;
}

int redis_tls_possible(char *why, size_t why_len)
{
	(void)why, (void)why_len;
	return 0;
}

#else

int redis_tls_possible(char *why, size_t why_len)
{
	snprintf(why, why_len, "rediss:// is not possible: built without hiredis_ssl (use redis:// or unix://)");
	return -ENOTSUP;
}

int redis_tls_start(redisContext *context, const char *host, int wake_fd, uint64_t deadline_ns, void **session,
		    char *why, size_t why_len)
{
	(void)context, (void)host, (void)wake_fd, (void)deadline_ns, (void)session;
	return redis_tls_possible(why, why_len);
}

bool redis_tls_pending(void *session)
{
	(void)session;
	return false;
}

#endif
