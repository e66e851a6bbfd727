/* up_run.c - the life of portwatch up: Redis, the configuration, everybody else; then looking after them; then the end.
 * In: signals, lines and deaths of children, a file that changes, what stands in Redis.  Out: children, a view.
 * Owns: the loop.
 * Why so: one thread and poll(2).  Asking Redis waits for its answer, two seconds at most, which is the longest that
 * a signal may have to wait; everybody else goes on by themselves meanwhile. */
#include "cli/up.h"

#include "base/clock.h"
#include "base/wait.h"
#include "cli/cli.h"
#include "cli/monitor_apply.h"
#include "cli/output.h"
#include "cli/redis_reach.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	REPLY_MS = 2000,
	STEP_MS = 100,
	SAME_SIGNAL_MS = 300,
	EVENTS_MS = 250,
	VIEW_MS = 1000,
	FILE_MS = 500,
	PATIENCE_MS = 1500, /* before it is said who is waited for at the end */
	REDIS_START_S = 120, /* a large append-only file is loaded first */
	REDIS_REACH_S = 5,   /* one that is not ours is there, or it is not */
	SCHEDULER_END_S = 10, ALERTS_END_S = 25, REDIS_END_S = 30,
	ENGINE_END_S = JOB_TIMEOUT_MAX_MS / 1000 + 20, /* its attempts end by their timeouts, then it publishes */
};

/* ---- signals and children ---- */

static void hear(struct up *up, int signal_number)
{
	switch (signal_number) {
	case SIGINT:
	case SIGTERM:
		/* A wrapper may pass on what the terminal has told us already: that is still the first one. */
		if (up->ending && clock_ns() - up->ended_ns > SAME_SIGNAL_MS * NS_PER_MS)
			up->at_once = true;
		if (!up->ending)
			up->ended_ns = clock_ns();
		up->ending = true;
		break;
	case SIGHUP:
		up->print = 0; /* as if the file had changed, and long enough ago */
		up->seen = up_fingerprint(up->set->file);
		break;
	default: /* SIGCHLD, SIGWINCH: only to wake up */
		break;
	}
}

/* Also wakes up when nobody reads our output any more: a pipe that ended, a terminal that was closed. */
static void wait_for_something(struct up *up, int ms)
{
	struct pollfd fds[CHILDREN_MAX + 2] = { { .fd = up->signals, .events = POLLIN } };
	struct signalfd_siginfo info;
	unsigned count = 1 + children_poll(&up->children, fds + 1);
	const struct pollfd *out = &fds[count];
	if (!up->view.error)
		fds[count++] = (struct pollfd){ .fd = STDOUT_FILENO };
	if (poll(fds, count, ms) > 0 && !up->view.error && out->revents & (POLLERR | POLLHUP))
		up->view.error = -EPIPE;
	while (read(up->signals, &info, sizeof info) == sizeof info)
		hear(up, (int)info.ssi_signo);
	children_tend(&up->children);
}

/* "ts=... level=warn msg=..." without what a person knows: when, and that it is a line. */
static const char *line_text(const char *line)
{
	const char *level = strncmp(line, "ts=", 3) == 0 ? strstr(line, " level=") : NULL;
	return level ? level + 1 : line;
}

static void say_metrics(struct up *up, const struct child *c, const char *line)
{
	const char *port = strstr(line, " msg=ready ") ? strstr(line, " metrics_port=") : NULL;
	const unsigned long number = port ? strtoul(port + strlen(" metrics_port="), NULL, 10) : 0;
	if (up->set->metrics && number)
		up_view_note(&up->view, "%s: metrics at http://127.0.0.1:%lu/metrics", c->name, number);
}

static bool is_shown(const struct up *up, const struct child *c, const char *line)
{
	/* Redis marks its lines otherwise, and its last one is said when it dies. */
	return up->set->verbose || (c != up->redis && child_line_level(line) <= LOG_LEVEL_WARN);
}

static void child_line(void *arg, struct child *c, const char *line)
{
	struct up *up = arg;
	say_metrics(up, c, line);
	if (is_shown(up, c, line))
		up_view_note(&up->view, "%s: %s", c->name, line_text(line));
}

/* One that dies again and again is said the first time, and then only when the waits have become long. */
static void child_ended(void *arg, struct child *c, int status, unsigned wait_ms)
{
	struct up *up = arg;
	char how[96];
	child_status_text(status, how, sizeof how);
	if (wait_ms && (c->backoff.tries == 1 || wait_ms > BACKOFF_MAX_MS / 2)) {
		const bool last = *c->last && !is_shown(up, c, c->last);
		up_view_note(&up->view, "%s (pid %d) %s; it is started again in %u ms%s%s", c->name, (int)c->last_pid,
			     how, wait_ms, last ? ". Its last line: " : "", last ? line_text(c->last) : "");
	} else if (!wait_ms && !up->at_once && status && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)) {
		up_view_note(&up->view, "%s (pid %d) %s", c->name, (int)c->last_pid, how);
	}
	*c->last = 0;
}

/* ---- what stands in Redis ---- */

/* Here engines and alerts follow the number of shards by themselves; what it costs is said, not asked. */
static bool say_moves(void *arg, const struct monitor_plan *plan)
{
	struct up *up = arg;
	char moves[400];
	monitor_apply_moves(moves, sizeof moves, plan);
	if (*moves)
		up_view_note(&up->view, "%s", moves);
	return true;
}

/* what: "1 added, 0 changed, ..."; false: why not. */
static bool apply(struct up *up, const struct config *config, char *what, size_t len)
{
	struct monitor_apply a = { up->link, up->set->prefix, config, say_moves, up, .written = 0 };
	const int error = monitor_apply(&a);
	const char *advice = redis_reach_advice_on(up->link, a.why);
	if (error)
		snprintf(what, len, "%s%s%s", a.why, advice ? "; " : "", advice ? advice : "");
	else
		monitor_apply_count(what, len, &a.plan);
	monitor_apply_free(&a);
	return !error;
}

/* ---- beginning ---- */

static void say_no_redis(struct up *up)
{
	const char *error = redis_link_error(up->link);
	if (up->is_private)
		up_view_note(&up->view, "Redis: %s; look at its last line above, and into its folder %s", error,
			     up->own.folder);
	else
		up_view_note(&up->view, "Redis: %s; %s", error, redis_reach_advice(redis_link_trouble(up->link)));
}

static bool start_redis(struct up *up)
{
	const uint64_t until_ns = clock_ns() + (up->is_private ? REDIS_START_S : REDIS_REACH_S) * NS_PER_S;
	unsigned wait_ms;
	if (up->is_private) {
		up->redis = private_redis_child(&up->own, &up->children);
		if (!up->redis || child_start(up->redis) < 0) {
			up_view_note(&up->view, "cannot start redis-server: %s", strerror(errno));
			return false;
		}
	}
	while (redis_link_up(up->link, &wait_ms) < 0) {
		const bool hopeless = redis_link_trouble(up->link) == TROUBLE_FORBIDDEN || clock_ns() > until_ns ||
				      (up->redis && up->redis->starts > 1);
		if (up->ending || hopeless) {
			say_no_redis(up);
			return false;
		}
		wait_for_something(up, (int)(wait_ms < STEP_MS ? wait_ms + 1 : STEP_MS));
	}
	return true;
}

/* ---- a changed file ---- */

static void reload(struct up *up)
{
	struct config fresh;
	struct text errors = { 0 };
	char what[1024];
	up->print = up->seen;
	const unsigned count = config_read(&fresh, up->set->file, &errors);
	if (count) {
		up_view_note(&up->view,
			     "%s was changed, but it has %u error%s; everything goes on as before:", up->set->file,
			     count, count == 1 ? "" : "s");
		up_view_errors(&up->view, errors.data ? errors.data : "");
	} else if (!fresh.regions) {
		up_view_note(&up->view, "%s was changed, but it names no regions; everything goes on as before",
			     up->set->file);
		config_free(&fresh);
	} else if (!apply(up, &fresh, what, sizeof what)) {
		up_view_note(&up->view, "%s was changed, but that could not be written: %s; SIGHUP tries again",
			     up->set->file, what);
		config_free(&fresh);
	} else {
		up_view_note(&up->view, "%s was changed and is in force, in %u region%s: %s", up->set->file,
			     fresh.regions, fresh.regions == 1 ? "" : "s", what);
		if (!up_programs_match(up, &up->config, &fresh))
			up_view_note(&up->view, "not everything could be started: %s", strerror(errno));
		config_free(&up->config);
		up->config = fresh;
	}
	text_free(&errors);
}

/* An editor writes in steps: a file is read when it was the same for two looks. */
static void look_at_file(struct up *up)
{
	const uint64_t print = up_fingerprint(up->set->file);
	if (print && print == up->seen && print != up->print)
		reload(up);
	up->seen = print;
}

/* ---- what is seen ---- */

static void show_event(void *arg, const struct event *e)
{
	struct up *up = arg;
	struct text line = { 0 };
	event_line(&line, e, clock_wall_ms(), up->view.coloured);
	if (line.len && line.data[line.len - 1] == '\n')
		line.data[line.len - 1] = 0;
	up_view_event(&up->view, line.data ? line.data : "");
	text_free(&line);
}

static void look(struct up *up, uint64_t *view_ns)
{
	unsigned wait_ms;
	const bool there = redis_link_up(up->link, &wait_ms) == 0;
	if (there && event_feed_poll(&up->feed, 0) < 0)
		redis_link_drop(up->link, up->feed.why);
	const uint64_t began_ns = clock_ns();
	if (began_ns < *view_ns)
		return;
	const bool up_now = there && redis_link_is_up(up->link);
	const int error = up_now ? status_read(&up->reader) : -EIO;
	up_view_show(&up->view, up->title, &up->reader,
		     !error   ? ""
		     : up_now ? up->reader.why
			      : redis_link_error(up->link));
	const uint64_t took_ns = (clock_ns() - began_ns) * 10;
	*view_ns = began_ns + (took_ns > VIEW_MS * NS_PER_MS ? took_ns : VIEW_MS * NS_PER_MS);
}

static void live(struct up *up)
{
	uint64_t events_ns = 0, view_ns = 0, file_ns = 0;
	while (!up->ending && !up->view.error) {
		wait_for_something(up, STEP_MS);
		up_programs_sweep(up);
		if (is_due(&file_ns, FILE_MS * NS_PER_MS))
			look_at_file(up);
		if (is_due(&events_ns, EVENTS_MS * NS_PER_MS))
			look(up, &view_ns);
	}
}

/* ---- the end ---- */

static bool is_in(const struct up *up, const struct child *c, int stage)
{
	switch (stage) {
	case 0: return c == up->scheduler;
	case 1: return c != up->scheduler && c != up->alerts && c != up->redis; /* engines, also those replaced */
	case 2: return c != up->redis;
	default: return true;
	}
}

static bool all_gone(const struct up *up, int stage)
{
	for (unsigned i = 0; i < up->children.count; i++)
		if (is_in(up, up->children.item[i], stage) && !child_is_gone(up->children.item[i]))
			return false;
	return true;
}

static void end_stage(struct up *up, int stage, int signal_number)
{
	for (unsigned i = 0; i < up->children.count; i++) {
		struct child *c = up->children.item[i];
		if (is_in(up, c, stage) && (signal_number == SIGKILL || c->state != CHILD_ENDING))
			child_end(c, signal_number);
	}
}

static void say_who_stays(struct up *up, int stage)
{
	for (unsigned i = 0; i < up->children.count; i++)
		if (is_in(up, up->children.item[i], stage) && !child_is_gone(up->children.item[i]))
			up_view_note(&up->view, "%s has not ended yet; Ctrl-C again ends everything at once",
				     up->children.item[i]->name);
}

static void wait_for_stage(struct up *up, int stage, unsigned limit_s)
{
	const uint64_t began_ns = clock_ns();
	bool said = false;
	while (!all_gone(up, stage) && !up->at_once && clock_ns() - began_ns < limit_s * NS_PER_S) {
		if (!said && clock_ns() - began_ns > PATIENCE_MS * NS_PER_MS) {
			say_who_stays(up, stage);
			said = true;
		}
		wait_for_something(up, STEP_MS);
	}
}

/* Who writes first, who reads last: nothing that was begun is left without a reader. */
static void end_all(struct up *up)
{
	static const unsigned limit_s[] = { SCHEDULER_END_S, ENGINE_END_S, ALERTS_END_S, REDIS_END_S };
	for (int stage = 0; stage < 4; stage++) {
		end_stage(up, stage, SIGTERM);
		wait_for_stage(up, stage, limit_s[stage]);
		const int kill_stage = up->at_once ? 3 : stage;
		if (!all_gone(up, kill_stage))
			end_stage(up, kill_stage, SIGKILL);
		while (!all_gone(up, kill_stage))
			wait_for_something(up, STEP_MS);
	}
}

/* One that is ignored would never be seen: a script that starts us in the background has Ctrl-C ignored. */
static int signals_open(void)
{
	static const int heard[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGWINCH };
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof heard / sizeof heard[0]; i++) {
		sigaddset(&set, heard[i]);
		signal(heard[i], SIG_DFL);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool begin(struct up *up)
{
	char why[1024];
	if (!start_redis(up))
		return false;
	if (!apply(up, &up->config, why, sizeof why)) {
		up_view_note(&up->view, "the monitors could not be written: %s", why);
		return false;
	}
	if (!up_programs_match(up, NULL, &up->config)) {
		up_view_note(&up->view, "not everything could be started: %s", strerror(errno));
		return false;
	}
	up->print = up->seen = up_fingerprint(up->set->file);
	return true;
}

int up_run(struct up *up)
{
	up->signals = signals_open();
	up->link = redis_link_new(&up->url, "portwatch-up", REPLY_MS);
	up->children.line = child_line;
	up->children.ended = child_ended;
	up->children.arg = up;
	up->reader.link = up->feed.link = up->link;
	up->reader.prefix = up->feed.prefix = up->set->prefix;
	up->feed.from = "now";
	up->feed.take = show_event;
	up->feed.arg = up;
	if (up->signals < 0 || !up->link)
		return CLI_INTERNAL;
	const bool began = begin(up);
	if (began) {
		up_view_begin(&up->view, up->set->colour);
		live(up);
	}
	const int write_error = up->view.error;
	up_view_end(&up->view);
	end_all(up);
	children_free(&up->children);
	redis_link_free(up->link);
	status_reader_free(&up->reader);
	close(up->signals);
	if (write_error && write_error != -EPIPE)
		return output_failed("portwatch up", write_error);
	return began || up->ending ? CLI_UP : CLI_INTERNAL;
}
