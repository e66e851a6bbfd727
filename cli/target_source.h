/* target_source.h - a pipeline's source that is a list of targets. */
#ifndef CLI_TARGET_SOURCE_H
#define CLI_TARGET_SOURCE_H

#include "cli/target_list.h"
#include "engine/source.h"

struct target_source {
	struct source source; /* first: the pipeline's view of it */
	const struct target_list *targets;
	struct job_options options;
	const char *expect_address; /* for all of them; NULL: none */
	const struct tls_wish *tls; /* NULL: bare handshakes; set after target_source_init() */
	size_t next;	      /* the first target that was not taken */
};

/* targets is borrowed and stays as it is until the pipeline is gone.  Each batch carries in id_seq the place of its
 * target in the list, so that whoever prints can find it. */
void target_source_init(struct target_source *s, const struct target_list *targets, const struct job_options *options,
			const char *expect_address);

#endif
