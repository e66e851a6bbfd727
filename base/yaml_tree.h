/* yaml_tree.h - a YAML file as a tree in which every node knows where it stood.
 * Everything is text until somebody asks for more: 010 stays 010, no stays no.  Aliases and tags are seen as such, so
 * that whoever reads can refuse them: what is read shall be what a person sees. */
#ifndef BASE_YAML_TREE_H
#define BASE_YAML_TREE_H

#include "base/text.h"

enum yaml_kind {
	YAML_NOTHING, /* no value, ~ or null without quotes */
	YAML_TEXT,
	YAML_LIST,
	YAML_MAP,
	YAML_ALIAS,
};

struct yaml_node {
	uint8_t kind;	      /* enum yaml_kind */
	bool tagged;	      /* !!str and the like stood before it */
	uint32_t line, column; /* from 0; a column is a character */
	uint32_t width;	      /* characters to underline, at least 1 */
	uint32_t count;	      /* of a list: items; of a map: pairs */
	uint32_t again;	      /* of a key that stood in its map before: the line of the first, from 1; else 0 */
	uint32_t len;	      /* of text, which may hold zero bytes */
	const char *text;     /* ended by 0; "" for anything but text */
	struct yaml_node *first; /* of a list: the first item; of a map: the first key */
	struct yaml_node *next;	 /* behind an item: the next; behind a key: its value; behind a value: the next key */
};

struct yaml_tree {
	const char *path;	/* borrowed */
	struct yaml_node *root; /* never NULL; NOTHING: an empty file, or comments only */
	struct yaml_private *private;
};

#define YAML_DEPTH_MAX 32 /* real files have some five levels */

/* NULL: an error was added to errors, in the form of yaml_say() where it has a place.  what: the file should be, for
 * the sentence "is it a file of WHAT?"; most: bytes, a whole number of MiB. */
struct yaml_tree *yaml_tree_read(const char *path, size_t most, const char *what, struct text *errors);
void yaml_tree_free(struct yaml_tree *t); /* NULL is fine */

/* Adds "path:line:column: sentence", the line and a caret under the node, on three lines that each end with a newline.
 */
void yaml_say(const struct yaml_tree *t, const struct yaml_node *at, struct text *errors, const char *sentence);

/* What hinders a node from being one plain piece of text, as in "name: has no value"; NULL: nothing. */
const char *yaml_text_wrong(const struct yaml_node *node);

#endif
