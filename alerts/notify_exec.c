/* notify_exec.c - an event as the run of a program: JSON on its standard input, the rest in its environment.
 * In: a notice.  Out: exit 0 is delivered, 64 and 65 (EX_USAGE, EX_DATAERR) never will be, anything else is tried
 * again.
 * Why so: whatever service a team uses has a command line (apprise knows a hundred), and a script is read faster than
 * a plug-in. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/command.h"
#include "alerts/notice_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct exec {
	const struct channel *channel;
	const atomic_bool *stop;
};

static void *exec_open(const struct channel *c, const atomic_bool *stop, char *why, size_t why_len)
{
	struct exec *e = c->command[0] ? calloc(1, sizeof(*e)) : NULL;
	if (!e) {
		snprintf(why, why_len, c->command[0] ? "no memory" : "exec needs a command");
		return NULL;
	}
	*e = (struct exec){ c, stop };
	return e;
}

enum { VARIABLES = 12 };
struct environment {
	char *word[VARIABLES + 1];
	unsigned count;
	bool failed;
};

static void set(struct environment *env, const char *name, const char *value)
{
	char **word = &env->word[env->count];
	if (env->count < VARIABLES && asprintf(word, "PORTWATCH_%s=%s", name, value) >= 0)
		env->count++;
	else {
		*word = NULL;
		env->failed = true;
	}
}

static void fill_environment(struct environment *env, const struct notice *n)
{
	struct notice_facts f;
	struct text title = { 0 };
	notice_read(&f, n);
	notice_title(&f, &title);
	set(env, "ID", n->id);
	set(env, "TYPE", n->type);
	set(env, "MONITOR", n->monitor);
	set(env, "INCIDENT", n->incident);
	set(env, "STATUS", n->resolved ? "resolved" : "firing");
	set(env, "PAGE", n->page ? "1" : "0");
	set(env, "TARGET", f.target);
	set(env, "VERDICT", f.verdict);
	set(env, "SCOPE", f.scope);
	set(env, "RUNBOOK", f.runbook);
	set(env, "TITLE", title.data ? title.data : "");
	set(env, "SUMMARY", f.summary[0] || !title.data ? f.summary : title.data);
	text_free(&title);
	notice_free(&f);
}

static enum delivery exec_deliver(void *self, const struct notice *n, unsigned count, struct post_answer *answer)
{
	struct exec *e = self;
	struct environment env = { 0 };
	struct text line = { 0 }; /* one event a line for a script that appends to a file */
	int status = -1;
	(void)count;
	*answer = (struct post_answer){ .said = "no memory" };
	fill_environment(&env, n);
	text_add_bytes(&line, n->body, n->body_len);
	text_add(&line, "\n");
	if (!env.failed && !line.failed)
		status = command_run(&(struct command){ .argv = e->channel->command, .env = env.word, .input = line.data,
							.input_len = line.len, .limit_ms = NOTIFY_TIMEOUT_MS,
							.stop = e->stop }, answer->said, sizeof(answer->said));
	for (unsigned i = 0; i < env.count; i++)
		free(env.word[i]);
	text_free(&line);
	answer->status = status > 0 ? (unsigned)status : 0;
	if (status == 0)
		return DELIVERED;
	return status == EX_USAGE || status == EX_DATAERR ? DELIVERY_REFUSED : DELIVERY_LATER;
}

static void exec_close(void *self)
{
	free(self);
}

const struct notify_ops notify_exec = {
	.type = "exec", .most = 1, .open = exec_open, .deliver = exec_deliver, .close = exec_close,
};
