/* watch_said.c - keeps the newest sentences about a certificate, for who is told.
 * In: results that carry a look at a certificate.  Out: the newest sentence, and the newest that finds fault.  Owns: both.
 * Why so: looks are kept as 16 bytes each, with words for what the network does; "expired 3 days ago" is no such word, and
 * one of each a monitor is enough: all regions see the same certificate, or what is told is partial and names them. */
#include "alerts/watch_self.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

static void keep(struct said_line *line, uint64_t slot_ms, const char *text)
{
	if (line->text && line->slot_ms > slot_ms)
		return;
	line->slot_ms = slot_ms;
	if (line->text && strcmp(line->text, text) == 0)
		return;
	free(line->text);
	line->text = strdup(text);
	must_say(line->text, "no memory for a sentence");
}

static struct said *said_of(struct watch *w)
{
	if (!w->said)
		w->said = calloc(1, sizeof(*w->said));
	must_say(w->said, "no memory for sentences");
	return w->said;
}

void watch_hear(struct watch *w, const struct result *r)
{
	static const char what[] = "certificate: "; /* of a port that is open the sentence says first what it speaks of; here all do */
	const char *text = strncmp(r->detail, what, strlen(what)) == 0 ? r->detail + strlen(what) : r->detail;
	if (!r->outcome.tls || !*text || verdict_row(r->outcome.verdict)->class == CLASS_UNKNOWN)
		return;
	keep(&said_of(w)->newest, r->slot_ms, text);
	if (r->outcome.verdict != VERDICT_OPEN || r->outcome.tls->soon)
		keep(&w->said->fault, r->slot_ms, text);
}

const char *watch_said(const struct watch *w)
{
	return w->said && w->said->newest.text ? w->said->newest.text : "";
}

const char *watch_fault(const struct watch *w)
{
	return w->said && w->said->fault.text ? w->said->fault.text : "";
}

static void save_line(const struct said_line *line, json_t *into, const char *name)
{
	if (line->text)
		json_object_set_new(into, name, json_pack("{s:s, s:I}", "text", line->text, "slot_ms", (json_int_t)line->slot_ms));
}

void watch_said_save(const struct watch *w, json_t *into)
{
	if (!w->said)
		return;
	save_line(&w->said->newest, into, "said");
	save_line(&w->said->fault, into, "fault");
}

/* What is not as we write it is left out: the next look says it again. */
static void load_line(struct watch *w, const json_t *saved, const char *name, bool fault)
{
	const json_t *o = json_object_get(saved, name);
	const char *text = json_text(o, "text");
	if (*text)
		keep(fault ? &said_of(w)->fault : &said_of(w)->newest, json_number(o, "slot_ms"), text);
}

void watch_said_load(struct watch *w, const json_t *saved)
{
	load_line(w, saved, "said", false);
	load_line(w, saved, "fault", true);
}

void watch_said_free(struct watch *w)
{
	if (!w->said)
		return;
	free(w->said->newest.text);
	free(w->said->fault.text);
	free(w->said);
	w->said = NULL;
}
