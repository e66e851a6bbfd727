/* output.c - writes data on standard output and notices when that does not work.
 * In: a whole piece of text.  Out: write(2), all of it.
 * Owns: nothing.  Why so: stdio would find out about a full disk or a reader that left at exit(), where nobody looks. */
#include "cli/output.h"

#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

const char *const output_formats[] = { "table", "json", "ndjson", "csv", NULL };

int output_write(struct text *text)
{
	size_t done = 0;
	int error = text->failed ? -ENOMEM : 0;
	while (!error && done < text->len) {
		const ssize_t wrote = write(STDOUT_FILENO, text->data + done, text->len - done);
		if (wrote >= 0)
			done += (size_t)wrote;
		else if (errno != EINTR)
			error = -errno;
	}
	text_reset(text);
	return error;
}

int output_failed(const char *program, int error)
{
	if (error == -EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	fprintf(stderr, "%s: cannot write the output: %s\n", program, strerror(-error));
	return CLI_INTERNAL;
}
