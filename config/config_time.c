/* config_time.c - points in time as RFC 3339 writes them.
 * In: a text.  Out: milliseconds since 1970.
 * Why so: strptime() takes what nobody meant (blanks, half a date) and knows no offset with a colon; the shape is short
 * enough to be read by hand.  A time without a zone is refused: it would mean another hour on another machine. */
#include "config/config_parts.h"

#include <string.h>
#include <time.h>

/* count digits at *at into *number; moves *at behind them. */
static bool digits(const char **at, unsigned count, unsigned *number)
{
	*number = 0;
	for (; count; count--, ++*at) {
		if (**at < '0' || **at > '9')
			return false;
		*number = *number * 10 + (unsigned)(**at - '0');
	}
	return true;
}

static bool letter(const char **at, char one, char other)
{
	if (**at != one && **at != other)
		return false;
	++*at;
	return true;
}

/* Digits behind a point, of which three count. */
static bool fraction(const char **at, unsigned *ms)
{
	unsigned weight = 100;
	*ms = 0;
	if (**at != '.')
		return true;
	++*at;
	const char *from = *at;
	for (; **at >= '0' && **at <= '9'; ++*at, weight /= 10)
		*ms += (unsigned)(**at - '0') * weight;
	return *at > from;
}

/* Z or +01:00 into minutes to take away. */
static bool zone(const char **at, int *minutes)
{
	unsigned hours, rest;
	*minutes = 0;
	if (letter(at, 'Z', 'z'))
		return true;
	const int sign = **at == '-' ? -1 : 1;
	if (!letter(at, '+', '-') || !digits(at, 2, &hours) || !letter(at, ':', ':') || !digits(at, 2, &rest) ||
	    hours > 23 || rest > 59)
		return false;
	*minutes = sign * (int)(hours * 60 + rest);
	return true;
}

static bool date_and_time(const char **at, struct tm *tm, unsigned *ms)
{
	unsigned year, month, day, hour, minute, second;
	if (!digits(at, 4, &year) || !letter(at, '-', '-') || !digits(at, 2, &month) || !letter(at, '-', '-') ||
	    !digits(at, 2, &day) || !(letter(at, 'T', 't') || letter(at, ' ', ' ')) || !digits(at, 2, &hour) ||
	    !letter(at, ':', ':') || !digits(at, 2, &minute) || !letter(at, ':', ':') || !digits(at, 2, &second) ||
	    !fraction(at, ms))
		return false;
	*tm = (struct tm){ .tm_year = (int)year - 1900,
			   .tm_mon = (int)month - 1,
			   .tm_mday = (int)day,
			   .tm_hour = (int)hour,
			   .tm_min = (int)minute,
			   .tm_sec = (int)second };
	return true;
}

bool time_parse(const char *text, uint64_t *ms, char *why, size_t why_len)
{
	const char *at = text;
	struct tm tm, again;
	unsigned part;
	int minutes;
	if (!date_and_time(&at, &tm, &part)) {
		snprintf(why, why_len, "is not a time such as 2026-12-01T22:00:00Z");
		return false;
	}
	if (!*at) {
		snprintf(why, why_len, "says no time zone: put Z (UTC) or an offset such as +01:00 behind it");
		return false;
	}
	if (!zone(&at, &minutes) || *at) {
		snprintf(why, why_len, "does not end with Z or an offset such as +01:00");
		return false;
	}
	again = tm;
	const time_t seconds = timegm(&again);
	/* timegm() makes the 31st of February the 3rd of March; what comes back as it went in did exist */
	const bool exists = again.tm_mon == tm.tm_mon && again.tm_mday == tm.tm_mday && again.tm_hour == tm.tm_hour &&
			    again.tm_min == tm.tm_min && again.tm_sec == tm.tm_sec;
	const int64_t utc = (int64_t)seconds - minutes * 60;
	if (!exists || utc <= 0 || (uint64_t)utc * 1000 > SLOT_LAST_MS) {
		snprintf(why, why_len, exists ? "is not between 1970 and 9999" : "does not exist in the calendar");
		return false;
	}
	*ms = (uint64_t)utc * 1000 + part;
	return true;
}

void config_time_write(uint64_t ms, char into[CONFIG_TIME_MAX])
{
	const time_t seconds = (time_t)(ms / 1000);
	struct tm utc;
	if (!gmtime_r(&seconds, &utc) || !strftime(into, CONFIG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &utc))
		into[0] = 0;
	const size_t len = strlen(into);
	if (ms % 1000)
		snprintf(into + len, CONFIG_TIME_MAX - len, ".%03uZ", (unsigned)(ms % 1000));
	else
		snprintf(into + len, CONFIG_TIME_MAX - len, "Z");
}

void config_duration_write(uint64_t ms, char into[CONFIG_TIME_MAX])
{
	static const struct {
		uint64_t ms;
		const char *name;
	} unit[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };
	unsigned i = 0;
	while (ms % unit[i].ms || ms == 60000 * (i < 3)) /* 60s is how people say it */
		i++;
	if (ms)
		snprintf(into, CONFIG_TIME_MAX, "%llu%s", (unsigned long long)(ms / unit[i].ms), unit[i].name);
	else
		snprintf(into, CONFIG_TIME_MAX, "0");
}
