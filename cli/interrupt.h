/* interrupt.h - Ctrl-C: the first asks, the second ends. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on the first SIGINT or SIGTERM is only noted; the second of the same kind ends the process at once. */
void interrupt_watch(void);
bool interrupted(void);
/* What the second one does before the end; called in a signal handler.  NULL: nothing. */
void interrupt_last_deed(void (*deed)(void));

#endif
