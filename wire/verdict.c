/* verdict.c - the table of verdicts: name, class and the sentence that holds when nothing more is known.
 * A name is as permanent as its number: dashboards and scripts read it. */
#include "wire/verdict.h"
#include "base/must.h"

static const struct verdict_row rows[] = {
	[VERDICT_NONE] = { "none", CLASS_UNKNOWN, "no verdict that this version knows" },

	[VERDICT_OPEN] = { "open", CLASS_UP, "the handshake completed" },

	[VERDICT_CLOSED] = { "closed", CLASS_DOWN, "nothing listens: reset in answer to the SYN" },
	[VERDICT_FILTERED] = { "filtered", CLASS_DOWN, "silence until the deadline" },
	[VERDICT_RESET] = { "reset", CLASS_DOWN, "SYN-ACK, then a reset" },
	[VERDICT_REJECTED] = { "rejected", CLASS_DOWN, "a firewall refused the connection" },
	[VERDICT_UNREACHABLE] = { "unreachable", CLASS_DOWN, "the network cannot reach the host" },
	[VERDICT_NO_NAME] = { "no-name", CLASS_DOWN, "the name has no such address" },
	[VERDICT_WRONG_ADDRESS] = { "wrong-address", CLASS_DOWN, "the name leads to an address that is not expected" },
	[VERDICT_CERTIFICATE] = { "certificate", CLASS_DOWN, "the certificate does not hold" },

	[VERDICT_RESOLVER] = { "resolver", CLASS_UNKNOWN, "the resolver gave no answer about the name" },
	[VERDICT_DENIED] = { "denied", CLASS_UNKNOWN, "the address policy forbids this address: nothing was sent" },
	[VERDICT_LOCAL] = { "local", CLASS_UNKNOWN, "the prober itself could not try" },
	[VERDICT_EXPIRED] = { "expired", CLASS_UNKNOWN, "the job was too old when its turn came: not probed" },
	[VERDICT_SHUTDOWN] = { "shutdown", CLASS_UNKNOWN, "the engine was shutting down: not probed" },
};
_Static_assert(ARRAY_LEN(rows) == VERDICTS, "every verdict needs a row");

const struct verdict_row *verdict_row(enum verdict v)
{
	must_say((unsigned)v < VERDICTS, "verdict %d", (int)v);
	return &rows[v];
}

bool verdict_is_silent(enum verdict v)
{
	return v == VERDICT_CLOSED || v == VERDICT_FILTERED || v == VERDICT_REJECTED || v == VERDICT_UNREACHABLE || v == VERDICT_NO_NAME;
}

enum verdict_class verdict_class_for(enum verdict v, bool expect_closed)
{
	const enum verdict_class own = verdict_row(v)->class;

	if (!expect_closed || own == CLASS_UNKNOWN)
		return own;
	return verdict_is_silent(v) ? CLASS_UP : CLASS_DOWN;
}

const char *verdict_class_name(enum verdict_class c)
{
	static const char *const names[] = { [CLASS_UP] = "up", [CLASS_DOWN] = "down", [CLASS_UNKNOWN] = "unknown" };

	must_say((unsigned)c < ARRAY_LEN(names), "class %d", (int)c);
	return names[c];
}
