/* notice.h - events as the tests of the channels need them. */
#ifndef TESTS_UNIT_ALERTS_NOTICE_H
#define TESTS_UNIT_ALERTS_NOTICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/notify.h"

#define BODY_DOWN \
	"{\"type\":\"monitor.down\",\"timestamp\":\"2026-11-25T14:00:00.300Z\",\"data\":{\"monitor\":\"pg-primary\"," \
	"\"target\":\"198.51.100.7:5432\",\"verdict\":\"closed\",\"scope\":\"service\"," \
	"\"since\":\"2026-11-25T14:00:00.000Z\",\"confirmed_after_ms\":300,\"regions\":[" \
	"{\"region\":\"eu\",\"class\":\"down\",\"verdict\":\"closed\",\"rtt_us\":3100,\"syn_retrans\":0," \
	"\"address\":\"198.51.100.7\",\"errno\":111}," \
	"{\"region\":\"us\",\"class\":\"down\",\"verdict\":\"filtered\",\"rtt_us\":null,\"syn_retrans\":3," \
	"\"address\":\"198.51.100.7\",\"errno\":\"ETIMEDOUT\"}," \
	"{\"region\":\"ap-southeast\",\"class\":\"unknown\"}]," \
	"\"labels\":{\"team\":\"core\",\"my-zone\":\"b\",\"severity\":\"high\",\"9lives\":\"cat\"}," \
	"\"runbook\":\"https://wiki/pg\",\"incident\":\"pg-primary/17\",\"status\":\"firing\",\"page\":true," \
	"\"summary\":\"pg-primary is DOWN\"}}"

#define BODY_UP \
	"{\"type\":\"monitor.up\",\"timestamp\":\"2026-11-25T14:12:03.000Z\",\"data\":{\"monitor\":\"pg-primary\"," \
	"\"target\":\"198.51.100.8:5432\",\"verdict\":\"open\",\"since\":\"2026-11-25T14:00:00.000Z\"," \
	"\"duration_s\":723,\"regions\":[],\"labels\":{\"team\":\"edge\"},\"incident\":\"pg-primary/17\"," \
	"\"status\":\"resolved\"}}"

static inline struct notice notice_of(const char *type, const char *monitor, const char *incident, bool page,
				      bool resolved, const char *body)
{
	return (struct notice){ .id = "evt_0123456789abcdef", .type = type, .monitor = monitor, .incident = incident,
				.page = page, .resolved = resolved, .body = body, .body_len = strlen(body) };
}

static inline struct notice notice_down(void)
{
	return notice_of("monitor.down", "pg-primary", "pg-primary/17", true, false, BODY_DOWN);
}

static inline struct notice notice_up(void)
{
	return notice_of("monitor.up", "pg-primary", "pg-primary/17", true, true, BODY_UP);
}

#endif
