/* monitor_tls.c - the member `tls` of a monitor: what is wished of its certificate.
 * In: JSON.  Out: a struct tls_wish whose texts belong to the monitor.  Why so: apart from monitor.c, because a monitor with
 * this member is one of another kind: it is looked at every few hours, and what is judged is the certificate. */
#include "wire/monitor_tls.h"

#include "base/must.h"
#include "base/printable.h"
#include "wire/target.h"

#include <stdlib.h>
#include <string.h>

static bool read_left(const json_t *o, const char *name, unsigned *seconds, char *why, size_t why_len)
{
	uint64_t ms = *seconds * 1000ull;
	if (!json_take_number(o, name, 0, TLS_LEFT_MAX_S * 1000ull, &ms, why, why_len))
		return false;
	*seconds = (unsigned)(ms / 1000);
	return true;
}

static bool read_starttls(const char *text, struct tls_wish *wish, char *why, size_t why_len)
{
	for (unsigned i = STARTTLS_NONE + 1; text && i < STARTTLS_KINDS; i++)
		if (strcmp(starttls_names[i], text) == 0) {
			wish->starttls = (enum starttls_kind)i;
			return true;
		}
	if (text)
		snprintf(why, why_len, "tls.starttls is not \"smtp\", \"imap\", \"pop3\", \"postgres\" or \"ldap\"");
	return !text;
}

static char *copy(const char *text)
{
	char *own = text ? strdup(text) : NULL;
	must(!text || own);
	return own;
}

bool tls_name_is_fine(const char *name)
{
	return *name && strlen(name) <= HOST_MAX_LEN && text_is_host(name, strlen(name));
}

bool tls_ca_is_fine(const char *path)
{
	return path[0] == '/' && strlen(path) <= TLS_CA_MAX_LEN && text_is_host(path, strlen(path));
}

bool monitor_tls_read(const json_t *object, struct monitor *m, char *why, size_t why_len)
{
	const json_t *o = json_object_get(object, "tls");
	const char *name = NULL, *ca = NULL, *starttls = NULL;
	uint64_t timeout = TLS_TIMEOUT_DEFAULT_MS;
	m->tls = false;
	if (!o || json_is_null(o))
		return true;
	if (!json_is_object(o)) {
		snprintf(why, why_len, "tls is not an object");
		return false;
	}
	m->wish = tls_wish_default;
	if (!json_take_text(o, "server_name", HOST_MAX_LEN, &name, why, why_len) ||
	    !json_take_text(o, "ca", TLS_CA_MAX_LEN, &ca, why, why_len) ||
	    !json_take_text(o, "starttls", 16, &starttls, why, why_len) || !read_starttls(starttls, &m->wish, why, why_len) ||
	    !json_take_number(o, "timeout_ms", 1, JOB_TIMEOUT_MAX_MS, &timeout, why, why_len) ||
	    !read_left(o, "warn_ms", &m->wish.warn_s, why, why_len) || !read_left(o, "down_ms", &m->wish.down_s, why, why_len))
		return false;
	if ((name && !tls_name_is_fine(name)) || (ca && !tls_ca_is_fine(ca))) {
		snprintf(why, why_len, name && !tls_name_is_fine(name) ? "tls.server_name is not a host name or an address"
								       : "tls.ca is not an absolute path");
		return false;
	}
	m->tls = true;
	m->wish.timeout_ms = (unsigned)timeout;
	m->wish.server_name = copy(name);
	m->wish.ca = copy(ca);
	return true;
}

static void set_left(json_t *o, const char *name, unsigned seconds, unsigned usual)
{
	if (seconds != usual)
		json_object_set_new(o, name, json_integer(seconds * 1000ll));
}

json_t *monitor_tls_json(const struct monitor *m)
{
	const struct tls_wish *w = &m->wish, *usual = &tls_wish_default;
	json_t *o = json_object();
	if (w->server_name)
		json_object_set_new(o, "server_name", json_string(w->server_name));
	if (w->starttls)
		json_object_set_new(o, "starttls", json_string(starttls_names[w->starttls]));
	set_left(o, "warn_ms", w->warn_s, usual->warn_s);
	set_left(o, "down_ms", w->down_s, usual->down_s);
	if (w->timeout_ms != usual->timeout_ms)
		json_object_set_new(o, "timeout_ms", json_integer(w->timeout_ms));
	if (w->ca)
		json_object_set_new(o, "ca", json_string(w->ca));
	return o;
}

void monitor_tls_free(struct monitor *m)
{
	free((char *)m->wish.server_name);
	free((char *)m->wish.ca);
	m->wish.server_name = m->wish.ca = NULL;
	m->tls = false;
}
