/* event.c - see event.h.
 * In: a decision of a watch, the monitor it is about, what its regions last saw.  Out: texts, owned by the caller.
 * Why so: everything a receiver may want stands in the event itself, so that no channel has to ask anybody. */
#include "alerts/event.h"

#include "base/clock.h"
#include "wire/settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

void time_text(uint64_t ms, char into[TIME_TEXT_MAX])
{
	time_t seconds = (time_t)(ms / MS_PER_S);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t n = strftime(into, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(into + n, TIME_TEXT_MAX - n, ".%03uZ", (unsigned)(ms % MS_PER_S));
}

/* FNV-1a over the texts and what is between them, then stirred, because FNV leaves the high bits of short texts alike.
 */
static void write_id(struct event_text *t, unsigned shard, uint64_t since_ms, bool late)
{
	char key[EVENT_INCIDENT_MAX + NAME_MAX_LEN + 96];
	int len = snprintf(key, sizeof(key), "%u\n%s\n%s\n%" PRIu64 "\n%s\n%d%d", shard, t->monitor, t->incident, since_ms, t->type,
			   t->resolved, late);
	uint64_t hash = monitor_hash(key, (size_t)len);
	hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9ull;
	hash = (hash ^ hash >> 27) * 0x94d049bb133111ebull;
	snprintf(t->id, sizeof(t->id), "evt_%016" PRIx64, hash ^ hash >> 31);
}

static void set_text(json_t *o, const char *name, const char *value)
{
	json_object_set_new(o, name, json_string(value));
}

static void set_number(json_t *o, const char *name, uint64_t value)
{
	json_object_set_new(o, name, json_integer((json_int_t)value));
}

static void set_time(json_t *o, const char *name, uint64_t ms)
{
	char text[TIME_TEXT_MAX];
	time_text(ms, text);
	set_text(o, name, text);
}

/* {"type":..,"timestamp":..,"data":{..}}; data is taken over. */
static char *body_of(const char *type, uint64_t now_ms, json_t *data)
{
	json_t *o = json_object();
	set_text(o, "type", type);
	set_time(o, "timestamp", now_ms);
	json_object_set_new(o, "data", data);
	char *line = json_line(o);
	json_decref(o);
	return line;
}

static json_t *labels_of(const struct monitor *m)
{
	json_t *labels = json_object();
	for (unsigned i = 0; i < m->labels; i++)
		set_text(labels, m->label[i].name, m->label[i].value);
	return labels;
}

static const char *status_of(bool resolved)
{
	return resolved ? "resolved" : "firing";
}

/* "soon", "slow", "lossy" and "partial" are no verdicts of one look, which was open, but what is wrong with the target. */
static const char *word_of(const struct watch_event *event)
{
	const struct quality *is = &event->is;
	if (event->kind == EVENT_DEGRADED && (is->soon || is->slow || is->lossy || is->partial))
		return is->soon ? "soon" : is->slow ? "slow" : is->lossy ? "lossy" : "partial";
	return event->verdict == VERDICT_NONE ? "" : verdict_row(event->verdict)->name;
}

static json_t *list_of(const char *joined)
{
	json_t *list = json_array();
	for (const char *at = joined; *at; at += *at == ',') {
		size_t len = strcspn(at, ",");
		json_array_append_new(list, json_stringn(at, len));
		at += len;
	}
	return list;
}

static json_t *change_of(const struct event_about *about)
{
	json_t *o = json_object();
	set_text(o, "region", about->change_region);
	json_object_set_new(o, "old", list_of(about->change->old));
	json_object_set_new(o, "new", list_of(about->change->new));
	return o;
}

static json_t *data_of(const struct event_text *t, const struct event_about *about, const struct watch_event *event)
{
	char target[HOST_MAX_LEN + 9], summary[EVENT_SUMMARY_MAX];
	const struct monitor *m = about->monitor;
	json_t *o = json_object();
	monitor_target_write(m, target, sizeof(target));
	event_summary(about, event, summary, sizeof(summary));
	set_text(o, "monitor", m->name);
	set_text(o, "target", target);
	if (m->expect)
		set_text(o, "expect", expect_names[m->expect]);
	set_text(o, "verdict", word_of(event));
	if (about->said && about->said[0])
		set_text(o, "detail", about->said);
	set_text(o, "scope", watch_scope_names[event->scope]);
	set_time(o, "since", event->since_ms);
	set_number(o, "confirmed_after_ms", event->confirmed_after_ms);
	json_object_set_new(o, "regions", about->regions ? json_deep_copy(about->regions) : json_array());
	set_number(o, "duration_s", event->duration_ms / MS_PER_S);
	if (about->change)
		json_object_set_new(o, "addresses", change_of(about));
	json_object_set_new(o, "labels", labels_of(m));
	set_text(o, "runbook", m->runbook ? m->runbook : "");
	set_text(o, "incident", t->incident);
	set_text(o, "status", status_of(t->resolved));
	json_object_set_new(o, "page", json_boolean(event->page));
	set_text(o, "summary", summary);
	return o;
}

bool event_write(struct event_text *t, const struct event_about *about, const struct watch_event *event)
{
	*t = (struct event_text){ .type = event_kind_names[event->kind], .page = event->page, .told = event->told,
				  .resolved = event->resolved || event->kind == EVENT_UP };
	snprintf(t->monitor, sizeof(t->monitor), "%s", about->monitor->name);
	snprintf(t->incident, sizeof(t->incident), "%s/%" PRIu64, t->monitor, event->incident);
	snprintf(t->why_not, sizeof(t->why_not), "%s", event->told ? "" : event->why_not);
	write_id(t, about->shard, event->since_ms, event->late);
	t->body = body_of(t->type, about->now_ms, data_of(t, about, event));
	return t->body;
}

void event_text_free(struct event_text *t)
{
	free(t->body);
	t->body = NULL;
}

bool event_write_problem(struct event_text *t, const struct event_problem *p, unsigned shard, uint64_t now_ms)
{
	char summary[EVENT_SUMMARY_MAX], lasted[DURATION_TEXT_MAX];
	json_t *data = json_object();
	*t = (struct event_text){ .type = EVENT_PROBLEM, .told = true, .resolved = p->resolved };
	snprintf(t->incident, sizeof(t->incident), "%.64s/%" PRIu64, p->component, p->since_ms);
	write_id(t, shard, p->since_ms, false);
	duration_text(now_ms > p->since_ms ? now_ms - p->since_ms : 0, lasted);
	if (p->resolved)
		snprintf(summary, sizeof(summary), "portwatch itself: %s is well again after %s (was: %s)", p->component, lasted,
			 p->problem);
	else
		snprintf(summary, sizeof(summary), "portwatch itself: %s: %s", p->component, p->problem);
	set_text(data, "component", p->component);
	set_text(data, "problem", p->problem);
	set_time(data, "since", p->since_ms);
	if (p->resolved)
		set_number(data, "duration_s", now_ms > p->since_ms ? (now_ms - p->since_ms) / MS_PER_S : 0);
	set_text(data, "status", status_of(p->resolved));
	set_text(data, "incident", t->incident);
	json_object_set_new(data, "page", json_false());
	set_text(data, "summary", summary);
	t->body = body_of(EVENT_PROBLEM, now_ms, data);
	return t->body;
}
