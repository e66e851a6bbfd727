/* address_book.h - of one monitor, the addresses that its name leads to in each region; what is told of their changes. */
#ifndef ALERTS_ADDRESS_BOOK_H
#define ALERTS_ADDRESS_BOOK_H

#include "alerts/address_set.h"
#include "wire/monitor.h"

struct address_book; /* 150 B, and the sets */

void address_book_free(struct address_book *b);
/* A result, whatever it says; *b is made at the first that names addresses.  CHANGED: to be told; the same change seen from
 * another region too is only LEARNED, like what is to be stored and not told. */
enum address_news address_book_take(struct address_book **b, unsigned region, const struct result *r, unsigned interval_ms,
				    struct address_change *change);
/* {"eu":["192.0.2.1"]} over regions by index; NULL: nothing is known. */
json_t *address_book_save(const struct address_book *b, const char *const *names);
void address_book_load(struct address_book **b, const json_t *saved, const char *const *names, unsigned count);

#endif
