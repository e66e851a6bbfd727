/* config.c - reads the file of monitors, or the files of a directory, into one struct config.
 * In: a path.  Out: the configuration, or every error in it with its place.
 * Owns: the trees while it reads.
 * Why so: a section is read in all files before the next one begins - regions, defaults, monitors, what points at
 * monitors - so that it does not matter in which file something stands. */
#include "config/config_parts.h"

#include "base/clock.h"
#include "base/must.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum section { REGIONS, SHARDS, DEFAULTS, MONITORS, NOTIFY, MAINTENANCE, DEAD_MAN, SECTIONS };
static const char *const sections[SECTIONS + 1] = { "regions", "shards",      "defaults", "monitors",
						    "notify",  "maintenance", "dead_man", NULL };

struct files {
	unsigned count;
	char **path;
};

struct found {
	const struct yaml_node *section[SECTIONS];
};

/* ---- which files ---- */

static void add_file(struct files *f, char *path)
{
	must(path && (f->path = realloc(f->path, (f->count + 1) * sizeof *f->path)));
	f->path[f->count++] = path;
}

static int wanted(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return entry->d_name[0] != '.' && dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* By bytes and not by the locale: the same on every machine. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static const char *list_directory(struct files *f, const char *path)
{
	struct dirent **entry;
	const int count = scandir(path, &entry, wanted, by_name);
	if (count < 0)
		return strerror(errno);
	const size_t len = strlen(path);
	for (int i = 0; i < count; i++) {
		char *file;
		must(asprintf(&file, "%s%s%s", path, len && path[len - 1] == '/' ? "" : "/", entry[i]->d_name) >= 0);
		add_file(f, file);
		free(entry[i]);
	}
	free(entry);
	if (!count)
		return "holds no file *.yaml or *.yml";
	return count > CONFIG_FILES_MAX ? "holds more than 1000 files *.yaml and *.yml" : NULL;
}

/* NULL, or why not. */
static const char *list_files(struct files *f, const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return list_directory(f, path);
	add_file(f, strdup(path));
	return NULL;
}

static void free_files(struct files *f)
{
	for (unsigned i = 0; i < f->count; i++)
		free(f->path[i]);
	free(f->path);
}

/* ---- what stands in them ---- */

static void find_sections(struct reader *r, const struct yaml_tree *t, struct found *found)
{
	const struct yaml_node *root = t->root;
	if (root->kind == YAML_NOTHING)
		return;
	if (!is_map(r, t, root, "a configuration is a mapping with regions, defaults, monitors, notify, maintenance"))
		return;
	for (const struct yaml_node *key = root->first; key; key = key->next->next) {
		const int which = known_key(r, t, key, "the configuration", sections);
		if (which >= 0)
			found->section[which] = key->next;
	}
}

static void read_shards(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value)
{
	uint64_t shards;
	if (value_number(r, t, value, "shards", 1, SETTINGS_SHARDS_MAX, &shards))
		r->config->settings.shards = (unsigned)shards;
}

typedef void read_section(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node);

/* Calls read for the section in each file that has it. */
static void for_each(struct reader *r, const struct found *found, enum section which, read_section *read)
{
	for (unsigned i = 0; i < r->trees; i++)
		if (r->tree[i] && found[i].section[which])
			read(r, r->tree[i], found[i].section[which]);
}

/* The same for what can be said only once. */
static void for_one(struct reader *r, const struct found *found, enum section which, read_section *read)
{
	const struct yaml_tree *first = NULL;
	for (unsigned i = 0; i < r->trees; i++) {
		const struct yaml_node *node = r->tree[i] ? found[i].section[which] : NULL;
		if (node && first)
			say(r, r->tree[i], node, "%s: is set in %s already", sections[which], first->path);
		else if (node) {
			read(r, r->tree[i], node);
			first = r->tree[i];
		}
	}
}

static void make_room(struct reader *r, const struct found *found)
{
	for (unsigned i = 0; i < r->trees; i++) {
		const struct yaml_node *list = r->tree[i] ? found[i].section[MONITORS] : NULL;
		r->monitors_room += list && list->kind == YAML_LIST ? 2 * list->count : 0; /* `tls` makes a second one */
	}
	must((r->config->monitor = calloc(r->monitors_room + 1, sizeof *r->config->monitor)));
	must((r->config->says_paused = calloc(r->monitors_room + 1, sizeof *r->config->says_paused)));
	must((r->place = calloc(r->monitors_room + 1, sizeof *r->place)));
	find_prepare(r);
}

static void check_all_defaults(struct reader *r, const struct found *found)
{
	for (unsigned i = r->trees; i-- > 0;)
		if (r->tree[i] && found[i].section[DEFAULTS] && found[i].section[DEFAULTS]->kind == YAML_MAP) {
			check_defaults(r, r->tree[i], found[i].section[DEFAULTS]);
			return;
		}
}

static void settings_regions(struct config *c)
{
	c->settings.regions = c->regions;
	for (unsigned i = 0; i < c->regions; i++)
		memcpy(c->settings.region[i], c->region[i].name, sizeof c->settings.region[i]);
}

static void read_sections(struct reader *r)
{
	struct found *found = calloc(r->trees + 1, sizeof *found);
	must(found);
	for (unsigned i = 0; i < r->trees; i++)
		if (r->tree[i])
			find_sections(r, r->tree[i], &found[i]);
	make_room(r, found);
	for_each(r, found, REGIONS, read_regions);
	settings_regions(r->config);
	for_one(r, found, SHARDS, read_shards);
	for_each(r, found, DEFAULTS, read_defaults);
	check_all_defaults(r, found);
	for_each(r, found, MONITORS, read_monitors);
	check_parents(r);
	for_each(r, found, NOTIFY, read_channels);
	for_each(r, found, MAINTENANCE, read_windows);
	check_windows(r);
	for_one(r, found, DEAD_MAN, read_dead_man);
	free(found);
}

static void read_trees(struct reader *r, const struct files *files)
{
	must((r->tree = calloc(files->count, sizeof *r->tree)));
	r->trees = files->count;
	for (unsigned i = 0; i < files->count; i++) {
		struct text why = { 0 };
		r->tree[i] = yaml_tree_read(files->path[i], CONFIG_FILE_MAX, "monitors", &why);
		if (!r->tree[i])
			say_rendered(r, i, why.data ? why.data : "");
		text_free(&why);
	}
}

static void free_reader(struct reader *r)
{
	for (unsigned i = 0; i < r->trees; i++)
		yaml_tree_free(r->tree[i]);
	free(r->tree);
	free(r->place);
	free(r->window);
	free(r->bucket);
	free(r->names);
	monitor_free(&r->defaults);
}

unsigned config_read(struct config *c, const char *path, struct text *errors)
{
	struct reader r = { .config = c, .now_ms = clock_wall_ms() };
	struct files files = { 0 };
	*c = (struct config){ 0 };
	const char *why = list_files(&files, path);
	if (why) {
		text_printf(errors, "%s: %s\n", path, why);
		free_files(&files);
		return 1;
	}
	settings_init(&c->settings);
	monitor_init(&r.defaults);
	read_trees(&r, &files);
	read_sections(&r);
	const unsigned count = r.errors;
	errors_write(&r, errors);
	free_reader(&r);
	free_files(&files);
	if (count)
		config_free(c);
	return count;
}

void config_free(struct config *c)
{
	for (unsigned i = 0; i < c->monitors; i++)
		monitor_free(&c->monitor[i]);
	for (unsigned i = 0; i < c->channels; i++)
		channel_free(&c->channel[i]);
	for (unsigned i = 0; i < c->regions; i++)
		for (unsigned k = 0; k < c->region[i].sources; k++)
			free(c->region[i].source[k]);
	settings_free(&c->settings);
	free(c->monitor);
	free(c->says_paused);
	free(c->channel);
	free(c->dead_man_url);
	*c = (struct config){ 0 };
}
