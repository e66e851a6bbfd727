/* job_push.c - packs targets into entries and adds them to a job stream, many in one round trip.
 * In: targets and their options.  Out: stream entries with the fields v, n, slot and b.
 * Owns: nothing.  Why so: one entry carries up to ENTRY_JOBS_MAX jobs, because Redis pays per entry and not per job, and no
 * more bytes than fit into a node of its stream.  The group is made before the first entry, from the beginning, so that
 * jobs wait for an engine that starts later. */
#include "cli/job_push.h"

#include "cli/interrupt.h"
#include "cli/redis_reach.h"
#include "wire/stream_reader.h"
#include "wire/streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ENTRIES_UNDER_WAY = 64, /* a quarter of a megabyte before the first reply is read */
	JOB_BYTES = 1 + 2 + 2 + 3, /* of msgpack around the two texts of a job: array, two str8 headers, uint16 */
	EXPECT_BYTES = 1 + 15 + 2, /* around what is expected: map, key, str8 header */
	ENTRY_BYTES = 128, /* the defaults of the batch and the entry's other fields */
};

unsigned job_push_fit(const struct target_list *targets, size_t from, size_t more)
{
	size_t bytes = ENTRY_BYTES;
	unsigned count = 0;
	while (count < ENTRY_JOBS_MAX && from + count < targets->count) {
		const struct target *t = &targets->items[from + count];
		bytes += JOB_BYTES + t->monitor_len + t->host_len + more;
		if (count && bytes > ENTRY_BYTES_BEST)
			break;
		count++;
	}
	return count;
}

/* Encodes count targets; the hosts are copied, because job_text wants them ended by 0. */
static void *encode(const struct job_push *push, size_t from, unsigned count, size_t *len)
{
	struct job_text jobs[ENTRY_JOBS_MAX];
	char hosts[ENTRY_JOBS_MAX][HOST_MAX_LEN + 1];
	for (unsigned i = 0; i < count; i++) {
		const struct target *t = &push->targets->items[from + i];
		snprintf(hosts[i], sizeof hosts[i], "%.*s", t->host_len, target_text(push->targets, t) + t->host_from);
		jobs[i] = (struct job_text){ .monitor = target_monitor(push->targets, t), .host = hosts[i], .port = t->port,
					     .expect_address = push->expect_address, .tls = push->tls };
	}
	return job_batch_encode(&push->options, jobs, count, len);
}

static int broken(const struct job_push *push, char *why, size_t why_len)
{
	snprintf(why, why_len, "the link to Redis broke: %s\n%zu jobs are confirmed; the next few may be there as well\n%s",
		 redis_link_error(push->link), push->jobs, redis_reach_advice(redis_link_trouble(push->link)));
	return -EIO;
}

static int refused(const struct job_push *push, const char *text, enum redis_trouble trouble, char *why, size_t why_len)
{
	snprintf(why, why_len, "Redis refused: %s\n%s", text, redis_reach_advice(trouble));
	(void)push;
	return -EREMOTEIO;
}

/* Queues entries for as many targets as are left or may be under way; their sizes go to counts.  Returns how many
 * entries, or -ENOMEM. */
static int append(struct job_push *push, size_t *next, unsigned counts[ENTRIES_UNDER_WAY])
{
	const size_t more = tls_wish_bytes(push->tls) +
			    (push->expect_address ? EXPECT_BYTES + strlen(push->expect_address) : 0);
	int entries = 0;
	while (entries < ENTRIES_UNDER_WAY && *next < push->targets->count) {
		const unsigned count = job_push_fit(push->targets, *next, more);
		size_t len;
		void *blob = encode(push, *next, count, &len);
		if (!blob)
			return -ENOMEM;
		redis_appendf(push->link, "XADD %s * v %u n %u slot %llu b %b", push->key, (unsigned)STREAM_FORMAT, count,
			      (unsigned long long)push->slot_ms, blob, len);
		free(blob);
		counts[entries++] = count;
		*next += count;
	}
	return entries;
}

/* Reads the replies; the first refusal is the one that is told, the others are read all the same. */
static int confirm(struct job_push *push, int entries, const unsigned *counts, char *why, size_t why_len)
{
	int error = 0;
	for (int i = 0; i < entries; i++) {
		struct redis_reply *reply = redis_read(push->link, 0);
		if (!reply)
			return broken(push, why, why_len);
		if (!reply_is_error(reply)) {
			push->jobs += counts[i];
			push->entries++;
		} else if (!error)
			error = refused(push, reply_text(reply, NULL), reply_trouble(reply), why, why_len);
		redis_reply_free(reply);
	}
	return error;
}

static int make_group(struct job_push *push, char *why, size_t why_len)
{
	const int made = stream_group_make(push->link, push->key, STREAM_GROUP_ENGINE, "0");
	if (made >= 0)
		return 0;
	if (!redis_link_is_up(push->link))
		return broken(push, why, why_len);
	return refused(push, redis_link_error(push->link), redis_link_trouble(push->link), why, why_len);
}

int job_push(struct job_push *push, char *why, size_t why_len)
{
	unsigned counts[ENTRIES_UNDER_WAY];
	size_t next = 0;
	int error = make_group(push, why, why_len);
	while (!error && next < push->targets->count) {
		if (interrupted()) {
			snprintf(why, why_len, "stopped by Ctrl-C, %zu jobs are left", push->targets->count - next);
			return -EINTR;
		}
		const int entries = append(push, &next, counts);
		if (entries < 0) {
			snprintf(why, why_len, "no memory for a batch of jobs");
			return entries;
		}
		error = confirm(push, entries, counts, why, why_len);
	}
	return error;
}
