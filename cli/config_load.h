/* config_load.h - the file of monitors as a person at a terminal gives it. */
#ifndef CLI_CONFIG_LOAD_H
#define CLI_CONFIG_LOAD_H

#include "base/option.h"
#include "config/config.h"

/* Reads path; false: every error and their number stand on stderr.  True: config_free() is due. */
bool config_load(const struct option_table *table, const char *path, struct config *c);
/* "12 monitors, 3 regions, 2 channels" */
void config_count(const struct config *c, char *into, size_t len);

#endif
