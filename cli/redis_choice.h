/* redis_choice.h - which Redis a command means: the one that --redis names, else the private one of portwatch up. */
#ifndef CLI_REDIS_CHOICE_H
#define CLI_REDIS_CHOICE_H

#include "cli/redis_reach.h"

#define STATE_OPTION(values)                                                                                              \
	{ "state", 0, OPTION_TEXT, .value = "FOLDER", .at = offsetof(values, state),                                     \
	  .sentence = "without --redis: where portwatch up keeps its Redis (default: $XDG_STATE_HOME/portwatch, or "         \
		      "~/.local/state/portwatch)" }

/* False: why holds sentences. */
bool redis_choice(const char *redis, const char *state, struct redis_url *url, char *why, size_t why_len);

#endif
