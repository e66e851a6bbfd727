/* http_page.h - answers GET with pages that somebody else writes.  The one file that sees libmicrohttpd.
 * Runs its own thread; a page function is called from it and must only read what is safe to read. */
#ifndef BASE_HTTP_PAGE_H
#define BASE_HTTP_PAGE_H

#include "base/text.h"
#include <stdbool.h>
#include <stddef.h>

struct http_page {
	const char *path;		       /* "/metrics"; NULL ends the table */
	const char *content_type;
	void (*write)(void *arg, struct text *into);
	void *arg;
};

struct http_server;

/* Whether listen has the form below; false: why holds a sentence. */
bool http_listen_is_fine(const char *listen, char *why, size_t why_len);

/* listen: "host:port", "[v6]:port" or ":port" (loopback only when no host is given); port 0 lets the kernel choose, and
 * http_server_port() tells.  NULL: why holds a sentence.  Without libmicrohttpd it always refuses and says so. */
struct http_server *http_server_start(const char *listen, const struct http_page *pages, char *why, size_t why_len);
unsigned http_server_port(const struct http_server *s);
void http_server_stop(struct http_server *s);

#endif
