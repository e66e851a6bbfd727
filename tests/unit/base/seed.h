/* seed.h - chance that can be repeated: rand() is seeded from PORTWATCH_TEST_SEED or the clock, and the seed printed. */
#ifndef TESTS_UNIT_BASE_SEED_H
#define TESTS_UNIT_BASE_SEED_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void seed_chance(void)
{
	const char *given = getenv("PORTWATCH_TEST_SEED");
	const unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	printf("# PORTWATCH_TEST_SEED=%u\n", seed);
	fflush(stdout);
	srand(seed);
}

#endif
