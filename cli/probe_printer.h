/* probe_printer.h - a pipeline's sink that prints. */
#ifndef CLI_PROBE_PRINTER_H
#define CLI_PROBE_PRINTER_H

#include "cli/row_format.h"
#include "cli/target_list.h"
#include "engine/sink.h"
#include <stdatomic.h>

/* What became of one address of a target. */
struct probe_row {
	struct probe_row *next;
	struct outcome outcome; /* without its texts; its tls points to the next */
	struct tls_seen tls;
	char address[INET6_ADDRSTRLEN]; /* "" where there is none */
	char sentence[]; /* and behind its end the issuer */
};

struct probe_printer {
	struct sink sink;	  /* first: the pipeline's view of it */
	const struct target_list *targets;
	enum output_format format;
	struct row_columns columns;
	bool coloured;
	bool silent;		  /* keep the rows, print nothing: for the plugin */
	struct probe_row **rows;  /* a list for each target, where nothing is printed before the end; NULL otherwise */
	struct text out;	  /* the writer thread's, and the caller's again in probe_printer_finish() */
	_Atomic uint64_t ended[3]; /* by enum verdict_class; from any thread */
	atomic_int error;	  /* of writing, 0 or negative errno */
};

/* format, columns, coloured and silent are set by the caller; targets is borrowed.  0 or -ENOMEM. */
int probe_printer_init(struct probe_printer *p, const struct target_list *targets);
void probe_printer_free(struct probe_printer *p);

/* After the pipeline is gone: prints what waits for the end.  0 or a negative errno of this write or an earlier one. */
int probe_printer_finish(struct probe_printer *p);

#endif
