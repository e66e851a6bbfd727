/* redis_link.c - keeps one connection to Redis: makes it, speaks over it, gives it up, makes it again.
 * In: commands.  Out: their replies in order, or NULL once and for all of that connection.
 * Owns: the hiredis context and its socket, the back-off, the log lines about both.
 *
 *	DOWN --redis_link_up(), after the back-off--> connect, TLS, greet --PING answered--> UP
 *	  ^                                                 | refused, late, unreadable       | the same, or
 *	  +-------------------------------------------------+--------------------------------+ redis_link_drop()
 *
 * Why so: what is said to whom lives in redis_talk.c; here is only whether it can be said at all, and when to try
 * again.  A link that was made but never answered a command has not proved anything, so its back-off goes on. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_private.h"

#include "base/clock.h"
#include "wire/redis_socket.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FORBIDDEN_WAIT_MS 30000 /* a person has to mend it; asking more often only fills the server's log */
#define QUIET_NS (30 * NS_PER_S) /* a restart with loading is nobody's business for so long */
#define LOG_LINES_PER_S 2

/* A peer that is gone must come back as an error of write(2), not as the end of the process: hiredis and OpenSSL
 * write without MSG_NOSIGNAL.  A handler that the program set for itself is left alone. */
static void ignore_sigpipe(void)
{
	struct sigaction old;
	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

int redis_link_possible(const struct redis_url *url, char *why, size_t why_len)
{
	return url->tls ? redis_tls_possible(why, why_len) : 0;
}

struct redis_link *redis_link_new(const struct redis_url *url, const char *name, unsigned reply_ms)
{
	struct redis_link *link = calloc(1, sizeof(*link));
	if (!link)
		return NULL;
	ignore_sigpipe();
	link->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (link->wake_fd < 0) {
		free(link);
		return NULL;
	}
	link->url = *url;
	redis_url_show(url, link->shown, sizeof(link->shown));
	snprintf(link->name, sizeof(link->name), "%s", name);
	link->reply_ms = reply_ms;
	link->backoff.seed = (uint32_t)(clock_ns() ^ (uint64_t)getpid() << 16 ^ (uint64_t)link->wake_fd);
	return link;
}

static void close_context(struct redis_link *link)
{
	if (link->context)
		redisFree(link->context);
	link->context = NULL;
	link->tls = NULL;
	link->unsent = false;
	link->in_flight = 0;
}

void redis_link_free(struct redis_link *link)
{
	if (!link)
		return;
	close_context(link);
	close(link->wake_fd);
	text_free(&link->words.bytes);
	explicit_bzero(&link->url, sizeof(link->url));
	free(link);
}

bool redis_link_is_up(const struct redis_link *link)
{
	return link->context != NULL;
}

const char *redis_link_error(const struct redis_link *link)
{
	return link->error;
}

enum redis_trouble redis_link_trouble(const struct redis_link *link)
{
	return link->trouble;
}

uint64_t redis_link_connects(const struct redis_link *link)
{
	return link->connects;
}

/* What the operator reads: one line when the link goes, and while it stays away another only for a reason that is new
 * and either needs a person or has lasted. */
static void say_down(struct redis_link *link)
{
	uint64_t now = clock_ns();
	bool first = link->quiet_until_ns == 0;
	bool worth_it = first ? link->trouble != TROUBLE_STARTING :
				link->trouble == TROUBLE_FORBIDDEN || now >= link->quiet_until_ns;
	unsigned missed;
	if (first)
		link->quiet_until_ns = now + QUIET_NS;
	link->say_down_from_ns = 0;
	if (!worth_it || (!link->said_up && strcmp(link->said, link->error) == 0))
		return;
	if (!log_allowed(&link->limit, LOG_LINES_PER_S, &missed)) {
		if (first)
			link->quiet_until_ns = 0; /* the next failure counts as the first, then */
		link->say_down_from_ns = now + NS_PER_S;
		return;
	}
	log_warnx(link->said_up ? "redis lost" : "redis not usable", LOG_S("url", link->shown), LOG_S("link", link->name),
		  LOG_S("why", link->error), LOG_S("then", redis_trouble_row(link->trouble)->reaction),
		  LOG_UNSAID(missed));
	snprintf(link->said, sizeof(link->said), "%s", link->error);
	link->said_up = false;
}

/* One line when the link is there, unless the last one said so already (a loss that was mended in silence).  It may be
 * late, when too many lines came before it, but it is never left out: redis_link_up() asks again. */
static void say_up(struct redis_link *link)
{
	uint64_t now = clock_ns();
	unsigned missed;
	if (now < link->say_up_from_ns)
		return;
	if (!log_allowed(&link->limit, LOG_LINES_PER_S, &missed)) {
		link->say_up_from_ns = now + NS_PER_S;
		return;
	}
	log_info("redis connected", LOG_S("url", link->shown), LOG_S("link", link->name),
		 LOG_U("connects", link->connects), LOG_UNSAID(missed));
	link->said_up = true;
}

void redis_link_note(struct redis_link *link, enum redis_trouble trouble, const char *text)
{
	if (text != link->error)
		snprintf(link->error, sizeof(link->error), "%s", text);
	link->trouble = trouble;
}

void redis_link_failed(struct redis_link *link, enum redis_trouble trouble, const char *why)
{
	unsigned wait_ms;
	redis_link_note(link, trouble, why);
	close_context(link);
	if (link->proven)
		backoff_reset(&link->backoff);
	link->proven = false;
	wait_ms = trouble == TROUBLE_FORBIDDEN ? FORBIDDEN_WAIT_MS : backoff_next_ms(&link->backoff);
	link->next_try_ns = clock_ns() + wait_ms * NS_PER_MS;
	say_down(link);
}

void redis_link_woken(struct redis_link *link)
{
	uint64_t ignored;
	while (read(link->wake_fd, &ignored, sizeof(ignored)) > 0)
		;
	redis_link_note(link, TROUBLE_LINK, "interrupted");
	close_context(link);
	link->next_try_ns = 0;
	log_debug("redis wait interrupted", LOG_S("link", link->name));
}

void redis_link_drop(struct redis_link *link, const char *because)
{
	if (link->context)
		redis_link_failed(link, redis_trouble_of(because), because);
}

void redis_link_interrupt(struct redis_link *link)
{
	uint64_t one = 1;
	while (write(link->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* A socket and hiredis's context around it. */
static int open_context(struct redis_link *link, uint64_t deadline_ns, char *why, size_t why_len)
{
	int fd = redis_link_possible(&link->url, why, why_len);
	if (fd == 0)
		fd = redis_socket_connect(&link->url, link->wake_fd, deadline_ns, why, why_len);
	if (fd < 0)
		return fd;
	link->context = redisConnectFd(fd);
	if (!link->context || link->context->err) {
		if (!link->context)
			close(fd);
		snprintf(why, why_len, "no memory for a connection");
		return -ENOMEM;
	}
	link->context->flags &= ~REDIS_BLOCK;
	reply_guard_install(&link->guard, link->context->reader);
	if (!link->url.tls)
		return 0;
	return redis_tls_start(link->context, link->url.host, link->wake_fd, deadline_ns, &link->tls, why, why_len);
}

enum greeting { GREET_AUTH, GREET_SELECT, GREET_NAME, GREET_PING };

/* Says who we are; returns how many commands that took, with their kinds in order. */
static unsigned greet(struct redis_link *link, enum greeting kinds[4])
{
	const struct redis_url *url = &link->url;
	unsigned count = 0;
	if (url->user[0])
		redis_appendf(link, "AUTH %s %s", url->user, url->password);
	else if (url->password[0])
		redis_appendf(link, "AUTH %s", url->password);
	if (link->in_flight)
		kinds[count++] = GREET_AUTH;
	if (url->db) {
		redis_appendf(link, "SELECT %u", url->db);
		kinds[count++] = GREET_SELECT;
	}
	redis_appendf(link, "CLIENT SETNAME %s", link->name);
	kinds[count++] = GREET_NAME;
	redis_appendf(link, "PING");
	kinds[count++] = GREET_PING;
	return count;
}

/* Whether the answer to a step of the greeting means that the link is of no use.  A user may be allowed its streams but
 * neither PING nor CLIENT, and a server that cannot save refuses PING like a write; a server that takes no more clients
 * says so in answer to whatever comes first. */
static bool greeting_failed(enum greeting kind, const struct redis_reply *reply)
{
	enum redis_trouble trouble = reply_trouble(reply);
	if (kind == GREET_AUTH || kind == GREET_SELECT)
		return trouble != TROUBLE_NONE;
	switch (trouble) {
	case TROUBLE_STARTING:
	case TROUBLE_NOT_MASTER:
		return true;
	case TROUBLE_FORBIDDEN:
		return strncmp(reply_text(reply, NULL), "NOPERM ", 7) != 0;
	case TROUBLE_HOLD:
		return kind == GREET_NAME;
	default:
		return false;
	}
}

/* False: the link is down again, and that was dealt with. */
static bool greeted(struct redis_link *link, uint64_t deadline_ns)
{
	enum greeting kinds[4];
	unsigned count = greet(link, kinds);
	for (unsigned i = 0; i < count; i++) {
		struct redis_reply *reply = redis_talk_until(link, deadline_ns, link->reply_ms);
		if (!reply)
			return false;
		if (greeting_failed(kinds[i], reply))
			redis_link_failed(link, reply_trouble(reply), reply_text(reply, NULL));
		redis_reply_free(reply);
		if (!link->context)
			return false;
	}
	return true;
}

/* From nothing to a connected context within the deadline; false as above. */
static bool connected(struct redis_link *link, uint64_t deadline_ns)
{
	char why[200] = "";
	int bad = open_context(link, deadline_ns, why, sizeof(why));
	bool ours_to_mend = bad == -EACCES || bad == -ENOTSUP;
	if (bad == -ECANCELED)
		redis_link_woken(link);
	else if (bad)
		redis_link_failed(link, ours_to_mend ? TROUBLE_FORBIDDEN : TROUBLE_LINK, why);
	return !bad;
}

static bool come_up(struct redis_link *link)
{
	uint64_t deadline_ns = clock_ns() + link->reply_ms * NS_PER_MS;
	if (!connected(link, deadline_ns) || !greeted(link, deadline_ns))
		return false;
	link->connects++;
	link->quiet_until_ns = 0;
	link->say_down_from_ns = 0;
	link->said[0] = 0;
	redis_link_note(link, TROUBLE_NONE, "");
	return true;
}

static unsigned wait_left_ms(const struct redis_link *link)
{
	uint64_t now = clock_ns();
	return now < link->next_try_ns ? (unsigned)((link->next_try_ns - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

int redis_link_up(struct redis_link *link, unsigned *wait_ms)
{
	*wait_ms = 0;
	/* A reason that came after too many lines is not left out: the next failure may be 30 s away. */
	if (!link->context && link->say_down_from_ns && clock_ns() >= link->say_down_from_ns)
		say_down(link);
	if (!link->context && (clock_ns() < link->next_try_ns || !come_up(link))) {
		*wait_ms = wait_left_ms(link);
		return -EAGAIN;
	}
	if (!link->said_up)
		say_up(link);
	return 0;
}
