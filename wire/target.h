/* target.h - HOST:PORT as people write it. */
#ifndef WIRE_TARGET_H
#define WIRE_TARGET_H

#include "wire/job.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET_MAX_LEN (HOST_MAX_LEN + sizeof "[]:65535" - 1)

struct target {
	size_t at;	       /* where its text begins, in the bytes of its list */
	size_t monitor_at;     /* the same of the monitor's name */
	uint16_t len;	       /* of the text */
	uint16_t host_from;    /* where the host begins in the text: 1 behind a bracket, else 0 */
	uint16_t host_len, monitor_len;
	uint16_t port;
	uint8_t family;	       /* enum address_family of what is probed; NONE: the host is a name */
	uint8_t address[16];   /* as in struct job */
};

/* Parses host:port, [v6]:port or name:port; fills all but the two places.  False: why holds a sentence that says what is
 * wrong and, where it can be guessed, what was meant. */
bool target_parse(const char *text, size_t len, struct target *into, char *why, size_t why_len);

/* What is wrong with a host that is no literal address, if it shall be a name: the last label of a name is not a number
 * (0x7f.1 and 010.0.0.1 are addresses to inet_aton(3), and quite others than they look). */
enum host_fault { HOST_FINE, HOST_TOO_LONG, HOST_NOT_ASCII, HOST_NOT_A_NAME, HOST_NOT_V4 };
enum host_fault host_name_fault(const char *host, size_t len);

/* target_parse() for a host and a port that came apart; a v6 address may stand in brackets or bare. */
bool target_parse_host(const char *host, size_t len, struct target *into, char *why, size_t why_len);

/* A stranger's text between quotes, safe for a terminal and cut where it is long. */
#define QUOTED_MAX 96
const char *quoted(char into[QUOTED_MAX], const char *text, size_t len);

#endif
