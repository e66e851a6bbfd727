/* packet.h - TCP segments as they come in, and the packets the peer answers with.
 * Network layer only: no Ethernet header (the device is a TUN). */
#ifndef PEER_PACKET_H
#define PEER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10,

	/* The longest answer is an ICMPv6 error: 40 + 8 + a quoted SYN of 40 + 60. */
	PACKET_MAX = 160,
};

/* What the peer needs to know of one segment; pointers lead into the bytes it was read from. */
struct segment {
	const uint8_t *bytes;
	size_t length;
	const uint8_t *source, *target;
	size_t address_length; /* 4 or 16 */
	uint16_t source_port, target_port;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t payload; /* bytes of data */
	uint16_t mss;     /* 0: not offered */
	bool timestamp;
	uint32_t timestamp_value;
};

struct packet {
	size_t length;
	uint8_t bytes[PACKET_MAX];
};

/* False when this is not a whole TCP segment over IPv4 or IPv6 (fragments, extension headers, others). */
bool segment_parse(const uint8_t *bytes, size_t length, struct segment *segment);

/* The same number for all segments of a connection: identifies it and seeds the peer's sequence numbers. */
uint64_t segment_hash(const struct segment *segment);

/* An answer to `to`: addresses and ports swapped, MSS on a SYN, timestamp echoed if `to` carried one. */
void packet_tcp(struct packet *packet, const struct segment *to, uint8_t flags, uint32_t seq, uint32_t ack,
		const char *data, uint32_t now_ms);

/* An ICMP error about `about`, sent by `from` (4 or 16 bytes, the family of `about`). */
void packet_icmp(struct packet *packet, const struct segment *about, const uint8_t *from, uint8_t type,
		 uint8_t code);

#endif
