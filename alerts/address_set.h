/* address_set.h - the addresses that a name leads to, as one region sees them, and when that is another set than before.
 *
 * A resolver may give a part of a set at a time, or its members in turn.  So the set is what the answers of a while (hold)
 * had together, and it is another one when every address in it has been there for that long, and the old ones are not or
 * the new ones were not before:
 *
 *	A A A B B B B	  -> A became B, once A has not come back for hold
 *	A B A B A B	  -> A and B; nothing changes
 *	A,B A,B A A A A	  -> A,B became A
 *
 * While a name is new, for hold, it is only learned.  Pure: the time of a look is handed in. */
#ifndef ALERTS_ADDRESS_SET_H
#define ALERTS_ADDRESS_SET_H

#include "base/json.h"
#include "wire/result.h"

#define ADDRESS_SET_TEXT_MAX (NAME_SET_MAX * INET6_ADDRSTRLEN)

struct address_set; /* 24 B and 40 for each address */

struct address_change {
	char old[ADDRESS_SET_TEXT_MAX], new[ADDRESS_SET_TEXT_MAX]; /* "192.0.2.1,192.0.2.2", in order */
	uint64_t since_ms;					    /* when the first of the new ones was seen, or an old one last */
};

enum address_news { ADDRESSES_SAME, ADDRESSES_LEARNED, ADDRESSES_CHANGED };

/* How long an address must be there, or have been away: five intervals, between 15 s and 10 min, two intervals at least. */
uint64_t address_hold_ms(unsigned interval_ms);
/* A look had these addresses ("192.0.2.1,192.0.2.2"; what cannot be read changes nothing).  *set: NULL at the first.
 * CHANGED: *change says from what to what; LEARNED: the set grew while the name is new. */
enum address_news address_set_take(struct address_set **set, const char *addresses, uint64_t at_ms, uint64_t hold_ms,
				   struct address_change *change);
/* What people know of it: a JSON array of texts; and back, into *set, which is NULL (left so if it cannot be read). */
json_t *address_set_save(const struct address_set *set);
void address_set_load(struct address_set **set, const json_t *saved);

#endif
