/* fuzz_monitor.c - libFuzzer target: whatever monitor_decode() or settings_decode() accepts is within its bounds and reads,
 * once written by us, as the same. */
#include "base/must.h"
#include "base/printable.h"
#include "wire/settings.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct monitor *m)
{
	must(m->host[0] && m->port >= 1 && m->port <= 65535);
	must(m->interval_ms >= MONITOR_INTERVAL_MIN_MS && m->interval_ms <= MONITOR_INTERVAL_MAX_MS);
	must(m->timeout_ms >= 1 && m->timeout_ms <= JOB_TIMEOUT_MAX_MS && m->timeout_ms <= m->interval_ms);
	must(m->slow_ms <= JOB_TIMEOUT_MAX_MS && m->close < CLOSE_MODES && m->canary < CANARIES);
	must(m->settle_ms <= JOB_SETTLE_MAX_MS || m->settle_ms == JOB_SETTLE_AUTO || m->settle_ms == JOB_SETTLE_UNSET);
	must(m->labels <= MONITOR_LABELS_MAX && m->parents <= MONITOR_PARENTS_MAX && m->regions <= REGIONS_MAX);
	for (unsigned i = 0; i < m->parents; i++)
		must(monitor_name_is_fine(m->parent[i], strlen(m->parent[i])));
	for (unsigned i = 0; i < m->labels; i++)
		must(text_is_printable(m->label[i].value, strlen(m->label[i].value)));
}

static void monitor_there_and_back(const char *json, size_t len)
{
	struct monitor m, again;
	char why[600] = "";
	if (!monitor_decode(&m, "db", json, len, why, sizeof(why))) {
		must(why[0] && !m.labels && !m.parents && !m.regions && !m.runbook);
		return;
	}
	look_at(&m);
	char *once = monitor_encode(&m);
	must(once);
	must_say(monitor_decode(&again, "db", once, strlen(once), why, sizeof(why)) || strlen(once) > MONITOR_JSON_MAX, "%s", why);
	if (strlen(once) <= MONITOR_JSON_MAX) {
		char *twice = monitor_encode(&again);
		must(twice && strcmp(once, twice) == 0);
		free(twice);
		monitor_free(&again);
	}
	free(once);
	monitor_free(&m);
}

static void settings_there_and_back(const char *json, size_t len)
{
	struct settings s, again;
	struct monitor m;
	char why[600] = "";
	if (!settings_decode(&s, json, len, why, sizeof(why))) {
		must(why[0] && !s.maintenance);
		return;
	}
	must(s.regions <= REGIONS_MAX && s.shards >= 1 && s.shards <= SETTINGS_SHARDS_MAX && s.maintenances <= MAINTENANCE_MAX);
	monitor_init(&m);
	settings_maintenance(&s, &m, 1);
	char *once = settings_encode(&s);
	must(once && settings_decode(&again, once, strlen(once), why, sizeof(why)));
	char *twice = settings_encode(&again);
	must(twice && strcmp(once, twice) == 0);
	free(twice);
	free(once);
	settings_free(&again);
	settings_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	monitor_there_and_back((const char *)data, size);
	settings_there_and_back((const char *)data, size);
	return 0;
}
