/* post.h - says something to another machine and hears what it answers: HTTP requests and mail.  The one place that
 * sees libcurl.  Never follows a redirect: an answer 3xx is an answer, and who sent an alert wants to know where it
 * went.
 *
 *	struct post *p = post_new(&stop);
 *	if (post_get(p, "https://...", 5000, &answer) && answer.status / 100 == 2) ...
 *
 * One thread's own; connections are kept for the next call.  Certificates are verified against the system's store,
 * and proxies of the environment (https_proxy, no_proxy) are obeyed.  What it reports holds no secret: the path of
 * the URL and the text named as secret are blotted out wherever the other side repeats them. */
#ifndef ALERTS_POST_H
#define ALERTS_POST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define POST_SAID_MAX 256

struct post_answer {
	unsigned status;	/* of HTTP or SMTP, or with which a program ended; 0: none came */
	unsigned retry_after_s; /* 0: not said; capped at an hour */
	char said[POST_SAID_MAX]; /* "HTTP 503: try later", "Failed to connect to 192.0.2.1 port 80": one line, printable */
};

struct post_request {
	const char *url;
	const char *const *headers; /* "Name: value", NULL ends the list; or NULL */
	const char *body;	    /* NULL: GET, otherwise POST */
	size_t body_len;
	const char *secret;	    /* never to be shown, or NULL */
	unsigned timeout_ms;	    /* for all of it */
};

struct post_mail {
	const char *url;	    /* smtp://host[:port] (STARTTLS when it is offered) or smtps:// */
	const char *from;	    /* envelope: bare addresses */
	const char *const *to;
	unsigned tos;
	const char *user, *password; /* or NULL; with a password nothing is sent without TLS */
	const char *message;	    /* RFC 5322, lines ended by CR LF */
	size_t message_len;
	unsigned timeout_ms;
};

struct post;
/* stop: when it becomes true, what is under way ends within a second as if nobody had answered; NULL: never. */
struct post *post_new(const atomic_bool *stop); /* NULL: no memory */
void post_free(struct post *p);

/* True: an answer came (whatever it was), false: none; a->said says what happened either way. */
bool post_http(struct post *p, const struct post_request *r, struct post_answer *a);
bool post_get(struct post *p, const char *url, unsigned timeout_ms, struct post_answer *a);
/* True: the server took the message for at least one of the recipients. */
bool post_mail(struct post *p, const struct post_mail *m, struct post_answer *a);

#endif
