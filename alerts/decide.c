/* decide.c - votes, and what they come to.
 * In: the kept results of every region, a moment, who may not vote.  Out: a decision.
 * Owns: nothing.  Why so: the state "down" has a memory (it ends otherwise than it begins), and a memory kept beside
 * the results would depend on the order in which they came.  So the memory is computed anew each time, from the
 * results in the order of their slots; that costs a few microseconds, and only for monitors that have a failure
 * among the results kept. */
#include "alerts/decide.h"
#include "base/must.h"

#include <string.h>

const char *const abstain_sentence[ABSTAINS] = {
	[ABSTAIN_NOT] = "",
	[ABSTAIN_NO_RESULT] = "has no result yet",
	[ABSTAIN_EXPIRED] = "its last result is older than 2.5 intervals",
	[ABSTAIN_QUARANTINED] = "is quarantined",
	[ABSTAIN_SILENT] = "has no living engine",
	[ABSTAIN_UNCONFIRMED] = "one weak failure is not enough",
};

unsigned decide_weight(enum verdict v, bool expect_closed)
{
	const struct look l = { .verdict = (uint8_t)v };

	if (expect_closed && look_is_good(&l, true))
		return 0;
	switch (v) {
	case VERDICT_OPEN:
		return expect_closed ? DECIDE_STRONG : 0;
	case VERDICT_CLOSED:
	case VERDICT_REJECTED:
	case VERDICT_NO_NAME:
	case VERDICT_WRONG_ADDRESS:
	case VERDICT_CERTIFICATE:
		return DECIDE_STRONG;
	case VERDICT_FILTERED:
	case VERDICT_RESET:
	case VERDICT_UNREACHABLE:
		return 1;
	default:
		return 0;
	}
}

/* A region as it stands after some of its results, oldest first. */
struct view {
	uint64_t newest_ms, first_ms, open_first_ms, last_down_ms; /* slots */
	uint8_t weight, run, opens, verdict;
};

static void view_add(struct view *v, const struct look *l, const struct decide_in *in)
{
	const bool good = look_is_good(l, in->expect_closed);

	if (!good && look_slot_ms(l) <= in->over_ms)
		return;
	v->newest_ms = look_slot_ms(l);
	v->verdict = l->verdict;
	if (good) {
		if (!v->opens++)
			v->open_first_ms = v->newest_ms;
		v->weight = v->run = 0;
		v->first_ms = 0;
		return;
	}
	if (!v->run++)
		v->first_ms = v->newest_ms;
	v->weight += decide_weight(l->verdict, in->expect_closed);
	v->opens = 0;
	v->last_down_ms = v->newest_ms;
}

static bool view_recovered(const struct view *v, unsigned interval_ms)
{
	return v->opens >= 2 && v->newest_ms - v->open_first_ms >= decide_span_ms(DECIDE_RECOVERY_MS, interval_ms);
}

static enum vote view_vote(const struct view *v, const struct decide_in *in, uint64_t at_ms, enum abstain *why)
{
	*why = ABSTAIN_NOT;
	if (!v->newest_ms)
		*why = ABSTAIN_NO_RESULT;
	else if (at_ms > v->newest_ms + decide_expiry_ms(in->interval_ms))
		*why = ABSTAIN_EXPIRED;
	else if (v->opens)
		return VOTE_UP;
	else if (v->weight >= DECIDE_ENOUGH)
		return VOTE_DOWN;
	else
		*why = ABSTAIN_UNCONFIRMED;
	return VOTE_ABSTAIN;
}

/* The votes at one moment. */
struct tally {
	unsigned able; /* voters, and those who would be with one more failure */
	unsigned voters, downs, ups, recovered, against, disagree;
	bool one_place; /* of a monitor with one region: failures for long enough */
	bool contradicted; /* somebody saw it open after the first failure */
	bool weak;	   /* no strong result is in any run that votes down */
	uint64_t since_ms; /* the first failure of those who vote down */
	uint64_t joined_ms, last_ms; /* from when and until when all of them have failed */
};

static bool one_place_is_enough(const struct view *v, unsigned interval_ms)
{
	return v->run >= DECIDE_ONE_REGION_RUN &&
	       v->newest_ms - v->first_ms >= decide_span_ms(DECIDE_ONE_REGION_MS, interval_ms);
}

static void tally_votes(struct tally *t, const struct decide_in *in, const struct view *view, uint64_t at_ms,
			unsigned barred)
{
	enum abstain why;

	memset(t, 0, sizeof(*t));
	t->since_ms = t->last_ms = UINT64_MAX;
	t->weak = true;
	for (unsigned i = 0; i < in->regions; i++) {
		const struct view *v = &view[i];
		if (barred >> i & 1)
			continue;
		const enum vote vote = view_vote(v, in, at_ms, &why);
		t->able += vote != VOTE_ABSTAIN || why == ABSTAIN_UNCONFIRMED;
		if (vote == VOTE_ABSTAIN)
			continue;
		t->voters++;
		if (vote == VOTE_UP) {
			t->ups++;
			t->recovered += view_recovered(v, in->interval_ms);
			continue;
		}
		t->downs++;
		t->one_place |= one_place_is_enough(v, in->interval_ms);
		t->weak &= v->weight == v->run;
		t->since_ms = v->first_ms < t->since_ms ? v->first_ms : t->since_ms;
		t->joined_ms = v->first_ms > t->joined_ms ? v->first_ms : t->joined_ms;
		t->last_ms = v->newest_ms < t->last_ms ? v->newest_ms : t->last_ms;
	}
}

/* Who saw it open at or after the first failure: voters, who make a DOWN partial or a minority a path issue, and muted
 * regions, who have fallen silent since and would otherwise turn a path issue into a DOWN by leaving. */
static void tally_disagreement(struct tally *t, const struct decide_in *in, const struct view *view, uint64_t at_ms,
			       unsigned barred, unsigned muted, uint64_t since_ms)
{
	enum abstain why;

	for (unsigned i = 0; i < in->regions; i++) {
		const struct view *v = &view[i];
		if (view_vote(v, in, at_ms, &why) != VOTE_UP || v->newest_ms < since_ms) /* a round has one slot in all regions */
			continue;
		t->against += muted >> i & 1;
		t->contradicted |= !(barred >> i & 1) || muted >> i & 1;
		t->disagree += !(barred >> i & 1) && v->last_down_ms < since_ms;
	}
}

static bool tally_is_majority(const struct tally *t, const struct decide_in *in)
{
	if (in->regions == 1)
		return t->downs == 1 && t->one_place;
	return t->downs >= 2 && 2 * t->downs > t->voters + t->against;
}

/* Of a majority: two against somebody, with weak evidence, and not yet for long. */
static bool tally_must_last(const struct tally *t, const struct decide_in *in)
{
	return t->downs == 2 && t->weak && t->contradicted &&
	       t->last_ms < t->joined_ms + decide_span_ms(DECIDE_TWO_REGIONS_MS, in->interval_ms);
}

static bool tally_is_down(const struct tally *t, const struct decide_in *in)
{
	return tally_is_majority(t, in) && !tally_must_last(t, in);
}

static bool tally_is_up_again(const struct tally *t, unsigned need)
{
	return t->voters >= need && 2 * t->recovered > t->voters;
}

static unsigned known_looks(const struct region_history *h)
{
	unsigned n = 0;

	while (n < HISTORY_LOOKS && h->known[n].key)
		n++;
	return n;
}

/* The slot from which on nothing of any region has been dropped: before it, a majority may be one of those who are
 * left. */
static uint64_t horizon_ms(const struct decide_in *in)
{
	uint64_t horizon = 0;

	for (unsigned i = 0; i < in->regions; i++) {
		const struct look *oldest = &in->region[i].known[HISTORY_LOOKS - 1];
		if (oldest->key && look_slot_ms(oldest) > horizon)
			horizon = look_slot_ms(oldest);
	}
	return horizon;
}

static void step(const struct decide_in *in, const struct view *view, struct decision *out, uint64_t at_ms)
{
	struct tally t;

	tally_votes(&t, in, view, at_ms, in->quarantined);
	tally_disagreement(&t, in, view, at_ms, in->quarantined, 0, t.since_ms);
	if (!out->down && tally_is_down(&t, in)) {
		out->down = true;
		out->since_ms = t.since_ms;
	} else if (out->down && tally_is_up_again(&t, out->need)) {
		out->down = false;
	}
}

/* Goes through the results in the order of their slots; those of one slot (a round in all regions) count together. */
static void replay(const struct decide_in *in, struct view *view, struct decision *out)
{
	const uint64_t horizon = horizon_ms(in);
	unsigned left[REGIONS_MAX];
	uint64_t at_ms = 0;

	for (unsigned i = 0; i < in->regions; i++)
		left[i] = known_looks(&in->region[i]);
	for (;;) {
		unsigned next = REGIONS_MAX;
		uint64_t key = UINT64_MAX;
		for (unsigned i = 0; i < in->regions; i++)
			if (left[i] && in->region[i].known[left[i] - 1].key < key) {
				key = in->region[i].known[left[i] - 1].key;
				next = i;
			}
		if (at_ms && at_ms != key >> 16 && at_ms >= horizon)
			step(in, view, out, at_ms);
		if (next == REGIONS_MAX)
			return;
		at_ms = key >> 16;
		view_add(&view[next], &in->region[next].known[--left[next]], in);
	}
}

/* Slow, lossy or partial begins with two of the last three and ends when three in a row are fine, so that one look at the
 * edge neither begins nor ends it.  A date is no measurement, and is looked at seldom: that a certificate ends soon begins with
 * one look and ends with two, because behind one name there may be an old one and a new one for a while. */
static struct quality judge_quality(const struct decide_in *in, const struct region_history *h)
{
	unsigned slows = 0, losses = 0, parts = 0; /* newest in bit 0 */
	unsigned holds = 0;			   /* looks in a row at a certificate that holds for long */
	struct quality q = { 0 };

	for (unsigned i = known_looks(h); i--;) {
		const struct look *l = &h->known[i];
		if (!look_is_open(l) || in->expect_closed) /* what must not answer has no quality */
			continue;
		holds = look_is_soon(l) ? 0 : holds + 1;
		q.soon = holds == 0 || (q.soon && holds < 2);
		slows = (slows << 1 | (in->slow_ms && l->rtt_us > in->slow_ms * 1000ull)) & 7;
		losses = (losses << 1 | (l->syn_retrans > 0)) & 7;
		parts = (parts << 1 | l->partial) & 7;
		q.slow = q.slow ? slows != 0 : __builtin_popcount(slows) >= 2;
		q.lossy = q.lossy ? losses != 0 : __builtin_popcount(losses) >= 2;
		q.partial = q.partial ? parts != 0 : __builtin_popcount(parts) >= 2;
	}
	return q;
}

static bool look_is_poor(const struct decide_in *in, const struct look *l)
{
	return l->syn_retrans || look_is_soon(l) || (in->slow_ms && l->rtt_us > in->slow_ms * 1000ull);
}

static bool is_quorum(const struct decision *d, unsigned regions)
{
	return regions >= d->need && 2 * regions > d->voters;
}

static void count_quality(const struct decide_in *in, const struct view *view, unsigned barred, struct decision *out)
{
	unsigned slows = 0, losses = 0, parts = 0, soons = 0;
	bool fine = false;
	enum abstain why;

	for (unsigned i = 0; i < in->regions; i++) {
		if (barred >> i & 1 || view_vote(&view[i], in, in->now_ms, &why) != VOTE_UP)
			continue;
		const struct quality q = judge_quality(in, &in->region[i]);
		slows += q.slow;
		losses += q.lossy;
		parts += q.partial;
		soons += q.soon;
		fine |= !look_is_poor(in, &in->region[i].known[0]);
	}
	out->is = (struct quality){ .slow = is_quorum(out, slows), .lossy = is_quorum(out, losses),
				    .partial = is_quorum(out, parts), .soon = is_quorum(out, soons) };
	if (out->is.slow || out->is.lossy || out->is.soon)
		out->quality = fine || out->downs ? SCOPE_PARTIAL : SCOPE_SERVICE;
	if (out->is.partial)
		out->quality = SCOPE_PARTIAL;
}

static enum verdict common_verdict(const struct decide_in *in, const struct view *view, unsigned barred)
{
	unsigned count[VERDICTS] = {0};
	enum verdict most = VERDICT_NONE;
	enum abstain why;

	for (unsigned i = 0; i < in->regions; i++)
		if (!(barred >> i & 1) && view_vote(&view[i], in, in->now_ms, &why) == VOTE_DOWN)
			count[view[i].verdict]++;
	for (enum verdict v = VERDICT_NONE + 1; v < VERDICTS; v++)
		if (count[v] > count[most])
			most = v;
	return most;
}

static void look_ahead(const struct decide_in *in, const struct view *view, struct decision *out)
{
	out->next_ms = UINT64_MAX;
	for (unsigned i = 0; i < in->regions; i++) {
		const uint64_t end = view[i].newest_ms + decide_expiry_ms(in->interval_ms) + 1;
		out->heard += view[i].newest_ms != 0;
		for (unsigned k = 0; k < HISTORY_LOOKS; k++)
			out->opened |= in->region[i].known[k].key && look_is_good(&in->region[i].known[k], in->expect_closed);
		if (view[i].newest_ms && end > in->now_ms && end < out->next_ms)
			out->next_ms = end;
		out->suspect |= view[i].run && end > in->now_ms && !(in->quarantined >> i & 1);
	}
}

/* The state at now: what the results came to, and who may vote now.  barred is of in, or none when those who may
 * vote are too few and their last words must do. */
static void conclude(const struct decide_in *in, const struct view *view, struct decision *out)
{
	const unsigned barred = in->quarantined | in->silent;
	struct tally t;

	tally_votes(&t, in, view, in->now_ms, barred);
	tally_disagreement(&t, in, view, in->now_ms, barred, in->silent & ~in->quarantined,
			   out->down ? out->since_ms : t.since_ms);
	if (!out->down && tally_is_down(&t, in)) {
		out->down = true;
		out->since_ms = t.since_ms;
	} else if (out->down && tally_is_up_again(&t, out->need)) {
		out->down = false;
	}
	out->voters = t.voters;
	out->downs = t.downs;
	out->ups = t.ups;
	out->against = t.against;
	out->recovered = t.recovered;
	out->path = !out->down && t.downs && t.contradicted;
	out->lasting = !out->down && tally_is_majority(&t, in);
	if (!out->down)
		out->since_ms = t.downs ? t.since_ms : 0;
	for (unsigned i = 0; i < in->regions; i++)
		out->unheard |= out->down && !(barred >> i & 1) && view[i].newest_ms && view[i].newest_ms < out->since_ms;
	if (out->down)
		out->scope = t.disagree ? SCOPE_PARTIAL : SCOPE_SERVICE;
	else if (out->path)
		out->scope = SCOPE_PATH;
	if (out->voters)
		count_quality(in, view, barred, out);
	out->verdict = common_verdict(in, view, barred);
}

static bool has_failure(const struct decide_in *in)
{
	for (unsigned i = 0; i < in->regions; i++)
		for (unsigned k = 0; k < HISTORY_LOOKS && in->region[i].known[k].key; k++)
			if (!look_is_good(&in->region[i].known[k], in->expect_closed))
				return true;
	return false;
}

static void view_all(struct view *v, const struct region_history *h, const struct decide_in *in)
{
	memset(v, 0, sizeof(*v));
	for (unsigned k = known_looks(h); k--;)
		view_add(v, &h->known[k], in);
}

void decide(const struct decide_in *given, struct decision *out)
{
	struct decide_in in = *given;
	struct view view[REGIONS_MAX], replayed[REGIONS_MAX] = {0};
	const unsigned all = (1u << in.regions) - 1;
	struct tally t;

	must(in.regions <= REGIONS_MAX);
	in.quarantined &= all;
	in.silent &= all;
	memset(out, 0, sizeof(*out));
	out->need = in.regions == 1 ? 1 : 2;
	for (unsigned i = 0; i < in.regions; i++)
		view_all(&view[i], &in.region[i], &in);
	tally_votes(&t, &in, view, in.now_ms, in.quarantined | in.silent);
	out->blind = t.able < out->need;
	if (out->blind) {
		in.quarantined = in.silent = 0;
		tally_votes(&t, &in, view, in.now_ms, 0);
		out->expired = t.able < out->need;
	}
	look_ahead(&in, view, out);
	out->failed = has_failure(&in);
	if (out->failed)
		replay(&in, replayed, out);
	conclude(&in, view, out);
	out->suspect &= !out->down;
}

void decide_ballot(const struct decide_in *in, unsigned region, struct ballot *b)
{
	const struct region_history *h = &in->region[region];
	struct view v;

	memset(b, 0, sizeof(*b));
	view_all(&v, h, in);
	b->vote = view_vote(&v, in, in->now_ms, &b->why);
	if (in->silent >> region & 1)
		b->why = ABSTAIN_SILENT;
	if (in->quarantined >> region & 1)
		b->why = ABSTAIN_QUARANTINED;
	if (b->why != ABSTAIN_NOT)
		b->vote = VOTE_ABSTAIN;
	b->weight = v.weight;
	b->run = v.run;
	b->newest_ms = v.newest_ms;
	b->first_ms = v.first_ms;
	b->verdict = v.verdict;
	b->quality = judge_quality(in, h);
}
