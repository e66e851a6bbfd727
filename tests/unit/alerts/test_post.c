/* test_post.c - HTTP against a server that says exactly what a test wrote down. */
#include "notice.h"

#include "alerts/post.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* Answers one connection with these bytes, whatever it is asked, and keeps what it heard. */
static struct server {
	int listener;
	pthread_t thread;
	const char *answer; /* NULL: none, until the other side goes */
	char heard[4096], url[100];
} server;

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->listener, NULL, NULL);
	size_t len = 0;
	ssize_t got;
	while (len < sizeof(s->heard) - 1 && !strstr(s->heard, "\r\n\r\n") &&
	       (got = read(fd, s->heard + len, sizeof(s->heard) - 1 - len)) > 0)
		s->heard[len += (size_t)got] = 0;
	if (s->answer)
		for (size_t at = 0, all = strlen(s->answer); at < all; at += (size_t)got)
			if ((got = send(fd, s->answer + at, all - at, MSG_NOSIGNAL)) <= 0)
				break;
	if (!s->answer)
		while (read(fd, s->heard, sizeof(s->heard)) > 0)
			;
	close(fd);
	return NULL;
}

static bool in_query; /* the secret part of the URL has no path before it */
static void server_start(const char *answer)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	server = (struct server){ .answer = answer, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_int_equal(bind(server.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(server.listener, 5), 0);
	getsockname(server.listener, (struct sockaddr *)&at, &len);
	snprintf(server.url, sizeof(server.url), "http://127.0.0.1:%u%s", ntohs(at.sin_port), in_query ? "?key=hidden" : "/hidden/path");
	assert_int_equal(pthread_create(&server.thread, NULL, serve, &server), 0);
}

static void server_end(void)
{
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
}

static struct post_answer answer;

static bool ask(const char *says, const struct post_request *like)
{
	struct post *p = post_new(NULL);
	struct post_request r = like ? *like : (struct post_request){ 0 };
	server_start(says);
	r.url = server.url;
	r.timeout_ms = r.timeout_ms ? r.timeout_ms : 5000;
	bool answered = post_http(p, &r, &answer);
	post_free(p);
	server_end();
	return answered;
}

static void a_status_and_a_sentence_come_back(void **state)
{
	(void)state;
	assert_true(ask("HTTP/1.1 503 Sorry\r\nRetry-After: 7\r\nContent-Length: 12\r\n\r\ntry\n later\a.", NULL));
	assert_int_equal(answer.status, 503);
	assert_int_equal(answer.retry_after_s, 7);
	assert_string_equal(answer.said, "HTTP 503: try later .");
	assert_memory_equal(server.heard, "GET /hidden/path HTTP/1.1\r\n", 27);
}

static void a_body_is_posted_with_the_headers(void **state)
{
	static const char *const headers[] = { "Content-Type: application/json", "webhook-id: evt_1", NULL };
	(void)state;
	assert_true(ask("HTTP/1.1 204 Done\r\n\r\n",
			&(struct post_request){ .headers = headers, .body = "{}", .body_len = 2 }));
	assert_int_equal(answer.status, 204);
	assert_memory_equal(server.heard, "POST ", 5);
	assert_non_null(strstr(server.heard, "\r\nwebhook-id: evt_1\r\n"));
	assert_non_null(strstr(server.heard, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(server.heard, "\r\nUser-Agent: portwatch/"));
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
	(void)state;
	assert_true(ask("HTTP/1.1 302 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", NULL));
	assert_int_equal(answer.status, 302);
}

static void neither_the_path_nor_the_secret_is_repeated(void **state)
{
	(void)state;
	assert_true(ask("HTTP/1.1 400 No\r\nContent-Length: 46\r\n\r\nno /hidden/path and no k3y here; /hidden/path k3",
			&(struct post_request){ .secret = "k3y" }));
	assert_string_equal(answer.said, "HTTP 400: no *** and no *** here; ***");
	in_query = true;
	assert_true(ask("HTTP/1.1 400 No\r\nContent-Length: 22\r\n\r\nwhat is ?key=hidden to", NULL));
	in_query = false;
	assert_string_equal(answer.said, "HTTP 400: what is *** to");
}

static void an_endless_answer_is_not_read_to_its_end(void **state)
{
	static char endless[200000];
	(void)state;
	strcpy(endless, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
	memset(endless + strlen(endless), 'x', sizeof(endless) - strlen(endless) - 1);
	assert_true(ask(endless, NULL));
	assert_int_equal(answer.status, 200);
	assert_int_equal(strlen(answer.said), POST_SAID_MAX - 1);
}

static void silence_ends_with_the_time(void **state)
{
	(void)state;
	assert_false(ask(NULL, &(struct post_request){ .timeout_ms = 200 }));
	assert_int_equal(answer.status, 0);
	assert_non_null(strstr(answer.said, "timed out"));
}

static void a_refused_connection_is_said(void **state)
{
	struct post *p = post_new(NULL);
	(void)state;
	assert_false(post_get(p, "http://127.0.0.1:1/hidden", 2000, &answer));
	assert_non_null(strstr(answer.said, "127.0.0.1"));
	assert_null(strstr(answer.said, "hidden"));
	post_free(p);
}

static void only_http_is_spoken(void **state)
{
	struct post *p = post_new(NULL);
	(void)state;
	assert_false(post_get(p, "file:///etc/passwd", 2000, &answer));
	assert_int_equal(answer.status, 0);
	post_free(p);
}

static void the_stop_flag_ends_it_within_a_second_or_so(void **state)
{
	static const atomic_bool stop = true;
	struct post *p = post_new(&stop);
	uint64_t start_ns = clock_ns();
	(void)state;
	server_start(NULL);
	assert_false(post_get(p, server.url, 60000, &answer));
	assert_string_equal(answer.said, "given up because the process ends");
	assert_true(clock_ns() - start_ns < 10 * NS_PER_S);
	post_free(p);
	server_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_and_a_sentence_come_back),
		cmocka_unit_test(a_body_is_posted_with_the_headers),
		cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
		cmocka_unit_test(neither_the_path_nor_the_secret_is_repeated),
		cmocka_unit_test(an_endless_answer_is_not_read_to_its_end),
		cmocka_unit_test(silence_ends_with_the_time),
		cmocka_unit_test(a_refused_connection_is_said),
		cmocka_unit_test(only_http_is_spoken),
		cmocka_unit_test(the_stop_flag_ends_it_within_a_second_or_so),
	};
	unsetenv("http_proxy");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
