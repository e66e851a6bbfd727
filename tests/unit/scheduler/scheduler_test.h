/* scheduler_test.h - monitors and places for tests, and numbers from a printed seed. */
#ifndef TESTS_UNIT_SCHEDULER_TEST_H
#define TESTS_UNIT_SCHEDULER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/seed.h"
#include "base/clock.h"
#include "scheduler/ledger.h"

/* For random(), and a number of its own. */
static inline unsigned seed_new(void)
{
	seed_chance();
	srandom((unsigned)rand());
	return (unsigned)rand();
}

static inline struct settings settings_of(unsigned regions, unsigned shards)
{
	static const char *const name[] = { "eu", "us", "ap", "sa", "af", "me", "in", "jp", "au" };
	struct settings s;
	settings_init(&s);
	s.regions = regions;
	s.shards = shards;
	for (unsigned i = 0; i < regions; i++)
		snprintf(s.region[i], sizeof(s.region[i]), "%s", name[i]);
	return s;
}

static inline struct monitor monitor_of(const char *name, unsigned interval_ms)
{
	struct monitor m;
	monitor_init(&m);
	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.host, sizeof(m.host), "198.51.100.7");
	m.port = 443;
	m.interval_ms = interval_ms;
	m.timeout_ms = interval_ms < m.timeout_ms ? interval_ms : m.timeout_ms;
	return m;
}

#endif
