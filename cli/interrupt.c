/* interrupt.c - notes the first Ctrl-C and leaves the second to the kernel.
 * In: SIGINT, SIGTERM.  Out: one flag, looked at between waits of at most a quarter of a second.
 * Owns: the process' two handlers.  Why so: SA_RESETHAND gives the second signal its default action back, so that it
 * ends a process that hangs, without any code of ours; and the shell sees a death by signal. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t noted;

static void note(int signal_number)
{
	(void)signal_number;
	noted = 1;
}

void interrupt_watch(void)
{
	struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESETHAND };
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
	return noted;
}
