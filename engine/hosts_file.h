/* hosts_file.h - the names of /etc/hosts, read again when the file changes. */
#ifndef ENGINE_HOSTS_FILE_H
#define ENGINE_HOSTS_FILE_H

#include "engine/dns_answer.h"

struct hosts_file;
/* path is borrowed.  A file that is not there is an empty one.  NULL: no memory. */
struct hosts_file *hosts_file_new(const char *path);
void hosts_file_free(struct hosts_file *h);
/* Looks whether the file has changed; cheap, call it about once a second. */
void hosts_file_refresh(struct hosts_file *h);
/* Whether the file has this name (lower case); the answer is then the file's alone, DNS_NO_DATA if it has no address of
 * this type. */
bool hosts_file_answer(const struct hosts_file *h, const char *name, enum dns_type type, struct dns_answer *into);

#endif
