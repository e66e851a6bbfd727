/* lease.c - takes, renews and gives up a lease in Redis, and never believes in it longer than Redis can keep it.
 * In: a link, a key, a name.  Out: whether the lease is ours at this moment.
 * Owns: the times at which it was granted and at which Redis is asked next.
 *
 *	FREE --granted--> HELD --renewed--> HELD --its time ran out | another has it | released--> FREE
 *
 * Why so: one script compares and renews in one step; GET and PEXPIRE apart could renew somebody else's.  A renewal is
 * a PEXPIRE and not a SET, because Redis refuses SET when it is full, and a full Redis is just when the holder is needed.
 * Time counts from before the command was sent: Redis starts to count later, never earlier. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/lease.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "wire/streams.h"
#include <stdlib.h>
#include <string.h>

#define ASK_NS (200 * NS_PER_MS) /* a hand-over on SIGTERM takes about that long */

/* 1: granted.  A text: who has it. */
static const char take[] = "local h = redis.call('GET', KEYS[1]) "
			   "if h == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end "
			   "if h then return h end "
			   "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";
static const char give[] =
	"if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

struct lease {
	struct redis_link *link;
	char key[STREAM_KEY_MAX], holder[NAME_MAX_LEN + 1];
	char other[NAME_MAX_LEN + 1]; /* who has it as Redis last said */
	unsigned ttl_ms;
	uint64_t until_ns; /* HELD: until then; 0: FREE */
	uint64_t next_ns;  /* when Redis is asked next */
	uint64_t taken;
};

struct lease *lease_new(struct redis_link *link, const char *key, const char *holder, unsigned ttl_ms)
{
	struct lease *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	must(ttl_ms >= 100 && strlen(holder) <= NAME_MAX_LEN && strlen(key) < STREAM_KEY_MAX);
	l->link = link;
	l->ttl_ms = ttl_ms;
	snprintf(l->key, sizeof(l->key), "%s", key);
	snprintf(l->holder, sizeof(l->holder), "%s", holder);
	return l;
}

void lease_free(struct lease *l)
{
	free(l);
}

bool lease_is_held(const struct lease *l)
{
	return l->until_ns && clock_ns() < l->until_ns;
}

uint64_t lease_taken(const struct lease *l)
{
	return l->taken;
}

const char *lease_holder(const struct lease *l)
{
	return l->other;
}

static void lose(struct lease *l, const char *why)
{
	l->until_ns = 0;
	log_warnx("lease lost", LOG_S("lease", l->key), LOG_S("why", why), LOG_S("holder", l->other));
}

/* A hundredth of the ttl is left out: two machines' clocks do not run at quite the same rate. */
static void granted(struct lease *l, uint64_t sent_ns)
{
	if (!l->until_ns) {
		l->taken++;
		log_info("lease taken", LOG_S("lease", l->key), LOG_S("holder", l->holder));
	}
	l->until_ns = sent_ns + l->ttl_ms * (NS_PER_MS - NS_PER_MS / 100);
	l->next_ns = sent_ns + l->ttl_ms * NS_PER_MS * 3 / 10;
	snprintf(l->other, sizeof(l->other), "%s", l->holder);
}

/* A text that is no error: who has it.  Anything else that is not 1 says nothing about the lease, which then lasts as long
 * as it was granted. */
static void refused(struct lease *l, const struct redis_reply *reply)
{
	if (reply_is_error(reply) || !reply_is_text(reply))
		return;
	snprintf(l->other, sizeof(l->other), "%s", reply_text(reply, NULL));
	if (l->until_ns)
		lose(l, "another has it");
}

static void ask(struct lease *l)
{
	uint64_t sent_ns = clock_ns(), often = l->ttl_ms * NS_PER_MS / 10;
	struct redis_reply *reply = redis_ask(l->link, "EVAL %s 1 %s %s %u", take, l->key, l->holder, l->ttl_ms);
	l->next_ns = clock_ns() + (often < ASK_NS ? often : ASK_NS);
	if (reply && reply_integer(reply) == 1 && !reply_is_text(reply))
		granted(l, sent_ns);
	else
		refused(l, reply);
	redis_reply_free(reply);
}

bool lease_hold(struct lease *l)
{
	if (l->until_ns && clock_ns() >= l->until_ns) {
		lose(l, "its time ran out");
		return false;
	}
	if (clock_ns() >= l->next_ns && redis_link_is_up(l->link))
		ask(l);
	return lease_is_held(l);
}

bool lease_release(struct lease *l)
{
	struct redis_reply *reply = NULL;
	bool ours = l->until_ns != 0;
	l->until_ns = 0;
	if (ours && redis_link_is_up(l->link))
		reply = redis_ask(l->link, "EVAL %s 1 %s %s", give, l->key, l->holder);
	ours = reply && !reply_is_text(reply) && reply_integer(reply) == 1;
	redis_reply_free(reply);
	if (ours)
		log_info("lease released", LOG_S("lease", l->key));
	return ours;
}
