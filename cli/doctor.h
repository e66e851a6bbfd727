/* doctor.h - what hinders probing on this machine: findings, and who makes them. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "base/text.h"
#include "wire/redis_link.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_BAD, DOCTOR_SKIP, DOCTOR_VERDICTS };
extern const char *const doctor_verdict_names[DOCTOR_VERDICTS];

struct doctor_finding {
	const char *name;	   /* of the check */
	enum doctor_verdict verdict;
	char found[480];	   /* what is so, and what follows from it */
	char mend[1000];	   /* lines for a shell that mend it, with a # before what is not; "" if there is nothing to mend */
};

#define DOCTOR_FINDINGS_MAX 40
struct doctor_report {
	unsigned count;
	struct doctor_finding finding[DOCTOR_FINDINGS_MAX];
};

/* A new finding that is ok and says so in words, printf style. */
struct doctor_finding *doctor_add(struct doctor_report *report, const char *name);
void doctor_say(struct doctor_finding *f, enum doctor_verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_mend(struct doctor_finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What this host allows (doctor_host.c). */
struct doctor_host {
	const char *proc;	  /* "/proc", or a folder that looks like it */
	const char *os_release;	  /* which distribution this is; NULL: /etc/os-release */
	struct rlimit nofile;
	uint64_t timeout_ms;	  /* of the probes that shall be made */
	uint64_t inflight;	  /* how many of them at the same time */
	bool redis_here;	  /* the Redis that is asked for runs on this host */
};
void doctor_host(const struct doctor_host *host, struct doctor_report *report);

/* SYNs that leave within ms, and when the kernel gives up by itself, in ms (doctor_host.c). */
unsigned doctor_syns_within(uint64_t ms, unsigned retries, unsigned linear);
uint64_t doctor_syn_patience_ms(unsigned retries, unsigned linear);

/* What a Redis is fit for (doctor_redis.c). */
void doctor_redis(const struct redis_url *url, const char *prefix, struct doctor_report *report);
/* The same from the text of INFO, without asking; mend commands begin with cli, as in "redis-cli -p 6379". */
void doctor_redis_info(const char *info, const char *cli, struct doctor_report *report);
bool doctor_redis_is_here(const struct redis_url *url);

/* The report as a table or as JSON (doctor_print.c). */
void doctor_table(struct text *to, const struct doctor_report *report, bool coloured);
void doctor_json(struct text *to, const struct doctor_report *report);

#endif
