/* http_page.c - answers GET with pages that somebody else writes.
 * In: a table of paths.  Out: their texts over HTTP/1.1; 404 and 405 for everything else.
 * Owns: the listening socket, libmicrohttpd's one thread.  The one file that sees libmicrohttpd.
 * Why so: a scrape once in 15 s needs no pool, and limits so small that a stranger who opens connections to it and says
 * nothing costs a few hundred KB at most.  The socket is bound here, not by the library, whose failure has no errno. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/http_page.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Splits "host:port", "[v6]:port" or ":port".  False if it is none of them. */
static bool split(const char *listen, char host[NI_MAXHOST], char port[8])
{
	const bool bracket = listen[0] == '[';
	const char *colon = bracket ? strstr(listen, "]:") : strchr(listen, ':');
	if (!colon)
		return false;
	const char *start = listen + bracket;
	const size_t host_len = (size_t)(colon - start);
	const char *digits = colon + 1 + bracket;
	const size_t digits_len = strspn(digits, "0123456789");
	if (host_len >= NI_MAXHOST || digits[digits_len] || !digits_len || digits_len > 5 || atoi(digits) > 65535)
		return false;
	memcpy(host, start, host_len);
	host[host_len] = 0;
	strcpy(port, digits);
	return host_len > 0 || !bracket;
}

bool http_listen_is_fine(const char *listen, char *why, size_t why_len)
{
	char host[NI_MAXHOST], port[8];
	if (split(listen, host, port))
		return true;
	snprintf(why, why_len, "\"%s\" is not host:port, [v6]:port or :port with a port of 0 to 65535", listen);
	return false;
}

#ifdef HAVE_LIBMICROHTTPD

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 32,	  /* a few scrapers, a few people */
	CONNECTION_BYTES = 16384, /* request line and headers; a browser with cookies sends 2 to 8 KB */
	IDLE_S = 10,
	BACKLOG = 16,
};

struct http_server {
	struct MHD_Daemon *daemon;
	const struct http_page *pages;
	unsigned port;
};

/* Sends status and text, which it takes over. */
static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type, struct text *t)
{
	if (t->failed) {
		text_free(t);
		return MHD_NO; /* closes: half a page of numbers is worse than none */
	}
	struct MHD_Response *response =
		MHD_create_response_from_buffer(t->len, t->data, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		text_free(t);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	const enum MHD_Result sent = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return sent;
}

static enum MHD_Result refuse(const struct http_server *s, struct MHD_Connection *connection, unsigned status)
{
	struct text t = { 0 };
	text_add(&t, status == MHD_HTTP_NOT_FOUND ? "no such page here; there is" : "only GET and HEAD are understood;"
											 " there is");
	for (const struct http_page *page = s->pages; page->path; page++)
		text_printf(&t, "%s %s", page == s->pages ? "" : ",", page->path);
	text_add(&t, "\n");
	return reply(connection, status, "text/plain; charset=utf-8", &t);
}

/* Called by libmicrohttpd once when the headers are there and again when the body is.  What is not GET or HEAD is
 * answered at the first call, so that no body is read; the connection then closes. */
static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_len, void **seen)
{
	const struct http_server *s = arg;
	(void)version;
	(void)upload;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(s, connection, MHD_HTTP_METHOD_NOT_ALLOWED);
	if (!*seen || *upload_len) {
		*seen = arg;
		*upload_len = 0; /* the body of a GET has no meaning (RFC 9110, 9.3.1) */
		return MHD_YES;
	}
	for (const struct http_page *page = s->pages; page->path; page++) {
		if (strcmp(url, page->path) != 0)
			continue;
		struct text t = { 0 };
		text_add(&t, "");
		page->write(page->arg, &t);
		return reply(connection, MHD_HTTP_OK, page->content_type, &t);
	}
	return refuse(s, connection, MHD_HTTP_NOT_FOUND);
}

/* A listening socket on the first address that takes it, or -errno of the last one that did not. */
static int bind_first(const struct addrinfo *list)
{
	int error = EADDRNOTAVAIL;
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			error = errno;
			continue;
		}
		/* A restart must not wait for the TIME_WAIT of the scrapes before it. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
		if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
			return fd;
		error = errno;
		close(fd);
	}
	return -error;
}

static int listen_at(const char *where, char *why, size_t why_len)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	char host[NI_MAXHOST], port[8];
	struct addrinfo *list;
	if (!http_listen_is_fine(where, why, why_len))
		return -1;
	split(where, host, port);
	const int unknown = getaddrinfo(*host ? host : "127.0.0.1", port, &hints, &list);
	if (unknown) {
		snprintf(why, why_len, "cannot listen at %s: %s", where, gai_strerror(unknown));
		return -1;
	}
	const int fd = bind_first(list);
	freeaddrinfo(list);
	if (fd < 0)
		snprintf(why, why_len, "cannot listen at %s: %s", where, strerror(-fd));
	return fd < 0 ? -1 : fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

/* The thread is born with every signal blocked: they are for the threads that know what to do with them. */
static struct MHD_Daemon *start_daemon(struct http_server *s, int fd)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL, answer, s, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return daemon;
}

struct http_server *http_server_start(const char *listen, const struct http_page *pages, char *why, size_t why_len)
{
	struct http_server *s = calloc(1, sizeof *s);
	const int fd = s ? listen_at(listen, why, why_len) : -1;
	if (!s)
		snprintf(why, why_len, "no memory");
	if (fd < 0) {
		free(s);
		return NULL;
	}
	s->pages = pages;
	s->port = port_of(fd);
	s->daemon = start_daemon(s, fd);
	if (!s->daemon) {
		/* The socket stays open: who owns it after a failure is not documented (0.9.75 leaves it to us where epoll
		 * fails), and closing a number that the library has closed could hit somebody else's. */
		snprintf(why, why_len, "cannot listen at %s: libmicrohttpd does not start (out of descriptors or threads?)", listen);
		free(s);
		return NULL;
	}
	return s;
}

unsigned http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_stop(struct http_server *s)
{
	if (!s)
		return;
	MHD_stop_daemon(s->daemon); /* ends the thread and closes the socket */
	free(s);
}

#else

struct http_server *http_server_start(const char *listen, const struct http_page *pages, char *why, size_t why_len)
{
	(void)pages;
	snprintf(why, why_len, "cannot listen at %s: this program was built without libmicrohttpd", listen);
	return NULL;
}

unsigned http_server_port(const struct http_server *s)
{
	(void)s;
	return 0;
}

void http_server_stop(struct http_server *s)
{
	(void)s;
}

#endif
