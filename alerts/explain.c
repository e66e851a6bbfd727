/* explain.c - why a monitor stands as it does, as JSON: the same ballots that decide.c counts, put into words.
 * In: a watch, a moment.  Out: watch_regions() for messages, watch_explain() for `portwatch explain`.
 * Owns: nothing.  Why so: an alert that cannot show its arithmetic is not believed at night. */
#include "alerts/watch_self.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE_MAX 400

static void set_text(json_t *o, const char *name, const char *text)
{
	json_object_set_new(o, name, json_string(text));
}

static void set_number(json_t *o, const char *name, uint64_t value)
{
	json_object_set_new(o, name, json_integer((json_int_t)value));
}

static json_t *show_look(const struct look *l)
{
	json_t *o = json_object();

	set_text(o, "class", verdict_class_name(verdict_row(l->verdict)->class));
	set_text(o, "verdict", verdict_row(l->verdict)->name);
	set_number(o, "rtt_us", l->rtt_us);
	set_number(o, "syn_retrans", l->syn_retrans);
	set_number(o, "errno", look_is_soon(l) ? 0 : l->error);
	if (look_is_soon(l))
		json_object_set_new(o, "soon", json_true());
	set_number(o, "at_ms", look_slot_ms(l));
	return o;
}

/* The newest of all, known or not; NULL: none. */
static const struct look *newest_look(const struct region_history *h)
{
	const struct look *l = h->unknown.key > h->known[0].key ? &h->unknown : &h->known[0];

	return l->key ? l : NULL;
}

/* A region that is away is not said to see anything now. */
static void show_abstention(json_t *o, const struct decide_in *in, unsigned region)
{
	struct ballot b;

	decide_ballot(in, region, &b);
	if (b.why == ABSTAIN_EXPIRED || b.why == ABSTAIN_QUARANTINED || b.why == ABSTAIN_SILENT)
		set_text(o, "abstains", abstain_sentence[b.why]);
}

/* Of several addresses, some of which are down. */
static void show_addresses(json_t *o, const struct watch *w, unsigned region)
{
	const struct address_look *l = watch_addresses(w, region);
	char said[ADDRESS_SAID_MAX] = "";

	if (l)
		address_look_say(l, said);
	if (!said[0])
		return;
	set_text(o, "partial", said);
	set_number(o, "addresses", l->count);
	json_object_set_new(o, "down_addresses", address_look_down(l));
}

json_t *watch_regions(const struct watch *w, const char *const *names, const struct watch_env *env)
{
	json_t *all = json_array();
	char address[INET6_ADDRSTRLEN];
	struct decide_in in;

	watch_view(w, env, &in);
	for (unsigned index = 0; index < REGIONS_MAX; index++) {
		const int i = watch_position(w, index);
		const struct look *l = i < 0 ? NULL : newest_look(&w->region[i]);
		if (!l)
			continue;
		json_t *o = json_object(), *look = show_look(l);
		set_text(o, "region", names[index]);
		json_object_update(o, look);
		json_decref(look);
		look_address_text(w->region[i].address, address);
		set_text(o, "address", address);
		show_abstention(o, &in, (unsigned)i);
		show_addresses(o, w, (unsigned)i);
		json_array_append_new(all, o);
	}
	return all;
}

static void say_vote(const struct ballot *b, bool expect_closed, char *into, size_t len)
{
	const char *name = verdict_row(b->verdict)->name;

	if (b->vote == VOTE_UP)
		snprintf(into, len, expect_closed ? "%s, as it must be" : "open", name);
	else if (b->vote == VOTE_DOWN)
		snprintf(into, len, "%u in a row, the last %s: weight %u, %u are enough", b->run, name, b->weight,
			 DECIDE_ENOUGH);
	else if (b->why == ABSTAIN_UNCONFIRMED)
		snprintf(into, len, "one failure (%s): weight %u, %u are needed", name, b->weight, DECIDE_ENOUGH);
	else
		snprintf(into, len, "%s", abstain_sentence[b->why]);
}

static json_t *explain_looks(const struct region_history *h, bool expect_closed)
{
	json_t *all = json_array();

	for (unsigned k = 0; k < HISTORY_LOOKS && h->known[k].key; k++) {
		json_t *o = show_look(&h->known[k]);
		set_number(o, "attempt", look_attempt(&h->known[k]));
		set_number(o, "weight", decide_weight(h->known[k].verdict, expect_closed));
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *explain_region(const struct watch *w, const struct decide_in *in, unsigned i, const char *name)
{
	static const char *const votes[] = {[VOTE_ABSTAIN] = "abstains", [VOTE_UP] = "up", [VOTE_DOWN] = "down"};
	const struct region_history *h = &in->region[i];
	json_t *o = json_object();
	char why[SENTENCE_MAX], address[INET6_ADDRSTRLEN];
	struct ballot b;

	decide_ballot(in, i, &b);
	say_vote(&b, in->expect_closed, why, sizeof(why));
	look_address_text(h->address, address);
	set_text(o, "region", name);
	set_text(o, "vote", votes[b.vote]);
	set_text(o, "why", why);
	set_text(o, "address", address);
	json_object_set_new(o, "slow", json_boolean(b.quality.slow));
	json_object_set_new(o, "lossy", json_boolean(b.quality.lossy));
	json_object_set_new(o, "partial", json_boolean(b.quality.partial));
	json_object_set_new(o, "soon", json_boolean(b.quality.soon));
	if (watch_addresses(w, i)) {
		address_look_say(watch_addresses(w, i), why);
		set_text(o, "addresses", why);
	}
	json_object_set_new(o, "looks", explain_looks(h, in->expect_closed));
	if (h->unknown.key)
		json_object_set_new(o, "unknown", show_look(&h->unknown));
	return o;
}

static const char *conclusion(const struct watch *w, const struct decision *d)
{
	switch (w->state) {
	case WATCH_DOWN:
		if (w->regions == 1)
			return "DOWN, seen from one place";
		if (w->rule.expect_closed)
			return d->scope == SCOPE_PARTIAL ? "open, and must not be, partial: some have seen it closed since"
							 : "open, and must not be: nobody has seen it closed since";
		return d->scope == SCOPE_PARTIAL ? "DOWN, partial: some have seen it open since"
						 : "DOWN, service: nobody has seen it open since";
	case WATCH_PATH:
		return w->rule.expect_closed ? "a path issue: it answers a minority, others have seen it closed since"
					     : "a path issue: a minority fails, others have seen it open since";
	case WATCH_DEGRADED:
		if (d->is.partial)
			return "degraded: some of its addresses are down, others answer";
		if (d->is.soon)
			return "degraded: its certificate ends soon";
		if (d->is.slow && d->is.lossy)
			return "degraded: slow, and SYNs are lost";
		return d->is.slow ? "degraded: slow" : "degraded: SYNs are lost";
	case WATCH_UNKNOWN:
		return "UNKNOWN: that is ours, not the target's";
	case WATCH_UP:
		return d->downs || d->suspect ? "up, but a failure is not confirmed yet" : "up";
	default:
		return "nothing is decided yet";
	}
}

static double span_s(uint64_t span_ms, const struct watch *w)
{
	return (double)decide_span_ms(span_ms, w->rule.interval_ms) / 1000;
}

static void say_arithmetic(const struct watch *w, const struct decision *d, char *into, size_t len)
{
	int n;

	if (w->regions == 1)
		n = snprintf(into, len, "%u of 1 region votes down; DOWN takes at least %u failures over %.3g s", d->downs,
			     DECIDE_ONE_REGION_RUN, span_s(DECIDE_ONE_REGION_MS, w));
	else
		n = snprintf(into, len, "%u of %u voters say down, %u up (of %u regions); DOWN takes 2 and more than half",
			     d->downs, d->voters, d->ups, w->regions);
	if (d->against && (size_t)n < len)
		n += snprintf(into + n, len - (size_t)n, "; %u silent that saw it %s after the first failure count against",
			      d->against, w->rule.expect_closed ? "closed" : "open");
	if (d->lasting && (size_t)n < len)
		n += snprintf(into + n, len - (size_t)n, "; two that others contradict, with weak evidence: must last %.3g s",
			      span_s(DECIDE_TWO_REGIONS_MS, w));
	if (w->state == WATCH_DOWN && d->ups && (size_t)n < len)
		n += snprintf(into + n, len - (size_t)n, "; %u of %u have seen it %s twice, %.3g s apart, more than half end it",
			      d->recovered, d->voters, w->rule.expect_closed ? "closed" : "open", span_s(DECIDE_RECOVERY_MS, w));
	if (d->blind && (size_t)n < len)
		n += snprintf(into + n, len - (size_t)n, "; fewer than %u may vote now%s", d->need,
			      d->expired ? "" : ", so their last words stand");
	if ((size_t)n < len)
		snprintf(into + n, len - (size_t)n, ": %s", conclusion(w, d));
}

/* Why somebody is woken by this, or is not. */
static void say_telling(const struct watch *w, const struct watch_env *env, char *into, size_t len)
{
	const struct story *s = w->story;
	const struct telling *t = s ? &s->telling[EVENT_DOWN] : NULL;
	char why[QUIET_WHY_MAX];

	if (s && s->telling[EVENT_FLAPPING].told)
		snprintf(into, len, "told once that it is flapping; DOWN and UP are not told until it rests");
	else if (t && t->told)
		snprintf(into, len, "told as incident %u", t->incident);
	else if (t && t->open && w->state == WATCH_DOWN)
		switch (quiet_judge(EVENT_DOWN, w->rule.canary, s->flap.on, env,
				    t->decided_ms + w->rule.timeout_ms + WATCH_HOLD_EXTRA_MS, why)) {
		case QUIET_WAIT:
			snprintf(into, len, "waits a moment: its parent %s may be the cause",
				 env->parent_name ? env->parent_name : "");
			break;
		case QUIET_SILENT:
			snprintf(into, len, "not told: %s", why);
			break;
		default:
			snprintf(into, len, "is being told");
		}
	else if (w->state == WATCH_PATH)
		snprintf(into, len, "a path issue pages nobody; a notice after 5 min");
	else if (w->state == WATCH_DEGRADED || w->state == WATCH_UNKNOWN)
		snprintf(into, len, "a notice, no page");
	else
		snprintf(into, len, "nothing to tell");
}

json_t *watch_explain(const struct watch *w, const char *const *names, const struct watch_env *env)
{
	json_t *o = json_object(), *regions = json_array();
	char sentence[SENTENCE_MAX];
	struct decide_in in;
	struct decision d;

	watch_view(w, env, &in);
	decide(&in, &d);
	set_text(o, "state", watch_state_names[w->state]);
	set_text(o, "scope", watch_scope_names[w->scope]);
	set_number(o, "since_ms", w->since_ms);
	set_text(o, "verdict", w->verdict == VERDICT_NONE ? "" : verdict_row(w->verdict)->name);
	set_number(o, "incident",
		   w->story && w->story->telling[EVENT_DOWN].open ? w->story->telling[EVENT_DOWN].incident : w->incidents);
	for (unsigned index = 0; index < REGIONS_MAX; index++)
		if (watch_position(w, index) >= 0)
			json_array_append_new(regions, explain_region(w, &in, (unsigned)watch_position(w, index), names[index]));
	json_object_set_new(o, "regions", regions);
	if (w->said)
		set_text(o, "certificate", watch_said(w));
	say_arithmetic(w, &d, sentence, sizeof(sentence));
	set_text(o, "arithmetic", sentence);
	say_telling(w, env, sentence, sizeof(sentence));
	set_text(o, "telling", sentence);
	return o;
}
