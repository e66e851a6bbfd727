/* log.h - one line an event, on stderr: logfmt (default) or JSON, the same keys in both.
 * A message is a short constant text; what varies stands in fields, so that a machine can read the line too:
 *
 *	log_info("ready", LOG_S("connector", name), LOG_U("lanes", lanes));
 *	ts=2026-11-22T22:31:07.123Z level=info msg=ready connector=io_uring lanes=2
 *
 * log_warn() and log_error() add the errno of the moment (err="..."), log_warnx() and log_errorx() do not.
 * Safe from every thread (one write(2) a line); keeps errno.  Who can be called often limits itself with a
 * struct log_limit. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_field {
	const char *key; /* NULL ends the list */
	const char *text; /* NULL: the number counts */
	int64_t number;
};
static inline const char *log_text(const char *s)
{
	return s ? s : "";
}
#define LOG_S(k, v) { .key = (k), .text = log_text(v) }
/* What log_allowed() swallowed; only said if there was something, so it must stand last. */
#define LOG_UNSAID(n) { .key = (n) ? "unsaid" : NULL, .number = (int64_t)(n) }
#define LOG_U(k, v) { .key = (k), .number = (int64_t)(v) }

/* Call before any thread starts; before that, logfmt and info hold. */
void log_setup(enum log_format format, enum log_level most);

/* error: an errno value to add as err="...", or 0.  fields ends with a NULL key. */
void log_write(enum log_level level, int error, const char *msg, const struct log_field *fields);

#define LOG_FIELDS(...) (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(,) { 0 } }
#define log_debug(msg, ...) log_write(LOG_LEVEL_DEBUG, 0, msg, LOG_FIELDS(__VA_ARGS__))
#define log_info(msg, ...) log_write(LOG_LEVEL_INFO, 0, msg, LOG_FIELDS(__VA_ARGS__))
#define log_warn(msg, ...) log_write(LOG_LEVEL_WARN, errno, msg, LOG_FIELDS(__VA_ARGS__))
#define log_warnx(msg, ...) log_write(LOG_LEVEL_WARN, 0, msg, LOG_FIELDS(__VA_ARGS__))
#define log_error(msg, ...) log_write(LOG_LEVEL_ERROR, errno, msg, LOG_FIELDS(__VA_ARGS__))
#define log_errorx(msg, ...) log_write(LOG_LEVEL_ERROR, 0, msg, LOG_FIELDS(__VA_ARGS__))

/* At most per_s lines a second (0 counts as 1); zeroed is ready for use; one thread's own.  True: write it, and
 * *missed says how many were swallowed since the last one that was written. */
struct log_limit {
	uint64_t second;
	unsigned used, missed;
};
bool log_allowed(struct log_limit *limit, unsigned per_s, unsigned *missed);

#endif
