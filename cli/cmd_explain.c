/* cmd_explain.c - portwatch explain MONITOR: why it is in the state it is in, asked of the process that decides.
 * In: the name of a monitor.  Out: state, votes and the arithmetic, last results, why somebody is or is not paged.
 * Owns: the link.
 * Why so: only the one who decides knows the history he decides from, so he is asked (pw:{alerts.S}:ask) and answers
 * into a list of ours; what nobody answers within 3 s is answered from the state that is stored. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/explain_print.h"
#include "cli/interrupt.h"
#include "cli/monitors.h"
#include "cli/output.h"
#include "cli/redis_choice.h"
#include "wire/monitor_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REACH_MS = 3000, ANSWER_S = 3 };

struct explain_values {
	const char *redis, *prefix, *state;
	int output, colour;
};

static const char *const explain_formats[] = { "table", "json", NULL };

static const struct option explain_options[] = {
	REDIS_OPTION(struct explain_values, false),
	STATE_OPTION(struct explain_values),
	PREFIX_OPTION(struct explain_values),
	{ "output", 'o', OPTION_CHOICE, .preset = "table", .choices = explain_formats,
	  .at = offsetof(struct explain_values, output), .sentence = "the form", .only_flag = true },
	{ "color", 0, OPTION_CHOICE, .preset = "auto", .choices = colour_choices,
	  .at = offsetof(struct explain_values, colour), .sentence = "auto: on a terminal, unless NO_COLOR is set",
	  .only_flag = true },
	{ 0 },
};

static const struct option_table explain_table = {
	.program = "portwatch explain",
	.synopsis = "MONITOR [--redis URL] [-o json]",
	.about = "Says why a monitor is in the state it is in: what each region saw, how it votes, the arithmetic, "
		 "and why somebody is or is not told.",
	.examples = "portwatch explain pg-primary",
	.footer = "Exit status: 0 it was explained; 1 nobody answered, the stored state is shown; 3 the command line "
		  "is wrong, or there is no such monitor; 4 Redis was not reached or refused, or the output cannot be "
		  "written.",
	.env_prefix = "PORTWATCH",
	.options = explain_options,
	.operands_min = 1,
	.operands_max = 1,
};

struct explain {
	const struct explain_values *set;
	struct redis_link *link;
	const char *monitor;
	unsigned shard;
	unsigned interval_ms; /* 0: not known, or paused */
	char why[1024];
};

/* ---- the monitor that is meant ---- */

static void read_monitor(struct explain *x, const struct redis_reply *reply)
{
	struct monitor m;
	size_t len;
	char why[400];
	const char *json = reply_text(reply, &len);
	if (!monitor_decode(&m, x->monitor, json, len, why, sizeof why)) {
		cli_refuse(&explain_table, 0, "%s: it is broken in Redis; at best, what was known of it before goes on",
			   why);
		return;
	}
	x->interval_ms = m.paused ? 0 : m.interval_ms;
	monitor_free(&m);
}

/* 1: it is there, 0: not, negative: why. */
static int find(struct explain *x)
{
	char key[STREAM_KEY_MAX];
	struct settings s;
	int found = monitor_store_settings(x->link, x->set->prefix, &s, x->why, sizeof x->why);
	if (found < 0)
		return found;
	x->shard = monitor_shard(x->monitor, strlen(x->monitor), s.shards);
	settings_free(&s);
	monitors_key(key, x->set->prefix);
	struct redis_reply *reply = redis_ask(x->link, "HGET %s %s", key, x->monitor);
	if (!reply || reply_is_error(reply)) {
		snprintf(x->why, sizeof x->why, "%s", redis_link_error(x->link));
		found = -EIO;
	} else {
		found = !reply_is_nil(reply);
		if (found)
			read_monitor(x, reply);
	}
	redis_reply_free(reply);
	return found;
}

/* ---- question and answer ---- */

/* The answer, NULL: none came, or the link broke. */
static json_t *ask(struct explain *x)
{
	char key[STREAM_KEY_MAX], list[STREAM_KEY_MAX];
	json_t *answer = NULL;
	alerts_key(key, x->set->prefix, x->shard, ALERTS_ASK);
	/* Beside the question, so that both stand in one slot of a cluster. */
	snprintf(list, sizeof list, "%.32s:{alerts.%u}:answer:%d-%" PRIx64, x->set->prefix, x->shard, getpid(),
		 clock_ns());
	redis_appendf(x->link, "XADD %s MAXLEN ~ 100 * monitor %s reply %s", key, x->monitor, list);
	redis_appendf(x->link, "BLPOP %s %u", list, (unsigned)ANSWER_S);
	struct redis_reply *asked = redis_read(x->link, 0);
	struct redis_reply *reply = asked ? redis_read(x->link, ANSWER_S * MS_PER_S) : NULL;
	size_t len;
	if (reply_is_error(asked))
		snprintf(x->why, sizeof x->why, "%s", reply_text(asked, NULL));
	const char *text = reply_text(reply_at(reply, 1), &len);
	if (len)
		answer = json_read_object(text, len, x->why, sizeof x->why);
	redis_reply_free(asked);
	redis_reply_free(reply);
	return answer;
}

static json_t *stored(struct explain *x)
{
	char key[STREAM_KEY_MAX];
	size_t len;
	alerts_key(key, x->set->prefix, x->shard, ALERTS_STATE);
	struct redis_reply *reply = redis_ask(x->link, "HGET %s %s", key, x->monitor);
	const char *text = reply_text(reply, &len);
	if (reply_is_error(reply))
		snprintf(x->why, sizeof x->why, "%s: %s", key, text);
	json_t *state = len && !reply_is_error(reply) ? json_read_object(text, len, x->why, sizeof x->why) : NULL;
	redis_reply_free(reply);
	return state;
}

static int print(struct explain *x, const json_t *answer, bool coloured)
{
	struct text out = { 0 };
	if (x->set->output) {
		char *line = json_line(answer);
		text_add(&out, line ? line : "{}");
		text_add(&out, "\n");
		free(line);
	} else {
		explain_print(&out, x->monitor, answer, clock_wall_ms(), x->interval_ms, coloured);
	}
	const int error = output_write(&out);
	text_free(&out);
	return error ? output_failed(explain_table.program, error) : CLI_UP;
}

static void say_no_answer(const struct explain *x, const char *not_asked, const json_t *state)
{
	char begun[sizeof x->why + 100];
	if (*not_asked)
		snprintf(begun, sizeof begun, "\"%s\" cannot be asked about: %s", x->monitor, not_asked);
	else
		snprintf(begun, sizeof begun, "no alerts process answered for \"%s\" within %d s", x->monitor, ANSWER_S);
	if (!state && *x->why)
		cli_refuse(&explain_table, 0, "%s; and the state that is stored cannot be read: %s", begun, x->why);
	else
		cli_refuse(&explain_table, 0, "%s; %s", begun,
			   state ? "this is the state that is stored"
				 : "and nothing is stored: nobody has decided about it yet");
}

static int explain(struct explain *x)
{
	const bool coloured = colour_wanted((enum colour_choice)x->set->colour, 1);
	const int found = find(x);
	if (found < 0)
		return cli_refuse(&explain_table, CLI_INTERNAL, "%s", x->why);
	if (!found) {
		monitors_unknown(&explain_table, x->link, x->set->prefix, x->monitor);
		return CLI_USAGE;
	}
	json_t *answer = ask(x);
	if (json_object_get(answer, "error")) { /* it was told of the monitor later than we were */
		json_decref(answer);
		answer = NULL;
	}
	int status = answer ? CLI_UP : CLI_DOWN;
	if (!answer && redis_link_is_up(x->link)) {
		char not_asked[sizeof x->why];
		snprintf(not_asked, sizeof not_asked, "%s", x->why);
		*x->why = 0;
		answer = stored(x);
		say_no_answer(x, not_asked, answer);
	} else if (!answer) {
		return cli_refuse(&explain_table, CLI_INTERNAL, "%s", redis_link_error(x->link));
	}
	if (answer) {
		const int error = print(x, answer, coloured);
		status = error ? error : status;
	}
	json_decref(answer);
	return status;
}

int cmd_explain(int argc, char **argv)
{
	struct explain_values set;
	struct redis_url url;
	char why[1024];
	int operand, status;

	log_setup(LOG_FORMAT_LOGFMT, LOG_LEVEL_ERROR);
	if (!cli_options(&explain_table, argc, argv, &set, &operand, &status))
		return status;
	struct explain x = { .set = &set, .monitor = argv[operand] };
	if (!monitor_name_is_fine(x.monitor, strlen(x.monitor)))
		return cli_refuse(&explain_table, CLI_USAGE,
				  "a monitor's name has 1 to %d bytes and no control characters", NAME_MAX_LEN);
	if (!redis_reach_prefix_is_fine(set.prefix, why, sizeof why) ||
	    !redis_choice(set.redis, set.state, &url, why, sizeof why))
		return cli_refuse(&explain_table, CLI_USAGE, "%s", why);
	interrupt_watch();
	x.link = redis_reach(&url, "portwatch-explain", REACH_MS, why, sizeof why);
	status = x.link ? explain(&x) : cli_refuse(&explain_table, CLI_INTERNAL, "%s", why);
	redis_link_free(x.link);
	return status;
}
