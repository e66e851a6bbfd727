/* test_redis_tls.c - rediss:// against a real redis-server with certificates made for the occasion; where hiredis has no
 * TLS, that it says so. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "pretender.h"
#include "redis_child.h"

#include "base/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>

static void ends_down(const char *url, enum redis_trouble trouble, const char *why, unsigned least_ms)
{
	struct redis_link *link = link_to(url, 1000);
	unsigned wait_ms;
	assert_int_equal(redis_link_up(link, &wait_ms), -EAGAIN);
	if (!strstr(redis_link_error(link), why))
		fail_msg("expected %s, got %s", why, redis_link_error(link));
	assert_int_equal(redis_link_trouble(link), trouble);
	assert_in_range(wait_ms, least_ms, 30000);
	redis_link_free(link);
}

/* A listener on a free port of 127.0.0.1 that never answers. */
static int listen_silently(char *url, size_t len)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size) | listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(url, len, "rediss://127.0.0.1:%u", ntohs(address.sin_port));
	return fd;
}

#ifdef HAVE_HIREDIS_SSL

static struct redis_child child;
static unsigned port;
static char localhost_url[64], address_url[64];

/* A self-signed certificate for the names given, as DIR/WHAT.crt and DIR/WHAT.key. */
static bool make_certificate(const char *what, const char *names)
{
	char command[600];
	snprintf(command, sizeof(command),
		 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=portwatch-test "
		 "-addext subjectAltName=%s -keyout %s/%s.key -out %s/%s.crt 2>/dev/null",
		 names, child.dir, what, child.dir, what);
	return system(command) == 0;
}

static void trust(const char *what)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s.crt", child.dir, what);
	setenv("SSL_CERT_FILE", path, 1);
	setenv("SSL_CERT_DIR", "/nonexistent", 1);
}

static void a_certificate_for_the_name_or_the_address_is_accepted(void **state)
{
	struct redis_link *link;
	(void)state;
	trust("server");
	link = link_to(localhost_url, 3000);
	come_up_now(link);
	answers(link, "PONG", "PING");
	redis_link_free(link);
	link = link_to(address_url, 3000);
	come_up_now(link);
	redis_link_free(link);
}

static void a_pipeline_larger_than_every_buffer_passes_through_tls(void **state)
{
	struct redis_link *link = link_to(localhost_url, 20000);
	size_t len = 1 << 20;
	char *big = malloc(len);
	(void)state;
	trust("server");
	come_up_now(link);
	memset(big, 'x', len);
	for (unsigned i = 0; i < 8; i++)
		redis_appendf(link, "ECHO %b", big, len);
	for (unsigned i = 0; i < 8; i++) {
		struct redis_reply *reply = redis_read(link, 0);
		size_t got = 0;
		if (!reply)
			fail_msg("%s", redis_link_error(link));
		assert_memory_equal(reply_text(reply, &got), big, len);
		assert_int_equal(got, len);
		redis_reply_free(reply);
	}
	free(big);
	redis_link_free(link);
}

static void a_certificate_nobody_vouches_for_is_refused(void **state)
{
	(void)state;
	trust("other");
	ends_down(localhost_url, TROUBLE_FORBIDDEN, "the server's certificate is refused: self", 29000);
}

static void a_certificate_for_another_name_is_refused(void **state)
{
	char config[400];
	struct redis_child other = child;
	(void)state;
	trust("other");
	snprintf(config, sizeof(config),
		 "tls-port %u\nport 0\nunixsocket %s/s2\ntls-cert-file %s/other.crt\ntls-key-file %s/other.key\n"
		 "tls-auth-clients no\ntls-ca-cert-file %s/other.crt",
		 port + 1, child.dir, child.dir, child.dir, child.dir);
	assert_true(redis_child_run(&other, config, "eady to accept connections"));
	snprintf(config, sizeof(config), "rediss://localhost:%u", port + 1);
	ends_down(config, TROUBLE_FORBIDDEN, "the server's certificate is refused: hostname mismatch", 29000);
	snprintf(config, sizeof(config), "rediss://127.0.0.1:%u", port + 1);
	ends_down(config, TROUBLE_FORBIDDEN, "the server's certificate is refused: IP address mismatch", 29000);
	redis_child_kill(&other);
}

static void a_peer_that_speaks_no_tls_is_said(void **state)
{
	char config[200];
	struct redis_child plain = child;
	(void)state;
	snprintf(config, sizeof(config), "port %u\nunixsocket %s/s3", port + 2, child.dir);
	assert_true(redis_child_run(&plain, config, "eady to accept connections"));
	snprintf(config, sizeof(config), "rediss://127.0.0.1:%u", port + 2);
	ends_down(config, TROUBLE_LINK, "TLS handshake: ", 1);
	redis_child_kill(&plain);
}

static void a_peer_that_says_nothing_is_given_up_at_the_deadline(void **state)
{
	char url[64];
	int fd = listen_silently(url, sizeof(url));
	uint64_t began = clock_ns();
	(void)state;
	ends_down(url, TROUBLE_LINK, "TLS handshake: no answer in time", 1);
	assert_in_range((clock_ns() - began) / NS_PER_MS, 999, 5000);
	close(fd);
}

static void *interrupt_soon(void *link)
{
	usleep(50000);
	redis_link_interrupt(link);
	return NULL;
}

static void an_interrupt_ends_a_handshake_and_a_wait(void **state)
{
	char url[64];
	int fd = listen_silently(url, sizeof(url));
	struct redis_link *link = link_to(url, 60000);
	uint64_t began = clock_ns();
	unsigned wait_ms = 1;
	pthread_t thread;
	(void)state;
	pthread_create(&thread, NULL, interrupt_soon, link);
	assert_int_equal(redis_link_up(link, &wait_ms), -EAGAIN);
	assert_int_equal(wait_ms, 0);
	pthread_join(thread, NULL);
	redis_link_free(link);
	close(fd);
	trust("server");
	link = link_to(localhost_url, 60000);
	come_up_now(link);
	pthread_create(&thread, NULL, interrupt_soon, link);
	redis_appendf(link, "BLPOP nothing 50");
	assert_null(redis_read(link, 50000));
	pthread_join(thread, NULL);
	assert_in_range((clock_ns() - began) / NS_PER_MS, 90, 10000);
	redis_link_free(link);
}

static void a_killed_server_ends_the_link_through_tls(void **state)
{
	struct redis_link *link = link_to(localhost_url, 3000);
	(void)state;
	trust("server");
	come_up_now(link);
	redis_appendf(link, "BLPOP nothing 50");
	redis_child_kill(&child);
	assert_null(redis_read(link, 50000));
	assert_int_equal(redis_link_trouble(link), TROUBLE_LINK);
	redis_link_free(link);
}

/* NULL, or why there is nothing to test against. */
static const char *start(void)
{
	char config[400];
	int fd = listen_silently(config, sizeof(config));
	port = (unsigned)atoi(strrchr(config, ':') + 1);
	close(fd);
	snprintf(localhost_url, sizeof(localhost_url), "rediss://localhost:%u", port);
	snprintf(address_url, sizeof(address_url), "rediss://127.0.0.1:%u", port);
	redis_child_prepare(&child);
	if (!make_certificate("server", "DNS:localhost,IP:127.0.0.1,IP:::1") ||
	    !make_certificate("other", "DNS:elsewhere.example"))
		return "openssl cannot make a certificate";
	snprintf(config, sizeof(config),
		 "tls-port %u\ntls-cert-file %s/server.crt\ntls-key-file %s/server.key\ntls-ca-cert-file %s/server.crt\n"
		 "tls-auth-clients no",
		 port, child.dir, child.dir, child.dir);
	return redis_child_run(&child, config, "eady to accept connections") ? NULL : "no redis-server with TLS";
}

static void end(void)
{
	static const char *const left[] = { "server.crt", "server.key", "other.crt", "other.key", "s2", "s3" };
	char path[128];
	for (unsigned i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", child.dir, left[i]);
		unlink(path);
	}
	redis_child_end(&child);
}

#else

static void without_tls_in_hiredis_it_is_said_so_and_not_tried_in_the_clear(void **state)
{
	char url[64];
	int fd = listen_silently(url, sizeof(url));
	(void)state;
	ends_down(url, TROUBLE_FORBIDDEN, "built without hiredis_ssl", 29000);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	close(fd);
}

static const char *start(void)
{
	return NULL;
}

static void end(void)
{
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef HAVE_HIREDIS_SSL
		cmocka_unit_test(a_certificate_for_the_name_or_the_address_is_accepted),
		cmocka_unit_test(a_pipeline_larger_than_every_buffer_passes_through_tls),
		cmocka_unit_test(a_certificate_nobody_vouches_for_is_refused),
		cmocka_unit_test(a_certificate_for_another_name_is_refused),
		cmocka_unit_test(a_peer_that_speaks_no_tls_is_said),
		cmocka_unit_test(a_peer_that_says_nothing_is_given_up_at_the_deadline),
		cmocka_unit_test(an_interrupt_ends_a_handshake_and_a_wait),
		cmocka_unit_test(a_killed_server_ends_the_link_through_tls),
#else
		cmocka_unit_test(without_tls_in_hiredis_it_is_said_so_and_not_tried_in_the_clear),
#endif
	};
	const char *missing = start();
	int failed = missing ? skip_all(missing) : cmocka_run_group_tests(tests, NULL, NULL);
	end();
	return failed;
}
