/* command.c - one child process from its start to its end, see command.h.
 * In: argv, environment, input.  Out: how it ended, and the first of what it said.
 * Owns: the child and two pipes.
 * Why so: posix_spawn() instead of fork(), because other threads hold locks; a pidfd instead of SIGCHLD, because the
 * process is not ours alone to set handlers in; its end is what is waited for, not the end of its output, which a
 * daemon that it left behind may hold open for ever. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/command.h"
#include "base/clock.h"
#include "base/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_AFTER_MS 2000
#define LOOK_MS 100 /* how often the stop flag is looked at */

struct child {
	pid_t pid;
	int pidfd, input, output;
	const char *left;
	size_t left_len, heard_len;
	char heard[200];
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static char **whole_environment(char *const *added)
{
	size_t ours = 0, more = 0;
	while (environ[ours])
		ours++;
	while (added && added[more])
		more++;
	char **all = calloc(ours + more + 1, sizeof(*all));
	for (size_t i = 0; all && i < more; i++)
		all[i] = added[i];
	for (size_t i = 0; all && i < ours; i++)
		all[more + i] = environ[i];
	return all;
}

/* A group of its own, so that what it starts can be ended with it, and no signal blocked or ignored that we did. */
static int spawn(const struct command *c, pid_t *pid, int input, int output)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	char **env = whole_environment(c->env);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	int failed = env ? posix_spawnp(pid, c->argv[0], &files, &attr, c->argv, env) : ENOMEM;
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	free(env);
	return failed;
}

/* 0 or an errno value. */
static int start(struct child *child, const struct command *c)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, failed = 0;
	*child = (struct child){ .pidfd = -1, .input = -1, .output = -1, .left = c->input, .left_len = c->input_len };
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		failed = errno;
	if (!failed)
		failed = spawn(c, &child->pid, in[0], out[1]);
	close_fd(&in[0]);
	close_fd(&out[1]);
	child->input = in[1];
	child->output = out[0];
	if (failed)
		return failed;
	fcntl(child->input, F_SETFL, O_NONBLOCK);
	fcntl(child->output, F_SETFL, O_NONBLOCK);
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	return 0;
}

static void give_input(struct child *child)
{
	ssize_t wrote = write(child->input, child->left, child->left_len);
	if (wrote > 0) {
		child->left += wrote;
		child->left_len -= (size_t)wrote;
	}
	/* It need not read what it does not want: EPIPE is no error of ours. */
	if (child->left_len == 0 || (wrote < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&child->input);
}

static void take_output(struct child *child)
{
	char bytes[4096];
	ssize_t got = read(child->output, bytes, sizeof(bytes));
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&child->output);
	for (ssize_t i = 0; i < got && child->heard_len + 1 < sizeof(child->heard); i++)
		child->heard[child->heard_len++] = bytes[i];
}

/* True when it has ended; *status is then waitpid's. */
static bool step(struct child *child, int *status)
{
	struct pollfd fds[] = { { child->pidfd, POLLIN, 0 }, { child->input, POLLOUT, 0 }, { child->output, POLLIN, 0 } };
	poll(fds, 3, child->pidfd < 0 ? 10 : LOOK_MS);
	if (fds[1].revents)
		give_input(child);
	if (fds[2].revents)
		take_output(child);
	return waitpid(child->pid, status, WNOHANG) == child->pid;
}

static int wait_for_end(struct child *child, const struct command *c, bool *late)
{
	uint64_t end_ns = clock_ns() + c->limit_ms * NS_PER_MS;
	int status = 0;
	bool killed = false;
	while (!step(child, &status)) {
		uint64_t now_ns = clock_ns();
		if (!*late && (now_ns >= end_ns || (c->stop && atomic_load(c->stop)))) {
			*late = true;
			end_ns = now_ns + KILL_AFTER_MS * NS_PER_MS;
			kill(-child->pid, SIGTERM);
		} else if (*late && !killed && now_ns >= end_ns) {
			killed = true;
			kill(-child->pid, SIGKILL);
		}
	}
	if (*late && !killed)
		kill(-child->pid, SIGKILL); /* whom it left behind */
	return status;
}

/* The first line of what it wrote. */
static void add_heard(struct child *child, char *said, size_t said_len)
{
	size_t at = strlen(said);
	if (child->output >= 0)
		take_output(child);
	child->heard[child->heard_len] = 0;
	if (child->heard_len == 0 || at + 3 > said_len)
		return;
	const char *from = child->heard + strspn(child->heard, " \n\t");
	at += (size_t)snprintf(said + at, said_len - at, ": ");
	for (unsigned bytes; *from && *from != '\n'; from += bytes) {
		bytes = utf8_printable((const uint8_t *)from, strlen(from));
		if (at + bytes + 1 >= said_len)
			break;
		memcpy(said + at, bytes ? from : "?", bytes ? bytes : 1);
		at += bytes ? bytes : 1;
		bytes = bytes ? bytes : 1;
	}
	said[at] = 0;
}

int command_run(const struct command *c, char *said, size_t said_len)
{
	struct child child;
	bool late = false;
	int status = 0, failed = start(&child, c);
	if (failed)
		snprintf(said, said_len, "%s cannot be started: %s", c->argv[0], strerror(failed));
	else {
		status = wait_for_end(&child, c, &late);
		if (late)
			snprintf(said, said_len, "ended after its limit of %u ms", c->limit_ms);
		else if (WIFSIGNALED(status))
			snprintf(said, said_len, "ended by signal %d", WTERMSIG(status));
		else
			snprintf(said, said_len, "exit %d", WEXITSTATUS(status));
		add_heard(&child, said, said_len);
	}
	close_fd(&child.pidfd);
	close_fd(&child.input);
	close_fd(&child.output);
	return failed || late || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}
