/* children.c - starts processes, reads their lines, starts them again.
 * In: programs and their arguments.  Out: lines and deaths, by callback, from children_tend().
 * Owns: the processes, and the pipe of each that carries its standard output and error.
 * Why so: one thread that never waits here; the caller polls, so that a child that says nothing and one that floods
 * cost the same.  A child that has just died is started again after 50 ms, doubling to 5 s while it dies again
 * within 10 s. */
#include "cli/children.h"

#include "base/clock.h"
#include "base/must.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READS_MAX = 16 }; /* of one child in one round: others have a turn too */

unsigned child_wait_ms(struct backoff *backoff, uint64_t ran_ms)
{
	if (ran_ms >= CHILD_STEADY_MS)
		backoff_reset(backoff);
	return backoff_next_ms(backoff);
}

enum log_level child_line_level(const char *line)
{
	static const struct {
		const char *text;
		enum log_level level;
	} words[] = { { "level=info ", LOG_LEVEL_INFO },
		      { "level=debug ", LOG_LEVEL_DEBUG },
		      { "level=error ", LOG_LEVEL_ERROR } };
	const char *at = strncmp(line, "ts=", 3) == 0 ? strchr(line, ' ') : NULL;
	for (size_t i = 0; at && i < ARRAY_LEN(words); i++)
		if (strncmp(at + 1, words[i].text, strlen(words[i].text)) == 0)
			return words[i].level;
	return LOG_LEVEL_WARN;
}

void child_status_text(int status, char *into, size_t len)
{
	if (WIFSIGNALED(status))
		snprintf(into, len, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(into, len, "ended with status %d", WEXITSTATUS(status));
}

/* ---- the list ---- */

struct child *children_add(struct children *all, const char *name, const char *path)
{
	struct child *c = all->count < CHILDREN_MAX ? calloc(1, sizeof *c) : NULL;
	if (!c || !child_arg(c, path)) {
		free(c);
		return NULL;
	}
	snprintf(c->name, sizeof c->name, "%s", name);
	c->log = -1;
	c->backoff.seed = (uint32_t)clock_ns() + all->count;
	all->item[all->count++] = c;
	return c;
}

bool child_arg(struct child *c, const char *text)
{
	unsigned i = 0;
	while (c->argv[i])
		i++;
	return i < CHILD_ARGS_MAX && (c->argv[i] = strdup(text));
}

static void free_child(struct child *c)
{
	must(child_is_gone(c));
	for (unsigned i = 0; c->argv[i]; i++)
		free(c->argv[i]);
	free(c->input);
	free(c);
}

void children_remove(struct children *all, struct child *c)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < all->count; i++)
		if (all->item[i] != c)
			all->item[kept++] = all->item[i];
	all->count = kept;
	free_child(c);
}

void children_free(struct children *all)
{
	while (all->count)
		children_remove(all, all->item[all->count - 1]);
}

bool child_is_gone(const struct child *c)
{
	return c->state == CHILD_IDLE;
}

/* ---- one process ---- */

/* In the new process: nothing of ours may be left but what it is given. */
static _Noreturn void become(const struct child *c, int in, int out, pid_t parent)
{
	sigset_t none;
	sigemptyset(&none);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it died before the kernel was told */
		_exit(127);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(c->argv[0], c->argv);
	fprintf(stderr, "cannot run %s: %s\n", c->argv[0], strerror(errno));
	_exit(127);
}

/* A pipe holds 64 KB, more than any configuration we write, so this never waits for the reader. */
static int input_of(const struct child *c)
{
	int ends[2];
	if (!c->input)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	const ssize_t wrote = write(ends[1], c->input, strlen(c->input));
	close(ends[1]);
	if (wrote == (ssize_t)strlen(c->input))
		return ends[0];
	close(ends[0]);
	return -1;
}

int child_start(struct child *c)
{
	int out[2], error = 0;
	must(!c->pid);
	const int in = input_of(c);
	if (in < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		error = -errno;
		close(in);
		return error;
	}
	const pid_t parent = getpid();
	fflush(NULL);
	const pid_t pid = fork();
	if (pid == 0)
		become(c, in, out[1], parent);
	error = pid < 0 ? -errno : 0;
	close(in);
	close(out[1]);
	if (error) {
		close(out[0]);
		return error;
	}
	setpgid(pid, pid); /* both do, so that it is so for whoever looks first */
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	c->pid = pid;
	c->log = out[0];
	c->len = 0;
	c->state = CHILD_RUNNING;
	c->started_ns = clock_ns();
	c->starts++;
	return 0;
}

void child_end(struct child *c, int signal_number)
{
	if (c->pid)
		kill(c->pid, signal_number);
	c->state = c->pid ? CHILD_ENDING : CHILD_IDLE;
}

/* ---- what they say ---- */

static void take_byte(struct children *all, struct child *c, char byte)
{
	if (byte != '\n') {
		if (c->len + 1 < sizeof c->line) /* a longer line is cut */
			c->line[c->len++] = byte;
		return;
	}
	c->line[c->len] = 0;
	c->len = 0;
	if (!*c->line)
		return;
	snprintf(c->last, sizeof c->last, "%.*s", (int)sizeof c->last - 1, c->line);
	all->line(all->arg, c, c->line);
}

static void read_lines(struct children *all, struct child *c)
{
	char bytes[4096];
	for (int i = 0; c->log >= 0 && i < READS_MAX; i++) {
		const ssize_t got = read(c->log, bytes, sizeof bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) { /* nothing now, or its end: waitpid() says more */
			if (got == 0) {
				close(c->log);
				c->log = -1;
			}
			return;
		}
		for (ssize_t at = 0; at < got; at++)
			take_byte(all, c, bytes[at]);
	}
}

static void bury(struct children *all, struct child *c, int status)
{
	read_lines(all, c);
	if (c->log >= 0)
		close(c->log);
	c->log = -1;
	c->last_pid = c->pid;
	c->pid = 0;
	unsigned wait_ms = 0;
	if (c->state == CHILD_RUNNING) {
		const uint64_t now_ns = clock_ns();
		wait_ms = child_wait_ms(&c->backoff, (now_ns - c->started_ns) / NS_PER_MS);
		c->again_ns = now_ns + wait_ms * NS_PER_MS;
		c->state = CHILD_WAITING;
	} else {
		c->state = CHILD_IDLE;
	}
	all->ended(all->arg, c, status, wait_ms);
}

static void start_again(struct child *c)
{
	if (child_start(c) < 0) /* no process or no memory at the moment */
		c->again_ns = clock_ns() + child_wait_ms(&c->backoff, 0) * NS_PER_MS;
}

void children_tend(struct children *all)
{
	for (unsigned i = 0; i < all->count; i++) {
		struct child *c = all->item[i];
		int status;
		read_lines(all, c);
		if (c->pid && waitpid(c->pid, &status, WNOHANG) == c->pid)
			bury(all, c, status);
		if (c->state == CHILD_WAITING && clock_ns() >= c->again_ns)
			start_again(c);
	}
}

unsigned children_poll(const struct children *all, struct pollfd *into)
{
	unsigned count = 0;
	for (unsigned i = 0; i < all->count; i++)
		if (all->item[i]->log >= 0)
			into[count++] = (struct pollfd){ .fd = all->item[i]->log, .events = POLLIN };
	return count;
}
