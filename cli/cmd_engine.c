/* cmd_engine.c - portwatch engine ...: becomes portwatch-engine ...
 * In: the arguments, untouched.  Out: does not come back, or one sentence why it did.
 * Owns: nothing.  Why so: the one beside this very program is tried before PATH, so that a build tree or an
 * unpacked archive runs its own engine and never an older one that happens to be installed. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENGINE "portwatch-engine"

/* The path of the engine in the folder of this program; false if that cannot be told. */
static bool engine_beside(char path[PATH_MAX])
{
	const ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (len <= 0)
		return false;
	path[len] = 0;
	char *name = strrchr(path, '/');
	if (!name || (size_t)(name + 1 - path) + sizeof ENGINE > PATH_MAX)
		return false;
	memcpy(name + 1, ENGINE, sizeof ENGINE);
	return true;
}

int cmd_engine(int argc, char **argv)
{
	char path[PATH_MAX];
	argv[0] = (char[]){ ENGINE };
	(void)argc;
	if (engine_beside(path))
		execv(path, argv); /* comes back only if it is not there or may not be run */
	execvp(ENGINE, argv);
	fprintf(stderr, "portwatch engine: cannot run " ENGINE ", neither beside portwatch nor in PATH: %s\n", strerror(errno));
	return CLI_INTERNAL;
}
