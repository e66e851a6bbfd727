/* prefix.c - reads address ranges and says whether an address lies in one.  Pure, allocates nothing. */
#include "wire/prefix.h"

#include "wire/target.h"

#include <stdlib.h>

static bool bits_read(const char *text, size_t len, unsigned most, uint8_t *bits)
{
	unsigned n = 0;
	if (len < 1 || len > 3)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned)(text[i] - '0');
	}
	*bits = (uint8_t)n;
	return n <= most;
}

/* Whether a bit behind the prefix is set. */
static bool has_host_bits(const struct prefix *p)
{
	for (unsigned bit = p->bits; bit < (p->family == FAMILY_V4 ? 32 : 128); bit++)
		if (p->address[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

bool prefix_parse(const char *text, size_t len, struct prefix *into, char *why, size_t why_len)
{
	char shown[QUOTED_MAX];
	struct job job = { 0 };
	const char *slash = memchr(text, '/', len);
	const size_t head = slash ? (size_t)(slash - text) : len;
	*into = (struct prefix){ 0 };
	if (!job_set_literal(&job, text, head)) {
		snprintf(why, why_len, "%s is neither an address nor ADDRESS/BITS", quoted(shown, text, len));
		return false;
	}
	into->family = job.family;
	into->bits = job.family == FAMILY_V4 ? 32 : 128;
	memcpy(into->address, job.address, sizeof(into->address));
	if (slash && !bits_read(slash + 1, len - head - 1, into->bits, &into->bits)) {
		snprintf(why, why_len, "%s: behind the slash belongs a number of 0 to %u", quoted(shown, text, len),
			 job.family == FAMILY_V4 ? 32u : 128u);
		return false;
	}
	if (has_host_bits(into)) {
		snprintf(why, why_len, "%s: bits are set behind the first %u; write the range's first address", quoted(shown, text, len),
			 into->bits);
		return false;
	}
	return true;
}

int prefixes_parse(const char *text, size_t len, struct prefix into[PREFIXES_MAX], char *why, size_t why_len)
{
	int count = 0;
	for (size_t at = 0, end; at <= len; at = end + 1) {
		const char *comma = at < len ? memchr(text + at, ',', len - at) : NULL;
		end = comma ? (size_t)(comma - text) : len;
		size_t from = at, to = end;
		while (from < to && text[from] == ' ')
			from++;
		while (to > from && text[to - 1] == ' ')
			to--;
		if (count == PREFIXES_MAX) {
			snprintf(why, why_len, "more than %d address ranges", PREFIXES_MAX);
			return -1;
		}
		if (!prefix_parse(text + from, to - from, &into[count++], why, why_len))
			return -1;
	}
	return count;
}

bool prefix_holds(const struct prefix *p, uint8_t family, const uint8_t *address)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;
	if (family != p->family || memcmp(address, p->address, whole))
		return false;
	return !rest || !((address[whole] ^ p->address[whole]) & (0xff00 >> rest & 0xff));
}
