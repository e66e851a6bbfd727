/* address_rows.h - what a region saw of each address of a monitor with several (`ip: both`, `addresses: all`): the rows of
 * its last two looks.
 *
 * Two, because the rows of one look come one after the other: whoever tells something in between would count those that
 * have come.  A set like the history: whatever order rows come in and however often, the same are kept. */
#ifndef ALERTS_ADDRESS_ROWS_H
#define ALERTS_ADDRESS_ROWS_H

#include "base/json.h"
#include "wire/result.h"

#define ADDRESS_ROWS_MAX (JOB_ADDRESSES_MAX + 2)
#define ADDRESS_SAID_MAX 256

struct address_row {
	uint8_t address[16]; /* IPv4 mapped; zeros: a family without an address */
	uint8_t verdict;
};

struct address_look {
	uint64_t key; /* as of struct look */
	unsigned count;
	struct address_row row[ADDRESS_ROWS_MAX]; /* by address */
};

struct address_rows {
	struct address_look newest, before;
};

void address_rows_add(struct address_rows *a, uint64_t key, const uint8_t address[16], enum verdict verdict);
/* The newest look of which all rows have come, as far as anybody can know: the one before may have had more. */
const struct address_look *address_rows_whole(const struct address_rows *a);

/* "1 of 4 addresses down (198.51.100.7)", "v6 down (2001:db8::7), v4 up", "v4 up, no IPv6 address"; "" if not some are down
 * and some are open. */
void address_look_say(const struct address_look *l, char into[ADDRESS_SAID_MAX]);
/* [{"address","verdict"}] of those that are down. */
json_t *address_look_down(const struct address_look *l);

#endif
