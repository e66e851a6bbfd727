/* address_rows.c - see address_rows.h.
 * In: rows of results.  Out: which addresses are down, as a sentence and as JSON.  Owns: nothing.
 * Why so: the deciding needs to know only that some are down; which, is for people, and kept where there are several. */
#include "alerts/address_rows.h"

#include "alerts/history.h"
#include "base/must.h"

#include <stdio.h>
#include <string.h>

#define NAMED_MAX 4 /* in a sentence; the JSON has all */

static void look_add(struct address_look *l, const uint8_t address[16], enum verdict verdict)
{
	unsigned at = 0;

	while (at < l->count && memcmp(l->row[at].address, address, 16) < 0)
		at++;
	if (at < l->count && !memcmp(l->row[at].address, address, 16)) {
		if (verdict < l->row[at].verdict) /* as of two results of one job: open first, trouble last */
			l->row[at].verdict = (uint8_t)verdict;
		return;
	}
	if (l->count == ADDRESS_ROWS_MAX)
		return;
	memmove(&l->row[at + 1], &l->row[at], (l->count - at) * sizeof(l->row[0]));
	memcpy(l->row[at].address, address, 16);
	l->row[at].verdict = (uint8_t)verdict;
	l->count++;
}

void address_rows_add(struct address_rows *a, uint64_t key, const uint8_t address[16], enum verdict verdict)
{
	if (key > a->newest.key) {
		a->before = a->newest;
		a->newest = (struct address_look){ .key = key };
	} else if (key != a->newest.key && key > a->before.key) {
		a->before = (struct address_look){ .key = key };
	}
	if (key == a->newest.key)
		look_add(&a->newest, address, verdict);
	else if (key == a->before.key)
		look_add(&a->before, address, verdict);
}

const struct address_look *address_rows_whole(const struct address_rows *a)
{
	return a->before.count > a->newest.count ? &a->before : &a->newest;
}

static bool is_down(const struct address_row *r)
{
	return verdict_row((enum verdict)r->verdict)->class == CLASS_DOWN;
}

static bool is_nowhere(const struct address_row *r)
{
	static const uint8_t none[16];

	return !memcmp(r->address, none, sizeof(none));
}

static bool is_v4(const struct address_row *r)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(r->address, mapped, sizeof(mapped));
}

struct census {
	unsigned v4, v4_down, v6, v6_down, nowhere, open;
};

static struct census count(const struct address_look *l)
{
	struct census c = { 0 };

	for (unsigned i = 0; i < l->count; i++) {
		const struct address_row *r = &l->row[i];
		c.open += r->verdict == VERDICT_OPEN;
		if (is_nowhere(r))
			c.nowhere += is_down(r);
		else if (is_v4(r)) {
			c.v4++;
			c.v4_down += is_down(r);
		} else {
			c.v6++;
			c.v6_down += is_down(r);
		}
	}
	return c;
}

/* "a, b, c, d and 3 more" */
static void name_down(const struct address_look *l, char *into, size_t len)
{
	unsigned named = 0, more = 0;
	size_t used = 0;

	*into = '\0';
	for (unsigned i = 0; i < l->count; i++) {
		char text[INET6_ADDRSTRLEN];
		if (!is_down(&l->row[i]) || is_nowhere(&l->row[i]))
			continue;
		if (named == NAMED_MAX) {
			more++;
			continue;
		}
		look_address_text(l->row[i].address, text);
		used += (size_t)snprintf(into + used, len - used, "%s%s", named++ ? ", " : "", text);
	}
	if (more)
		snprintf(into + used, len - used, " and %u more", more);
}

void address_look_say(const struct address_look *l, char into[ADDRESS_SAID_MAX])
{
	const struct census c = count(l);
	const unsigned down = c.v4_down + c.v6_down;
	char names[NAMED_MAX * (INET6_ADDRSTRLEN + 2) + 24];

	into[0] = '\0';
	if (!c.open || !(down + c.nowhere))
		return;
	name_down(l, names, sizeof(names));
	if (!down)
		snprintf(into, ADDRESS_SAID_MAX, c.v4 ? "v4 up, no IPv6 address" : "v6 up, no IPv4 address");
	else if (c.v4 && c.v6 && c.v6_down == c.v6 && !c.v4_down)
		snprintf(into, ADDRESS_SAID_MAX, "v6 down (%s), v4 up", names);
	else if (c.v4 && c.v6 && c.v4_down == c.v4 && !c.v6_down)
		snprintf(into, ADDRESS_SAID_MAX, "v4 down (%s), v6 up", names);
	else
		snprintf(into, ADDRESS_SAID_MAX, "%u of %u addresses down (%s)%s", down, c.v4 + c.v6, names,
			 !c.nowhere ? "" : c.v4 ? ", no IPv6 address" : ", no IPv4 address");
}

json_t *address_look_down(const struct address_look *l)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < l->count; i++) {
		char text[INET6_ADDRSTRLEN];
		if (!is_down(&l->row[i]))
			continue;
		json_t *one = json_object();
		look_address_text(l->row[i].address, text);
		json_object_set_new(one, "address", json_string(text));
		json_object_set_new(one, "verdict", json_string(verdict_row((enum verdict)l->row[i].verdict)->name));
		json_array_append_new(list, one);
	}
	return list;
}
