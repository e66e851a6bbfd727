/* program.c - finds the other programs of portwatch, and becomes one of them.
 * In: a name.  Out: a path; or another program in our place.
 * Owns: nothing.  Why so: the one beside this very program is tried before PATH, so that a build tree or an unpacked
 * archive runs its own programs and never older ones that happen to be installed. */
#include "cli/program.h"

#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void program_path(const char *name, char path[PATH_MAX])
{
	const ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	path[len > 0 ? len : 0] = 0;
	char *slash = strrchr(path, '/');
	const size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
	if (slash && folder + strlen(name) < PATH_MAX) {
		strcpy(slash + 1, name);
		if (access(path, X_OK) == 0)
			return;
	}
	snprintf(path, PATH_MAX, "%s", name);
}

bool program_is_there(const char *name)
{
	char path[PATH_MAX], inside[PATH_MAX];
	const char *folders = getenv("PATH");
	program_path(name, path);
	if (strchr(path, '/'))
		return true;
	for (size_t len; folders && *folders; folders += len + (folders[len] == ':')) {
		len = strcspn(folders, ":");
		snprintf(inside, sizeof inside, "%.*s/%s", (int)(len < PATH_MAX / 2 ? len : 0), folders, name);
		if (access(inside, X_OK) == 0)
			return true;
	}
	return false;
}

int program_become(const char *who, const char *name, char **argv)
{
	char path[PATH_MAX];
	program_path(name, path);
	argv[0] = (char *)name;
	execvp(path, argv); /* a path with a slash is taken as it is */
	fprintf(stderr, "%s: cannot run %s, neither beside portwatch nor in PATH: %s\n", who, name, strerror(errno));
	return CLI_INTERNAL;
}
