/* nagios.h - the words of a monitoring plugin: states, threshold ranges, performance data.
 * https://www.monitoring-plugins.org/doc/guidelines.html */
#ifndef CLI_NAGIOS_H
#define CLI_NAGIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nagios_state { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN };
extern const char *const nagios_state_names[]; /* "OK", ...: in the order of the enum */

/* [@][LOW:][HIGH] of the guideline.  Alerts outside of low..high, both inclusive, or with @ inside of it. */
struct nagios_range {
	bool set;
	bool inside;	 /* @ */
	bool low_open;	 /* ~: no lower bound */
	bool high_open;	 /* nothing behind the colon: no upper bound */
	uint64_t low_us, high_us;
};

/* Numbers are milliseconds ("100", "0.5") or carry their unit ("100ms", "250us", "1.5s").  NULL: not set.  False: why
 * holds a sentence, without the name of the option. */
bool nagios_range_parse(const char *text, struct nagios_range *range, char *why, size_t why_len);
bool nagios_range_alerts(const struct nagios_range *range, uint64_t us);

/* One such number. */
bool nagios_time_parse(const char *text, size_t len, uint64_t *us);

/* "'time'=0.000412s;0.1;0.5;0;3.2": seconds, as the guideline wants its base units.  us 0: not measured, stands as U. */
void nagios_perfdata(char *into, size_t len, uint64_t us, const struct nagios_range *warning,
		     const struct nagios_range *critical, uint64_t max_us);

#endif
