/* redis_url.h - redis://[user[:password]@]host[:port][/db], rediss:// (TLS), unix:///path[?db=N][&user=..&password=..]. */
#ifndef WIRE_REDIS_URL_H
#define WIRE_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

struct redis_url {
	bool tls;
	char host[254];	    /* name or literal address, no brackets; "" for a unix socket */
	char path[108];	    /* of the unix socket; "" for TCP */
	unsigned port;	    /* 6379 when none is given */
	unsigned db;
	char user[128], password[512]; /* percent-decoded; "" when absent */
};

/* 0, or -EINVAL: why holds a sentence that says what and where, and never the password. */
int redis_url_parse(const char *url, struct redis_url *into, char *why, size_t why_len);
/* The URL as it may be logged: without user and password. */
void redis_url_show(const struct redis_url *url, char *into, size_t len);

#endif
