/* fuzz_policy.c - libFuzzer target: the bytes of an address policy are refused with a sentence that begins with its name, or
 * are rules that answer every address the same way each time, and never allow an IPv4 address in IPv6 clothes that they deny
 * as itself. */
#include "base/must.h"
#include "engine/address_policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *ask_v4(const struct address_policy *p, uint32_t address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = address };
	return policy_denies(p, (struct sockaddr *)&to);
}

static const char *ask_v6(const struct address_policy *p, const uint8_t address[16], uint16_t port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	memcpy(&to.sin6_addr, address, 16);
	return policy_denies(p, (struct sockaddr *)&to);
}

/* Mapped, NAT64 and 6to4. */
static void ask_clothed(const struct address_policy *p, uint32_t address, uint16_t port)
{
	uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff }, nat64[16] = { 0, 0x64, 0xff, 0x9b }, six[16] = { 0x20, 0x02 };
	memcpy(mapped + 12, &address, 4);
	memcpy(nat64 + 12, &address, 4);
	memcpy(six + 2, &address, 4);
	if (ask_v4(p, address, port))
		must(ask_v6(p, mapped, port) && ask_v6(p, nat64, port) && ask_v6(p, six, port));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 1, 22, 443, 8000, 65535 };
	char why[POLICY_WHY_MAX] = "";
	struct address_policy *p = policy_parse((const char *)data, size, "the-file", why, sizeof(why));
	must(p || strncmp(why, "the-file:", 9) == 0);
	must(strlen(why) < sizeof(why));
	for (size_t at = 0; p && at + 16 <= size && at < 64; at += 4) { /* the text itself serves as addresses */
		uint32_t v4;
		memcpy(&v4, data + at, 4);
		const uint16_t port = ports[at / 4 % 5];
		must(ask_v4(p, v4, port) == ask_v4(p, v4, port));
		must(ask_v4(p, v4, 0) && ask_v6(p, data + at, 0));
		must(ask_v6(p, data + at, port) == ask_v6(p, data + at, port));
		ask_clothed(p, v4, port);
	}
	policy_free(p);
	return 0;
}
