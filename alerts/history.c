/* history.c - the set of results kept of one region.
 * In: looks in any order, any number of times.  Out: the newest eight known ones, newest first.
 * Owns: nothing.  Why so: an array sorted by insertion; eight entries of 16 bytes are two cache lines, and a result
 * that is the newest (nearly all are) goes to the front with one move. */
#include "alerts/history.h"

#include <arpa/inet.h>
#include <string.h>

void look_of_result(struct look *l, uint8_t address[16], const struct result *r)
{
	l->key = look_key(r->slot_ms, r->attempt);
	l->rtt_us = r->outcome.rtt_us;
	l->error = r->outcome.error & 0x7fff;
	l->partial = 0;
	if (r->outcome.verdict == VERDICT_OPEN && r->outcome.tls && r->outcome.tls->soon)
		l->error = LOOK_SOON;
	l->verdict = r->outcome.verdict;
	l->syn_retrans = r->outcome.syn_retrans;
	memset(address, 0, 16);
	if (!r->address[0])
		return;
	if (inet_pton(AF_INET, r->address, address + 12) == 1)
		address[10] = address[11] = 0xff;
	else if (inet_pton(AF_INET6, r->address, address) != 1)
		memset(address, 0, 16);
}

void look_address_text(const uint8_t address[16], char *into)
{
	static const uint8_t none[16], mapped[12] = {[10] = 0xff, [11] = 0xff};

	*into = '\0';
	if (!memcmp(address, mapped, sizeof(mapped)))
		inet_ntop(AF_INET, address + 12, into, INET6_ADDRSTRLEN);
	else if (memcmp(address, none, sizeof(none)))
		inet_ntop(AF_INET6, address, into, INET6_ADDRSTRLEN);
}

/* Of two results with one key, whether a is the one to keep: open, which has the lowest number of those that know
 * something, before any trouble, then any fixed order. */
static bool look_is_better(const struct look *a, const struct look *b)
{
	if (a->verdict != b->verdict)
		return a->verdict < b->verdict;
	if (a->rtt_us != b->rtt_us)
		return a->rtt_us < b->rtt_us;
	if (a->syn_retrans != b->syn_retrans)
		return a->syn_retrans < b->syn_retrans;
	return a->error < b->error;
}

static bool look_replace(struct look *kept, const struct look *l)
{
	const bool partial = kept->partial || l->partial, was_soon = look_is_soon(kept), better = look_is_better(l, kept);
	if (better) {
		*kept = *l;
		kept->partial = partial;
	}
	if (was_soon || look_is_soon(l)) /* of several addresses the worst certificate counts, whichever was fastest */
		kept->error = LOOK_SOON;
	return better || (!was_soon && look_is_soon(kept));
}

static bool is_down_look(const struct look *l)
{
	return verdict_row(l->verdict)->class == CLASS_DOWN;
}

/* Two rows of the newest look: other addresses, and one of them open, the other down. */
static bool note_partial(struct region_history *h, const struct look *l, const uint8_t address[16])
{
	struct look *kept = &h->known[0];

	if (kept->partial || kept->key != l->key || !memcmp(address, h->address, 16) || is_down_look(l) == is_down_look(kept) ||
	    is_down_look(l) == look_is_open(l))
		return false;
	kept->partial = 1;
	return true;
}

static bool add_known(struct region_history *h, const struct look *l)
{
	unsigned at = 0;

	while (at < HISTORY_LOOKS && h->known[at].key > l->key)
		at++;
	if (at == HISTORY_LOOKS)
		return false;
	if (h->known[at].key == l->key)
		return look_replace(&h->known[at], l);
	memmove(&h->known[at + 1], &h->known[at], (HISTORY_LOOKS - 1 - at) * sizeof(*l));
	h->known[at] = *l;
	return true;
}

static bool add_unknown(struct region_history *h, const struct look *l)
{
	if (h->unknown.key > l->key)
		return false;
	if (h->unknown.key == l->key)
		return look_replace(&h->unknown, l);
	h->unknown = *l;
	return true;
}

const struct look *history_kept(const struct region_history *h, const struct look *l)
{
	for (unsigned i = 0; i < HISTORY_LOOKS; i++)
		if (h->known[i].key == l->key)
			return &h->known[i];
	return NULL;
}

bool history_add(struct region_history *h, const struct look *l, const uint8_t address[16])
{
	uint64_t newest = h->known[0].key > h->unknown.key ? h->known[0].key : h->unknown.key;
	bool known = verdict_row(l->verdict)->class != CLASS_UNKNOWN;
	bool partial = known && l->key == newest && note_partial(h, l, address);

	if (l->key > newest || (l->key == newest && memcmp(address, h->address, sizeof(h->address)) > 0))
		memcpy(h->address, address, sizeof(h->address));
	return (known ? add_known(h, l) : add_unknown(h, l)) || partial;
}
