/* limit_options.h - what the bare loop can be asked to do: one table, its readers, and what fits together.
 * In: argv.  Out: a struct settings whose numbers suit each other and the descriptor limit.
 * Owns: nothing.  Why so: limit.c stays the loop and nothing else; only limit.c includes this file. */
#ifndef BENCH_LIMIT_OPTIONS_H
#define BENCH_LIMIT_OPTIONS_H

#include "range.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>

enum { RANGES_MAX = 16 };
enum { INFLIGHT_MAX = 65536 };	 /* the largest completion queue; every probe in flight may end in one reap */
enum { SQ_MAX = 32768 };	 /* the kernel's own limit */
enum { SPARE_DESCRIPTORS = 16 }; /* stdio, the ring, /proc files */
enum { PINNED_PORT = 10000 };	 /* first source port of --ports pinned */

enum how { HOW_CONNECT, HOW_POLL };
enum info { INFO_SHORT, INFO_FULL, INFO_NONE };
enum ports { PORTS_ANY, PORTS_RANGE, PORTS_PINNED };
enum end { END_RST, END_HALF };

/* The longs are written by the table of options below. */
struct settings {
	long count, inflight, timeout_ms, batch, wait, pause_us, sq, cq;
	long how, info, end, flags_first;
	long timer, fresh, hold; /* 0 or 1 */
	enum ports ports;
	uint32_t port_range; /* high << 16 | low, as the socket option wants it */
	bool source_given;
	struct sockaddr_in source;
	struct range ranges[RANGES_MAX];
	int ranges_used;
};

static void die(int error, const char *format, ...)
{
	va_list rest;
	va_start(rest, format);
	fputs("limit: ", stderr);
	vfprintf(stderr, format, rest);
	va_end(rest);
	fprintf(stderr, "%s%s.\n", error ? ": " : "", error ? strerror(error) : "");
	exit(2);
}

static long number(const char *option, const char *text, long least, long most)
{
	const char *end = "";
	long value = 0;
	if (!range_number(text, &end, least, most, &value) || *end != '\0')
		die(0, "--%s wants a whole number between %ld and %ld, not \"%s\"", option, least, most, text);
	return value;
}

static long choice(const char *option, const char *text, const char *names)
{
	size_t length = strlen(text);
	long at = 0;
	for (const char *name = names;; name = strchr(name, '|') + 1, at++) {
		if (length && strcspn(name, "|") == length && strncmp(name, text, length) == 0)
			return at;
		if (!strchr(name, '|'))
			die(0, "--%s wants one of %s, not \"%s\"", option, names, text);
	}
}

static long duration_ms(const char *option, const char *text)
{
	const char *end = "";
	long value = 0;
	bool fine = range_number(text, &end, 1, 600000, &value);
	if (fine && strcmp(end, "s") == 0 && value <= 600)
		return value * 1000;
	if (!fine || strcmp(end, "ms") != 0)
		die(0, "--%s wants a time such as 3200ms or 3s, at most 600s, not \"%s\"", option, text);
	return value;
}

static void read_ports(struct settings *set, const char *text)
{
	const char *end = "";
	long low = 0, high = 0;
	if (strcmp(text, "any") == 0)
		set->ports = PORTS_ANY;
	else if (strcmp(text, "pinned") == 0)
		set->ports = PORTS_PINNED;
	else if (range_number(text, &end, 1, 65535, &low) && *end == '-' &&
		 range_number(end + 1, &end, low, 65535, &high) && *end == '\0')
		set->ports = PORTS_RANGE, set->port_range = (uint32_t)high << 16 | (uint32_t)low;
	else
		die(0, "--ports wants any, pinned or LOW-HIGH, not \"%s\"", text);
}

enum kind { NUMBER, CHOICE, DURATION, PORTS, ADDRESS, FLAG };

#define IN_SETTINGS(member) offsetof(struct settings, member)
static const struct wish {
	const char *name;
	enum kind kind;
	size_t at; /* a long in struct settings, unless the kind has a reader of its own */
	long value, least, most;
	const char *names, *sentence;
} wishes[] = {
	{"count", NUMBER, IN_SETTINGS(count), 100000, 1, 100000000, NULL, "probes to make"},
	{"inflight", NUMBER, IN_SETTINGS(inflight), 1000, 1, INFLIGHT_MAX, NULL, "probes in flight at once"},
	{"timeout", DURATION, IN_SETTINGS(timeout_ms), 3200, 0, 0, NULL, "deadline of one probe"},
	{"close", CHOICE, IN_SETTINGS(end), END_RST, 0, 0, "rst|half", "full handshake then RST, or no last ACK"},
	{"source", ADDRESS, 0, 0, 0, 0, NULL, "local IPv4 address"},
	{"hold", FLAG, IN_SETTINGS(hold), 0, 0, 0, NULL, "probe silent targets and count those unanswered at once"},
	{"how", CHOICE, IN_SETTINGS(how), HOW_CONNECT, 0, 0, "connect|poll", "CONNECT, or connect() and POLL_ADD"},
	{"timer", CHOICE, IN_SETTINGS(timer), 1, 0, 0, "none|link", "LINK_TIMEOUT, or no deadline at all"},
	{"info", CHOICE, IN_SETTINGS(info), INFO_SHORT, 0, 0, "short|full|none", "how much of TCP_INFO to read"},
	{"socket", CHOICE, IN_SETTINGS(fresh), 0, 0, 0, "pooled|fresh", "reuse sockets, or one a probe"},
	{"ports", PORTS, 0, 0, 0, 0, NULL, "any, LOW-HIGH (IP_LOCAL_PORT_RANGE) or pinned (one a slot)"},
	{"flags", CHOICE, IN_SETTINGS(flags_first), 0, 0, 0, "defer|coop|none", "first row of the ladder to try"},
	{"batch", NUMBER, IN_SETTINGS(batch), 256, 1, SQ_MAX / 2, NULL, "most probes started in one submit"},
	{"wait", NUMBER, IN_SETTINGS(wait), 1, 1, INFLIGHT_MAX, NULL,
	 "completions to wait for, 1 ms at most if above 1"},
	{"pause", NUMBER, IN_SETTINGS(pause_us), 0, 0, 100000, NULL, "microseconds to sleep between submit and reap"},
	{"sq", NUMBER, IN_SETTINGS(sq), 0, 2, SQ_MAX, NULL, "submission queue; 0 is twice the batch"},
	{"cq", NUMBER, IN_SETTINGS(cq), 0, 2, INFLIGHT_MAX, NULL, "completion queue; 0 is what is in flight"},
};
enum { WISHES = sizeof wishes / sizeof *wishes };

static void usage(void)
{
	printf("usage: limit [OPTION]... ADDR[-ADDR]:PORT[-PORT]...\n"
	       "Connects over the targets, addresses first, and prints one JSON line.\n");
	for (const struct wish *wish = wishes; wish < wishes + WISHES; wish++) {
		printf("  --%-9s %s%s%s", wish->name, wish->names ? wish->names : "", wish->names ? ": " : "",
		       wish->sentence);
		if (wish->kind == NUMBER || wish->kind == DURATION)
			printf(" (%ld%s)", wish->value, wish->kind == DURATION ? "ms" : "");
		printf("\n");
	}
}

static void wish_read(struct settings *set, const struct wish *wish, const char *text)
{
	long *value = (long *)(void *)((char *)set + wish->at);
	switch (wish->kind) {
	case NUMBER: *value = number(wish->name, text, wish->least, wish->most); break;
	case CHOICE: *value = choice(wish->name, text, wish->names); break;
	case DURATION: *value = duration_ms(wish->name, text); break;
	case FLAG: *value = 1; break;
	case PORTS: read_ports(set, text); break;
	case ADDRESS:
		set->source_given = inet_pton(AF_INET, text, &set->source.sin_addr) == 1;
		if (!set->source_given)
			die(0, "--%s wants an IPv4 address, not \"%s\"", wish->name, text);
		break;
	}
}

static void settings_read(struct settings *set, int argc, char **argv)
{
	struct option options[WISHES + 2] = {[WISHES] = {"help", no_argument, NULL, 'h'}};
	*set = (struct settings){.source.sin_family = AF_INET};
	for (int i = 0; i < WISHES; i++) {
		options[i] = (struct option){wishes[i].name, wishes[i].kind != FLAG, NULL, 256 + i};
		if (wishes[i].kind < PORTS)
			*(long *)(void *)((char *)set + wishes[i].at) = wishes[i].value;
	}
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (c == 'h' || c == '?') {
			usage();
			exit(c == 'h' ? 0 : 2);
		}
		wish_read(set, &wishes[c - 256], optarg);
	}
	for (int i = optind; i < argc; i++) {
		if (set->ranges_used == RANGES_MAX)
			die(0, "takes at most %d target ranges", RANGES_MAX);
		const char *wrong = range_parse(argv[i], &set->ranges[set->ranges_used++]);
		if (wrong)
			die(0, "target \"%s\" %s", argv[i], wrong);
	}
	if (set->ranges_used == 0)
		die(0, "names no target; write ADDR[-ADDR]:PORT[-PORT]");
}

/* Fits the wishes to each other and to the descriptor limit; what had to give is said. */
static void settings_fit(struct settings *set)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if ((rlim_t)set->inflight > files.rlim_max - SPARE_DESCRIPTORS) {
		set->inflight = (long)files.rlim_max - SPARE_DESCRIPTORS;
		fprintf(stderr, "limit: only %ld in flight: the limit of open files is %lu.\n", set->inflight,
			(unsigned long)files.rlim_max);
	}
	if (set->ports == PORTS_PINNED && set->inflight > 65535 - PINNED_PORT)
		die(0, "--ports pinned has room for %d in flight", 65535 - PINNED_PORT);
	if (set->hold && set->fresh)
		die(0, "--hold looks at all sockets at once and so needs pooled ones");
	if (set->hold)
		set->count = set->inflight;
	if (set->inflight > set->count)
		set->inflight = set->count;
	if (set->sq == 0)
		set->sq = 2 * set->batch;
	if (set->sq < 2 * set->batch)
		die(0, "--sq %ld is too small: a batch of %ld needs %ld entries", set->sq, set->batch, 2 * set->batch);
	if (set->cq == 0)
		set->cq = set->inflight;
	if (set->cq < set->sq)
		set->cq = set->sq; /* the kernel refuses a completion queue below the submission queue */
}

#endif
