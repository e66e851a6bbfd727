/* redis_private.h - what the files behind redis_link.h share: redis_link.c, redis_talk.c, redis_reply.c and redis_tls.c
 * are the only ones that see hiredis, and nobody else includes this. */
#ifndef WIRE_REDIS_PRIVATE_H
#define WIRE_REDIS_PRIVATE_H

#include "base/backoff.h"
#include "base/log.h"
#include "wire/redis_link.h"
#include "wire/redis_words.h"
#include <hiredis/hiredis.h>

/* All arrays of one reply together: a tree costs about 90 B an element, so this is near what REPLY_BYTES_MAX costs. */
#define REPLY_ELEMENTS_ALL_MAX 1000000
/* Arrays within arrays.  Redis nests streams five deep; hiredis 0.14 refuses eight, hiredis 1.x takes any depth and
 * then frees it by recursion. */
#define REPLY_DEPTH_MAX 7

/* Stands between a redisReader and the bytes of one connection and counts what the current reply has cost so far. */
struct reply_guard {
	redisReplyObjectFunctions functions; /* hiredis's own with our createArray in front */
	redisReplyObjectFunctions hiredis;
	size_t elements; /* of the reply being read, all arrays together */
	size_t bytes;	 /* fed to the reader and not yet part of a reply that was handed out */
	char why[128];	 /* the refusal, or "" */
};

/* Both must live as long as the reader is used. */
void reply_guard_install(struct reply_guard *guard, redisReader *reader);
/* To be called with the size of every piece that was fed. */
void reply_guard_fed(struct reply_guard *guard, size_t bytes);
/* 1: *reply is the caller's.  0: bytes are missing.  -EBADMSG: refused, guard->why says what; the reader is spent. */
int reply_guard_next(struct reply_guard *guard, redisReader *reader, struct redis_reply **reply);

struct redis_link {
	struct redis_url url;
	char shown[512]; /* the URL as it may be logged */
	char name[64];
	unsigned reply_ms;
	int wake_fd; /* eventfd; not zero: stop waiting */

	redisContext *context; /* NULL: DOWN */
	void *tls;
	struct reply_guard guard;
	bool unsent;	 /* hiredis may hold bytes that the socket did not take yet */
	bool proven;	 /* a command was answered without an error since the connection was made */
	size_t in_flight; /* commands appended and not yet answered */

	struct backoff backoff;
	uint64_t next_try_ns;
	uint64_t connects;
	uint64_t transacts;     /* the value of connects for which MULTI is known to be allowed */
	struct redis_words words;

	enum redis_trouble trouble; /* of the last failure since the connection was made, or tried */
	char error[256];

	bool said_up;	       /* the last line that was logged said that the link is up */
	uint64_t quiet_until_ns; /* while down: no further reasons before; 0: none was given */
	uint64_t say_up_from_ns; /* while up and not said: when there is room for the line again */
	uint64_t say_down_from_ns; /* the same while down; 0: nothing is left to be said */
	char said[256];	       /* the last reason that was logged */
	struct log_limit limit;
};

/* UP, or on the way there -> DOWN: closes, sets the time of the next try, says it.  why may be link->error. */
void redis_link_failed(struct redis_link *link, enum redis_trouble trouble, const char *why);
/* The same after redis_link_interrupt(): not a failure, so neither a line nor a back-off. */
void redis_link_woken(struct redis_link *link);
/* Keeps the reason for redis_link_error() and redis_link_trouble(). */
void redis_link_note(struct redis_link *link, enum redis_trouble trouble, const char *text);
/* The next reply by a moment that lies wait_ms after the beginning of the wait; NULL: the link failed or was woken, and that
 * was dealt with. */
struct redis_reply *redis_talk_until(struct redis_link *link, uint64_t deadline_ns, unsigned wait_ms);

/* 0, or -ENOTSUP with a sentence where hiredis has no TLS. */
int redis_tls_possible(char *why, size_t why_len);
/* Speaks TLS on a connected, non-blocking context: chain, dates and name (or address) of the peer are verified against
 * the system's certificates (SSL_CERT_FILE and SSL_CERT_DIR are honoured).  0 and *session for redis_tls_pending();
 * -EACCES: the certificate was refused; -ENOTSUP: not possible; -ECANCELED, -ETIMEDOUT as redis_socket_wait();
 * -EPROTO: the handshake failed.  Whenever it is not 0, why holds a sentence and the context is fit for redisFree(). */
int redis_tls_start(redisContext *context, const char *host, int wake_fd, uint64_t deadline_ns, void **session,
		    char *why, size_t why_len);
/* True when bytes are already decrypted, so that waiting for the socket would be wrong.  session may be NULL. */
bool redis_tls_pending(void *session);

#endif
