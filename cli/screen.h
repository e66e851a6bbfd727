/* screen.h - a terminal that is painted again and again. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "base/text.h"

/* How large the terminal behind descriptor fd is; 80 by 24 where it does not say. */
void screen_size(int fd, unsigned *columns, unsigned *lines);

/* Takes the terminal on stdout: the other screen, no cursor.  What stood there comes back with screen_end(); both
 * may be called twice, screen_end() also by a signal handler. */
void screen_begin(void);
void screen_end(void);

/* Paints a picture of whole lines over the last one: home, each line with the rest of it wiped, then all below.  0 or a
 * negative errno. */
int screen_paint(const struct text *picture, unsigned lines);

#endif
