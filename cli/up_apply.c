/* up_apply.c - makes what stands in Redis equal to the file, as portwatch monitors apply does.
 * In: a configuration.  Out: only what differs is written, so that a change disturbs nothing else.
 * Owns: nothing.  Why so: somebody else may write at the same time; what was changed meanwhile is read and judged
 * again. */
#include "cli/monitor_plan.h"
#include "cli/up.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TRIES = 5 };

static int try_once(struct up *up, const struct config *config, char *what, size_t len)
{
	struct snapshot there;
	struct monitor_plan plan = { 0 };
	size_t written;
	int error = snapshot_all(&there, up->link, up->set->prefix, what, len);
	if (!error) {
		monitor_plan_make(&plan, config, &there);
		error = monitor_store_write(up->link, up->set->prefix, plan.settings, plan.change, plan.changes,
					    &written, what, len);
	}
	if (!error)
		snprintf(what, len, "%zu added, %zu changed, %zu removed, %zu as they were", plan.added, plan.changed,
			 plan.removed, plan.same);
	monitor_plan_free(&plan);
	snapshot_free(&there);
	return error;
}

bool up_apply(struct up *up, const struct config *config, char *what, size_t len)
{
	int error = -EAGAIN;
	*what = 0;
	for (int i = 0; i < TRIES && error == -EAGAIN; i++)
		error = try_once(up, config, what, len);
	if (error && !*what)
		snprintf(what, len, "%s", strerror(-error));
	return !error;
}
