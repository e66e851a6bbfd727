/* rules.h - what the scripted peer does on which port, and what it has counted there.
 * The language is described by rules_help(); tun_peer.c acts on it. */
#ifndef PEER_RULES_H
#define PEER_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum answer {
	ANSWER_SILENT,     /* nothing at all */
	ANSWER_OPEN,       /* SYN-ACK */
	ANSWER_RST,        /* RST+ACK to the SYN */
	ANSWER_ICMP,       /* an ICMP error that quotes the SYN */
	ANSWER_RESET,      /* SYN-ACK; the handshake's ACK is answered with RST */
	ANSWER_SYNACK_RST, /* SYN-ACK and RST in one burst */
	ANSWER_BADRST,     /* RST without ACK and with a wrong number: to be ignored */
	ANSWER_BANNER,     /* SYN-ACK; the handshake's ACK is answered with data */
	ANSWER_FIN,        /* SYN-ACK; the handshake's ACK is answered with FIN */
};

struct counts {
	uint64_t syn, ack, rst, fin; /* received; ack: only those that complete a handshake */
	uint64_t sent;               /* packets written */
};

struct icmp_answer {
	bool set;
	uint8_t type, code;
};

struct rule {
	const char *text; /* as written, for the report: ports_length characters, `=`, the action */
	int ports_length;
	uint16_t first, last;
	enum answer answer;
	uint64_t after_ns; /* delays the packet the action is about */
	unsigned drop;     /* SYNs of one connection attempt to ignore first */
	struct icmp_answer icmp4, icmp6;
	bool from4_set, from6_set, from_target;
	uint8_t from4[4], from6[16]; /* the offender, when set */
	struct counts counts;
};

enum { RULES_MAX = 512 }; /* a story needs dozens; the port table stores 16-bit indices */

struct rules {
	struct rule rule[RULES_MAX]; /* [0] is what happens on ports nobody listed */
	unsigned count;
	uint16_t by_port[65536];
};

void rules_init(struct rules *rules);

/* Adds one RULE; `text` has to stay.  Returns NULL, or a sentence that says what is wrong. */
const char *rules_add(struct rules *rules, const char *text);

/* One JSON object in one line: the counters of every rule and their totals. */
void rules_report(const struct rules *rules, uint64_t late_dropped, FILE *out);

extern const char rules_help[];

#endif
