/* output.h - standard output: the forms data can take, and writes that are watched. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/text.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NDJSON, OUTPUT_CSV };
extern const char *const output_formats[]; /* "table", "json", "ndjson", "csv", NULL: in the order of the enum */

/* Writes all of text on stdout and empties it.  0, -EPIPE (nobody reads any more), -ENOMEM (text had failed) or another
 * negative errno of write(2). */
int output_write(struct text *text);

/* How a command ends that could not write.  -EPIPE ends the process as SIGPIPE would, without a word, like every other
 * program in a pipe; anything else is said, and the status to leave with is returned. */
int output_failed(const char *program, int error);

#endif
