/* glyph.h - how much room a character takes on a terminal: names are UTF-8, and columns must stay columns. */
#ifndef BASE_GLYPH_H
#define BASE_GLYPH_H

#include <stddef.h>

/* The bytes of the character that text, which is not empty and ends with 0, begins with; *columns: 0 for what joins the
 * character before it, 2 for what East Asian scripts and pictures take, else 1.  A byte that is not UTF-8 is one of
 * one. */
size_t glyph_len(const char *text, unsigned *columns);

#endif
