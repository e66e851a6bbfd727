/* interrupt.c - notes the first Ctrl-C; the second ends the process.
 * In: SIGINT, SIGTERM.  Out: one flag, looked at between waits of at most a quarter of a second.
 * Owns: the process' two handlers.  Why so: the second is left to the kernel's default action, so that it ends a
 * process that hangs and the shell sees a death by signal; only who has a terminal to give back hears it too, and may
 * do no more than write(2) then. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t noted; /* a bit for each of the two */
static void (*volatile last_deed)(void);

static void note(int signal_number)
{
	const sig_atomic_t bit = signal_number == SIGINT ? 1 : 2;
	const bool second = noted & bit;
	noted |= bit;
	if (second && last_deed)
		last_deed();
	if (second || !last_deed)
		signal(signal_number, SIG_DFL);
	if (second)
		raise(signal_number); /* delivered when we return: it is blocked until then */
}

void interrupt_watch(void)
{
	struct sigaction action = { .sa_handler = note };
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void interrupt_last_deed(void (*deed)(void))
{
	last_deed = deed;
}

bool interrupted(void)
{
	return noted;
}
