/* test_http_page.c - mirrors base/http_page.c; the client is a plain socket, so that nothing is forgiven. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/http_page.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char why[256];

#ifdef HAVE_LIBMICROHTTPD

enum { LARGE = 1 << 20, ANSWER_BYTES = LARGE + 4096 };

static struct http_server *server;
static char answer[ANSWER_BYTES];

static void write_count(void *arg, struct text *into)
{
	unsigned *calls = arg;
	text_printf(into, "calls %u\n", ++*calls);
}

static void write_nothing(void *arg, struct text *into)
{
	(void)arg;
	(void)into;
}

static void write_large(void *arg, struct text *into)
{
	(void)arg;
	for (int i = 0; i < LARGE / 16; i++)
		text_add(into, "0123456789abcde\n");
}

static void write_failed(void *arg, struct text *into)
{
	(void)arg;
	text_add(into, "half a page");
	text_add_bytes(into, "", SIZE_MAX - 1); /* no memory for that */
}

static unsigned calls;
static const struct http_page pages[] = {
	{ "/metrics", "text/plain; version=0.0.4", write_count, &calls },
	{ "/empty", "text/plain", write_nothing, NULL },
	{ "/large", "text/csv", write_large, NULL },
	{ "/failed", "text/plain", write_failed, NULL },
	{ 0 },
};

static int start(void **state)
{
	(void)state;
	calls = 0;
	server = http_server_start(":0", pages, why, sizeof why);
	return server ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	http_server_stop(server);
	server = NULL;
	return 0;
}

/* A connection to an address of this machine, or -1. */
static int dial(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(server)) };
	const struct timeval patience = { .tv_sec = 5 };
	inet_pton(AF_INET, address, &to.sin_addr);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Sends the request as it is and reads until the server closes or falls silent. */
static const char *ask(const char *request)
{
	const int fd = dial("127.0.0.1");
	size_t len = 0;
	ssize_t got;
	assert_true(fd >= 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while (len < sizeof answer - 1 && (got = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0)
		len += (size_t)got;
	answer[len] = 0;
	close(fd);
	return answer;
}

#define HEADERS " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static const char *body_of(const char *whole)
{
	const char *end = strstr(whole, "\r\n\r\n");
	assert_non_null(end);
	return end + 4;
}

static void begins(const char *whole, const char *status)
{
	if (strncmp(whole, status, strlen(status)) != 0)
		fail_msg("%.60s instead of %s", whole, status);
}

static void a_get_brings_the_page_with_its_type(void **state)
{
	(void)state;
	begins(ask("GET /metrics" HEADERS), "HTTP/1.1 200 ");
	assert_non_null(strstr(answer, "\r\nContent-Type: text/plain; version=0.0.4\r\n"));
	assert_string_equal(body_of(answer), "calls 1\n");
	begins(ask("GET /metrics?name=x" HEADERS), "HTTP/1.1 200 ");
	assert_string_equal(body_of(answer), "calls 2\n");
	begins(ask("GET /empty" HEADERS), "HTTP/1.1 200 ");
	assert_string_equal(body_of(answer), "");
}

static void a_head_has_the_length_but_no_body(void **state)
{
	(void)state;
	begins(ask("HEAD /metrics" HEADERS), "HTTP/1.1 200 ");
	assert_non_null(strstr(answer, "\r\nContent-Length: 8\r\n"));
	assert_string_equal(body_of(answer), "");
}

static void another_path_is_404_and_names_the_pages(void **state)
{
	(void)state;
	static const char *const paths[] = { "/", "/metrics/", "/metricsx", "/../metrics", "/METRICS" };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		char request[128];
		snprintf(request, sizeof request, "GET %s" HEADERS, paths[i]);
		begins(ask(request), "HTTP/1.1 404 ");
		assert_string_equal(body_of(answer), "no such page here; there is /metrics, /empty, /large, /failed\n");
	}
	assert_int_equal(calls, 0);
}

static void another_method_is_405_and_names_the_allowed(void **state)
{
	(void)state;
	static const char *const methods[] = { "DELETE", "PUT", "OPTIONS", "get", "NONSENSE" };
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		char request[128];
		snprintf(request, sizeof request, "%s /metrics" HEADERS, methods[i]);
		begins(ask(request), "HTTP/1.1 405 ");
		assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
	}
	begins(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"), "HTTP/1.1 405 ");
	begins(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\nabc"), "HTTP/1.1 405 ");
	assert_int_equal(calls, 0);
}

static void one_connection_serves_several_requests(void **state)
{
	(void)state;
	begins(ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
		   "GET /metrics" HEADERS), "HTTP/1.1 200 ");
	assert_string_equal(body_of(strstr(answer, "calls 2")  ? strstr(answer, "calls 2") : ""), "calls 3\n");
}

static void a_page_larger_than_any_buffer_arrives_whole(void **state)
{
	(void)state;
	begins(ask("GET /large" HEADERS), "HTTP/1.1 200 ");
	assert_int_equal(strlen(body_of(answer)), LARGE);
}

static void half_a_page_is_not_sent(void **state)
{
	(void)state;
	assert_null(strstr(ask("GET /failed" HEADERS), "half a page"));
	begins(ask("GET /metrics" HEADERS), "HTTP/1.1 200 ");
}

static void garbage_and_silent_connections_do_not_stop_the_next_request(void **state)
{
	(void)state;
	ask("\x16\x03\x01\x02\x05\x01\r\n\r\n\r\n");
	ask("GET\r\n\r\n");
	static char long_line[40000];
	memset(long_line, 'a', sizeof long_line - 1);
	memcpy(long_line, "GET /", 5);
	memcpy(long_line + sizeof long_line - 5, "\r\n\r\n", 4);
	ask(long_line);
	assert_null(strstr(answer, " 200 "));
	int silent[20];
	for (int i = 0; i < 20; i++)
		assert_true((silent[i] = dial("127.0.0.1")) >= 0);
	begins(ask("GET /metrics" HEADERS), "HTTP/1.1 200 ");
	for (int i = 0; i < 20; i++)
		close(silent[i]);
}

static void more_connections_than_allowed_are_turned_away_until_one_leaves(void **state)
{
	(void)state;
	int fd[40];
	for (int i = 0; i < 40; i++)
		fd[i] = dial("127.0.0.1");
	for (int i = 0; i < 40; i++)
		close(fd[i]);
	for (int tries = 0; tries < 100; tries++) { /* the server notices the closes a little later */
		if (strncmp(ask("GET /metrics" HEADERS), "HTTP/1.1 200 ", 13) == 0)
			return;
		usleep(20000);
	}
	fail_msg("nothing is served after the crowd has gone");
}

static void without_a_host_only_loopback_is_listened_at(void **state)
{
	(void)state;
	assert_true(http_server_port(server) > 0);
	assert_int_equal(dial("127.0.0.2"), -1); /* of this machine as well, but not what was bound */
}

static void a_port_in_use_is_said(void **state)
{
	(void)state;
	char where[32], sentence[128];
	snprintf(where, sizeof where, "127.0.0.1:%u", http_server_port(server));
	snprintf(sentence, sizeof sentence, "cannot listen at %s: Address already in use", where);
	assert_null(http_server_start(where, pages, why, sizeof why));
	assert_string_equal(why, sentence);
}

static void a_stop_does_not_wait_for_open_connections(void **state)
{
	(void)state;
	const int fd = dial("127.0.0.1");
	assert_true(fd >= 0);
	http_server_stop(server);
	server = NULL;
	char byte;
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
}

static void what_is_no_place_to_listen_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = { "", "9100", "localhost", "localhost:", "localhost:http", ":65536", ":-1", ":99999999999",
					     "::1:9100", "[::1]", "[::1]9100", "[]:9100", ":9100 ", "127.0.0.1:9100:1" };
	char sentence[160];
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(sentence, sizeof sentence, "\"%s\" is not host:port, [v6]:port or :port with a port of 0 to 65535", wrong[i]);
		assert_null(http_server_start(wrong[i], pages, why, sizeof why));
		assert_string_equal(why, sentence);
	}
	assert_null(http_server_start("192.0.2.1:0", pages, why, sizeof why)); /* nobody's (RFC 5737) */
	assert_string_equal(why, "cannot listen at 192.0.2.1:0: Cannot assign requested address");
}

static void an_ipv6_address_in_brackets_is_listened_at(void **state)
{
	(void)state;
	const int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		skip(); /* this machine has no ::1 */
	}
	struct http_server *six = http_server_start("[::1]:0", pages, why, sizeof why);
	assert_non_null(six);
	to.sin6_port = htons((uint16_t)http_server_port(six));
	const int client = socket(AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
	close(client);
	close(fd);
	http_server_stop(six);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(a_get_brings_the_page_with_its_type),
		TEST(a_head_has_the_length_but_no_body),
		TEST(another_path_is_404_and_names_the_pages),
		TEST(another_method_is_405_and_names_the_allowed),
		TEST(one_connection_serves_several_requests),
		TEST(a_page_larger_than_any_buffer_arrives_whole),
		TEST(half_a_page_is_not_sent),
		TEST(garbage_and_silent_connections_do_not_stop_the_next_request),
		TEST(more_connections_than_allowed_are_turned_away_until_one_leaves),
		TEST(without_a_host_only_loopback_is_listened_at),
		TEST(a_port_in_use_is_said),
		TEST(a_stop_does_not_wait_for_open_connections),
		cmocka_unit_test(what_is_no_place_to_listen_is_refused),
		cmocka_unit_test(an_ipv6_address_in_brackets_is_listened_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void without_libmicrohttpd_it_refuses_with_a_sentence(void **state)
{
	(void)state;
	assert_null(http_server_start(":0", NULL, why, sizeof why));
	assert_string_equal(why, "cannot listen at :0: this program was built without libmicrohttpd");
	http_server_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(without_libmicrohttpd_it_refuses_with_a_sentence) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
