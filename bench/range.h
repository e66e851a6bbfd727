/* range.h - reads "ADDR[-ADDR]:PORT[-PORT]" and walks through it, addresses first.
 * In: text from a command line.  Out: IPv4 addresses and ports to bind or to connect to.
 * Why addresses first: the kernel searches long for a source port once more than half of the ephemeral range is
 * taken for one (source, destination, port); spreading over addresses first keeps each of these small.
 * IPv4 alone: the bench compares ways of connecting, and the family is not one of them. */
#ifndef BENCH_RANGE_H
#define BENCH_RANGE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct range {
	uint32_t first_address; /* host byte order */
	uint32_t addresses;
	uint16_t first_port;
	uint32_t ports;
};

static inline bool range_number(const char *text, const char **end, long least, long most, long *out)
{
	char *stop = NULL;
	if (*text < '0' || *text > '9')
		return false; /* strtol would take a sign or a blank */
	*out = strtol(text, &stop, 10);
	*end = stop;
	return *out >= least && *out <= most;
}

static inline bool range_address(const char *text, size_t length, uint32_t *out)
{
	char copy[INET_ADDRSTRLEN];
	struct in_addr address;
	if (length == 0 || length >= sizeof copy)
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET, copy, &address) != 1)
		return false;
	*out = ntohl(address.s_addr);
	return true;
}

/* Returns NULL and fills *range, or a sentence's end that says what is wrong with the text. */
static inline const char *range_parse(const char *text, struct range *range)
{
	const char *colon = strchr(text, ':');
	if (!colon)
		return "has no port: write ADDR[-ADDR]:PORT[-PORT]";

	const char *dash = memchr(text, '-', (size_t)(colon - text));
	const char *first_end = dash ? dash : colon;
	uint32_t last_address = 0;
	if (!range_address(text, (size_t)(first_end - text), &range->first_address))
		return "does not begin with an IPv4 address";
	last_address = range->first_address;
	if (dash && !range_address(dash + 1, (size_t)(colon - dash - 1), &last_address))
		return "has no IPv4 address after the '-'";
	if (last_address < range->first_address)
		return "has a last address below its first";
	if (last_address - range->first_address >= 1u << 20)
		return "spans more than a million addresses"; /* a slip of the fingers, not a bench */
	range->addresses = last_address - range->first_address + 1;

	const char *end = NULL;
	long first_port = 0, last_port = 0;
	if (!range_number(colon + 1, &end, 1, 65535, &first_port))
		return "has no port between 1 and 65535";
	last_port = first_port;
	if (*end == '-' && !range_number(end + 1, &end, first_port, 65535, &last_port))
		return "has a last port below its first or above 65535";
	if (*end != '\0')
		return "goes on after the port";
	range->first_port = (uint16_t)first_port;
	range->ports = (uint32_t)(last_port - first_port) + 1;
	return NULL;
}

static inline uint64_t range_size(const struct range *range)
{
	return (uint64_t)range->addresses * range->ports;
}

/* The index-th pair of the range, 0 <= index < range_size(): every address with the first port, then the next port. */
static inline void range_at(const struct range *range, uint64_t index, struct sockaddr_in *out)
{
	*out = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(range->first_address + (uint32_t)(index % range->addresses)),
		.sin_port = htons((uint16_t)(range->first_port + index / range->addresses)),
	};
}

#endif
