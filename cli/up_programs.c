/* up_programs.c - from a configuration to the processes that serve it.
 * In: the configuration in force and the one that shall be.  Out: children started and ended.
 * Owns: nothing; the children are struct up's.
 * Why so: one that is to change is not changed but replaced: the new one starts at once, the old one finishes what
 * it has in hand; streams and leases are made for two of them. */
#include "cli/up.h"

#include "cli/program.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

void up_programs_environment(const char *url, const char *prefix)
{
	static const char *const programs[] = { "PORTWATCH_ENGINE", "PORTWATCH_SCHEDULER", "PORTWATCH_ALERTS" };
	char name[64];
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		snprintf(name, sizeof name, "%s_REDIS", programs[i]);
		setenv(name, url, 1);
		snprintf(name, sizeof name, "%s_PREFIX", programs[i]);
		setenv(name, prefix, 1);
	}
	setenv("PORTWATCH_ENGINE_POLICY", "any", 0); /* the file is its user's own, and so is this machine */
}

/* ---- starting ---- */

static struct child *program(struct up *up, const char *name, const char *file)
{
	char path[PATH_MAX];
	program_path(file, path);
	struct child *c = children_add(&up->children, name, path);
	if (c && up->set->metrics && (!child_arg(c, "--metrics") || !child_arg(c, "127.0.0.1:0")))
		return NULL;
	return c;
}

static struct child *start_scheduler(struct up *up)
{
	struct child *c = program(up, "scheduler", "portwatch-scheduler");
	return c && child_start(c) == 0 ? c : NULL;
}

static struct child *start_alerts(struct up *up)
{
	struct child *c = program(up, "alerts", "portwatch-alerts");
	return c && child_arg(c, "--monitors") && child_arg(c, up->set->file) && child_start(c) == 0 ? c : NULL;
}

static struct child *start_engine(struct up *up, const struct config *config, const struct config_region *region)
{
	char name[NAME_MAX_LEN + 16], shards[32];
	snprintf(name, sizeof name, "engine %s", region->name);
	snprintf(shards, sizeof shards, "0-%u", config->settings.shards - 1);
	struct child *c = program(up, name, "portwatch-engine");
	bool fine = c && child_arg(c, "--region") && child_arg(c, region->name) && child_arg(c, "--shards") &&
		    child_arg(c, shards);
	for (unsigned i = 0; fine && i < region->sources; i++)
		fine = child_arg(c, "--source") && child_arg(c, region->source[i]);
	return fine && child_start(c) == 0 ? c : NULL;
}

/* ---- what is the same ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_texts(char *const *a, unsigned a_count, char *const *b, unsigned b_count)
{
	bool same = a_count == b_count;
	for (unsigned i = 0; same && i < a_count; i++)
		same = same_text(a[i], b[i]);
	return same;
}

static unsigned words(char *const *command)
{
	unsigned count = 0;
	while (count < CHANNEL_LIST_MAX && command[count])
		count++;
	return count;
}

static bool same_channel(const struct channel *a, const struct channel *b)
{
	return same_text(a->name, b->name) && a->type == b->type && a->pages_only == b->pages_only &&
	       same_texts(a->url, a->urls, b->url, b->urls) && same_text(a->secret, b->secret) &&
	       same_text(a->from, b->from) && same_texts(a->to, a->tos, b->to, b->tos) && same_text(a->user, b->user) &&
	       same_text(a->password, b->password) &&
	       same_texts(a->command, words(a->command), b->command, words(b->command));
}

bool up_same_channels(const struct config *a, const struct config *b)
{
	bool same = a->channels == b->channels && same_text(a->dead_man_url, b->dead_man_url) &&
		    a->dead_man_every_ms == b->dead_man_every_ms;
	for (unsigned i = 0; same && i < a->channels; i++)
		same = same_channel(&a->channel[i], &b->channel[i]);
	return same;
}

/* ---- from one configuration to the next ---- */

static int find_region(const struct config *c, const struct config_region *wanted)
{
	for (unsigned i = 0; c && i < c->regions; i++)
		if (strcmp(c->region[i].name, wanted->name) == 0)
			return same_texts(c->region[i].source, c->region[i].sources, wanted->source, wanted->sources)
				       ? (int)i
				       : -1;
	return -1;
}

static bool match_engines(struct up *up, const struct config *was, const struct config *is)
{
	struct child *old[REGIONS_MAX];
	const bool same_shards = was && was->settings.shards == is->settings.shards;
	bool fine = true;
	memcpy(old, up->engine, sizeof old);
	memset(up->engine, 0, sizeof up->engine);
	for (unsigned i = 0; i < is->regions; i++) {
		const int at = same_shards ? find_region(was, &is->region[i]) : -1;
		if (at >= 0 && old[at]) {
			up->engine[i] = old[at];
			old[at] = NULL;
			continue;
		}
		up->engine[i] = start_engine(up, is, &is->region[i]);
		fine &= up->engine[i] != NULL;
	}
	for (unsigned i = 0; i < REGIONS_MAX; i++)
		if (old[i])
			child_end(old[i], SIGTERM);
	return fine;
}

bool up_programs_match(struct up *up, const struct config *was, const struct config *is)
{
	bool fine = match_engines(up, was, is);
	if (up->alerts && !up_same_channels(was, is)) {
		child_end(up->alerts, SIGTERM);
		up->alerts = NULL;
	}
	if (!up->alerts)
		up->alerts = start_alerts(up);
	if (!up->scheduler) /* last: who reads is there before who writes */
		up->scheduler = start_scheduler(up);
	return fine && up->alerts && up->scheduler;
}

static bool is_wanted(const struct up *up, const struct child *c)
{
	bool wanted = c == up->redis || c == up->scheduler || c == up->alerts;
	for (unsigned i = 0; i < REGIONS_MAX; i++)
		wanted |= c == up->engine[i];
	return wanted;
}

void up_programs_sweep(struct up *up)
{
	for (unsigned i = up->children.count; i-- > 0;)
		if (child_is_gone(up->children.item[i]) && !is_wanted(up, up->children.item[i]))
			children_remove(&up->children, up->children.item[i]);
}

/* ---- the file ---- */

static uint64_t mix(uint64_t print, uint64_t value)
{
	return (print ^ value) * 0x100000001b3ull; /* FNV-1a's prime */
}

static uint64_t print_of(const char *path, bool *is_folder)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return 0;
	*is_folder = S_ISDIR(st.st_mode);
	uint64_t print = mix(mix(0xcbf29ce484222325ull, (uint64_t)st.st_ino), (uint64_t)st.st_size);
	return mix(mix(print, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec);
}

uint64_t up_fingerprint(const char *path)
{
	bool is_folder = false, ignored;
	uint64_t print = print_of(path, &is_folder);
	DIR *folder = is_folder ? opendir(path) : NULL;
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		char inside[PATH_MAX + 256];
		snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
		if (*entry->d_name != '.')
			print += print_of(inside, &ignored); /* in whatever order they come */
	}
	if (folder)
		closedir(folder);
	return print;
}
