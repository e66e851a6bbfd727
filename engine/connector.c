/* connector.c - which connector it shall be. */
#include "engine/connector.h"

#include <stdio.h>

const char *const connector_choices[] = { "auto", "io_uring", "epoll", NULL };

struct connector *connector_open(enum connector_choice choice, uint32_t slots, connector_done *done, void *arg,
				 char *why, size_t why_len)
{
	why[0] = 0;
	if (choice == CONNECTOR_EPOLL)
		return connector_epoll_open(slots, done, arg, why, why_len);
	struct connector *c = connector_uring_open(slots, done, arg, why, why_len);
	if (c || choice == CONNECTOR_URING)
		return c;
	char also[160];
	c = connector_epoll_open(slots, done, arg, also, sizeof(also));
	if (!c)
		snprintf(why, why_len, "%s", also);
	return c;
}
