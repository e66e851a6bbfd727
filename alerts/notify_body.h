/* notify_body.h - what the channels put on the wire, as pure functions: for their own files and for tests. */
#ifndef ALERTS_NOTIFY_BODY_H
#define ALERTS_NOTIFY_BODY_H

#include "alerts/notify.h"

/* All malloc'd; NULL: no memory. */
char *slack_body(const struct notice *n, unsigned count);
char *pagerduty_body(const struct notice *n, const char *routing_key);
char *alertmanager_body(const struct notice *n, unsigned count);
/* An RFC 5322 message with CR LF; now_s: wall clock, for Date. */
char *smtp_message(const struct notice *n, const struct channel *c, uint64_t now_s, size_t *len);

#endif
