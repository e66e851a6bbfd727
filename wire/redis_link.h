/* redis_link.h - one connection to Redis that is pipelined, bounded and comes back by itself.  hiredis is seen only
 * behind it (redis_private.h).  One thread's own, but for redis_link_interrupt().
 *
 * Use: redis_link_up(), append any number of commands, read as many replies.  A NULL reply means that the link broke:
 * everything in flight has an unknown outcome, redis_link_error() says why, and the next redis_link_up() connects again
 * after the back-off.  Replies from outside are capped: REPLY_ELEMENTS_MAX in an array, REPLY_BYTES_MAX in all.
 *
 * No wait is unbounded: making a connection may take reply_ms, a reply block_ms + reply_ms (looking up a host name comes
 * on top, bounded by resolv.conf).  SIGPIPE is ignored from the first redis_link_new() on, unless it has a handler. */
#ifndef WIRE_REDIS_LINK_H
#define WIRE_REDIS_LINK_H

#include "wire/redis_trouble.h"
#include "wire/redis_url.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_ELEMENTS_MAX 100000
#define REPLY_BYTES_MAX (64u << 20)

struct redis_link;
struct redis_reply; /* opaque */

/* name: for CLIENT SETNAME, so that CLIENT LIST is readable.  reply_ms: how long a reply may take beyond what a command
 * itself blocks.  NULL: no memory or no descriptor.  Nothing is connected yet. */
struct redis_link *redis_link_new(const struct redis_url *url, const char *name, unsigned reply_ms);
void redis_link_free(struct redis_link *link);

/* What was asked for in a URL but was not built in: 0, or -ENOTSUP and why holds a sentence. */
int redis_link_possible(const struct redis_url *url, char *why, size_t why_len);

/* Connects if need be: socket, TLS with the name verified, AUTH, SELECT, CLIENT SETNAME, PING.
 * 0: usable.  -EAGAIN: not now, *wait_ms says when to call again (back-off; 30 s after TROUBLE_FORBIDDEN; 0 when woken by
 * redis_link_interrupt()).  The back-off starts anew once a command was answered without an error.
 * Logs each change of state once, and at most two lines a second. */
int redis_link_up(struct redis_link *link, unsigned *wait_ms);
bool redis_link_is_up(const struct redis_link *link);
/* Drops the connection; the next redis_link_up() makes another.  because: a sentence, or the text of the error reply that
 * made it necessary, which then decides how long to wait (see redis_trouble.h); redis_link_error() is fine too. */
void redis_link_drop(struct redis_link *link, const char *because);
/* The last failure since the link came up, or the reason why it did not: of the connection, or a reply to redis_read()
 * that was an error (but not BUSYGROUP).  "" and TROUBLE_NONE if there was none. */
const char *redis_link_error(const struct redis_link *link);
enum redis_trouble redis_link_trouble(const struct redis_link *link);
uint64_t redis_link_connects(const struct redis_link *link); /* successful ones, for metrics */

/* Queues one command (copied).  A failure shows at the next read; on a link that is down nothing happens. */
void redis_append(struct redis_link *link, int argc, const char *const *argv, const size_t *len);
/* The same from a format in which every word is one argument: %s text, %b bytes (pointer, size_t), %u unsigned, %llu;
 * see redis_words.h. */
void redis_appendf(struct redis_link *link, const char *format, ...);
/* The next reply, waiting block_ms longer than usual; NULL: the link broke or is down.  The caller frees it.  To read on
 * a link that is up more often than was appended is a bug. */
struct redis_reply *redis_read(struct redis_link *link, unsigned block_ms);
/* Append and read one. */
struct redis_reply *redis_ask(struct redis_link *link, const char *format, ...);
void redis_reply_free(struct redis_reply *reply); /* NULL is fine */
/* Whether this connection may use MULTI and EXEC, asked once a connection: without the right to them, what stands between
 * would run bare.  False: *refusal is the reply that said no, which the caller frees, or NULL when the link broke. */
bool redis_may_transact(struct redis_link *link, struct redis_reply **refusal);

/* Makes a wait of another thread end at once: redis_read() returns NULL, redis_link_up() -EAGAIN, and the connection is
 * dropped without a line or a back-off.  Between waits it is kept for the next one, so none is missed; it counts once.
 * Safe at any time until redis_link_free(), also in a signal handler. */
void redis_link_interrupt(struct redis_link *link);

/* Looking at replies; NULL and the wrong type give the empty answer, so a hostile tree cannot crash a reader. */
bool reply_is_nil(const struct redis_reply *r);
bool reply_is_error(const struct redis_reply *r);
bool reply_is_array(const struct redis_reply *r);
bool reply_is_text(const struct redis_reply *r); /* string, status or error */
const char *reply_text(const struct redis_reply *r, size_t *len); /* string, status or error, ended by 0; "" otherwise; len may be NULL */
long long reply_integer(const struct redis_reply *r);		  /* integer, or a string that is one; 0 otherwise */
size_t reply_count(const struct redis_reply *r);		  /* elements of an array, 0 otherwise */
const struct redis_reply *reply_at(const struct redis_reply *r, size_t i); /* NULL out of range */
/* The value that follows a name in a flat array name, value, ... (XINFO, an entry's fields); NULL if there is none. */
const struct redis_reply *reply_pair(const struct redis_reply *pairs, const char *name);
enum redis_trouble reply_trouble(const struct redis_reply *r);	  /* NONE unless it is an error */

/* For tests and fuzzing: parses RESP bytes under the same caps.  Returns NULL (why says what) if they are refused or
 * incomplete. */
struct redis_reply *reply_parse(const void *bytes, size_t len, char *why, size_t why_len);

#endif
