/* connector_epoll.c - the connector on epoll, for hosts that forbid io_uring.  Same contract, same verdicts.
 * Sockets join the epoll set once, edge-triggered, when they are made, and stay in it over their many uses; deadlines
 * stand in a heap.  An event that an earlier use of the socket left behind only causes one look too many: the look
 * finds the handshake still open, and the lane waits again. */
#include "engine/connector.h"

#include "base/clock.h"
#include "base/deadlines.h"
#include "base/must.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_A_TURN 512
#define NO_SLOT UINT32_MAX

struct answered {
	uint32_t slot;
	int res;
};

struct connector_epoll {
	struct connector c;
	int epoll_fd, wake_fd;
	uint32_t fds;		     /* length of slot_of */
	uint32_t *slot_of;	     /* by descriptor; NO_SLOT: nothing under way */
	int *fd_of;		     /* by slot */
	bool *settled;		     /* by slot: a watch after the handshake; being writable is no news */
	struct deadlines deadlines;
	struct answered *inline_answers; /* connects that failed at once; told in the next turn */
	uint32_t inline_count;
	struct epoll_event events[EVENTS_A_TURN];
};

static struct connector_epoll *self(struct connector *c)
{
	return (struct connector_epoll *)c;
}

static void answer_later(struct connector_epoll *e, uint32_t slot, int res)
{
	must(e->inline_count < e->c.slots);
	e->inline_answers[e->inline_count++] = (struct answered){ slot, res };
}

static void expect(struct connector_epoll *e, uint32_t slot, int fd, bool settled, uint64_t timeout_ns)
{
	e->slot_of[fd] = slot;
	e->fd_of[slot] = fd;
	e->settled[slot] = settled;
	deadlines_set(&e->deadlines, slot, clock_ns() + timeout_ns);
}

static void answer(struct connector_epoll *e, uint32_t slot, int res)
{
	deadlines_drop(&e->deadlines, slot);
	e->slot_of[e->fd_of[slot]] = NO_SLOT;
	e->c.done(e->c.arg, slot, res);
}

static void epoll_connect(struct connector *c, uint32_t slot, int fd, const struct sockaddr *to, socklen_t to_len,
			  uint64_t timeout_ns)
{
	struct connector_epoll *e = self(c);
	if (connect(fd, to, to_len) == 0)
		answer_later(e, slot, 0); /* loopback can be that fast */
	else if (errno == EINPROGRESS)
		expect(e, slot, fd, false, timeout_ns);
	else
		answer_later(e, slot, -errno);
}

static void epoll_watch(struct connector *c, uint32_t slot, int fd, bool connecting, uint64_t timeout_ns)
{
	struct connector_epoll *e = self(c);
	expect(e, slot, fd, !connecting, timeout_ns);
	/* The edge may already have passed; modifying the entry makes the kernel look again. */
	struct epoll_event event = { .events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd };
	if (epoll_ctl(e->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0) {
		int error = errno;
		e->slot_of[fd] = NO_SLOT;
		deadlines_drop(&e->deadlines, slot);
		answer_later(e, slot, -error);
	}
}

static void deliver_event(struct connector_epoll *e, const struct epoll_event *event)
{
	int fd = event->data.fd;
	if (fd == e->wake_fd) {
		uint64_t count;
		(void)!read(fd, &count, sizeof(count));
		return;
	}
	uint32_t slot = e->slot_of[fd];
	if (slot == NO_SLOT)
		return; /* from an earlier use */
	if (e->settled[slot] && !(event->events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)))
		return;
	answer(e, slot, 0);
}

/* Answers that came at once, those of this moment only: done() may start more. */
static void deliver_inline(struct connector_epoll *e)
{
	uint32_t n = e->inline_count;
	for (uint32_t i = 0; i < n; i++)
		e->c.done(e->c.arg, e->inline_answers[i].slot, e->inline_answers[i].res);
	e->inline_count -= n;
	memmove(e->inline_answers, e->inline_answers + n, e->inline_count * sizeof(*e->inline_answers));
}

static int wait_events(struct connector_epoll *e, uint64_t wait_ns)
{
#ifdef HAVE_EPOLL_PWAIT2
	static _Thread_local bool refused; /* Linux before 5.11, or a filter */
	if (!refused) {
		struct timespec ts = { .tv_sec = (time_t)(wait_ns / NS_PER_S), .tv_nsec = (long)(wait_ns % NS_PER_S) };
		int n = epoll_pwait2(e->epoll_fd, e->events, EVENTS_A_TURN, &ts, NULL);
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		refused = true;
	}
#endif
	return epoll_wait(e->epoll_fd, e->events, EVENTS_A_TURN, (int)((wait_ns + NS_PER_MS - 1) / NS_PER_MS));
}

static uint64_t shorter_wait(const struct connector_epoll *e, uint64_t wait_ns)
{
	uint64_t next = deadlines_next_ns(&e->deadlines), now = clock_ns();
	if (e->inline_count || next <= now)
		return 0;
	return next - now < wait_ns ? next - now : wait_ns;
}

static void epoll_turn(struct connector *c, uint64_t wait_ns)
{
	struct connector_epoll *e = self(c);
	int n = wait_events(e, shorter_wait(e, wait_ns));
	must_say(n >= 0 || errno == EINTR, "epoll_wait: %s", strerror(errno));
	c->turned_ns = clock_ns();
	for (int i = 0; i < n; i++)
		deliver_event(e, &e->events[i]);
	deliver_inline(e);
	uint64_t now = clock_ns();
	for (int64_t slot; (slot = deadlines_pop(&e->deadlines, now)) >= 0;)
		answer(e, (uint32_t)slot, -ECANCELED);
}

static unsigned epoll_room(struct connector *c)
{
	(void)c;
	return EVENTS_A_TURN;
}

/* Grows with the descriptors there are, not with RLIMIT_NOFILE: containers set that to a billion. */
static int make_room_for(struct connector_epoll *e, uint32_t fd)
{
	if (fd < e->fds)
		return 0;
	uint32_t fds = fd + fd / 2 + 64;
	uint32_t *slot_of = realloc(e->slot_of, fds * sizeof(*slot_of));
	if (!slot_of)
		return -ENOMEM;
	memset(slot_of + e->fds, 0xff, (fds - e->fds) * sizeof(*slot_of)); /* NO_SLOT */
	e->slot_of = slot_of;
	e->fds = fds;
	return 0;
}

static int epoll_adopt(struct connector *c, int fd)
{
	struct connector_epoll *e = self(c);
	int bad = make_room_for(e, (uint32_t)fd);
	if (bad)
		return bad;
	e->slot_of[fd] = NO_SLOT;
	struct epoll_event event = { .events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd };
	return epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void epoll_wake(struct connector *c)
{
	uint64_t one = 1;
	(void)!write(self(c)->wake_fd, &one, sizeof(one));
}

static void epoll_close_connector(struct connector *c)
{
	struct connector_epoll *e = self(c);
	if (e->epoll_fd >= 0)
		close(e->epoll_fd);
	if (e->wake_fd >= 0)
		close(e->wake_fd);
	deadlines_free(&e->deadlines);
	free(e->slot_of);
	free(e->fd_of);
	free(e->settled);
	free(e->inline_answers);
	free(e);
}

static const struct connector_ops epoll_ops = {
	.name = "epoll",
	.socket_flags = SOCK_NONBLOCK,
	.room = epoll_room,
	.adopt = epoll_adopt,
	.connect = epoll_connect,
	.watch = epoll_watch,
	.turn = epoll_turn,
	.wake = epoll_wake,
	.close = epoll_close_connector,
};

static int set_up(struct connector_epoll *e)
{
	e->fd_of = calloc(e->c.slots, sizeof(*e->fd_of));
	e->settled = calloc(e->c.slots, sizeof(*e->settled));
	e->inline_answers = calloc(e->c.slots, sizeof(*e->inline_answers));
	if (!e->fd_of || !e->settled || !e->inline_answers || deadlines_init(&e->deadlines, e->c.slots) < 0 ||
	    make_room_for(e, e->c.slots + 64) < 0) /* all there will be, in most cases */
		return -ENOMEM;
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = e->wake_fd };
	if (e->epoll_fd < 0 || e->wake_fd < 0 || epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, e->wake_fd, &event) < 0)
		return -errno;
	return 0;
}

struct connector *connector_epoll_open(uint32_t slots, connector_done *done, void *arg, char *why, size_t why_len)
{
	struct connector_epoll *e = calloc(1, sizeof(*e));
	int error = -ENOMEM;
	if (e) {
		e->c = (struct connector){ .ops = &epoll_ops, .done = done, .arg = arg, .slots = slots };
		e->epoll_fd = e->wake_fd = -1;
		error = set_up(e);
	}
	if (!error)
		return &e->c;
	snprintf(why, why_len, "epoll: %s", strerror(-error));
	if (e)
		epoll_close_connector(&e->c);
	return NULL;
}
