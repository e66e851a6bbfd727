/* config_file.h - a flat YAML mapping, key by key.  Only for base/option.c: programs see base/option.h. */
#ifndef BASE_CONFIG_FILE_H
#define BASE_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct config_item {
	const char *key;
	const char *value; /* NULL: an empty sequence */
	bool in_list;	   /* stood in a sequence; its items come one by one */
	bool first;	   /* of its key */
};

/* What the caret shall point at. */
enum config_blame { CONFIG_FINE, CONFIG_BAD_KEY, CONFIG_BAD_VALUE };

/* Called once for every value, in the order of the file; key and value live until it returns.  Anything but
 * CONFIG_FINE ends the reading, with the sentence in why. */
typedef enum config_blame config_take(void *arg, const struct config_item *item, char *why, size_t why_len);

/* False: why holds "file:line:column: sentence", then the line and a caret on two more lines. */
bool config_file_read(const char *path, config_take *take, void *arg, char *why, size_t why_len);

#endif
