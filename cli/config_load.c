/* config_load.c - see config_load.h. */
#include "cli/config_load.h"

#include "cli/cli.h"

#include <stdio.h>

bool config_load(const struct option_table *table, const char *path, struct config *c)
{
	struct text errors = { 0 };
	const unsigned count = config_read(c, path, &errors);
	if (count) {
		fwrite(errors.data, 1, errors.len, stderr);
		cli_refuse(table, CLI_USAGE, "%s: %u error%s", path, count, count == 1 ? "" : "s");
	}
	text_free(&errors);
	return count == 0;
}

static void add_count(char *into, size_t len, unsigned count, const char *what)
{
	const size_t used = strlen(into);
	snprintf(into + used, len - used, "%s%u %s%s", used ? ", " : "", count, what, count == 1 ? "" : "s");
}

void config_count(const struct config *c, char *into, size_t len)
{
	into[0] = 0;
	add_count(into, len, c->monitors, "monitor");
	add_count(into, len, c->regions, "region");
	add_count(into, len, c->channels, "channel");
}
