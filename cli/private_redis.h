/* private_redis.h - the redis-server that portwatch up keeps for itself, in a folder that only its user may enter. */
#ifndef CLI_PRIVATE_REDIS_H
#define CLI_PRIVATE_REDIS_H

#include "base/text.h"
#include "cli/children.h"
#include "wire/redis_url.h"

#include <limits.h>

struct private_redis {
	char folder[PATH_MAX];
	struct redis_url url; /* of its socket */
	int lock;	      /* descriptor of the lock file, held while it is ours; -1: not taken */
};

/* Which folder: what was said, or $XDG_STATE_HOME/portwatch, or ~/.local/state/portwatch.  False: why holds a
 * sentence. */
bool private_redis_find(struct private_redis *r, const char *said, char *why, size_t why_len);
/* Whether somebody (portwatch up) has a Redis there now. */
bool private_redis_is_there(const struct private_redis *r);
/* Makes the folder (mode 700) and takes it for this process.  False: why, e.g. that another portwatch up has it. */
bool private_redis_take(struct private_redis *r, char *why, size_t why_len);
/* The idle child that would serve it; NULL: no memory. */
struct child *private_redis_child(struct private_redis *r, struct children *all);
/* After the child is gone: removes the socket, gives the folder back; what was stored stays. */
void private_redis_leave(struct private_redis *r);

/* The server's configuration, as redis.conf has it. */
void private_redis_config(struct text *to, const struct private_redis *r);

#endif
