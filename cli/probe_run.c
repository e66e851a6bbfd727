/* probe_run.c - starts the pipeline between a list and a printer and waits until it has run dry.
 * In: targets and how to try them.  Out: the printer's outcomes.
 * Owns: the pipeline.  Why so: the thread of main() has nothing to do but to wait, show how far it is, and notice
 * Ctrl-C; so it looks around ten times a second and needs no signal magic. */
#include "cli/probe_run.h"

#include "base/clock.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
	LOOK_MS = 100,
};

void probe_run_count(const struct probe_run *run, uint64_t ended[3])
{
	for (unsigned i = 0; i < 3; i++)
		ended[i] = atomic_load(&run->printer->ended[i]);
}

unsigned probe_run_longest_ms(const struct job_options *jobs, const struct tls_wish *tls)
{
	const unsigned settle_ms = jobs->settle_ms == JOB_SETTLE_AUTO	 ? JOB_SETTLE_AUTO_MAX_MS
				   : jobs->settle_ms == JOB_SETTLE_UNSET ? 0
									 : jobs->settle_ms;
	return jobs->timeout_ms + (tls ? tls->timeout_ms : settle_ms);
}

/* After Ctrl-C: why nothing seems to happen. */
static void say_waiting(const struct probe_run *run, const struct pipeline *pipeline)
{
	char line[160];
	struct pipeline_state state;
	pipeline_look(pipeline, &state);
	if (!state.probing || !isatty(STDERR_FILENO))
		return;
	if (run->progress)
		progress_end(run->progress);
	progress_waiting_text(line, sizeof line, state.probing, probe_run_longest_ms(&run->jobs, run->tls));
	fprintf(stderr, "%s\n", line);
}

static void wait_for_end(struct probe_run *run, struct pipeline *pipeline)
{
	while (!pipeline_wait(pipeline, LOOK_MS)) {
		uint64_t ended[3];
		probe_run_count(run, ended);
		if (run->progress)
			progress_show(run->progress, run->targets->count, ended);
		if (run->cut_short || (!interrupted() && !atomic_load(&run->printer->error)))
			continue;
		pipeline_drain(pipeline);
		run->cut_short = true;
		if (interrupted())
			say_waiting(run, pipeline);
	}
}

int probe_run(struct probe_run *run, char *why, size_t why_len)
{
	struct target_source source;
	struct pipeline_state state;
	const uint64_t started_ns = clock_ns();

	target_source_init(&source, run->targets, &run->jobs, run->expect_address);
	source.tls = run->tls;
	struct pipeline *pipeline = pipeline_start(&run->pipeline, &source.source, &run->printer->sink, why, why_len);
	if (!pipeline)
		return -EIO;
	pipeline_look(pipeline, &state);
	if (*state.connector_why)
		fprintf(stderr, "%s: using %s: %s\n", run->program, state.connector, state.connector_why);
	wait_for_end(run, pipeline);
	if (run->progress)
		progress_end(run->progress);
	pipeline_look(pipeline, &state);
	run->taken = state.taken;
	run->elapsed_ns = clock_ns() - started_ns;
	pipeline_free(pipeline);
	return 0;
}
