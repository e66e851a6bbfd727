/* address_policy_self.h - a policy from inside: for the judge, and for the reader of its file. */
#ifndef ENGINE_ADDRESS_POLICY_SELF_H
#define ENGINE_ADDRESS_POLICY_SELF_H

#include "engine/address_policy.h"

#include <stdint.h>

/* An address as two numbers: an IPv4 one is the low half of hi, with 0 as lo. */
struct address_bits {
	uint64_t hi, lo;
};

struct policy_rule {
	struct address_bits net, mask;
	uint16_t port_first, port_last;
	uint8_t bits;
	bool allow;
	char *said, *carried; /* the sentence, and the one for an IPv6 address that carries what the rule denies; its own */
};

struct policy_rules {
	struct policy_rule *rule;
	unsigned count, room;
};

struct address_policy {
	char *name;
	struct policy_rules v4, v6;
	char *unnamed; /* what is said where no rule fits */
};

struct policy_net {
	bool v4, v6; /* both: any */
	struct address_bits net;
	uint8_t bits;
};

struct address_policy *policy_empty(const char *name);
/* text (not ended by 0) as ADDRESS or ADDRESS/BITS; false: why says what is wrong. */
bool policy_net_parse(const char *text, size_t len, struct policy_net *net, char *why, size_t why_len);
/* False: there are too many.  said and carried are copied; NULL for those that allow. */
bool policy_add(struct address_policy *p, const struct policy_net *net, uint16_t port_first, uint16_t port_last,
		bool allow, const char *said, const char *carried);
/* Adds the rules of "any", "private" or "public", which leave nothing undecided; false: there is no such policy. */
bool policy_add_named(struct address_policy *p, const char *name);

#endif
