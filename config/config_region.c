/* config_region.c - the section `regions`: names, or names with the addresses that an engine on this machine probes
 * from. */
#include "config/config_parts.h"

#include "base/must.h"
#include "wire/target.h"

#include <stdlib.h>

static const char *const keys[] = { "name", "source", NULL };
enum { KEY_NAME, KEY_SOURCE };

bool region_known(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->regions; i++)
		if (strcmp(c->region[i].name, name) == 0)
			return true;
	return false;
}

static void take_source(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct config_region *region = arg;
	char shown[QUOTED_MAX];
	struct job job;
	char *address = value_line(r, t, item, "source", HOST_MAX_LEN);
	if (!address)
		return;
	if (region->sources < CHANNEL_LIST_MAX && job_set_literal(&job, address, strlen(address))) {
		region->source[region->sources++] = address;
		return;
	}
	say(r, t, item, "source: %s is not an IPv4 or IPv6 address", quoted(shown, address, strlen(address)));
	free(address);
}

static void take_name(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node,
		      struct config_region *region)
{
	char shown[QUOTED_MAX];
	char *name = value_line(r, t, node, "regions", MONITOR_TEXT_MAX);
	if (!name)
		return;
	quoted(shown, name, strlen(name));
	if (!stream_name_is_plain(name, NAME_MAX_LEN))
		say(r, t, node, "regions: %s is not a name of 1 to %d letters, digits, dots, dashes and underscores",
		    shown, NAME_MAX_LEN);
	else if (region_known(r->config, name))
		say(r, t, node, "regions: %s stands here a second time", shown);
	else
		snprintf(region->name, sizeof region->name, "%s", name);
	free(name);
}

static void take_region_map(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map,
			    struct config_region *region)
{
	bool named = false;
	for (const struct yaml_node *key = map->first; key; key = key->next->next) {
		const int which = known_key(r, t, key, "a region", keys);
		if (which == KEY_NAME) {
			take_name(r, t, key->next, region);
			named = true;
		} else if (which == KEY_SOURCE)
			value_list(r, t, key->next, "source", CHANNEL_LIST_MAX, take_source, region);
	}
	if (!named)
		say(r, t, map, "regions: a region has no name");
}

static void take_region(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct config *c = r->config;
	struct config_region region = { 0 };
	(void)arg;
	if (item->kind == YAML_MAP && !item->tagged)
		take_region_map(r, t, item, &region);
	else
		take_name(r, t, item, &region);
	if (region.name[0] && c->regions < REGIONS_MAX) {
		c->region[c->regions++] = region;
		return;
	}
	if (region.name[0])
		say(r, t, item, "regions: more than %d", REGIONS_MAX);
	for (unsigned i = 0; i < region.sources; i++)
		free(region.source[i]);
}

void read_regions(struct reader *r, const struct yaml_tree *t, const struct yaml_node *list)
{
	if (list->kind != YAML_NOTHING)
		value_list(r, t, list, "regions", UINT32_MAX, take_region, NULL);
}
