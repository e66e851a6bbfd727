/* program.h - where portwatch's other programs are found. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/* The path of portwatch-engine and the like: the one in the folder of this very program if it can be run, else the bare
 * name, for PATH.  path has PATH_MAX bytes. */
void program_path(const char *name, char path[PATH_MAX]);

/* Whether it can be run from there. */
bool program_is_there(const char *name);

/* Becomes that program with these arguments (argv[0] is set).  Comes back only if it cannot be run, which was said
 * in the name of who; returns CLI_INTERNAL. */
int program_become(const char *who, const char *name, char **argv);

#endif
