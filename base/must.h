/* must.h - asserts that stay in every build.
 * A broken promise of our own code is a bug: it is said with file, line and states, and the process ends.
 * The world's errors are return values and the target's are verdicts; neither ever comes here. */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#include <stdio.h>
#include <stdlib.h>

/* Ends the process with the text, printf style, when cond is false. */
#define must_say(cond, ...)                                                                        \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0)) {                                                \
			fprintf(stderr, "%s:%d: must(%s): ", __FILE__, __LINE__, #cond);           \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define must(cond) must_say(cond, "broken in %s", __func__)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
