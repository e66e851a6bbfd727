/* redis_trouble.h - what an error reply of Redis means for us: one table from the first word to the reaction. */
#ifndef WIRE_REDIS_TROUBLE_H
#define WIRE_REDIS_TROUBLE_H

enum redis_trouble {
	TROUBLE_NONE,
	TROUBLE_GROUP_LOST,  /* NOGROUP, UNBLOCKED: make the group again and back off */
	TROUBLE_STARTING,    /* LOADING: retry with jitter, say nothing for 30 s */
	TROUBLE_NOT_MASTER,  /* READONLY, MASTERDOWN, "instance state changed": drop the connection, connect again */
	TROUBLE_FULL,	     /* OOM, and EXECABORT "because of: OOM": readers go on, writers hold and retry */
	TROUBLE_HOLD,	     /* NOREPLICAS, CLUSTERDOWN, TRYAGAIN, BUSY, MISCONF, too many clients, EXECABORT that does
				not name its reason (the queued command's own reply does): hold and retry */
	TROUBLE_MOVED,	     /* MOVED, ASK, CROSSSLOT: a cluster; said plainly, we speak to one node */
	TROUBLE_FORBIDDEN,   /* NOPERM, WRONGPASS, NOAUTH, no such db: configuration; said once, 30 s back-off */
	TROUBLE_EXISTS,	     /* BUSYGROUP: success */
	TROUBLE_OTHER,	     /* anything else: said with its text, the connection is dropped */
	TROUBLE_LINK,	     /* no reply at all: connection refused, lost, timed out, unreadable */
	TROUBLES
};

struct redis_trouble_row {
	const char *name;     /* for metrics: "group_lost", "full" */
	const char *reaction; /* what we do about it, one clause for the log */
};

/* Classifies the text of an error reply. */
enum redis_trouble redis_trouble_of(const char *text);
const struct redis_trouble_row *redis_trouble_row(enum redis_trouble t);

#endif
