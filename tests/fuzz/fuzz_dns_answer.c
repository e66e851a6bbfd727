/* fuzz_dns_answer.c - libFuzzer target: whatever a resolver sends is read without touching a byte beyond it, and what is
 * said of it can be used: addresses sorted and each once, a count within bounds, a word for the outcome; records of any
 * type as printable ASCII, so many of them as were counted, and what was answered is as expected of itself. */
#include "base/must.h"
#include "engine/dns_answer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_records(const uint8_t *data, size_t size, enum job_record record)
{
	static struct dns_records a;
	unsigned lines = 1;
	dns_records_read(data, size, record, &a);
	must(a.outcome > DNS_NONE && a.outcome < DNS_OUTCOMES && a.len <= sizeof(a.text));
	if (a.outcome != DNS_ADDRESSES)
		return;
	must(a.count > 0);
	for (size_t i = 0; i < a.len; i++) {
		must(a.text[i] == '\n' || (a.text[i] >= ' ' && a.text[i] <= '~'));
		lines += a.text[i] == '\n';
	}
	must(a.cut || lines == a.count);
	if (!a.cut && a.len && a.text[a.len - 1] != '\n' && record != RECORD_TXT)
		must(record_is_expected(record, a.text, a.len, a.text, a.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns_answer a;
	for (enum job_record record = 0; record < JOB_RECORDS; record++)
		look_at_records(data, size, record);
	for (enum dns_type type = 0; type < DNS_TYPES; type++) {
		dns_answer_read(data, size, type, &a);
		must(a.outcome > DNS_NONE && a.outcome < DNS_OUTCOMES && a.count <= NAME_ADDRESSES_MAX);
		must((a.outcome == DNS_ADDRESSES) == (a.count > 0 && a.outcome != DNS_GARBLED));
		for (unsigned i = 1; i < a.count; i++)
			must(memcmp(a.address[i - 1], a.address[i], sizeof(a.address[i])) < 0);
	}
	return 0;
}
