/* job_lease.c - who owns a pending entry: ours are renewed, those of a dead engine are claimed.
 * A lease is the longest that an attempt may take plus 3 s; an entry that was idle for longer belongs to nobody who
 * lives, because a living engine renews what it still holds at half of the shortest lease that anybody may have (it may
 * hold entries long: paced, or with Redis away).  Claims happen every 2 s, so a dead engine's jobs are probed at most lease + 2 s and a little later. */
#include "engine/job_stream_self.h"

#include "base/must.h"
#include "base/wait.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_MARGIN_MS 3000
#define CLAIM_EVERY_NS (2 * NS_PER_S)
#define CLAIM_COUNT 100		   /* XAUTOCLAIM of 100,000 at once stops the server for seconds */
#define BACKLOG_EVERY_NS (5 * NS_PER_S)
#define TRIM_EVERY_NS (10 * NS_PER_S)
#define SWEEP_EVERY_NS (60 * NS_PER_S)
#define CONSUMER_GONE_MS 600000	   /* idle and without pending entries for so long: its name is removed */
#define RENEW_MOST 256		   /* entries in one round trip */
#define CLAIM_ROUNDS 32		   /* round trips in one look; the next goes on from there */

static unsigned lease_ms(const struct job_stream *js)
{
	return js->longest_ms + LEASE_MARGIN_MS;
}

/* Reads and frees n replies; false: one of them was refused or the link broke. */
static bool read_plain(struct job_stream *js, unsigned n, const char *doing)
{
	bool ok = true;
	while (n--) {
		struct redis_reply *reply = redis_read(js->link, 0);
		bool broken = !reply;
		ok = job_stream_reply_ok(js, reply, doing) && ok;
		redis_reply_free(reply);
		if (broken)
			return false;
	}
	return ok;
}

/* Redis did not hear of a renewal, so every one of them is due again. */
static void forget_leases(struct job_stream *js)
{
	pthread_mutex_lock(&js->lock);
	for (struct batch *b = js->oldest; b; b = b->newer)
		b->leased_ns = 0;
	pthread_mutex_unlock(&js->lock);
}

/* XCLAIM to oneself with JUSTID sets the idle time back and does not count as a delivery.  true: there may be more. */
static bool renew_some(struct job_stream *js)
{
	struct {
		unsigned stream;
		char id[STREAM_ID_MAX];
	} old[RENEW_MOST];
	unsigned n = 0;
	/* Not by our own lease: another engine may have seen shorter timeouts only, and claims by those. */
	uint64_t now = clock_ns(), half = (JOB_TIMEOUT_DEFAULT_MS + LEASE_MARGIN_MS) / 2 * NS_PER_MS;
	pthread_mutex_lock(&js->lock);
	for (struct batch *b = js->oldest; b && n < RENEW_MOST; b = b->newer)
		if (now - b->leased_ns >= half) {
			old[n].stream = b->stream;
			stream_id_format(old[n++].id, b->id_ms, b->id_seq);
			b->leased_ns = now;
		}
	pthread_mutex_unlock(&js->lock);
	for (unsigned i = 0; i < n; i++)
		redis_appendf(js->link, "XCLAIM %s %s %s 0 %s JUSTID", js->stream[old[i].stream].key, STREAM_GROUP_ENGINE,
			      js->place->consumer, old[i].id);
	bool ok = read_plain(js, n, "renewing a lease");
	if (!ok)
		forget_leases(js);
	return ok && n == RENEW_MOST;
}

/* How often Redis has delivered an entry that is now ours. */
static long long deliveries(struct job_stream *js, const struct stream_entry *e)
{
	struct redis_reply *reply = redis_ask(js->link, "XPENDING %s %s %s %s 1 %s", js->stream[js->reading].key,
					      STREAM_GROUP_ENGINE, e->id_text, e->id_text, js->place->consumer);
	long long count = job_stream_reply_ok(js, reply, "XPENDING") ? reply_integer(reply_at(reply_at(reply, 0), 3)) : 0;
	redis_reply_free(reply);
	return count;
}

static void take_claimed(void *arg, const struct stream_entry *e)
{
	struct job_stream *js = arg;
	char why[96];
	if (job_stream_holds(js, e))
		return; /* claimed back from ourselves after an outage; however often, it is being worked on */
	counter_add(&js->counters->claimed, 1);
	long long count = e->fields ? deliveries(js, e) : 0;
	if (count <= DELIVERIES_MAX) {
		job_stream_entry(js, e);
		return;
	}
	snprintf(why, sizeof(why), "delivered %lld times and never finished, %d is the most", count, DELIVERIES_MAX);
	if (job_stream_bury(js, e, why))
		counter_add(&js->counters->too_often, 1);
}

/* One XAUTOCLAIM, which looks at ten entries for each that it may claim.  true: there are more to look at. */
static bool claim_some(struct job_stream *js, unsigned stream, unsigned room)
{
	char why[256], *from = js->stream[stream].claim_from;
	unsigned entries = room / ENTRY_JOBS_MAX ? room / ENTRY_JOBS_MAX : 1;
	js->reading = stream;
	struct redis_reply *reply = redis_ask(js->link, "XAUTOCLAIM %s %s %s %u %s COUNT %u", js->stream[stream].key,
					      STREAM_GROUP_ENGINE, js->place->consumer, lease_ms(js), from[0] ? from : "0-0",
					      entries < CLAIM_COUNT ? entries : CLAIM_COUNT);
	bool ok = job_stream_reply_ok(js, reply, "XAUTOCLAIM");
	if (ok) {
		snprintf(from, STREAM_ID_MAX, "%s", reply_text(reply_at(reply, 0), NULL));
		/* Redis 7 lists, third, the entries that were trimmed away while pending: their slots are MISSED. */
		counter_add(&js->counters->vanished, reply_count(reply_at(reply, 2)));
		int n = stream_entries_each(reply_at(reply, 1), "", take_claimed, js, why, sizeof(why));
		if (n < 0)
			log_errorx("unreadable reply of Redis", LOG_S("why", why));
		else if (n > 0)
			log_info("claimed what another engine left", LOG_S("stream", js->stream[stream].key), LOG_U("entries", n));
	}
	redis_reply_free(reply);
	return ok && strcmp(from, "0-0") != 0 && from[0];
}

/* As far as there is room: what is idle may stand behind many entries that are not. */
static void claim(struct job_stream *js, unsigned stream, unsigned room)
{
	unsigned rounds = 0;
	while (js->into->jobs < room && claim_some(js, stream, room - js->into->jobs) && ++rounds < CLAIM_ROUNDS)
		;
}

static void trim(struct job_stream *js)
{
	for (unsigned i = 0; i < js->count; i++) {
		long long removed = stream_trim(js->link, js->stream[i].key, 0);
		if (removed < 0)
			return;
		counter_add(&js->counters->trimmed, (uint64_t)removed);
	}
}

/* name, pending, idle of one consumer in the flat map of XINFO CONSUMERS. */
static long long consumer_number(const struct redis_reply *map, const char *name)
{
	for (size_t i = 0; i + 1 < reply_count(map); i += 2)
		if (!strcmp(reply_text(reply_at(map, i), NULL), name))
			return reply_integer(reply_at(map, i + 1));
	return -1;
}

/* Removing a consumer drops its pending entries for good, so only one that has none and has long been silent goes. */
static void sweep(struct job_stream *js, const char *key)
{
	struct redis_reply *reply = redis_ask(js->link, "XINFO CONSUMERS %s %s", key, STREAM_GROUP_ENGINE);
	if (job_stream_reply_ok(js, reply, "XINFO CONSUMERS"))
		for (size_t i = 0; i < reply_count(reply); i++) {
			const struct redis_reply *map = reply_at(reply, i);
			const char *name = reply_text(reply_at(map, 1), NULL);
			if (consumer_number(map, "pending") != 0 || consumer_number(map, "idle") < CONSUMER_GONE_MS ||
			    !strcmp(name, js->place->consumer))
				continue;
			redis_appendf(js->link, "XGROUP DELCONSUMER %s %s %s", key, STREAM_GROUP_ENGINE, name);
			if (!read_plain(js, 1, "XGROUP DELCONSUMER"))
				break;
		}
	redis_reply_free(reply);
}

void job_lease_upkeep(struct job_stream *js, unsigned room)
{
	while (renew_some(js))
		;
	if (room && is_due(&js->next_claim_ns, CLAIM_EVERY_NS))
		for (unsigned i = 0; i < js->count && redis_link_is_up(js->link); i++)
			claim(js, i, room);
	if (redis_link_is_up(js->link) && is_due(&js->next_backlog_ns, BACKLOG_EVERY_NS))
		job_backlog_look(js);
	if (redis_link_is_up(js->link) && is_due(&js->next_trim_ns, TRIM_EVERY_NS))
		trim(js);
	if (redis_link_is_up(js->link) && is_due(&js->next_sweep_ns, SWEEP_EVERY_NS))
		for (unsigned i = 0; i < js->count && redis_link_is_up(js->link); i++)
			sweep(js, js->stream[i].key);
}
