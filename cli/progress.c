/* progress.c - writes the progress line on standard error, over and over in the same place.
 * In: how many of how many.  Out: a line that begins with a carriage return.
 * Owns: the last line of the terminal while it is shown.
 * Why so: never off a terminal, where it would be litter in a log; cut to the terminal's width, because a line that
 * wraps cannot be wiped. */
#include "cli/progress.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	QUIET_MS = 500,
	LINE_MAX_COLUMNS = 160,
	COLUMNS_UNKNOWN = 80, /* what every terminal has had since the VT100 */
};

void progress_begin(struct progress *p, bool data_flows)
{
	p->wanted = isatty(STDERR_FILENO) && !(data_flows && isatty(STDOUT_FILENO));
	p->shown = false;
	p->started_ns = clock_ns();
}

void progress_text(char *into, size_t len, uint64_t total, const uint64_t ended[3], uint64_t elapsed_ns)
{
	const uint64_t done = ended[CLASS_UP] + ended[CLASS_DOWN] + ended[CLASS_UNKNOWN];
	const double seconds = (double)elapsed_ns / (double)NS_PER_S;
	const double rate = seconds > 0 ? (double)done / seconds : 0;
	const int used = snprintf(into, len,
				  "%" PRIu64 "/%" PRIu64 "  up %" PRIu64 "  down %" PRIu64 "  unknown %" PRIu64 "  %.0f/s", done,
				  total, ended[CLASS_UP], ended[CLASS_DOWN], ended[CLASS_UNKNOWN], rate);
	if (rate > 0 && used > 0 && (size_t)used < len)
		snprintf(into + used, len - (size_t)used, "  %.0f s left", (double)(total - done) / rate);
}

void progress_waiting_text(char *into, size_t len, uint64_t attempts, uint64_t most_ms)
{
	snprintf(into, len, "waiting for %" PRIu64 " attempt%s under way, at most %" PRIu64 " s; Ctrl-C again leaves at once",
		 attempts, attempts == 1 ? "" : "s", (most_ms + 999) / 1000);
}

static int terminal_columns(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return COLUMNS_UNKNOWN;
	return size.ws_col < LINE_MAX_COLUMNS ? size.ws_col : LINE_MAX_COLUMNS;
}

void progress_show(struct progress *p, uint64_t total, const uint64_t ended[3])
{
	char line[LINE_MAX_COLUMNS + 1];
	const uint64_t elapsed_ns = clock_ns() - p->started_ns;
	if (!p->wanted || elapsed_ns < QUIET_MS * NS_PER_MS)
		return;
	progress_text(line, sizeof line, total, ended, elapsed_ns);
	fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, line);
	p->shown = true;
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
