/* address_policy.h - which addresses may be probed: one question about the final sockaddr, asked immediately before
 * each connection and by whoever connects.  Nothing but the sockaddr counts: not how an address was written or where it
 * came from.
 *
 *	any	everything
 *	private	not the prober itself, its link or its cloud's metadata; private networks are fine
 *	public	nothing that stands in IANA's special-purpose registries: for a prober that works for strangers
 *	FILE	lines `allow|deny CIDR|any [PORT|FIRST-LAST[,...]]`; the first line that fits decides; what none names
 *		is denied, unless the last line is `use public`, `use private` or `use any`
 *
 * An IPv6 address that carries an IPv4 one (mapped, translated, 6to4, Teredo, ISATAP) is allowed only where both
 * are. */
#ifndef ENGINE_ADDRESS_POLICY_H
#define ENGINE_ADDRESS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define POLICY_RULES_MAX 4096 /* a probe goes through all of them at about 1 ns each */
#define POLICY_FILE_MAX (1024 * 1024)
#define POLICY_WHY_MAX 640    /* place, sentence, line and caret */

struct address_policy;

/* "any", "private", "public", or the path of a file.  NULL: why says what is wrong, for a file as FILE:LINE:COLUMN, the
 * line and a caret. */
struct address_policy *policy_new(const char *choice, char *why, size_t why_len);
/* The same for the bytes of a file called path. */
struct address_policy *policy_parse(const char *text, size_t len, const char *path, char *why, size_t why_len);
void policy_free(struct address_policy *p); /* NULL is fine */

/* NULL: `to` may be connected to.  Else the sentence that says which rule forbids it; it lives as long as the policy.
 * A NULL policy is `any`.  Port 0 and what is neither IPv4 nor IPv6 is denied by all. */
const char *policy_denies(const struct address_policy *p, const struct sockaddr *to);

/* The same question, for who has several addresses: a name with one that is denied is denied as a whole, so ask for
 * each before the first is used.  False: why holds the sentence. */
bool policy_judge(const struct address_policy *p, const struct sockaddr *to, char *why, size_t why_len);

const char *policy_name(const struct address_policy *p);

#endif
