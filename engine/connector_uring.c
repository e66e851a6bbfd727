/* connector_uring.c - the connector on io_uring; the one file that sees liburing.
 *
 * A connect is CONNECT|IO_LINK followed by LINK_TIMEOUT|CQE_SKIP_SUCCESS: two SQEs, exactly one CQE, a deadline kept to
 * a fraction of a millisecond by the kernel.  A watch is POLL_ADD with the same timeout behind it.
 *
 *	user_data = operation (8 bits) | generation of the slot (32) | slot (24)
 *
 * The generation makes it unique among requests in flight: LINK_TIMEOUT cancels by user_data, so two requests sharing
 * one would cancel each other.  A chain must not be split over two submits (its head would run without a timeout): it
 * is only begun with two SQEs free.  Address and time are read by the kernel at submission, so each SQE has its own
 * until then, and the array behind them is as long as the submission queue.
 *
 * Owes: a slot counts what it has lent to the kernel and is free only at zero.  Where CQE_SKIP is unknown (before
 * Linux 5.17) the timeout's own CQE is lent too. */
#include "engine/connector.h"

#include "base/clock.h"
#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

/* 512 chains a submit: the bench shows no gain beyond, and 64 KB of SQEs stay in the second-level cache. */
#define SQ_ENTRIES 1024u

enum operation { OP_CONNECT = 1, OP_WATCH, OP_TIMEOUT, OP_WAKE };

struct slot_lent {
	uint32_t generation;
	uint8_t lent;	 /* CQEs the kernel still owes us */
	int32_t res;	 /* of the head, kept until lent is 0 */
};

struct submission {
	struct sockaddr_in6 to;
	struct __kernel_timespec timeout;
};

struct connector_uring {
	struct connector c;
	struct io_uring ring;
	int wake_fd;
	bool wake_armed;
	bool skips_cqe;		    /* IORING_FEAT_CQE_SKIP */
	unsigned submitted_args;    /* of args, since the last submit */
	struct submission *args;    /* SQ_ENTRIES of them */
	struct slot_lent *slots;
	uint32_t *refused;	    /* slots whose request could not be queued; answered in the next turn */
	uint32_t refused_count;
};

static struct connector_uring *self(struct connector *c)
{
	return (struct connector_uring *)c;
}

static uint64_t user_data(enum operation op, uint32_t generation, uint32_t slot)
{
	return (uint64_t)op << 56 | (uint64_t)generation << 24 | slot;
}

static int submit(struct connector_uring *u)
{
	int n;
	do
		n = io_uring_submit(&u->ring);
	while (n == -EINTR);
	if (n >= 0 && io_uring_sq_ready(&u->ring) == 0)
		u->submitted_args = 0;
	return n;
}

/* Two SQEs for one chain, or false: the kernel takes no more now. */
static bool chain_fits(struct connector_uring *u)
{
	if (io_uring_sq_space_left(&u->ring) >= 2 && u->submitted_args < SQ_ENTRIES)
		return true;
	submit(u);
	return io_uring_sq_space_left(&u->ring) >= 2 && u->submitted_args < SQ_ENTRIES;
}

static void add_timeout(struct connector_uring *u, struct submission *s, uint64_t timeout_ns, uint32_t slot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	s->timeout = (struct __kernel_timespec){ .tv_sec = (long long)(timeout_ns / NS_PER_S),
						 .tv_nsec = (long long)(timeout_ns % NS_PER_S) };
	io_uring_prep_link_timeout(sqe, &s->timeout, 0);
	if (u->skips_cqe)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = user_data(OP_TIMEOUT, u->slots[slot].generation, slot);
}

/* The head's SQE and the memory its chain reads at submission; NULL: refused, and answered in the next turn. */
static struct io_uring_sqe *begin_chain(struct connector_uring *u, uint32_t slot, struct submission **s)
{
	struct slot_lent *lent = &u->slots[slot];
	must_say(lent->lent == 0, "slot %u still lends %u", slot, lent->lent);
	lent->generation++;
	if (!chain_fits(u)) {
		u->refused[u->refused_count++] = slot;
		return NULL;
	}
	lent->lent = u->skips_cqe ? 1 : 2;
	*s = &u->args[u->submitted_args++];
	return io_uring_get_sqe(&u->ring);
}

static void uring_connect(struct connector *c, uint32_t slot, int fd, const struct sockaddr *to, socklen_t to_len,
			  uint64_t timeout_ns)
{
	struct connector_uring *u = self(c);
	struct submission *s;
	struct io_uring_sqe *sqe = begin_chain(u, slot, &s);
	if (!sqe)
		return;
	memcpy(&s->to, to, to_len);
	io_uring_prep_connect(sqe, fd, (struct sockaddr *)&s->to, to_len);
	sqe->flags |= IOSQE_IO_LINK;
	sqe->user_data = user_data(OP_CONNECT, u->slots[slot].generation, slot);
	add_timeout(u, s, timeout_ns, slot);
}

static void uring_watch(struct connector *c, uint32_t slot, int fd, bool connecting, uint64_t timeout_ns)
{
	struct connector_uring *u = self(c);
	struct submission *s;
	struct io_uring_sqe *sqe = begin_chain(u, slot, &s);
	if (!sqe)
		return;
	/* Errors and hang-ups are always reported; the handshake's end is when one can write. */
	io_uring_prep_poll_add(sqe, fd, POLLERR | POLLHUP | (connecting ? POLLOUT : 0));
	sqe->flags |= IOSQE_IO_LINK;
	sqe->user_data = user_data(OP_WATCH, u->slots[slot].generation, slot);
	add_timeout(u, s, timeout_ns, slot);
}

static void arm_wake(struct connector_uring *u)
{
	if (u->wake_armed || !chain_fits(u))
		return;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	io_uring_prep_poll_add(sqe, u->wake_fd, POLLIN);
	sqe->user_data = user_data(OP_WAKE, 0, 0);
	u->wake_armed = true;
}

static void woken(struct connector_uring *u)
{
	uint64_t count;
	(void)!read(u->wake_fd, &count, sizeof(count)); /* not blocking; nothing to read is fine */
	u->wake_armed = false;
}

static void deliver(struct connector_uring *u, uint64_t data, int res)
{
	enum operation op = (enum operation)(data >> 56);
	uint32_t generation = (uint32_t)(data >> 24), slot = data & 0xffffff;
	if (op == OP_WAKE) {
		woken(u);
		return;
	}
	if (op == OP_TIMEOUT && u->skips_cqe)
		return; /* a timeout that could not be armed; its head was cancelled with it */
	must_say(slot < u->c.slots, "completion for slot %u of %u", slot, u->c.slots);
	struct slot_lent *lent = &u->slots[slot];
	must_say(lent->generation == generation && lent->lent > 0,
		 "slot %u: completion of generation %u, now %u, lent %u", slot, generation, lent->generation, lent->lent);
	if (op != OP_TIMEOUT)
		lent->res = op == OP_WATCH && res > 0 ? 0 : res;
	if (--lent->lent == 0)
		u->c.done(u->c.arg, slot, lent->res);
}

static void deliver_refused(struct connector_uring *u)
{
	uint32_t n = u->refused_count;
	for (uint32_t i = 0; i < n; i++)
		u->c.done(u->c.arg, u->refused[i], -EAGAIN);
	u->refused_count -= n;
	memmove(u->refused, u->refused + n, u->refused_count * sizeof(*u->refused));
}

static void wait_for_completion(struct connector_uring *u, uint64_t wait_ns)
{
	struct io_uring_cqe *cqe;
	struct __kernel_timespec ts = { .tv_sec = (long long)(wait_ns / NS_PER_S), .tv_nsec = (long long)(wait_ns % NS_PER_S) };
	/* With DEFER_TASKRUN completions only appear when asked for, so also a turn that does not wait must ask. */
	int n = wait_ns ? io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL)
			: io_uring_submit_and_get_events(&u->ring);
	must_say(n >= 0 || n == -ETIME || n == -EINTR || n == -EBUSY || n == -EAGAIN || n == -ENOMEM, "io_uring_enter: %s",
		 strerror(-n));
	if (io_uring_sq_ready(&u->ring) == 0)
		u->submitted_args = 0;
}

static void uring_turn(struct connector *c, uint64_t wait_ns)
{
	struct connector_uring *u = self(c);
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0;
	arm_wake(u);
	wait_for_completion(u, u->refused_count ? 0 : wait_ns);
	c->turned_ns = clock_ns();
	io_uring_for_each_cqe(&u->ring, head, cqe) {
		deliver(u, cqe->user_data, cqe->res);
		seen++;
	}
	io_uring_cq_advance(&u->ring, seen);
	deliver_refused(u);
}

static unsigned uring_room(struct connector *c)
{
	return io_uring_sq_space_left(&self(c)->ring) / 2;
}

static int uring_adopt(struct connector *c, int fd)
{
	(void)c;
	(void)fd;
	return 0;
}

static void uring_wake(struct connector *c)
{
	uint64_t one = 1;
	(void)!write(self(c)->wake_fd, &one, sizeof(one)); /* full means that a wake-up is under way */
}

static void uring_close(struct connector *c)
{
	struct connector_uring *u = self(c);
	if (u->ring.ring_fd > 0)
		io_uring_queue_exit(&u->ring);
	if (u->wake_fd >= 0)
		close(u->wake_fd);
	free(u->args);
	free(u->slots);
	free(u->refused);
	free(u);
}

static const struct connector_ops uring_ops = {
	.name = "io_uring",
	.socket_flags = 0, /* kernels up to 6.0 answer EINPROGRESS for a non-blocking socket */
	.room = uring_room,
	.adopt = uring_adopt,
	.connect = uring_connect,
	.watch = uring_watch,
	.turn = uring_turn,
	.wake = uring_wake,
	.close = uring_close,
};

/* From the best to the plainest: each flag set needs a newer kernel than the next. */
static const struct rung {
	unsigned flags;
	const char *lacks; /* what a ring does without on this rung */
} ladder[] = {
	{ IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL, NULL },
	{ IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL, "DEFER_TASKRUN, which came with Linux 6.1" },
	{ 0, "DEFER_TASKRUN and COOP_TASKRUN, which came with Linux 6.1 and 5.19; a probe may cost a fifth more" },
};

static int ring_open(struct connector_uring *u)
{
	int error = -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(ladder) && error == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = ladder[i].flags | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED,
			/* Nothing may overflow: a CQE for each slot, and one for the wake-up. */
			.cq_entries = u->c.slots * 2 + 64 > SQ_ENTRIES * 2 ? u->c.slots * 2 + 64 : SQ_ENTRIES * 2,
		};
		error = io_uring_queue_init_params(SQ_ENTRIES, &u->ring, &params);
		u->c.lacks = ladder[i].lacks;
		u->skips_cqe = error == 0 && (params.features & IORING_FEAT_CQE_SKIP);
		if (error == 0 && !(params.features & IORING_FEAT_EXT_ARG)) {
			/* Linux 5.10: liburing would wait by a timeout request, which the restrictions refuse. */
			io_uring_queue_exit(&u->ring);
			memset(&u->ring, 0, sizeof(u->ring));
			return -ENOSYS;
		}
	}
	return error;
}

/* liburing 2.3 declares wrappers for these that it does not export. */
static int ring_register(struct connector_uring *u, unsigned op, void *arg, unsigned n)
{
	return syscall(__NR_io_uring_register, u->ring.ring_fd, op, arg, n) < 0 ? -errno : 0;
}

/* Whatever may go wrong in this process later, its ring can do these three things and no others. */
static int ring_restrict(struct connector_uring *u)
{
	static const uint8_t allowed[] = { IORING_OP_CONNECT, IORING_OP_POLL_ADD, IORING_OP_LINK_TIMEOUT };
	struct io_uring_restriction rules[ARRAY_LEN(allowed) + 2];
	memset(rules, 0, sizeof(rules));
	unsigned n = 0;
	for (; n < ARRAY_LEN(allowed); n++) {
		rules[n].opcode = IORING_RESTRICTION_SQE_OP;
		rules[n].sqe_op = allowed[n];
	}
	rules[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	rules[n++].sqe_flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	rules[n].opcode = IORING_RESTRICTION_REGISTER_OP;
	rules[n++].register_op = IORING_REGISTER_ENABLE_RINGS;
	int error = ring_register(u, IORING_REGISTER_RESTRICTIONS, rules, n);
	return error ? error : ring_register(u, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/* What this machine says of itself, for the sentence below. */
struct forbidders {
	char disabled; /* sysctl kernel.io_uring_disabled: '0', '1', '2' */
	bool filtered; /* a seccomp filter is on us */
};

static struct forbidders who_forbids(void)
{
	struct forbidders who = { .disabled = '0' };
	char line[256], seccomp = '0';
	FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	if (f) {
		who.disabled = (char)fgetc(f);
		fclose(f);
	}
	f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Seccomp: %c", &seccomp);
	if (f)
		fclose(f);
	who.filtered = seccomp == '2';
	return who;
}

/* By errno first: in a container a filter is always there, and yet a shortage is a shortage. */
static const char *refusal_cause(int error, struct forbidders who)
{
	switch (error) {
	case -ENOMEM:
		return "not enough memory, or not enough of it may be locked; try a higher ulimit -l or fewer --slots";
	case -EMFILE:
		return "this process has no descriptor left; try a higher ulimit -n";
	case -ENFILE:
		return "this host has no descriptor left; try a higher sysctl fs.file-max";
	case -ENOSYS:
		return who.filtered ? "this kernel has no io_uring or one older than 5.11, or the seccomp filter on this process "
				      "says so, as gVisor and some container runtimes do"
				    : "this kernel has no io_uring, or one older than 5.11";
	case -EPERM:
	case -EACCES:
		return who.disabled == '1' ? "sysctl kernel.io_uring_disabled=1 keeps it for a group"
		       : who.disabled == '2' ? "sysctl kernel.io_uring_disabled=2 forbids it"
		       : who.filtered	     ? "a seccomp filter forbids it, as container runtimes do by default"
					     : "the kernel or a security module forbids it";
	default:
		return "the kernel refuses it";
	}
}

static void explain_refusal(int error, const char *step, char *why, size_t why_len)
{
	snprintf(why, why_len, "%s: %s (%s)", step, strerror(-error), refusal_cause(error, who_forbids()));
}

static bool allocate(struct connector_uring *u)
{
	u->args = calloc(SQ_ENTRIES, sizeof(*u->args));
	u->slots = calloc(u->c.slots, sizeof(*u->slots));
	u->refused = calloc(u->c.slots, sizeof(*u->refused));
	u->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return u->args && u->slots && u->refused && u->wake_fd >= 0;
}

struct connector *connector_uring_open(uint32_t slots, connector_done *done, void *arg, char *why, size_t why_len)
{
	const char *step = "io_uring_setup";
	struct connector_uring *u = calloc(1, sizeof(*u));
	if (!u) {
		explain_refusal(-ENOMEM, "malloc", why, why_len);
		return NULL;
	}
	u->c = (struct connector){ .ops = &uring_ops, .done = done, .arg = arg, .slots = slots };
	int error = allocate(u) ? ring_open(u) : -errno;
	if (error == 0) {
		step = "io_uring_register";
		error = ring_restrict(u);
	}
	if (error == 0) { /* a filter may let a ring be made and not be used */
		step = "io_uring_enter";
		error = io_uring_get_events(&u->ring);
	}
	if (error) {
		explain_refusal(error, step, why, why_len);
		uring_close(&u->c);
		return NULL;
	}
	return &u->c;
}
