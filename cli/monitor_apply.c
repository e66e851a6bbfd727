/* monitor_apply.c - from a configuration to Redis, for a command that ends and for one that goes on.
 * In: a configuration and somebody who agrees.  Out: transactions that hold nothing but what differs.
 * Owns: the snapshot and the plan, until both are freed.
 * Why so: what is to be written is judged from a snapshot, and every chunk is written only if its monitors still are
 * what the snapshot says; when somebody was faster all is read and judged again. */
#include "cli/monitor_apply.h"

#include <errno.h>
#include <stdio.h>

enum { TRIES = 5 };

/* Whether somebody has decided anything in the shards that there were: before that, nothing can stay behind. */
static int has_state(struct monitor_apply *a, bool *has)
{
	*has = false;
	for (unsigned shard = 0; shard < a->plan.shards_were && !*has; shard++) {
		char key[STREAM_KEY_MAX];
		alerts_key(key, a->prefix, shard, ALERTS_STATE);
		struct redis_reply *reply = redis_ask(a->link, "HSCAN %s 0 COUNT 1", key);
		const bool fine = reply && !reply_is_error(reply);
		/* a cursor that goes on says that there is something, though these slots of the table are empty */
		*has = fine && (reply_count(reply_at(reply, 1)) || reply_integer(reply_at(reply, 0)));
		redis_reply_free(reply);
		if (!fine) {
			snprintf(a->why, sizeof a->why, "%s", redis_link_error(a->link));
			return reply ? -EREMOTEIO : -EIO;
		}
	}
	return 0;
}

static int plan(struct monitor_apply *a)
{
	bool has = true;
	int error = snapshot_all(&a->there, a->link, a->prefix, a->why, sizeof a->why);
	if (error)
		return error;
	monitor_plan_make(&a->plan, a->config, &a->there);
	if (a->plan.moved)
		error = has_state(a, &has);
	if (!has)
		a->plan.moved = 0;
	return error;
}

static int try_once(struct monitor_apply *a)
{
	monitor_apply_free(a);
	const int error = plan(a);
	if (error)
		return error;
	if (a->agree && !a->agree(a->arg, &a->plan))
		return -ECANCELED;
	return monitor_store_write(a->link, a->prefix, a->plan.settings, a->plan.change, a->plan.changes, &a->written,
				   a->why, sizeof a->why);
}

int monitor_apply(struct monitor_apply *a)
{
	int error = -EAGAIN;
	for (int i = 0; i < TRIES && error == -EAGAIN; i++)
		error = try_once(a);
	if (error == -EAGAIN)
		snprintf(a->why, sizeof a->why, "others write the same monitors all the time; try again later");
	return error;
}

void monitor_apply_free(struct monitor_apply *a)
{
	monitor_plan_free(&a->plan);
	snapshot_free(&a->there);
	a->written = 0;
}

void monitor_apply_count(char *into, size_t len, const struct monitor_plan *plan)
{
	snprintf(into, len, "%zu added, %zu changed, %zu removed, %zu as they were%s", plan->added, plan->changed,
		 plan->removed, plan->same, plan->settings_changed ? "; other settings" : "");
}

void monitor_apply_moves(char *into, size_t len, const struct monitor_plan *plan)
{
	*into = 0;
	if (plan->moved)
		snprintf(into, len,
			 "shards go from %u to %u: %zu monitor%s to another shard and begin%s anew there; of one that is "
			 "down now, DOWN is told again, and the UP of what was told before never comes",
			 plan->shards_were, plan->shards, plan->moved, plan->moved == 1 ? " moves" : "s move",
			 plan->moved == 1 ? "s" : "");
}
