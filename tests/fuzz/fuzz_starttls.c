/* fuzz_starttls.c - libFuzzer target: whatever a server says before TLS, in whatever pieces, ends in one of three ways,
 * and what is told of it may stand on a terminal.
 * Input: a byte that chooses the protocol, one for the size of pieces, then what the server says. */
#include "base/must.h"
#include "engine/starttls.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct starttls s;
	char why[256] = "";
	if (size < 2)
		return 0;
	size_t piece = data[1] ? data[1] : 1;
	starttls_begin(&s, (enum starttls_kind)(1 + data[0] % (STARTTLS_KINDS - 1)));
	enum starttls_outcome outcome = STARTTLS_GO_ON;
	for (size_t at = 2; at < size && outcome == STARTTLS_GO_ON; at += piece) {
		must(s.say_len <= sizeof(s.say));
		s.say_len = 0;
		outcome = starttls_take(&s, data + at, size - at < piece ? size - at : piece, why, sizeof(why));
	}
	must(s.line_len <= sizeof(s.line) && s.total <= STARTTLS_BYTES_MAX + 1);
	must(outcome != STARTTLS_REFUSED || why[0]);
	for (const char *c = why; *c; c++)
		must(*c >= ' ' && *c < 0x7f);
	return 0;
}
