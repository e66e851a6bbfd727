/* redis_reply.c - replies of Redis as trees: how they are capped while they grow, and how they are looked at.
 * In: bytes that hiredis's reader was fed.  Out: struct redis_reply, which is hiredis's redisReply under another name.
 * Why so: hiredis allocates an array when its header arrives and 0.14 has no limit for it, so nine bytes ask for
 * gigabytes; its hook for making objects is where every version can be stopped.  Strings need no such care: they are
 * collected as they arrive, and the bytes of one reply are counted. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* createArray() counts in int before hiredis 1.0 and in size_t since. */
typedef __typeof__(_Generic(((redisReplyObjectFunctions *)0)->createArray,
			    void *(*)(const redisReadTask *, int): (int)0,
			    void *(*)(const redisReadTask *, size_t): (size_t)0)) array_count;

static bool nested_too_deep(const redisReadTask *task)
{
	unsigned depth = 1;
	for (; task->parent && depth <= REPLY_DEPTH_MAX; task = task->parent)
		depth++;
	return depth > REPLY_DEPTH_MAX;
}

/* Called by hiredis when the header of an array was read, before anything of it is allocated. */
static void *create_array(const redisReadTask *task, array_count count)
{
	struct reply_guard *guard = task->privdata;
	size_t elements = (size_t)count;
	if (elements > REPLY_ELEMENTS_MAX)
		snprintf(guard->why, sizeof(guard->why), "an array of %zu elements, more than %d", elements,
			 REPLY_ELEMENTS_MAX);
	else if (guard->elements + elements > REPLY_ELEMENTS_ALL_MAX)
		snprintf(guard->why, sizeof(guard->why), "more than %d elements in one reply", REPLY_ELEMENTS_ALL_MAX);
	else if (nested_too_deep(task))
		snprintf(guard->why, sizeof(guard->why), "arrays nested deeper than %d", REPLY_DEPTH_MAX);
	if (guard->why[0])
		return NULL;
	guard->elements += elements;
	return guard->hiredis.createArray(task, count);
}

void reply_guard_install(struct reply_guard *guard, redisReader *reader)
{
	*guard = (struct reply_guard){ .functions = *reader->fn, .hiredis = *reader->fn };
	guard->functions.createArray = create_array;
	reader->fn = &guard->functions;
	reader->privdata = guard;
}

void reply_guard_fed(struct reply_guard *guard, size_t bytes)
{
	guard->bytes += bytes;
}

int reply_guard_next(struct reply_guard *guard, redisReader *reader, struct redis_reply **reply)
{
	void *tree = NULL;
	if (redisReaderGetReply(reader, &tree) != REDIS_OK) {
		if (!guard->why[0])
			snprintf(guard->why, sizeof(guard->why), "%.100s", reader->errstr);
		return -EBADMSG;
	}
	if (tree) {
		guard->elements = 0;
		guard->bytes = reader->len - reader->pos;
		*reply = tree;
		return 1;
	}
	if (guard->bytes > REPLY_BYTES_MAX) {
		snprintf(guard->why, sizeof(guard->why), "more than %u bytes in one reply", REPLY_BYTES_MAX);
		return -EBADMSG;
	}
	return 0;
}

static struct redis_reply *parse_with(redisReader *reader, const void *bytes, size_t len, char *why, size_t why_len)
{
	struct reply_guard guard;
	struct redis_reply *reply = NULL;
	reply_guard_install(&guard, reader);
	reply_guard_fed(&guard, len);
	if (redisReaderFeed(reader, bytes, len) != REDIS_OK)
		snprintf(why, why_len, "no memory");
	else if (reply_guard_next(&guard, reader, &reply) < 0)
		snprintf(why, why_len, "%s", guard.why);
	else if (!reply)
		snprintf(why, why_len, "the reply is not complete after %zu bytes", len);
	else if (guard.bytes == 0)
		return reply;
	else
		snprintf(why, why_len, "%zu bytes follow the reply", guard.bytes);
	redis_reply_free(reply);
	return NULL;
}

struct redis_reply *reply_parse(const void *bytes, size_t len, char *why, size_t why_len)
{
	redisReader *reader = redisReaderCreate();
	struct redis_reply *reply;
	if (!reader) {
		snprintf(why, why_len, "no memory");
		return NULL;
	}
	reply = parse_with(reader, bytes, len, why, why_len);
	redisReaderFree(reader);
	return reply;
}

void redis_reply_free(struct redis_reply *reply)
{
	if (reply)
		freeReplyObject(reply);
}

static const redisReply *tree_of(const struct redis_reply *r)
{
	return (const redisReply *)r;
}

static bool is_type(const struct redis_reply *r, int type)
{
	return r && tree_of(r)->type == type;
}

bool reply_is_nil(const struct redis_reply *r)
{
	return is_type(r, REDIS_REPLY_NIL);
}

bool reply_is_error(const struct redis_reply *r)
{
	return is_type(r, REDIS_REPLY_ERROR);
}

bool reply_is_array(const struct redis_reply *r)
{
	return is_type(r, REDIS_REPLY_ARRAY);
}

bool reply_is_text(const struct redis_reply *r)
{
	return is_type(r, REDIS_REPLY_STRING) || is_type(r, REDIS_REPLY_STATUS) || reply_is_error(r);
}

const char *reply_text(const struct redis_reply *r, size_t *len)
{
	bool text = reply_is_text(r) && tree_of(r)->str;
	if (len)
		*len = text ? tree_of(r)->len : 0;
	return text ? tree_of(r)->str : "";
}

long long reply_integer(const struct redis_reply *r)
{
	size_t len;
	const char *text = reply_text(r, &len);
	char *end;
	long long value;
	if (is_type(r, REDIS_REPLY_INTEGER))
		return tree_of(r)->integer;
	if (!(*text == '-' || (*text >= '0' && *text <= '9')))
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno || end != text + len ? 0 : value;
}

size_t reply_count(const struct redis_reply *r)
{
	return reply_is_array(r) && tree_of(r)->element ? tree_of(r)->elements : 0;
}

const struct redis_reply *reply_at(const struct redis_reply *r, size_t i)
{
	return i < reply_count(r) ? (const struct redis_reply *)tree_of(r)->element[i] : NULL;
}

const struct redis_reply *reply_pair(const struct redis_reply *pairs, const char *name)
{
	size_t count = reply_count(pairs), wanted = strlen(name);
	for (size_t i = 0; i + 1 < count; i += 2) {
		const struct redis_reply *key = reply_at(pairs, i);
		size_t len;
		const char *text = reply_text(key, &len);
		if (reply_is_text(key) && len == wanted && memcmp(text, name, len) == 0)
			return reply_at(pairs, i + 1);
	}
	return NULL;
}

enum redis_trouble reply_trouble(const struct redis_reply *r)
{
	return reply_is_error(r) ? redis_trouble_of(reply_text(r, NULL)) : TROUBLE_NONE;
}
