/* policy_file.c - reads the lines of an address policy.
 * In: the bytes of a file.  Out: its rules, or one sentence with FILE:LINE:COLUMN, the line and a caret.
 * Owns: nothing after it returns.  Why so: a policy with a line that was not understood is no policy, so the first
 * fault refuses the whole file, and the engine does not start. */
#include "engine/address_policy_self.h"

#include "base/must.h"
#include "wire/target.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 4	 /* one more than a line may have */
#define LINE_SHOWN_MAX 72

struct word {
	const char *at;
	size_t len;
};

struct line_reader {
	struct address_policy *policy;
	const char *path, *text, *end; /* of the line */
	unsigned number, allowing;     /* allowing: lines so far that allow something */
	bool complete;		       /* `use` was the last line */
	char *why;
	size_t why_len;
};

/* The sentence, then the line as far as it can be shown, with a caret below. */
static bool fault(struct line_reader *r, const char *at, const char *format, ...)
{
	char sentence[320], shown[LINE_SHOWN_MAX + 1];
	const size_t column = (size_t)(at - r->text), len = (size_t)(r->end - r->text);
	size_t n = 0;
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	for (; n < len && n < LINE_SHOWN_MAX; n++)
		shown[n] = r->text[n] >= ' ' && r->text[n] < 0x7f ? r->text[n] : r->text[n] == '\t' ? ' ' : '?';
	shown[n] = 0;
	n = (size_t)snprintf(r->why, r->why_len, "%.128s:%u:%zu: %s", r->path, r->number, column + 1, sentence);
	if (column <= LINE_SHOWN_MAX && n < r->why_len)
		snprintf(r->why + n, r->why_len - n, "\n    %s\n    %*s^", shown, (int)column, "");
	return false;
}

static bool is(const struct word *w, const char *text)
{
	return w->len == strlen(text) && memcmp(w->at, text, w->len) == 0;
}

/* The words of a line up to its comment; more than WORDS_MAX are not looked at. */
static unsigned split(const struct line_reader *r, struct word words[WORDS_MAX])
{
	unsigned count = 0;
	const char *at = r->text;
	while (count < WORDS_MAX) {
		while (at < r->end && (*at == ' ' || *at == '\t' || *at == '\r'))
			at++;
		if (at == r->end || *at == '#')
			break;
		words[count].at = at;
		while (at < r->end && *at != ' ' && *at != '\t' && *at != '\r' && *at != '#')
			at++;
		words[count].len = (size_t)(at - words[count].at);
		count++;
	}
	return count;
}

/* A number from 1 to 65535 at *at, which moves behind it; 0: there is none. */
static unsigned port_number(const char **at, const char *end)
{
	unsigned number = 0;
	const char *first = *at;
	for (; *at < end && **at >= '0' && **at <= '9' && number <= UINT16_MAX; ++*at)
		number = number * 10 + (unsigned)(**at - '0');
	return *at > first && *first != '0' && number <= UINT16_MAX ? number : 0;
}

/* What is said when a line denies: its place and its words as they stand there. */
static void say_line(const struct line_reader *r, const struct word *first, const struct word *last, char said[448],
		     char carried[448])
{
	const int len = (int)(last->at + last->len - first->at);
	snprintf(said, 448, "address policy %.200s:%u: %.*s; nothing was sent", r->path, r->number, len < 120 ? len : 120,
		 first->at);
	snprintf(carried, 448, "address policy %.200s:%u: it carries an IPv4 address, and %.*s; nothing was sent", r->path,
		 r->number, len < 120 ? len : 120, first->at);
}

static bool add(struct line_reader *r, const struct policy_net *net, unsigned port_first, unsigned port_last,
		const struct word *words, unsigned count)
{
	char said[448], carried[448];
	const bool allow = is(&words[0], "allow");
	say_line(r, &words[0], &words[count - 1], said, carried);
	if (policy_add(r->policy, net, (uint16_t)port_first, (uint16_t)port_last, allow, allow ? NULL : said,
		       allow ? NULL : carried))
		return true;
	return fault(r, words[0].at, "more than %d rules", POLICY_RULES_MAX);
}

/* "22", "22,5432", "8000-8100,9000": a rule each. */
static bool add_ports(struct line_reader *r, const struct policy_net *net, const struct word *words, unsigned count)
{
	static const char form[] = "ports are numbers of 1 to 65535, as in 22,5432,8000-8100";
	const char *at = words[2].at, *end = at + words[2].len;
	for (;;) {
		const char *from = at;
		unsigned first = port_number(&at, end), last = first;
		if (!first)
			return fault(r, from, form);
		if (at < end && *at == '-') {
			from = ++at;
			last = port_number(&at, end);
			if (!last)
				return fault(r, from, form);
			if (last < first)
				return fault(r, from, "the last port, %u, is less than the first, %u", last, first);
		}
		if (!add(r, net, first, last, words, count))
			return false;
		if (at == end)
			return true;
		if (*at != ',')
			return fault(r, at, form);
		at++;
	}
}

static bool read_rule(struct line_reader *r, const struct word *words, unsigned count)
{
	struct policy_net net = { .v4 = true, .v6 = true };
	char why[200];
	if (count < 2)
		return fault(r, words[0].at + words[0].len, "behind %.*s belongs an address, as in %.*s 10.0.0.0/8",
			     (int)words[0].len, words[0].at, (int)words[0].len, words[0].at);
	if (!is(&words[1], "any") && !policy_net_parse(words[1].at, words[1].len, &net, why, sizeof(why)))
		return fault(r, words[1].at, "%s", why);
	if (count > 3)
		return fault(r, words[3].at, "a line ends behind its ports, which have no blanks between them");
	r->allowing += is(&words[0], "allow");
	return count == 3 ? add_ports(r, &net, words, count) : add(r, &net, 1, UINT16_MAX, words, count);
}

static bool read_use(struct line_reader *r, const struct word *words, unsigned count)
{
	char name[16] = "";
	const char *at = count > 1 ? words[1].at : words[0].at + words[0].len;
	if (count == 2 && words[1].len < sizeof(name))
		memcpy(name, words[1].at, words[1].len);
	if (!policy_add_named(r->policy, name))
		return fault(r, at, "behind use belongs public, private or any, and nothing else");
	r->complete = true;
	return true;
}

static bool read_line(struct line_reader *r)
{
	struct word words[WORDS_MAX];
	char shown[QUOTED_MAX];
	const unsigned count = split(r, words);
	if (!count)
		return true;
	if (r->complete)
		return fault(r, words[0].at, "nothing can stand behind a line `use ...`: it decides all that is left");
	if (is(&words[0], "use"))
		return read_use(r, words, count);
	if (is(&words[0], "allow") || is(&words[0], "deny"))
		return read_rule(r, words, count);
	return fault(r, words[0].at, "%s is neither allow, deny nor use", quoted(shown, words[0].at, words[0].len));
}

struct address_policy *policy_parse(const char *text, size_t len, const char *path, char *why, size_t why_len)
{
	struct line_reader r = { .path = path, .why = why, .why_len = why_len, .policy = policy_empty(path) };
	const char *end = text + len;
	bool fine = true;
	for (r.text = text; fine && r.text < end; r.text = r.end + 1) {
		const char *newline = memchr(r.text, '\n', (size_t)(end - r.text));
		r.end = newline ? newline : end;
		r.number++;
		fine = read_line(&r);
	}
	if (fine && !r.complete && !r.allowing) {
		snprintf(why, why_len, "%s: no line allows anything, so nothing could be probed: end it with `use private`, or name "
				       "what is allowed", path);
		fine = false;
	}
	if (fine)
		return r.policy;
	policy_free(r.policy);
	return NULL;
}

/* The whole file, malloc'd; NULL with errno, EFBIG for one that is too long. */
static char *slurp(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *bytes = file ? malloc(POLICY_FILE_MAX + 1) : NULL;
	if (bytes) {
		*len = fread(bytes, 1, POLICY_FILE_MAX + 1, file);
		int error = ferror(file) ? errno : *len > POLICY_FILE_MAX ? EFBIG : 0;
		if (error) {
			free(bytes);
			bytes = NULL;
		}
		fclose(file);
		errno = error;
	} else if (file) {
		fclose(file);
		errno = ENOMEM;
	}
	return bytes;
}

struct address_policy *policy_new(const char *choice, char *why, size_t why_len)
{
	struct address_policy *p = policy_empty(choice);
	if (policy_add_named(p, choice))
		return p;
	policy_free(p);
	size_t len;
	char *bytes = slurp(choice, &len);
	if (!bytes) {
		snprintf(why, why_len, "\"%.200s\" is neither any, private, public nor a file that can be read: %s", choice,
			 strerror(errno));
		return NULL;
	}
	p = policy_parse(bytes, len, choice, why, why_len);
	free(bytes);
	return p;
}
