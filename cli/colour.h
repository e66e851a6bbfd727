/* colour.h - whether to use colours, and which. */
#ifndef CLI_COLOUR_H
#define CLI_COLOUR_H

#include "wire/verdict.h"
#include <stdbool.h>

enum colour_choice { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
extern const char *const colour_choices[]; /* in the order of the enum */

/* What the user said, from the strongest word to the weakest: --color, NO_COLOR (not empty), CLICOLOR_FORCE (neither empty
 * nor 0), a terminal that is not "dumb".  The three texts may be NULL: not set. */
bool colour_decide(enum colour_choice choice, const char *no_color, const char *force, const char *term, bool is_terminal);
/* The same with this process' environment, for the descriptor fd. */
bool colour_wanted(enum colour_choice choice, int fd);

/* The escape sequence that begins the colour of a class, and the one that ends any. */
const char *colour_of_class(enum verdict_class class);
#define COLOUR_GREEN "\033[32m"
#define COLOUR_RED "\033[31m"
#define COLOUR_YELLOW "\033[33m"
#define COLOUR_DIM "\033[2m"
#define COLOUR_END "\033[0m"

#endif
