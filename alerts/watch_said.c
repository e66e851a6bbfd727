/* watch_said.c - keeps the newest sentence about a certificate, for who is told.
 * In: results that carry a look at a certificate.  Out: one sentence.  Owns: it.
 * Why so: looks are kept as 16 bytes each, with words for what the network does; "expired 3 days ago" is no such word, and
 * one of them a monitor is enough: all regions see the same certificate, or the DOWN is partial and names them. */
#include "alerts/watch_self.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

void watch_say(struct watch *w, uint64_t slot_ms, const char *text)
{
	size_t len = strlen(text) + 1;
	if (w->said && w->said->slot_ms > slot_ms)
		return;
	if (!w->said || strcmp(w->said->text, text) != 0) {
		free(w->said);
		w->said = malloc(sizeof(*w->said) + len);
		must_say(w->said, "no memory for %zu bytes", len);
		memcpy(w->said->text, text, len);
	}
	w->said->slot_ms = slot_ms;
}

void watch_hear(struct watch *w, const struct result *r)
{
	if (r->outcome.tls && r->detail[0] && verdict_row(r->outcome.verdict)->class != CLASS_UNKNOWN)
		watch_say(w, r->slot_ms, r->detail);
}

const char *watch_said(const struct watch *w)
{
	return w->said ? w->said->text : "";
}
