/* cli_test.h - what the tests of cli/ begin with: cmocka with all that it wants included before it. */
#ifndef CLI_TEST_H
#define CLI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Whether text contains part, with both shown if it does not. */
#define assert_contains(text, part)                                                                                     \
	do {                                                                                                             \
		if (!strstr((text), (part)))                                                                             \
			fail_msg("\"%s\" does not contain \"%s\"", (text), (part));                                      \
	} while (0)

#endif
