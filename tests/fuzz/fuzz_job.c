/* fuzz_job.c - libFuzzer target: whatever job_batch_decode() accepts, the engine may use without looking again. */
#include "base/must.h"
#include "wire/job.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct job *job, size_t size)
{
	must(job->monitor_len <= NAME_MAX_LEN && job->monitor_at + (size_t)job->monitor_len <= size);
	must(job->host_len <= HOST_MAX_LEN && job->host_at + (size_t)job->host_len <= size);
	must(job->expect_at + (size_t)job->expect_len <= size && job->ip < IP_CHOICES && job->addresses < ADDRESSES_CHOICES);
	must(job->family <= FAMILY_V6 && job->close < CLOSE_MODES);
	must(job->timeout_ms >= 1 && job->timeout_ms <= JOB_TIMEOUT_MAX_MS);
	must(job->settle_ms <= JOB_SETTLE_MAX_MS || job->settle_ms == JOB_SETTLE_AUTO || job->settle_ms == JOB_SETTLE_UNSET);
	must(job->expires_ms >= 1 && job->expires_ms <= JOB_EXPIRES_MAX_MS);
	if (job->tls.wanted) {
		must(job->tls.name_at + (size_t)job->tls.name_len <= size && job->tls.ca_at + (size_t)job->tls.ca_len <= size);
		must(job->tls.starttls < STARTTLS_KINDS && job->tls.warn_s <= TLS_LEFT_MAX_S && job->tls.down_s <= TLS_LEFT_MAX_S);
		must(job->bad || (job->tls.timeout_ms >= 1 && job->tls.timeout_ms <= JOB_TIMEOUT_MAX_MS));
	}
	if (!job->bad)
		must(job->monitor_len >= 1 && job->host_len >= 1 && job->port >= 1);
}

/* What we would write for the same jobs reads as the same jobs. */
static void there_and_back(const struct job *jobs, unsigned count, const uint8_t *data)
{
	char names[ENTRY_JOBS_MAX][NAME_MAX_LEN + 1], hosts[ENTRY_JOBS_MAX][HOST_MAX_LEN + 1], why[200];
	char expected[ENTRY_JOBS_MAX][EXPECT_TEXT_MAX + 1];
	struct job_text texts[ENTRY_JOBS_MAX];
	struct job again[ENTRY_JOBS_MAX];
	size_t len;

	for (unsigned i = 0; i < count; i++) {
		if (jobs[i].bad)
			return;
		memcpy(names[i], data + jobs[i].monitor_at, jobs[i].monitor_len);
		memcpy(hosts[i], data + jobs[i].host_at, jobs[i].host_len);
		memcpy(expected[i], data + jobs[i].expect_at, jobs[i].expect_len);
		expected[i][jobs[i].expect_len] = 0;
		names[i][jobs[i].monitor_len] = hosts[i][jobs[i].host_len] = 0;
		texts[i] = (struct job_text){ .monitor = names[i], .host = hosts[i], .port = jobs[i].port, .expect_address = expected[i] };
	}
	char *blob = job_batch_encode(&job_options_default, texts, count, &len);
	must(blob);
	must(job_batch_decode(blob, len, 0, again, why, sizeof(why)) == (int)count);
	for (unsigned i = 0; i < count; i++) {
		must(!again[i].bad && again[i].port == jobs[i].port && again[i].family == jobs[i].family);
		must(again[i].expect_len == jobs[i].expect_len && again[i].index == i);
		must(again[i].monitor_len == jobs[i].monitor_len && again[i].host_len == jobs[i].host_len);
		must(memcmp(blob + again[i].host_at, data + jobs[i].host_at, jobs[i].host_len) == 0);
		must(memcmp(again[i].address, jobs[i].address, sizeof(again[i].address)) == 0);
	}
	free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job jobs[ENTRY_JOBS_MAX];
	char why[200] = "";
	int count = job_batch_decode(data, size, 1700000000000, jobs, why, sizeof(why));

	if (count < 0) {
		must(count == -EBADMSG && why[0]);
		must_say(!strstr(why, "msgpack-c cannot"), "the guard let something through: %s", why);
		return 0;
	}
	must(count >= 1 && count <= ENTRY_JOBS_MAX);
	for (int i = 0; i < count; i++)
		look_at(&jobs[i], size);
	there_and_back(jobs, (unsigned)count, data);
	return 0;
}
