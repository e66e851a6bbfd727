/* explain_print.h - the answer of the deciding process, for a person. */
#ifndef CLI_EXPLAIN_PRINT_H
#define CLI_EXPLAIN_PRINT_H

#include "base/json.h"
#include "base/text.h"

/* answer: what alerts said (docs/wire.md), or the state as it is stored; what is missing in it is left out.
 * interval_ms: of the monitor, for when it is looked at next; 0: not known, or paused. */
void explain_print(struct text *to, const char *monitor, const json_t *answer, uint64_t now_ms, unsigned interval_ms,
		   bool coloured);

#endif
