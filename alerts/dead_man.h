/* dead_man.h - calls somebody outside again and again, as long as the whole path works; when the calls stop, they tell.
 *
 * The only alarm that still works when this machine does not: the other side raises it. */
#ifndef ALERTS_DEAD_MAN_H
#define ALERTS_DEAD_MAN_H

#include <stdbool.h>
#include <stdint.h>

struct dead_man;

/* url: borrowed, NULL: nobody is called and NULL is returned.  why says what is wrong when there is one and it cannot
 * start. */
struct dead_man *dead_man_start(const char *url, unsigned every_ms, char *why, unsigned long why_len);
void dead_man_stop(struct dead_man *d); /* NULL is fine */

/* The path works until then (CLOCK_MONOTONIC, ms); said again and again by who sees the canary come back.  From any
 * thread. */
void dead_man_alive_until(struct dead_man *d, uint64_t mono_ms);

struct dead_man_counters {
	uint64_t called, failed, withheld; /* withheld: it was time, and the path did not work; looked at again every second */
};
void dead_man_look(const struct dead_man *d, struct dead_man_counters *c);

#endif
