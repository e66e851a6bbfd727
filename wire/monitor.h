/* monitor.h - a monitor as it stands in Redis: one JSON object a field of the hash pw:monitors, so that a control plane
 * in any language can write it.  docs/wire.md says the same to them.
 *
 *	{"target":"198.51.100.7:5432","interval_ms":60000,"timeout_ms":3200,"slow_ms":500,"close":"rst","settle_ms":0,
 *	 "ip":"both","addresses":"all","expect_address":["198.51.100.0/24"],
 *	 "regions":["eu","us"],"labels":{"team":"core"},"runbook":"https://wiki/pg","parents":["core-switch"],
 *	 "canary":"down","expect":"closed","paused":true,"tls":{"server_name":"db.example.net"}}
 *	{"type":"dns","target":"example.net","record":"MX","expect_answer":["10 mail.example.net"],"resolver":"192.0.2.53"}
 *
 * Only target is required.  Unknown members are ignored, so that a newer writer can speak to an older reader. */
#ifndef WIRE_MONITOR_H
#define WIRE_MONITOR_H

#include "wire/job.h"

#define MONITOR_INTERVAL_DEFAULT_MS 60000
#define MONITOR_TLS_INTERVAL_MS 21600000 /* what a file of monitors means for a certificate if it does not say: 6 h */
#define MONITOR_TLS_SUFFIX " certificate" /* of the monitor that `tls:` makes beside another */
#define MONITOR_INTERVAL_MIN_MS 1000	  /* below, a timeout of a few SYNs does not fit */
#define MONITOR_INTERVAL_MAX_MS 86400000
#define MONITOR_DNS_PORT 53
#define MONITOR_LABELS_MAX 32
#define MONITOR_PARENTS_MAX 16
#define MONITOR_TEXT_MAX 512		  /* a runbook, a label's value */
#define MONITOR_JSON_MAX 16384
#define REGIONS_MAX 16			  /* nine are sold; a bit each in a mask */

/* What a monitor is for, beside its target: to show that a region and the whole path work. */
enum canary { CANARY_NONE, CANARY_UP, CANARY_DOWN, CANARIES };
extern const char *const canary_names[CANARIES + 1]; /* "", "up", "down", NULL */

/* How its port shall be.  CLOSED: it must not answer, and whoever finds it open has found a failure. */
enum expect { EXPECT_OPEN, EXPECT_CLOSED, EXPECTS };
extern const char *const expect_names[EXPECTS + 1]; /* "open", "closed", NULL */

struct monitor_label {
	char *name, *value;
};

struct monitor {
	char name[NAME_MAX_LEN + 1];
	char host[HOST_MAX_LEN + 1];
	unsigned port;		      /* of type dns: not used, MONITOR_DNS_PORT */
	enum job_type type;
	enum job_record record;	      /* of type dns */
	char *expect_answer;	      /* of type dns, as in a job, or NULL */
	char *resolver;		      /* of type dns, or NULL: the engine's own */
	unsigned interval_ms, timeout_ms;
	unsigned slow_ms;	      /* 0: never slow */
	unsigned settle_ms;	      /* or JOB_SETTLE_AUTO, JOB_SETTLE_UNSET */
	enum close_mode close;
	enum job_ip ip;
	enum job_addresses addresses;
	char *expect_address;	      /* as in a job, or NULL */
	enum canary canary;
	enum expect expect;
	bool paused;
	unsigned labels, parents, regions;
	struct monitor_label label[MONITOR_LABELS_MAX];
	char *parent[MONITOR_PARENTS_MAX];
	char *region[REGIONS_MAX];    /* none: all of the settings */
	char *runbook;		      /* or NULL */
	bool tls;		      /* what is watched is the certificate, as wish says; its texts are the monitor's */
	struct tls_wish wish;
};

/* Whether text may name a monitor: 1 to 64 bytes of UTF-8 without control characters. */
bool monitor_name_is_fine(const char *name, size_t len);
/* "198.51.100.7:5432", "[2001:db8::1]:53", "db.example.net:5432" into host and port; of m->type dns "example.net" into host.
 * False: why holds a sentence. */
bool monitor_target_read(const char *target, struct monitor *m, char *why, size_t why_len);
/* The other way, as people read it; of type dns "example.net MX".  Size HOST_MAX_LEN + 9. */
void monitor_target_write(const struct monitor *m, char *into, size_t len);

/* From what monitor_target_write() wrote: target, type and record. */
bool monitor_target_recall(const char *shown, struct monitor *m, char *why, size_t why_len);

/* Every field at its default, name and target empty, nothing owned. */
void monitor_init(struct monitor *m);
void monitor_free(struct monitor *m); /* what it points to, not m itself */

/* Adds one address range to m->expect_address.  False: why holds a sentence. */
bool monitor_expect_add(struct monitor *m, const char *range, char *why, size_t why_len);

/* Adds one value to m->expect_answer; m->record is known.  False: why holds a sentence. */
bool monitor_answer_add(struct monitor *m, const char *value, char *why, size_t why_len);
/* What several members say together: false, and why holds a sentence. */
bool monitor_is_consistent(const struct monitor *m, char *why, size_t why_len);

/* Fills *m from the JSON of the monitor called name.  False: why holds "monitor NAME: what is wrong"; *m then owns nothing. */
bool monitor_decode(struct monitor *m, const char *name, const char *json, size_t len, char *why, size_t why_len);
/* malloc'd JSON of one line, defaults left out; equal monitors give equal bytes.  NULL: no memory. */
char *monitor_encode(const struct monitor *m);

#endif
