/* own_name.c - see own_name.h.  Why so: the process id tells two on one host apart, and a name that is new after each
 * start never takes over what its forerunner had in hand without a lease having ended. */
#include "base/own_name.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *own_name(void)
{
	static char name[64];
	char host[48] = "localhost";
	gethostname(host, sizeof(host) - 1);
	for (char *c = host; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c))
			*c = '-';
	snprintf(name, sizeof(name), "%.47s-%d", host, getpid());
	return name;
}
