/* hosts_file.c - reads /etc/hosts into a sorted array.
 * In: a path.  Out: addresses of names.  Owns: the array.
 * Why so: the library's reader goes through the whole file at every question; a file of 10,000 lines (blocklists) then
 * costs more than the question. */
#include "engine/hosts_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#define HOSTS_BYTES_MAX (8u << 20)

struct host_line {
	char *name; /* in text */
	uint8_t family, address[16];
};

struct hosts_file {
	const char *path;
	struct timespec changed;
	off_t size;
	char *text;
	struct host_line *line;
	size_t count, room;
};

struct hosts_file *hosts_file_new(const char *path)
{
	struct hosts_file *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->path = path;
	h->size = -1;
	hosts_file_refresh(h);
	return h;
}

static void clear(struct hosts_file *h)
{
	free(h->text);
	free(h->line);
	h->text = NULL;
	h->line = NULL;
	h->count = h->room = 0;
}

void hosts_file_free(struct hosts_file *h)
{
	if (!h)
		return;
	clear(h);
	free(h);
}

static void add(struct hosts_file *h, char *name, const struct job *address)
{
	if (h->count == h->room) {
		size_t room = h->room ? h->room * 2 : 64;
		struct host_line *line = reallocarray(h->line, room, sizeof(*line));
		if (!line)
			return;
		h->line = line;
		h->room = room;
	}
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	h->line[h->count] = (struct host_line){ .name = name, .family = address->family };
	memcpy(h->line[h->count++].address, address->address, 16);
}

static void take_line(struct hosts_file *h, char *line)
{
	char *rest = NULL, *word;
	struct job address = { 0 };
	line[strcspn(line, "#")] = 0;
	word = strtok_r(line, " \t\r", &rest);
	if (!word || !job_set_literal(&address, word, strlen(word)))
		return;
	while ((word = strtok_r(NULL, " \t\r", &rest)))
		add(h, word, &address);
}

static int by_name(const void *a, const void *b)
{
	const struct host_line *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static void load(struct hosts_file *h)
{
	FILE *file = fopen(h->path, "re");
	clear(h);
	if (!file)
		return;
	h->text = malloc((size_t)h->size + 1);
	size_t len = h->text ? fread(h->text, 1, (size_t)h->size, file) : 0;
	fclose(file);
	if (!h->text)
		return;
	h->text[len] = 0;
	char *rest = NULL;
	for (char *line = strtok_r(h->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		take_line(h, line);
	if (h->count)
		qsort(h->line, h->count, sizeof(*h->line), by_name);
}

void hosts_file_refresh(struct hosts_file *h)
{
	struct stat st;
	if (stat(h->path, &st) < 0 || st.st_size > HOSTS_BYTES_MAX || !S_ISREG(st.st_mode)) {
		clear(h);
		h->size = -1;
		return;
	}
	if (st.st_size == h->size && st.st_mtim.tv_sec == h->changed.tv_sec && st.st_mtim.tv_nsec == h->changed.tv_nsec)
		return;
	h->size = st.st_size;
	h->changed = st.st_mtim;
	load(h);
}

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

bool hosts_file_answer(const struct hosts_file *h, const char *name, enum dns_type type, struct dns_answer *into)
{
	const uint8_t family = type == DNS_A ? FAMILY_V4 : FAMILY_V6;
	struct host_line key = { .name = (char *)name };
	const struct host_line *found = h->count ? bsearch(&key, h->line, h->count, sizeof(key), by_name) : NULL;
	if (!found)
		return false;
	while (found > h->line && !strcmp(found[-1].name, name))
		found--;
	into->count = 0;
	into->ttl_s = 0; /* as short as the cache keeps anything */
	for (; found < h->line + h->count && !strcmp(found->name, name); found++)
		if (found->family == family && into->count < NAME_ADDRESSES_MAX)
			memcpy(into->address[into->count++], found->address, 16);
	qsort(into->address, into->count, 16, by_address);
	uint8_t kept = 0;
	for (uint8_t i = 0; i < into->count; i++)
		if (!kept || memcmp(into->address[kept - 1], into->address[i], 16) != 0)
			memmove(into->address[kept++], into->address[i], 16);
	into->count = kept;
	into->outcome = into->count ? DNS_ADDRESSES : DNS_NO_DATA;
	return true;
}
