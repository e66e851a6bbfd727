/* up_apply.c - makes what stands in Redis equal to the file: monitors and settings.
 * In: a configuration.  Out: only what differs is written, so that a change disturbs nobody else.
 * Owns: what it read, until it returns.
 * Why so: somebody else may write at the same time; each change says what it saw, and what was changed meanwhile is read and
 * compared again. */
#include "cli/up.h"

#include "wire/monitor_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 5 };

/* A monitor as it stands there, and as it shall be; each may be missing. */
struct pair {
	char *name, *was, *json;
	size_t name_len, was_len;
};

struct pairs {
	struct pair *item;
	size_t count, room;
	bool failed;
};

static struct pair *add(struct pairs *p, const char *name, size_t len)
{
	if (p->count == p->room) {
		const size_t room = p->room ? 2 * p->room : 64;
		struct pair *more = realloc(p->item, room * sizeof *more);
		p->failed |= !more;
		if (!more)
			return NULL;
		p->item = more;
		p->room = room;
	}
	struct pair *pair = &p->item[p->count];
	*pair = (struct pair){ .name = malloc(len + 1), .name_len = len };
	p->failed |= !pair->name;
	if (!pair->name)
		return NULL;
	memcpy(pair->name, name, len);
	pair->name[len] = 0;
	p->count++;
	return pair;
}

static void take_standing(void *arg, const char *name, size_t name_len, const char *json, size_t json_len)
{
	struct pairs *p = arg;
	struct pair *pair = add(p, name, name_len);
	if (!pair)
		return;
	pair->was = malloc(json_len + 1);
	pair->was_len = json_len;
	p->failed |= !pair->was;
	if (pair->was)
		memcpy(pair->was, json, json_len);
}

static int by_name(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	const int order = memcmp(x->name, y->name, x->name_len < y->name_len ? x->name_len : y->name_len);
	return order ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

/* Puts what shall be beside what is; equal neighbours become one. */
static void join(struct pairs *p, const struct config *config)
{
	size_t kept = 0;
	for (unsigned i = 0; i < config->monitors; i++) {
		struct pair *pair = add(p, config->monitor[i].name, strlen(config->monitor[i].name));
		if (pair)
			p->failed |= !(pair->json = monitor_encode(&config->monitor[i]));
	}
	if (p->count)
		qsort(p->item, p->count, sizeof *p->item, by_name);
	for (size_t i = 0; i < p->count; i++) {
		struct pair *last = kept ? &p->item[kept - 1] : NULL, *pair = &p->item[i];
		if (!last || by_name(last, pair) != 0) {
			p->item[kept++] = *pair;
			continue;
		}
		if (!last->was) {
			last->was = pair->was;
			last->was_len = pair->was_len;
		} else {
			free(pair->was);
		}
		if (!last->json)
			last->json = pair->json;
		free(pair->name);
	}
	p->count = kept;
}

static bool is_same(const struct pair *p)
{
	return p->was && p->json && strlen(p->json) == p->was_len && memcmp(p->was, p->json, p->was_len) == 0;
}

static void free_pairs(struct pairs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->item[i].name);
		free(p->item[i].was);
		free(p->item[i].json);
	}
	free(p->item);
}

/* The settings as they shall be, or NULL if they are so already. */
static int settings_text(struct up *up, const struct config *config, char **text, char *why, size_t why_len)
{
	struct settings s;
	*text = settings_encode(&config->settings);
	if (!*text)
		return -ENOMEM;
	const int error = monitor_store_settings(up->link, up->set->prefix, &s, why, why_len);
	if (error == -EINVAL) /* what cannot be read is written anew */
		return 0;
	if (error)
		return error;
	char *standing = s.regions ? settings_encode(&s) : NULL;
	if (standing && strcmp(standing, *text) == 0) {
		free(*text);
		*text = NULL;
	}
	free(standing);
	settings_free(&s);
	return 0;
}

static int apply(struct up *up, const struct config *config, char *why, size_t why_len)
{
	struct pairs p = { 0 };
	char *settings = NULL;
	size_t count = 0, written;
	int error = settings_text(up, config, &settings, why, why_len);
	if (!error)
		error = monitor_store_each(up->link, up->set->prefix, take_standing, &p, why, why_len);
	if (!error)
		join(&p, config);
	struct monitor_change *change = error ? NULL : calloc(p.count + 1, sizeof *change);
	if (!error && (p.failed || !change))
		error = -ENOMEM;
	for (size_t i = 0; !error && i < p.count; i++)
		if (!is_same(&p.item[i]))
			change[count++] = (struct monitor_change){ p.item[i].name, p.item[i].name_len, p.item[i].json, p.item[i].was,
								   p.item[i].was_len };
	if (!error && (settings || count))
		error = monitor_store_write(up->link, up->set->prefix, settings, change, count, &written, why, why_len);
	free(change);
	free(settings);
	free_pairs(&p);
	return error;
}

bool up_apply(struct up *up, const struct config *config, char *why, size_t why_len)
{
	int error = -EAGAIN;
	*why = 0;
	for (int i = 0; i < TRIES && error == -EAGAIN; i++)
		error = apply(up, config, why, why_len);
	if (error && !*why)
		snprintf(why, why_len, "%s", strerror(-error));
	return !error;
}
