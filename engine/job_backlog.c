/* job_backlog.c - how old the oldest job entry is that no engine has read yet: the queue's age, for the metrics.
 * Two commands a stream every few seconds: the group's last delivered id, and the entry behind it.  (Redis' own `lag` is
 * wrong after a trim.) */
#include "engine/job_stream_self.h"

#include "base/clock.h"

#include <string.h>

static void keep_id(void *arg, const struct stream_entry *e)
{
	*(uint64_t *)arg = e->id_ms;
}

/* The id behind which the group goes on reading; false: Redis did not say. */
static bool last_delivered(struct job_stream *js, const char *key, char id[STREAM_ID_MAX])
{
	bool found = false;
	struct redis_reply *reply = redis_ask(js->link, "XINFO GROUPS %s", key);
	if (job_stream_reply_ok(js, reply, "XINFO GROUPS"))
		for (size_t i = 0; i < reply_count(reply) && !found; i++) {
			const struct redis_reply *group = reply_at(reply, i);
			found = !strcmp(reply_text(reply_pair(group, "name"), NULL), STREAM_GROUP_ENGINE);
			if (found)
				snprintf(id, STREAM_ID_MAX, "%s", reply_text(reply_pair(group, "last-delivered-id"), NULL));
		}
	redis_reply_free(reply);
	return found && id[0];
}

static uint64_t oldest_unread_ms(struct job_stream *js, const char *key)
{
	char id[STREAM_ID_MAX], why[128];
	uint64_t oldest = 0;
	if (!last_delivered(js, key, id))
		return 0;
	struct redis_reply *reply = redis_ask(js->link, "XRANGE %s (%s + COUNT 1", key, id);
	if (job_stream_reply_ok(js, reply, "XRANGE"))
		stream_entries_each(reply, "", keep_id, &oldest, why, sizeof(why));
	redis_reply_free(reply);
	return oldest;
}

void job_backlog_look(struct job_stream *js)
{
	uint64_t oldest[2] = { 0, 0 }, now = clock_wall_ms(); /* jobs, hot */
	for (unsigned i = 0; i < js->count && redis_link_is_up(js->link); i++) {
		uint64_t ms = oldest_unread_ms(js, js->stream[i].key), *of = &oldest[js->stream[i].hot];
		if (ms && (!*of || ms < *of))
			*of = ms;
	}
	counter_set(&js->counters->unread_ms, oldest[0] && now > oldest[0] ? now - oldest[0] : 0);
	counter_set(&js->counters->unread_hot_ms, oldest[1] && now > oldest[1] ? now - oldest[1] : 0);
}
