/* address_policy.c - may this address be connected to?
 * In: a sockaddr.  Out: NULL, or the sentence of the rule that forbids it.
 * Owns: the rules; nothing is allocated after they are read.
 * Why so: a list in order, gone through from its start, is what a reader of the rules does in his head.  `public` has
 * some 40 rows a family, about 50 ns of a probe's 8 us; a tree would hide what is decided and save nothing that could
 * be measured (docs/notes/2026-11-25-policy-cost.md). */
#include "engine/address_policy_self.h"

#include "base/must.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum scope { LOCAL, SPECIAL };

static const struct special_range {
	const char *address, *what;
	uint8_t bits;
	enum scope scope;
} special_ranges[] = {
#define RANGE(address, bits, scope, what) { address, what, bits, scope },
#include "engine/special_ranges.def"
#undef RANGE
};

/* ---- making one ---- */

static struct address_bits v4_bits(const void *four)
{
	uint32_t number;
	memcpy(&number, four, 4);
	return (struct address_bits){ be32toh(number), 0 };
}

static struct address_bits v6_bits(const void *sixteen)
{
	uint64_t half[2];
	memcpy(half, sixteen, 16);
	return (struct address_bits){ be64toh(half[0]), be64toh(half[1]) };
}

static struct address_bits v4_mask(unsigned bits)
{
	return (struct address_bits){ bits ? UINT32_MAX << (32 - bits) & UINT32_MAX : 0, 0 };
}

static struct address_bits v6_mask(unsigned bits)
{
	return (struct address_bits){ bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : UINT64_MAX << (64 - bits),
				      bits <= 64 ? 0 : bits == 128 ? UINT64_MAX : UINT64_MAX << (128 - bits) };
}

static bool bits_parse(const char *text, unsigned most, uint8_t *bits)
{
	const size_t len = strspn(text, "0123456789");
	if (!len || len > 3 || text[len] || (len > 1 && text[0] == '0') || strtoul(text, NULL, 10) > most)
		return false;
	*bits = (uint8_t)strtoul(text, NULL, 10);
	return true;
}

static void say_host_bits(const struct policy_net *net, char *why, size_t why_len)
{
	const struct address_bits mask = net->v4 ? v4_mask(net->bits) : v6_mask(net->bits);
	const uint64_t whole[2] = { htobe64(net->net.hi & mask.hi), htobe64(net->net.lo & mask.lo) };
	const uint32_t four = htobe32((uint32_t)(net->net.hi & mask.hi));
	char text[INET6_ADDRSTRLEN];
	inet_ntop(net->v4 ? AF_INET : AF_INET6, net->v4 ? (const void *)&four : whole, text, sizeof(text));
	snprintf(why, why_len, "the address has bits behind its prefix: write %s/%u", text, net->bits);
}

bool policy_net_parse(const char *text, size_t len, struct policy_net *net, char *why, size_t why_len)
{
	char copy[INET6_ADDRSTRLEN + 8];
	uint8_t raw[16];
	*net = (struct policy_net){ 0 };
	snprintf(why, why_len, "this is neither `any` nor an address as in 10.0.0.0/8 or 2001:db8::/32");
	if (len >= sizeof(copy) || memchr(text, 0, len))
		return false;
	memcpy(copy, text, len);
	copy[len] = 0;
	char *slash = strchr(copy, '/');
	if (slash)
		*slash++ = 0;
	net->v4 = inet_pton(AF_INET, copy, raw) == 1;
	net->v6 = !net->v4 && inet_pton(AF_INET6, copy, raw) == 1;
	if (!net->v4 && !net->v6)
		return false;
	net->net = net->v4 ? v4_bits(raw) : v6_bits(raw);
	net->bits = net->v4 ? 32 : 128;
	if (slash && !bits_parse(slash, net->bits, &net->bits)) {
		snprintf(why, why_len, "behind the slash belongs a number of bits from 0 to %u", net->bits);
		return false;
	}
	if (net->v6 && net->bits >= 96 && net->net.hi == 0 && net->net.lo >> 32 == 0xffff) {
		snprintf(why, why_len, "write the IPv4 address as such: it is probed, and judged, as IPv4");
		return false;
	}
	const struct address_bits mask = net->v4 ? v4_mask(net->bits) : v6_mask(net->bits);
	if ((net->net.hi & ~mask.hi) == 0 && (net->net.lo & ~mask.lo) == 0)
		return true;
	say_host_bits(net, why, why_len);
	return false;
}

static bool rules_add(struct policy_rules *rules, const struct policy_rule *rule, const char *said, const char *carried)
{
	if (rules->count == POLICY_RULES_MAX)
		return false;
	if (rules->count == rules->room) {
		rules->room = rules->room ? 2 * rules->room : 64;
		rules->rule = realloc(rules->rule, rules->room * sizeof(*rules->rule));
		must_say(rules->rule, "no memory for %u rules", rules->room);
	}
	struct policy_rule *added = &rules->rule[rules->count++];
	*added = *rule;
	must(!said || ((added->said = strdup(said)) && (added->carried = strdup(carried))));
	return true;
}

bool policy_add(struct address_policy *p, const struct policy_net *net, uint16_t port_first, uint16_t port_last,
		bool allow, const char *said, const char *carried)
{
	struct policy_rule rule = { .net = net->net, .bits = net->bits, .port_first = port_first, .port_last = port_last,
				    .allow = allow };
	bool fits = true;
	rule.mask = v4_mask(net->v4 ? net->bits : 0);
	if (net->v4)
		fits = rules_add(&p->v4, &rule, said, carried);
	rule.mask = v6_mask(net->v6 ? net->bits : 0);
	if (net->v6)
		fits = rules_add(&p->v6, &rule, said, carried) && fits;
	return fits;
}

static bool add_special(struct address_policy *p, const char *name, const struct special_range *range)
{
	struct policy_net net;
	char text[INET6_ADDRSTRLEN + 8], why[160], said[256], carried[256];
	snprintf(text, sizeof(text), "%s/%u", range->address, range->bits);
	net.v6 = strchr(range->address, ':') != NULL;
	if (net.v6 && range->bits == 96 && strcmp(range->address, "::ffff:0:0") == 0) /* which a file may not name */
		net = (struct policy_net){ .v6 = true, .net.lo = 0xffffull << 32, .bits = 96 };
	else
		must_say(policy_net_parse(text, strlen(text), &net, why, sizeof(why)), "%s: %s", text, why);
	snprintf(said, sizeof(said), "address policy %s: %s is %s; nothing was sent", name, text, range->what);
	snprintf(carried, sizeof(carried),
		 "address policy %s: it carries an IPv4 address of %s, which is %s; nothing was sent", name, text, range->what);
	return policy_add(p, &net, 0, UINT16_MAX, false, said, carried);
}

bool policy_add_named(struct address_policy *p, const char *name)
{
	static const struct policy_net everything = { .v4 = true, .v6 = true };
	const bool public = strcmp(name, "public") == 0, private = strcmp(name, "private") == 0;
	if (!public && !private && strcmp(name, "any") != 0)
		return false;
	bool fits = true;
	for (size_t i = 0; i < ARRAY_LEN(special_ranges); i++)
		if (public || (private && special_ranges[i].scope == LOCAL))
			fits = add_special(p, name, &special_ranges[i]) && fits;
	fits = policy_add(p, &everything, 0, UINT16_MAX, true, NULL, NULL) && fits;
	if (!fits) /* behind a file that is full already: deny the rest */
		p->v4.rule[p->v4.count - 1].allow = p->v6.rule[p->v6.count - 1].allow = false;
	return true;
}

struct address_policy *policy_empty(const char *name)
{
	struct address_policy *p = calloc(1, sizeof(*p));
	char unnamed[512];
	snprintf(unnamed, sizeof(unnamed), "address policy %.300s: no line allows it; nothing was sent", name);
	must(p && (p->name = strdup(name)) && (p->unnamed = strdup(unnamed)));
	return p;
}

static void rules_free(struct policy_rules *rules)
{
	for (unsigned i = 0; i < rules->count; i++) {
		free(rules->rule[i].said);
		free(rules->rule[i].carried);
	}
	free(rules->rule);
}

void policy_free(struct address_policy *p)
{
	if (!p)
		return;
	rules_free(&p->v4);
	rules_free(&p->v6);
	free(p->name);
	free(p->unnamed);
	free(p);
}

const char *policy_name(const struct address_policy *p)
{
	return p ? p->name : "any";
}

/* ---- asking it ---- */

static const struct policy_rule *first_fit(const struct policy_rules *rules, struct address_bits a, uint16_t port)
{
	for (unsigned i = 0; i < rules->count; i++) {
		const struct policy_rule *r = &rules->rule[i];
		if ((a.hi & r->mask.hi) == r->net.hi && (a.lo & r->mask.lo) == r->net.lo && port >= r->port_first &&
		    port <= r->port_last)
			return r;
	}
	return NULL;
}

enum { CARRIES_MAX = 2 };

/* The IPv4 addresses that an IPv6 address stands for, by the layouts that are published; how many. */
static unsigned carried_by(struct address_bits a, uint32_t v4[CARRIES_MAX])
{
	const uint64_t low_high = a.lo >> 32; /* groups five and six */
	v4[0] = (uint32_t)a.lo;
	if (a.hi == 0)	  /* ::ffff:V4, ::ffff:0:V4, ::V4 but not :: and ::1 */
		return low_high == 0xffff || low_high == 0xffff0000 || (low_high == 0 && v4[0] > 1);
	if (a.hi == 0x0064ff9b00000000 && low_high == 0)
		return 1;
	if (a.hi >> 48 == 0x2002) {
		v4[0] = (uint32_t)(a.hi >> 16);
		return 1;
	}
	if (a.hi >> 32 == 0x20010000) { /* Teredo: its server, and its client turned over */
		v4[0] = (uint32_t)a.hi;
		v4[1] = ~(uint32_t)a.lo;
		return 2;
	}
	return (low_high & ~0x02000000ull) == 0x5efe; /* ISATAP, RFC 5214 6.1 */
}

/* 64:ff9b:1::/48: only who runs the translator knows where in it the IPv4 address stands (RFC 8215), so it is
 * allowed only by a rule that names it or a part of it. */
static bool carries_unknown(struct address_bits a)
{
	return a.hi >> 16 == 0x0064ff9b0001;
}
#define TRANSLATOR_BITS 48
static const char translator_unnamed[] =
	"address policy: it is a translated IPv4 address (RFC 8215), which one only its translator knows: name "
	"64:ff9b:1::/48 in a policy file to allow it; nothing was sent";

static const char *v4_denied(const struct address_policy *p, struct address_bits a, uint16_t port, bool carried)
{
	const struct policy_rule *rule = first_fit(&p->v4, a, port);
	if (rule && rule->allow)
		return NULL;
	return !rule || !rule->said ? p->unnamed : carried ? rule->carried : rule->said;
}

static const char *v6_denied(const struct address_policy *p, struct address_bits a, uint16_t port)
{
	uint32_t v4[CARRIES_MAX];
	const struct policy_rule *rule = first_fit(&p->v6, a, port);
	const char *why = NULL;
	if (!rule || !rule->allow)
		return rule && rule->said ? rule->said : p->unnamed;
	if (carries_unknown(a) && rule->bits < TRANSLATOR_BITS && strcmp(p->name, "any") != 0)
		return translator_unnamed;
	for (unsigned i = carried_by(a, v4); i-- && !why;)
		why = v4_denied(p, (struct address_bits){ v4[i], 0 }, port, true);
	return why;
}

const char *policy_denies(const struct address_policy *p, const struct sockaddr *to)
{
	static const char port_zero[] = "address policy: there is no port 0; nothing was sent";
	static const char no_family[] = "address policy: it is neither IPv4 nor IPv6; nothing was sent";
	if (to->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)to;
		if (!v4->sin_port)
			return port_zero;
		return p ? v4_denied(p, v4_bits(&v4->sin_addr), ntohs(v4->sin_port), false) : NULL;
	}
	if (to->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)to;
		if (!v6->sin6_port)
			return port_zero;
		return p ? v6_denied(p, v6_bits(&v6->sin6_addr), ntohs(v6->sin6_port)) : NULL;
	}
	return no_family;
}

bool policy_judge(const struct address_policy *p, const struct sockaddr *to, char *why, size_t why_len)
{
	const char *denied = policy_denies(p, to);
	if (denied)
		snprintf(why, why_len, "%s", denied);
	return !denied;
}
