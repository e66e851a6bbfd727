/* config_parents.c - whether every parent exists, and whether they lead in a circle.
 * Why so: a walk in depth with a stack of its own; a chain of a hundred thousand switches is no reason to crash. */
#include "config/config_parts.h"

#include "base/must.h"
#include "wire/target.h"

#include <stdlib.h>

enum colour { WHITE, GREY, BLACK }; /* not seen; on the way that is being walked; done */

/* The node of parent k of a monitor. */
static const struct yaml_node *node_of(const struct config_place *place, unsigned k)
{
	const struct yaml_node *list = place->parents, *item;
	if (!list || list->kind != YAML_LIST)
		return list ? list : place->name;
	for (item = list->first; item && item->next && k; k--)
		item = item->next;
	return item ? item : list;
}

static void check_exist(struct reader *r, uint32_t index)
{
	struct monitor *m = &r->config->monitor[index];
	const struct config_place *place = &r->place[index];
	char shown[QUOTED_MAX], near[160];
	for (unsigned k = 0; k < m->parents; k++) {
		const int64_t parent = monitor_find(r, m->parent[k]);
		quoted(shown, m->parent[k], strlen(m->parent[k]));
		if (parent < 0)
			say(r, place->tree, node_of(place, k), "parents: there is no monitor %s%s", shown,
			    monitor_near(r, near, sizeof near, m->parent[k]));
		else if (parent == (int64_t)index)
			say(r, place->tree, node_of(place, k), "parents: %s is its own parent", shown);
	}
}

struct step {
	uint32_t monitor;
	unsigned parent; /* the next to look at */
};

/* The way from where it is met again: a -> b -> a. */
static void say_circle(struct reader *r, const struct step *way, unsigned depth, uint32_t again)
{
	const struct config *c = r->config;
	struct text circle = { 0 };
	unsigned from = depth - 1;
	while (way[from].monitor != again)
		from--;
	for (unsigned i = from; i < depth && i < from + 8; i++)
		text_printf(&circle, "%s -> ", c->monitor[way[i].monitor].name);
	text_printf(&circle, "%s%s", depth > from + 8 ? "... -> " : "", c->monitor[again].name);
	const struct step *last = &way[depth - 1];
	const struct config_place *place = &r->place[last->monitor];
	say(r, place->tree, node_of(place, last->parent - 1), "parents go in a circle: %s", circle.data);
	text_free(&circle);
}

static void walk(struct reader *r, uint8_t *colour, struct step *way, uint32_t start)
{
	const struct config *c = r->config;
	unsigned depth = 1;
	way[0] = (struct step){ start, 0 };
	colour[start] = GREY;
	while (depth) {
		struct step *step = &way[depth - 1];
		const struct monitor *m = &c->monitor[step->monitor];
		if (step->parent == m->parents) {
			colour[step->monitor] = BLACK;
			depth--;
			continue;
		}
		const int64_t parent = monitor_find(r, m->parent[step->parent++]);
		if (parent < 0 || parent == (int64_t)step->monitor)
			continue; /* said */
		if (colour[parent] == GREY)
			say_circle(r, way, depth, (uint32_t)parent);
		else if (colour[parent] == WHITE) {
			colour[parent] = GREY;
			way[depth++] = (struct step){ (uint32_t)parent, 0 };
		}
	}
}

void check_parents(struct reader *r)
{
	const struct config *c = r->config;
	uint8_t *colour = calloc(c->monitors + 1, sizeof *colour);
	struct step *way = calloc(c->monitors + 1, sizeof *way);
	must(colour && way);
	for (uint32_t i = 0; i < c->monitors; i++)
		if (c->monitor[i].parents)
			check_exist(r, i);
	for (uint32_t i = 0; i < c->monitors; i++)
		if (c->monitor[i].parents && colour[i] == WHITE)
			walk(r, colour, way, i);
	free(way);
	free(colour);
}
