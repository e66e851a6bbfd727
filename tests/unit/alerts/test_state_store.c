/* test_state_store.c - decisions last, once, and only under our lease; asked of a real Redis. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "../wire/redis_child.h"

#include "alerts/state_store.h"
#include "base/clock.h"
#include "wire/settings.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct redis_child child;
static struct redis_link *redis;
static struct store_counters counters;
static struct store *store;

static int fresh(void **state)
{
	(void)state;
	answers(redis, "OK", "CONFIG SET maxmemory 0");
	answers(redis, "OK", "FLUSHALL");
	answers(redis, "OK", "SET pw:lease:alerts:5 me PX 60000");
	memset(&counters, 0, sizeof(counters));
	store = store_new(redis, "pw", 5, "me", &counters);
	return 0;
}

static int done(void **state)
{
	(void)state;
	store_free(store);
	return 0;
}

static void put_event(struct store *s, const char *monitor, unsigned incident, bool told)
{
	struct event_text e = { .type = "monitor.down", .told = told, .page = true, .body = (char[]){ "{\"type\":\"monitor.down\"}" } };
	snprintf(e.monitor, sizeof(e.monitor), "%s", monitor);
	snprintf(e.incident, sizeof(e.incident), "%s/%u", monitor, incident);
	snprintf(e.id, sizeof(e.id), "evt_%016x", incident);
	snprintf(e.why_not, sizeof(e.why_not), "%s", told ? "" : "maintenance: disks");
	store_event(s, &e);
}

static long long number(const char *command, const char *key)
{
	struct redis_reply *reply = redis_ask(redis, "%s %s", command, key);
	long long n = reply_integer(reply);
	redis_reply_free(reply);
	return n;
}

static void a_decision_is_there_whole_after_the_commit_and_not_before(void **state)
{
	(void)state;
	put_event(store, "pg", 1, true);
	put_event(store, "pg", 2, false);
	store_state(store, "pg", "{\"state\":\"down\"}");
	assert_int_equal(number("DBSIZE", "") | number("XLEN", "pw:{alerts.5}:events"), 0);
	assert_int_equal(store_commit(store), STORE_STOOD);
	assert_true(store_is_empty(store));
	answers(redis, "{\"state\":\"down\"}", "HGET pw:{alerts.5}:state pg");
	assert_int_equal(number("XLEN", "pw:{alerts.5}:events"), 2);
	assert_int_equal(number("XLEN", "pw:{alerts.5}:outbox"), 1); /* what is not told is not in it */
	struct redis_reply *reply = redis_ask(redis, "XRANGE pw:{alerts.5}:events - +");
	const struct redis_reply *fields = reply_at(reply_at(reply, 1), 1);
	assert_string_equal(reply_text(reply_pair(fields, "incident"), NULL), "pg/2");
	assert_string_equal(reply_text(reply_pair(fields, "told"), NULL), "0");
	assert_string_equal(reply_text(reply_pair(fields, "why_not"), NULL), "maintenance: disks");
	assert_string_equal(reply_text(reply_pair(fields, "page"), NULL), "1");
	redis_reply_free(reply);
}

static void without_the_lease_nothing_is_written(void **state)
{
	(void)state;
	static const char *const holders[] = { "SET pw:lease:alerts:5 other", "DEL pw:lease:alerts:5" };
	for (unsigned i = 0; i < 2; i++) {
		redis_reply_free(redis_ask(redis, holders[i]));
		put_event(store, "pg", 1, true);
		store_state(store, "pg", "{}");
		assert_int_equal(store_commit(store), STORE_LOST);
		assert_true(store_is_empty(store));
		assert_int_equal(number("XLEN", "pw:{alerts.5}:outbox") + number("HLEN", "pw:{alerts.5}:state"), 0);
	}
}

static void a_full_redis_is_tried_again_until_there_is_room(void **state)
{
	(void)state;
	put_event(store, "pg", 1, true);
	store_state(store, "pg", "{}");
	answers(redis, "OK", "CONFIG SET maxmemory 1");
	assert_int_equal(store_commit(store), STORE_LATER);
	assert_true(store_is_full(store));
	assert_int_equal(store_commit(store), STORE_LATER);
	put_event(store, "pg", 2, true); /* decided meanwhile */
	store_state(store, "pg", "{\"n\":2}");
	answers(redis, "OK", "CONFIG SET maxmemory 0");
	assert_int_equal(store_commit(store), STORE_STOOD);
	assert_false(store_is_full(store));
	assert_int_equal(number("XLEN", "pw:{alerts.5}:outbox"), 2);
	answers(redis, "{\"n\":2}", "HGET pw:{alerts.5}:state pg");
}

static void ten_thousand_decisions_stand_each_whole(void **state)
{
	(void)state;
	char name[16];
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		put_event(store, name, i, true);
		store_state(store, name, "{}");
	}
	assert_int_equal(store_commit(store), STORE_STOOD);
	assert_int_equal(number("XLEN", "pw:{alerts.5}:outbox"), 10000);
	assert_int_equal(number("HLEN", "pw:{alerts.5}:state"), 10001);
	assert_true(counters.commits > 1 && counters.commits < 10); /* in chunks, none of which was refused */
}

struct fields {
	unsigned count;
	bool saw_pg, saw_region;
};

static void take(void *arg, const char *field, const char *json, size_t len)
{
	struct fields *f = arg;
	f->count++;
	f->saw_pg |= strcmp(field, "pg") == 0 && len == 7 && strcmp(json, "{\"n\":1}") == 0;
	f->saw_region |= strcmp(field, "@region:eu") == 0;
}

static void what_was_stored_is_given_back_and_what_was_forgotten_is_not(void **state)
{
	(void)state;
	struct fields f = { 0 };
	store_state(store, "pg", "{\"n\":1}");
	store_state(store, "gone", "{}");
	store_state(store, "@region:eu", "{}");
	store_forget(store, "gone");
	assert_int_equal(store_commit(store), STORE_STOOD);
	assert_int_equal(store_load(redis, "pw", 5, take, &f), 0);
	assert_true(f.saw_pg && f.saw_region);
	assert_int_equal(f.count, 3); /* and the mark */
}

/* ---- a link that breaks at the worst moment ---- */

enum cut { CUT_BEFORE_EXEC, CUT_AFTER_EXEC };
struct proxy {
	char path[100];
	const char *to;
	enum cut cut;
	unsigned cuts; /* still to be made */
	int listener;
	pthread_t thread;
};

static int dial(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		return -1;
	return fd;
}

static void wait_readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	poll(&p, 1, 5000);
}

/* Copies both ways; where EXEC comes by, the connection is cut, before Redis has it or after it has answered. */
static void pass_on(struct proxy *p, int client, int server)
{
	static char bytes[1 << 20];
	for (;;) {
		struct pollfd fds[] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
		poll(fds, 2, -1);
		ssize_t n = fds[0].revents ? read(client, bytes, sizeof(bytes)) : 0;
		if (fds[0].revents && n <= 0)
			return;
		bool exec = n > 0 && memmem(bytes, (size_t)n, "EXEC", 4);
		if (exec && p->cuts && p->cut == CUT_BEFORE_EXEC) {
			p->cuts--;
			return;
		}
		if (n > 0 && write(server, bytes, (size_t)n) != n)
			return;
		if (exec && p->cuts) {
			p->cuts--;
			wait_readable(server); /* it is done, and nobody will hear */
			return;
		}
		n = fds[1].revents ? read(server, bytes, sizeof(bytes)) : 0;
		if ((fds[1].revents && n <= 0) || (n > 0 && write(client, bytes, (size_t)n) != n))
			return;
	}
}

static void *proxy_run(void *arg)
{
	struct proxy *p = arg;
	for (int client; (client = accept(p->listener, NULL, NULL)) >= 0;) {
		int server = dial(p->to);
		pass_on(p, client, server);
		close(client);
		close(server);
	}
	return NULL;
}

static void proxy_start(struct proxy *p)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	snprintf(p->path, sizeof(p->path), "%.60s/p", child.dir);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", p->path);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(p->listener, 4), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, proxy_run, p), 0);
}

static void proxy_end(struct proxy *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listener);
	unlink(p->path);
}

/* Commits through a proxy that cuts the connection so many times; returns how many tries it took. */
static unsigned commit_through(enum cut cut, unsigned cuts, bool more_meanwhile)
{
	char url[160], socket_path[100];
	unsigned tries = 0, wait_ms;
	snprintf(socket_path, sizeof(socket_path), "%s/s", child.dir);
	struct proxy proxy = { .to = socket_path, .cut = cut, .cuts = cuts };
	proxy_start(&proxy);
	snprintf(url, sizeof(url), "unix://%s", proxy.path);
	struct redis_link *link = link_to(url, 2000);
	struct store *s = store_new(link, "pw", 5, "me", &counters);
	put_event(s, "pg", 1, true);
	store_state(s, "pg", "{\"n\":1}");
	do {
		while (redis_link_up(link, &wait_ms) != 0)
			usleep(wait_ms * 1000);
		if (tries++ == 1 && more_meanwhile) {
			put_event(s, "db", 9, true);
			store_state(s, "db", "{}");
		}
	} while (store_commit(s) == STORE_LATER && tries < 20);
	assert_true(store_is_empty(s));
	store_free(s);
	redis_link_free(link);
	proxy_end(&proxy);
	return tries;
}

static void an_exec_that_stood_and_was_not_answered_is_not_written_twice(void **state)
{
	(void)state;
	assert_int_equal(commit_through(CUT_AFTER_EXEC, 1, false), 2);
	assert_int_equal(number("XLEN", "pw:{alerts.5}:outbox"), 1);
	assert_int_equal(number("XLEN", "pw:{alerts.5}:events"), 1);
}

static void an_exec_that_never_came_is_written_by_the_next_try(void **state)
{
	(void)state;
	assert_int_equal(commit_through(CUT_BEFORE_EXEC, 3, false), 4);
	assert_int_equal(number("XLEN", "pw:{alerts.5}:outbox"), 1);
	answers(redis, "{\"n\":1}", "HGET pw:{alerts.5}:state pg");
}

static void what_was_decided_while_it_was_in_doubt_is_written_once_too(void **state)
{
	(void)state;
	commit_through(CUT_AFTER_EXEC, 1, true);
	assert_int_equal(number("XLEN", "pw:{alerts.5}:outbox"), 2);
	answers(redis, "{}", "HGET pw:{alerts.5}:state db");
	fresh(NULL);
	commit_through(CUT_BEFORE_EXEC, 1, true);
	assert_int_equal(number("XLEN", "pw:{alerts.5}:outbox"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_decision_is_there_whole_after_the_commit_and_not_before, fresh, done),
		cmocka_unit_test_setup_teardown(without_the_lease_nothing_is_written, fresh, done),
		cmocka_unit_test_setup_teardown(a_full_redis_is_tried_again_until_there_is_room, fresh, done),
		cmocka_unit_test_setup_teardown(ten_thousand_decisions_stand_each_whole, fresh, done),
		cmocka_unit_test_setup_teardown(what_was_stored_is_given_back_and_what_was_forgotten_is_not, fresh, done),
		cmocka_unit_test_setup_teardown(an_exec_that_stood_and_was_not_answered_is_not_written_twice, fresh, done),
		cmocka_unit_test_setup_teardown(an_exec_that_never_came_is_written_by_the_next_try, fresh, done),
		cmocka_unit_test_setup_teardown(what_was_decided_while_it_was_in_doubt_is_written_once_too, fresh, done),
	};
	if (!redis_child_start(&child, "maxmemory-policy noeviction")) {
		redis_child_end(&child);
		return skip_all("redis-server is not installed or does not start");
	}
	redis = link_up_to(&child, "");
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_link_free(redis);
	redis_child_end(&child);
	return failed;
}
