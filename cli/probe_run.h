/* probe_run.h - one run of the engine's stages over a list of targets. */
#ifndef CLI_PROBE_RUN_H
#define CLI_PROBE_RUN_H

#include "cli/probe_printer.h"
#include "cli/progress.h"
#include "cli/target_source.h"
#include "engine/pipeline.h"

struct probe_run {
	/* What to do. */
	const struct target_list *targets;
	struct job_options jobs;
	const char *expect_address; /* NULL: any */
	const struct tls_wish *tls; /* NULL: bare handshakes */
	struct pipeline_config pipeline;
	struct probe_printer *printer;
	struct progress *progress; /* NULL: none */
	const char *program;	   /* for the line that says why the connector is not the first choice */

	/* What became of it. */
	uint64_t taken;		   /* targets that were begun or answered; the others never left the list */
	bool cut_short;		   /* by Ctrl-C, or because the output cannot be written */
	uint64_t elapsed_ns;
};

/* Runs until every target has its result, or until Ctrl-C: then what is in flight ends as it does and the rest is left.
 * 0, or -EIO: there is no pipeline, why holds a sentence. */
int probe_run(struct probe_run *run, char *why, size_t why_len);

/* The longest that an attempt may take from its start on: timeout and settle, or what the certificate may take. */
unsigned probe_run_longest_ms(const struct job_options *jobs, const struct tls_wish *tls);

/* How many ended in each class, so far. */
void probe_run_count(const struct probe_run *run, uint64_t ended[3]);

#endif
