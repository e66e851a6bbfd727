/* tls_session.c - TLS with OpenSSL over two memory BIOs, and the questions asked of a certificate chain.
 * In: a peer's bytes.  Out: bytes for it, then facts.  Owns: the SSL object; stores of trusted certificates.
 * Why so: memory BIOs leave sockets, waiting and deadlines to the stage.  The handshake itself judges nothing (old
 * versions and weak keys are let through, the chain is not verified in it): who watches a certificate wants to see it,
 * and each fault is asked for by itself afterwards, without the clock, so that one does not hide another. */
#include "engine/tls_session.h"

#include "base/clock.h"
#include "base/must.h"
#include "base/printable.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STORES_MAX 16			/* CA files remembered */
#define STORE_AGE_NS (600 * NS_PER_S)	/* then it is read again: distributions change theirs */
#define CA_FILE_MAX (4 << 20)		/* Debian's whole bundle has 220 KB */

struct tls_store {
	char *path; /* NULL: the system's */
	X509_STORE *store;
	uint64_t read_ns, used;
	struct timespec changed;
};

struct tls_trust {
	SSL_CTX *context;
	struct tls_store system, file[STORES_MAX];
	uint64_t uses;
};

struct tls_session {
	SSL *ssl;
	BIO *in, *out; /* the SSL's */
	size_t taken;
	bool asked_for_ours; /* it wants a certificate of ours: all it has to show was shown before */
};

/* ---- whom to trust ---- */

static int accept_any_chain(X509_STORE_CTX *chain, void *arg)
{
	(void)chain;
	(void)arg;
	return 1;
}

static int we_have_none(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
	(void)certificate;
	(void)key;
	struct tls_session *s = SSL_get_app_data(ssl);
	s->asked_for_ours = true;
	return 0;
}

struct tls_trust *tls_trust_new(void)
{
	struct tls_trust *t = calloc(1, sizeof(*t));
	if (!t || !(t->context = SSL_CTX_new(TLS_client_method()))) {
		free(t);
		return NULL;
	}
	SSL_CTX_set_security_level(t->context, 0);
	SSL_CTX_set_min_proto_version(t->context, TLS1_VERSION);
	SSL_CTX_set_session_cache_mode(t->context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(t->context, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET);
	SSL_CTX_set_cert_verify_callback(t->context, accept_any_chain, NULL);
	SSL_CTX_set_client_cert_cb(t->context, we_have_none);
	return t;
}

static void store_drop(struct tls_store *s)
{
	X509_STORE_free(s->store);
	free(s->path);
	*s = (struct tls_store){ 0 };
}

void tls_trust_free(struct tls_trust *t)
{
	if (!t)
		return;
	store_drop(&t->system);
	for (unsigned i = 0; i < STORES_MAX; i++)
		store_drop(&t->file[i]);
	SSL_CTX_free(t->context);
	free(t);
}

static bool directory_has_files(const char *path)
{
	DIR *dir = opendir(path);
	bool found = false;
	for (struct dirent *e; dir && !found && (e = readdir(dir));)
		found = e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return found;
}

/* Without one every certificate would come from an unknown issuer, and that would be our fault. */
static bool system_has_store(void)
{
	const char *file = getenv(X509_get_default_cert_file_env()), *dir = getenv(X509_get_default_cert_dir_env());
	return access(file ? file : X509_get_default_cert_file(), R_OK) == 0 ||
	       directory_has_files(dir ? dir : X509_get_default_cert_dir());
}

static struct tls_store *system_store(struct tls_trust *t, char *why, size_t why_len)
{
	struct tls_store *s = &t->system;
	if (s->store && clock_ns() - s->read_ns < STORE_AGE_NS)
		return s;
	store_drop(s);
	s->store = X509_STORE_new();
	if (!s->store || !system_has_store() || X509_STORE_set_default_paths(s->store) != 1) {
		snprintf(why, why_len, "this prober has no certificates to trust (package ca-certificates)");
		ERR_clear_error();
		store_drop(s);
		return NULL;
	}
	s->read_ns = clock_ns();
	return s;
}

/* All certificates of a file into a new store.  NULL: why says what is wrong. */
static X509_STORE *read_store(int fd, const char *path, char *why, size_t why_len)
{
	FILE *file = fdopen(fd, "re");
	X509_STORE *store = X509_STORE_new();
	must_say(file && store, "no memory for the certificates of %s", path);
	unsigned count = 0;
	for (X509 *one; (one = PEM_read_X509(file, NULL, NULL, NULL)); count++) {
		must(X509_STORE_add_cert(store, one) == 1);
		X509_free(one);
	}
	fclose(file);
	ERR_clear_error();
	if (count)
		return store;
	snprintf(why, why_len, "the CA file %s holds no certificate in PEM", path);
	X509_STORE_free(store);
	return NULL;
}

static struct tls_store *place_for(struct tls_trust *t, const char *path)
{
	struct tls_store *oldest = &t->file[0];
	for (unsigned i = 0; i < STORES_MAX; i++) {
		if (t->file[i].path && strcmp(t->file[i].path, path) == 0)
			return &t->file[i];
		if (t->file[i].used < oldest->used)
			oldest = &t->file[i];
	}
	store_drop(oldest);
	oldest->path = strdup(path);
	must(oldest->path);
	return oldest;
}

/* The path came with a job: only a plain file of a decent size is read, and nothing of it is ever repeated. */
static struct tls_store *file_store(struct tls_trust *t, const char *path, char *why, size_t why_len)
{
	struct stat is;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &is) < 0) {
		snprintf(why, why_len, "the CA file %s cannot be read: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (!S_ISREG(is.st_mode) || is.st_size > CA_FILE_MAX) {
		snprintf(why, why_len, "the CA file %s is no plain file of at most 4 MB", path);
		close(fd);
		return NULL;
	}
	struct tls_store *s = place_for(t, path);
	s->used = ++t->uses;
	if (s->store && s->changed.tv_sec == is.st_mtim.tv_sec && s->changed.tv_nsec == is.st_mtim.tv_nsec) {
		close(fd);
		return s;
	}
	X509_STORE_free(s->store);
	s->store = read_store(fd, path, why, why_len);
	s->changed = is.st_mtim;
	return s->store ? s : NULL;
}

struct tls_store *tls_trust_store(struct tls_trust *t, const char *path, char *why, size_t why_len)
{
	return path ? file_store(t, path, why, why_len) : system_store(t, why, why_len);
}

/* ---- the handshake ---- */

struct tls_session *tls_session_new(struct tls_trust *t, const char *name, bool name_is_address)
{
	struct tls_session *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->ssl = SSL_new(t->context);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	if (!s->ssl || !s->in || !s->out) {
		BIO_free(s->in);
		BIO_free(s->out);
		SSL_free(s->ssl);
		free(s);
		return NULL;
	}
	BIO_set_mem_eof_return(s->in, -1); /* empty means later, not never */
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_app_data(s->ssl, s);
	SSL_set_connect_state(s->ssl);
	if (!name_is_address)
		SSL_set_tlsext_host_name(s->ssl, name);
	ERR_clear_error(); /* a name too long for SNI goes without */
	return s;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	SSL_free(s->ssl); /* and both BIOs */
	free(s);
}

static bool is_shown(const struct tls_session *s)
{
	return s->asked_for_ours && SSL_get0_peer_certificate(s->ssl);
}

/* What OpenSSL says of bytes that are no TLS record. */
static bool is_no_record(int code)
{
#ifdef SSL_R_RECORD_LAYER_FAILURE /* OpenSSL 3.2 */
	if (code == SSL_R_RECORD_LAYER_FAILURE)
		return true;
#endif
	return code == SSL_R_WRONG_VERSION_NUMBER || code == SSL_R_HTTP_REQUEST || code == SSL_R_PACKET_LENGTH_TOO_LONG ||
	       code == SSL_R_BAD_RECORD_TYPE;
}

/* Why it failed, for somebody who looks after the service. */
static enum tls_step tell_failure(char *why, size_t why_len)
{
	unsigned long error = ERR_peek_error();
	const char *reason = ERR_reason_error_string(error);
	int code = ERR_GET_REASON(error);
	if (is_no_record(code))
		snprintf(why, why_len, "no TLS here: the answer is something else");
	else if (code > SSL_AD_REASON_OFFSET && code <= SSL_AD_REASON_OFFSET + 255)
		snprintf(why, why_len, "no TLS here: the server sent the alert \"%s\"",
			 SSL_alert_desc_string_long(code - SSL_AD_REASON_OFFSET));
	else
		snprintf(why, why_len, "no TLS here: %s", reason ? reason : "the handshake failed");
	ERR_clear_error();
	return TLS_NOT;
}

enum tls_step tls_session_take(struct tls_session *s, const void *bytes, size_t len, char *why, size_t why_len)
{
	s->taken += len;
	if (s->taken > TLS_BYTES_MAX) {
		snprintf(why, why_len, "no TLS here: the server sent more than %d bytes without an end to its handshake",
			 TLS_BYTES_MAX);
		return TLS_NOT;
	}
	ERR_clear_error();
	must(len == 0 || BIO_write(s->in, bytes, (int)len) == (int)len);
	int done = SSL_do_handshake(s->ssl);
	if (done == 1 || is_shown(s)) {
		ERR_clear_error();
		if (SSL_get0_peer_certificate(s->ssl))
			return TLS_SHOWN;
		snprintf(why, why_len, "no certificate: the server speaks TLS without one");
		return TLS_NOT;
	}
	int wants = SSL_get_error(s->ssl, done);
	return wants == SSL_ERROR_WANT_READ || wants == SSL_ERROR_WANT_WRITE ? TLS_GO_ON : tell_failure(why, why_len);
}

size_t tls_session_say(struct tls_session *s, void *into, size_t len)
{
	int n = BIO_read(s->out, into, (int)len);
	return n > 0 ? (size_t)n : 0;
}

void tls_session_end(struct tls_session *s)
{
	if (SSL_is_init_finished(s->ssl))
		SSL_shutdown(s->ssl);
	ERR_clear_error();
}

/* ---- what was shown ---- */

/* Bytes of a certificate into a text that may be printed and sent. */
static void take_text(char into[CERTIFICATE_TEXT_MAX], const unsigned char *bytes, size_t len)
{
	if (len > CERTIFICATE_TEXT_MAX - 1)
		for (len = CERTIFICATE_TEXT_MAX - 1; len && (bytes[len] & 0xc0) == 0x80;)
			len--;
	memcpy(into, bytes, len);
	into[len] = 0;
	if (!text_is_printable(into, len))
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)into[i] < ' ' || (unsigned char)into[i] > '~')
				into[i] = '?';
}

/* The common name, or else the organisation, which is how people call an issuer. */
static void name_text(const X509_NAME *name, char into[CERTIFICATE_TEXT_MAX])
{
	static const int parts[] = { NID_commonName, NID_organizationalUnitName, NID_organizationName };
	into[0] = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts) && !into[0]; i++) {
		int at = X509_NAME_get_index_by_NID(name, parts[i], -1);
		unsigned char *utf8 = NULL;
		int len = at < 0 ? -1
				 : ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
		if (len > 0)
			take_text(into, utf8, (size_t)len);
		OPENSSL_free(utf8);
	}
	if (!into[0])
		snprintf(into, CERTIFICATE_TEXT_MAX, "(nameless)");
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm utc;
	return ASN1_TIME_to_tm(time, &utc) == 1 ? (int64_t)timegm(&utc) : 0; /* unreadable: ended long ago */
}

static void add_name(struct certificate_facts *into, const char *one, unsigned *left_out)
{
	size_t used = strlen(into->names), len = strlen(one);
	enum { TAIL = 20 }; /* room for "and 4294967295 more" */
	if (*left_out || used + len + 2 + TAIL >= sizeof(into->names)) {
		++*left_out;
		return;
	}
	snprintf(into->names + used, sizeof(into->names) - used, "%s%s", used ? ", " : "", one);
}

/* Its names and addresses, as many as people want to read. */
static void list_names(X509 *certificate, struct certificate_facts *into)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	unsigned left_out = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		char one[CERTIFICATE_TEXT_MAX] = "";
		if (name->type == GEN_DNS) {
			take_text(one, ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName));
		} else if (name->type == GEN_IPADD) {
			int len = ASN1_STRING_length(name->d.iPAddress);
			if (len == 4 || len == 16)
				inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), one, sizeof(one));
		}
		if (one[0])
			add_name(into, one, &left_out);
	}
	GENERAL_NAMES_free(names);
	size_t used = strlen(into->names);
	if (left_out)
		snprintf(into->names + used, sizeof(into->names) - used, "%s%u more", used ? " and " : "", left_out);
}

static bool fits(X509 *certificate, const struct certificate_wants *wants)
{
	unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	if (wants->name_is_address)
		return X509_check_ip_asc(certificate, wants->name, 0) == 1;
	return X509_check_host(certificate, wants->name, 0, flags, NULL) == 1;
}

static enum certificate_chain chain_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return CHAIN_TRUSTED;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return CHAIN_SELF_SIGNED;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return CHAIN_UNKNOWN_ROOT;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return CHAIN_UNKNOWN_ISSUER;
	default:
		return CHAIN_BAD;
	}
}

/* The chain as far as it could be built: who is missing, and who ends first. */
static void look_above(STACK_OF(X509) *chain, struct certificate_facts *into)
{
	int count = sk_X509_num(chain);
	if (count > 0 && into->chain != CHAIN_TRUSTED)
		name_text(X509_get_issuer_name(sk_X509_value(chain, count - 1)), into->issuer);
	for (int i = 1; i < count; i++) {
		X509 *above = sk_X509_value(chain, i);
		int64_t ends_s = seconds_of(X509_get0_notAfter(above));
		if (ends_s >= into->above_not_after_s)
			continue;
		into->above_not_after_s = ends_s;
		name_text(X509_get_subject_name(above), into->above);
	}
}

static void look_at_chain(struct tls_session *s, X509 *certificate, struct tls_store *store,
			  struct certificate_facts *into)
{
	STACK_OF(X509) *sent = SSL_get_peer_cert_chain(s->ssl);
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	must(check && X509_STORE_CTX_init(check, store->store, certificate, sent) == 1);
	X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(check);
	X509_STORE_CTX_set_default(check, "ssl_server");
	X509_VERIFY_PARAM_set_auth_level(rules, 1);
	X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_NO_CHECK_TIME | (store->path ? X509_V_FLAG_PARTIAL_CHAIN : 0));
	int fine = X509_verify_cert(check), error = X509_STORE_CTX_get_error(check);
	if (fine != 1 && error == X509_V_OK)
		error = X509_V_ERR_UNSPECIFIED;
	into->chain = chain_of(fine == 1 ? X509_V_OK : error);
	into->sent = (unsigned)sk_X509_num(sent);
	snprintf(into->chain_why, sizeof(into->chain_why), "not to be trusted: %s", X509_verify_cert_error_string(error));
	look_above(X509_STORE_CTX_get0_chain(check), into);
	X509_STORE_CTX_free(check);
	ERR_clear_error();
}

void tls_session_facts(struct tls_session *s, struct tls_store *store, const struct certificate_wants *wants,
		       struct certificate_facts *into)
{
	X509 *certificate = SSL_get0_peer_certificate(s->ssl);
	must(certificate);
	*into = (struct certificate_facts){ .above_not_after_s = INT64_MAX };
	into->not_before_s = seconds_of(X509_get0_notBefore(certificate));
	into->not_after_s = seconds_of(X509_get0_notAfter(certificate));
	name_text(X509_get_issuer_name(certificate), into->issuer);
	list_names(certificate, into);
	into->name_fits = fits(certificate, wants);
	look_at_chain(s, certificate, store, into);
}
