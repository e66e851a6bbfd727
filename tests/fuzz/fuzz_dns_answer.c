/* fuzz_dns_answer.c - libFuzzer target: whatever a resolver sends is read without touching a byte beyond it, and what is
 * said of it can be used: addresses sorted and each once, a count within bounds, a word for the outcome. */
#include "base/must.h"
#include "engine/dns_answer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns_answer a;
	for (enum dns_type type = 0; type < DNS_TYPES; type++) {
		dns_answer_read(data, size, type, &a);
		must(a.outcome > DNS_NONE && a.outcome < DNS_OUTCOMES && a.count <= NAME_ADDRESSES_MAX);
		must((a.outcome == DNS_ADDRESSES) == (a.count > 0 && a.outcome != DNS_GARBLED));
		for (unsigned i = 1; i < a.count; i++)
			must(memcmp(a.address[i - 1], a.address[i], sizeof(a.address[i])) < 0);
	}
	return 0;
}
