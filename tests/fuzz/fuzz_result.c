/* fuzz_result.c - libFuzzer target: reads result rows, says each as a sentence, and expects only what may be printed. */
#include "base/must.h"
#include "wire/result.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_printable(const char *text)
{
	for (; *text; text++)
		must((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static int look_at(void *arg, const struct result *r)
{
	char sentence[400];

	++*(unsigned *)arg;
	must(r->outcome.verdict < VERDICTS); /* NONE: a newer engine's word */
	must(r->port <= UINT16_MAX && r->attempt <= UINT16_MAX);
	must(r->outcome.icmp.family <= FAMILY_V6);
	must(memchr(r->address, 0, sizeof(r->address)) != NULL);
	must_be_printable(r->monitor);
	must_be_printable(r->host);
	must_be_printable(r->detail);
	must_be_printable(r->addresses);
	must_be_printable(r->address);
	result_sentence(&r->outcome, r->detail, sentence, sizeof(sentence));
	must_be_printable(sentence);
	result_sentence(&r->outcome, NULL, sentence, sizeof(sentence));
	must_be_printable(sentence);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[200] = "";
	unsigned rows = 0;
	int rc = result_rows_read(data, size, look_at, &rows, why, sizeof(why));

	must(rc == 0 || (rc == -EBADMSG && why[0]));
	must(rows <= size);
	must_say(!strstr(why, "msgpack-c cannot"), "the guard let something through: %s", why);
	return 0;
}
