/* private_redis.c - a redis-server on a unix socket, its data in a state folder.
 * In: a folder.  Out: a URL, and a child to be started.
 * Owns: the folder while `lock` is held.
 * Why so: without a TCP port nobody else on the machine can reach it and no port can be taken; the append-only file,
 * synced every second, is what lets state and queues survive a restart; the configuration comes on standard input,
 * so that no file has to be written, found and kept in step. */
#include "cli/private_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool set_folder(struct private_redis *r, const char *said)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int len;
	if (said && *said)
		len = snprintf(r->folder, sizeof r->folder, "%s", said);
	else if (state && *state == '/') /* the specification: a relative one is to be ignored */
		len = snprintf(r->folder, sizeof r->folder, "%s/portwatch", state);
	else
		len = snprintf(r->folder, sizeof r->folder, "%s/.local/state/portwatch",
			       home && *home ? home : "/root");
	return len > 0 && (size_t)len < sizeof r->folder;
}

/* Redis changes into its folder, so what it is told must begin at the root. */
static bool make_absolute(struct private_redis *r)
{
	char here[PATH_MAX], whole[PATH_MAX];
	if (*r->folder == '/')
		return true;
	if (!getcwd(here, sizeof here))
		return false;
	const int len = snprintf(whole, sizeof whole, "%s/%s", here, r->folder);
	memcpy(r->folder, whole, sizeof whole);
	return len > 0 && (size_t)len < sizeof whole;
}

bool private_redis_find(struct private_redis *r, const char *said, char *why, size_t why_len)
{
	*r = (struct private_redis){ .lock = -1 };
	const bool fine = set_folder(r, said) && make_absolute(r);
	const int len =
		fine ? snprintf(r->url.path, sizeof r->url.path, "%.*s/redis.sock", (int)sizeof r->url.path, r->folder)
		     : -1;
	if (len > 0 && (size_t)len < sizeof r->url.path && (size_t)len < sizeof((struct sockaddr_un *)0)->sun_path)
		return true;
	snprintf(why, why_len,
		 "--state: %.200s: the path of a socket in it would be longer than the system's %zu bytes", r->folder,
		 sizeof((struct sockaddr_un *)0)->sun_path - 1);
	return false;
}

bool private_redis_is_there(const struct private_redis *r)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", r->url.path);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool there = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	if (fd >= 0)
		close(fd);
	return there;
}

/* mkdir -p; the last one is for us alone. */
static bool make_folders(const char *folder)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s", folder);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0777) < 0 && errno != EEXIST)
			return false;
		*slash = '/';
	}
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

bool private_redis_take(struct private_redis *r, char *why, size_t why_len)
{
	char path[PATH_MAX + 8];
	snprintf(path, sizeof path, "%s/lock", r->folder);
	if (!make_folders(r->folder) || (r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0) {
		snprintf(why, why_len, "cannot use the state folder %s: %s; name another with --state", r->folder,
			 strerror(errno));
		return false;
	}
	if (flock(r->lock, LOCK_EX | LOCK_NB) < 0) {
		snprintf(why, why_len, "another portwatch up uses the state folder %s; name another with --state",
			 r->folder);
		close(r->lock);
		r->lock = -1;
		return false;
	}
	/* One that was killed with its parent may still be writing its files. */
	for (int i = 0; i < 100 && private_redis_is_there(r); i++)
		usleep(50000);
	if (!private_redis_is_there(r))
		return true;
	snprintf(why, why_len, "a redis-server that nobody minds answers at %s; end it: redis-cli -s %s SHUTDOWN",
		 r->url.path, r->url.path);
	private_redis_leave(r);
	return false;
}

/* In quotes, as redis.conf wants what may have a blank in it. */
static void add_quoted(struct text *to, const char *name, const char *value)
{
	text_printf(to, "%s \"", name);
	for (; *value; value++)
		text_printf(to, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	text_add(to, "\"\n");
}

void private_redis_config(struct text *to, const struct private_redis *r)
{
	text_add(to, "port 0\nunixsocketperm 700\nsave \"\"\nappendonly yes\nappendfsync everysec\n"
		     "maxmemory-policy noeviction\ndaemonize no\nlogfile \"\"\n");
	add_quoted(to, "unixsocket", r->url.path);
	add_quoted(to, "dir", r->folder);
}

struct child *private_redis_child(struct private_redis *r, struct children *all)
{
	struct text config = { 0 };
	struct child *c = children_add(all, "redis", "redis-server");
	private_redis_config(&config, r);
	if (c)
		c->input = config.failed ? NULL : strdup(config.data);
	text_free(&config);
	return c && c->input && child_arg(c, "-") ? c : NULL;
}

void private_redis_leave(struct private_redis *r)
{
	if (r->lock < 0)
		return;
	if (!private_redis_is_there(r))
		unlink(r->url.path);
	close(r->lock);
	r->lock = -1;
}
