/* screen.c - paints lines on a terminal without flicker.
 * In: whole lines.  Out: one write(2) a picture.
 * Owns: the terminal's other screen, between begin and end.
 * Why so: what was there before is overwritten line by line and never wiped as a whole, so that nothing blinks;
 * nothing of the terminal's modes is changed, so that whatever ends us leaves a terminal that works (only the cursor
 * would be missing). */
#include "cli/screen.h"

#include "cli/output.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile sig_atomic_t taken;

void screen_size(int fd, unsigned *columns, unsigned *lines)
{
	struct winsize size = { 0 };
	const bool known = ioctl(fd, TIOCGWINSZ, &size) == 0;
	*columns = known && size.ws_col ? size.ws_col : 80;
	*lines = known && size.ws_row ? size.ws_row : 24;
}

static void put(const char *codes)
{
	ssize_t wrote = write(STDOUT_FILENO, codes, strlen(codes));
	(void)wrote; /* a terminal that is gone needs nothing any more */
}

void screen_begin(void)
{
	if (taken)
		return;
	taken = true; /* first: whoever ends us in between gives back too much, not too little */
	put("\033[?1049h\033[?25l");
}

void screen_end(void)
{
	if (taken)
		put("\033[?25h\033[?1049l");
	taken = false;
}

int screen_paint(const struct text *picture, unsigned lines)
{
	struct text out = { 0 };
	const char *at = picture->data ? picture->data : "";
	text_add(&out, "\033[?7l\033[H"); /* a line that is too wide is cut: wrapped, it would push the others down */
	for (unsigned line = 0; *at && line < lines; line++) {
		const size_t len = strcspn(at, "\n");
		text_add(&out, line ? "\r\n" : ""); /* not behind the last: the screen would scroll */
		text_add_bytes(&out, at, len);
		text_add(&out, "\033[K");
		at += len + (at[len] == '\n');
	}
	text_add(&out, "\033[J\033[?7h");
	const int error = output_write(&out);
	text_free(&out);
	return error;
}
