/* packet.c - reads and writes IPv4, IPv6, TCP and ICMP headers.
 * In: bytes from the device.  Out: struct segment; struct packet with right checksums.
 * Why so: byte offsets of RFC 9293, 791, 8200, 792 and 4443 written out, because a peer that is there to send
 * deliberately odd packets is easier to read without five struct definitions. */
#include "packet.h"

#include <arpa/inet.h>
#include <string.h>

enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_ICMP6 = 58 };

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

static void put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

static void parse_options(const uint8_t *p, const uint8_t *end, struct segment *segment)
{
	while (p < end && *p != 0) {
		if (*p == 1) {
			p++;
			continue;
		}
		if (p + 1 >= end || p[1] < 2 || p + p[1] > end)
			return;
		if (p[0] == 2 && p[1] == 4)
			segment->mss = get16(p + 2);
		if (p[0] == 8 && p[1] == 10) {
			segment->timestamp = true;
			segment->timestamp_value = get32(p + 2);
		}
		p += p[1];
	}
}

bool segment_parse(const uint8_t *bytes, size_t length, struct segment *segment)
{
	const uint8_t *tcp;
	size_t ip, header;

	*segment = (struct segment){ .bytes = bytes };
	if (length >= 20 && bytes[0] >> 4 == 4) {
		ip = (bytes[0] & 15) * 4u;
		if (ip < 20 || bytes[9] != PROTOCOL_TCP || (get16(bytes + 6) & 0x3fff) || get16(bytes + 2) > length)
			return false;
		length = get16(bytes + 2);
		segment->source = bytes + 12;
		segment->target = bytes + 16;
		segment->address_length = 4;
	} else if (length >= 40 && bytes[0] >> 4 == 6) {
		ip = 40;
		if (bytes[6] != PROTOCOL_TCP || get16(bytes + 4) + ip > length)
			return false;
		length = get16(bytes + 4) + ip;
		segment->source = bytes + 8;
		segment->target = bytes + 24;
		segment->address_length = 16;
	} else {
		return false;
	}
	if (length < ip + 20)
		return false;
	tcp = bytes + ip;
	header = (tcp[12] >> 4) * 4u;
	if (header < 20 || ip + header > length)
		return false;
	segment->length = length;
	segment->source_port = get16(tcp);
	segment->target_port = get16(tcp + 2);
	segment->seq = get32(tcp + 4);
	segment->ack = get32(tcp + 8);
	segment->flags = tcp[13];
	segment->payload = (uint16_t)(length - ip - header);
	parse_options(tcp + 20, tcp + header, segment);
	return true;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

uint64_t segment_hash(const struct segment *segment)
{
	uint64_t hash = mix(0x706f7274, (uint64_t)segment->source_port << 16 | segment->target_port);

	for (size_t i = 0; i < segment->address_length; i += 4)
		hash = mix(hash, (uint64_t)get32(segment->source + i) << 32 | get32(segment->target + i));
	return mix(hash, hash >> 32);
}

/* The internet checksum (RFC 1071), kept unfolded so that it can be fed in pieces of even length. */
static uint64_t sum(uint64_t so_far, const uint8_t *p, size_t length)
{
	for (; length > 1; p += 2, length -= 2)
		so_far += get16(p);
	return length ? so_far + ((unsigned)p[0] << 8) : so_far;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Writes the IP header and returns where the payload begins. */
static uint8_t *ip_header(struct packet *packet, size_t address_length, const uint8_t *from, const uint8_t *to,
			  unsigned protocol, size_t payload)
{
	uint8_t *p = packet->bytes;

	if (address_length == 16) {
		memset(p, 0, 8);
		p[0] = 0x60;
		put16(p + 4, (unsigned)payload);
		p[6] = (uint8_t)protocol;
		p[7] = 64;
		memcpy(p + 8, from, 16);
		memcpy(p + 24, to, 16);
		packet->length = 40 + payload;
		return p + 40;
	}
	memset(p, 0, 12);
	p[0] = 0x45;
	put16(p + 2, (unsigned)(20 + payload));
	p[6] = 0x40; /* do not fragment, so the identification may stay zero (RFC 6864) */
	p[8] = 64;
	p[9] = (uint8_t)protocol;
	memcpy(p + 12, from, 4);
	memcpy(p + 16, to, 4);
	put16(p + 10, fold(sum(0, p, 20)));
	packet->length = 20 + payload;
	return p + 20;
}

static uint64_t pseudo_header(size_t address_length, const uint8_t *from, const uint8_t *to, unsigned protocol,
			      size_t payload)
{
	return sum(sum(protocol + payload, from, address_length), to, address_length);
}

void packet_tcp(struct packet *packet, const struct segment *to, uint8_t flags, uint32_t seq, uint32_t ack,
		const char *data, uint32_t now_ms)
{
	bool syn = flags & TCP_SYN, timestamp = to->timestamp && !(flags & TCP_RST);
	size_t bytes = data ? strlen(data) : 0, header = 20 + (syn ? 4 : 0) + (timestamp ? 12 : 0);
	size_t payload = header + bytes;
	uint8_t *tcp = ip_header(packet, to->address_length, to->target, to->source, PROTOCOL_TCP, payload);
	uint8_t *option = tcp + 20;

	put16(tcp, to->target_port);
	put16(tcp + 2, to->source_port);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = flags;
	put16(tcp + 14, flags & TCP_RST ? 0 : 65535);
	put32(tcp + 16, 0); /* checksum and urgent pointer */
	if (syn) {
		unsigned most = to->address_length == 16 ? 1440 : 1460;

		put16(option, 2 << 8 | 4);
		put16(option + 2, to->mss >= 536 && to->mss < most ? to->mss : most);
		option += 4;
	}
	if (timestamp) {
		put32(option, 0x0101080a); /* two no-operations keep the values aligned (RFC 7323 appendix A) */
		put32(option + 4, now_ms);
		put32(option + 8, to->timestamp_value);
		option += 12;
	}
	if (bytes)
		memcpy(option, data, bytes);
	put16(tcp + 16, fold(sum(pseudo_header(to->address_length, to->target, to->source, PROTOCOL_TCP, payload),
				 tcp, payload)));
}

/* The second word of an ICMP error: zero but for those that say more about the quoted packet.  A kernel looks
 * at the MTU of "fragmentation needed" and "packet too big", so it has to be one that may occur. */
static uint32_t icmp_word(bool v6, uint8_t type, uint8_t code)
{
	if (!v6 && type == 3 && code == 4)
		return 1400;
	if (v6 && type == 2)
		return 1400;
	if (!v6 && type == 12)
		return 20u << 24; /* points at the first byte of the quoted TCP header */
	if (v6 && type == 4)
		return 40;
	return 0;
}

void packet_icmp(struct packet *packet, const struct segment *about, const uint8_t *from, uint8_t type,
		 uint8_t code)
{
	bool v6 = about->address_length == 16;
	unsigned protocol = v6 ? PROTOCOL_ICMP6 : PROTOCOL_ICMP;
	size_t quoted = about->length, room = PACKET_MAX - (v6 ? 48 : 28), payload;
	uint8_t *icmp;

	if (quoted > room)
		quoted = room;
	payload = 8 + quoted;
	icmp = ip_header(packet, about->address_length, from, about->source, protocol, payload);
	icmp[0] = type;
	icmp[1] = code;
	put16(icmp + 2, 0);
	put32(icmp + 4, icmp_word(v6, type, code));
	memcpy(icmp + 8, about->bytes, quoted);
	put16(icmp + 2, fold(sum(v6 ? pseudo_header(16, from, about->source, protocol, payload) : 0, icmp, payload)));
}
