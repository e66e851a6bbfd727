/* colour.c - decides about colours as https://no-color.org and CLICOLOR_FORCE ask.
 * In: a choice, the environment, a descriptor.  Out: yes or no, and three escape sequences.  Owns: nothing. */
#include "cli/colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const colour_choices[] = { "auto", "always", "never", NULL };

bool colour_decide(enum colour_choice choice, const char *no_color, const char *force, const char *term, bool is_terminal)
{
	if (choice != COLOUR_AUTO)
		return choice == COLOUR_ALWAYS;
	if (no_color && *no_color)
		return false;
	if (force && *force && strcmp(force, "0") != 0)
		return true;
	return is_terminal && term && *term && strcmp(term, "dumb") != 0;
}

bool colour_wanted(enum colour_choice choice, int fd)
{
	return colour_decide(choice, getenv("NO_COLOR"), getenv("CLICOLOR_FORCE"), getenv("TERM"), isatty(fd));
}

const char *colour_of_class(enum verdict_class class)
{
	switch (class) {
	case CLASS_UP: return COLOUR_GREEN;
	case CLASS_DOWN: return COLOUR_RED;
	case CLASS_UNKNOWN: break;
	}
	return COLOUR_YELLOW;
}
