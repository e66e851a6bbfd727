/* log.c - writes one event as one line on stderr.
 * In: level, constant text, fields, perhaps an errno.  Out: one write(2) of at most LINE_MAX_BYTES.
 * Owns: the line, on the stack; the only state is the setting made by log_setup().
 * Why so: no lock and no stdio.  A write of up to PIPE_BUF bytes to a pipe is never mixed with another's (pipe(7)), and
 * journald, a file opened for append and a terminal keep lines apart as well.  Nothing is allocated, so "no memory" can
 * still be logged.  A line that would be longer is cut inside a value and says so: cut=true. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 4096, /* PIPE_BUF on Linux */
	LINE_END_BYTES = 32,   /* kept free for the closing quote, the mark of a cut, the brace and the newline */
	TIME_BYTES = 40,
};

struct line {
	enum log_format format;
	bool cut; /* something did not fit; nothing more is added */
	size_t len;
	char data[LINE_MAX_BYTES];
};

static struct {
	enum log_format format;
	enum log_level most;
} setting = { LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO };

void log_setup(enum log_format format, enum log_level most)
{
	setting.format = format;
	setting.most = most;
}

/* Adds all of it or nothing. */
static void put(struct line *line, const char *bytes, size_t len)
{
	if (line->cut || line->len + len > sizeof line->data - LINE_END_BYTES) {
		line->cut = true;
		return;
	}
	memcpy(line->data + line->len, bytes, len);
	line->len += len;
}

/* Adds what closes something that is open, cut or not: the kept bytes are for this. */
static void put_end(struct line *line, const char *s)
{
	const size_t len = strlen(s);
	memcpy(line->data + line->len, s, len);
	line->len += len;
}

/* Starts a field: the space or comma, the key and what stands before the value.  False: no room, nothing was added. */
static bool put_key(struct line *line, const char *key, bool quoted)
{
	const bool json = line->format == LOG_FORMAT_JSON;
	char start[LINE_MAX_BYTES];
	const int len = snprintf(start, sizeof start, "%s%s%s%s", json ? (line->len ? ",\"" : "{\"") : line->len ? " " : "", key,
				 json ? "\":" : "=", quoted ? "\"" : "");
	put(line, start, (size_t)len);
	return !line->cut;
}

/* logfmt needs quotes where a reader would otherwise end the value too early or see none. */
static bool needs_quotes(const char *s)
{
	if (!*s)
		return true;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == '=' || *s == '"' || *s == '\\' || (unsigned char)*s >= 0x7f)
			return true;
	return false;
}

static void put_text(struct line *line, const char *key, const char *s)
{
	const bool quoted = line->format == LOG_FORMAT_JSON || needs_quotes(s);
	if (!put_key(line, key, quoted))
		return;
	for (size_t len = strlen(s); len && !line->cut;) {
		char out[TEXT_ESCAPE_MAX];
		size_t out_len;
		const size_t took = text_escape(s, len, out, &out_len);
		put(line, out, out_len);
		s += took;
		len -= took;
	}
	if (quoted)
		put_end(line, "\"");
}

static void put_number(struct line *line, const char *key, int64_t number)
{
	char digits[24];
	const size_t before = line->len;
	const int len = snprintf(digits, sizeof digits, "%" PRId64, number);
	if (put_key(line, key, false))
		put(line, digits, (size_t)len);
	if (line->cut)
		line->len = before; /* half a number would be another number */
}

static void put_time(struct line *line)
{
	const uint64_t now_ms = clock_wall_ms();
	const time_t now_s = (time_t)(now_ms / MS_PER_S);
	char stamp[TIME_BYTES];
	struct tm utc;
	gmtime_r(&now_s, &utc);
	const size_t len = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(stamp + len, sizeof stamp - len, ".%03uZ", (unsigned)(now_ms % MS_PER_S));
	put_text(line, "ts", stamp);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return "error";
	case LOG_LEVEL_WARN: return "warn";
	case LOG_LEVEL_INFO: return "info";
	case LOG_LEVEL_DEBUG: return "debug";
	}
	return "unknown";
}

static void end_line(struct line *line)
{
	const bool json = line->format == LOG_FORMAT_JSON;
	if (line->cut)
		put_end(line, json ? ",\"cut\":true" : " cut=true");
	put_end(line, json ? "}\n" : "\n");
}

void log_write(enum log_level level, int error, const char *msg, const struct log_field *fields)
{
	const int kept = errno;
	if (level > setting.most)
		return;
	struct line line = { .format = setting.format };
	put_time(&line);
	put_text(&line, "level", level_name(level));
	put_text(&line, "msg", msg);
	for (const struct log_field *f = fields; f->key; f++)
		if (f->text)
			put_text(&line, f->key, f->text);
		else
			put_number(&line, f->key, f->number);
	if (error) {
		char spare[128];
		put_text(&line, "err", strerror_r(error, spare, sizeof spare)); /* GNU's: returns the text */
	}
	end_line(&line);
	/* A log that cannot be written cannot be complained about either. */
	if (write(STDERR_FILENO, line.data, line.len) < 0) {
	}
	errno = kept;
}

bool log_allowed(struct log_limit *limit, unsigned per_s, unsigned *missed)
{
	const uint64_t second = clock_ns() / NS_PER_S;
	if (second != limit->second) {
		limit->second = second;
		limit->used = 0;
	}
	*missed = 0;
	if (limit->used >= (per_s ? per_s : 1)) {
		limit->missed++;
		return false;
	}
	limit->used++;
	*missed = limit->missed;
	limit->missed = 0;
	return true;
}
