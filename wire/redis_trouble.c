/* redis_trouble.c - the table from the first words of an error reply to what we do about it.
 * In: the text of an error reply.  Out: one of enum redis_trouble.  No state, no side effects.
 * Why so: Redis puts a code in front of most errors and nothing but prose behind ERR, so both are matched from the
 * start of the text and the first row that fits decides; a text within the text would match what a user named a key.
 * The texts were read from Redis 7.0's sources and provoked from a server in tests/unit/wire/test_redis_link.c. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_trouble.h"

#include "base/must.h"
#include <string.h>

struct trouble_text {
	const char *begins; /* with this; a final blank or colon belongs to it, so BUSY does not match BUSYGROUP */
	enum redis_trouble trouble;
};

static const struct trouble_text texts[] = {
	{ "NOGROUP ", TROUBLE_GROUP_LOST },
	/* A blocked reader is thrown out when the server becomes a replica, and when its stream is deleted. */
	{ "UNBLOCKED force unblock from blocking operation, instance state changed", TROUBLE_NOT_MASTER },
	{ "UNBLOCKED ", TROUBLE_GROUP_LOST },
	{ "LOADING ", TROUBLE_STARTING },
	{ "READONLY ", TROUBLE_NOT_MASTER },
	{ "MASTERDOWN ", TROUBLE_NOT_MASTER },
	{ "OOM ", TROUBLE_FULL },
	{ "NOREPLICAS ", TROUBLE_HOLD },
	{ "CLUSTERDOWN ", TROUBLE_HOLD },
	{ "TRYAGAIN ", TROUBLE_HOLD },
	{ "BUSY ", TROUBLE_HOLD },
	{ "MISCONF ", TROUBLE_HOLD },
	{ "ERR max number of clients reached", TROUBLE_HOLD },
	{ "MOVED ", TROUBLE_MOVED },
	{ "ASK ", TROUBLE_MOVED },
	{ "CROSSSLOT ", TROUBLE_MOVED },
	{ "NOPERM ", TROUBLE_FORBIDDEN },
	{ "WRONGPASS ", TROUBLE_FORBIDDEN },
	{ "NOAUTH ", TROUBLE_FORBIDDEN },
	{ "DENIED ", TROUBLE_FORBIDDEN },	      /* protected mode */
	{ "ERR AUTH ", TROUBLE_FORBIDDEN },	      /* a password where none is configured */
	{ "ERR invalid password", TROUBLE_FORBIDDEN }, /* before Redis 6 */
	{ "ERR Client sent AUTH", TROUBLE_FORBIDDEN }, /* before Redis 6 */
	{ "ERR DB index is out of range", TROUBLE_FORBIDDEN },
	{ "ERR SELECT is not allowed in cluster mode", TROUBLE_FORBIDDEN },
	{ "BUSYGROUP ", TROUBLE_EXISTS },
};

/* A transaction that was not executed: nothing of it happened.  Either the reason follows, or a command that was
 * queued was answered with it and this reply only says to try again. */
static const char exec_because[] = "EXECABORT Transaction discarded because of: ";
static const char exec_earlier[] = "EXECABORT ";

static const struct redis_trouble_row rows[] = {
	[TROUBLE_NONE] = { "none", "nothing to do" },
	[TROUBLE_GROUP_LOST] = { "group_lost", "making the consumer group again" },
	[TROUBLE_STARTING] = { "starting", "waiting until Redis has loaded its data" },
	[TROUBLE_NOT_MASTER] = { "not_master", "connecting again to find the master" },
	[TROUBLE_FULL] = { "full", "holding what is to be written until Redis has memory again" },
	[TROUBLE_HOLD] = { "hold", "holding and trying again" },
	[TROUBLE_MOVED] = { "moved", "this looks like a Redis Cluster; a single Redis is needed" },
	[TROUBLE_FORBIDDEN] = { "forbidden", "mend the URL, the certificate or the server's access rules; trying again every 30 s" },
	[TROUBLE_EXISTS] = { "exists", "nothing to do" },
	[TROUBLE_OTHER] = { "other", "connecting again" },
	[TROUBLE_LINK] = { "link", "connecting again" },
};
_Static_assert(ARRAY_LEN(rows) == TROUBLES, "every trouble has its row");

static int begins_with(const char *text, const char *begin)
{
	return strncmp(text, begin, strlen(begin)) == 0;
}

enum redis_trouble redis_trouble_of(const char *text)
{
	if (begins_with(text, exec_because))
		text += sizeof(exec_because) - 1;
	else if (begins_with(text, exec_earlier))
		return TROUBLE_HOLD;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (begins_with(text, texts[i].begins))
			return texts[i].trouble;
	return TROUBLE_OTHER;
}

const struct redis_trouble_row *redis_trouble_row(enum redis_trouble t)
{
	must_say((unsigned)t < TROUBLES, "%d is no trouble", (int)t);
	return &rows[t];
}
