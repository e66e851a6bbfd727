/* config_file.c - reads a flat YAML mapping and points at what is wrong with it.
 * In: a path.  Out: one call per value; or one sentence with file:line:column, the line and a caret.
 * Owns: nothing after it returns.
 * Why so: nesting, aliases and tags are refused, because a file of options has no use for them, and what is read must
 * be what a person sees. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/config_file.h"

#include "base/yaml_tree.h"

#include <stdio.h>
#include <string.h>

enum {
	FILE_MAX = 1 << 20, /* bytes; real ones are a few KB, and a log given by mistake is not read into memory */
	SENTENCE_MAX = 768,
};

struct reading {
	const struct yaml_tree *tree;
	config_take *take;
	void *arg;
	struct text why;
};

static bool refuse(struct reading *r, const struct yaml_node *where, const char *sentence)
{
	yaml_say(r->tree, where, &r->why, sentence);
	return false;
}

/* Hands one value on.  Where it has no place of its own (nothing, a mapping) the caret goes to the key. */
static bool give(struct reading *r, const struct yaml_node *key, const struct yaml_node *value, struct config_item item)
{
	char sentence[SENTENCE_MAX];
	const char *wrong = value ? yaml_text_wrong(value) : NULL;
	enum config_blame blame = CONFIG_BAD_KEY;
	if (value && value->kind > YAML_TEXT && !value->tagged)
		wrong = "is neither one value nor a list of values";
	if (wrong)
		snprintf(sentence, sizeof sentence, "%s: %s", key->text, wrong);
	else {
		item.key = key->text;
		item.value = value ? value->text : NULL;
		blame = r->take(r->arg, &item, sentence, sizeof sentence);
	}
	return blame == CONFIG_FINE || refuse(r, blame == CONFIG_BAD_VALUE && value ? value : key, sentence);
}

static bool read_pair(struct reading *r, const struct yaml_node *key)
{
	char sentence[SENTENCE_MAX];
	const struct yaml_node *value = key->next;
	if (yaml_text_wrong(key))
		return refuse(r, key, "a key must be one plain word");
	if (key->again) {
		snprintf(sentence, sizeof sentence, "%.64s stands here a second time, the first is in line %u",
			 key->text, key->again);
		return refuse(r, key, sentence);
	}
	if (value->kind != YAML_LIST || value->tagged)
		return give(r, key, value, (struct config_item){ .first = true });
	const struct yaml_node *item = value->first;
	bool fine = give(r, key, item, (struct config_item){ .in_list = true, .first = true });
	while (fine && item && (item = item->next))
		fine = give(r, key, item, (struct config_item){ .in_list = true });
	return fine;
}

static bool read_root(struct reading *r, const struct yaml_node *root)
{
	if (root->kind == YAML_NOTHING)
		return true; /* an empty file, or one of comments only, is a file without options */
	if (root->kind != YAML_MAP)
		return refuse(r, root, "expected lines like \"name: value\"");
	for (const struct yaml_node *key = root->first; key; key = key->next->next)
		if (!read_pair(r, key))
			return false;
	return true;
}

bool config_file_read(const char *path, config_take *take, void *arg, char *why, size_t why_len)
{
	struct reading r = { .take = take, .arg = arg };
	struct yaml_tree *tree = yaml_tree_read(path, FILE_MAX, "options", &r.why);
	r.tree = tree;
	const bool fine = tree && read_root(&r, tree->root);
	if (!fine) {
		if (r.why.len)
			r.why.data[r.why.len - 1] = 0; /* the last newline is the caller's */
		snprintf(why, why_len, "%s", r.why.data ? r.why.data : "no memory");
	}
	yaml_tree_free(tree);
	text_free(&r.why);
	return fine;
}
