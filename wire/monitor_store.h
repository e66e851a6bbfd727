/* monitor_store.h - monitors and settings in Redis: read all of them, follow what changes, write changes.
 * The keys are those of settings.h: pw:monitors (hash), pw:settings (string), pw:monitors:log (stream).
 *
 * Functions that return int give 0 (or a count) or a negative errno: -EIO the link broke, -EREMOTEIO an error reply
 * (redis_link_trouble() says which), -EBADMSG an answer of another shape.  why then holds a sentence. */
#ifndef WIRE_MONITOR_STORE_H
#define WIRE_MONITOR_STORE_H

#include "wire/redis_link.h"
#include "wire/settings.h"
#include "wire/stream_reader.h"

#define MONITOR_LOG_MAX 100000	/* about as many changes are kept in the log; who is further behind loads everything */
#define MONITOR_CHUNK 500	/* monitors a command or a transaction carries: at most 8 MB, some ms of Redis' time */
#define STORE_WHY_MAX 600

/* Who wants to know the monitors.  What is handed over is borrowed, but a callee may take what a monitor or settings
 * point to and leave it empty (monitor_init(), settings_init()). */
struct monitor_sink {
	/* Everything is told anew: settings, then each monitor at least once, in no order.  end() comes only if all
	 * were told; what was not told between the last begin() and end() is gone.  begin() may come again without an
	 * end(). */
	void (*begin)(void *arg);
	void (*end)(void *arg);
	/* Nobody wrote settings yet: no region, one shard. */
	void (*settings)(void *arg, struct settings *s);
	void (*set)(void *arg, struct monitor *m);
	void (*del)(void *arg, const char *name, size_t len);
	/* It is there but cannot be read; name NULL: the settings.  The name may hold any bytes.  What was known under
	 * that name before still stands in nobody's store: whoever goes on with it should say so. */
	void (*broken)(void *arg, const char *name, size_t len, const char *why);
	void *arg;
};

/* ---- following ---- */

struct monitor_follow {
	const struct monitor_sink *sink;
	char prefix[PREFIX_MAX_LEN + 1];
	bool loaded;		   /* false: the next poll loads everything */
	uint64_t last_ms,
		last_seq; /* id of the newest entry of the log that is in force here; 0-0: the log was empty */
	uint64_t loads, changes;   /* for metrics */
	char why[STORE_WHY_MAX];
};

/* sink is kept, not copied. */
void monitor_follow_init(struct monitor_follow *f, const char *prefix, const struct monitor_sink *sink);
/* The first time, and whenever the log has a hole (trimmed past us, deleted, another Redis): loads everything.
 * Otherwise waits up to block_ms (0: not at all) for changes and tells them.  Returns how many entries of the log were
 * told, 0 also after a load; negative as above, with f->why, and the next call goes on where this one stood.  link must
 * be up. */
int monitor_follow_poll(struct monitor_follow *f, struct redis_link *link, unsigned block_ms);

/* ---- reading ---- */

/* begin, settings, every monitor, end. */
int monitor_store_load(struct redis_link *link, const char *prefix, const struct monitor_sink *sink, char *why,
		       size_t why_len);
/* The settings alone; without any, 0 and as settings_init() makes them.  -EINVAL: they are broken. */
int monitor_store_settings(struct redis_link *link, const char *prefix, struct settings *s, char *why, size_t why_len);

/* A monitor as the bytes that stand there; json NULL: there is none of that name. */
typedef void monitor_bytes_take(void *arg, const char *name, size_t name_len, const char *json, size_t json_len);
/* All of them; one that is written meanwhile may come twice. */
int monitor_store_each(struct redis_link *link, const char *prefix, monitor_bytes_take *take, void *arg, char *why,
		       size_t why_len);
/* Those named, in that order. */
int monitor_store_some(struct redis_link *link, const char *prefix, const char *const *names, const size_t *lens,
		       size_t count, monitor_bytes_take *take, void *arg, char *why, size_t why_len);

/* ---- writing ---- */

struct monitor_change {
	const char *name;
	size_t name_len;
	const char *json; /* what shall stand there; NULL: nothing, it is removed */
	const char *was;  /* what stands there now; NULL: nothing */
	size_t was_len;
};

/* Writes settings (JSON; NULL: they stay) with the first chunk, then the changes, each chunk in one transaction with
 * its entries of the log, so that a reader sees a monitor as it was or as it shall be.  -EAGAIN: somebody else changed
 * one of them since it was read; what was written until then stays (*written says how many changes), read again and
 * decide again. */
int monitor_store_write(struct redis_link *link, const char *prefix, const char *settings,
			const struct monitor_change *change, size_t count, size_t *written, char *why, size_t why_len);

#endif
