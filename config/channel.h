/* channel.h - one way to tell people, as the configuration names it; what each type needs is checked where the file is read. */
#ifndef CONFIG_CHANNEL_H
#define CONFIG_CHANNEL_H

#include <stdbool.h>

enum channel_type { CHANNEL_WEBHOOK, CHANNEL_ALERTMANAGER, CHANNEL_SLACK, CHANNEL_PAGERDUTY, CHANNEL_SMTP, CHANNEL_EXEC, CHANNEL_TYPES };
extern const char *const channel_type_names[CHANNEL_TYPES + 1]; /* "webhook", ..., NULL */

#define CHANNEL_LIST_MAX 16
struct channel {
	char *name;
	enum channel_type type;
	bool pages_only;	/* only: page - notices are not sent */
	char *url[CHANNEL_LIST_MAX]; /* webhook, slack, pagerduty (default: events.pagerduty.com), smtp: one; alertmanager: each of them gets all */
	unsigned urls;
	char *secret;		/* webhook: whsec_..., or several with blanks between them, or NULL; pagerduty: routing key */
	char *from, *to[CHANNEL_LIST_MAX]; /* smtp */
	unsigned tos;
	char *user, *password;	/* smtp, from password_file */
	char *command[CHANNEL_LIST_MAX + 1]; /* exec: argv, NULL-ended; JSON on stdin */
};

#endif
