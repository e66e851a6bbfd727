/* test_redis_link.c - one connection to a real Redis, and to peers that only pretend: it greets, it is bounded, it comes
 * back, and it says so once. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "pretender.h"
#include "redis_child.h"

#include "base/backoff.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct redis_child shared; /* for the tests that leave no trace but keys */

/* What is written on stderr between log_begin() and log_end(). */
static char logged[20000];
static int log_fd = -1, true_stderr = -1;

static void log_begin(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	true_stderr = dup(STDERR_FILENO);
	assert_true(log_fd >= 0 && true_stderr >= 0);
	dup2(log_fd, STDERR_FILENO);
}

static void log_end(void)
{
	ssize_t len = pread(log_fd, logged, sizeof(logged) - 1, 0);
	dup2(true_stderr, STDERR_FILENO);
	close(true_stderr);
	close(log_fd);
	logged[len > 0 ? len : 0] = 0;
}

static unsigned lines_with(const char *word)
{
	unsigned count = 0;
	for (const char *line = logged; *line; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n");
		count += memmem(line, len, word, strlen(word)) != NULL;
	}
	return count;
}

static uint64_t now_ms(void)
{
	return clock_ns() / NS_PER_MS;
}

/* Calls redis_link_up() until it is up, at the pace it asks for, for at most most_ms. */
static void come_up_within(struct redis_link *link, unsigned most_ms)
{
	uint64_t end = now_ms() + most_ms;
	unsigned wait_ms;
	while (redis_link_up(link, &wait_ms) != 0) {
		if (now_ms() > end)
			fail_msg("still down: %s", redis_link_error(link));
		usleep((wait_ms ? wait_ms : 1) * 1000);
	}
}

static void stays_down(struct redis_link *link, enum redis_trouble trouble, const char *why, unsigned least_ms,
		       unsigned most_ms)
{
	unsigned wait_ms = 0;
	assert_int_equal(redis_link_up(link, &wait_ms), -EAGAIN);
	if (!strstr(redis_link_error(link), why))
		fail_msg("expected %s, got %s", why, redis_link_error(link));
	assert_int_equal(redis_link_trouble(link), trouble);
	assert_in_range(wait_ms, least_ms, most_ms);
	assert_false(redis_link_is_up(link));
}

static void a_link_that_comes_up_has_its_name_and_its_database(void **state)
{
	struct redis_link *link = link_up_to(&shared, "?db=3");
	struct redis_reply *info = redis_ask(link, "CLIENT INFO");
	(void)state;
	assert_non_null(strstr(reply_text(info, NULL), " name=test "));
	assert_non_null(strstr(reply_text(info, NULL), " db=3 "));
	assert_true(redis_link_is_up(link));
	assert_int_equal(redis_link_connects(link), 1);
	assert_string_equal(redis_link_error(link), "");
	assert_int_equal(redis_link_trouble(link), TROUBLE_NONE);
	redis_reply_free(info);
	redis_link_free(link);
}

static void replies_come_in_the_order_of_their_commands(void **state)
{
	struct redis_link *link = link_up_to(&shared, "");
	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		redis_appendf(link, "ECHO %u", i);
	for (unsigned i = 0; i < 10000; i++) {
		struct redis_reply *reply = redis_read(link, 0);
		assert_int_equal(reply_integer(reply), i);
		redis_reply_free(reply);
	}
	redis_link_free(link);
}

static void a_pipeline_larger_than_every_buffer_does_not_stand_still(void **state)
{
	struct redis_link *link = link_up_to(&shared, "");
	size_t len = 1 << 20;
	char *big = malloc(len);
	(void)state;
	memset(big, 'x', len);
	for (unsigned i = 0; i < 16; i++)
		redis_appendf(link, "ECHO %b", big, len);
	for (unsigned i = 0; i < 16; i++) {
		struct redis_reply *reply = redis_read(link, 10000);
		size_t got = 0;
		assert_memory_equal(reply_text(reply, &got), big, len);
		assert_int_equal(got, len);
		redis_reply_free(reply);
	}
	free(big);
	redis_link_free(link);
}

static void an_argument_vector_of_any_length_is_one_command(void **state)
{
	struct redis_link *link = link_up_to(&shared, "");
	const char *argv[1001] = { "DEL" };
	size_t len[1001] = { 3 };
	struct redis_reply *reply;
	(void)state;
	for (int i = 1; i <= 1000; i++) {
		argv[i] = "no\0key";
		len[i] = 6;
	}
	redis_append(link, 1001, argv, len);
	reply = redis_read(link, 0);
	assert_false(reply_is_error(reply));
	redis_reply_free(reply);
	redis_link_free(link);
}

static void a_link_that_is_down_takes_commands_and_gives_nothing(void **state)
{
	struct redis_link *link = link_to(shared.url, 1000);
	(void)state;
	redis_appendf(link, "PING");
	assert_null(redis_read(link, 0));
	assert_null(redis_ask(link, "PING"));
	redis_link_drop(link, "it never was up");
	assert_string_equal(redis_link_error(link), "");
	come_up_now(link);
	answers(link, "PONG", "PING");
	redis_link_free(link);
}

static void the_right_password_opens_and_the_wrong_one_is_said_once(void **state)
{
	struct redis_child child;
	struct redis_link *link;
	char url[256];
	(void)state;
	redis_child_need(&child, "requirepass sesame\nuser ann on >s%40same ~* +@all");
	redis_link_free(link_up_to(&child, "?password=sesame"));
	redis_link_free(link_up_to(&child, "?user=ann&password=s%2540same"));
	log_begin();
	snprintf(url, sizeof(url), "%s?password=sesam", child.url);
	link = link_to(url, 1000);
	stays_down(link, TROUBLE_FORBIDDEN, "WRONGPASS", 29000, 30000);
	stays_down(link, TROUBLE_FORBIDDEN, "WRONGPASS", 28000, 30000);
	redis_link_free(link);
	link = link_to(child.url, 1000);
	stays_down(link, TROUBLE_FORBIDDEN, "NOAUTH", 29000, 30000);
	redis_link_free(link);
	log_end();
	assert_int_equal(lines_with("WRONGPASS"), 1);
	assert_int_equal(lines_with("NOAUTH"), 1);
	assert_int_equal(lines_with("sesam"), 0);
	redis_child_end(&child);
}

static void a_database_that_is_not_there_is_a_mistake_of_configuration(void **state)
{
	char url[256];
	struct redis_link *link;
	(void)state;
	snprintf(url, sizeof(url), "%s?db=99", shared.url);
	link = link_to(url, 1000);
	stays_down(link, TROUBLE_FORBIDDEN, "DB index is out of range", 29000, 30000);
	redis_link_free(link);
}

static void a_user_without_ping_comes_up_and_hears_noperm_for_what_it_may_not(void **state)
{
	struct redis_child child;
	struct redis_link *link;
	(void)state;
	redis_child_need(&child, "user ann on >pw ~s +xadd +auth");
	link = link_up_to(&child, "?user=ann&password=pw");
	answers(link, "1-1", "XADD s 1-1 a b");
	assert_int_equal(redis_link_trouble(link), TROUBLE_NONE);
	answers(link, "NOPERM", "GET s");
	assert_int_equal(redis_link_trouble(link), TROUBLE_FORBIDDEN);
	assert_true(redis_link_is_up(link));
	redis_link_drop(link, redis_link_error(link));
	stays_down(link, TROUBLE_FORBIDDEN, "NOPERM", 29000, 30000);
	redis_link_free(link);
	redis_child_end(&child);
}

static void a_killed_server_ends_the_link_and_its_return_makes_another(void **state)
{
	struct redis_child child;
	struct redis_link *link;
	(void)state;
	redis_child_need(&child, "");
	log_begin();
	link = link_up_to(&child, "");
	answers(link, "PONG", "PING");
	redis_appendf(link, "XREAD BLOCK 60000 STREAMS s $");
	redis_child_kill(&child);
	assert_null(redis_read(link, 60000));
	assert_null(redis_read(link, 0));
	stays_down(link, TROUBLE_LINK, "", 1, 2 * BACKOFF_MIN_MS);
	for (int i = 0; i < 3; i++) {
		unsigned wait_ms;
		assert_int_equal(redis_link_up(link, &wait_ms), -EAGAIN);
		assert_in_range(wait_ms, 1, BACKOFF_MAX_MS);
		usleep((wait_ms + 1) * 1000);
	}
	assert_true(redis_child_run(&child, "", "eady to accept"));
	come_up_within(link, 10000);
	answers(link, "PONG", "PING");
	assert_int_equal(redis_link_connects(link), 2);
	usleep(1001000); /* a third line would be one too many within a second: it follows */
	come_up_now(link);
	come_up_now(link);
	log_end();
	assert_int_equal(lines_with("redis connected"), 2);
	assert_int_equal(lines_with("redis lost"), 1);
	assert_int_equal(lines_with(""), 3);
	redis_link_free(link);
	redis_child_end(&child);
}

static void a_server_that_never_was_there_is_said_once_and_asked_ever_more_rarely(void **state)
{
	struct redis_link *link = link_to("unix:///tmp/portwatch-test-no-such-socket", 1000);
	unsigned wait_ms = 0, last = 0;
	(void)state;
	log_begin();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(redis_link_up(link, &wait_ms), -EAGAIN);
		assert_in_range(wait_ms, (50u << i) / 4, 50u << i); /* half of it at least, less what passed since */
		last = wait_ms;
		usleep((wait_ms + 1) * 1000);
	}
	log_end();
	assert_true(last >= 200);
	assert_int_equal(lines_with("redis not usable"), 1);
	assert_int_equal(lines_with("No such file"), 1);
	assert_int_equal(lines_with(""), 1);
	redis_link_free(link);
}

static void a_port_where_nothing_listens_is_refused_in_words(void **state)
{
	struct redis_link *link = link_to("redis://127.0.0.1:1", 1000);
	(void)state;
	stays_down(link, TROUBLE_LINK, "cannot connect: Connection refused", 1, 50);
	redis_link_free(link);
}

static void a_name_that_is_none_is_refused_in_words(void **state)
{
	struct redis_link *link = link_to("redis://999.999.999.999", 1000);
	(void)state;
	stays_down(link, TROUBLE_LINK, "cannot look up the host", 1, 50);
	redis_link_free(link);
}

struct interrupter {
	struct redis_link *link;
	unsigned after_ms;
};

static void *interrupt_later(void *arg)
{
	struct interrupter *i = arg;
	usleep(i->after_ms * 1000);
	redis_link_interrupt(i->link);
	return NULL;
}

static void an_interrupt_ends_a_wait_of_another_thread(void **state)
{
	struct redis_link *link = link_up_to(&shared, "");
	struct interrupter later = { link, 50 };
	uint64_t began = now_ms();
	unsigned wait_ms = 9;
	pthread_t thread;
	(void)state;
	log_begin();
	assert_int_equal(pthread_create(&thread, NULL, interrupt_later, &later), 0);
	redis_appendf(link, "BLPOP nothing 60");
	assert_null(redis_read(link, 60000));
	pthread_join(thread, NULL);
	assert_in_range(now_ms() - began, 49, 5000);
	assert_string_equal(redis_link_error(link), "interrupted");
	assert_int_equal(redis_link_up(link, &wait_ms), 0);
	answers(link, "PONG", "PING");
	log_end();
	assert_int_equal(lines_with("level=warn"), 0);
	redis_link_free(link);
}

static void an_interrupt_between_two_waits_ends_the_second(void **state)
{
	struct redis_link *link = link_up_to(&shared, "");
	unsigned wait_ms = 9;
	(void)state;
	redis_link_interrupt(link);
	redis_link_interrupt(link);
	redis_appendf(link, "BLPOP nothing 60");
	assert_null(redis_read(link, 60000));
	redis_link_interrupt(link);
	assert_int_equal(redis_link_up(link, &wait_ms), -EAGAIN);
	assert_int_equal(wait_ms, 0);
	assert_int_equal(redis_link_up(link, &wait_ms), 0);
	redis_link_free(link);
}

static void a_server_that_stands_still_is_given_up_at_the_deadline(void **state)
{
	struct redis_child child;
	struct redis_link *link;
	uint64_t began, took;
	(void)state;
	redis_child_need(&child, "");
	link = link_to(child.url, 500);
	come_up_now(link);
	answers(link, "PONG", "PING");
	kill(child.pid, SIGSTOP);
	began = now_ms();
	assert_null(redis_ask(link, "PING"));
	took = now_ms() - began;
	assert_in_range(took, 499, 3000);
	assert_string_equal(redis_link_error(link), "no answer within 500 ms");
	/* The kernel still completes the connection; the greeting is not answered. */
	usleep(60000);
	stays_down(link, TROUBLE_LINK, "no answer within 500 ms", 1, 1000);
	kill(child.pid, SIGCONT);
	come_up_within(link, 10000);
	redis_link_free(link);
	redis_child_end(&child);
}

static void a_command_that_blocks_gets_the_time_it_asked_for(void **state)
{
	struct redis_link *link = link_to(shared.url, 500);
	struct redis_reply *reply;
	uint64_t began;
	(void)state;
	come_up_now(link);
	began = now_ms();
	redis_appendf(link, "XREAD BLOCK 1000 STREAMS nothing $");
	reply = redis_read(link, 1000);
	assert_in_range(now_ms() - began, 990, 3000);
	assert_true(reply_is_nil(reply));
	redis_reply_free(reply);
	redis_link_free(link);
}

static void a_full_server_refuses_writes_and_the_link_stays(void **state)
{
	struct redis_child child;
	struct redis_link *link;
	(void)state;
	redis_child_need(&child, "maxmemory-policy noeviction");
	link = link_up_to(&child, "");
	answers(link, "1-1", "XADD s 1-1 a b");
	answers(link, "OK", "CONFIG SET maxmemory 1");
	answers(link, "OOM", "XADD s 1-2 a b");
	assert_int_equal(redis_link_trouble(link), TROUBLE_FULL);
	answers(link, "OK", "MULTI");
	answers(link, "OOM", "XADD s 1-2 a b");
	/* Redis 7 refuses it inside a transaction, though it needs no memory; Redis 8 queues it. */
	redis_reply_free(redis_ask(link, "XACK s g 1-1"));
	answers(link, "EXECABORT", "EXEC");
	assert_true(redis_link_is_up(link));
	answers(link, "", "XLEN s");
	redis_link_free(link);
	redis_child_end(&child);
}

static void a_server_that_becomes_a_replica_is_not_the_master(void **state)
{
	struct redis_child child;
	struct redis_link *link, *other;
	struct redis_reply *reply;
	(void)state;
	redis_child_need(&child, "");
	link = link_up_to(&child, "");
	other = link_up_to(&child, "");
	answers(link, "OK", "XGROUP CREATE s g 0 MKSTREAM");
	redis_appendf(link, "XREADGROUP GROUP g c BLOCK 60000 STREAMS s >");
	redis_appendf(link, "XADD s * a b");
	usleep(50000);
	answers(other, "PONG", "PING");
	answers(other, "OK", "REPLICAOF 127.0.0.1 1");
	reply = redis_read(link, 5000);
	/* Sent before the server had read XREADGROUP, it says READONLY instead; both are one trouble. */
	assert_int_equal(reply_trouble(reply), TROUBLE_NOT_MASTER);
	redis_reply_free(reply);
	reply = redis_read(link, 5000);
	assert_int_equal(reply_trouble(reply), TROUBLE_NOT_MASTER);
	redis_reply_free(reply);
	assert_int_equal(redis_link_trouble(link), TROUBLE_NOT_MASTER);
	answers(other, "OK", "CONFIG SET replica-serve-stale-data no");
	redis_link_drop(link, "asking again");
	usleep(60000);
	stays_down(link, TROUBLE_NOT_MASTER, "MASTERDOWN", 1, 200);
	redis_link_free(other);
	redis_link_free(link);
	redis_child_end(&child);
}

static void a_group_is_lost_with_its_stream_and_made_but_once(void **state)
{
	struct redis_link *link = link_up_to(&shared, ""), *other = link_up_to(&shared, "");
	struct redis_reply *reply;
	(void)state;
	answers(link, "NOGROUP", "XREADGROUP GROUP g c STREAMS lost >");
	assert_int_equal(redis_link_trouble(link), TROUBLE_GROUP_LOST);
	answers(link, "OK", "XGROUP CREATE lost g 0 MKSTREAM");
	answers(link, "BUSYGROUP", "XGROUP CREATE lost g 0 MKSTREAM");
	assert_int_equal(redis_link_trouble(link), TROUBLE_GROUP_LOST);
	redis_appendf(link, "XREADGROUP GROUP g c BLOCK 60000 STREAMS lost >");
	usleep(50000);
	redis_appendf(link, "PING");
	answers(other, "", "DEL lost");
	reply = redis_read(link, 5000);
	assert_int_equal(reply_trouble(reply), TROUBLE_GROUP_LOST);
	redis_reply_free(reply);
	redis_link_free(other);
	redis_link_free(link);
}

static void a_server_that_loads_is_waited_for_in_silence(void **state)
{
	struct redis_child child;
	struct redis_link *link;
	unsigned wait_ms;
	uint64_t began;
	(void)state;
	redis_child_need(&child, "");
	link = link_up_to(&child, "");
	answers(link, "OK", "DEBUG POPULATE 200");
	answers(link, "OK", "SAVE");
	redis_link_free(link);
	redis_child_kill(&child);
	log_begin();
	assert_true(redis_child_run(&child,
				    "key-load-delay 10000\nloading-process-events-interval-bytes 1024\n"
				    "rdbcompression no",
				    "Server initialized"));
	link = link_to(child.url, 5000);
	began = now_ms();
	while (redis_link_up(link, &wait_ms) != 0 && redis_link_trouble(link) != TROUBLE_STARTING) {
		if (now_ms() - began > 5000)
			fail_msg("never loading: %s", redis_link_error(link));
		usleep((wait_ms ? wait_ms : 1) * 1000);
	}
	assert_int_equal(redis_link_trouble(link), TROUBLE_STARTING);
	come_up_within(link, 20000);
	log_end();
	assert_int_equal(lines_with("LOADING"), 0);
	assert_int_equal(lines_with("redis connected"), 1);
	redis_link_free(link);
	redis_child_end(&child);
}

static void a_server_without_room_for_clients_says_so(void **state)
{
	struct redis_child child;
	struct redis_link *link, *other;
	(void)state;
	redis_child_need(&child, "");
	link = link_up_to(&child, "");
	answers(link, "OK", "CONFIG SET maxclients 1");
	other = link_to(child.url, 1000);
	stays_down(other, TROUBLE_HOLD, "max number of clients", 1, 100);
	redis_link_free(other);
	redis_link_free(link);
	redis_child_end(&child);
}


static void writes_without_enough_replicas_are_held(void **state)
{
	struct redis_child child;
	struct redis_link *link;
	(void)state;
	redis_child_need(&child, "min-replicas-to-write 1");
	link = link_up_to(&child, "");
	answers(link, "NOREPLICAS", "XADD s 1-1 a b");
	assert_int_equal(redis_link_trouble(link), TROUBLE_HOLD);
	redis_link_free(link);
	redis_child_end(&child);
}

static void a_server_that_cannot_save_comes_up_and_refuses_writes(void **state)
{
	struct redis_child child;
	struct redis_link *link;
	struct redis_reply *info;
	uint64_t end = now_ms() + 10000;
	char lost[128];
	bool failed = false;
	(void)state;
	redis_child_need(&child, "enable-protected-configs yes");
	link = link_up_to(&child, "");
	snprintf(lost, sizeof(lost), "%s/lost", child.dir);
	assert_int_equal(mkdir(lost, 0700), 0);
	answers(link, "OK", "CONFIG SET dir %s", lost);
	answers(link, "OK", "CONFIG SET save %s", "3600 1");
	assert_int_equal(rmdir(lost), 0);
	answers(link, "1-1", "XADD s 1-1 a b");
	answers(link, "Background saving", "BGSAVE");
	while (!failed && now_ms() < end) {
		info = redis_ask(link, "INFO persistence");
		failed = strstr(reply_text(info, NULL), "rdb_last_bgsave_status:err");
		redis_reply_free(info);
		usleep(5000);
	}
	assert_true(failed);
	answers(link, "MISCONF", "XADD s 1-2 a b");
	assert_int_equal(redis_link_trouble(link), TROUBLE_HOLD);
	redis_link_free(link_up_to(&child, ""));
	redis_link_free(link);
	redis_child_end(&child);
}

/* Asks the pretender once; the link must end for the given reason. */
static void ends_with(struct pretender *p, unsigned reply_ms, const char *why)
{
	struct redis_link *link;
	pretend_begin(p);
	link = link_to(p->url, reply_ms);
	come_up_now(link);
	assert_null(redis_ask(link, "ECHO x"));
	if (!strstr(redis_link_error(link), why))
		fail_msg("expected %s, got %s", why, redis_link_error(link));
	assert_int_equal(redis_link_trouble(link), TROUBLE_LINK);
	redis_link_free(link);
	pretend_end(p);
}

static void a_hostile_count_ends_the_link(void **state)
{
	struct pretender p = { .says = "*1000000000\r\n", .len = 13 };
	(void)state;
	ends_with(&p, 2000, "the reply is refused: an array of 1000000000 elements, more than 100000");
}

static void a_nest_too_deep_ends_the_link(void **state)
{
	struct pretender p = { .says = "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", .len = 44 };
	(void)state;
	ends_with(&p, 2000, "the reply is refused: arrays nested deeper than 7");
}

static void what_is_not_resp_ends_the_link(void **state)
{
	struct pretender p = { .says = "HTTP/1.1 400 Bad Request\r\n", .len = 26 };
	(void)state;
	ends_with(&p, 2000, "the reply is refused: Protocol error");
}

static void a_reply_that_breaks_off_ends_the_link(void **state)
{
	struct pretender p = { .says = "$10\r\nhalf", .len = 9, .closes = true };
	(void)state;
	ends_with(&p, 2000, "Server closed the connection");
}

static void a_reply_without_end_ends_the_link_at_its_cap(void **state)
{
	size_t len = REPLY_BYTES_MAX + (1u << 20);
	char *bytes = malloc(len);
	struct pretender p = { .says = bytes, .len = len };
	(void)state;
	memset(bytes, 'x', len);
	memcpy(bytes, "$500000000\r\n", 12);
	ends_with(&p, 60000, "the reply is refused: more than 67108864 bytes in one reply");
	free(bytes);
}

static void bytes_that_drip_do_not_move_the_deadline(void **state)
{
	struct pretender p = { .drips = true };
	uint64_t began = now_ms();
	(void)state;
	ends_with(&p, 300, "no answer within 300 ms");
	assert_in_range(now_ms() - began, 299, 5000);
}

static void a_link_that_comes_up_but_answers_nothing_is_made_ever_more_rarely(void **state)
{
	struct redis_link *link = link_to(shared.url, 1000);
	uint64_t began = now_ms();
	unsigned wait_ms = 0;
	(void)state;
	come_up_now(link);
	for (int i = 0; i < 4; i++) {
		redis_link_drop(link, "a test");
		come_up_within(link, 10000);
	}
	assert_true(now_ms() - began >= 25 + 50 + 100 + 200); /* the least of four steps that double */
	answers(link, "PONG", "PING");
	redis_link_drop(link, "a test");
	if (redis_link_up(link, &wait_ms) != 0)
		assert_in_range(wait_ms, 1, BACKOFF_MIN_MS);
	redis_link_free(link);
}

static void a_link_that_comes_and_goes_writes_two_lines_a_second_at_most(void **state)
{
	struct redis_link *link = link_to(shared.url, 1000);
	uint64_t began = now_ms();
	unsigned wait_ms;
	(void)state;
	log_begin();
	for (int i = 0; i < 12; i++) {
		if (redis_link_up(link, &wait_ms) == 0) {
			answers(link, "PONG", "PING");
			redis_link_drop(link, i % 2 ? "one reason" : "another reason");
		}
		usleep(51000);
	}
	log_end();
	assert_in_range(lines_with(""), 1, 2 * ((now_ms() - began) / 1000 + 2));
	redis_link_free(link);
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void tcp_works_by_address_and_by_name(void **state)
{
	unsigned port = free_port();
	struct redis_child child;
	struct redis_link *link;
	char config[64], url[64];
	(void)state;
	snprintf(config, sizeof(config), "port %u\nbind 127.0.0.1", port);
	redis_child_need(&child, config);
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", port);
	link = link_to(url, 2000);
	come_up_now(link);
	answers(link, "PONG", "PING");
	redis_link_free(link);
	snprintf(url, sizeof(url), "redis://localhost:%u", port); /* ::1 may come first, where nothing listens */
	link = link_to(url, 2000);
	come_up_now(link);
	redis_link_free(link);
	redis_child_end(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_that_comes_up_has_its_name_and_its_database),
		cmocka_unit_test(replies_come_in_the_order_of_their_commands),
		cmocka_unit_test(a_pipeline_larger_than_every_buffer_does_not_stand_still),
		cmocka_unit_test(an_argument_vector_of_any_length_is_one_command),
		cmocka_unit_test(a_link_that_is_down_takes_commands_and_gives_nothing),
		cmocka_unit_test(the_right_password_opens_and_the_wrong_one_is_said_once),
		cmocka_unit_test(a_database_that_is_not_there_is_a_mistake_of_configuration),
		cmocka_unit_test(a_user_without_ping_comes_up_and_hears_noperm_for_what_it_may_not),
		cmocka_unit_test(a_killed_server_ends_the_link_and_its_return_makes_another),
		cmocka_unit_test(a_server_that_never_was_there_is_said_once_and_asked_ever_more_rarely),
		cmocka_unit_test(a_port_where_nothing_listens_is_refused_in_words),
		cmocka_unit_test(a_name_that_is_none_is_refused_in_words),
		cmocka_unit_test(an_interrupt_ends_a_wait_of_another_thread),
		cmocka_unit_test(an_interrupt_between_two_waits_ends_the_second),
		cmocka_unit_test(a_server_that_stands_still_is_given_up_at_the_deadline),
		cmocka_unit_test(a_command_that_blocks_gets_the_time_it_asked_for),
		cmocka_unit_test(a_full_server_refuses_writes_and_the_link_stays),
		cmocka_unit_test(a_server_that_becomes_a_replica_is_not_the_master),
		cmocka_unit_test(a_group_is_lost_with_its_stream_and_made_but_once),
		cmocka_unit_test(a_server_that_loads_is_waited_for_in_silence),
		cmocka_unit_test(a_server_without_room_for_clients_says_so),
		cmocka_unit_test(writes_without_enough_replicas_are_held),
		cmocka_unit_test(a_server_that_cannot_save_comes_up_and_refuses_writes),
		cmocka_unit_test(a_hostile_count_ends_the_link),
		cmocka_unit_test(a_nest_too_deep_ends_the_link),
		cmocka_unit_test(what_is_not_resp_ends_the_link),
		cmocka_unit_test(a_reply_that_breaks_off_ends_the_link),
		cmocka_unit_test(a_reply_without_end_ends_the_link_at_its_cap),
		cmocka_unit_test(bytes_that_drip_do_not_move_the_deadline),
		cmocka_unit_test(a_link_that_comes_up_but_answers_nothing_is_made_ever_more_rarely),
		cmocka_unit_test(a_link_that_comes_and_goes_writes_two_lines_a_second_at_most),
		cmocka_unit_test(tcp_works_by_address_and_by_name),
	};
	int failed;
	if (!redis_child_start(&shared, ""))
		return redis_child_end(&shared), skip_all("redis-server is not installed or does not start");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_child_end(&shared);
	return failed;
}
