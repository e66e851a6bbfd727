/* nagios.c - threshold ranges and performance data, as monitoring systems have read them for twenty years.
 * In: the texts behind -w and -c, a time.  Out: alert or not; the text behind the bar.
 * Owns: nothing.  Why so: whole microseconds all the way; a threshold of 0.1 s is 100,000 and not the nearest double, and
 * no locale can turn its point into a comma. */
#include "cli/nagios.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const nagios_state_names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

#define US_PER_SECOND 1000000u
#define TIME_MAX_US (86400ull * US_PER_SECOND) /* a day; nothing here takes longer */

static const struct {
	const char *unit;
	uint64_t us;
} units[] = { { "", 1000 }, { "ms", 1000 }, { "us", 1 }, { "s", US_PER_SECOND }, { "m", 60ull * US_PER_SECOND } };

/* How many us one of the unit is, 0: there is no such unit. */
static uint64_t unit_us(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strlen(units[i].unit) == len && memcmp(units[i].unit, text, len) == 0)
			return units[i].us;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool nagios_time_parse(const char *text, size_t len, uint64_t *us)
{
	uint64_t whole = 0, fraction = 0, scale = 1;
	size_t at = 0;
	for (; at < len && is_digit(text[at]); at++)
		if ((whole = whole * 10 + (uint64_t)(text[at] - '0')) > TIME_MAX_US)
			return false;
	if (!at)
		return false;
	if (at + 1 < len && text[at] == '.' && is_digit(text[at + 1])) {
		for (at++; at < len && is_digit(text[at]); at++)
			if (scale < US_PER_SECOND) { /* finer than a microsecond of a second counts for nothing */
				fraction = fraction * 10 + (uint64_t)(text[at] - '0');
				scale *= 10;
			}
	}
	const uint64_t unit = unit_us(text + at, len - at);
	*us = whole * unit + fraction * unit / scale;
	return unit && *us <= TIME_MAX_US;
}

static bool refuse(const char *text, char *why, size_t why_len)
{
	snprintf(why, why_len, "\"%.60s\" is not a threshold; 100 means above 100 ms, also 0.5s, 10:20, ~:100, @10:20", text);
	return false;
}

bool nagios_range_parse(const char *text, struct nagios_range *range, char *why, size_t why_len)
{
	*range = (struct nagios_range){ .set = text };
	if (!text)
		return true;
	const char *at = text + (text[0] == '@');
	const char *colon = strchr(at, ':');
	const char *high = colon ? colon + 1 : at;
	range->inside = text[0] == '@';
	range->low_open = colon == at + 1 && *at == '~';
	range->high_open = colon && !*high;
	if (colon && colon != at && !range->low_open && !nagios_time_parse(at, (size_t)(colon - at), &range->low_us))
		return refuse(text, why, why_len);
	if (!range->high_open && !nagios_time_parse(high, strlen(high), &range->high_us))
		return refuse(text, why, why_len);
	if (!range->high_open && range->low_us > range->high_us) {
		snprintf(why, why_len, "\"%.60s\" begins above its end", text);
		return false;
	}
	return true;
}

bool nagios_range_alerts(const struct nagios_range *range, uint64_t us)
{
	if (!range->set)
		return false;
	const bool within = (range->low_open || us >= range->low_us) && (range->high_open || us <= range->high_us);
	return within == range->inside;
}

/* Seconds without trailing zeros: 0.1, 3.2, 10. */
static void add_seconds(char *into, size_t len, uint64_t us)
{
	const size_t used = strlen(into);
	snprintf(into + used, len - used, "%" PRIu64 ".%06" PRIu64, us / US_PER_SECOND, us % US_PER_SECOND);
	size_t end = strlen(into);
	while (end > used && into[end - 1] == '0')
		into[--end] = 0;
	if (end > used && into[end - 1] == '.')
		into[--end] = 0;
}

static void add(char *into, size_t len, const char *text)
{
	const size_t used = strlen(into);
	snprintf(into + used, len - used, "%s", text);
}

static void add_range(char *into, size_t len, const struct nagios_range *range)
{
	if (!range->set)
		return;
	if (range->inside)
		add(into, len, "@");
	if (range->low_open)
		add(into, len, "~:");
	else if (range->low_us || range->high_open) {
		add_seconds(into, len, range->low_us);
		add(into, len, ":");
	}
	if (!range->high_open)
		add_seconds(into, len, range->high_us);
}

void nagios_perfdata(char *into, size_t len, uint64_t us, const struct nagios_range *warning,
		     const struct nagios_range *critical, uint64_t max_us)
{
	if (us)
		snprintf(into, len, "'time'=%" PRIu64 ".%06" PRIu64 "s;", us / US_PER_SECOND, us % US_PER_SECOND);
	else
		snprintf(into, len, "'time'=U;");
	add_range(into, len, warning);
	add(into, len, ";");
	add_range(into, len, critical);
	add(into, len, ";0;");
	add_seconds(into, len, max_us);
}
