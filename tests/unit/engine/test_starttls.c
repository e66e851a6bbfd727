/* test_starttls.c - the words before TLS, with servers that are good, clumsy or hostile; each in pieces of every size. */
#include "engine/starttls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct starttls s;
static char why[256];

/* Lets the server say something, in pieces of that size; what we say back is checked and taken. */
static enum starttls_outcome server_says(const char *bytes, size_t len, size_t piece)
{
	enum starttls_outcome outcome = STARTTLS_GO_ON;
	for (size_t at = 0; at < len && outcome == STARTTLS_GO_ON; at += piece)
		outcome = starttls_take(&s, bytes + at, len - at < piece ? len - at : piece, why, sizeof(why));
	return outcome;
}

static void we_say(const char *bytes, size_t len)
{
	assert_int_equal(s.say_len, len);
	assert_memory_equal(s.say, bytes, len);
	s.say_len = 0;
}

#define SAYS(text, piece) server_says(text, sizeof(text) - 1, piece)
#define WE_SAY(text) we_say(text, sizeof(text) - 1)

static void a_mail_server_that_offers_it_is_asked(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 40; piece++) {
		starttls_begin(&s, STARTTLS_SMTP);
		assert_int_equal(s.say_len, 0);
		assert_int_equal(SAYS("220-mx.example\r\n220 ready\r\n", piece), STARTTLS_GO_ON);
		WE_SAY("EHLO portwatch.invalid\r\n");
		assert_int_equal(SAYS("250-mx.example\r\n250-starttls\r\n250 SIZE 1000\r\n", piece), STARTTLS_GO_ON);
		WE_SAY("STARTTLS\r\n");
		assert_int_equal(SAYS("220 go ahead\r\n", piece), STARTTLS_READY);
	}
}

static void a_mail_server_that_does_not_offer_it_is_not_asked(void **state)
{
	(void)state;
	starttls_begin(&s, STARTTLS_SMTP);
	SAYS("220 ready\r\n", 99);
	s.say_len = 0;
	assert_int_equal(SAYS("250-mx\r\n250-STARTTLSX\r\n250 SIZE\r\n", 99), STARTTLS_REFUSED);
	assert_string_equal(why, "the server does not offer STARTTLS");
}

static void a_mail_server_that_refuses_is_quoted(void **state)
{
	(void)state;
	starttls_begin(&s, STARTTLS_SMTP);
	assert_int_equal(SAYS("554 no\x1b[31m service\r\n", 99), STARTTLS_REFUSED);
	assert_string_equal(why, "not a greeting of smtp: \"554 no?[31m service\"");
	starttls_begin(&s, STARTTLS_SMTP);
	SAYS("220 x\n", 99);
	s.say_len = 0;
	SAYS("250 STARTTLS\n", 99);
	s.say_len = 0;
	assert_int_equal(SAYS("454 TLS not available\r\n", 99), STARTTLS_REFUSED);
	assert_string_equal(why, "STARTTLS was refused: \"454 TLS not available\"");
}

static void imap_and_pop3_are_asked_after_their_greeting(void **state)
{
	(void)state;
	starttls_begin(&s, STARTTLS_IMAP);
	assert_int_equal(SAYS("* OK [CAPABILITY IMAP4rev1] ready\r\n", 3), STARTTLS_GO_ON);
	WE_SAY("a STARTTLS\r\n");
	assert_int_equal(SAYS("* CAPABILITY x\r\na OK begin\r\n", 3), STARTTLS_READY);
	starttls_begin(&s, STARTTLS_IMAP);
	assert_int_equal(SAYS("* BYE full\r\n", 3), STARTTLS_REFUSED);
	starttls_begin(&s, STARTTLS_IMAP);
	SAYS("* OK\r\n", 3);
	s.say_len = 0;
	assert_int_equal(SAYS("a BAD no\r\n", 3), STARTTLS_REFUSED);
	assert_string_equal(why, "STARTTLS was refused: \"a BAD no\"");
	starttls_begin(&s, STARTTLS_POP3);
	assert_int_equal(SAYS("+OK ready\r\n", 3), STARTTLS_GO_ON);
	WE_SAY("STLS\r\n");
	assert_int_equal(SAYS("+OK\r\n", 3), STARTTLS_READY);
	starttls_begin(&s, STARTTLS_POP3);
	assert_int_equal(SAYS("-ERR busy\r\n", 3), STARTTLS_REFUSED);
}

static void postgres_answers_with_one_byte(void **state)
{
	(void)state;
	starttls_begin(&s, STARTTLS_POSTGRES);
	WE_SAY("\0\0\0\10\4\322\026\057");
	assert_int_equal(SAYS("S", 1), STARTTLS_READY);
	starttls_begin(&s, STARTTLS_POSTGRES);
	s.say_len = 0;
	assert_int_equal(SAYS("N", 1), STARTTLS_REFUSED);
	assert_string_equal(why, "the server does not offer TLS (ssl is off)");
	starttls_begin(&s, STARTTLS_POSTGRES);
	s.say_len = 0;
	assert_int_equal(SAYS("E...", 4), STARTTLS_REFUSED);
}

static void ldap_answers_with_one_message_in_pieces_of_any_size(void **state)
{
	static const char yes[] = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
	static const char longer[] = "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00";
	static const char no[] = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x35\x04\x00\x04\x00";
	static const char other[] = "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
	(void)state;
	for (size_t piece = 1; piece < 30; piece++) {
		starttls_begin(&s, STARTTLS_LDAP);
		assert_int_equal(s.say_len, 31);
		s.say_len = 0;
		assert_int_equal(SAYS(yes, piece), STARTTLS_READY);
		starttls_begin(&s, STARTTLS_LDAP);
		s.say_len = 0;
		assert_int_equal(SAYS(longer, piece), STARTTLS_READY);
		starttls_begin(&s, STARTTLS_LDAP);
		s.say_len = 0;
		assert_int_equal(SAYS(no, piece), STARTTLS_REFUSED);
		assert_string_equal(why, "StartTLS was refused with LDAP result code 53");
		starttls_begin(&s, STARTTLS_LDAP);
		s.say_len = 0;
		assert_int_equal(SAYS(other, piece), STARTTLS_REFUSED);
	}
}

static void lengths_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const char *const hostile[] = { "\x30\x80", "\x30\x84\xff\xff\xff\xff", "\x30\x85", "\x30\x82\x04\x00" };
	static const size_t len[] = { 2, 6, 2, 4 };
	for (unsigned i = 0; i < 4; i++) {
		starttls_begin(&s, STARTTLS_LDAP);
		s.say_len = 0;
		assert_int_equal(server_says(hostile[i], len[i], 1), STARTTLS_REFUSED);
	}
}

static void plain_text_behind_the_go_ahead_is_refused(void **state)
{
	(void)state;
	starttls_begin(&s, STARTTLS_POP3);
	SAYS("+OK\r\n", 99);
	s.say_len = 0;
	assert_int_equal(SAYS("+OK\r\n+OK injected\r\n", 99), STARTTLS_REFUSED);
	assert_string_equal(why, "the server went on in plain text after it agreed to TLS");
}

static void an_answer_before_the_question_is_refused(void **state)
{
	(void)state;
	starttls_begin(&s, STARTTLS_SMTP);
	assert_int_equal(SAYS("220 x\r\n250 STARTTLS\r\n220 go\r\n", 99), STARTTLS_REFUSED);
	assert_string_equal(why, "the server answered before it was asked");
}

static void a_banner_without_end_has_an_end(void **state)
{
	static char much[STARTTLS_BYTES_MAX + 1];
	(void)state;
	starttls_begin(&s, STARTTLS_SMTP);
	memset(much, 'x', sizeof(much));
	assert_int_equal(server_says(much, sizeof(much), 100), STARTTLS_REFUSED);
	assert_string_equal(why, "the server sent more than 1024 bytes without an end");
	starttls_begin(&s, STARTTLS_SMTP);
	for (size_t i = 0; i + 6 <= sizeof(much); i += 6)
		memcpy(much + i, "220-x\n", 6);
	assert_int_equal(server_says(much, sizeof(much), 100), STARTTLS_REFUSED);
	assert_string_equal(why, "the server sent more than 16384 bytes before TLS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mail_server_that_offers_it_is_asked),
		cmocka_unit_test(a_mail_server_that_does_not_offer_it_is_not_asked),
		cmocka_unit_test(a_mail_server_that_refuses_is_quoted),
		cmocka_unit_test(imap_and_pop3_are_asked_after_their_greeting),
		cmocka_unit_test(postgres_answers_with_one_byte),
		cmocka_unit_test(ldap_answers_with_one_message_in_pieces_of_any_size),
		cmocka_unit_test(lengths_that_cannot_be_are_refused),
		cmocka_unit_test(plain_text_behind_the_go_ahead_is_refused),
		cmocka_unit_test(an_answer_before_the_question_is_refused),
		cmocka_unit_test(a_banner_without_end_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
