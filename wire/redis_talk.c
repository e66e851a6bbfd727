/* redis_talk.c - commands out, replies in, over a connection that is up.
 * In: commands in any number.  Out: one reply each, in order, or the end of the connection.
 * Why so: hiredis's blocking mode has one time limit for every read and cannot be woken, so its context is kept
 * non-blocking and the waiting is done here, on the socket and an eventfd together.  Bytes still go through hiredis's
 * own reading and writing, which is what makes TLS a detail. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_private.h"

#include "base/clock.h"
#include "base/must.h"
#include "wire/redis_socket.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Writes what the socket takes.  A server that hangs up has often said why ("max number of clients reached"); hiredis
 * would not read after a failed write, so the failure is left to the read, which finds those words or the end. */
static void flush(struct redis_link *link)
{
	int done = 1;
	if (!link->unsent)
		return;
	if (redisBufferWrite(link->context, &done) != REDIS_OK)
		link->context->err = 0;
	link->unsent = !done;
}

/* Waits until something can be read or written, and reads it.  Reading while there is still something to write is
 * what keeps a long pipeline from standing still, both sides waiting for the other to read. */
static int fill(struct redis_link *link, uint64_t deadline_ns)
{
	redisReader *reader = link->context->reader;
	size_t held = reader->len;
	if (!redis_tls_pending(link->tls)) {
		short events = link->unsent ? POLLIN | POLLOUT : POLLIN;
		int ready = redis_socket_wait(link->context->fd, events, link->wake_fd, deadline_ns);
		if (ready < 0)
			return ready;
		if (!(ready & ~POLLOUT))
			return 0;
	}
	if (redisBufferRead(link->context) != REDIS_OK)
		return -EIO;
	reply_guard_fed(&link->guard, reader->len - held);
	return 0;
}

/* The next reply: 0, or a negative errno with context->errstr or guard.why behind it.  What is already there when the
 * deadline comes is still looked at once, so that a process that was stopped for a while does not lose its link; a
 * peer that goes on dripping bytes does not get more than that. */
static int exchange(struct redis_link *link, uint64_t deadline_ns, struct redis_reply **reply)
{
	bool late = false;
	for (;;) {
		int got = reply_guard_next(&link->guard, link->context->reader, reply);
		if (got)
			return got < 0 ? got : 0;
		if (late)
			return -ETIMEDOUT;
		late = clock_ns() >= deadline_ns;
		flush(link);
		int bad = fill(link, deadline_ns);
		if (bad)
			return bad;
	}
}

static void exchange_failed(struct redis_link *link, int bad, unsigned wait_ms)
{
	char why[200];
	if (bad == -ECANCELED) {
		redis_link_woken(link);
		return;
	}
	if (bad == -ETIMEDOUT)
		snprintf(why, sizeof(why), "no answer within %u ms", wait_ms);
	else if (bad == -EBADMSG)
		snprintf(why, sizeof(why), "the reply is refused: %s", link->guard.why);
	else if (link->context->err)
		snprintf(why, sizeof(why), "%s", link->context->errstr);
	else
		snprintf(why, sizeof(why), "cannot wait for the reply: %s", strerrordesc_np(-bad) ?: "unknown error");
	redis_link_failed(link, TROUBLE_LINK, why);
}

struct redis_reply *redis_talk_until(struct redis_link *link, uint64_t deadline_ns, unsigned wait_ms)
{
	struct redis_reply *reply = NULL;
	int bad;
	if (!link->context)
		return NULL;
	must_say(link->in_flight > 0, "a reply is awaited on %s and no command was sent", link->name);
	bad = exchange(link, deadline_ns, &reply);
	if (bad) {
		exchange_failed(link, bad, wait_ms);
		return NULL;
	}
	link->in_flight--;
	return reply;
}

struct redis_reply *redis_read(struct redis_link *link, unsigned block_ms)
{
	unsigned wait_ms = block_ms + link->reply_ms;
	struct redis_reply *reply = redis_talk_until(link, clock_ns() + wait_ms * NS_PER_MS, wait_ms);
	enum redis_trouble trouble = reply_trouble(reply);
	if (!reply)
		return NULL;
	if (trouble == TROUBLE_NONE)
		link->proven = true;
	else if (trouble != TROUBLE_EXISTS)
		redis_link_note(link, trouble, reply_text(reply, NULL));
	return reply;
}

bool redis_may_transact(struct redis_link *link, struct redis_reply **refusal)
{
	*refusal = NULL;
	if (!link->context)
		return false;
	if (link->transacts == link->connects)
		return true;
	redis_appendf(link, "MULTI");
	redis_appendf(link, "EXEC");
	struct redis_reply *multi = redis_read(link, 0);
	struct redis_reply *exec = redis_read(link, 0);
	if (multi && exec && !reply_is_error(multi) && !reply_is_error(exec)) {
		link->transacts = link->connects;
	} else if (exec) { /* the first of the two says why; EXEC after it only that there was no MULTI */
		*refusal = reply_is_error(multi) ? multi : exec;
	}
	if (multi != *refusal)
		redis_reply_free(multi);
	if (exec != *refusal)
		redis_reply_free(exec);
	return link->transacts == link->connects;
}

void redis_append(struct redis_link *link, int argc, const char *const *argv, const size_t *len)
{
	if (!link->context)
		return;
	/* Without memory hiredis marks the context, which then refuses to write: the next read tells. */
	redisAppendCommandArgv(link->context, argc, (const char **)argv, len);
	link->unsent = true;
	link->in_flight++;
}

static void append_format(struct redis_link *link, const char *format, va_list values)
{
	if (!link->context)
		return;
	if (redis_words_set(&link->words, format, values) < 0)
		redis_link_failed(link, TROUBLE_LINK, "no memory for a command");
	else
		redis_append(link, link->words.count, link->words.word, link->words.len);
}

void redis_appendf(struct redis_link *link, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	append_format(link, format, values);
	va_end(values);
}

struct redis_reply *redis_ask(struct redis_link *link, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	append_format(link, format, values);
	va_end(values);
	return redis_read(link, 0);
}
