/* redis_url.c - takes the URL of a Redis server apart.
 * In: text from a flag, the environment or a file.  Out: a struct redis_url with everything decoded, or a sentence.
 * Why so: a URL may hold a password anywhere a person mistyped it, so a refusal never quotes the text; it names the
 * character (counted from 1) at which reading stopped. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "wire/redis_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PORT_DEFAULT 6379
#define PORT_MAX 65535
#define DB_MAX 999999 /* Redis has 16 unless configured; the limit only keeps the number readable */

/* What is being read; every step takes a range [from, to) of url. */
struct reading {
	const char *url;
	struct redis_url *into;
	char *why;
	size_t why_len;
};

static int refuse(const struct reading *r, const char *at, const char *what)
{
	snprintf(r->why, r->why_len, "redis url, character %zu: %s", (size_t)(at - r->url) + 1, what);
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Percent-decodes a range into out, which holds room bytes with the final 0. */
static int decode(const struct reading *r, const char *from, const char *to, char *out, size_t room)
{
	size_t len = 0;
	while (from < to) {
		int c = (unsigned char)*from;
		const char *at = from++;
		if (c == '%') {
			int high = from < to ? hex_digit(from[0]) : -1;
			int low = high >= 0 && from + 1 < to ? hex_digit(from[1]) : -1;
			if (low < 0)
				return refuse(r, at, "a % must be followed by two hexadecimal digits");
			c = high << 4 | low;
			from += 2;
		}
		if (c == 0)
			return refuse(r, at, "%00 cannot be part of it");
		if (len + 1 >= room)
			return refuse(r, at, "this part is too long");
		out[len++] = (char)c;
	}
	out[len] = 0;
	return 0;
}

static int number(const struct reading *r, const char *from, const char *to, unsigned min, unsigned max,
		  const char *otherwise, unsigned *into)
{
	unsigned long value = 0;
	const char *at = from;
	for (; at < to && *at >= '0' && *at <= '9' && value <= max; at++)
		value = value * 10 + (unsigned long)(*at - '0');
	if (at < to || from == to || value < min || value > max)
		return refuse(r, from, otherwise);
	*into = (unsigned)value;
	return 0;
}

static int read_db(const struct reading *r, const char *from, const char *to)
{
	return number(r, from, to, 0, DB_MAX, "the database must be a number, as in /0", &r->into->db);
}

/* user[:password] in front of the @. */
static int read_user(const struct reading *r, const char *from, const char *to)
{
	const char *colon = memchr(from, ':', (size_t)(to - from));
	int bad = decode(r, from, colon ? colon : to, r->into->user, sizeof(r->into->user));
	if (bad || !colon)
		return bad;
	return decode(r, colon + 1, to, r->into->password, sizeof(r->into->password));
}

static int copy_host(const struct reading *r, const char *from, const char *to)
{
	size_t len = (size_t)(to - from);
	if (len == 0)
		return refuse(r, from, "the host is missing, as in redis://127.0.0.1:6379");
	if (len >= sizeof(r->into->host))
		return refuse(r, from, "the host name is longer than 253 characters");
	memcpy(r->into->host, from, len);
	r->into->host[len] = 0;
	return 0;
}

static int read_name(const struct reading *r, const char *from, const char *to)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	for (const char *at = from; at < to; at++)
		if (!memchr(allowed, *at, sizeof(allowed) - 1))
			return refuse(r, at, "a host name has only letters, digits, '.', '-' and '_' "
					     "(an IPv6 address stands in brackets)");
	return copy_host(r, from, to);
}

/* [v6]; from points behind the bracket, to at the closing one. */
static int read_literal6(const struct reading *r, const char *from, const char *to)
{
	struct in6_addr ignored;
	int bad = copy_host(r, from, to);
	if (!bad && inet_pton(AF_INET6, r->into->host, &ignored) != 1)
		bad = refuse(r, from, "what stands in brackets is not an IPv6 address");
	return bad;
}

/* host[:port] or [v6][:port]. */
static int read_host(const struct reading *r, const char *from, const char *to)
{
	const char *rest;
	int bad;
	if (from < to && *from == '[') {
		const char *close = memchr(from, ']', (size_t)(to - from));
		if (!close)
			return refuse(r, from, "the bracket of the IPv6 address is not closed");
		bad = read_literal6(r, from + 1, close);
		rest = close + 1;
	} else {
		const char *colon = memchr(from, ':', (size_t)(to - from));
		rest = colon ? colon : to;
		bad = read_name(r, from, rest);
	}
	if (bad || rest == to)
		return bad;
	if (*rest != ':')
		return refuse(r, rest, "after the address only a ':' and a port may follow");
	return number(r, rest + 1, to, 1, PORT_MAX, "the port must be a number from 1 to 65535", &r->into->port);
}

/* What follows redis:// or rediss://. */
static int read_tcp(const struct reading *r, const char *from)
{
	const char *end = from + strcspn(from, "/?#");
	const char *at = memrchr(from, '@', (size_t)(end - from));
	int bad;
	if (*end && strchr(end, '@'))
		return refuse(r, end, "in a user name or password write / as %2F, ? as %3F, # as %23 and @ as %40");
	bad = at ? read_user(r, from, at) : 0;
	if (!bad)
		bad = read_host(r, at ? at + 1 : from, end);
	if (bad || *end == 0 || strcmp(end, "/") == 0)
		return bad;
	if (*end != '/')
		return refuse(r, end, "only a database may follow the host, as in /0");
	return read_db(r, end + 1, end + strlen(end));
}

/* One name=value behind the ? of a unix URL. */
static int read_parameter(const struct reading *r, const char *from, const char *to)
{
	struct redis_url *into = r->into;
	const char *equals = memchr(from, '=', (size_t)(to - from));
	size_t len = equals ? (size_t)(equals - from) : 0;
	if (len == 2 && memcmp(from, "db", len) == 0)
		return number(r, equals + 1, to, 0, DB_MAX, "the database must be a number, as in db=0", &into->db);
	if (len == 4 && memcmp(from, "user", len) == 0)
		return decode(r, equals + 1, to, into->user, sizeof(into->user));
	if (len == 8 && memcmp(from, "password", len) == 0)
		return decode(r, equals + 1, to, into->password, sizeof(into->password));
	return refuse(r, from, "only db=, user= and password= may follow the '?', with & between them");
}

/* What follows unix://. */
static int read_unix(const struct reading *r, const char *from)
{
	const char *end = from + strcspn(from, "?#");
	int bad;
	if (*from != '/')
		return refuse(r, from, "the path of the socket must be absolute, as in unix:///run/redis.sock");
	bad = decode(r, from, end, r->into->path, sizeof(r->into->path));
	if (!bad && *end == '#')
		bad = refuse(r, end, "a '#' must be written %23");
	while (!bad && *end) {
		const char *next = end + 1 + strcspn(end + 1, "&");
		bad = read_parameter(r, end + 1, next);
		end = next;
	}
	r->into->port = 0;
	return bad;
}

static int read_url(const struct reading *r)
{
	const char *url = r->url;
	for (const char *at = url; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return refuse(r, at, "blanks and control characters must be percent-encoded");
	if (strncmp(url, "redis://", 8) == 0)
		return read_tcp(r, url + 8);
	if (strncmp(url, "rediss://", 9) == 0) {
		r->into->tls = true;
		return read_tcp(r, url + 9);
	}
	if (strncmp(url, "unix://", 7) == 0)
		return read_unix(r, url + 7);
	return refuse(r, url, "it must begin with redis://, rediss:// or unix://");
}

int redis_url_parse(const char *url, struct redis_url *into, char *why, size_t why_len)
{
	struct reading r = { url, into, why, why_len };
	int bad;
	*into = (struct redis_url){ .port = PORT_DEFAULT };
	bad = read_url(&r);
	if (bad)
		*into = (struct redis_url){ 0 };
	return bad;
}

void redis_url_show(const struct redis_url *url, char *into, size_t len)
{
	const char *scheme = url->tls ? "rediss" : "redis";
	bool six = strchr(url->host, ':');
	char db[16] = "";
	if (url->db)
		snprintf(db, sizeof(db), "%s%u", url->path[0] ? "?db=" : "/", url->db);
	if (url->path[0])
		snprintf(into, len, "unix://%s%s", url->path, db);
	else
		snprintf(into, len, "%s://%s%s%s:%u%s", scheme, six ? "[" : "", url->host, six ? "]" : "", url->port, db);
}
