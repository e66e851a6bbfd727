/* certificate.c - judges a certificate: does it hold now, for long enough, for this name, from somebody trusted.
 * In: facts, wishes, a time.  Out: good, soon or bad, and a sentence that somebody can act on.  Owns: nothing.
 * Why so: OpenSSL stops at the first fault and says it in its own words.  Here each question is asked by itself, so that
 * an expired certificate for the wrong name is told as both, and time is handed in, so that a test can be any day. */
#include "engine/certificate.h"

#include "base/printable.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE_S 60
#define HOUR_S (60 * MINUTE_S)
#define DAY_S (24 * HOUR_S)

struct sentence {
	char *text;
	size_t len, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *s, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (s->used < s->len) {
		int n = vsnprintf(s->text + s->used, s->len - s->used, format, args);
		s->used += n > 0 ? (size_t)n : 0;
	}
	va_end(args);
}

/* Each fault after the first stands behind a semicolon. */
static void next_fault(struct sentence *s)
{
	if (s->used)
		say(s, "; ");
}

/* "3 days", "1 hour": whole units, rounded down, in days from two days on and in hours from two hours on. */
static void say_span(struct sentence *s, int64_t seconds)
{
	int64_t unit = seconds >= 2 * DAY_S ? DAY_S : seconds >= 2 * HOUR_S ? HOUR_S : MINUTE_S;
	int64_t count = seconds / unit;
	const char *word = unit == DAY_S ? "day" : unit == HOUR_S ? "hour" : "minute";
	say(s, "%" PRId64 " %s%s", count, word, count == 1 ? "" : "s");
}

/* What somebody wants: in days wherever these come out even, so that "3 days" is not told as "72 hours". */
static void say_wanted(struct sentence *s, int64_t seconds)
{
	if (seconds % DAY_S == 0 && seconds < 2 * DAY_S)
		say(s, "%" PRId64 " day%s", seconds / DAY_S, seconds == DAY_S ? "" : "s");
	else
		say_span(s, seconds);
}

static void say_date(struct sentence *s, int64_t at_s)
{
	time_t t = (time_t)at_s;
	struct tm utc;
	char date[32] = "?";
	if (gmtime_r(&t, &utc))
		strftime(date, sizeof(date), "%Y-%m-%d", &utc);
	say(s, "(%s)", date);
}

int64_t certificate_ends_s(const struct certificate_facts *seen)
{
	return seen->above_not_after_s < seen->not_after_s ? seen->above_not_after_s : seen->not_after_s;
}

/* Whose end it is, if not the certificate's own. */
static void say_whose(struct sentence *s, const struct certificate_facts *seen)
{
	if (seen->above_not_after_s < seen->not_after_s)
		say(s, "its issuer \"%s\" ", seen->above);
}

/* True: this is a fault. */
static bool judge_time(struct sentence *s, const struct certificate_facts *seen, const struct certificate_wants *wants,
		       int64_t now_s)
{
	int64_t ends_s = certificate_ends_s(seen), left_s = ends_s - now_s;
	if (left_s <= 0) {
		say_whose(s, seen);
		say(s, "expired ");
		say_span(s, -left_s);
		say(s, " ago ");
		say_date(s, ends_s);
		return true;
	}
	if (seen->not_before_s > now_s) {
		say(s, "not valid before ");
		say_span(s, seen->not_before_s - now_s);
		say(s, " from now ");
		say_date(s, seen->not_before_s);
		return true;
	}
	if (left_s >= wants->down_s)
		return false;
	say_whose(s, seen);
	say(s, "expires in ");
	say_span(s, left_s);
	say(s, " ");
	say_date(s, ends_s);
	say(s, ", wanted at least ");
	say_wanted(s, wants->down_s);
	return true;
}

static bool judge_name(struct sentence *s, const struct certificate_facts *seen, const struct certificate_wants *wants)
{
	if (seen->name_fits)
		return false;
	next_fault(s);
	say(s, "wrong name: has %s; wants %s", seen->names[0] ? seen->names : "none", wants->name);
	if (wants->name_is_address)
		say(s, " (server_name can ask for a name)");
	return true;
}

static bool judge_chain(struct sentence *s, const struct certificate_facts *seen)
{
	if (seen->chain == CHAIN_TRUSTED)
		return false;
	next_fault(s);
	switch (seen->chain) {
	case CHAIN_SELF_SIGNED:
		say(s, "self-signed");
		break;
	case CHAIN_UNKNOWN_ROOT:
		say(s, "unknown issuer: the chain ends at \"%s\", which is not trusted here", seen->issuer);
		break;
	case CHAIN_UNKNOWN_ISSUER:
		say(s, "unknown issuer \"%s\"%s", seen->issuer,
		    seen->sent == 1 ? " (the server sends no intermediate certificate)" : "");
		break;
	case CHAIN_BAD:
	case CHAIN_TRUSTED:
		say(s, "%s", seen->chain_why);
		break;
	}
	return true;
}

static void say_good(struct sentence *s, const struct certificate_facts *seen, int64_t now_s)
{
	say(s, "certificate: ");
	say_whose(s, seen);
	say(s, "expires in ");
	say_span(s, certificate_ends_s(seen) - now_s);
	say(s, " ");
	say_date(s, certificate_ends_s(seen));
}

/* What did not fit may have been cut within a character. */
static void cut_to_characters(char *text)
{
	size_t len = strlen(text);
	for (unsigned i = 0; i < 4 && len && !text_is_printable(text, len); i++)
		text[--len] = 0;
}

enum certificate_state certificate_judge(const struct certificate_facts *seen, const struct certificate_wants *wants,
					 int64_t now_s, char *text, size_t len)
{
	struct sentence s = { .text = text, .len = len };
	text[0] = 0;
	bool bad = judge_time(&s, seen, wants, now_s);
	bad = judge_name(&s, seen, wants) || bad;
	bad = judge_chain(&s, seen) || bad;
	if (!bad)
		say_good(&s, seen, now_s);
	cut_to_characters(text);
	if (bad)
		return CERTIFICATE_BAD;
	return certificate_ends_s(seen) - now_s < wants->warn_s ? CERTIFICATE_SOON : CERTIFICATE_GOOD;
}
