/* redis_words.h - one Redis command as the words it is made of, from a format.
 * Every word of the format, separated by blanks, becomes one argument; within a word stand literal text and
 * %s text, %b bytes (pointer, size_t), %u unsigned, %llu unsigned long long, and %% for a percent sign:
 *
 *	"XADD %s %llu-%u v %u b %b"	has seven arguments, the third being an id.
 *
 * A value never ends its word, whatever bytes it holds, and an empty one makes an empty argument. */
#ifndef WIRE_REDIS_WORDS_H
#define WIRE_REDIS_WORDS_H

#include "base/text.h"
#include <stdarg.h>

#define REDIS_WORDS_MAX 64 /* a format is written by hand; lists of any length go through redis_append() */

struct redis_words {
	int count;
	const char *word[REDIS_WORDS_MAX]; /* into bytes; valid until the next call */
	size_t len[REDIS_WORDS_MAX];
	struct text bytes; /* zeroed is ready; freed by text_free() */
};

/* 0 or -ENOMEM.  A format that cannot be is a bug and ends the process. */
int redis_words_set(struct redis_words *words, const char *format, va_list values);

#endif
