/* post.c - HTTP and SMTP by libcurl, see post.h.
 * In: a request.  Out: the status, what the other side said in one printable line, when it wants to be asked again.
 * Owns: one easy handle, and with it the connections that are kept.
 * Why so: the easy interface blocks, which is fine because each channel has a thread; what may not block is the end
 * of the process, hence the stop flag, which libcurl's progress callback looks at at least once a second. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/post.h"
#include "base/printable.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 2048	      /* of an answer's body: enough to find a sentence in */
#define READ_MAX (64u << 10)  /* then it is not read any further; its status counts */
#define RETRY_AFTER_MAX_S 3600

struct post {
	CURL *curl;
	const atomic_bool *stop;
	char error[CURL_ERROR_SIZE];
	char kept[KEPT_MAX + 1];
	size_t kept_len, read_len;
	const char *upload;
	size_t upload_left;
};

static void start_libcurl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct post *post_new(const atomic_bool *stop)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct post *p = calloc(1, sizeof(*p));
	pthread_once(&once, start_libcurl);
	if (p) {
		p->curl = curl_easy_init();
		p->stop = stop;
	}
	if (p && !p->curl) {
		free(p);
		p = NULL;
	}
	return p;
}

void post_free(struct post *p)
{
	if (!p)
		return;
	curl_easy_cleanup(p->curl);
	free(p);
}

/* ---- what libcurl calls ---- */

static int look_at_stop(void *arg, curl_off_t dl_all, curl_off_t dl, curl_off_t ul_all, curl_off_t ul)
{
	const struct post *p = arg;
	(void)dl_all, (void)dl, (void)ul_all, (void)ul;
	return p->stop && atomic_load_explicit(p->stop, memory_order_relaxed);
}

static size_t keep_answer(char *bytes, size_t one, size_t count, void *arg)
{
	struct post *p = arg;
	size_t room = KEPT_MAX - p->kept_len, take = count < room ? count : room;
	(void)one;
	memcpy(p->kept + p->kept_len, bytes, take);
	p->kept_len += take;
	p->kept[p->kept_len] = 0;
	p->read_len += count;
	return p->read_len > READ_MAX ? 0 : count;
}

static size_t give_message(char *into, size_t one, size_t count, void *arg)
{
	struct post *p = arg;
	size_t take = one * count < p->upload_left ? one * count : p->upload_left;
	memcpy(into, p->upload, take);
	p->upload += take;
	p->upload_left -= take;
	return take;
}

/* ---- what is said of it ---- */

/* Writes *** over every place where the text repeats what must not be seen. */
static void blot_out(char *text, const char *secret)
{
	size_t len = secret ? strlen(secret) : 0;
	if (len < 2)
		return;
	for (char *at = strstr(text, secret); at; at = strstr(at, secret)) {
		memset(at, '*', len < 3 ? len : 3);
		if (len > 3)
			memmove(at + 3, at + len, strlen(at + len) + 1);
		at += len < 3 ? len : 3;
	}
}

/* The part of a URL that may be a secret: what follows the host. */
static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strpbrk(host + 3, "/?") : NULL;
	return path && strlen(path) > 1 ? path : NULL;
}

/* Adds text to said as one line of printable characters; what does not fit is left out. */
static void say(struct post_answer *a, const char *text)
{
	size_t len = strlen(a->said), left = strlen(text);
	bool blank = true; /* no blanks at the beginning, and one where there are more */
	for (unsigned bytes; left > 0; text += bytes, left -= bytes) {
		bytes = utf8_printable((const uint8_t *)text, left);
		if (bytes == 0 || *text == ' ') {
			bytes = bytes ? bytes : 1;
			if (!blank && len + 1 < sizeof(a->said))
				a->said[len++] = ' ';
			blank = true;
			continue;
		}
		if (len + bytes >= sizeof(a->said))
			break;
		memcpy(a->said + len, text, bytes);
		len += bytes;
		blank = false;
	}
	while (len > 0 && a->said[len - 1] == ' ')
		len--;
	a->said[len] = 0;
}

static void say_failure(struct post *p, CURLcode code, struct post_answer *a)
{
	if (code == CURLE_ABORTED_BY_CALLBACK)
		say(a, "given up because the process ends");
	else if (code == CURLE_USE_SSL_FAILED)
		say(a, "no TLS (STARTTLS) is offered, and a password is not sent without it");
	else
		say(a, p->error[0] ? p->error : curl_easy_strerror(code));
}

/* ---- requests ---- */

static void prepare(struct post *p, const char *url, const char *protocols, unsigned timeout_ms)
{
	CURL *c = p->curl;
	curl_easy_reset(c);
	p->error[0] = p->kept[0] = 0;
	p->kept_len = p->read_len = 0;
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, p->error);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, protocols);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look_at_stop);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, p);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep_answer);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, p);
}

static unsigned status_of(struct post *p)
{
	long status = 0;
	curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	return status > 0 ? (unsigned)status : 0;
}

static struct curl_slist *header_list(const char *const *headers)
{
	/* "Expect" would cost a round trip, or a second where the server does not know it. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	for (; list && headers && *headers; headers++) {
		struct curl_slist *longer = curl_slist_append(list, *headers);
		if (!longer) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

static void read_http_answer(struct post *p, const struct post_request *r, struct post_answer *a)
{
	curl_off_t wait_s = 0;
	a->status = status_of(p);
	if (curl_easy_getinfo(p->curl, CURLINFO_RETRY_AFTER, &wait_s) == CURLE_OK && wait_s > 0)
		a->retry_after_s = wait_s < RETRY_AFTER_MAX_S ? (unsigned)wait_s : RETRY_AFTER_MAX_S;
	blot_out(p->kept, r->secret);
	blot_out(p->kept, path_of(r->url));
	snprintf(a->said, sizeof(a->said), "HTTP %u%s", a->status, p->kept_len ? ": " : "");
	say(a, p->kept);
}

bool post_http(struct post *p, const struct post_request *r, struct post_answer *a)
{
	CURLcode code = CURLE_OUT_OF_MEMORY;
	struct curl_slist *headers = header_list(r->headers);
	*a = (struct post_answer){ 0 };
	prepare(p, r->url, "http,https", r->timeout_ms);
	curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(p->curl, CURLOPT_USERAGENT, "portwatch/" PACKAGE_VERSION);
	if (r->body) {
		curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, r->body);
	}
	if (headers)
		code = curl_easy_perform(p->curl);
	/* A write error is our own keep_answer(), which had enough: the status is there. */
	bool answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && p->read_len > READ_MAX);
	if (answered)
		read_http_answer(p, r, a);
	else
		say_failure(p, code, a);
	curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return answered;
}

bool post_get(struct post *p, const char *url, unsigned timeout_ms, struct post_answer *a)
{
	return post_http(p, &(struct post_request){ .url = url, .timeout_ms = timeout_ms }, a);
}

/* ---- mail ---- */

/* 7.88 calls it with three L; one recipient that is unknown must not keep the others from being told. */
#if LIBCURL_VERSION_NUM >= 0x080200
#define ALLOW_FAILS CURLOPT_MAIL_RCPT_ALLOWFAILS
#else
#define ALLOW_FAILS CURLOPT_MAIL_RCPT_ALLLOWFAILS
#endif

static struct curl_slist *recipient_list(const struct post_mail *m)
{
	struct curl_slist *list = NULL;
	for (unsigned i = 0; i < m->tos; i++) {
		struct curl_slist *longer = curl_slist_append(list, m->to[i]);
		if (!longer) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

bool post_mail(struct post *p, const struct post_mail *m, struct post_answer *a)
{
	CURLcode code = CURLE_OUT_OF_MEMORY;
	struct curl_slist *to = recipient_list(m);
	*a = (struct post_answer){ 0 };
	prepare(p, m->url, "smtp,smtps", m->timeout_ms);
	p->upload = m->message;
	p->upload_left = m->message_len;
	curl_easy_setopt(p->curl, CURLOPT_USE_SSL, (long)(m->password ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	/* Whoever could show a false certificate could as well leave STARTTLS out, so without a password to lose and with no
	 * smtps:// asked for, a mail server's own certificate (Postfix comes with one) is better than no encryption. */
	if (!m->password && strncmp(m->url, "smtps:", 6) != 0) {
		curl_easy_setopt(p->curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(p->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (m->user)
		curl_easy_setopt(p->curl, CURLOPT_USERNAME, m->user);
	if (m->password)
		curl_easy_setopt(p->curl, CURLOPT_PASSWORD, m->password);
	curl_easy_setopt(p->curl, CURLOPT_MAIL_FROM, m->from);
	curl_easy_setopt(p->curl, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(p->curl, ALLOW_FAILS, 1L);
	curl_easy_setopt(p->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(p->curl, CURLOPT_READFUNCTION, give_message);
	curl_easy_setopt(p->curl, CURLOPT_READDATA, p);
	if (to)
		code = curl_easy_perform(p->curl);
	a->status = status_of(p);
	if (code == CURLE_OK)
		snprintf(a->said, sizeof(a->said), "SMTP %u", a->status);
	else
		say_failure(p, code, a);
	curl_easy_setopt(p->curl, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(to);
	return code == CURLE_OK;
}
